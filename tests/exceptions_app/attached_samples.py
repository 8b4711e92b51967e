"""Photos, sounds and files made here, with the things in them that must not come through."""

import io
import struct
import wave
import zipfile
import zlib

from PIL import Image

GPS_IFD = 0x8825
MAKE, ORIENTATION = 0x010F, 0x0112
SECRET = b"Rheinfelden shed 7"


def photo(width: int = 640, height: int = 480, *, kind: str = "JPEG", turned: bool = False) -> bytes:
    """A picture, left half red and right half blue; a JPEG carries camera, place and (`turned`) an orientation."""
    drawn = Image.new("RGB", (width, height), (200, 20, 20))
    drawn.paste((20, 20, 200), (width // 2, 0, width, height))
    out = io.BytesIO()
    if kind != "JPEG":
        drawn.save(out, kind)
        return out.getvalue()
    exif = Image.Exif()
    exif[MAKE] = SECRET.decode()
    if turned:
        exif[ORIENTATION] = 6  # the camera was held upright: shown turned by 90 degrees
    place = exif.get_ifd(GPS_IFD)
    place[1], place[2], place[3], place[4] = "N", (47.0, 33.0, 0.0), "E", (7.0, 47.0, 0.0)
    drawn.save(out, "JPEG", exif=exif, comment=SECRET)
    return out.getvalue()


def box(kind: bytes, body: bytes) -> bytes:
    """One ISO base media box."""
    return struct.pack(">I", len(body) + 8) + kind + body


def m4a(*, film: bool = False) -> bytes:
    """A recording as a phone writes it: sound in `mdat`, the place in `moov/udta`, titles in `moov/meta`."""
    handler = b"vide" if film else b"soun"
    hdlr = box(b"hdlr", bytes(4) + bytes(4) + handler + bytes(12) + b"x\0")
    trak = box(b"trak", box(b"mdia", hdlr) + box(b"udta", box(b"name", SECRET)))
    udta = box(b"udta", box(b"\xa9xyz", struct.pack(">HH", 18, 0) + b"+47.5500+007.7900/"))
    moov = box(b"moov", trak + udta + box(b"meta", bytes(4) + SECRET))
    ftyp = box(b"ftyp", b"M4A " + bytes(4) + b"M4A mp42")
    return ftyp + moov + box(b"mdat", b"\x11\x22" * 200)


def mp3() -> bytes:
    """Ten silent frames between an ID3v2 head and an ID3v1 tail."""
    frame = b"\xff\xfb\x90\x00" + bytes(413)
    body = b"TIT2" + struct.pack(">I", len(SECRET)) + bytes(2) + SECRET
    size = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00\x00" + size + body + frame * 10 + b"TAG" + SECRET.ljust(125, b"\0")


def wav() -> bytes:
    """A tenth of a second, with a LIST chunk that names the recorder."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\x01\x00" * 800)
    info = b"INFOIART" + struct.pack("<I", len(SECRET)) + SECRET
    whole = bytearray(out.getvalue() + b"LIST" + struct.pack("<I", len(info)) + info)
    whole[4:8] = struct.pack("<I", len(whole) - 8)
    return bytes(whole)


def _vint(size: int) -> bytes:
    return (0x01 << 56 | size).to_bytes(8, "big")


def webm() -> bytes:
    """EBML head and a segment with tracks, one cluster, and tags that hold a place."""

    def element(ident: str, body: bytes) -> bytes:
        return bytes.fromhex(ident) + _vint(len(body)) + body

    head = element("1A45DFA3", element("4282", b"webm"))
    tracks = element("1654AE6B", element("AE", element("86", b"A_OPUS")))
    tags = element("1254C367", element("7373", element("67C8", element("4487", SECRET))))
    return head + element("18538067", tracks + tags + element("1F43B675", b"\x55" * 64))


def ogg_crc(page: bytes) -> int:
    """The checksum of an Ogg page, reckoned bit by bit (another way than the product's table)."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ 0x04C11DB7 if value & 0x80000000 else value << 1
            value &= 0xFFFFFFFF
    return value


def ogg() -> bytes:
    """An Opus voice note: head, tags with a place, one page of sound."""

    def page(number: int, body: bytes, kind: int = 0) -> bytes:
        head = b"OggS\0" + bytes([kind]) + bytes(8) + struct.pack("<II", 7, number) + bytes(4)
        whole = bytearray(head + bytes([1, len(body)]) + body)
        whole[22:26] = ogg_crc(bytes(whole)).to_bytes(4, "little")
        return bytes(whole)

    said = b"LOCATION=" + SECRET
    tags = b"OpusTags" + struct.pack("<I", 4) + b"vend" + struct.pack("<II", 1, len(said)) + said
    return page(0, b"OpusHead" + bytes(11), 2) + page(1, tags) + page(2, b"\x33" * 90, 4)


def xlsx(*, macros: bool = False) -> bytes:
    """The least of a workbook."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        if macros:
            archive.writestr("xl/vbaProject.bin", b"\x00")
    return out.getvalue()


def heic() -> bytes:
    """The first box of an iPhone's picture."""
    return box(b"ftyp", b"heic" + bytes(4) + b"mif1heic") + bytes(64)


def bomb() -> bytes:
    """A PNG of few bytes that says it is 30,000 pixels square."""
    out = io.BytesIO()
    Image.new("1", (64, 64)).save(out, "PNG")
    made = bytearray(out.getvalue())
    made[16:24] = struct.pack(">II", 30_000, 30_000)
    made[29:33] = struct.pack(">I", zlib.crc32(bytes(made[12:29])))
    return bytes(made)
