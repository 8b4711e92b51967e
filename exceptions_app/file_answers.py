"""An attachment as an HTTP answer: bytes of ours under headers that let a browser show, play or save them, no more.

Permission is asked before (`attached.attachment_for`). One byte range is honoured, so that people can seek in a voice
note.
"""

import re
from pathlib import Path
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header

from core.errors import NotFound
from exceptions_app.models import Attachment, AttachmentKind

_RANGE: Final = re.compile(r"bytes=(\d{0,12})-(\d{0,12})$")
#: Nothing inside may run, load or be framed, whatever a browser takes it for.
POLICY: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"
MINUTES: Final = 10


def file_answer(request: HttpRequest, attachment: Attachment, *, small: bool = False) -> HttpResponse:
    """The kept file, or its small version. Raises NotFound when there is no small one or the bytes are gone."""
    file = attachment.thumbnail if small else attachment.file
    if not file:
        raise NotFound("attachments.not_found", "There is no such file.")
    try:
        with file.open("rb") as opened:
            data = opened.read()
    except FileNotFoundError as error:
        raise NotFound("attachments.gone", "The file is not there any more.") from error
    content_type = _type_of(attachment, small=small)
    response = _ranged(request, data, content_type)
    shown = attachment.kind != AttachmentKind.FILE
    name = attachment.name or f"{attachment.kind}-{attachment.pk}"
    stem, ending = name.rpartition(".")[0] or name, Path(file.name or "").suffix
    response["Content-Disposition"] = content_disposition_header(not shown, f"{stem}{ending}") or "attachment"
    response["Content-Security-Policy"] = POLICY
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = f"private, max-age={MINUTES * 60}"
    response["Accept-Ranges"] = "bytes"
    return response


def _type_of(attachment: Attachment, *, small: bool) -> str:
    if attachment.kind == AttachmentKind.FILE:
        return "application/octet-stream"  # saved, never shown
    if small:
        return "image/webp" if str(attachment.thumbnail.name).endswith(".webp") else "image/jpeg"
    return attachment.content_type


def _ranged(request: HttpRequest, data: bytes, content_type: str) -> HttpResponse:
    asked = _RANGE.match(request.headers.get("Range", ""))
    if asked is None or not any(asked.groups()):
        return HttpResponse(data, content_type=content_type)
    first, last = asked.groups()
    if first:
        start, end = int(first), min(int(last) if last else len(data), len(data) - 1)
    else:
        start, end = max(0, len(data) - int(last)), len(data) - 1
    if start > end:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
    response = HttpResponse(data[start : end + 1], status=206, content_type=content_type)
    response["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return response
