"""Keeps a flood from drowning what matters: while it lasts, mail about what is not urgent waits and goes out as one.

The portal's own notices are never held, nor is anything critical or high. What waits is told at the latest when the
window is over. Knows no provider.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from core import clock, due
from exceptions_app.models import Telling
from exceptions_app.models.responses import ANSWERED
from notify_app.models import Notice, NoticeChannel, NoticeStatus
from notify_app.selectors import FLOOD, FLOOD_WINDOW, new_records

#: Urgency ranks from here on may wait: 2 normal, 3 low.
MAY_WAIT = 2
MOST_IN_ONE = 100


class Floods:
    """Who is in a flood, counted on while a batch of tellings becomes notices. One query."""

    def __init__(self, tellings: Sequence[Telling], now: datetime) -> None:
        self._now = now
        people = {telling.person_id for telling in tellings if telling.person_id is not None}
        self._records = new_records(people, now) if people else {}

    def holds(self, telling: Telling) -> datetime | None:
        """Until when mail about this telling waits; None when it goes out now."""
        if telling.person_id is None:
            return None
        records = self._records.setdefault(telling.person_id, set())
        if telling.reason == "first":
            records.add(telling.exception_id)
        if len(records) <= FLOOD or telling.urgency_rank < MAY_WAIT:
            return None
        return self._now + FLOOD_WINDOW


@transaction.atomic
def claim_digest(*, lease_until: datetime) -> list[Notice]:
    """Take everything one person's flood has held, once its first part is due; what needs nobody any more is dropped.

    Claims the notices until `lease_until`: a sender that dies gives them back, and each then goes out by itself.
    Returns [] when nothing is due.
    """
    now = clock.now()
    held = Notice.objects.filter(status=NoticeStatus.HELD, channel=NoticeChannel.EMAIL)
    first = due.claim(held.filter(due_at__lte=now).order_by("due_at", "pk"), 1)
    if not first:
        return []
    notices = due.claim(
        held.filter(person=first[0].person_id)
        .select_related("person", "exception__site", "exception__type", "response__function", "telling")
        .order_by("urgency_rank", "created_at", "pk"),
        MOST_IN_ONE,
    )
    wanted = []
    for notice in notices:
        if _over(notice):
            notice.status = NoticeStatus.DROPPED
        else:
            notice.status, notice.attempts, notice.due_at = (
                NoticeStatus.SENDING,
                notice.attempts + 1,
                lease_until,
            )
            wanted.append(notice)
    Notice.objects.bulk_update(notices, ["status", "attempts", "due_at"])
    return wanted


def _over(notice: Notice) -> bool:
    answered = notice.response is not None and notice.response.status in ANSWERED
    return answered or not notice.exception.is_live
