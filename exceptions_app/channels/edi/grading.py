"""How hard one changed order line is: none, information, warning or error, with every reason in words.

Pure. The table of order states against kinds of change is `rules.grading`; on top of it stand the rules that need
figures: what has left, what is made, what is bought, what lies in the past, what cannot be made in time. Nothing
differs = none; anything that differs is at least information, since only people change orders. Knows no rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from exceptions_app.rules.grading import GRADES, grade_of

NONE: Final = "none"
INFORMATION: Final = "information"
WARNING: Final = "warning"
ERROR: Final = "error"

SHIPPED: Final = 8
CLOSED: Final = 9
STAGED: Final = 4
STARTED: Final = 5
RELEASED: Final = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds of a partner: inside `frozen_days` workdays (counted by whoever gathers the facts) nothing is easy;
    with `free_days` set, what is due later than that and not begun is information at most.
    """

    free_days: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """What we hold of a line. `state` as `rules.grading` counts; `made` good pieces; `bought` material is bought or
    issued for it; `earliest` when what is asked could be done at the earliest, None where nobody can tell.
    """

    label: str = ""
    item: str = ""
    unit: str = ""
    quantity: Decimal = Decimal(0)
    delivered: Decimal = Decimal(0)
    made: Decimal = Decimal(0)
    price: Decimal | None = None
    commit: datetime | None = None
    requested: datetime | None = None
    state: int = 1
    bought: bool = False
    frozen: bool = False
    on_hold: bool = False
    special: bool = False
    earliest: datetime | None = None
    free_stock: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the line shall be. `explicit`: the line says itself that it is a change; None fields ask nothing."""

    cancel: bool = False
    new: bool = False
    explicit: bool = False
    quantity: Decimal | None = None
    date: datetime | None = None
    price: Decimal | None = None
    parts: int = 0
    ship_to: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs: `name` quantity, date, price or line; old and new in words."""

    name: str
    old: str
    new: str


@dataclass(slots=True)
class Graded:
    """The grade of a line, its kinds of change hardest first, what changes, and why it is graded so."""

    grade: str = NONE
    kinds: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def at_least(self, grade: str, reason: str) -> None:
        """Raise the grade to this one, where it is lower, and say why in any case."""
        if GRADES.index(grade) > GRADES.index(self.grade):
            self.grade = grade
        if reason and reason not in self.reasons:
            self.reasons.append(reason)

    def one_up(self, reason: str) -> None:
        """One grade harder, error at most."""
        if self.grade != NONE:
            self.at_least(GRADES[min(GRADES.index(self.grade) + 1, len(GRADES) - 1)], reason)


def worst(grades: Iterable[str]) -> str:
    """The hardest of several grades; none of nothing."""
    return max(grades, key=GRADES.index, default=NONE)


def grade_line(
    asked: Asked, held: Held | None, *, limits: Limits, now: datetime, zone: ZoneInfo, unknown: str = ""
) -> Graded:
    """Grade one line. `held` is None where we hold no such line; `unknown` then says what is not known, and is an
    error; a new line without `unknown` is graded by `held` as the item's own facts (no quantity, state 0).
    """
    graded = Graded()
    if unknown or held is None:
        graded.kinds = ["CANCEL" if asked.cancel else "NEW" if asked.new else "CHANGE"]
        graded.at_least(ERROR, unknown or "we hold no such line")
        graded.changes = _asked_only(asked, zone)
        return graded
    if asked.new:
        return _new(graded, asked, held, now, zone)
    _differences(graded, asked, held, zone)
    for note in asked.notes:
        graded.at_least(WARNING, note)
    if not graded.kinds:
        return graded
    graded.at_least(INFORMATION, "")
    by_kind = [(kind, grade_of(kind, held.state) or INFORMATION) for kind in graded.kinds]
    by_kind.sort(key=lambda pair: GRADES.index(pair[1]), reverse=True)
    graded.kinds = [kind for kind, _ in by_kind]
    graded.at_least(by_kind[0][1], _STATES[max(0, min(held.state, CLOSED))])
    free = _free(asked, held, limits, now)
    _warnings(graded, asked, held)
    if free and graded.grade == WARNING and held.state <= RELEASED:
        graded.grade = INFORMATION
        graded.reasons.append(f"due later than the free window of {limits.free_days} days")
    _too_soon(graded, asked, held, zone)
    if held.on_hold:
        graded.one_up("a hold is open on its order")
    _errors(graded, asked, held, now, zone)
    return graded


