"""Handing notices over: claim (transaction), provider (none), outcome (transaction); retries lie in the row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused
from typing import Any

from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.db.models import Count, F
from django.template.loader import render_to_string

from core import clock, due
from core.transports import TransportError
from exceptions_app import services as exceptions
from notify_app.models import DeliveryAttempt, Notice, NoticeChannel, NoticeStatus
from notify_app.services.floods import claim_digest
from notify_app.services.links import answer_url
from notify_app.services.telling import record_told, take_tellings

BATCH = 20
MOST_ATTEMPTS = 8
# A sender that died holding a notice gives it back after this; a living one begins no mail it may not finish in time.
LEASE = timedelta(seconds=40)
ENOUGH_FOR_ONE = timedelta(seconds=20)
IN_HAND = (NoticeStatus.QUEUED, NoticeStatus.SENDING)


@dataclass(frozen=True)
class Handed:
    """What one try came to."""

    notice: Notice
    started_at: datetime
    error: TransportError | None


def send_due(*, limit: int = 500) -> int:
    """Take due tellings, record who is told, and send due mail; returns notices sent. Safe to run many at once."""
    take_tellings(limit=limit)
    record_told(limit=limit)
    sent = 0
    while sent < limit:
        batch = _claim(min(BATCH, limit - sent))
        tries = _hand_over([[notice] for notice in batch]) if batch else []
        _record_all(tries)
        _give_back(batch[len(tries) :])
        if not tries:
            break
        sent += len(tries)
    while sent < limit and (held := claim_digest(lease_until=clock.now() + LEASE)):
        _record_all(_hand_over([held]))
        sent += len(held)
    return sent


@transaction.atomic
def _claim(limit: int) -> list[Notice]:
    now = clock.now()
    notices = due.claim(
        Notice.objects.filter(status__in=IN_HAND, channel=NoticeChannel.EMAIL, due_at__lte=now)
        .select_related("person", "exception__site", "exception__type", "response__function", "telling")
        .order_by("urgency_rank", "due_at", "pk"),
        limit,
    )
    for notice in notices:
        notice.status = NoticeStatus.SENDING
        notice.attempts += 1
        notice.due_at = now + LEASE
    Notice.objects.bulk_update(notices, ["status", "attempts", "due_at"])
    return notices


def _hand_over(parcels: Sequence[list[Notice]]) -> list[Handed]:
    """One mail a parcel, one connection for all; a refusal of one message leaves the others alone.

    Returns a result for each notice tried, in order; what the lease left no time for is missing.
    """
    connection = get_connection()
    everything = [notice for parcel in parcels for notice in parcel]
    try:
        connection.open()
    except (SMTPException, OSError) as error:
        away = TransportError(f"mail server away: {error}"[:300])
        return [Handed(notice, clock.now(), away) for notice in everything]
    results = []
    try:
        for parcel in parcels:
            started, refused = clock.now(), None
            if started > parcel[0].due_at - ENOUGH_FOR_ONE:
                break
            try:
                connection.send_messages([_message(parcel[0]) if len(parcel) == 1 else _digest(parcel)])
            except SMTPRecipientsRefused as error:
                refused = TransportError(str(error)[:300], permanent=True)
            except (SMTPException, OSError) as error:
                refused = TransportError(str(error)[:300])
            results += [Handed(notice, started, refused) for notice in parcel]
    finally:
        connection.close()
    return results


def _give_back(notices: Sequence[Notice]) -> None:
    """Let others take what a slow mail server left no time for; it does not count as a try."""
    Notice.objects.filter(pk__in=[notice.pk for notice in notices], status=NoticeStatus.SENDING).update(
        status=NoticeStatus.QUEUED, attempts=F("attempts") - 1, due_at=clock.now()
    )


def _message(notice: Notice) -> EmailMultiAlternatives:
    context = {"notice": notice, "exception": notice.exception, "answer_url": answer_url(notice)}
    message = EmailMultiAlternatives(
        subject=notice.subject,
        body=render_to_string("notify_app/mail.txt", context),
        to=[notice.person.email],
        headers=exceptions.mail_headers(exception=notice.exception, what=f"notice-{notice.pk}"),
    )
    message.attach_alternative(render_to_string("notify_app/mail.html", context), "text/html")
    return message


def _digest(notices: list[Notice]) -> EmailMultiAlternatives:
    """What a flood has held, in one mail, grouped by type and place."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for notice in notices:
        found = notice.exception
        place = found.work_centre or found.area or found.site
        line = {"notice": notice, "exception": found, "answer_url": answer_url(notice)}
        groups.setdefault(f"{found.type.name}, {place}", []).append(line)
    context = {"groups": groups, "count": len(notices), "person": notices[0].person}
    message = EmailMultiAlternatives(
        subject=f"{len(notices)} further exceptions, none of them urgent",
        body=render_to_string("notify_app/digest.txt", context),
        to=[notices[0].person.email],
    )
    message.attach_alternative(render_to_string("notify_app/digest.html", context), "text/html")
    return message


def _record_all(tries: Sequence[Handed]) -> None:
    """Write what the tries came to in one transaction; those whose exception others work on follow, each waiting."""
    busy = _record(tries, wait=False)
    for handed in busy:
        _record([handed], wait=True)


@transaction.atomic
def _record(tries: Sequence[Handed], *, wait: bool) -> list[Handed]:
    """Record tries in the delivery log and on their notices; returns those it left, their exceptions being held.

    Locks the exceptions first, as everybody does, then the notices.
    """
    reached = {
        handed.notice.response_id for handed in tries if handed.error is None and handed.notice.response_id
    }
    if wait:
        done = {exceptions.mark_delivered(response_id=pk).pk for pk in reached}
    else:
        done = exceptions.mark_many_delivered(response_ids=reached)
    left = [
        handed for handed in tries if handed.error is None and handed.notice.response_id in reached - done
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
    Notice.objects.bulk_update(rows, ["status", "sent_at", "error", "due_at", "recorded_at"])
    return left


def _attempt(row: Notice, handed: Handed, number: int, now: datetime) -> DeliveryAttempt:
    error = handed.error
    return DeliveryAttempt(
        notice=row, number=number, started_at=handed.started_at, finished_at=now, delivered=error is None,
        permanent=bool(error and error.permanent), detail=str(error or "accepted by the mail server")[:300],
    )  # fmt: skip


def _outcome(row: Notice, error: TransportError | None, now: datetime) -> None:
    """Sent, failed for good, or due again after a growing pause. In memory."""
    if error is None:
        row.status, row.sent_at, row.error = NoticeStatus.SENT, now, ""
    elif error.permanent or row.attempts >= MOST_ATTEMPTS:
        row.status, row.error = NoticeStatus.FAILED, str(error)[:200]
    else:
        row.status, row.error = NoticeStatus.QUEUED, str(error)[:200]
        row.due_at = now + timedelta(seconds=due.backoff_seconds(row.attempts, first=5, ceiling=600))
    row.recorded_at = row.recorded_at or now
