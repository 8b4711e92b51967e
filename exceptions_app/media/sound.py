"""A voice note without what its recorder wrote into it: place, device, titles, pictures. The sound stays as it is.

Metadata is blanked in place wherever offsets count (MP4, WAV, WebM, Ogg) and cut off where they do not (MP3). Layouts:
ISO 14496-12 (boxes), RFC 9559 (EBML), RFC 3533 and 7845 (Ogg pages, comment header), ID3v2.4, RIFF chunks.
"""

from collections.abc import Callable
from typing import Final

Cut = Callable[[bytearray], bytes]
_BLANK_BOXES: Final = frozenset({b"udta", b"meta", b"uuid", b"ilst", b"XMP_", b"xml ", b"loci"})
_WALK_BOXES: Final = frozenset({b"moov", b"trak", b"mdia", b"moof", b"traf", b"edts", b"minf"})
_BLANK_CHUNKS: Final = frozenset(
    {b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"_PMX", b"INFO", b"aXML", b"cart"}
)
_SEGMENT, _TAGS, _ATTACHED = 0x18538067, 0x1254C367, 0x1941A469
_DEEPEST: Final = 6


def without_metadata(data: bytes, content_type: str) -> bytes:
    """`data` with its metadata blanked or cut; containers that carry none, and damaged ends, come back as they are."""
    cut = _CUTS.get(content_type)
    return cut(bytearray(data)) if cut is not None else data


# --- ISO base media (MP4, M4A, 3GP) ---------------------------------------------------------------------------
def _mp4(data: bytearray) -> bytes:
    _boxes(data, 0, len(data), 0)
    return bytes(data)


def _boxes(data: bytearray, start: int, end: int, depth: int) -> None:
    at = start
    while at + 8 <= end:
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        kind = bytes(data[at + 4 : at + 8])
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            return
        if kind in _BLANK_BOXES:
            data[at + 4 : at + 8] = b"free"
            data[at + head : at + size] = bytes(size - head)
        elif kind in _WALK_BOXES and depth < _DEEPEST:
            _boxes(data, at + head, at + size, depth + 1)
        at += size


# --- RIFF -----------------------------------------------------------------------------------------------------
def _wav(data: bytearray) -> bytes:
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        body = min(at + 8 + size, len(data))
        if bytes(data[at : at + 4]) in _BLANK_CHUNKS:
            data[at : at + 4] = b"JUNK"
            data[at + 8 : body] = bytes(body - at - 8)
        at += 8 + size + size % 2
    return bytes(data)


# --- MP3, AAC -------------------------------------------------------------------------------------------------
def _mp3(data: bytearray) -> bytes:
    view = bytes(data)
    while view[:3] == b"ID3" and len(view) >= 10:
        size = 0
        for byte in view[6:10]:
            size = size << 7 | byte & 0x7F
        rest = view[10 + size + (10 if view[5] & 0x10 else 0) :]
        if not rest:
            break
        view = rest
    if view[-128:-125] == b"TAG":
        view = view[:-128]
    if len(view) >= 32 and view[-32:-24] == b"APETAGEX":
        size = int.from_bytes(view[-20:-16], "little")
        head = 32 if int.from_bytes(view[-12:-8], "little") & 0x80000000 else 0
        view = view[: max(0, len(view) - size - head)] or view
    return view


# --- WebM -----------------------------------------------------------------------------------------------------
def _webm(data: bytearray) -> bytes:
    at = _element(data, 0)[2] if data else 0
    ident, start, end = _element(data, at)
    if ident != _SEGMENT:
        return bytes(data)
    at = start
    while at < end:
        ident, start, stop = _element(data, at)
        if ident == 0 or stop <= at:
            break
        if ident in (_TAGS, _ATTACHED) and stop - at >= 9:
            # a Void element of the same length: id EC, eight bytes of size
            data[at : at + 9] = b"\xec" + (0x01 << 56 | stop - at - 9).to_bytes(8, "big")
            data[at + 9 : stop] = bytes(stop - at - 9)
        at = stop
    return bytes(data)


def _element(data: bytearray, at: int) -> tuple[int, int, int]:
    """Id, start and end of the body at `at`; id 0 where nothing can be read. An unknown size ends with the data."""
    if at >= len(data) or data[at] == 0:
        return 0, at, at
    width = 9 - data[at].bit_length()
    ident = int.from_bytes(data[at : at + width], "big")
    at += width
    if at >= len(data) or data[at] == 0:
        return 0, at, at
    width = 9 - data[at].bit_length()
    mask = (1 << 7 * width) - 1
    size = int.from_bytes(data[at : at + width], "big") & mask
    start = at + width
    return ident, start, len(data) if size == mask else min(start + size, len(data))


# --- Ogg ------------------------------------------------------------------------------------------------------
def _ogg(data: bytearray) -> bytes:
    """Overwrite the values of the comment header (second packet) and reckon its pages' checksums anew."""
    pages = _pages(data, 8)
    for first, (start, body, end) in enumerate(pages):
        mark = bytes(data[body : body + 8])
        if not (mark == b"OpusTags" or mark[:7] == b"\x03vorbis"):
            continue
        at = body + (8 if mark == b"OpusTags" else 7)
        spans = [(at, end)]
        # the packet goes on in following pages while a page's last segment is full
        for before, (next_start, next_body, next_end) in zip(pages[first:], pages[first + 1 :], strict=False):
            if data[before[1] - 1] != 255 or not data[next_start + 5] & 1:
                break
            spans.append((next_body, next_end))
        _blank_comments(data, spans)
        for page_start, _body, page_end in pages[first : first + len(spans)]:
            data[page_start + 22 : page_start + 26] = bytes(4)
            data[page_start + 22 : page_start + 26] = _crc(data[page_start:page_end]).to_bytes(4, "little")
        del start
        break
    return bytes(data)


def _pages(data: bytearray, most: int) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    at = 0
    while len(found) < most and data[at : at + 4] == b"OggS" and at + 27 <= len(data):
        count = data[at + 26]
        body = at + 27 + count
        end = body + sum(data[at + 27 : body])
        if end > len(data):
            break
        found.append((at, body, end))
        at = end
    return found


def _blank_comments(data: bytearray, spans: list[tuple[int, int]]) -> None:
    """Blank each comment's text after its '=': lengths and names stay, so that every player still reads it."""
    places = [index for start, end in spans for index in range(start, end)]

    def number(at: int) -> int:
        return int.from_bytes(bytes(data[index] for index in places[at : at + 4]), "little")

    at = 4 + number(0)  # the vendor's own words name a program, not a person
    if at + 4 > len(places):
        return
    count, at = number(at), at + 4
    for _ in range(min(count, 1000)):
        if at + 4 > len(places):
            return
        length, at = number(at), at + 4
        said = False
        for index in places[at : at + length]:
            if said:
                data[index] = 0x20
            said = said or data[index] == 0x3D
        at += length


def _table() -> list[int]:
    made = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
        made.append(value)
    return made


_CRC_TABLE: Final = _table()


def _crc(page: bytearray) -> int:
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _CRC_TABLE[value >> 24 ^ byte]
    return value


_CUTS: Final[dict[str, Cut]] = {
    "audio/mp4": _mp4, "video/mp4": _mp4, "audio/wav": _wav, "audio/mpeg": _mp3, "audio/aac": _mp3,
    "audio/webm": _webm, "video/webm": _webm, "audio/ogg": _ogg,
}  # fmt: skip
