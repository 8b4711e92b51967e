"""How the product says times, amounts and states: short, in the plant's words.

Pure arithmetic and text, no Django. Owns the one spelling of a duration ("18 min", "2 h 10") and the words and
shapes of every stored state a page shows. Must not know models, requests or HTML. `static/js/clocks.js` spells ticking
clocks by the same rules; tests/ui holds the two against each other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

HOUR: Final = 60
DAY: Final = 24 * HOUR
MINUS: Final = "−"
NBSP: Final = "\u00a0"

SOON_MINUTES: Final = 60
LAST_MINUTES: Final = 30
# A function's own limit is short (10 to 30 min): amber in its last third, never for less than 5 minutes.
LIMIT_SOON_SHARE: Final = 3
LIMIT_SOON_LEAST: Final = 5


def minutes_of(value: timedelta | float | Decimal) -> float:
    """Minutes from a timedelta, or a number that already is minutes."""
    return value / timedelta(minutes=1) if isinstance(value, timedelta) else float(value)


def parts(minutes: float) -> list[tuple[str, str]]:
    """A duration as (figure, unit) pairs, so a page can set the unit small beside its figure.

    Whole minutes; hours from 60 min; days from 48 h, then without minutes.
    """
    whole = round(abs(minutes))
    if whole < HOUR:
        return [(str(whole), "min")]
    if whole < 2 * DAY:
        hours, rest = divmod(whole, HOUR)
        return [(str(hours), "h"), (f"{rest:02d}", "")] if rest else [(str(hours), "h")]
    days, rest = divmod(whole, DAY)
    hours = rest // HOUR
    return [(str(days), "days"), (str(hours), "h")] if hours else [(str(days), "days")]


def span(minutes: float) -> str:
    """A duration in words: "18 min", "2 h 10", "21 h", "3 days 4 h"; negative ones with a minus sign."""
    words = " ".join(f"{figure} {unit}".rstrip() for figure, unit in parts(minutes))
    return f"{MINUS}{words}" if round(minutes) < 0 else words


def coarse(minutes: float) -> str:
    """A duration for a narrow place: like `span`, whole hours from 10 h, whole days from 48 h."""
    whole = int(minutes)
    if whole < 10 * HOUR:
        return span(whole)
    if whole < 2 * DAY:
        return f"{whole // HOUR} h"
    return f"{whole // DAY} days"


def left(minutes: float) -> str:
    """What a running clock shows: time left (the running minute counts as one), or how far it is over."""
    if minutes > 0:
        return coarse(math.ceil(minutes))
    return "now" if minutes > -1 else coarse(math.floor(-minutes))


def left_words(minutes: float) -> str:
    """The same as a sentence's end: "4 min left", "now due", "3 min over"."""
    if minutes > 0:
        return f"{left(minutes)} left"
    return "now due" if minutes > -1 else f"{left(minutes)} over"


def gone(minutes: float) -> str:
    """Time since something: full minutes only, "now" within the first."""
    return "now" if minutes < 1 else coarse(math.floor(minutes))


def clock_state(minutes: float, *, soon: float = SOON_MINUTES, last: float = LAST_MINUTES) -> str:
    """The class of a clock with so many minutes left: "", soon, last or over."""
    if minutes <= 0:
        return "over"
    if minutes < last:
        return "last"
    return "soon" if minutes < soon else ""


def limit_soon(limit_minutes: float) -> float:
    """From how many minutes left a function's own limit turns amber."""
    return max(LIMIT_SOON_LEAST, limit_minutes / LIMIT_SOON_SHARE)


# --- amounts ------------------------------------------------------------------------------------------------
SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "PLN": "zł ", "CHF": "CHF ", "BRL": "R$"}


def money(amount: Decimal | float, currency: str = "EUR", *, decimals: int = 0) -> str:
    """An amount with its currency in front: "€61,400", "−€250"."""
    symbol = SYMBOLS.get(currency, f"{currency}{NBSP}")
    figure = f"{abs(amount):,.{decimals}f}"
    negative = amount < 0 and any(digit in "123456789" for digit in figure)
    return f"{MINUS if negative else ''}{symbol}{figure}"


def per_minute(amount: Decimal | None, currency: str = "EUR") -> str:
    """What a minute costs: "€63/min"; pennies only under ten; empty where it is unknown."""
    return "" if amount is None else f"{money(amount, currency, decimals=2 if abs(amount) < 10 else 0)}/min"


def quantity(amount: Decimal | float, unit: str = "") -> str:
    """A count without idle zeros, its unit beside it: "1,200", "2.5 kg"."""
    exact = amount if isinstance(amount, Decimal) else Decimal(str(amount))
    text = f"{exact:,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    text = text.replace("-", MINUS)
    return f"{text}{NBSP}{unit}" if unit else text


def initials(name: str) -> str:
    """Two letters for an avatar; "?" when nobody is named."""
    words = name.split()
    if not words:
        return "?"
    return (words[0][:1] + (words[-1][:1] if len(words) > 1 else words[0][1:2])).upper()


def short_reference(reference: str) -> str:
    """What people say aloud: EX-2026-004217 is "4217"."""
    tail = reference.rsplit("-", 1)[-1].lstrip("0")
    return tail if tail.isdigit() else reference


# --- states -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Look:
    """How one stored state appears: its word, the Lucide glyph beside it, and the CSS class that tints it."""

    words: str
    icon: str
    css: str = ""


