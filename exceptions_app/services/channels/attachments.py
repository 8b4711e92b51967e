"""Enclosures of a signal: kept as they came in the signal's own transaction, made safe by a worker.

Owns the attachment rows and their bytes. Must not know what a message means.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.files.base import ContentFile

from core import clock
from core.wake import wake
from exceptions_app.models import Attachment, AttachmentKind, Signal

MOST = 10


@dataclass(frozen=True, slots=True)
class Enclosure:
    """One thing sent along: its bytes, or the provider's reference (`ref`) to fetch them by."""

    name: str = ""
    content_type: str = ""
    data: bytes | None = None
    ref: str = ""


def enclose(*, signal: Signal, enclosures: Sequence[Enclosure]) -> list[Attachment]:
    """Keep what was sent along, in the caller's transaction; at most MOST, the rest is named in the last one's `why`.

    The bytes are written before the row is committed: a crash leaves a file nobody points to, never a row without one.
    """
    kept = []
    for position, one in enumerate(enclosures[:MOST], start=1):
        row = Attachment(
            signal=signal, position=position, kind=kind_of(one.content_type), name=one.name[:150],
            content_type=one.content_type[:100], external_ref=one.ref[:500], received_at=signal.received_at,
            due_at=clock.now(),
        )  # fmt: skip
        if one.data is not None:
            row.incoming.save("raw", ContentFile(one.data), save=False)
        row.save()
        kept.append(row)
    if kept:
        wake("attachments")
    return kept


def kind_of(content_type: str) -> AttachmentKind:
    """What the sender says it is; the bytes have the last word when they are made safe."""
    if content_type.startswith("image/"):
        return AttachmentKind.PHOTO
    return AttachmentKind.VOICE if content_type.startswith("audio/") else AttachmentKind.FILE
