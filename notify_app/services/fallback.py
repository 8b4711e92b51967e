"""The next channel in a person's order, where one failed for good or was not through in time and no other was.

A due column on the notice says when to look. Writes notices, sends nothing.
"""

from typing import Any

from django.db import transaction

from core import clock, due
from core.wake import wake
from notify_app.manners import urgency_of
from notify_app.models import Notice, NoticeChannel, NoticeStatus
from notify_app.services.floods import QUIET, over
from notify_app.services.telling import WAKES
from notify_app.services.ways import Ways, patience_until

BATCH = 100


@transaction.atomic
def fall_back(*, limit: int = 500) -> int:
    """Write the notices of the next channel where it is due; returns how many. Skips rows others hold."""
    now = clock.now()
    notices = due.claim(
        Notice.objects.filter(fallback_at__lte=now)
        .select_related("person__home_site", "exception__site", "response", "telling")
        .order_by("fallback_at", "pk"),
        min(limit, BATCH),
    )
    if not notices:
        return 0
    ways = Ways(notice.person for notice in notices)
    told: dict[int, list[dict[str, Any]]] = {}
    siblings = Notice.objects.filter(telling__in=[notice.telling_id for notice in notices])
    for row in siblings.values(
        "telling_id", "person_id", "channel", "status", "seen_at", "answered_at", "address__team_id"
    ):
        told.setdefault(row["telling_id"], []).append(dict(row))
    fresh: list[Notice] = []
    for notice in notices:
        fresh += _instead(notice, ways, told[notice.telling_id])
        notice.fallback_at = None
    Notice.objects.bulk_update(notices, ["fallback_at"])
    Notice.objects.bulk_create(fresh)
    for name in sorted({WAKES.get(notice.channel, "notices") for notice in fresh}):
        wake(name)
    return len(fresh)


def _instead(notice: Notice, ways: Ways, told: list[dict[str, Any]]) -> list[Notice]:
    """The notices that take over, nobody having been reached by this telling; [] where that is needless."""
    mine = [row for row in told if row["person_id"] == notice.person_id and row["address__team_id"] is None]
    reached = any(row["seen_at"] or row["answered_at"] for row in mine) or any(
        row["status"] == NoticeStatus.SENT and row["channel"] != NoticeChannel.IN_APP for row in mine
    )
    if reached or over(notice):
        return []
    now, person = clock.now(), notice.person
    zone = notice.exception.site.timezone
    quiet = ways.quiet_until(person, urgency_of(notice.urgency_rank), now, zone)
    fresh = []
    for channel, address in ways.instead(person, {row["channel"] for row in mine}):
        row = Notice(
            telling=notice.telling, exception=notice.exception, response=notice.response, person=person,
            channel=channel, address=address, asked_id=notice.asked_id, instead_of=notice, subject=notice.subject,
            body=notice.body, urgency_rank=notice.urgency_rank, created_at=now, due_at=quiet or now,
            fallback_at=None if quiet else patience_until(notice.urgency_rank, now),
        )  # fmt: skip
        if quiet is not None or notice.held_for:
            row.status, row.held_for = NoticeStatus.HELD, QUIET if quiet else notice.held_for
            row.fallback_at = None
        fresh.append(row)
        told.append(
            {
                "telling_id": notice.telling_id, "person_id": person.pk, "channel": channel, "status": row.status,
                "seen_at": None, "answered_at": None, "address__team_id": None,
            }
        )  # fmt: skip
    return fresh
