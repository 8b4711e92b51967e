"""Comparisons of outbox and ERP in the admin: asked for here, with what they found in three lists."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse

from erp_sync.admin.base import ReadForAdministrators
from erp_sync.findings import standing_findings
from erp_sync.models import FindingKind, ReconciliationRun

MOST = 500


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(ReadForAdministrators):
    """What comparisons found."""

    list_display = ("connection", "started_at", "since", "state", "postings", "documents", "found", "error")
    list_filter = ("connection",)
    list_select_related = ("connection",)
    change_form_outer_before_template = "admin/erp_sync/comparison_head.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReconciliationRun]:
        return super().get_queryset(request).annotate(found=Count("findings"))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return ()  # the head says it all

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:  # fmt: skip
        run = self.get_object(request, object_id) if object_id else None
        extra = dict(extra_context or {})
        if isinstance(run, ReconciliationRun):
            found = list(run.findings.select_related("posting", "care__owner", "care__settled_by")[:MOST])
            extra |= {
                "run": run,
                "state": self.state(run),
                "lists": [
                    (name, [row for row in found if row.kind in kinds])
                    for name, kinds in (
                        ("Missing in ERP", [FindingKind.MISSING_THERE]),
                        ("Unknown here", [FindingKind.UNKNOWN_HERE]),
                        ("Different", [FindingKind.DIFFERING, FindingKind.DOUBLED]),
                    )
                ],
                "standing": standing_findings(run.connection),
            }
        return super().changeform_view(request, object_id, form_url, extra)

    @admin.display(description="State")
    def state(self, run: ReconciliationRun) -> str:
        if run.finished_at is None:
            return "waits for a worker"
        return "trouble" if run.error else "done"

    @admin.display(description="Findings", ordering="found")
    def found(self, run: Any) -> int:
        return int(run.found)
