"""Fire drills in the admin: the schedule of each line, and what came of each drill."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from core.admin import ModelAdmin, ReadOnlyAdmin, TabularInline
from core.errors import DomainError
from notify_app import services
from notify_app.models import DrillLine, DrillPlan, DrillRun
from plant_app.models import User


@admin.register(DrillPlan)
class DrillPlanAdmin(ModelAdmin):
    """Which line is drilled with what, how often, at which hour."""

    list_display = ("work_centre", "type", "work_unit", "channel", "every_days", "at", "next_at", "active")
    list_filter = ("work_centre__area__site", "channel", "active")
    list_select_related = ("work_centre", "type", "work_unit")
    actions = ("drill_now",)

    def save_model(self, request: HttpRequest, obj: DrillPlan, form: Any, change: bool) -> None:
        """Another hour or rhythm begins at once, unless the next moment was typed in."""
        if {"at", "every_days"} & set(form.changed_data) and "next_at" not in form.changed_data:
            obj.next_at = None
        super().save_model(request, obj, form, change)

    @admin.action(description="Drill now")
    def drill_now(self, request: HttpRequest, rows: QuerySet[DrillPlan]) -> None:
        """Begin a drill of each chosen line."""
        actor = request.user if isinstance(request.user, User) else None
        for plan in rows:
            try:
                services.begin_drill(plan_id=plan.pk, actor=actor)
            except DomainError as error:
                messages.warning(request, error.message)
            else:
                messages.success(request, f"{plan}: the drill begins now.")


class DrillLineInline(TabularInline):
    """Who was told, by what, and who answered."""

    model = DrillLine
    fields = (
        "person",
        "function",
        "level",
        "channel",
        "told_at",
        "seen_at",
        "due_at",
        "answered_at",
        "detail",
    )
    readonly_fields = fields
    can_delete = False


@admin.register(DrillRun)
class DrillRunAdmin(ReadOnlyAdmin):
    """Reports of drills."""

    list_display = ("plan", "started_at", "status", "finished_at", "exception")
    list_filter = ("status", "plan__work_centre")
    list_select_related = ("plan__work_centre", "plan__type", "exception")
    date_hierarchy = "started_at"
    inlines = (DrillLineInline,)
