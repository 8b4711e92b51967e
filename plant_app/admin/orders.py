"""Customers, suppliers, orders and deliveries. Mostly ERP's: what a pull writes is shown, not edited."""

from django.contrib import admin

from core.admin import ModelAdmin, ReadOnlyAdmin, StackedInline, TabularInline
from plant_app import models
from plant_app.admin.goods import MIRRORED


@admin.register(models.Customer)
class CustomerAdmin(ModelAdmin):
    list_display = ("name", "code", "tier", "email")
    list_filter = ("tier",)
    search_fields = ("code", "name")
    readonly_fields = MIRRORED


@admin.register(models.Supplier)
class SupplierAdmin(ModelAdmin):
    list_display = ("name", "code", "email")
    search_fields = ("code", "name")
    readonly_fields = MIRRORED


class SalesLineInline(TabularInline):
    model = models.SalesOrderLine
    fields = ("line", "item", "quantity", "delivered", "unit_price", "requested_at", "commit_at", "cancelled")
    autocomplete_fields = ("item",)


@admin.register(models.SalesOrder)
class SalesOrderAdmin(ModelAdmin):
    list_display = ("number", "customer", "site", "po_number")
    list_filter = ("site", "customer")
    list_select_related = ("customer", "site")
    search_fields = ("number", "po_number", "customer__name")
    autocomplete_fields = ("customer",)
    readonly_fields = MIRRORED
    inlines = (SalesLineInline,)


@admin.register(models.SalesOrderLine)
class SalesOrderLineAdmin(ModelAdmin):
    list_display = ("__str__", "item", "quantity", "delivered", "commit_at", "cancelled")
    list_filter = ("order__site", "order__customer", "cancelled")
    list_select_related = ("order", "item")
    search_fields = ("order__number", "item__code")
    autocomplete_fields = ("order", "item")
    readonly_fields = MIRRORED


class PurchaseLineInline(TabularInline):
    model = models.PurchaseOrderLine
    fields = ("line", "item", "quantity", "received", "promised_at")
    autocomplete_fields = ("item",)


@admin.register(models.PurchaseOrder)
class PurchaseOrderAdmin(ModelAdmin):
    list_display = ("number", "supplier", "site")
    list_filter = ("site", "supplier")
    list_select_related = ("supplier", "site")
    search_fields = ("number", "supplier__name")
    autocomplete_fields = ("supplier",)
    readonly_fields = MIRRORED
    inlines = (PurchaseLineInline,)


@admin.register(models.PurchaseOrderLine)
class PurchaseOrderLineAdmin(ModelAdmin):
    list_display = ("__str__", "item", "quantity", "received", "promised_at")
    list_filter = ("order__site", "order__supplier")
    list_select_related = ("order", "item")
    search_fields = ("order__number", "item__code")
    autocomplete_fields = ("order", "item")
    readonly_fields = MIRRORED


class OperationInline(StackedInline):
    model = models.Operation
    fields = (
        ("number", "name", "work_centre", "work_unit"),
        ("setup_minutes", "run_minutes", "setup_family", "skill"),
        ("planned_start", "planned_end"),
    )
    autocomplete_fields = ("work_centre", "work_unit", "skill")
    show_change_link = True


@admin.register(models.WorkOrder)
class WorkOrderAdmin(ModelAdmin):
    list_display = ("number", "item", "quantity", "site", "status", "planned_end", "need_by", "priority")
    list_filter = ("site", "status")
    list_select_related = ("item", "site")
    search_fields = ("number", "item__code", "item__name")
    autocomplete_fields = ("item", "sales_line", "parent", "produced_lot")
    readonly_fields = MIRRORED
    date_hierarchy = "need_by"
    inlines = (OperationInline,)


class OperationAlternateInline(TabularInline):
    model = models.OperationAlternate
    fields = ("work_unit", "setup_minutes", "run_factor", "approved")
    autocomplete_fields = ("work_unit",)


class MaterialNeedInline(TabularInline):
    model = models.MaterialNeed
    fields = ("item", "lot", "quantity", "issued")
    autocomplete_fields = ("item", "lot")


@admin.register(models.Operation)
class OperationAdmin(ModelAdmin):
    """Status and counts come from the floor's reports and are shown only."""

    list_display = (
        "__str__",
        "name",
        "work_centre",
        "actual_unit",
        "status",
        "good",
        "scrap",
        "planned_start",
    )
    list_filter = ("work_order__site", "status", "work_centre")
    list_select_related = ("work_order", "work_centre", "actual_unit")
    search_fields = ("work_order__number", "name")
    autocomplete_fields = ("work_order", "work_centre", "work_unit", "skill")
    readonly_fields = (
        "status", "actual_unit", "good", "scrap", "started_at", "finished_at", "confirmed_good", "confirmed_scrap",
        "confirmed_until", "version",
    )  # fmt: skip
    inlines = (OperationAlternateInline, MaterialNeedInline)


class DeliveryLineInline(TabularInline):
    model = models.DeliveryLine
    fields = ("sales_line", "lot", "quantity")
    autocomplete_fields = ("sales_line", "lot")


@admin.register(models.Delivery)
class DeliveryAdmin(ModelAdmin):
    list_display = ("number", "customer", "site", "planned_at", "shipped_at")
    list_filter = ("site", "customer")
    list_select_related = ("customer", "site")
    search_fields = ("number", "customer__name")
    autocomplete_fields = ("customer",)
    readonly_fields = MIRRORED
    inlines = (DeliveryLineInline,)


@admin.register(models.ProgressReport)
class ProgressReportAdmin(ReadOnlyAdmin):
    list_display = ("operation", "kind", "work_unit", "good", "scrap", "at", "person")
    list_filter = ("kind", "operation__work_order__site")
    list_select_related = ("operation__work_order", "work_unit", "person")
    search_fields = ("operation__work_order__number",)
    date_hierarchy = "at"
