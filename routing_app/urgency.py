"""Urgency: the score from five inputs, the band it falls in, floors and caps, and how a band settles over time.

Pure arithmetic on prepared facts. Inputs that had to be guessed say so. Must not know rules (they hand their
floors and caps in) nor clocks (they follow from the band).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from routing_app import words

WEIGHTS: Final[Mapping[str, int]] = {"window": 30, "severity": 30, "slack": 20, "tier": 10, "constraint": 10}

_WINDOW_STEPS: Final = ((15, "1"), (60, "0.85"), (240, "0.6"), (480, "0.4"), (1440, "0.2"))
_WINDOW_UNKNOWN: Final = Decimal("0.4")
_SLACK_STEPS: Final = ((0, "1"), (4, "0.85"), (24, "0.6"), (72, "0.3"))
_LATER: Final = Decimal("0.05")
_SEVERITY: Final = {
    "critical": Decimal("1"),
    "high": Decimal("0.7"),
    "medium": Decimal("0.4"),
    "low": Decimal("0.1"),
}
#: Tier of what nobody ordered, as prepared facts have it.
STOCK: Final = "stock"
_TIER: Final = {"a": Decimal("1"), "b": Decimal("0.5"), "c": Decimal("0.2"), STOCK: Decimal("0")}

#: Lowest score of each band.
THRESHOLDS: Final[Mapping[str, int]] = {words.CRITICAL: 70, words.HIGH: 50, words.NORMAL: 25, words.LOW: 0}
#: A band is left downwards only this far under its threshold, this many evaluations in a row.
MARGIN: Final = 5
PATIENCE: Final = 2


@dataclass(frozen=True, slots=True)
class Input:
    """One weighted input: `points` = `weight` times `level`; `guessed` when its value was not known."""

    code: str
    label: str
    weight: int
    level: Decimal
    value: str
    guessed: bool = False

    @property
    def points(self) -> Decimal:
        return self.weight * self.level

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "label": self.label,
            "weight": self.weight,
            "level": str(self.level),
            "points": str(self.points),
            "value": self.value,
            "guessed": self.guessed,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Input":
        return cls(
            data["code"],
            data["label"],
            data["weight"],
            Decimal(data["level"]),
            data["value"],
            data.get("guessed", False),
        )


@dataclass(frozen=True, slots=True)
class Bound:
    """A floor or a cap on the band, and what set it."""

    band: str
    because: str


@dataclass(frozen=True, slots=True)
class Score:
    total: Decimal
    inputs: tuple[Input, ...]

    @property
    def band(self) -> str:
        return band_of(self.total)


def band_of(total: Decimal) -> str:
    """The band a score falls in, before floors and caps."""
    return next(band for band in words.BANDS if total >= THRESHOLDS[band] or band == words.LOW)


def score(values: Mapping[str, Any]) -> Score:
    """Weigh prepared facts (see `comparing.prepare`) into 0 to 100 points."""
    inputs = (_window(values), _severity(values), _slack(values), _tier(values), _constraint(values))
    return Score(total=sum((one.points for one in inputs), Decimal(0)), inputs=inputs)


def _stepped(value: Decimal, steps: tuple[tuple[int, str], ...]) -> Decimal:
    for limit, level in steps:
        if value <= limit:
            return Decimal(level)
    return _LATER


def _window(values: Mapping[str, Any]) -> Input:
    minutes = values.get("window_min")
    if minutes is None:
        return Input("window", "response window", WEIGHTS["window"], _WINDOW_UNKNOWN, "unknown", guessed=True)
    level = _stepped(minutes, _WINDOW_STEPS)
    return Input("window", "response window", WEIGHTS["window"], level, f"{minutes:f} min")


def live_inputs(stored: Iterable[Mapping[str, Any]], window_min: float | None) -> list[Input]:
    """The inputs an outcome stored, with the response window as it is now (minutes left, None unknown): the one input
    that time moves between two evaluations. In the order stored.
    """
    inputs = (Input.from_dict(dict(one)) for one in stored)
    left = {} if window_min is None else {"window_min": Decimal(round(max(0.0, window_min)))}
    return [_window(left) if one.code == "window" else one for one in inputs]


def _severity(values: Mapping[str, Any]) -> Input:
    severity = values.get("severity")
    level = _SEVERITY.get(severity) if severity is not None else None
    if level is None:
        return Input(
            "severity", "severity", WEIGHTS["severity"], _SEVERITY["medium"], "taken as medium", guessed=True
        )
    return Input("severity", "severity", WEIGHTS["severity"], level, str(severity))


def _slack(values: Mapping[str, Any]) -> Input:
    hours = values.get("hours_to_due")
    weight = WEIGHTS["slack"]
    if values.get("customer_tier") == STOCK:
        # A date of our own is no promise: nobody outside waits, whatever rules make of it.
        return Input("slack", "slack to the promise", weight, Decimal(0), "made for stock")
    if hours is not None:
        said = f"{hours + 0:f} h"  # never "-0"
        return Input("slack", "slack to the promise", weight, _stepped(hours, _SLACK_STEPS), said)
    # Without a linked demand there is nothing to be late for. A promise known to be missed is not "no demand".
    if values.get("commit_at_risk") is True:
        return Input("slack", "slack to the promise", weight, Decimal(1), "promise at risk", guessed=True)
    known_customer = values.get("customer_tier") in ("a", "b", "c")
    return Input(
        "slack", "slack to the promise", weight, Decimal(0), "no demand linked", guessed=known_customer
    )


def _tier(values: Mapping[str, Any]) -> Input:
    tier = values.get("customer_tier")
    weight = WEIGHTS["tier"]
    if tier is None:
        return Input("tier", "customer tier", weight, Decimal(0), "no customer linked")
    level = _TIER.get(tier)
    if level is None:
        return Input("tier", "customer tier", weight, Decimal(0), f"{tier} has no weight", guessed=True)
    return Input("tier", "customer tier", weight, level, str(tier).upper() if len(tier) == 1 else str(tier))


def _constraint(values: Mapping[str, Any]) -> Input:
    why = [
        word
        for fact, word in (
            ("bottleneck", "bottleneck unit"),
            ("single_source", "single source"),
            ("sole_certificate", "sole certified person"),
        )
        if values.get(fact) is True
    ]
    return Input(
        "constraint", "constraint", WEIGHTS["constraint"], Decimal(1 if why else 0), ", ".join(why) or "none"
    )


_STOPPED: Final = frozenset({"stopped", "stopped_now"})


def built_in_floors(values: Mapping[str, Any]) -> list[Bound]:
    """Bands no score may fall under, whatever the rules say."""
    floors: list[Bound] = []
    type_ = values.get("type")
    if type_ == "safety_stop":
        floors.append(Bound(words.CRITICAL, "a safety stop is always critical"))
    if values.get("customer_stopped") is True:
        floors.append(Bound(words.CRITICAL, "the customer's line is stopped"))
    if values.get("shipped") is True:
        if values.get("safety_characteristic") is True:
            floors.append(Bound(words.CRITICAL, "a suspect safety characteristic has shipped"))
        else:
            floors.append(Bound(words.HIGH, "a suspect lot has shipped"))
    stopped = values.get("kind") in _STOPPED or values.get("line_stopped") is True
    if values.get("bottleneck") is True and stopped:
        floors.append(Bound(words.HIGH, "a bottleneck is stopped now"))
    return floors


def built_in_caps(values: Mapping[str, Any]) -> list[Bound]:
    """Bands no score may rise over, unless a floor says otherwise."""
    caps: list[Bound] = []
    if values.get("order_within_24h") is False:
        caps.append(Bound(words.NORMAL, "the unit has no order in the next 24 h"))
    if values.get("planned_stop") is True:
        caps.append(Bound(words.NORMAL, "the stop was planned"))
    return caps


def bounded(band: str, floors: list[Bound], caps: list[Bound]) -> str:
    """The band inside its bounds: the mildest cap first, then the worst floor, so that a floor always wins."""
    for cap in caps:
        band = words.milder(band, cap.band)
    for floor in floors:
        band = words.worse(band, floor.band)
    return band


@dataclass(frozen=True, slots=True)
class Settled:
    """`low_count`: evaluations in a row that asked for a lower band and were not yet followed."""

    band: str
    low_count: int


def settle(*, standing: Settled, total: Decimal, floors: list[Bound], caps: list[Bound]) -> Settled:
    """The band after a new evaluation: up at once, down only when the score lies `MARGIN` points under the current
    band's threshold (and no floor holds it) in `PATIENCE` evaluations in a row."""
    current, low_count = standing.band, standing.low_count
    wanted = bounded(band_of(total), floors, caps)
    if words.BAND_RANK[wanted] >= words.BAND_RANK[current]:
        return Settled(wanted, 0)
    capped = any(words.BAND_RANK[cap.band] < words.BAND_RANK[current] for cap in caps)
    if not capped and total > THRESHOLDS[current] - MARGIN:
        return Settled(current, 0)
    if low_count + 1 < PATIENCE:
        return Settled(current, low_count + 1)
    return Settled(wanted, 0)
