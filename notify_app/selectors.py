"""Reads about notices: how many new records reach a person at once, what went out to them and by which way.

More than ten alarms to one person in ten minutes are a flood (EEMUA 191, ISA-18.2): nobody can take them in one by one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from notify_app.models import Address, DeliveryAttempt, Notice, NoticeChannel
from plant_app.models import User

FLOOD: Final = 10
FLOOD_WINDOW: Final = timedelta(minutes=10)


def new_records(people: Collection[int], now: datetime) -> dict[int, set[int]]:
    """Person -> exceptions they were first told of within the window. One query."""
    rows = Notice.objects.filter(
        person__in=people, channel=NoticeChannel.IN_APP, created_at__gt=now - FLOOD_WINDOW,
        created_at__lte=now, telling__reason="first",
    ).values_list("person_id", "exception_id")  # fmt: skip
    found: dict[int, set[int]] = {}
    for person_id, exception_id in rows:
        found.setdefault(person_id, set()).add(exception_id)
    return found


def flood_of(person_id: int, now: datetime) -> int:
    """How many new records reached the person within the window, once that is a flood; else 0. One query."""
    count = len(new_records([person_id], now).get(person_id, ()))
    return count if count > FLOOD else 0


@dataclass(frozen=True)
class Told:
    """One outward notice as its person may read it: where it went, how it stands, what the provider said last."""

    notice: Notice
    said: str


def told_lately(person: User, most: int = 20) -> list[Told]:
    """A person's last outward notices. Two queries."""
    rows = list(
        Notice.objects.filter(person=person, address__team=None)
        .exclude(channel=NoticeChannel.IN_APP)
        .select_related("exception", "address")
        .order_by("-created_at", "-pk")[:most]
    )
    last: dict[int, str] = {}
    for attempt in DeliveryAttempt.objects.filter(notice__in=rows).order_by("number"):
        last[attempt.notice_id] = attempt.detail
    return [Told(row, last.get(row.pk, row.held_for)) for row in rows]


def addresses_of(person: User) -> list[Address]:
    """A person's own addresses in use, without their teams'. One query."""
    return list(Address.objects.live().filter(user=person))
