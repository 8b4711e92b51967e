"""Takes what a messenger delivered: messages become signals, news about messages is kept and settled by a worker.

Owns `ChannelUpdate` rows and what an edit, a deletion or a reaction does. Nothing is understood here, and nothing is
lost: news about a message that is not there yet waits for it.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.db import transaction

from core import clock, due
from core.wake import wake
from exceptions_app.channels.messages import Inbound, Kind, Part
from exceptions_app.models import (
    ChannelUpdate,
    EventKind,
    ExceptionRecord,
    SentMessage,
    Signal,
    SignalReading,
    Source,
    UpdateKind,
)
from exceptions_app.models.signals import ReadingStatus
from exceptions_app.services.channels.attachments import Enclosure
from exceptions_app.services.channels.people import person_at, whoever_sent
from exceptions_app.services.channels.receive import Received, receive_later, redact_signal
from exceptions_app.services.records.moves import locked
from exceptions_app.services.records.story import announce, record_event

#: How long news waits for the message it is about; deliveries overtake each other by seconds.
LONGEST_WAIT = timedelta(minutes=2)
PAUSE = timedelta(seconds=5)
_SETTLED_HERE = (UpdateKind.EDIT, UpdateKind.DELETE, UpdateKind.REACTION)


def take_messages(*, source: Source, inbound: Iterable[Inbound]) -> list[Received]:
    """Store everything one delivery holds, all or nothing; returns what became signals, in order.

    A message is received once per id like any other, its enclosures by reference; an edit, a deletion, a reaction or a
    receipt is kept as news, once per id. The worker is woken; nothing is read here. No lock is kept.
    """
    received = []
    with transaction.atomic():
        for one in inbound:
            if one.kind == Kind.MESSAGE or (one.kind == Kind.EDIT and not one.target):
                received.append(_message(source, one))
            else:
                _news(source, one)
    return received


def _message(source: Source, one: Inbound) -> Received:
    person = person_at(adapter=source.adapter, address=one.sender) if one.proven else None
    return receive_later(
        source=source,
        external_id=one.external_id,
        text=one.text,
        payload=dict(one.payload),
        occurred_at=None,
        reporter=person,
        reporter_text=one.sender_name,
        channel=one.channel,
        sender=one.sender,
        sender_verified=one.proven,
        conversation=one.conversation,
        reply_to=one.reply_to,
        enclosures=[
            Enclosure(name=part.name, content_type=part.content_type, ref=part.ref) for part in one.parts
        ],
    )


def _news(source: Source, one: Inbound) -> None:
    now = clock.now()
    # Of an edit everything is kept that a message of its own would need, should its message never have reached us.
    kept = (
        {"sender_name": one.sender_name, "proven": one.proven, "conversation": one.conversation,
         "channel": one.channel, "parts": [asdict(part) for part in one.parts]}
        if one.kind == Kind.EDIT
        else {}
    )  # fmt: skip
    _, fresh = ChannelUpdate.objects.get_or_create(
        source=source,
        external_id=one.external_id,
        defaults={
            "kind": one.kind.value,
            "target": one.target,
            "sender": one.sender[:200],
            "text": one.text[:10_000],
            "state": one.state[:20],
            "problem": one.problem[:200],
            "payload": dict(one.payload),
            "message": kept,
            "said_at": one.sent_at,
            "received_at": now,
            "due_at": now,
            "settled_at": now if one.kind == Kind.NOTICE else None,
            "outcome": "kept" if one.kind == Kind.NOTICE else "",
        },
    )
    if fresh and one.kind in (Kind.EDIT, Kind.DELETE, Kind.REACTION):
        wake("messages")
    elif fresh and one.kind == Kind.RECEIPT:
        wake("replies")


def settle_updates(*, limit: int = 100) -> int:
    """Settle due edits, deletions and reactions, each in a transaction of its own; returns how many were looked at.

    An edit of a read message joins its record's story with both texts; of an unread one it is left to the reader; of
    one that opened nothing, or never came, it is read as a message. A deletion empties the message's body (audited).
    Locks the update, then the reading, then the exception.
    """
    done = 0
    while done < limit:
        with transaction.atomic():
            rows = due.claim(
                ChannelUpdate.objects.filter(
                    settled_at__isnull=True, due_at__lte=clock.now(), kind__in=_SETTLED_HERE
                )
                .select_related("source__site")
                .order_by("due_at", "pk"),
                1,
            )
            if not rows:
                break
            update = rows[0]
            outcome = _settle(update)
            if outcome:
                update.settled_at, update.outcome = clock.now(), outcome[:30]
            else:
                update.due_at = clock.now() + PAUSE
            update.save(update_fields=["settled_at", "outcome", "due_at"])
        done += 1
    return done


def _settle(update: ChannelUpdate) -> str:
    """What the news did, in words; empty while it has to wait."""
    about = SignalReading.objects.filter(signal__source=update.source, signal__external_id=update.target)
    # A reader holds its reading first and then settles edits itself: whoever waited here would wait in a circle.
    reading = (
        about.select_for_update(no_key=True, of=("self",), skip_locked=True)
        .select_related("signal__reporter", "signal__source", "exception")
        .first()
    )
    if reading is None and about.exists():
        return ""
    if update.kind == UpdateKind.REACTION:
        return _reacted(update, reading)
    if reading is None:
        if clock.now() - update.received_at < LONGEST_WAIT:
            return ""
        return _as_message(update) if update.kind == UpdateKind.EDIT else "its message never came"
    if update.sender and reading.signal.sender and update.sender != reading.signal.sender:
        return "not from the message's sender"
    if update.kind == UpdateKind.DELETE:
        return _taken_back(reading)
    return _edited(update, reading)


def _edited(update: ChannelUpdate, reading: SignalReading) -> str:
    signal = reading.signal
    if signal.redacted_at is not None:
        ChannelUpdate.objects.filter(pk=update.pk).update(text="", payload={}, message={})
        return "taken back meanwhile"
    if reading.status == ReadingStatus.PENDING:
        return ""
    if reading.exception is None:
        return _as_message(update) if update.text != signal.text else "nothing new"
    record_edit(exception=locked(reading.exception.pk), signal=signal, before=signal.text, after=update.text)
    return "joined the story"


def record_edit(*, exception: ExceptionRecord, signal: Signal, before: str, after: str) -> None:
    """Append to a locked record's story that a message reads differently now, with both texts."""
    record_event(
        exception=exception, kind=EventKind.COMMENTED, actor=signal.reporter, actor_text=signal.reporter_text,
        via=signal.channel, text=f"Edited: “{after[:140]}”, before “{before[:120]}”", signal=signal,
        data={"edit": {"before": before[:2000], "after": after[:2000]}},
    )  # fmt: skip
    announce(exception, kind=EventKind.COMMENTED)


