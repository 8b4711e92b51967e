"""Alarms of the outbox as the doctor sees them: what is open, and whether anybody has been told."""

from collections.abc import Iterator
from datetime import timedelta

from core import clock
from core.doctor import Finding, Level, check
from erp_sync.models import OutboxAlarm

TOLD_WITHIN = timedelta(minutes=5)


@check
def alarms() -> Iterator[Finding]:
    """Each open alarm; and those whose people have not been told by now."""
    found = list(
        OutboxAlarm.objects.filter(cleared_at=None).select_related("connection", "site").order_by("pk")
    )
    for alarm in found:
        where = f" at {alarm.site.name}" if alarm.site is not None else ""
        yield Finding(
            "XL-W013", Level.ERROR,
            f"{alarm.connection.name}{where}: {alarm.get_kind_display().lower()}, since "
            f"{alarm.oldest_at or alarm.raised_at:%Y-%m-%d %H:%M} UTC, {alarm.count} postings",
            "Open the postings that need a person, or bring the ERP back; it clears by itself.", alarm.count,
        )  # fmt: skip
    late = [alarm for alarm in found if alarm.told_at is None and alarm.raised_at < clock.now() - TOLD_WITHIN]
    if late:
        yield Finding(
            "XL-W014", Level.WARNING, f"{len(late)} alarms of the outbox have been told to nobody for five minutes",
            "See that the urgent worker runs.", len(late),
        )  # fmt: skip
