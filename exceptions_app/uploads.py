"""Files of a multipart request as enclosures: the API's and every form's, in the order they came.

What is over the limit for one file is named without reading it.
"""

import json
from typing import Any, Final

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict

from core.errors import InvalidInput
from exceptions_app.services import Enclosure

DOCUMENT: Final = "signal"
LONGEST_DOCUMENT: Final = 1_000_000


def enclosures_of(files: "MultiValueDict[str, UploadedFile]") -> list[Enclosure]:
    """Every uploaded file that has bytes, whatever its part is called. Browsers send an empty one for no choice."""
    found = []
    for name in files:
        for file in files.getlist(name):
            size = file.size or 0
            if not size and not file.name:
                continue
            large = size > settings.ATTACHMENT_FILE_BYTES
            found.append(
                Enclosure(
                    name=file.name or "", content_type=file.content_type or "", data=None if large else file.read(),
                    size=size,
                )
            )  # fmt: skip
    return found


def document_of(given: Any) -> Any:
    """The JSON document of a multipart request's `signal` part. Raises InvalidInput `signals.document` for another."""
    text = given if isinstance(given, str) else ""
    if not text or len(text) > LONGEST_DOCUMENT:
        raise InvalidInput(
            "signals.document",
            "The part “signal” must hold the message as JSON.",
            "Files go into parts of their own.",
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("signals.document", "The part “signal” is not JSON.") from error