def _as_message(update: ChannelUpdate) -> str:
    kept: dict[str, Any] = update.message
    inbound = Inbound(
        external_id=update.external_id, text=update.text, sender=update.sender, payload=update.payload,
        sender_name=str(kept.get("sender_name", "")), proven=bool(kept.get("proven")),
        conversation=str(kept.get("conversation", "")), channel=str(kept.get("channel", "")), reply_to=update.target,
        parts=tuple(Part(**part) for part in kept.get("parts", [])),
    )  # fmt: skip
    _message(update.source, inbound)
    return "read as a message"


def _taken_back(reading: SignalReading) -> str:
    """Empty a message its sender took back; one nobody has read yet is not read any more."""
    signal = reading.signal
    redact_signal(signal_id=signal.pk, actor=whoever_sent(signal))
    ChannelUpdate.objects.filter(source=signal.source, target=signal.external_id).update(
        text="", payload={}, message={}
    )
    if reading.status == ReadingStatus.PENDING:
        reading.status, reading.read_at, reading.outcome = ReadingStatus.READ, clock.now(), "taken back"
        reading.save(update_fields=["status", "read_at", "outcome"])
        return "never read"
    if reading.exception is not None:
        exception = locked(reading.exception.pk)
        record_event(
            exception=exception, kind=EventKind.COMMENTED, actor=signal.reporter, actor_text=signal.reporter_text,
            via=signal.channel, text="The sender took the message back; its body was emptied", signal=signal,
            data={"taken_back": signal.external_id},
        )  # fmt: skip
        announce(exception, kind=EventKind.COMMENTED)
    return "emptied"


def _reacted(update: ChannelUpdate, reading: SignalReading | None) -> str:
    """A thumb under a message, or under one of ours, is a line in the story; taking it away is nothing."""
    exception_id = reading.exception_id if reading is not None else None
    if exception_id is None:
        sent = SentMessage.objects.filter(source=update.source, message_id=update.target).first()
        exception_id = sent.exception_id if sent is not None else None
    if exception_id is None or not update.text:
        return "nothing to add"
    person = person_at(adapter=update.source.adapter, address=update.sender)
    exception = locked(exception_id)
    record_event(
        exception=exception, kind=EventKind.COMMENTED, actor=person, actor_text=update.sender,
        via=update.source.channel, text=f"{person or update.sender} reacted {update.text[:40]}",
        data={"reaction": update.text[:40]},
    )  # fmt: skip
    announce(exception, kind=EventKind.COMMENTED)
    return "joined the story"


def remember_sent(
    *, source: Source, message_id: str, exception: ExceptionRecord, signal: Signal | None, what: str
) -> SentMessage:
    """Note a message we sent, so that an answer or a reaction to it finds its record. Once per provider's id."""
    row = SentMessage(
        source=source, message_id=message_id[:200], exception=exception, signal=signal, what=what[:20],
        at=clock.now(),
    )  # fmt: skip
    known = (
        SentMessage.objects.filter(source=source, message_id=row.message_id).first()
        if row.message_id
        else None
    )
    if known is not None:
        return known
    row.save()
    return row
