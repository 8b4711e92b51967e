"""What a station offers to report with: a tile per kind of trouble, its reasons as buttons, at most three fields.

Made of the catalogue and of what runs on the machine; what is filled in here need not be asked. Reads only.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Prefetch
from django.utils.translation import gettext_noop

from boards_app import spoken
from plant_app.forms_schema import MOST_QUICK
from plant_app.models import (
    ExceptionType,
    MaterialNeed,
    Operation,
    ReasonCode,
    Skill,
    TypeFunction,
    WorkCentre,
    WorkUnit,
)

MOST_REASONS: Final = 8
MOST_OFFERED: Final = 6


@dataclass(frozen=True)
class Look:
    """How a tile appears: its word, its shape, its glyph, and the question its sheet asks."""

    words: str
    shape: str
    glyph: str
    question: str


#: The kinds people report standing at a machine, in the order of the tiles.
LOOKS: Final[dict[str, Look]] = {
    "machine_downtime": Look(
        gettext_noop("Machine"),
        "down",
        "power",
        gettext_noop("What is wrong with the machine?"),
    ),
    "material_shortage": Look(
        gettext_noop("Material"),
        "material",
        "package",
        gettext_noop("What about the material?"),
    ),
    "quality_hold": Look(
        gettext_noop("Quality"),
        "hold",
        "lock",
        gettext_noop("What is wrong with the parts?"),
    ),
    "tooling": Look(
        gettext_noop("Tool, fixture"),
        "setup",
        "wrench",
        gettext_noop("What is wrong with the tool?"),
    ),
    "labour_shortage": Look(
        gettext_noop("People"),
        "stop",
        "users",
        gettext_noop("Who is missing?"),
    ),
    "safety_stop": Look(
        gettext_noop("Safety"),
        "safety",
        "",
        gettext_noop("What is dangerous?"),
    ),
}
_GLYPHS: Final[dict[str, str]] = {
    "MEC-BRK": "hammer", "MEC-JAM": "hand", "MEC-LEAK": "droplets", "MEC-DRV": "activity", "ELE-PLC": "monitor-x",
    "ELE-PWR": "unplug", "TOL-BRK": "drill", "UNK": "circle-help", "SUP-LATE": "truck", "INV-COUNT": "calendar",
    "INV-LOC": "search", "INV-BLOCKED": "lock", "INT-UPSTREAM": "arrow-left", "INT-MOVE": "boxes",
    "INT-KIT": "package-x",
    "DIM-SIZE": "ruler", "SUR-SCRATCH": "scissors", "SUR-BURR": "zap", "FUN-TEST": "gauge", "FUN-LEAK": "droplets",
    "FUN-FIT": "git-compare", "ASM-WRONG": "circle-x", "CTM-DIRT": "recycle", "ABS-UNPLANNED": "user-x",
    "ABS-LATE": "clock",
    "ABS-LEFT": "log-out", "NOSHOW": "user-x", "SKL-CERT": "badge-check", "CAP-PEAK": "users", "AGY": "building-2",
    "BRK": "hammer", "WEAR": "activity", "MISSING": "search", "WRONG": "circle-x", "CAL": "ruler",
    "INJURY": "hand-helping",
    "NEARMISS": "triangle-alert", "GUARD": "shield-alert", "FIRE": "flame", "SPILL": "droplets", "BEHAVIOUR": "hand",
}  # fmt: skip


@dataclass(frozen=True)
class Reason:
    """A button of the second tap."""

    code: str
    name: str
    glyph: str


@dataclass(frozen=True)
class Field:
    """One thing asked before sending. `kind` is choice, quantity or text; a choice is preset, so it costs no tap."""

    name: str
    label: str
    kind: str
    choices: list[tuple[str, str]] = field(default_factory=list)
    value: str = ""
    required: bool = False


@dataclass(frozen=True)
class Tile:
    """A kind of trouble with everything its sheet shows. `filled` is sent along unasked."""

    code: str
    name: str
    look: Look
    reasons: list[Reason]
    fields: list[Field]
    filled: list[tuple[str, str]]
    tells: str
    stops: bool

    @property
    def choices(self) -> list[Field]:
        return [row for row in self.fields if row.kind == "choice"]

    @property
    def others(self) -> list[Field]:
        return [row for row in self.fields if row.kind != "choice"]


def tiles(centre: WorkCentre, unit: WorkUnit | None, operation: Operation | None) -> list[Tile]:
    """The tiles of a station. At most five queries."""
    types = ExceptionType.objects.filter(code__in=LOOKS, active=True).prefetch_related(
        Prefetch(
            "reasons", ReasonCode.objects.filter(active=True, quick=True).order_by("position", "code"),
            to_attr="quick_reasons",
        ),
        Prefetch("functions", TypeFunction.objects.select_related("function"), to_attr="affected"),
    )  # fmt: skip
    by_code = {row.code: row for row in types}
    offers = _Offers(centre, operation)
    return [_tile(by_code[code], centre, unit, offers) for code in LOOKS if code in by_code]


class _Offers:
    """What can be chosen from, read once: the job's materials, its lots, the certificates there are."""

    def __init__(self, centre: WorkCentre, operation: Operation | None) -> None:
        self.centre = centre
        self.operation = operation
        self.items: list[tuple[str, str]] = []
        self.lots: list[tuple[str, str]] = []
        self.skills = list(Skill.objects.order_by("name").values_list("code", "name")[:MOST_OFFERED])
        if operation is None:
            return
        order = operation.work_order
        needs = MaterialNeed.objects.filter(operation__work_order=order).select_related("item", "lot")
        for need in needs.order_by("operation__number", "pk"):
            self.items.append((need.item.code, need.item.name))
            if need.lot is not None:
                self.lots.append((need.lot.code, f"{need.lot.code} {need.item.code}"))
        if order.produced_lot is not None:
            self.lots.insert(0, (order.produced_lot.code, f"{order.produced_lot.code} {order.item.code}"))
        self.items = list(dict(self.items).items())[:MOST_OFFERED]
        self.lots = list(dict(self.lots).items())[:MOST_OFFERED]

    def of(self, target: str) -> list[tuple[str, str]]:
        return {"item": self.items, "lot": self.lots, "skill": self.skills}.get(target, [])


