"""What a channel adapter tells the rest of the product about itself: its settings, its keys, and what it can do.

Plain data. The admin draws a source's form from it, the doctor checks what is missing. Knows no rows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SettingKind = Literal["text", "url", "number", "yes_no", "choice", "lines", "json"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing an administrator fills in. `choices` are (value, label) pairs of kind `choice`. A `generated` key is
    made by us and shown, since it has to be copied into the other system; any other key is never shown again.
    """

    name: str
    label: str
    kind: SettingKind = "text"
    required: bool = False
    help: str = ""
    default: Any = ""
    choices: tuple[tuple[str, str], ...] = ()
    generated: bool = False


def number_of(config: Mapping[str, Any], name: str, *, default: float, low: float, high: float) -> float:
    """A number setting within its limits; the default for one that is missing or is no number."""
    try:
        value = float(config.get(name) or default)
    except (TypeError, ValueError):
        return default
    return min(high, max(low, value)) if math.isfinite(value) else default


@dataclass(frozen=True, slots=True)
class Adapter:
    """A way in. `channel` is a value of `models.Channel`; `guide` the heading in docs/channels.md; `path` the address
    senders post to, with {code} for the source's code (empty: nothing is posted, we fetch or subscribe).
    `mapping`: field -> path a new source starts with (empty and `mapped`: the payload's shape is not known beforehand).
    `answers`: a reporter can be answered on it. `trusted`: whether a new source of it may open records by itself.
    """

    code: str
    name: str
    channel: str
    settings: tuple[Setting, ...] = ()
    secrets: tuple[Setting, ...] = ()
    path: str = ""
    guide: str = ""
    mapped: bool = False
    mapping: Mapping[str, str] = field(default_factory=dict)
    answers: bool = False
    trusted: bool = True
