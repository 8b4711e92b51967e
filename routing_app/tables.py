"""A rule set as tables of plain text, for spreadsheets: one row per rule, one per ladder level, one per limit. Pure.

Reading gives back the same rule set, so that a round trip loses nothing; what can't be read is a fault of its row
and column, and a table with a fault gives nothing. Must not know files, the database, or who imports.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from routing_app import words
from routing_app.clocks import Limits, Step
from routing_app.ruleset import ROUTE, ConditionSpec, FunctionSpec, LadderSpec, RulesetSpec, RuleSpec
from routing_app.sentences import sentence
from routing_app.soundness import Fault, faults_of_ladder, faults_of_rule

RULES: Final = "rules"
LADDERS: Final = "ladders"
LIMITS: Final = "limits"
OTHERS: Final = "others"

_TEXTS: Final = (
    "code", "name", "kind", "owner_function", "owner_role", "owner_place", "owner_skill", "urgency_floor",
    "urgency_cap", "ladder", "playbook", "proposes_type", "mark", "note",
)  # fmt: skip
_SWITCHES: Final = {
    "enabled": "enabled",
    "catch_all": "is_catch_all",
    "to_triage": "to_triage",
    "lead_follows": "lead_follows",
}
_FREE: Final = ("name", "owner_skill", "note")
_NUMBERS: Final = ("start_level", "early_level", "acknowledge", "decide", "resolve")
_FACTORS: Final = ("early_factor", "acknowledge_factor")
#: `says` is for people: written, never read.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    RULES: (
        "code", "name", "kind", "enabled", "catch_all", "conditions", "owner_function", "owner_role",
        "owner_place", "owner_skill", "functions", "urgency_floor", "urgency_cap", "ladder", "start_level",
        "early_level", "early_factor", "acknowledge", "decide", "resolve", "acknowledge_factor", "to_triage",
        "playbook", "proposes_type", "mark", "lead_follows", "note", "says",
    ),
    LADDERS: ("ladder", "name", "level", "roles", "factor", "minutes", "repeats", "repeat_minutes", "channel"),
    LIMITS: ("type", "urgency", "acknowledge", "decide", "resolve", "contain"),
    OTHERS: ("urgency", "acknowledge"),
}  # fmt: skip
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    RULES: ("code", "name", "kind"),
    LADDERS: ("ladder", "name", "level", "roles"),
    LIMITS: ("type", "urgency", "acknowledge", "decide", "resolve"),
    OTHERS: ("urgency", "acknowledge"),
}
_TRUE: Final = frozenset({"yes", "true", "1", "x", "ja", "wahr"})
_FALSE: Final = frozenset({"no", "false", "0", "", "nein", "falsch"})

Table = list[list[str]]


def _number(value: object) -> str:
    if value is None:
        return ""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _value_text(value: str) -> str:
    """A condition's value on one line; quoted as JSON only where blanks or line breaks would be lost."""
    plain = value == value.strip() and value.isprintable() and not value.startswith('"')
    return value if plain else json.dumps(value)


def _rule_row(rule: RuleSpec) -> list[str]:
    row: dict[str, str] = {name: getattr(rule, name) for name in _TEXTS}
    row |= {column: "yes" if getattr(rule, attribute) else "no" for column, attribute in _SWITCHES.items()}
    row |= {name: _number(getattr(rule, name)) for name in (*_NUMBERS, *_FACTORS)}
    row["conditions"] = "\n".join(
        f"{one.fact} {one.operator} {_value_text(one.value)}".rstrip() for one in rule.conditions
    )
    row["functions"] = "\n".join(
        f"{one.function} {one.role} {one.need} {one.place}" for one in rule.functions
    )
    row["says"] = sentence(rule)
    return [row[column] for column in COLUMNS[RULES]]


