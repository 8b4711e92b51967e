"""Whether one rule of a file can be kept at all: every field of a kind and size the draft holds. Pure.

Each fault names its column, a code that never changes its meaning, and what to change. What a whole rule set lacks
(shadows, ladders that wake nobody) is asked in checks.py. Must not know the database; what exists is handed in.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from routing_app import words
from routing_app.comparing import read_expected
from routing_app.ruleset import ADD, INFORMED, REQUIRED, ROUTE, LadderSpec, RulesetSpec, RuleSpec

_SLUG: Final = re.compile(r"[A-Za-z0-9_-]{1,60}\Z")
_LENGTHS: Final = {"name": 120, "owner_skill": 40, "playbook": 40, "proposes_type": 30, "note": 300}
_NUMBERS: Final = {
    "start_level": (1, 32_767),
    "early_level": (0, 32_767),
    "acknowledge": (0, 2_147_483_647),
    "decide": (0, 2_147_483_647),
    "resolve": (0, 2_147_483_647),
}
_FACTORS: Final = {
    "early_factor": (Decimal(0), Decimal("9999.99")),
    "acknowledge_factor": (Decimal("0.1"), Decimal("999.99")),
}
_CHOICES: Final[dict[str, Collection[str]]] = {
    "kind": (ADD, ROUTE),
    "owner_role": ("", *words.ROLES),
    "owner_place": tuple(words.PLACES),
    "urgency_floor": ("", *words.BANDS),
    "urgency_cap": ("", *words.BANDS),
    "mark": ("", *words.MARKS),
}
_SWITCHES: Final = ("enabled", "is_catch_all", "to_triage", "lead_follows")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one cell; `row` is the line of the file people see, 0 for the file as a whole."""

    code: str
    text: str
    column: str = ""
    row: int = 0
    sheet: str = "rules"

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "text": self.text,
            "column": self.column,
            "row": self.row,
            "sheet": self.sheet,
        }

    def __str__(self) -> str:
        place = f"{self.sheet}, row {self.row}: " if self.row else f"{self.sheet}: "
        return f"[{self.code}] {place}{f'{self.column}: ' if self.column else ''}{self.text}"


def faults_of_rule(
    rule: RuleSpec, *, row: int, functions: Collection[str], ladders: Collection[str]
) -> list[Fault]:
    """Everything that keeps one rule out of the draft, as faults of its `row`."""
    found = [*_plain(rule), *_owner(rule, functions), *_parts(rule, functions)]
    if rule.ladder and rule.ladder not in ladders:
        found.append(("import.ladder_unknown", "ladder", f"There is no ladder “{rule.ladder}”."))
    return [Fault(code, text, column, row) for code, column, text in found]


Said = tuple[str, str, str]


def _plain(rule: RuleSpec) -> Iterator[Said]:
    if not isinstance(rule.code, str) or not _SLUG.match(rule.code):
        yield "import.code", "code", "A code has 1 to 60 letters, digits, - and _."
    if not isinstance(rule.name, str) or not rule.name.strip():
        yield "import.value_missing", "name", "A rule needs a name."
    for name, most in _LENGTHS.items():
        value = getattr(rule, name)
        if not isinstance(value, str) or len(value) > most or "\x00" in value:
            yield "import.value", name, f"At most {most} letters."
    for name, allowed in _CHOICES.items():
        value = getattr(rule, name)
        if not isinstance(value, str) or value not in allowed:
            yield "import.choice", name, f"“{value}” is none of {', '.join(one for one in allowed if one)}."
    for name in _SWITCHES:
        if not isinstance(getattr(rule, name), bool):
            yield "import.value", name, "Yes or no is expected."
    for name, (low, high) in _NUMBERS.items():
        value = getattr(rule, name)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high
        ):
            yield "import.number", name, f"A whole number from {low} is expected."
    for name, (least, largest) in _FACTORS.items():
        value = getattr(rule, name)
        if value is not None and not _is_factor(value, least, largest):
            yield "import.number", name, f"A number from {least} to {largest} with two decimals is expected."
    if _rank(rule.urgency_floor) > _rank(rule.urgency_cap, empty=9):
        yield "import.bounds", "urgency_floor", "The floor lies over the cap."


def _is_factor(value: Any, least: Decimal, largest: Decimal) -> bool:
    return (
        isinstance(value, Decimal)
        and value.is_finite()
        and least <= value <= largest
        and value == value.quantize(Decimal("0.01"))
    )


def _rank(band: Any, empty: int = -1) -> int:
    return words.BAND_RANK.get(band, empty) if isinstance(band, str) else empty


