"""Sites, areas, work centres, work units."""

from django.contrib import admin

from core.admin import ModelAdmin, TabularInline
from plant_app import models


class AreaInline(TabularInline):
    model = models.Area
    fields = ("code", "name", "position")
    show_change_link = True


class ShiftInline(TabularInline):
    model = models.Shift
    fields = ("code", "name", "start", "end", "weekdays", "office", "position")


class WorkCentreInline(TabularInline):
    model = models.WorkCentre
    fields = ("code", "name", "cost_per_hour", "crew", "position")
    show_change_link = True


class WorkUnitInline(TabularInline):
    model = models.WorkUnit
    fields = ("code", "name", "aliases", "is_bottleneck", "position", "active")
    show_change_link = True


@admin.register(models.Enterprise)
class EnterpriseAdmin(ModelAdmin):
    list_display = ("name", "code")


@admin.register(models.Site)
class SiteAdmin(ModelAdmin):
    list_display = ("name", "code", "timezone", "currency", "language")
    search_fields = ("code", "name")
    inlines = (AreaInline, ShiftInline)


@admin.register(models.Area)
class AreaAdmin(ModelAdmin):
    list_display = ("name", "code", "site", "position")
    list_filter = ("site",)
    list_select_related = ("site",)
    search_fields = ("code", "name")
    inlines = (WorkCentreInline,)


@admin.register(models.WorkCentre)
class WorkCentreAdmin(ModelAdmin):
    list_display = ("code", "name", "area", "cost_per_hour", "crew", "erp_id")
    list_filter = ("area__site", "area")
    list_select_related = ("area__site",)
    search_fields = ("code", "name", "aliases")
    autocomplete_fields = ("area",)
    inlines = (WorkUnitInline,)


@admin.register(models.WorkUnit)
class WorkUnitAdmin(ModelAdmin):
    list_display = ("code", "name", "work_centre", "is_bottleneck", "active")
    list_filter = ("work_centre__area__site", "work_centre", "is_bottleneck", "active")
    list_select_related = ("work_centre",)
    search_fields = ("code", "name", "aliases")
    autocomplete_fields = ("work_centre",)
