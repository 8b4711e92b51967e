"""Handover sheets nobody has signed: the leads are told first, then the next level, once each, with the true age.

Planned under the sheet's lock; `apart` hands them over. Who may sign, and what the sheet says, is not this module's.
"""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from core import clock, due
from core.hints import hint
from decisions_app.models import HandoverSheet
from exceptions_app.rules.ladder import waited
from notify_app.models import SheetNotice, SheetStep
from notify_app.services.apart import Apart, rows_for, send
from plant_app.models import Duty, User
from plant_app.selectors import duty_holders

#: So long after the shift's end without both signatures the leads are told; at `due_at` the next level is.
REMIND_AFTER: Final = timedelta(minutes=15)
#: What has been unsigned for longer is no news: an outage ends with the sheets of its last shifts, not with all.
STALE: Final = timedelta(hours=12)
NEXT_LEVEL: Final = (Duty.AREA_MANAGER, Duty.PLANT_MANAGER)
LEADS: Final = (Duty.LINE_LEAD, Duty.SHIFT_SUPERVISOR)
TOLD_PER_ROLE: Final = 3
_SHEETS: Final = Apart(
    model=SheetNotice, mark="sheet", about="sheet", urgency="normal",
    page=lambda notice: f"/handover/{notice.sheet_id}/",
    over=lambda notice: "signed meanwhile" if notice.sheet.complete else "",
)  # fmt: skip


def tell_late_sheets(*, limit: int = 50) -> int:
    """Write the notices of unsigned sheets that are due and hand over what waits; returns notices written and tried.

    Each sheet in a transaction of its own, skipping those others work on. Safe to run many at once.
    """
    now = clock.now()
    late = HandoverSheet.objects.filter(
        incoming_at=None, ends_at__lte=now - REMIND_AFTER, due_at__gt=now - STALE
    ).order_by("due_at", "pk")
    written = sum(_tell(pk) for pk in late.values_list("pk", flat=True)[:limit])
    return written + send(_SHEETS, limit)


@transaction.atomic
def _tell(sheet_id: int) -> int:
    now = clock.now()
    rows = HandoverSheet.objects.filter(pk=sheet_id, incoming_at=None).select_related(
        "site", "area", "outgoing"
    )
    claimed = due.claim(rows, 1)
    if not claimed:
        return 0
    sheet = claimed[0]
    told = set(sheet.notices.values_list("step", flat=True))
    fresh: list[SheetNotice] = []
    if SheetStep.LEADS not in told:
        fresh += _rows(sheet, SheetStep.LEADS, Duty.LINE_LEAD, _leads(sheet, now), now)
    if SheetStep.NEXT not in told and now >= sheet.due_at:
        role, people = _next_level(sheet, now)
        fresh += _rows(sheet, SheetStep.NEXT, role, people, now)
    SheetNotice.objects.bulk_create(fresh)
    people_told = {f"user.{row.person_id}" for row in fresh if row.person_id}
    if fresh:
        hint(
            f"site.{sheet.site_id}",
            f"area.{sheet.area_id}",
            *sorted(people_told),
            kind="handover",
            id=sheet.pk,
        )
    return len(fresh)


def _leads(sheet: HandoverSheet, now: datetime) -> list[User]:
    """Whose signature is missing: the outgoing shift's leads until one has signed, and the incoming ones."""
    moments = [now] if sheet.frozen else [sheet.ends_at - timedelta(minutes=1), now]
    found: dict[int, User] = {}
    for moment in moments:
        for duty in LEADS:
            here = duty_holders(site=sheet.site, duty=duty, at=moment, area=sheet.area)
            here = [one for one in here if one.pk != sheet.outgoing_id]
            found |= {one.pk: one for one in here[:TOLD_PER_ROLE]}
            if here:
                break
    return list(found.values())


def _next_level(sheet: HandoverSheet, now: datetime) -> tuple[str, list[User]]:
    for role in NEXT_LEVEL:
        people = duty_holders(site=sheet.site, duty=role, at=now, area=sheet.area)
        if people:
            return role, people[:TOLD_PER_ROLE]
    return NEXT_LEVEL[0], []


def _rows(sheet: HandoverSheet, step: str, role: str, people: list[User], now: datetime) -> list[SheetNotice]:
    """A notice in the portal for each, and one for each channel they wish; with nobody there, one that says so."""
    zone = ZoneInfo(sheet.site.timezone)
    age = waited(int((now - sheet.ends_at) / timedelta(minutes=1)))
    missing = "the incoming lead has not signed" if sheet.frozen else "neither lead has signed"
    common = {
        "sheet": sheet, "step": step, "role": role,
        "subject": f"Handover not signed: {sheet}"[:200],
        "body": f"The shift ended at {sheet.ends_at.astimezone(zone):%H:%M}, {age} ago; {missing}.",
    }  # fmt: skip
    return rows_for(_SHEETS, [(role, person) for person in people], now, sheet.site.timezone, **common)