def tables_of(spec: RulesetSpec) -> dict[str, Table]:
    """Every table of a rule set, each with its head."""
    ladders: Table = []
    for ladder in sorted(spec.ladders, key=lambda one: one.code):
        for step in ladder.steps:
            ladders.append(
                [
                    ladder.code,
                    ladder.name,
                    str(step.level),
                    ", ".join(step.roles),
                    *(_number(one) for one in (step.factor, step.minutes, step.repeats, step.repeat_minutes)),
                    step.channel,
                ]
            )
        if not ladder.steps:
            ladders.append([ladder.code, ladder.name, *[""] * 7])
    limits = [
        [type_code, band, *map(_number, (one.acknowledge, one.decide, one.resolve, one.contain))]
        for (type_code, band), one in sorted(spec.limits.items())
    ]
    bodies: dict[str, Table] = {
        RULES: [_rule_row(rule) for rule in spec.rules],
        LADDERS: ladders,
        LIMITS: limits,
        OTHERS: [[band, str(minutes)] for band, minutes in sorted(spec.other_acknowledge.items())],
    }
    return {name: [list(COLUMNS[name]), *body] for name, body in bodies.items()}


@dataclass(slots=True)
class Reading:
    """What tables gave: a part is None where its table was not in the file."""

    rules: tuple[RuleSpec, ...] | None = None
    ladders: tuple[LadderSpec, ...] | None = None
    limits: dict[tuple[str, str], Limits] | None = None
    others: dict[str, int] | None = None
    faults: list[Fault] = field(default_factory=list)


class _Row:
    """One line of a table: cells by column, and the faults found while reading them."""

    def __init__(self, sheet: str, number: int, cells: Mapping[str, str], faults: list[Fault]) -> None:
        self.sheet, self.number, self.cells, self.faults = sheet, number, cells, faults

    def fault(self, code: str, column: str, text: str) -> None:
        self.faults.append(Fault(code, text, column, self.number, self.sheet))

    def text(self, column: str) -> str:
        return self.cells.get(column, "")

    def switch(self, column: str, default: bool) -> bool:
        word = self.cells.get(column, "").strip().casefold()
        if column not in self.cells or (default and not word):
            return default
        if word not in _TRUE | _FALSE:
            self.fault("import.value", column, f"“{word}” is neither yes nor no.")
        return word in _TRUE

    def whole(self, column: str) -> int | None:
        text = self.cells.get(column, "").strip()
        if not text:
            return None
        number = self.factor(column)
        if number is None:
            return None
        if number != number.to_integral_value() or abs(number) > 10**12:
            self.fault("import.number", column, f"“{text}” is not a whole number.")
            return None
        return int(number)

    def factor(self, column: str) -> Decimal | None:
        text = self.cells.get(column, "").strip()
        if not text:
            return None
        try:
            number = Decimal(text.replace(",", "."))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            self.fault("import.number", column, f"“{text}” is not a number.")
            return None
        return number

    def needed(self, column: str) -> int:
        number = self.whole(column)
        if number is None and not any(one.row == self.number and one.column == column for one in self.faults):
            self.fault("import.value_missing", column, "A whole number is needed.")
        return number or 0


