"""The site now: everything here is written by services and only shown."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from plant_app import models


@admin.register(models.WorkUnitState)
class WorkUnitStateAdmin(ReadOnlyAdmin):
    list_display = ("work_unit", "state", "since", "until", "note", "origin_ref")
    list_filter = ("state", "work_unit__work_centre__area__site")
    list_select_related = ("work_unit",)
    search_fields = ("work_unit__code", "origin_ref")
    date_hierarchy = "since"


@admin.register(models.Constraint)
class ConstraintAdmin(ReadOnlyAdmin):
    list_display = (
        "kind", "site", "work_centre", "work_unit", "operation", "item", "lot", "starts_at", "ends_at", "estimated",
        "lifted_at", "origin_ref",
    )  # fmt: skip
    list_filter = ("kind", "site", "estimated", ("lifted_at", admin.EmptyFieldListFilter))
    list_select_related = ("site", "work_centre", "work_unit", "operation__work_order", "item", "lot")
    search_fields = ("origin_ref", "work_unit__code", "item__code")


@admin.register(models.Overlay)
class OverlayAdmin(ReadOnlyAdmin):
    list_display = (
        "target",
        "target_id",
        "field",
        "value",
        "erp_value",
        "origin_ref",
        "created_at",
        "cleared_at",
    )
    list_filter = ("target", "field", ("cleared_at", admin.EmptyFieldListFilter))
    search_fields = ("origin_ref",)


@admin.register(models.PlannedOperation)
class PlannedOperationAdmin(ReadOnlyAdmin):
    list_display = ("work_unit", "position", "operation", "start", "end", "pinned", "origin")
    list_filter = ("origin", "pinned", "work_unit__work_centre")
    list_select_related = ("work_unit", "operation__work_order")
    search_fields = ("operation__work_order__number", "work_unit__code")


@admin.register(models.PlanOverride)
class PlanOverrideAdmin(ReadOnlyAdmin):
    list_display = ("work_centre", "title", "reason", "note", "by", "at")
    list_filter = ("reason", "work_centre")
    list_select_related = ("work_centre", "by")
    search_fields = ("title", "note", "origin_ref")
    date_hierarchy = "at"


@admin.register(models.ResequenceRequest)
class ResequenceRequestAdmin(ReadOnlyAdmin):
    list_display = ("site", "cause", "due_at", "created_at")
    list_select_related = ("site",)


@admin.register(models.AdoptionStep)
class AdoptionStepAdmin(ReadOnlyAdmin):
    """Steps are taken at `/adoption/`, where the page says what each would add."""

    list_display = ("since", "site", "type", "capability", "before", "level", "set_by", "note")
    list_filter = ("capability", "level", "site")
    list_select_related = ("site", "type", "set_by")
    date_hierarchy = "since"
