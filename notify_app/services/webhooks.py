"""Webhooks as people and the story ask for them: events written out as messages, keys replaced, messages sent again.

Sending lies in `webhook_sending`. PostgreSQL notes each event as due in the event's own transaction, so nothing that
happened can be missed; here it becomes one message per endpoint that wants it.
"""

import json
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from core import clock
from core.errors import InvalidInput, NotFound, TransitionRefused
from core.wake import wake
from exceptions_app.channels.webhook import new_secret
from exceptions_app.models import EventKind, ExceptionEvent, ExceptionRecord
from notify_app.models import WebhookDelivery, WebhookDue, WebhookEndpoint, WebhookStatus
from notify_app.webhooks import message
from plant_app.models import User

#: One writer at a time, so that messages of one record never overtake each other. A number of our own.
_WRITERS_LOCK: Final = 7_265_091
#: What lies further back than this when an endpoint is made was lived through before it: history, no news.
_HISTORY: Final = timedelta(days=1)
#: What of an event's data goes along: names and numbers, no words of people.
_DETAILS: Final = ("function", "level", "option", "decision", "task", "posting", "number")
_CHANGES: Final = (
    EventKind.URGENCY_CHANGED,
    EventKind.WINDOW_CHANGED,
    EventKind.REOPENED,
)
_POSTINGS: Final = (EventKind.POSTING_QUEUED, EventKind.POSTING_SETTLED)
_MOMENTS: Final = (
    "occurred_at", "captured_at", "acknowledged_at", "aligned_at", "contained_at", "decided_at", "cleared_at",
    "resolved_at", "closed_at", "cancelled_at", "window_until",
)  # fmt: skip


