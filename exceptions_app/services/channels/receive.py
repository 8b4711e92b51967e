"""Takes a signal in: stored before anything else happens, once per sender's id, whatever is killed and whenever.

Owns the raw row and its place in the reader's queue. Must not know what a message means.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction

from core import clock
from core.errors import InvalidInput
from core.wake import wake
from exceptions_app.models import Signal, SignalReading, Source
from exceptions_app.services.channels.attachments import Enclosure, enclose, forget_attachments
from plant_app.models import Device, Site, User

BODY_DIFFERS = "exceptions.signal_body_differs"
LONGEST_TEXT = 100_000
LONGEST_ID = 200


@dataclass(frozen=True)
class Received:
    """A signal that is safely stored. `replayed`: this id had come before and the first answer stands; `flag` is then
    BODY_DIFFERS when the message was not the same.
    """

    signal: Signal
    reading: SignalReading
    replayed: bool
    flag: str = ""


def receive_signal(
    *,
    source: Source,
    external_id: str,
    text: str = "",
    fields: dict[str, Any] | None = None,
    payload: Any = None,
    occurred_at: datetime | None = None,
    reporter: User | None = None,
    reporter_text: str = "",
    device: Device | None = None,
    site: Site | None = None,
    channel: str = "",
    sender: str = "",
    sender_verified: bool = False,
    conversation: str = "",
    reply_to: str = "",
    enclosures: Sequence[Enclosure] = (),
) -> Received:
    """Store one message as it came and queue it to be read; commits in a transaction of its own when none is open.

    Unique per source and `external_id`: a repeat gets the first row back, and the kept answer is flagged when its body
    differs. Nothing is read here, so nothing in a message can lose it. `occurred_at` (aware) is what the sender says.
    `sender` is the address an answer would go to, `conversation` and `reply_to` what the channel says it continues.
    `enclosures` are kept as they came with the signal's own transaction and made safe by a worker.
    InvalidInput `exceptions.external_id` for an empty or overlong id. No lock is kept.
    """
    external_id = external_id.strip()
    if not external_id or len(external_id) > LONGEST_ID:
        raise InvalidInput("exceptions.external_id", f"A signal needs an id of 1 to {LONGEST_ID} characters.")
    text = text.replace("\x00", "")[:LONGEST_TEXT]
    body = {
        "text": text,
        "fields": _plain(fields or {}),
        "payload": _plain(payload if payload is not None else {}),
    }
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    try:
        with transaction.atomic():
            signal = Signal.objects.create(
                source=source,
                external_id=external_id,
                channel=channel or source.channel,
                site=site or source.site,
                received_at=clock.now(),
                occurred_at=occurred_at,
                reporter=reporter,
                reporter_text=reporter_text[:120],
                device=device,
                sender=sender[:200],
                sender_verified=sender_verified,
                conversation=conversation[:200],
                reply_to=reply_to[:200],
                text=text,
                fields=body["fields"],
                payload=body["payload"],
                content_hash=digest,
            )
            reading = SignalReading.objects.create(signal=signal, due_at=clock.now())
            enclose(signal=signal, enclosures=enclosures)
    except IntegrityError as error:
        if "signal_once_per_source" not in str(error):
            raise
        known = _known(source, external_id)
        differs = known.signal.content_hash != digest
        return Received(
            signal=known.signal, reading=known, replayed=True, flag=BODY_DIFFERS if differs else ""
        )
    return Received(signal=signal, reading=reading, replayed=False)


def _known(source: Source, external_id: str) -> SignalReading:
    return SignalReading.objects.select_related("signal", "exception").get(
        signal__source=source, signal__external_id=external_id
    )


def _plain(value: Any) -> Any:
    """JSON without NUL characters, which PostgreSQL cannot store."""
    encoded = json.dumps(value, cls=DjangoJSONEncoder).replace("\\u0000", "")
    return json.loads(encoded)


def receive_later(**message: Any) -> Received:
    """As `receive_signal`, for hooks, mailboxes and files: accepted at once, read by a worker, which is woken."""
    received = receive_signal(**message)
    if not received.replayed:
        wake("signals")
    return received


@transaction.atomic
def redact_signal(*, signal_id: int, actor: User) -> Signal:
    """Empty a signal's body and delete its files, once and for good; envelope, hashes and who did it stay.

    Locks the signal's row, then its attachments; the files are gone once the transaction has committed.
    """
    signal = Signal.objects.select_for_update(no_key=True, of=("self",)).get(pk=signal_id)
    if signal.redacted_at is not None:
        return signal
    signal.text, signal.fields, signal.payload = "", {}, {}
    signal.redacted_at, signal.redacted_by = clock.now(), actor
    signal.save(update_fields=["text", "fields", "payload", "redacted_at", "redacted_by"])
    forget_attachments(signal=signal)
    return signal
