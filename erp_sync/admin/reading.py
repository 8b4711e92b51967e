"""Reads in the admin: asked for, shown while they run, with what they did or would do."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from core.errors import DomainError
from erp_sync import services
from erp_sync.admin.base import ForAdministrators, ReadForAdministrators, person_of
from erp_sync.admin.connections import gone_of, progress_of
from erp_sync.gaps import gaps_of
from erp_sync.models import ErpConnection, PullRun, Watermark
from erp_sync.services.pulling import ORDER

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[PullRun]
else:
    _ModelForm = forms.ModelForm

COUNTS = ("rows", "created", "updated", "renamed", "deleted", "unchanged")


class AskForm(_ModelForm):
    """What to read, from where, and whether only to look."""

    connection = forms.ModelChoiceField(
        ErpConnection.objects.filter(is_ledger=False, enabled=True), widget=UnfoldAdminSelectWidget
    )
    entities = forms.MultipleChoiceField(
        choices=[(one, one.replace("_", " ").capitalize()) for one in ORDER],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="none chosen: all of them",
    )
    dry = forms.BooleanField(
        label="Dry run", required=False, initial=True, widget=UnfoldBooleanSwitchWidget,
        help_text="shows what would change and changes nothing",
    )  # fmt: skip
    from_start = forms.BooleanField(
        label="Everything", required=False, initial=True, widget=UnfoldBooleanSwitchWidget,
        help_text="not only what changed since the last read",
    )  # fmt: skip

    class Meta:
        model = PullRun
        fields = ("connection", "entities", "dry", "from_start")


@admin.register(PullRun)
class PullRunAdmin(ForAdministrators):
    """Reads somebody asked for."""

    form = AskForm
    list_display = ("connection", "asked_at", "asked_by", "what", "dry", "state", "found")
    list_filter = ("connection", "dry")
    list_select_related = ("connection", "asked_by")
    change_form_outer_before_template = "admin/erp_sync/pull_run.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: PullRun | None = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("connection", "entities", "dry", "from_start")}),)
        return ()

    def save_model(self, request: HttpRequest, obj: PullRun, form: Any, change: bool) -> None:
        given = form.cleaned_data
        run = services.ask_pull(
            connection=given["connection"], actor=person_of(request), entities=given["entities"], dry=given["dry"],
            from_start=given["from_start"],
        )  # fmt: skip
        obj.pk = run.pk
        obj.refresh_from_db()

    def response_add(
        self, request: HttpRequest, obj: PullRun, post_url_continue: str | None = None
    ) -> HttpResponse:
        return redirect("admin:erp_sync_pullrun_change", obj.pk)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:  # fmt: skip
        run = self.get_object(request, object_id) if object_id else None
        extra = dict(extra_context or {})
        if isinstance(run, PullRun):
            extra |= shown(run) | {"title": f"{'Dry run' if run.dry else 'Read'} of {run.connection}"}
        try:
            return super().changeform_view(request, object_id, form_url, extra)
        except DomainError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return redirect("admin:erp_sync_pullrun_changelist")

    @admin.display(description="What")
    def what(self, run: PullRun) -> str:
        names = ", ".join(str(one).replace("_", " ") for one in run.entities)
        return names or "everything"

    @admin.display(description="State")
    def state(self, run: PullRun) -> str:
        return state_of(run)

    @admin.display(description="Rows changed")
    def found(self, run: PullRun) -> str:
        if not run.result:
            return ""
        changed = sum(row.get(name, 0) for row in run.result.values() for name in COUNTS[1:5])
        return f"{changed} would change" if run.dry else f"{changed} changed"


@admin.register(Watermark)
class WatermarkAdmin(ReadForAdministrators):
    """How far each kind of row has been read from each ERP."""

    list_display = ("connection", "entity", "at", "rows", "now", "gaps", "gone_rows", "error")
    list_filter = ("connection", "entity")
    list_select_related = ("connection",)
    fields = readonly_fields = (
        "connection", "entity", "at", "rows", "now", "value", "next_at", "named", "gone_rows", "swept_at", "error",
        "error_at",
    )  # fmt: skip

    @admin.display(description="Under way")
    def now(self, mark: Watermark) -> str:
        return progress_of(mark)

    @admin.display(description="Gaps")
    def gaps(self, mark: Watermark) -> int:
        return len(mark.missing)

    @admin.display(description="What rows name that is not here")
    def named(self, mark: Watermark) -> str:
        return "\n".join(str(gap) for gap in gaps_of(mark.missing).values()) or "nothing"

    @admin.display(description="Gone from ERP")
    def gone_rows(self, mark: Watermark) -> str:
        return gone_of(mark)


def state_of(run: PullRun) -> str:
    """Where a run stands."""
    if run.finished_at is not None:
        return "trouble" if run.error else "done"
    return "under way" if run.started_at is not None else "waits for a worker"


def shown(run: PullRun) -> dict[str, Any]:
    """What a run's page shows: per entity the counts, the gaps, and each change with before and after."""
    parts: list[dict[str, Any]] = [
        {
            "name": entity.replace("_", " ").capitalize(),
            "counts": [(name, row.get(name, 0)) for name in COUNTS],
            "gaps": [str(gap) for gap in gaps_of(row.get("gaps", [])).values()],
            "changes": row.get("changes", []),
            "left_out": max(0, sum(row.get(name, 0) for name in COUNTS[1:5]) - len(row.get("changes", []))),
            "disbelieved": row.get("disbelieved", 0),
            "error": row.get("error", ""),
        }
        for entity, row in sorted(run.result.items(), key=lambda one: ORDER.index(one[0]))
    ]
    quiet = [str(part["name"]).lower() for part in parts if not _speaks(part)]
    marks = [] if run.finished_at else run.connection.watermarks.filter(began_at__isnull=False)
    return {
        "run": run,
        "state": state_of(run),
        "parts": [part for part in parts if _speaks(part)],
        "quiet": ", ".join(quiet),
        "under_way": [(mark.entity.replace("_", " "), progress_of(mark)) for mark in marks],
    }


def _speaks(part: dict[str, Any]) -> bool:
    """Whether there is anything to show of an entity."""
    return any(count for _name, count in part["counts"]) or bool(part["error"] or part["disbelieved"])
