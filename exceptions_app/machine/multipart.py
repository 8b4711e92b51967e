"""The parts of a lasting multipart answer (RFC 2046, x-mixed-replace), taken apart as its bytes arrive. Pure."""

import re
from typing import Final

from exceptions_app.machine.topics import BadPayload

MOST_HEADER: Final = 8192
_BOUNDARY: Final = re.compile(r"boundary\s*=\s*(?:\"([^\"]{1,100})\"|([^\s;,\"]{1,100}))", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"^content-length:[ \t]*(\d{1,12})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


def boundary_of(content_type: str) -> str:
    """The boundary a multipart content type names; empty for anything else."""
    if not content_type.strip().casefold().startswith("multipart/"):
        return ""
    found = _BOUNDARY.search(content_type)
    return (found[1] or found[2]).removeprefix("--") if found else ""


class Parts:
    """Feeds of bytes in, whole bodies out. BadPayload for a part beyond `most` bytes or a header without end."""

    def __init__(self, boundary: str, *, most: int) -> None:
        self._mark = b"--" + boundary.encode("latin-1", "replace")
        self._most = most
        self._buffer = bytearray()
        self._length: int | None = None
        self._inside = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The bodies that are whole now, in order."""
        self._buffer += chunk
        done: list[bytes] = []
        while (body := self._next()) is not None:
            if body.strip():
                done.append(body)
        if len(self._buffer) > self._most + MOST_HEADER:
            raise BadPayload(f"a part has at most {self._most} bytes")
        return done

    def _next(self) -> bytes | None:
        if not self._inside and not self._enter():
            return None
        if self._length is not None:
            if len(self._buffer) < self._length:
                return None
            end = self._length
        else:
            end = self._buffer.find(self._mark)
            if end < 0:
                return None
        body = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._inside = False
        return body

    def _enter(self) -> bool:
        """Step over the boundary and the header of the next part."""
        start = self._buffer.find(self._mark)
        if start < 0:
            if len(self._buffer) > MOST_HEADER:
                raise BadPayload("the answer is not in the parts it announced")
            return False
        ends = [
            (at, len(blank))
            for blank in (b"\r\n\r\n", b"\n\n")
            if (at := self._buffer.find(blank, start + len(self._mark))) >= 0
        ]
        if not ends:
            if len(self._buffer) - start > MOST_HEADER:
                raise BadPayload("the header of a part has no end")
            return False
        at, width = min(ends)
        found = _LENGTH.search(bytes(self._buffer[start:at]))
        self._length = int(found[1]) if found else None
        if self._length is not None and self._length > self._most:
            raise BadPayload(f"a part has at most {self._most} bytes")
        del self._buffer[: at + width]
        self._inside = True
        return True
