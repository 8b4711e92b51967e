"""Handover sheets nobody has signed: the leads are told first, then the next level, once each, with the true age.

Planned under the sheet's lock, handed over between two transactions by the channels each person wishes, retried in the
row. Who may sign, and what the sheet says, is not this module's.
"""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from core import clock, due
from core.hints import hint
from decisions_app.models import HandoverSheet
from exceptions_app.rules.ladder import waited
from notify_app.channels.port import Keys, Letter, Refusal, Target
from notify_app.channels.registry import CHANNELS
from notify_app.models import Address, NoticeChannel, NoticeStatus, SheetNotice, SheetStep
from notify_app.services.push_keys import push_key
from notify_app.services.ways import Ways
from plant_app.models import Duty, User
from plant_app.selectors import duty_holders

#: So long after the shift's end without both signatures the leads are told; at `due_at` the next level is.
REMIND_AFTER: Final = timedelta(minutes=15)
#: What has been unsigned for longer is no news: an outage ends with the sheets of its last shifts, not with all.
STALE: Final = timedelta(hours=12)
NEXT_LEVEL: Final = (Duty.AREA_MANAGER, Duty.PLANT_MANAGER)
LEADS: Final = (Duty.LINE_LEAD, Duty.SHIFT_SUPERVISOR)
TOLD_PER_ROLE: Final = 3
NOBODY: Final = "nobody on duty"
URGENCY: Final = "normal"
_IN_HAND: Final = (NoticeStatus.QUEUED, NoticeStatus.SENDING)


def tell_late_sheets(*, limit: int = 50) -> int:
    """Write the notices of unsigned sheets that are due and hand over what waits; returns notices written and tried.

    Each sheet in a transaction of its own, skipping those others work on. Safe to run many at once.
    """
    now = clock.now()
    late = HandoverSheet.objects.filter(
        incoming_at=None, ends_at__lte=now - REMIND_AFTER, due_at__gt=now - STALE
    ).order_by("due_at", "pk")
    written = sum(_tell(pk) for pk in late.values_list("pk", flat=True)[:limit])
    return written + sum(_send(code, limit) for code in CHANNELS)


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
        "sheet": sheet, "step": step, "role": role, "created_at": now,
        "subject": f"Handover not signed: {sheet}"[:200],
        "body": f"The shift ended at {sheet.ends_at.astimezone(zone):%H:%M}, {age} ago; {missing}.",
    }  # fmt: skip
    if not people:
        return [
            SheetNotice(
                channel=NoticeChannel.IN_APP, status=NoticeStatus.HELD, detail=NOBODY, due_at=now, **common
            )
        ]
    ways = Ways(people)
    rows = []
    for person in people:
        rows.append(
            SheetNotice(
                person=person, channel=NoticeChannel.IN_APP, status=NoticeStatus.DELIVERED, due_at=now, sent_at=now,
                **common,
            )
        )  # fmt: skip
        if clock.moved():
            continue
        begins = ways.quiet_until(person, URGENCY, now, sheet.site.timezone) or now
        rows += [
            SheetNotice(person=person, channel=channel, address=address, due_at=begins, **common)
            for channel, address in ways.at_once(person, URGENCY)
        ]
    return rows


def _send(code: str, limit: int) -> int:
    """Hand over one channel's due notices: claim (transaction), provider (none), outcome (transaction)."""
    channel = CHANNELS[code]
    batch = _claim(code, min(limit, channel.batch))
    if not batch:
        return 0
    keys = Keys(contact=settings.PUSH_CONTACT, push_private=push_key().private if code == "push" else "")
    try:
        with channel.opened(keys) as hand_over:
            for notice in batch:
                try:
                    detail, error = hand_over(_letter(notice)).detail, None
                except Refusal as refusal:
                    detail, error = "", refusal
                _record(notice, detail, error)
    except Refusal as refusal:
        for notice in batch:
            _record(notice, "", refusal)
    return len(batch)


@transaction.atomic
def _claim(code: str, limit: int) -> list[SheetNotice]:
    """Take due notices for the channel's lease; what has been signed meanwhile needs nobody any more."""
    now = clock.now()
    rows = SheetNotice.objects.filter(channel=code, status__in=_IN_HAND, due_at__lte=now)
    claimed = due.claim(rows.select_related("sheet", "person", "address").order_by("due_at", "pk"), limit)
    wanted = []
    for notice in claimed:
        if notice.sheet.complete:
            notice.status, notice.detail = NoticeStatus.DROPPED, "signed meanwhile"
            continue
        notice.status, notice.attempts = NoticeStatus.SENDING, notice.attempts + 1
        notice.due_at = now + CHANNELS[code].lease
        wanted.append(notice)
    SheetNotice.objects.bulk_update(claimed, ["status", "attempts", "due_at", "detail"])
    return wanted


def _letter(notice: SheetNotice) -> Letter:
    url = f"{settings.PUBLIC_URL}/handover/{notice.sheet_id}/"
    targets = _targets(notice)
    if not targets:
        raise Refusal("No address leads there any more.", permanent=True)
    return Letter(
        mark=f"sheet-{notice.pk}", targets=targets, subject=notice.subject, body=notice.body, url=url,
        urgency=URGENCY, text=f"{notice.body}\n\n{url}\n",
    )  # fmt: skip


def _targets(notice: SheetNotice) -> tuple[Target, ...]:
    if notice.channel == NoticeChannel.PUSH:
        mine = Address.objects.live().filter(user=notice.person_id, channel=NoticeChannel.PUSH)
        return tuple(Target(row.pk, row.secret) for row in mine)
    if notice.address is not None:
        return (Target(notice.address.pk, notice.address.secret),)
    return (Target(0, notice.person.email),) if notice.person is not None and notice.person.email else ()


def _record(notice: SheetNotice, detail: str, error: Refusal | None) -> None:
    """Sent, failed for good, or due again after a growing pause."""
    now = clock.now()
    if error is None:
        notice.status, notice.sent_at, notice.detail = NoticeStatus.SENT, now, detail[:300]
    elif error.permanent or notice.attempts >= CHANNELS[notice.channel].most_attempts:
        notice.status, notice.detail = NoticeStatus.FAILED, str(error)[:300]
    else:
        pause = error.after or due.backoff_seconds(notice.attempts, first=5, ceiling=600)
        notice.status, notice.detail = NoticeStatus.QUEUED, str(error)[:300]
        notice.due_at = now + timedelta(seconds=pause)
    notice.save(update_fields=["status", "sent_at", "detail", "due_at"])
