"""Topics and plain JSON messages: which defined signal a topic is, and where in the payload its value lies.

A template is a topic whose levels may be `{unit}`, `{any other name}` or `+`, each standing for one level. Must not
know brokers or rows.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from exceptions_app.machine.samples import Sample, Value

_PLACEHOLDER: Final = re.compile(r"\{([a-z_]{1,30})\}")
MOST_BYTES: Final = 1_000_000
#: What a quality may say so that a value counts: words, OPC's good range, OPC UA's Good.
GOOD_WORDS: Final = frozenset({"good", "ok", "true", "valid", "192"})


class BadPayload(ValueError):
    """The message cannot be read; the text says why."""


class BadTemplate(ValueError):
    """The template is none; the text says why, for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Template:
    """A topic with named levels, ready to compare."""

    text: str
    levels: tuple[tuple[str, bool], ...]  # (literal or name, is a placeholder)

    @classmethod
    def of(cls, text: str) -> "Template":
        """Parse; BadTemplate for empty levels, `#`, or a placeholder that is not a whole level."""
        levels: list[tuple[str, bool]] = []
        for level in text.strip().split("/"):
            named = _PLACEHOLDER.fullmatch(level)
            if named or level == "+":
                levels.append((named[1] if named else "", True))
            elif not level or any(char in level for char in "{}#+"):
                raise BadTemplate(f"“{level}” is no topic level: a name, {{a_name}} or +.")
            else:
                levels.append((level, False))
        return cls(text.strip(), tuple(levels))

    def match(self, levels: list[str]) -> dict[str, str] | None:
        """The named levels of a topic (split at /) that fits; None when it does not."""
        if len(levels) != len(self.levels):
            return None
        named: dict[str, str] = {}
        for given, (wanted, placeholder) in zip(levels, self.levels, strict=True):
            if placeholder:
                named[wanted] = given
            elif given != wanted:
                return None
        return named

    @property
    def subscription(self) -> str:
        """The same as an MQTT topic filter."""
        return "/".join("+" if placeholder else word for word, placeholder in self.levels)

    @property
    def names(self) -> frozenset[str]:
        """The placeholders there are."""
        return frozenset(word for word, placeholder in self.levels if placeholder and word)


@dataclass(frozen=True, slots=True)
class Paths:
    """Where value, time and quality lie in a JSON payload: dotted paths; an empty value path is the whole payload."""

    value: str = ""
    time: str = ""
    quality: str = ""

    @property
    def signal(self) -> str:
        """The name such a value has at its node."""
        return "\x1f".join((self.value, self.time, self.quality))


def read_json(topic: str, payload: bytes, wanted: list[Paths], received: int) -> list[Sample]:
    """Samples of one message. A path that leads nowhere gives none: devices may send only what changed.

    BadPayload when it is no JSON although a path is asked for, or larger than a megabyte.
    """
    if len(payload) > MOST_BYTES:
        raise BadPayload(f"a message has at most {MOST_BYTES} bytes")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadPayload(f"not UTF-8: {error.reason}") from None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        if any(paths.value for paths in wanted):
            raise BadPayload(f"not JSON: {error}"[:200]) from None
        data = text
    samples = []
    for paths in wanted:
        value = at_path(data, paths.value)
        if value is MISSING or isinstance(value, (dict, list)):
            continue
        at = to_ms(at_path(data, paths.time)) if paths.time else None
        quality = at_path(data, paths.quality) if paths.quality else MISSING
        samples.append(
            Sample(topic, paths.signal, value, received if at is None else at, received, is_good(quality))
        )
    return samples


class _Missing:
    """Nothing lies there (a JSON null is something)."""


MISSING: Final = _Missing()


def at_path(data: Any, path: str) -> Any:
    """The value at "a.b.0.c", the data itself for an empty path, MISSING where it leads nowhere."""
    for part in path.split(".") if path else ():
        if isinstance(data, Mapping):
            data = data.get(part, MISSING)
        elif isinstance(data, list) and part.isascii() and part.isdigit() and int(part[:6]) < len(data):
            data = data[int(part[:6])]
        else:
            return MISSING
    return data


def to_ms(value: Any) -> int | None:
    """Milliseconds since 1970 from an ISO time with offset, seconds, or milliseconds; None for anything else."""
    if isinstance(value, bool) or value is None or value is MISSING:
        return None
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            found = datetime.fromisoformat(value.replace("Z", "+00:00").replace("z", "+00:00"))
            return None if found.tzinfo is None else int(found.timestamp() * 1000)
        number = float(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if not 0 < number < 1e14:
        return None
    return int(number if number > 1e11 else number * 1000)


def is_good(quality: Value | Any) -> bool:
    """Whether a quality vouches for its value: none given, a good word, or a code of OPC's good range (192 to 255)."""
    if quality is MISSING:
        return True
    if isinstance(quality, (int, float)) and not isinstance(quality, bool):
        return 192 <= quality <= 255
    return str(quality).strip().casefold() in GOOD_WORDS
