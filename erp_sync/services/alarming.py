"""The outbox's alarms: raised once when a connection passes a limit of its own, cleared when it no longer does.

Owns the limits (how many refused or held postings, how old the oldest, how long ERP has been silent) and the rows. Must
not know who is told: `told_at` is written by whoever writes the notices, in the same transaction.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Count, Min

from core import clock
from core.hints import hint
from core.wake import wake
from erp_sync.models import AlarmKind, ErpConnection, OutboxAlarm, Posting

logger = logging.getLogger(__name__)
#: An ERP that is away for less than this is no news: its circuit probes every few seconds.
SILENT_AFTER: Final = timedelta(minutes=5)
#: What comes back within this is the alarm of before, and nobody is told again.
SAME_ALARM: Final = timedelta(minutes=15)
Key = tuple[int, int | None, str]


def sweep_alarms() -> int:
    """Raise what has passed a limit, refresh what goes on, clear what is over; returns alarms raised.

    Each connection in a transaction of its own. Takes no lock: an alarm is open at most once by the database's own
    constraint, so that two sweeps at a time, or one killed between, raise and clear the same.
    """
    raised = sum(
        _sweep(connection)
        for connection in ErpConnection.objects.filter(enabled=True, is_ledger=False).order_by("pk")
    )
    left = OutboxAlarm.objects.filter(cleared_at=None).exclude(
        connection__enabled=True, connection__is_ledger=False
    )
    if left.update(cleared_at=clock.now()):
        hint("postings", kind="alarm")
    return raised


def mark_told(alarm: OutboxAlarm) -> None:
    """Its people have their notices: written in the transaction that writes those. The caller holds the row's lock."""
    alarm.told_at = clock.now()
    alarm.save(update_fields=["told_at"])


@transaction.atomic
def _sweep(connection: ErpConnection) -> int:
    now = clock.now()
    wanted = {(found.connection_id, found.site_id, found.kind): found for found in _passed(connection, now)}
    known: dict[Key, OutboxAlarm] = {
        (alarm.connection_id, alarm.site_id, alarm.kind): alarm
        for alarm in OutboxAlarm.objects.filter(connection=connection, cleared_at=None)
    }
    over = [alarm.pk for key, alarm in known.items() if key not in wanted]
    cleared = OutboxAlarm.objects.filter(pk__in=over, cleared_at=None).update(cleared_at=now)
    for key in wanted.keys() & known.keys():
        here = wanted[key]
        if (here.count, here.oldest_at) != (known[key].count, known[key].oldest_at):
            OutboxAlarm.objects.filter(pk=known[key].pk).update(count=here.count, oldest_at=here.oldest_at)
    raised = sum(_raise(wanted[key], now) for key in wanted.keys() - known.keys())
    if raised or cleared:
        hint("postings", kind="alarm")
    if raised:
        wake("alarms")
    return raised


def _raise(alarm: OutboxAlarm, now: datetime) -> int:
    """1 for a new alarm, 0 where the last one of its kind has merely come back."""
    before = (
        OutboxAlarm.objects.filter(
            connection=alarm.connection_id, site=alarm.site_id, kind=alarm.kind,
            cleared_at__gt=now - SAME_ALARM, told_at__isnull=False,
        )
        .order_by("-pk")
        .first()
    )  # fmt: skip
    if before is not None:
        OutboxAlarm.objects.filter(pk=before.pk).update(
            cleared_at=None, count=alarm.count, oldest_at=alarm.oldest_at
        )
        return 0
    OutboxAlarm.objects.bulk_create([alarm], ignore_conflicts=True)
    logger.warning(
        "%s: %s (%s postings)", alarm.connection.code, alarm.get_kind_display().lower(), alarm.count
    )
    return 1


def _passed(connection: ErpConnection, now: datetime) -> list[OutboxAlarm]:
    """Unsaved alarms of the limits a connection passes now. Two queries."""
    found = []
    dead = (
        Posting.objects.dead()
        .filter(connection=connection)
        .order_by()
        .values("site")
        .annotate(count=Count("pk"), oldest=Min("status_at"))
    )
    for row in dead:
        common = {
            "connection": connection, "site_id": row["site"], "raised_at": now, "count": row["count"],
            "oldest_at": row["oldest"],
        }  # fmt: skip
        if row["count"] >= max(connection.alarm_count, 1):
            found.append(OutboxAlarm(kind=AlarmKind.COUNT, **common))
        if row["oldest"] <= now - connection.alarm_after:
            found.append(OutboxAlarm(kind=AlarmKind.AGE, **common))
    since = connection.silent_since
    if connection.circuit_open and since is not None and since <= now - SILENT_AFTER:
        waiting = Posting.objects.unsettled().filter(connection=connection).count()
        found.append(
            OutboxAlarm(
                connection=connection, kind=AlarmKind.SILENT, raised_at=now, count=waiting, oldest_at=since
            )
        )
    return found