def _tile(type_: ExceptionType, centre: WorkCentre, unit: WorkUnit | None, offers: _Offers) -> Tile:
    reasons: list[ReasonCode] = vars(type_)["quick_reasons"]
    affected: list[TypeFunction] = vars(type_)["affected"]
    asked = [row for row in type_.form if row.get("quick")][:MOST_QUICK]
    fields = [made for made in (_field(row, offers) for row in asked) if made is not None]
    return Tile(
        code=type_.code,
        name=type_.name,
        look=LOOKS[type_.code],
        reasons=[
            Reason(row.code, row.name, _GLYPHS.get(row.code, "circle-help")) for row in reasons[:MOST_REASONS]
        ],
        fields=fields,
        filled=_filled(type_, centre, unit, offers.operation),
        tells=", ".join(spoken.inside(row.function.name) for row in affected if row.required),
        stops=type_.code in ("machine_downtime", "safety_stop"),
    )


def _field(row: dict[str, Any], offers: _Offers) -> Field | None:
    """A quick field of the catalogue as the station asks it; None where there is nothing to choose and for reasons."""
    name, label, kind = row["name"], row["label"], row["kind"]
    required = bool(row.get("required"))
    if kind == "choice":
        choices = [(choice["value"], choice["label"]) for choice in row["choices"]]
        values = [value for value, _words in choices]
        # nobody is told hurt or unhurt by a preset
        preset = "unknown" if "unknown" in values else values[0]
        return Field(name, label, "choice", choices, preset, required)
    if kind == "ref":
        offered = offers.of(row.get("target", ""))
        if not offered:
            return None
        preset = offered[0][0] if required else ""
        return Field(name, label, "choice", offered, preset, required)
    if kind == "flag":
        return Field(
            name, label, "choice", [("yes", gettext_noop("Yes")), ("no", gettext_noop("No"))], "no", required
        )
    if kind in ("quantity", "minutes"):
        return Field(name, label, "quantity", value="1", required=required)
    return Field(name, label, "text", required=required) if kind == "text" else None


def _filled(
    type_: ExceptionType, centre: WorkCentre, unit: WorkUnit | None, operation: Operation | None
) -> list[tuple[str, str]]:
    """What the place and the running job already say, under the names the reader of signals knows."""
    filled = [("type", type_.code), ("work_centre", centre.code)]
    if type_.code != "labour_shortage" and unit is not None:
        filled.append(("work_unit", unit.code))
    if type_.code == "safety_stop":
        filled.append(("area", centre.area.code))
    if operation is not None and type_.code not in ("labour_shortage", "safety_stop"):
        filled.append(("work_order", operation.work_order.number))
    return filled
