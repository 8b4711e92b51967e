"""What came with a record's reports, as its page shows it: photos, voice notes, files, and what was refused and why.

Two queries at most. Who may open a file is asked again when it is opened.
"""

from dataclasses import dataclass, field
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext

from core.languages import label
from exceptions_app.attached import attached_to, in_words
from exceptions_app.models import (
    Attachment,
    AttachmentKind,
    AttachmentStatus,
    ExceptionRecord,
    Signal,
    SignalReading,
)
from exceptions_app.services import TALK

_ICONS: Final = {
    AttachmentKind.PHOTO: "camera",
    AttachmentKind.VOICE: "mic",
    AttachmentKind.FILE: "file-text",
}
_WAITS: Final = "is being made safe"


@dataclass(frozen=True)
class Piece:
    """One photo, voice note or file. `url` is empty while it cannot be opened; `said` then says why."""

    id: int
    kind: str
    name: str
    icon: str
    url: str = ""
    small_url: str = ""
    width: int = 0
    height: int = 0
    size: str = ""
    said: str = ""
    bad: bool = False


@dataclass(frozen=True)
class Group:
    """What one report brought along."""

    lead: str
    photos: list[Piece] = field(default_factory=list)
    voices: list[Piece] = field(default_factory=list)
    files: list[Piece] = field(default_factory=list)
    others: list[Piece] = field(default_factory=list)


def attached(exception: ExceptionRecord) -> list[Group]:
    """Groups in the order the reports came; reports that brought nothing are left out."""
    readings = list(
        SignalReading.objects.filter(exception=exception)
        .exclude(outcome=TALK)  # shown where they were said
        .select_related("signal__source", "signal__reporter")
        .order_by("signal__received_at", "pk")
    )
    rows = attached_to(one.signal_id for one in readings)
    several = len(readings) > 1
    return [_group(one.signal, rows[one.signal_id], several) for one in readings if one.signal_id in rows]


def _group(signal: Signal, rows: list[Attachment], several: bool) -> Group:
    words = in_words(rows)
    who = str(signal.reporter or signal.reporter_text or signal.source)
    words = words or gettext("Sent along")
    lead = gettext("{what}, from {who}").format(what=words, who=who) if several else words
    group = Group(lead)
    for row in rows:
        piece = piece_of(row)
        if not piece.url:
            group.others.append(piece)
        elif row.kind == AttachmentKind.PHOTO:
            group.photos.append(piece)
        elif row.kind == AttachmentKind.VOICE:
            group.voices.append(piece)
        else:
            group.files.append(piece)
    return group


def piece_of(row: Attachment) -> Piece:
    """One attachment as a page shows it."""
    kind = AttachmentKind(row.kind)
    name = row.name or label(kind.label)
    if not row.shown:
        waits = row.status == AttachmentStatus.PENDING
        said = (
            (row.why and gettext("tried again soon: {why}").format(why=row.why)) or label(_WAITS)
            if waits
            else row.why
        )
        if row.status == AttachmentStatus.REFUSED:
            said = gettext("not taken: {why}").format(why=row.why)
        return Piece(row.pk, row.kind, name, "hourglass" if waits else "ban", said=said, bad=not waits)
    return Piece(
        row.pk, row.kind, name, _ICONS[kind], url=reverse("attachment", args=[row.pk]),
        small_url=reverse("attachment-small", args=[row.pk]) if row.thumbnail else "", width=row.width,
        height=row.height, size=size_words(row.size),
    )  # fmt: skip


def size_words(size: int) -> str:
    """ "820 kB", "3.4 MB"."""
    return f"{max(1, round(size / 1000))} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