# worst first, as the tiles over a board stand
ANDON: Final[dict[str, Look]] = {
    "safety": Look("Locked, safety", "", "safety"),
    "down": Look("Down", "power", "down"),
    "hold": Look("Quality hold", "lock", "hold"),
    "material": Look("Waits for material", "package", "material"),
    "setup": Look("Changeover", "wrench", "setup"),
    "running": Look("Running", "play", "run"),
    "planned_stop": Look("Planned stop", "pause", "stop"),
    "free": Look("Free, no order", "minus", "idle"),
    "no_data": Look("No data", "circle-help", "nodata"),
}
# where a tile has room for a word or two
ANDON_SHORT: Final[dict[str, str]] = {"safety": "Safety", "material": "Material", "free": "Free"}
EXCEPTION: Final[dict[str, Look]] = {
    "triage": Look("Triage", "mail"),
    "open": Look("Open", "circle-dot"),
    "acknowledged": Look("Acknowledged", "check"),
    "decided": Look("Decided", "git-compare"),
    "resolved": Look("Resolved", "check-check"),
    "closed": Look("Closed", "circle-check"),
    "cancelled": Look("Cancelled", "ban"),
}
RESPONSE: Final[dict[str, Look]] = {
    "due": Look("to be told", "clock", "wait"),
    "told": Look("told", "bell", "wait"),
    "delivered": Look("delivered", "mail", "wait"),
    "seen": Look("seen", "eye", "wait"),
    "acknowledged": Look("acknowledged", "check"),
    "on_the_way": Look("on the way", "footprints"),
    "arrived": Look("on site", "map-pin"),
    "acting": Look("acting", "activity"),
    "done": Look("done", "check-check"),
    "declined": Look("declined", "ban"),
}
POSTING: Final[dict[str, Look]] = {
    "waits": Look("Waits for decision", "pause", "waits"),
    "approval": Look("Waits for approval", "user-check", "held"),
    "queued": Look("Queued", "clock", "waits"),
    "sending": Look("Sending", "send", "waits"),
    "unknown": Look("Answer lost, asking ERP", "search", "asking"),
    "confirmed": Look("Confirmed by ERP", "check-check", "confirmed"),
    "rejected": Look("Refused by ERP", "octagon-x", "refused"),
    "held": Look("Held", "pause", "held"),
    "local": Look("Kept here, not in ERP", "book-open", "confirmed"),
    "cancelled": Look("Cancelled", "ban", "waits"),
}
URGENCY: Final[dict[str, Look]] = {
    "critical": Look("Critical", "octagon-alert", "crit"),
    "high": Look("High", "arrow-up", "warn"),
    "normal": Look("Normal", "minus"),
    "low": Look("Low", "arrow-down"),
}
RECOMMENDATION: Final[dict[str, Look]] = {
    "proposed": Look("Proposed", "list-ordered"),
    "confirmed": Look("Confirmed", "check"),
    "overridden": Look("Overridden", "undo-2"),
    "expired": Look("Expired", "hourglass"),
    "superseded": Look("Superseded", "refresh-cw"),
}
LOOKS: Final[dict[str, dict[str, Look]]] = {
    "andon": ANDON,
    "exception": EXCEPTION,
    "response": RESPONSE,
    "posting": POSTING,
    "urgency": URGENCY,
    "recommendation": RECOMMENDATION,
}


def look(family: str, code: str) -> Look:
    """The look of a stored state; an unknown code is shown as its own words, never hidden."""
    known = LOOKS[family].get(code)
    return known or Look(code.replace("_", " ").capitalize() or "Unknown", "circle-help")


# --- the words that became a field --------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Mark:
    """Words `start` to `end` of a text were read as field number `number`; `low` when the reading is unsure.

    `says` tells in words what was read and how; `row` is the id of the line that lists it.
    """

    start: int
    end: int
    number: int = 0
    low: bool = False
    says: str = ""
    row: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the text; `mark` is None for the words between."""

    text: str
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the text with every mark that covers it; `begun` and `ended` begin and end with it."""

    text: str
    marks: tuple[Mark, ...] = ()
    begun: tuple[Mark, ...] = ()
    ended: tuple[Mark, ...] = ()


def segments(text: str, marks: Sequence[Mark]) -> list[Segment]:
    """The text cut wherever a mark begins or ends, so that marks may overlap; those outside the text are cut to it."""
    inside = [(max(one.start, 0), min(one.end, len(text)), one) for one in marks]
    inside = [(start, end, one) for start, end, one in inside if start < end]
    cuts = sorted({0, len(text), *(start for start, _, _ in inside), *(end for _, end, _ in inside)})
    found = []
    for at, until in pairwise(cuts):
        here = [(start, end, one) for start, end, one in inside if start <= at and until <= end]
        found.append(
            Segment(
                text[at:until],
                tuple(one for _, _, one in here),
                tuple(one for start, _, one in here if start == at),
                tuple(one for _, end, one in here if end == until),
            )
        )
    return found


def pieces(text: str, marks: Sequence[Mark]) -> list[Piece]:
    """The text cut at its marks, in order. Of two marks that overlap the earlier (then longer) one stays."""
    found: list[Piece] = []
    at = 0
    for mark in sorted(marks, key=lambda one: (one.start, -one.end)):
        start, end = max(mark.start, 0), min(mark.end, len(text))
        if start < at or end <= start:
            continue
        if start > at:
            found.append(Piece(text[at:start]))
        found.append(Piece(text[start:end], mark))
        at = end
    if at < len(text):
        found.append(Piece(text[at:]))
    return found
