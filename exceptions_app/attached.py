"""Reads of attachments: what came with a record's signals, and who may open one. Writes nothing."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from core.errors import NotFound
from exceptions_app.models import Attachment, AttachmentKind, AttachmentStatus, ExceptionRecord
from plant_app.models import User
from plant_app.selectors import visible_site_ids


def attached_to(signal_ids: Iterable[int]) -> dict[int, list[Attachment]]:
    """Attachments by signal, in their order. One query."""
    found: dict[int, list[Attachment]] = {}
    for row in Attachment.objects.filter(signal_id__in=list(signal_ids)).order_by("signal", "position"):
        found.setdefault(row.signal_id, []).append(row)
    return found


def attachment_for(user: Any, pk: int) -> Attachment:
    """A kept attachment this person may open: of a record they may see, or of a signal of their site without a record.

    NotFound `attachments.not_found` for everything else, other sites' and refused ones alike. Two queries.
    """
    row = None
    if isinstance(user, User) and user.is_active:
        record = Q(signal__reading__exception__in=ExceptionRecord.objects.for_user(user))
        loose = Q(signal__reading__exception=None, signal__site__in=visible_site_ids(user))
        row = (
            Attachment.objects.filter(record | loose, pk=pk, status=AttachmentStatus.KEPT)
            .exclude(file="")
            .first()
        )
    if row is None:
        raise NotFound("attachments.not_found", "There is no such file.")
    return row


def in_words(rows: Iterable[Attachment]) -> str:
    """ "2 photos, 1 voice note" of what is kept or still coming; empty for none."""
    counts = dict.fromkeys(AttachmentKind, 0)
    for row in rows:
        if row.status in (AttachmentStatus.KEPT, AttachmentStatus.PENDING):
            counts[AttachmentKind(row.kind)] += 1
    words = {AttachmentKind.PHOTO: "photo", AttachmentKind.VOICE: "voice note", AttachmentKind.FILE: "file"}
    return ", ".join(
        f"{count} {words[kind]}{'' if count == 1 else 's'}" for kind, count in counts.items() if count
    )
