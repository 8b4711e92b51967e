"""Notices that stand apart from records (of sheets, of alarms): written for people, handed over by the ways they wish.

Owns the rows of one telling, and their way out: claimed in one transaction, given to the provider in none, the answer
written in another, retried in the row. Must not know who is told of what, nor when.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from django.conf import settings
from django.db import transaction

from core import clock, due
from notify_app.channels.port import Keys, Letter, Refusal, Target
from notify_app.channels.registry import CHANNELS
from notify_app.models import Address, AlarmNotice, NoticeChannel, NoticeStatus, SheetNotice
from notify_app.services.push_keys import push_key
from notify_app.services.ways import Ways
from plant_app.models import User

NOBODY: Final = "nobody on duty"
_IN_HAND: Final = (NoticeStatus.QUEUED, NoticeStatus.SENDING)
N = TypeVar("N", SheetNotice, AlarmNotice)


@dataclass(frozen=True)
class Apart(Generic[N]):
    """One kind of such notices. `page` gives the address of what it is about, `over` why nobody needs it any more
    (empty: still needed); `urgency` decides which channels go out at once."""

    model: type[N]
    mark: str
    about: str
    urgency: str
    page: Callable[[N], str]
    over: Callable[[N], str]


def rows_for(
    kind: Apart[N], people: Iterable[tuple[str, User]], now: datetime, zone: str, **common: Any
) -> list[N]:
    """Unsaved notices for (role, person) pairs: one in the portal for each, and one for each channel they wish at this
    urgency; with nobody there, a single one that says so. `zone` is where do-not-disturb is read without a home."""
    told = list(people)
    if not told:
        return [
            kind.model(
                channel=NoticeChannel.IN_APP, status=NoticeStatus.HELD, detail=NOBODY, created_at=now, due_at=now,
                **common,
            )
        ]  # fmt: skip
    ways = Ways([person for _role, person in told])
    rows: list[N] = []
    for role, person in told:
        common = {**common, "role": role, "person": person, "created_at": now}
        rows.append(
            kind.model(
                channel=NoticeChannel.IN_APP, status=NoticeStatus.DELIVERED, due_at=now, sent_at=now, **common
            )
        )
        if clock.moved():
            continue
        begins = ways.quiet_until(person, kind.urgency, now, zone) or now
        rows += [
            kind.model(channel=channel, address=address, due_at=begins, **common)
            for channel, address in ways.at_once(person, kind.urgency)
        ]
    return rows


def send(kind: Apart[N], limit: int) -> int:
    """Hand over what is due of every channel; returns notices tried. Must not run inside a transaction."""
    return sum(_send(kind, code, limit) for code in CHANNELS)


def _send(kind: Apart[N], code: str, limit: int) -> int:
    channel = CHANNELS[code]
    batch = _claim(kind, code, min(limit, channel.batch))
    if not batch:
        return 0
    keys = Keys(contact=settings.PUSH_CONTACT, push_private=push_key().private if code == "push" else "")
    try:
        with channel.opened(keys) as hand_over:
            for notice in batch:
                try:
                    detail, error = hand_over(_letter(kind, notice)).detail, None
                except Refusal as refusal:
                    detail, error = "", refusal
                _record(notice, detail, error)
    except Refusal as refusal:
        for notice in batch:
            _record(notice, "", refusal)
    return len(batch)


@transaction.atomic
def _claim(kind: Apart[N], code: str, limit: int) -> list[N]:
    """Take due notices for the channel's lease; what is over meanwhile needs nobody any more."""
    now = clock.now()
    rows = kind.model.objects.filter(channel=code, status__in=_IN_HAND, due_at__lte=now)
    claimed = due.claim(rows.select_related(kind.about, "person", "address").order_by("due_at", "pk"), limit)
    wanted = []
    for notice in claimed:
        if over := kind.over(notice):
            notice.status, notice.detail = NoticeStatus.DROPPED, over
            continue
        notice.status, notice.attempts = NoticeStatus.SENDING, notice.attempts + 1
        notice.due_at = now + CHANNELS[code].lease
        wanted.append(notice)
    kind.model.objects.bulk_update(claimed, ["status", "attempts", "due_at", "detail"])
    return wanted


def _letter(kind: Apart[N], notice: N) -> Letter:
    url = f"{settings.PUBLIC_URL}{kind.page(notice)}"
    targets = _targets(notice)
    if not targets:
        raise Refusal("No address leads there any more.", permanent=True)
    return Letter(
        mark=f"{kind.mark}-{notice.pk}", targets=targets, subject=notice.subject, body=notice.body, url=url,
        urgency=kind.urgency, text=f"{notice.body}\n\n{url}\n",
    )  # fmt: skip


def _targets(notice: N) -> tuple[Target, ...]:
    if notice.channel == NoticeChannel.PUSH:
        mine = Address.objects.live().filter(user=notice.person_id, channel=NoticeChannel.PUSH)
        return tuple(Target(row.pk, row.secret) for row in mine)
    if notice.address is not None:
        return (Target(notice.address.pk, notice.address.secret),)
    return (Target(0, notice.person.email),) if notice.person is not None and notice.person.email else ()


def _record(notice: SheetNotice | AlarmNotice, detail: str, error: Refusal | None) -> None:
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