def _differences(graded: Graded, asked: Asked, held: Held, zone: ZoneInfo) -> None:
    if asked.cancel:
        graded.kinds.append("CANCEL")
        graded.changes.append(Change("line", f"{plain(held.quantity)} {held.unit}".strip(), "cancelled"))
        return
    if asked.date is not None and held.commit is not None:
        wanted, promised = _day(asked.date, zone), _day(held.commit, zone)
        repeats = not asked.explicit and held.requested is not None and wanted == _day(held.requested, zone)
        if wanted != promised and not repeats:
            graded.kinds.append("DATE-EARLIER" if wanted < promised else "DATE-LATER")
            graded.changes.append(Change("date", promised, wanted))
    if asked.quantity is not None and asked.quantity != held.quantity:
        graded.kinds.append("QTY-UP" if asked.quantity > held.quantity else "QTY-DOWN")
        graded.changes.append(
            Change("quantity", f"{plain(held.quantity)} {held.unit}".strip(), plain(asked.quantity))
        )
    if asked.price is not None and held.price and asked.price != held.price:
        graded.kinds.append("PRICE")
        graded.changes.append(Change("price", plain(held.price), plain(asked.price)))
    if asked.ship_to and asked.explicit:
        graded.kinds.append("SHIP-TO/MODE")
        graded.changes.append(Change("address", "as ordered", "another"))
    if asked.parts > 1 and graded.kinds:
        graded.reasons.append(f"wanted in {asked.parts} deliveries")


def _warnings(graded: Graded, asked: Asked, held: Held) -> None:
    fewer = asked.cancel or "QTY-DOWN" in graded.kinds
    sooner = "DATE-EARLIER" in graded.kinds or "QTY-UP" in graded.kinds
    if fewer and held.bought and held.state >= RELEASED:
        graded.at_least(WARNING, "material for it is bought or issued")
    if fewer and held.special and held.state >= RELEASED:
        graded.one_up("the item is made for this customer alone")
    if held.frozen and (fewer or sooner):
        graded.at_least(WARNING, "inside the frozen zone")
    if asked.parts > 1:
        graded.at_least(WARNING, "")


def _too_soon(graded: Graded, asked: Asked, held: Held, zone: ZoneInfo) -> None:
    """Earlier or more than the work that is left allows."""
    if not {"DATE-EARLIER", "QTY-UP"} & set(graded.kinds) or held.earliest is None:
        return
    by = asked.date if "DATE-EARLIER" in graded.kinds and asked.date else held.commit
    if by is not None and _day(held.earliest, zone) > _day(by, zone):
        graded.at_least(WARNING, "")
        graded.one_up(f"cannot be done before {_day(held.earliest, zone)}")


def _errors(graded: Graded, asked: Asked, held: Held, now: datetime, zone: ZoneInfo) -> None:
    if asked.date is not None and not asked.cancel and _day(asked.date, zone) < _day(now, zone):
        graded.at_least(ERROR, f"{_day(asked.date, zone)} is past")
    if asked.quantity is None or asked.cancel:
        return
    if asked.quantity < held.delivered:
        graded.at_least(ERROR, f"{plain(held.delivered)} are delivered already")
    elif asked.quantity < held.quantity and asked.quantity < held.made:
        graded.at_least(ERROR, f"{plain(held.made)} are made already")
    if asked.quantity <= 0:
        graded.at_least(ERROR, "a quantity of nothing")


def _new(graded: Graded, asked: Asked, held: Held, now: datetime, zone: ZoneInfo) -> Graded:
    """A line nobody has yet: what there is, and whether it can be had by then."""
    graded.kinds, graded.changes = ["NEW"], _asked_only(asked, zone)
    graded.at_least(INFORMATION, "")
    for note in asked.notes:
        graded.at_least(WARNING, note)
    if asked.quantity is None or asked.quantity <= 0:
        graded.at_least(ERROR, "no quantity is named")
        return graded
    if asked.date is not None and _day(asked.date, zone) < _day(now, zone):
        graded.at_least(ERROR, f"{_day(asked.date, zone)} is past")
    if held.price and asked.price is not None and asked.price != held.price:
        graded.at_least(INFORMATION, f"price {plain(asked.price)}, ours is {plain(held.price)}")
    if held.free_stock >= asked.quantity:
        graded.at_least(INFORMATION, f"{plain(held.free_stock)} {held.unit} are free in stock")
    elif held.earliest is None:
        graded.at_least(WARNING, "nobody knows how long it takes")
    elif asked.date is None:
        graded.at_least(INFORMATION, f"can be had from {_day(held.earliest, zone)}")
    elif _day(held.earliest, zone) > _day(asked.date, zone):
        graded.at_least(WARNING, f"cannot be had before {_day(held.earliest, zone)}")
    else:
        graded.at_least(INFORMATION, f"can be had from {_day(held.earliest, zone)}")
    return graded


def _free(asked: Asked, held: Held, limits: Limits, now: datetime) -> bool:
    """Old and new date both lie beyond the free window."""
    if not limits.free_days or held.commit is None:
        return False
    border = now + timedelta(days=limits.free_days)
    return held.commit >= border and (asked.date is None or asked.date >= border)


def _asked_only(asked: Asked, zone: ZoneInfo) -> list[Change]:
    found = []
    if asked.quantity is not None:
        found.append(Change("quantity", "", plain(asked.quantity)))
    if asked.date is not None:
        found.append(Change("date", "", _day(asked.date, zone)))
    return found


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).date().isoformat()


def plain(figure: Decimal) -> str:
    """A figure without the noughts nobody said."""
    text = f"{figure.normalize():f}"
    return text if text != "-0" else "0"


_STATES: Final = (
    "not confirmed yet", "no work order yet", "planned, not released", "released to the floor",
    "material is staged or it starts within days", "work has started", "made, in stock", "picked for delivery",
    "it has shipped", "the line is closed or cancelled",
)  # fmt: skip
