"""Alarms of the outbox: whoever looks after the ERP, and the planners of the site, hear of each once.

Planned under the alarm's lock, which is also where it is noted as told; `apart` hands the notices over. When an alarm
is raised, and when it is over, is not this module's.
"""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from core import clock, due
from core.hints import hint
from erp_sync.models import AlarmKind, OutboxAlarm
from erp_sync.services.alarming import mark_told
from exceptions_app.rules.ladder import waited
from notify_app.models import AlarmNotice
from notify_app.services.apart import Apart, rows_for, send
from plant_app.models import AccessRole, Duty, Site, User
from plant_app.selectors import duty_holders

TOLD_PER_ROLE: Final = 4
_PAGES: Final = {AlarmKind.SILENT.value: "/postings/"}
_ALARMS: Final = Apart(
    model=AlarmNotice, mark="alarm", about="alarm", urgency="high",
    page=lambda notice: _PAGES.get(notice.alarm.kind, "/postings/errors/"),
    over=lambda notice: "over meanwhile" if notice.alarm.cleared_at is not None else "",
)  # fmt: skip


def tell_alarms(*, limit: int = 50) -> int:
    """Write the notices of alarms nobody was told of and hand over what waits; returns notices written and tried.

    Each alarm in a transaction of its own, skipping those others work on. Safe to run many at once.
    """
    untold = OutboxAlarm.objects.filter(told_at=None, cleared_at=None).order_by("pk")
    written = sum(_tell(pk) for pk in untold.values_list("pk", flat=True)[:limit])
    return written + send(_ALARMS, limit)


@transaction.atomic
def _tell(alarm_id: int) -> int:
    now = clock.now()
    rows = OutboxAlarm.objects.filter(pk=alarm_id, told_at=None, cleared_at=None)
    claimed = due.claim(rows.select_related("connection", "site"), 1)
    if not claimed:
        return 0
    alarm = claimed[0]
    sites = [alarm.site] if alarm.site is not None else list(alarm.connection.sites.order_by("code"))
    people = responsible(sites, now)
    subject, body = words_of(alarm, now)
    zone = sites[0].timezone if sites else "UTC"
    fresh = rows_for(_ALARMS, people, now, zone, alarm=alarm, subject=subject[:200], body=body)
    AlarmNotice.objects.bulk_create(fresh)
    mark_told(alarm)
    groups = {f"user.{row.person_id}" for row in fresh if row.person_id}
    hint("postings", *sorted(groups), kind="alarm", id=alarm.pk)
    return len(fresh)


def responsible(sites: list[Site], now: datetime) -> list[tuple[str, User]]:
    """(role, person): integrators of the sites, then the planners on duty at each, or else their leads; with neither,
    administrators. Everybody once."""
    found: dict[int, tuple[str, User]] = {}
    for person in _granted(sites, AccessRole.INTEGRATOR):
        found.setdefault(person.pk, (AccessRole.INTEGRATOR.value, person))
    for site in sites:
        for duty in (Duty.PLANNER, Duty.PLANNING_LEAD):
            here = duty_holders(site=site, duty=duty, at=now)[:TOLD_PER_ROLE]
            for person in here:
                found.setdefault(person.pk, (duty.value, person))
            if here:
                break
    if not found:
        for person in _granted(sites, AccessRole.ADMINISTRATOR):
            found.setdefault(person.pk, (AccessRole.ADMINISTRATOR.value, person))
    return list(found.values())


def _granted(sites: list[Site], role: AccessRole) -> list[User]:
    people = User.objects.filter(is_active=True, grants__site__in=sites, grants__role=role)
    return list(people.distinct().order_by("pk")[:TOLD_PER_ROLE])


def words_of(alarm: OutboxAlarm, now: datetime) -> tuple[str, str]:
    """Subject and body: what has passed which limit, since when, and that nothing is lost."""
    name, where = alarm.connection.name, f" at {alarm.site.name}" if alarm.site is not None else ""
    since = alarm.oldest_at or alarm.raised_at
    age = waited(int((now - since) / timedelta(minutes=1)))
    if alarm.kind == AlarmKind.SILENT:
        return (
            f"{name} does not answer",
            f"{name} has been silent for {age}. {_postings(alarm.count)} for it; nothing is lost, and they go by "
            "themselves once it answers.",
        )
    if alarm.kind == AlarmKind.COUNT:
        return (
            f"{alarm.count} postings refused or held: {name}{where}",
            f"{alarm.count} postings to {name}{where} were refused or are held, {alarm.connection.alarm_count} are "
            f"the limit. The oldest waits for {age}. Each needs a person.",
        )
    zone = ZoneInfo(alarm.site.timezone if alarm.site is not None else "UTC")
    return (
        f"A refused posting waits for {age}: {name}{where}",
        f"The oldest of {alarm.count} refused or held postings to {name}{where} has waited since "
        f"{since.astimezone(zone):%a %H:%M}. It needs a person.",
    )


def _postings(count: int) -> str:
    return "1 posting waits" if count == 1 else f"{count} postings wait"
