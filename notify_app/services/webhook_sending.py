"""Handing webhooks over: claim (transaction), request (none), outcome (transaction), as with notices.

In order per record and endpoint: a message is claimed only when no earlier one of the same record still waits, so a
failing one holds those after it and no other record's. A sender that dies between the receiver's yes and our record of
it gives its messages back after the lease; they go out again with the same `webhook-id`, by which receivers know them.
"""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Final

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from core import clock, due
from notify_app.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookStatus
from notify_app.services.webhooks import write_messages
from notify_app.webhooks import message
from notify_app.webhooks.posting import Answer, post
from notify_app.webhooks.targets import networks
from plant_app.models import AccessRole, User

logger = logging.getLogger(__name__)

#: Messages of one endpoint, and of all, in the air at once: a receiver that stalls never takes every place.
PER_ENDPOINT: Final = 4
AT_ONCE: Final = 8
#: Longer than any request takes, so that only the messages of a dead sender are given back.
LEASE: Final = timedelta(seconds=60)
#: Seconds one run may take; the next sweep goes on.
LONGEST_RUN: Final = 30.0
PENDING: Final = (WebhookStatus.QUEUED, WebhookStatus.SENDING)
#: How soon administrators are told again when the mail server was away.
_NEXT_NOTICE: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Tried:
    """One try: the message as claimed, when, and what came of it."""

    delivery: WebhookDelivery
    started_at: datetime
    answer: Answer


def send_webhooks(*, limit: int = 400) -> int:
    """Write due events out and send what is due; returns messages tried. Safe to run many at once.

    The receivers are called outside every transaction, several at a time; an endpoint nobody answers at is left alone
    for the rest of the run.
    """
    while write_messages():
        pass
    tried = 0
    away: set[int] = set()
    ends = time.monotonic() + LONGEST_RUN
    while tried < limit and time.monotonic() < ends:
        batch = _claim_batch(away)
        if not batch:
            break
        for one in _send(batch):
            if one.answer.away:
                away.add(one.delivery.endpoint_id)
            _record(one)
        tried += len(batch)
    _tell_administrators()
    return tried


def _claim_batch(away: set[int]) -> list[WebhookDelivery]:
    """A few messages of each endpoint that has any, the one waiting longest first."""
    now = clock.now()
    waiting = (
        WebhookEndpoint.objects.filter(active=True)
        .filter(Q(quiet_until__isnull=True) | Q(quiet_until__lte=now))
        .filter(
            Exists(
                WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), status__in=PENDING, due_at__lte=now)
            )
        )
        .exclude(pk__in=away)
        .order_by(F("failing_since").asc(nulls_first=True), "pk")
    )
    batch: list[WebhookDelivery] = []
    for endpoint in waiting:
        batch += _claim(endpoint, min(PER_ENDPOINT, AT_ONCE - len(batch)))
        if len(batch) >= AT_ONCE:
            break
    return batch


@transaction.atomic
def _claim(endpoint: WebhookEndpoint, limit: int) -> list[WebhookDelivery]:
    now = clock.now()
    earlier = WebhookDelivery.objects.filter(
        endpoint=OuterRef("endpoint"), exception=OuterRef("exception"), event__lt=OuterRef("event"),
        status__in=PENDING,
    )  # fmt: skip
    rows = due.claim(
        WebhookDelivery.objects.filter(endpoint=endpoint, status__in=PENDING, due_at__lte=now)
        .filter(~Exists(earlier))
        .select_related("endpoint")
        .order_by("due_at", "pk"),
        limit,
    )
    for row in rows:
        row.status = WebhookStatus.SENDING
        row.attempts += 1
        row.due_at = now + LEASE
    WebhookDelivery.objects.bulk_update(rows, ["status", "attempts", "due_at"])
    return rows


def _send(batch: list[WebhookDelivery]) -> list[Tried]:
    """All at once, each within its own deadline. The threads see plain values and no database."""
    allowed = networks(settings.WEBHOOK_PRIVATE_NETWORKS)
    now = clock.now()

    def one(url: str, headers: dict[str, str], body: bytes) -> Answer:
        return post(url, headers=headers, body=body, allowed=allowed)

    with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        answers = []
        for row in batch:
            body = row.body.encode()
            headers = message.headers(
                message_id=row.message_id, at=now, body=body, secrets=_keys(row.endpoint, now)
            )
            answers.append(threads.submit(one, row.endpoint.url, headers, body))
        return [Tried(row, now, answer.result()) for row, answer in zip(batch, answers, strict=True)]