@transaction.atomic
def write_messages(*, limit: int = 500) -> int:
    """Turn due events into messages, oldest first; returns events written out.

    One caller at a time (an advisory lock; whoever comes second returns 0). Events of one record commit in the order of
    their numbers, because each is written under the record's lock; so are their messages.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_WRITERS_LOCK])
        if not cursor.fetchone()[0]:
            return 0
    dues = list(
        WebhookDue.objects.select_related(
            "event__exception__site", "event__exception__type", "event__exception__area",
            "event__exception__work_centre", "event__exception__work_unit", "event__exception__owner_function",
            "event__exception__parent", "event__exception__merged_into",
        ).order_by("event_id")[:limit]
    )  # fmt: skip
    if not dues:
        return 0
    listeners = [
        (endpoint, {site.pk for site in endpoint.sites.all()}, {kind.pk for kind in endpoint.types.all()})
        for endpoint in WebhookEndpoint.objects.filter(active=True).prefetch_related("sites", "types")
    ]
    rows = [
        _row(endpoint, due.event, sites)
        for due in dues
        for endpoint, sites, types in listeners
        if _wants(endpoint, due.event, sites, types)
    ]
    WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    WebhookDue.objects.filter(pk__in=[due.pk for due in dues]).delete()
    return len(dues)


def _wants(endpoint: WebhookEndpoint, event: ExceptionEvent, sites: set[int], types: set[int]) -> bool:
    exception = event.exception
    return (
        exception.site_id in sites
        and (not types or exception.type_id in types)
        and event.kind in message.PUBLISHED
        and (not endpoint.kinds or event.kind in endpoint.kinds)
        and event.at >= endpoint.created_at - _HISTORY
    )


def _row(endpoint: WebhookEndpoint, event: ExceptionEvent, sites: set[int]) -> WebhookDelivery:
    now = clock.now()
    kind = message.type_of(event.kind)
    return WebhookDelivery(
        endpoint=endpoint, event=event, exception=event.exception, message_id=f"msg_{uuid4().hex}", type=kind,
        body=_text(kind, event.at, {"event": _event(event), "exception": _state(event.exception, sites)}),
        created_at=now, due_at=now, expires_at=now + message.TRIED_FOR,
    )  # fmt: skip


def _text(kind: str, at: datetime, data: dict[str, Any]) -> str:
    said = {"type": kind, "timestamp": at.isoformat(), "data": data}
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False)


def _event(event: ExceptionEvent) -> dict[str, Any]:
    """The event by name and number; details only where they are codes."""
    names = [*_DETAILS]
    if event.kind in _CHANGES:
        names += ["from", "to"]
    if event.kind in _POSTINGS:
        names += ["kind", "status"]
    details = {
        name: event.data[name]
        for name in names
        if isinstance(event.data, dict) and isinstance(event.data.get(name), str | int | float)
    }
    return {"id": event.pk, "kind": event.kind, "via": event.via, "details": details}


def _state(exception: ExceptionRecord, sites: set[int]) -> dict[str, Any]:
    """The record as it stands when the message is written; another one is named only if the endpoint may know it."""

    def ref(other: ExceptionRecord | None) -> str | None:
        return other.ref if other is not None and other.site_id in sites else None

    def code(place: Any) -> str | None:
        return place.code if place is not None else None

    moments = {name: getattr(exception, name) for name in _MOMENTS}
    return {
        "ref": exception.ref,
        "url": settings.PUBLIC_URL + reverse("exception", args=[exception.ref]),
        "title": exception.title,
        "type": exception.type.code,
        "status": exception.status,
        "severity": exception.severity,
        "urgency": exception.urgency,
        "version": exception.version,
        "site": exception.site.code,
        "area": code(exception.area),
        "work_centre": code(exception.work_centre),
        "work_unit": code(exception.work_unit),
        "owner_function": exception.owner_function.code,
        "parent": ref(exception.parent),
        "merged_into": ref(exception.merged_into),
        **{name: at.isoformat() if at is not None else None for name, at in moments.items()},
    }


@transaction.atomic
def send_test(*, endpoint_id: int) -> WebhookDelivery:
    """Queue a test message (`webhook.test`) and wake the sender.

    Raises NotFound, and TransitionRefused while the endpoint is switched off.
    """
    endpoint = _endpoint(endpoint_id)
    if not endpoint.active:
        raise TransitionRefused("webhooks.off", "This endpoint is switched off; switch it on first.")
    now = clock.now()
    sites = sorted(endpoint.sites.values_list("code", flat=True))
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint, message_id=f"msg_{uuid4().hex}", type=message.TEST, created_at=now, due_at=now,
        body=_text(message.TEST, now, {"endpoint": endpoint.name, "sites": sites}),
        expires_at=now + message.TRIED_FOR,
    )  # fmt: skip
    wake("webhooks")
    return delivery


@transaction.atomic
def rotate_secret(*, endpoint_id: int, secret: str = "") -> WebhookEndpoint:
    """Replace the key, by `secret` or a fresh one; the old one signs beside it for 24 hours.

    Raises InvalidInput for a key the scheme's libraries refuse, NotFound for no such endpoint. Locks the endpoint.
    """
    fresh = secret.strip() or new_secret()
    fault = message.secret_fault(fresh)
    if fault:
        raise InvalidInput("webhooks.key", fault)
    endpoint = _endpoint(endpoint_id)
    if fresh == endpoint.secret:
        return endpoint
    endpoint.previous_secret, endpoint.secret = endpoint.secret, fresh
    endpoint.previous_until = clock.now() + message.OVERLAP
    endpoint.save(update_fields=["secret", "previous_secret", "previous_until"])
    return endpoint


@transaction.atomic
def switch_on(*, endpoint_id: int) -> WebhookEndpoint:
    """Let an endpoint hear again, and have what waited for it sent. Raises NotFound. Locks the endpoint."""
    endpoint = _endpoint(endpoint_id)
    endpoint.active, endpoint.disabled_at, endpoint.disabled_why = True, None, ""
    endpoint.notice_due_at = endpoint.quiet_until = None
    endpoint.save(update_fields=["active", "disabled_at", "disabled_why", "notice_due_at", "quiet_until"])
    wake("webhooks")
    return endpoint


@transaction.atomic
def replay(*, delivery_id: int, actor: User) -> WebhookDelivery:
    """Send one settled message again, with its id and text; it is tried for another 48 hours.

    Raises NotFound, and TransitionRefused while it is still being tried. Locks the message.
    """
    rows = WebhookDelivery.objects.select_for_update(no_key=True, of=("self",))
    delivery = rows.select_related("endpoint").filter(pk=delivery_id).first()
    if delivery is None:
        raise NotFound("webhooks.none", "There is no such message.")
    if delivery.settled_at is None:
        raise TransitionRefused("webhooks.pending", "This message is still being tried.")
    _again([delivery], actor)
    return delivery


@transaction.atomic
def replay_failed(*, endpoint_id: int, since: datetime, actor: User) -> int:
    """Send everything given up at or after `since` (aware) again, in order; returns how many. Locks the messages."""
    endpoint = _endpoint(endpoint_id)
    rows = list(
        WebhookDelivery.objects.select_for_update(no_key=True, of=("self",))
        .filter(endpoint=endpoint, status=WebhookStatus.DEAD, settled_at__gte=since)
        .order_by("pk")
    )
    _again(rows, actor)
    return len(rows)


def _again(rows: list[WebhookDelivery], actor: User) -> None:
    now = clock.now()
    for row in rows:
        row.status, row.attempts, row.error = WebhookStatus.QUEUED, 0, ""
        row.due_at, row.expires_at, row.settled_at = now, now + message.TRIED_FOR, None
        row.replayed_at, row.replayed_by = now, actor
    WebhookDelivery.objects.bulk_update(
        rows,
        ["status", "attempts", "error", "due_at", "expires_at", "settled_at", "replayed_at", "replayed_by"],
    )
    wake("webhooks")


def _endpoint(pk: int) -> WebhookEndpoint:
    found = WebhookEndpoint.objects.select_for_update(no_key=True, of=("self",)).filter(pk=pk).first()
    if found is None:
        raise NotFound("webhooks.endpoint", "There is no such endpoint.")
    return found