def _rows(sheet: str, table: Sequence[Sequence[str]], faults: list[Fault]) -> list[_Row]:
    head = [cell.strip().casefold() for cell in table[0]] if table else []
    while head and not head[-1]:
        head.pop()
    faults += [
        Fault("import.column_missing", f"The column “{name}” is missing.", name, 1, sheet)
        for name in _NEEDED[sheet]
        if name not in head
    ]
    for name in head:
        if name not in COLUMNS[sheet]:
            text = f"There is no column “{name}”; known are {', '.join(COLUMNS[sheet])}."
            faults.append(Fault("import.column_unknown", text, name, 1, sheet))
        elif head.count(name) > 1:
            faults.append(
                Fault("import.column_twice", f"The column “{name}” is there twice.", name, 1, sheet)
            )
    if faults:
        return []
    found = []
    for number, line in enumerate(table[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        if any(cell.strip() for cell in line[len(head) :]):
            text = "There is a value beside the last named column."
            faults.append(Fault("import.column_unknown", text, "", number, sheet))
        cells = [*line, *[""] * len(head)]
        found.append(_Row(sheet, number, dict(zip(head, cells, strict=False)), faults))
    return found


def _conditions(row: _Row) -> tuple[ConditionSpec, ...]:
    found = []
    for line in row.text("conditions").split("\n"):
        if not line.strip():
            continue
        fact, operator, value = (*line.strip().split(" ", 2), "", "")[:3]
        if value.startswith('"'):
            try:
                value = json.loads(value)
            except ValueError:
                row.fault("import.condition", "conditions", f"The quotes in “{line.strip()}” don't close.")
        found.append(ConditionSpec(fact, operator, str(value)))
    return tuple(found)


def _functions(row: _Row) -> tuple[FunctionSpec, ...]:
    found = []
    for line in row.text("functions").split("\n"):
        named = line.split()
        if not named:
            continue
        if not 2 <= len(named) <= 4:
            text = f"“{line.strip()}”: a line is: function role [required|informed] [here|other_site]."
            row.fault("import.functions", "functions", text)
            continue
        found.append(FunctionSpec(*named))
    return tuple(found)


def _rule(row: _Row, place: int) -> RuleSpec:
    given: dict[str, Any] = {
        name: row.text(name) if name in _FREE else row.text(name).strip() for name in _TEXTS
    }
    given["owner_place"] = given["owner_place"] or words.HERE
    given |= {
        attribute: row.switch(column, attribute == "enabled") for column, attribute in _SWITCHES.items()
    }
    given |= {name: row.whole(name) for name in _NUMBERS}
    given |= {name: row.factor(name) for name in _FACTORS}
    given["early_factor"] = given["early_factor"] or Decimal(0)
    given["kind"] = given["kind"] or ROUTE
    return RuleSpec(number=place, conditions=_conditions(row), functions=_functions(row), **given)


def _read_ladders(rows: list[_Row], faults: list[Fault]) -> tuple[LadderSpec, ...]:
    steps: dict[str, tuple[str, int, list[Step]]] = {}
    for row in rows:
        name, _, listed = steps.setdefault(row.text("ladder"), (row.text("name"), row.number, []))
        if name != row.text("name"):
            row.fault("import.value", "name", f"The ladder is called “{name}” above.")
        if not row.text("level") and not row.text("roles"):
            continue
        roles = tuple(part.strip() for part in row.text("roles").split(",") if part.strip())
        listed.append(
            Step(
                row.needed("level"),
                roles,
                row.factor("factor"),
                row.whole("minutes"),
                row.whole("repeats") or 0,
                row.whole("repeat_minutes") or 0,
                row.text("channel").strip(),
            )
        )
    found = []
    for code, (name, number, listed) in steps.items():
        ladder = LadderSpec(code, name, tuple(sorted(listed, key=lambda step: step.level)))
        faults += faults_of_ladder(ladder, row=number)
        found.append(ladder)
    return tuple(found)


def read_tables(
    tables: Mapping[str, Sequence[Sequence[str]]], *, functions: Collection[str], ladders: Collection[str]
) -> Reading:
    """Read what `tables` holds; `functions` and `ladders` are the codes that exist besides those in the file."""
    reading = Reading()
    faults = reading.faults

    def rows(name: str) -> list[_Row]:
        own: list[Fault] = []
        found = _rows(name, tables[name], own)
        faults.extend(own)
        for row in found:
            row.faults = faults
        return found

    parts: dict[str, Callable[[list[_Row]], None]] = {
        LADDERS: lambda lines: setattr(reading, "ladders", _read_ladders(lines, faults)),
        LIMITS: lambda lines: setattr(reading, "limits", _read_limits(lines)),
        OTHERS: lambda lines: setattr(
            reading, "others", {row.text("urgency").strip(): row.needed("acknowledge") for row in lines}
        ),
    }
    for name, take in parts.items():
        if name in tables:
            take(rows(name))
    if RULES in tables:
        known = {ladder.code for ladder in reading.ladders} if reading.ladders is not None else ladders
        rules = []
        for place, row in enumerate(rows(RULES), start=1):
            rule = _rule(row, place)
            faults += faults_of_rule(rule, row=row.number, functions=functions, ladders=known)
            rules.append(rule)
        reading.rules = tuple(rules)
    return reading


def _read_limits(rows: list[_Row]) -> dict[tuple[str, str], Limits]:
    found = {}
    for row in rows:
        key = (row.text("type").strip(), row.text("urgency").strip())
        if key in found:
            row.fault("import.code_twice", "type", f"{key[0]}, {key[1]} is there twice.")
        found[key] = Limits(
            row.needed("acknowledge"), row.needed("decide"), row.needed("resolve"), row.whole("contain")
        )
    return found
