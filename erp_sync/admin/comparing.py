"""Comparisons of outbox and ERP in the admin: asked for here, with what they found in three lists."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from erp_sync.admin.base import ReadForAdministrators, ReadOnlyInline
from erp_sync.findings import standing_findings
from erp_sync.models import FindingKind, ReconciliationFinding, ReconciliationRun


class FindingInline(ReadOnlyInline):
    model = ReconciliationFinding
    fields = readonly_fields = ("kind", "posting", "business_key", "erp_number", "ours", "theirs")


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(ReadForAdministrators):
    """What comparisons found."""

    list_display = ("connection", "started_at", "since", "state", "postings", "documents", "found", "error")
    list_filter = ("connection",)
    list_select_related = ("connection",)
    inlines = (FindingInline,)
    change_form_outer_before_template = "admin/erp_sync/comparison_head.html"

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:  # fmt: skip
        run = self.get_object(request, object_id) if object_id else None
        extra = dict(extra_context or {})
        if isinstance(run, ReconciliationRun):
            kinds = list(run.findings.values_list("kind", flat=True))
            extra |= {
                "run": run,
                "state": self.state(run),
                "lists": (
                    ("Missing in ERP", kinds.count(FindingKind.MISSING_THERE)),
                    ("Unknown here", kinds.count(FindingKind.UNKNOWN_HERE)),
                    ("Different", kinds.count(FindingKind.DIFFERING) + kinds.count(FindingKind.DOUBLED)),
                ),
                "standing": standing_findings(run.connection),
            }
        return super().changeform_view(request, object_id, form_url, extra)

    @admin.display(description="State")
    def state(self, run: ReconciliationRun) -> str:
        if run.finished_at is None:
            return "waits for a worker"
        return "trouble" if run.error else "done"

    @admin.display(description="Findings")
    def found(self, run: ReconciliationRun) -> int:
        return run.findings.count()
