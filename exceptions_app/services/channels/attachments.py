"""Enclosures of a signal: kept as they came in the signal's own transaction, made safe by a worker, deleted with it.

Owns the attachment rows and their bytes. Must not know what a message means. What the bytes are and how they are made
safe lies in `media`; where they are fetched from in `channels.fetchers`.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from core import clock, due
from core.wake import wake
from exceptions_app.channels.adapters import adapter_of
from exceptions_app.channels.fetchers import FetchFailed, fetcher_for
from exceptions_app.media.photos import redraw
from exceptions_app.media.sniffing import Refused, sniff
from exceptions_app.media.sound import without_metadata
from exceptions_app.models import Attachment, AttachmentKind, AttachmentStatus, Signal, SignalReading
from exceptions_app.services.records.story import announce

logger = logging.getLogger(__name__)

MOST_NAMED = 50  # rows for what is over the limit; a message with more is counted in the last one
MOST_ATTEMPTS = 6
LEASE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Enclosure:
    """One thing sent along: its bytes, or the provider's reference (`ref`) to fetch them by. `size` in bytes, where the
    bytes were too many to take in.
    """

    name: str = ""
    content_type: str = ""
    data: bytes | None = None
    ref: str = ""
    size: int = 0


def enclose(*, signal: Signal, enclosures: Sequence[Enclosure]) -> list[Attachment]:
    """Keep what was sent along, in the caller's transaction. What is over a limit gets a row that says so, no bytes.

    Limits are settings: ATTACHMENT_COUNT pieces, ATTACHMENT_FILE_BYTES each, ATTACHMENT_SIGNAL_BYTES in all. Bytes are
    written before the row is committed: a crash leaves a file nobody points to, never a row without one.
    """
    kept: list[Attachment] = []
    together = 0
    for position, one in enumerate(enclosures[:MOST_NAMED], start=1):
        row = Attachment(
            signal=signal, position=position, kind=kind_of(one.content_type), name=_plain_name(one.name),
            content_type=one.content_type[:100], external_ref=one.ref[:500], received_at=signal.received_at,
            due_at=clock.now(), size=len(one.data) if one.data is not None else one.size,
        )  # fmt: skip
        row.why = _over(position, row.size, together)
        if row.why:
            row.status = AttachmentStatus.REFUSED
        elif one.data is not None:
            together += row.size
            row.sha256 = hashlib.sha256(one.data).hexdigest()
            row.incoming.save("raw", ContentFile(one.data), save=False)
        if position == MOST_NAMED and len(enclosures) > MOST_NAMED:
            row.why = f"{row.why}; {len(enclosures) - MOST_NAMED} more came with it"[:200]
        row.save()
        kept.append(row)
    if any(row.status == AttachmentStatus.PENDING for row in kept):
        wake("attachments")
    return kept


def _over(position: int, size: int, together: int) -> str:
    if position > settings.ATTACHMENT_COUNT:
        return f"more than {settings.ATTACHMENT_COUNT} files came with one message"
    if size > settings.ATTACHMENT_FILE_BYTES:
        return f"larger than {_megabytes(settings.ATTACHMENT_FILE_BYTES)}"
    if together + size > settings.ATTACHMENT_SIGNAL_BYTES:
        return f"the message's files together are larger than {_megabytes(settings.ATTACHMENT_SIGNAL_BYTES)}"
    return ""


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:g} MB"


def _plain_name(name: str) -> str:
    """The sender's name for it without folders and control characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in last if char.isprintable())[:150]


def kind_of(content_type: str) -> AttachmentKind:
    """What the sender says it is; the bytes have the last word when they are made safe."""
    if content_type.startswith("image/"):
        return AttachmentKind.PHOTO
    return AttachmentKind.VOICE if content_type.startswith("audio/") else AttachmentKind.FILE


# --- the worker -----------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Outcome:
    """What became of one piece, before it is written down."""

    status: AttachmentStatus
    why: str = ""
    kind: AttachmentKind = AttachmentKind.FILE
    content_type: str = ""
    name: str = ""
    sha256: str = ""
    data: bytes = b""
    ending: str = ""
    small: bytes = b""
    small_ending: str = ""
    width: int = 0
    height: int = 0
    raw: bytes = field(default=b"", repr=False)
    retry_after: float | None = None


def keep_attachments(*, limit: int = 50) -> int:
    """Fetch and make safe what waits, one piece at a time; returns how many were looked at.

    Each is claimed with a lease in one transaction, worked on in none, and written down in another; a crash between
    lets the lease run out and the next worker begins again. Wakes itself when the limit was reached.
    """
    done = 0
    while done < limit:
        row = _claimed()
        if row is None:
            return done
        _settle(row.pk, row.attempts, _made_safe(row))
        done += 1
    wake("attachments")
    return done


@transaction.atomic
def _claimed() -> Attachment | None:
    waiting = Attachment.objects.filter(status=AttachmentStatus.PENDING, due_at__lte=clock.now())
    rows = due.claim(waiting.select_related("signal__source").order_by("due_at", "pk"), 1)
    if not rows:
        return None
    row = rows[0]
    row.attempts += 1
    row.due_at = clock.now() + LEASE
    row.save(update_fields=["attempts", "due_at"])
    return row


