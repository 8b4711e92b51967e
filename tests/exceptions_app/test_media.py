"""What bytes are and what is left of them: told by the bytes alone, and nothing of the sender's comes through."""

import io
import wave

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from exceptions_app.media.photos import LONGEST_EDGE, THUMB_EDGE, redraw
from exceptions_app.media.sniffing import Refused, sniff
from exceptions_app.media.sound import without_metadata
from tests.exceptions_app import attached_samples as made

KEPT = [
    (made.photo(), "photo", "image/jpeg"),
    (made.photo(kind="PNG"), "photo", "image/png"),
    (made.photo(kind="WEBP"), "photo", "image/webp"),
    (made.photo(kind="GIF"), "photo", "image/gif"),
    (made.photo(kind="BMP"), "photo", "image/bmp"),
    (made.m4a(), "voice", "audio/mp4"),
    (made.mp3(), "voice", "audio/mpeg"),
    (b"\xff\xfb\x90\x00" + bytes(413), "voice", "audio/mpeg"),
    (made.wav(), "voice", "audio/wav"),
    (made.webm(), "voice", "audio/webm"),
    (made.ogg(), "voice", "audio/ogg"),
    (b"#!AMR\n" + b"\x3c" * 32, "voice", "audio/amr"),
    (made.m4a(film=True), "file", "video/mp4"),
    (b"%PDF-1.7\n1 0 obj", "file", "application/pdf"),
    (made.xlsx(), "file", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ISA*00*          *00*", "file", "text/plain"),
    ("MZ-14 läuft wieder".encode(), "file", "text/plain"),
]


@pytest.mark.parametrize(("data", "family", "content_type"), KEPT, ids=lambda value: str(value)[:24])
def test_the_bytes_say_what_they_are(data: bytes, family: str, content_type: str) -> None:
    found = sniff(data, "anything.exe")
    assert (found.family, found.content_type) == (family, content_type)


REFUSED = [
    (b"", "empty"),
    (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "SVG"),
    (b"<?xml version='1.0'?>\n<!-- hello -->\n<svg/>", "SVG"),
    (b"\xef\xbb\xbf  <!DOCTYPE html><title>x</title>", "HTML"),
    ("<html><script>x()</script>".encode("utf-16"), "HTML"),
    (b"MZ\x90\x00\x03\x00\x00\x00", "programs"),
    (b"\x7fELF\x02\x01\x01\x00", "programs"),
    (b"#!/bin/sh\nrm -rf /\n", "scripts"),
    (b"<?php system($_GET[0]); ?>", "scripts"),
    (made.xlsx(macros=True), "macros"),
    (b"PK\x03\x04 not really", "damaged"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64), "macros"),
    (made.heic(), "HEIC"),
    (b"\x00\x01\x02\x03 something else", "nobody here knows"),
]


@pytest.mark.parametrize(("data", "why"), REFUSED, ids=[why for _data, why in REFUSED])
def test_what_may_not_be_kept_is_refused_in_words(data: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        sniff(data, "photo.jpg")


def test_a_photo_comes_out_upright_small_and_without_a_word_of_the_camera() -> None:
    large, small = redraw(made.photo(4000, 3000, turned=True))
    assert made.SECRET not in large.data + small.data
    with Image.open(io.BytesIO(large.data)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (LONGEST_EDGE * 3 // 4, LONGEST_EDGE))
        assert dict(picture.getexif()) == {}
        assert "comment" not in picture.info
        # turned clockwise, the red left half lies on top
        red, _green, blue = picture.convert("RGB").getpixel((picture.width // 2, 40))  # type: ignore[misc]
        assert red > 150 > blue
    assert (large.width, large.height) == (LONGEST_EDGE * 3 // 4, LONGEST_EDGE)
    assert max(small.width, small.height) == THUMB_EDGE
    assert len(small.data) < len(large.data)


def test_a_see_through_picture_stays_so() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (40, 30), (10, 200, 10, 90)).save(out, "PNG")
    large, _small = redraw(out.getvalue())
    assert (large.content_type, large.ending) == ("image/webp", ".webp")
    with Image.open(io.BytesIO(large.data)) as picture:
        assert picture.mode == "RGBA"


@pytest.mark.parametrize(
    "data", [made.bomb(), made.photo()[:900], b"\xff\xd8\xff" + bytes(50)], ids=["bomb", "cut", "noise"]
)
def test_a_picture_that_cannot_be_or_must_not_be_decoded_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match=r"million pixels|damaged"):
        redraw(data)


@pytest.mark.parametrize(
    ("data", "content_type", "sound"),
    [
        (made.m4a(), "audio/mp4", b"\x11\x22" * 200),
        (made.mp3(), "audio/mpeg", b"\xff\xfb\x90\x00" + bytes(413)),
        (made.wav(), "audio/wav", b"\x01\x00" * 800),
        (made.webm(), "audio/webm", b"\x55" * 64),
        (made.ogg(), "audio/ogg", b"\x33" * 90),
    ],
    ids=["m4a", "mp3", "wav", "webm", "ogg"],
)
def test_a_recording_keeps_its_sound_and_loses_the_rest(data: bytes, content_type: str, sound: bytes) -> None:
    assert made.SECRET in data
    safe = without_metadata(data, content_type)
    assert made.SECRET not in safe
    assert b"+47.55" not in safe
    assert sound in safe
    assert sniff(safe).content_type == content_type
    if content_type != "audio/mpeg":  # offsets inside the container still hold
        assert len(safe) == len(data)


def test_a_blanked_wav_still_plays_and_an_ogg_page_still_checks() -> None:
    with wave.open(io.BytesIO(without_metadata(made.wav(), "audio/wav"))) as file:
        assert file.getnframes() == 800
    safe = without_metadata(made.ogg(), "audio/ogg")
    at, pages = 0, 0
    while at < len(safe):
        end = at + 27 + safe[at + 26] + sum(safe[at + 27 : at + 27 + safe[at + 26]])
        page = safe[at:end]
        assert int.from_bytes(page[22:26], "little") == made.ogg_crc(page[:22] + bytes(4) + page[26:])
        at, pages = end, pages + 1
    assert pages == 3


MARKS = [data[:24] for data, _family, _type in KEPT] + [data[:24] for data, _why in REFUSED]


@settings(max_examples=300, deadline=1000)
@given(head=st.sampled_from(MARKS), rest=st.binary(max_size=400))
def test_no_bytes_break_the_reader(head: bytes, rest: bytes) -> None:
    data = head + rest
    try:
        found = sniff(data)
        assert found.family in {"photo", "voice", "file"}
        if found.family == "photo":
            redraw(data)
        else:
            without_metadata(data, found.content_type)
    except Refused:
        return  # said in words; anything else that is raised fails the test


@settings(max_examples=200, deadline=1000)
@given(
    which=st.integers(0, 4), cut=st.integers(0, 1200), noise=st.binary(max_size=30), at=st.integers(0, 600)
)
def test_damaged_recordings_never_raise(which: int, cut: int, noise: bytes, at: int) -> None:
    data, content_type = [
        (made.m4a(), "audio/mp4"), (made.mp3(), "audio/mpeg"), (made.wav(), "audio/wav"), (made.webm(), "audio/webm"),
        (made.ogg(), "audio/ogg"),
    ][which]  # fmt: skip
    broken = (data[:at] + noise + data[at + len(noise) :])[: len(data) - cut % max(1, len(data))]
    assert len(without_metadata(broken, content_type)) <= len(broken)
