"""Keeps a flood from drowning what matters, and quiet hours quiet: what may wait does, and goes out as one message.

The portal's own notices are never held. A flood holds nothing critical or high; do-not-disturb holds what does not
override it, which can be high, too. What waits is told when the window or the quiet hours are over. Knows no provider.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from core import clock, due
from exceptions_app.models import ExceptionRecord, Telling
from exceptions_app.models.responses import ANSWERED, ResponseStatus
from notify_app.manners import urgency_of
from notify_app.models import Notice, NoticeStatus
from notify_app.selectors import FLOOD_WINDOW, new_records
from notify_app.services.ways import Ways
from routing_app.models import Mark

#: Urgency ranks from here on may wait: 2 normal, 3 low.
MAY_WAIT = 2
#: Reasons that ask for no answer, so that one given makes them no less needed.
NEEDED_ANYWAY = frozenset({"inform", "change", "undecided", "mention"})
MOST_IN_ONE = 100
QUIET = "do not disturb"
FLOODED = "more than may come one by one"
GROUPED = "a rule groups what may wait"


@dataclass(frozen=True)
class Hold:
    """Until when a notice waits, and for what, in words."""

    until: datetime
    because: str


class Floods:
    """Who is in a flood or not to be disturbed, counted on while a batch of tellings becomes notices.

    Two queries. A record whose route carries the mark is grouped for everybody, however few reach them otherwise.
    """

    def __init__(self, tellings: Sequence[Telling], now: datetime, ways: Ways) -> None:
        self._now, self._ways = now, ways
        people = {telling.person_id for telling in tellings if telling.person_id is not None}
        self._records = new_records(people, now) if people else {}
        waiting = {telling.exception_id for telling in tellings if telling.urgency_rank >= MAY_WAIT}
        marked = ExceptionRecord.objects.filter(
            pk__in=waiting, route__outcome__marks__contains=[Mark.GROUP_NOTICES.value]
        )
        self._grouped = set(marked.values_list("pk", flat=True)) if waiting else set()

    def holds(self, telling: Telling) -> Hold | None:
        """Until when outward notices of this telling wait; None when they go out now. Do-not-disturb lasts longest."""
        person = telling.person
        if person is None:
            return None
        records = self._records.setdefault(person.pk, set())
        if telling.reason == "first":
            records.add(telling.exception_id)
        urgency, zone = urgency_of(telling.urgency_rank), telling.exception.site.timezone
        flooded = len(records) > self._ways.manner(person).most and telling.urgency_rank >= MAY_WAIT
        grouped = telling.exception_id in self._grouped and telling.urgency_rank >= MAY_WAIT
        until = self._now + FLOOD_WINDOW if flooded or grouped else self._now
        quiet = self._ways.quiet_until(person, urgency, until, zone)
        if quiet is not None:
            return Hold(quiet, QUIET)
        if flooded:
            return Hold(until, FLOODED)
        return Hold(until, GROUPED) if grouped else None


@transaction.atomic
def claim_digest(*, channels: Collection[str], lease_until: datetime) -> list[Notice]:
    """Take what one person's channel has held, once its first part is due; what needs nobody any more is dropped.

    Claims the notices until `lease_until`: a sender that dies gives them back, and each then goes out by itself.
    Returns [] when nothing is due.
    """
    now = clock.now()
    held = Notice.objects.filter(status=NoticeStatus.HELD, channel__in=channels)
    first = due.claim(held.filter(due_at__lte=now).order_by("due_at", "pk"), 1)
    if not first:
        return []
    notices = due.claim(
        held.filter(
            person=first[0].person_id,
            channel=first[0].channel,
            address=first[0].address_id,
            due_at__lte=now + FLOOD_WINDOW,
        )
        .select_related(
            "person", "address", "exception__site", "exception__type", "response__function", "telling"
        )
        .order_by("urgency_rank", "created_at", "pk"),
        MOST_IN_ONE,
    )
    wanted = []
    for notice in notices:
        if over(notice):
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


def over(notice: Notice) -> bool:
    """Nobody has to be told of this any more: the record has ended, or the answer asked for is given."""
    if not notice.exception.is_live:
        return True
    if notice.response is None or notice.telling.reason in NEEDED_ANYWAY:
        return False
    return notice.response.status in ANSWERED or notice.response.status == ResponseStatus.DECLINED
