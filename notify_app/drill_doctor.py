"""What can be wrong with fire drills: a line whose last one failed, or is overdue. Reads only."""

from collections.abc import Iterable

from core import clock
from core.doctor import Finding, Level, check
from notify_app.models import DrillPlan, DrillRun, DrillStatus
from notify_app.services.drills import LATE


@check
def drills() -> Iterable[Finding]:
    """The last drill of each line passed, and none is overdue."""
    now = clock.now()
    for plan in DrillPlan.objects.filter(active=True).select_related("work_centre", "type"):
        runs = DrillRun.objects.filter(plan=plan)
        over = runs.filter(finished_at__isnull=False).order_by("-started_at", "-pk")
        newest, last = over.first(), over.exclude(status=DrillStatus.MISSED).first()
        if newest is not None and newest.status == DrillStatus.MISSED:
            yield Finding(
                "XL-N042",
                Level.WARNING,
                f"The last fire drill of {plan} was missed. {newest.failures[0]}",
                "Nothing to do, it is made up by itself; see why the product did not run, or drill now on /drills/.",
            )
        if last is not None and last.status == DrillStatus.FAILED:
            failures = [str(words) for words in last.failures]
            yield Finding(
                "XL-N040",
                Level.WARNING,
                f"The last fire drill of {plan} failed: {failures[0] if failures else 'see its report'}",
                f"Read the report at /drills/{last.pk}/, mend what failed, and drill again.",
                count=max(1, len(failures)),
            )
        stuck = runs.filter(finished_at__isnull=True, ends_at__lt=now - LATE).exists()
        if stuck or (plan.next_at is not None and plan.next_at < now - LATE):
            yield Finding(
                "XL-N041",
                Level.WARNING,
                f"The fire drill of {plan} is overdue",
                "Check that the worker and beat run; it begins by itself.",
            )
