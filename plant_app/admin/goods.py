"""Items, their structure, lots, locations and stock."""

from django.contrib import admin

from core.admin import ModelAdmin, ReadOnlyAdmin, TabularInline
from plant_app import models

MIRRORED = ("erp_id", "erp_version", "erp_synced_at")


class BomInline(TabularInline):
    model = models.BomLine
    fk_name = "parent"
    fields = ("component", "quantity")
    autocomplete_fields = ("component",)


class AlternateInline(TabularInline):
    model = models.ItemAlternate
    fk_name = "item"
    fields = ("substitute", "approved")
    autocomplete_fields = ("substitute",)


@admin.register(models.ItemGroup)
class ItemGroupAdmin(ModelAdmin):
    list_display = ("code", "name")
    search_fields = ("code", "name")


@admin.register(models.Item)
class ItemAdmin(ModelAdmin):
    list_display = ("code", "name", "group", "uom", "standard_cost", "sourcing", "safety_characteristic")
    list_filter = ("sourcing", "group", "safety_characteristic")
    list_select_related = ("group",)
    search_fields = ("code", "name", "aliases")
    readonly_fields = MIRRORED
    inlines = (BomInline, AlternateInline)


@admin.register(models.Lot)
class LotAdmin(ModelAdmin):
    list_display = ("code", "item", "supplier_code", "made_by", "created_at")
    list_select_related = ("item",)
    search_fields = ("code", "item__code", "supplier_code", "made_by")
    autocomplete_fields = ("item",)
    readonly_fields = MIRRORED


@admin.register(models.StockLocation)
class StockLocationAdmin(ModelAdmin):
    list_display = ("code", "name", "site", "kind", "erp_id")
    list_filter = ("site", "kind")
    list_select_related = ("site",)
    search_fields = ("code", "name")


@admin.register(models.StockRow)
class StockRowAdmin(ReadOnlyAdmin):
    """What ERP says and what is not yet in ERP, side by side; both are written by services only."""

    list_display = ("item", "lot", "location", "status", "layer", "quantity", "origin_ref", "updated_at")
    list_filter = ("layer", "status", "location__site", "location")
    list_select_related = ("item", "lot", "location")
    search_fields = ("item__code", "item__name", "lot__code", "origin_ref")