def _owner(rule: RuleSpec, functions: Collection[str]) -> Iterator[Said]:
    if rule.kind == ADD and (rule.owner_function or rule.owner_role):
        yield "import.owner_of_add", "owner_function", "An add rule names no owner; it only adds and goes on."
    if rule.kind == ROUTE and not (rule.owner_function and rule.owner_role):
        yield (
            "import.owner_missing",
            "owner_function",
            "A route rule names the function and role that own it.",
        )
    if rule.owner_function and rule.owner_function not in functions:
        yield "import.function_unknown", "owner_function", f"There is no function “{rule.owner_function}”."
    if rule.is_catch_all and (rule.kind != ROUTE or rule.enabled is not True):
        yield "import.catch_all", "catch_all", "The catch-all is a route and is switched on."
    if rule.is_catch_all and rule.conditions:
        yield "import.catch_all", "conditions", "The catch-all takes no condition."


def _parts(rule: RuleSpec, functions: Collection[str]) -> Iterator[Said]:
    for condition in rule.conditions:
        try:
            read_expected(condition.fact, condition.operator, condition.value)
        except (ValueError, AttributeError, TypeError) as problem:
            yield "import.condition", "conditions", f"{condition.fact} {condition.operator}: {problem}"
    seen = set()
    for one in rule.functions:
        if one.function not in functions:
            yield "import.function_unknown", "functions", f"There is no function “{one.function}”."
        if one.role not in words.ROLES:
            yield "import.role_unknown", "functions", f"There is no role “{one.role}”."
        if one.need not in (REQUIRED, INFORMED):
            yield "import.choice", "functions", f"“{one.need}” is neither {REQUIRED} nor {INFORMED}."
        if one.place not in words.PLACES:
            yield "import.choice", "functions", f"“{one.place}” is none of {', '.join(words.PLACES)}."
        key = (one.function, one.role, one.place)
        if key in seen:
            yield "import.function_twice", "functions", f"{one.function} ({one.role}) is named twice."
        seen.add(key)


def faults_of_ladder(ladder: LadderSpec, *, row: int) -> list[Fault]:
    """Everything that keeps a ladder out of the draft."""
    found: list[Said] = []
    if not ladder.code or len(ladder.code) > 20:
        found.append(("import.code", "ladder", "A ladder's code has 1 to 20 letters."))
    if not ladder.name or len(ladder.name) > 80:
        found.append(("import.value", "name", "A ladder has a name of at most 80 letters."))
    levels = [step.level for step in ladder.steps]
    if len(levels) != len(set(levels)):
        found.append(("import.level_twice", "level", f"Ladder {ladder.code} has a level twice."))
    for step in ladder.steps:
        unknown = [role for role in step.roles if role not in words.ROLES]
        if unknown or not step.roles:
            said = f"There is no role “{unknown[0]}”." if unknown else "A level wakes at least one role."
            found.append(("import.role_unknown", "roles", said))
        if (step.factor is None) == (step.minutes is None):
            found.append(("import.value", "factor", "A level has either a factor or fixed minutes."))
        if step.factor is not None and not _is_factor(step.factor, Decimal(0), Decimal("9999.99")):
            found.append(("import.number", "factor", "A number from 0 with two decimals is expected."))
        if step.channel and step.channel not in words.CHANNELS:
            said = f"“{step.channel}” is none of {', '.join(words.CHANNELS)}."
            found.append(("import.choice", "channel", said))
        for name, value in (("level", step.level), ("minutes", step.minutes)):
            if value is not None and not 0 <= value <= 1_000_000:
                found.append(("import.number", name, "A whole number from 0 is expected."))
    return [Fault(code, text, column, row, "ladders") for code, column, text in found]


def faults_of_set(spec: RulesetSpec) -> list[Fault]:
    """What no single row shows: codes used twice, and the one catch-all at the end."""
    found: list[Fault] = []
    seen: set[str] = set()
    for rule in spec.rules:
        if rule.code in seen:
            found.append(Fault("import.code_twice", f"The code “{rule.code}” is used twice.", "code"))
        seen.add(rule.code)
    if [rule.is_catch_all for rule in spec.rules].count(True) != 1 or not spec.rules[-1].is_catch_all:
        found.append(
            Fault("import.catch_all", "Exactly one rule is the catch-all, and it stands last.", "catch_all")
        )
    for (type_code, band), limits in spec.limits.items():
        numbers = (limits.acknowledge, limits.decide, limits.resolve)
        sound = band in words.BANDS and all(isinstance(one, int) for one in numbers)
        if not sound or not 1 <= numbers[0] <= numbers[1] <= numbers[2] <= 2_147_483_647:
            text = f"{type_code}, {band}: minutes from 1, rising from acknowledge to decide to resolve."
            found.append(Fault("import.limits", text, sheet="limits"))
    for band, minutes in spec.other_acknowledge.items():
        if band not in words.BANDS or not isinstance(minutes, int) or not 1 <= minutes <= 2_147_483_647:
            found.append(Fault("import.limits", f"{band}: minutes from 1.", sheet="others"))
    return found
