"""A photo made safe: decoded with limits, turned upright, drawn anew without a word of what the camera wrote into it.

Owns sizes and qualities. What comes out holds pixels only: no place, no device, no second file behind the picture.
"""

import io
import warnings
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageCms, ImageOps

from exceptions_app.media.sniffing import Refused

LONGEST_EDGE: Final = 2048
THUMB_EDGE: Final = 320
MOST_PIXELS: Final = 60_000_000  # a phone's 50-megapixel picture, and no more
FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "MPO")


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture, its ending with the dot, and its size in pixels."""

    data: bytes
    content_type: str
    ending: str
    width: int
    height: int


def redraw(data: bytes) -> tuple[Picture, Picture]:
    """The photo and its small version, encoded anew (JPEG, or WebP where parts are see-through).

    Raises Refused for pictures that are damaged, unknown, or larger than MOST_PIXELS before anything is decoded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise Refused(f"the picture has more than {MOST_PIXELS // 1_000_000} million pixels")
                # JPEG can be decoded at a fraction of its size, which saves most of the work
                opened.draft("RGB", (LONGEST_EDGE, LONGEST_EDGE))
                opened.load()
                drawn = _plain(opened)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused(f"the picture has more than {MOST_PIXELS // 1_000_000} million pixels") from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        MemoryError,
        OverflowError,
        IndexError,
        KeyError,
        TypeError,
    ):
        raise Refused("the picture is damaged or of an unknown kind") from None
    drawn.thumbnail((LONGEST_EDGE, LONGEST_EDGE), Image.Resampling.LANCZOS)
    small = drawn.copy()
    small.thumbnail((THUMB_EDGE, THUMB_EDGE), Image.Resampling.LANCZOS)
    return _encoded(drawn, 84), _encoded(small, 74)


def _plain(opened: Image.Image) -> Image.Image:
    """Upright, in sRGB, as pixels without any of the file's other contents."""
    profile = opened.info.get("icc_profile")
    upright = ImageOps.exif_transpose(opened)
    see_through = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
    mode = "RGBA" if see_through else "RGB"
    drawn = upright.convert(mode)
    if profile and upright.mode in {"RGB", "RGBA"}:
        try:
            srgb = ImageCms.createProfile("sRGB")
            turned = ImageCms.profileToProfile(drawn, ImageCms.ImageCmsProfile(io.BytesIO(profile)), srgb)
            drawn = turned or drawn
        except (ImageCms.PyCMSError, OSError):
            pass  # colours a shade off are better than no picture
    bare = Image.new(mode, drawn.size)
    bare.paste(drawn)
    return bare


def _encoded(drawn: Image.Image, quality: int) -> Picture:
    out = io.BytesIO()
    if drawn.mode == "RGBA":
        drawn.save(out, "WEBP", quality=quality, method=4)
        return Picture(out.getvalue(), "image/webp", ".webp", drawn.width, drawn.height)
    drawn.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
    return Picture(out.getvalue(), "image/jpeg", ".jpg", drawn.width, drawn.height)
