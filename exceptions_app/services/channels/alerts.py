"""What a monitoring tool's alert does to the record its earlier messages opened.

An alert is known by the tool's own key (dedup key, fingerprint), which is the signal's conversation. The same alert
again joins, its end clears, an acknowledgement over there is noted or counts, as the source says. Knows no payloads.
"""

from django.db import transaction

from core.errors import DomainError
from exceptions_app.channels import alerts, mqtt, pagerduty
from exceptions_app.lifecycle import CORRELATES, LIVE
from exceptions_app.models import EventKind, ExceptionRecord, Signal, SignalReading
from exceptions_app.reading.types import Reading
from exceptions_app.services.records.moves import locked
from exceptions_app.services.records.opening import Opened, Report, clear_by_signal, continue_record
from exceptions_app.services.records.story import announce, record_event
from exceptions_app.services.responses.answers import acknowledge
from plant_app.models import User

ALERTING = frozenset({pagerduty.ADAPTER.code, *(one.code for one in alerts.ADAPTERS), *mqtt.BRIDGED})
_ENDED, _SEEN = alerts.INTENTS["resolved"], alerts.INTENTS["acknowledged"]


def is_alert(signal: Signal) -> bool:
    """Whether the signal is one message of an alert that has a key."""
    return bool(signal.conversation) and signal.source.adapter in ALERTING


def follow_alert(*, signal: Signal, found: Reading, report: Report) -> Opened | None:
    """Do what the alert asks of the record its key belongs to; None when it needs reading like any other message.

    The end of an alert nobody knows, or of a record that is over, changes nothing. A record several alerts have joined
    is cleared by the last of them. Locks the record. Runs inside the reading's transaction.
    """
    intent = str(signal.fields.get("intent", ""))
    standing = _standing(signal)
    if intent in (_ENDED, _SEEN) and (standing is None or standing.status not in CORRELATES):
        return Opened(None, "ignored")
    if standing is None:
        return None
    if intent == _ENDED:
        return _ended(standing, signal, found)
    if intent == _SEEN:
        return _acknowledged(standing, signal)
    return continue_record(standing, report)


def _standing(signal: Signal) -> ExceptionRecord | None:
    """The newest record that key has, unless it has ended."""
    newest = (
        SignalReading.objects.filter(
            signal__source=signal.source, signal__conversation=signal.conversation, exception__isnull=False
        )
        .select_related("exception")
        .order_by("-signal__received_at", "-signal_id")
        .first()
    )
    record = newest.exception if newest is not None else None
    return record if record is not None and record.status in LIVE else None


def _ended(standing: ExceptionRecord, signal: Signal, found: Reading) -> Opened:
    exception = locked(standing.pk)
    firing = _others_firing(exception, signal)
    if not firing:
        at = signal.occurred_at or found.occurred_at
        text = signal.text or "The alert is over"
        return Opened(clear_by_signal(exception.pk, signal=signal, actor=None, at=at, text=text), "cleared")
    _note(exception, signal, f"{signal.text or 'One alert'}: over; {firing} of its alerts still firing")
    return Opened(exception, "joined")


def _others_firing(exception: ExceptionRecord, signal: Signal) -> int:
    """How many other alerts of the tool belong to the record and have not ended."""
    newest: dict[str, str] = {}
    rows = (
        SignalReading.objects.filter(exception=exception, signal__source__adapter__in=ALERTING)
        .exclude(signal__conversation="")
        .order_by("signal__received_at", "signal_id")
        .values_list("signal__source_id", "signal__conversation", "signal__fields__intent")
    )
    for source_id, key, intent in rows:
        if intent != _SEEN:
            newest[f"{source_id}/{key}"] = intent
    newest.pop(f"{signal.source_id}/{signal.conversation}", None)
    return sum(intent != _ENDED for intent in newest.values())


def _acknowledged(standing: ExceptionRecord, signal: Signal) -> Opened:
    exception = locked(standing.pk)
    who = signal.reporter_text or signal.source.name
    config = signal.source.config
    actor = None
    if config.get("acknowledges") == "owner":
        actor = User.objects.filter(username=config.get("acknowledger", ""), is_active=True).first()
        why = "" if actor is not None else "the source names no active person to acknowledge for"
    else:
        why = "noted only"
    owner = exception.responses.filter(is_owner=True).first()
    if actor is not None and owner is not None:
        try:
            with transaction.atomic():
                acknowledge(response_id=owner.pk, actor=actor, via=signal.channel)
            return Opened(exception, "answered")
        except DomainError as refusal:
            why = refusal.message
    _note(exception, signal, f"Acknowledged in {who} ({why})")
    return Opened(exception, "joined")


def _note(exception: ExceptionRecord, signal: Signal, text: str) -> None:
    record_event(
        exception=exception, kind=EventKind.JOINED, actor_text=signal.reporter_text, via=signal.channel, text=text,
        signal=signal,
    )  # fmt: skip
    announce(exception, kind=EventKind.JOINED)
