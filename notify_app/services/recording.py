"""What a try came to, written down: the delivery log, the notice, its address, and the response that was reached.

Locks the exceptions first, as everybody does, then the notices. Talks to nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count

from core import clock, due
from exceptions_app import services as exceptions
from notify_app.channels.port import Refusal
from notify_app.channels.registry import CHANNELS
from notify_app.models import DeliveryAttempt, Notice, NoticeChannel, NoticeStatus
from notify_app.services.addresses import note_answer, retire
from notify_app.services.composing import is_team

#: A provider may ask for patience, but not for so much that nobody is told.
LONGEST_WAIT = 3600.0


@dataclass(frozen=True)
class Handed:
    """What one try came to."""

    notice: Notice
    started_at: datetime
    error: Refusal | None
    detail: str = ""
    gone: tuple[int, ...] = ()


def record_all(tries: Sequence[Handed]) -> None:
    """Write what the tries came to in one transaction; those whose exception others work on follow, each waiting."""
    busy = _record(tries, wait=False)
    for handed in busy:
        _record([handed], wait=True)


@transaction.atomic
def _record(tries: Sequence[Handed], *, wait: bool) -> list[Handed]:
    """Record tries; returns those it left, their exceptions being held."""
    reached = {
        handed.notice.response_id
        for handed in tries
        if handed.error is None and handed.notice.response_id and not is_team(handed.notice)
    }
    if wait:
        done = {exceptions.mark_delivered(response_id=pk).pk for pk in reached}
    else:
        done = exceptions.mark_many_delivered(response_ids=reached)
    left = [
        handed
        for handed in tries
        if handed.error is None and handed.notice.response_id in reached - done and not is_team(handed.notice)
    ]
    taken = {handed.notice.pk: handed for handed in tries if handed not in left}
    rows = list(
        Notice.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=taken).order_by("pk")
    )
    numbers = dict(
        DeliveryAttempt.objects.filter(notice__in=rows).order_by().values_list("notice").annotate(Count("pk"))
    )
    now = clock.now()
    DeliveryAttempt.objects.bulk_create(
        [_attempt(row, taken[row.pk], numbers.get(row.pk, 0) + 1, now) for row in rows]
    )
    for row in rows:
        _outcome(row, taken[row.pk].error, now)
    Notice.objects.bulk_update(rows, ["status", "sent_at", "error", "due_at", "recorded_at", "fallback_at"])
    _addresses(list(taken.values()), now)
    return left


def _addresses(tries: Sequence[Handed], now: datetime) -> None:
    """What the providers said of their addresses; those that are no more are retired."""
    for handed in tries:
        if handed.notice.address_id is not None:
            note_answer(address_id=handed.notice.address_id, error=handed.error, detail=handed.detail, at=now)
        elif handed.notice.channel == NoticeChannel.PUSH:
            for number in handed.gone:
                retire(address_id=number, because="the push service knows the device no more", at=now)


def _attempt(row: Notice, handed: Handed, number: int, now: datetime) -> DeliveryAttempt:
    error = handed.error
    return DeliveryAttempt(
        notice=row, number=number, started_at=handed.started_at, finished_at=now, delivered=error is None,
        permanent=bool(error and error.permanent), detail=str(error or handed.detail)[:300],
    )  # fmt: skip


def _outcome(row: Notice, error: Refusal | None, now: datetime) -> None:
    """Sent; failed for good, the next channel due at once; or due again after a growing pause. In memory."""
    if error is None:
        row.status, row.sent_at, row.error, row.fallback_at = NoticeStatus.SENT, now, "", None
    elif error.permanent or row.attempts >= CHANNELS[row.channel].most_attempts:
        row.status, row.error = NoticeStatus.FAILED, str(error)[:200]
        row.fallback_at = None if is_team(row) else now
    else:
        pause = due.backoff_seconds(row.attempts, first=5, ceiling=600)
        if error.after is not None:
            pause = min(max(pause, error.after), LONGEST_WAIT)
        row.status, row.error = NoticeStatus.QUEUED, str(error)[:200]
        row.due_at = now + timedelta(seconds=pause)
    row.recorded_at = row.recorded_at or now