def _made_safe(row: Attachment) -> _Outcome:
    """The piece as it may be kept, or why not. Never raises for what the bytes hold."""
    fetched = not row.incoming
    content_type, name = row.content_type, row.name
    try:
        if row.incoming:
            with row.incoming.open("rb") as file:
                data = file.read()
        elif row.external_ref:
            data, content_type, name = _fetched(row)
            name = _plain_name(row.name or name)
        else:
            raise Refused("nothing came along")
    except Refused as refusal:
        return _Outcome(AttachmentStatus.REFUSED, str(refusal), kind_of(content_type), content_type, name)
    except FetchFailed as failure:
        final = failure.final or row.attempts >= MOST_ATTEMPTS
        status = AttachmentStatus.FAILED if final else AttachmentStatus.PENDING
        return _Outcome(
            status, failure.words, kind_of(content_type), content_type, name, retry_after=failure.retry_after
        )
    except OSError as error:  # the disk, or a connection a fetcher did not put into words
        final = row.attempts >= MOST_ATTEMPTS
        status = AttachmentStatus.FAILED if final else AttachmentStatus.PENDING
        return _Outcome(status, f"{type(error).__name__}: {error}", kind_of(content_type), content_type, name)
    outcome = _checked(data, content_type, name, too_many=row.attempts > MOST_ATTEMPTS)
    outcome.sha256 = hashlib.sha256(data).hexdigest()
    if fetched and outcome.status == AttachmentStatus.REFUSED and len(data) <= settings.ATTACHMENT_FILE_BYTES:
        outcome.raw = data
    return outcome


def _fetched(row: Attachment) -> tuple[bytes, str, str]:
    source = row.signal.source
    adapter = adapter_of(source.adapter)  # its module has registered what it fetches with
    fetcher = fetcher_for(adapter.code) if adapter is not None else None
    if fetcher is None:
        raise FetchFailed("nothing here can fetch files of this channel", final=True)
    return fetcher(source.config, source.secrets, row.external_ref)


def _checked(data: bytes, content_type: str, name: str, *, too_many: bool) -> _Outcome:
    if too_many:  # several workers died over it: whatever it is, it is not tried for ever
        return _Outcome(
            AttachmentStatus.REFUSED,
            "it could not be read in several tries",
            kind_of(content_type),
            content_type,
            name,
        )
    try:
        if len(data) > settings.ATTACHMENT_FILE_BYTES:
            raise Refused(f"larger than {_megabytes(settings.ATTACHMENT_FILE_BYTES)}")
        found = sniff(data, name)
        kind = AttachmentKind(found.family)
        if kind == AttachmentKind.PHOTO:
            large, small = redraw(data)
            return _Outcome(
                AttachmentStatus.KEPT, "", kind, large.content_type, name, data=large.data, ending=large.ending,
                small=small.data, small_ending=small.ending, width=large.width, height=large.height,
            )  # fmt: skip
        safe = without_metadata(data, found.content_type)
    except Refused as refusal:
        return _Outcome(AttachmentStatus.REFUSED, str(refusal), kind_of(content_type), content_type, name)
    return _Outcome(AttachmentStatus.KEPT, "", kind, found.content_type, name, data=safe, ending=found.ending)


@transaction.atomic
def _settle(pk: int, attempt: int, outcome: _Outcome) -> None:
    """Write down what became of a piece. Locks its row; a worker whose lease another took over writes nothing."""
    row = Attachment.objects.select_for_update(no_key=True, of=("self",)).get(pk=pk)
    if row.status != AttachmentStatus.PENDING or row.attempts != attempt:
        return
    row.status, row.why = outcome.status, outcome.why[:200]
    if outcome.status == AttachmentStatus.PENDING:
        wait = outcome.retry_after or due.backoff_seconds(row.attempts, first=10)
        row.due_at = clock.now() + timedelta(seconds=min(wait, 900.0))
        row.save(update_fields=["status", "why", "due_at"])
        return
    row.kind, row.content_type = outcome.kind, outcome.content_type[:100]
    row.name, row.sha256 = outcome.name[:150], outcome.sha256 or row.sha256
    row.width, row.height = outcome.width, outcome.height
    if outcome.data:
        row.size = len(outcome.data)
        row.file.save(f"kept{outcome.ending}", ContentFile(outcome.data), save=False)
    if outcome.small:
        row.thumbnail.save(f"small{outcome.small_ending}", ContentFile(outcome.small), save=False)
    if outcome.status == AttachmentStatus.KEPT and row.incoming:
        # what the camera wrote into the original goes with it
        _delete_later([row.incoming.name])
        row.incoming = ""
    elif outcome.raw and not row.incoming:
        row.incoming.save("raw", ContentFile(outcome.raw), save=False)
    row.save()
    reading = SignalReading.objects.select_related("exception").filter(signal_id=row.signal_id).first()
    if reading is not None and reading.exception is not None:
        announce(reading.exception, kind="attachment")


# --- redaction ------------------------------------------------------------------------------------------------
def forget_attachments(*, signal: Signal) -> int:
    """Delete every file of a signal that is being redacted, refused ones too; returns how many rows.

    In the caller's transaction, which holds the signal's lock; the files go once it has committed. The rows stay with
    their hashes, so that what was removed can still be proven. Locks the rows.
    """
    names: list[str] = []
    rows = list(
        Attachment.objects.select_for_update(no_key=True, of=("self",)).filter(signal=signal).order_by("pk")
    )
    for row in rows:
        names += [str(file.name) for file in (row.incoming, row.file, row.thumbnail) if file]
        row.incoming = row.file = row.thumbnail = ""
        row.status, row.why, row.name, row.external_ref = (
            AttachmentStatus.REDACTED,
            "removed with the message",
            "",
            "",
        )
        row.save()
    _delete_later(names)
    return len(rows)


def _delete_later(names: Sequence[str | None]) -> None:
    """Delete stored files after commit. One that cannot be deleted is logged by name and leaves the others alone."""
    for name in names:
        if name:
            transaction.on_commit(_deleter(name))


def _deleter(name: str) -> Callable[[], None]:
    def delete() -> None:
        try:
            default_storage.delete(name)
        except OSError as error:
            logger.error("attachment file %s could not be deleted: %s", name, error)

    return delete