def _keys(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    keys = [endpoint.secret]
    if endpoint.previous_secret and endpoint.previous_until is not None and now < endpoint.previous_until:
        keys.append(endpoint.previous_secret)
    return keys


@transaction.atomic
def _record(tried: Tried) -> None:
    """Write down what a try came to. Locks the message, then its endpoint where that changes.

    A try whose lease ran out meanwhile is logged; it settles the message only if the receiver took it.
    """
    answer, now = tried.answer, clock.now()
    row = WebhookDelivery.objects.select_for_update(no_key=True, of=("self",)).get(pk=tried.delivery.pk)
    WebhookAttempt.objects.create(
        delivery=row, number=row.tries.count() + 1, started_at=tried.started_at, finished_at=now,
        status_code=answer.status or None, accepted=answer.accepted, problem=answer.problem[:300],
        excerpt=answer.excerpt,
    )  # fmt: skip
    endpoints = WebhookEndpoint.objects.filter(pk=row.endpoint_id)
    if answer.accepted:
        row.status, row.error = WebhookStatus.DELIVERED, ""
        row.delivered_at = row.settled_at = now
        endpoints.filter(failing_since__isnull=False).update(failing_since=None)
    elif row.status != WebhookStatus.SENDING or row.attempts != tried.delivery.attempts:
        return
    else:
        row.error = (answer.problem or f"answered {answer.status}")[:200]
        endpoints.filter(failing_since__isnull=True).update(failing_since=now)
        _put_back(row, answer, now)
    row.save(update_fields=["status", "error", "delivered_at", "settled_at", "due_at"])


def _put_back(row: WebhookDelivery, answer: Answer, now: datetime) -> None:
    """Due again after a pause, or given up. In memory, but for what concerns the whole endpoint."""
    if answer.gone:
        WebhookEndpoint.objects.filter(pk=row.endpoint_id, active=True).update(
            active=False, disabled_at=now, disabled_why="The receiver answered 410: it wants nothing more.",
            notice_due_at=now,
        )  # fmt: skip
    if answer.gone or now >= row.expires_at:
        row.status, row.settled_at = WebhookStatus.DEAD, now
        return
    wished = message.wish(answer.retry_after, now) if answer.retry_after else None
    if wished is not None and answer.status in (429, 503):
        WebhookEndpoint.objects.filter(pk=row.endpoint_id).update(quiet_until=now + wished)
    wait = max(message.pause(row.attempts), wished or timedelta())
    row.status = WebhookStatus.QUEUED
    # The last try is made at the very end of the 48 hours.
    row.due_at = max(now + (wished or timedelta()), min(now + wait, row.expires_at))


def _tell_administrators() -> None:
    """Mail the administrators of an endpoint's sites that it was switched off; tried until the mail server takes it."""
    now = clock.now()
    for endpoint in WebhookEndpoint.objects.filter(notice_due_at__lte=now):
        # Taken first, so that two runs do not both write; given back when it fails.
        if not WebhookEndpoint.objects.filter(pk=endpoint.pk, notice_due_at=endpoint.notice_due_at).update(
            notice_due_at=now + _NEXT_NOTICE
        ):
            continue
        people = User.objects.filter(
            Q(grants__role=AccessRole.ADMINISTRATOR, grants__site__in=endpoint.sites.all()), is_active=True
        ).exclude(email="")
        address = settings.PUBLIC_URL + reverse("admin:notify_app_webhookendpoint_change", args=[endpoint.pk])
        words = (
            f"The webhook {endpoint.name} ({endpoint.url}) was switched off.\n{endpoint.disabled_why}\n\n"
            f"What waits for it is kept. If the receiver is back, switch it on again: {address}\n"
        )
        try:
            for email in sorted(set(people.values_list("email", flat=True))):
                send_mail(f"Webhook {endpoint.name} was switched off", words, None, [email])
        except (SMTPException, OSError) as error:
            logger.warning("administrators not told of webhook %s: %s", endpoint.name, error)
        else:
            WebhookEndpoint.objects.filter(pk=endpoint.pk).update(notice_due_at=None)
