"""A rule set as plain data: rules, ladders and limits, and their JSON form.

Pure. This one shape is what the draft is drawn into, what a version freezes, what the shipped defaults are written
in and what the engine compiles. Must not know the database nor how a rule is evaluated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from routing_app import words
from routing_app.clocks import Limits, Step

FORMAT: Final = 1
ADD: Final = "add"
ROUTE: Final = "route"
REQUIRED: Final = "required"
INFORMED: Final = "informed"


@dataclass(frozen=True, slots=True)
class ConditionSpec:
    fact: str
    operator: str
    value: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"fact": self.fact, "operator": self.operator, "value": self.value}


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function the rule affects. `need` is required (must acknowledge) or informed."""

    function: str
    role: str
    need: str = REQUIRED
    place: str = words.HERE

    def as_dict(self) -> dict[str, str]:
        return {"function": self.function, "role": self.role, "need": self.need, "place": self.place}


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One rule. `number` is its place in the whole list, counted from 1; `code` stays the same across versions."""

    number: int
    code: str
    name: str
    kind: str
    enabled: bool = True
    is_catch_all: bool = False
    conditions: tuple[ConditionSpec, ...] = ()
    functions: tuple[FunctionSpec, ...] = ()
    owner_function: str = ""
    owner_role: str = ""
    owner_place: str = words.HERE
    owner_skill: str = ""
    urgency_floor: str = ""
    urgency_cap: str = ""
    ladder: str = ""
    start_level: int | None = None
    early_level: int | None = None
    early_factor: Decimal = Decimal(0)
    acknowledge: int | None = None
    decide: int | None = None
    resolve: int | None = None
    acknowledge_factor: Decimal | None = None
    to_triage: bool = False
    playbook: str = ""
    proposes_type: str = ""
    mark: str = ""
    lead_follows: bool = False
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON form; fields left at their defaults are left out, so that files and diffs stay readable."""
        data: dict[str, Any] = {
            "number": self.number,
            "code": self.code,
            "name": self.name,
            "kind": self.kind,
        }
        for name in _OPTIONAL:
            value = getattr(self, name)
            if value != _DEFAULTS[name]:
                data[name] = str(value) if isinstance(value, Decimal) else value
        if self.conditions:
            data["conditions"] = [condition.as_dict() for condition in self.conditions]
        if self.functions:
            data["functions"] = [function.as_dict() for function in self.functions]
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], number: int) -> "RuleSpec":
        """Read one rule; its number is the place it has in the list it was read from."""
        given: dict[str, Any] = {name: data[name] for name in _OPTIONAL if name in data}
        for name in _DECIMALS:
            if given.get(name) is not None:
                given[name] = Decimal(str(given[name]))
        return cls(
            number=number,
            code=data["code"],
            name=data["name"],
            kind=data["kind"],
            conditions=tuple(
                ConditionSpec(c["fact"], c["operator"], c.get("value", ""))
                for c in data.get("conditions", ())
            ),
            functions=tuple(
                FunctionSpec(f["function"], f["role"], f.get("need", REQUIRED), f.get("place", words.HERE))
                for f in data.get("functions", ())
            ),
            **given,
        )


_DECIMALS: Final = ("early_factor", "acknowledge_factor")
_OPTIONAL: Final = (
    "enabled",
    "is_catch_all",
    "owner_function",
    "owner_role",
    "owner_place",
    "owner_skill",
    "urgency_floor",
    "urgency_cap",
    "ladder",
    "start_level",
    "early_level",
    "early_factor",
    "acknowledge",
    "decide",
    "resolve",
    "acknowledge_factor",
    "to_triage",
    "playbook",
    "proposes_type",
    "mark",
    "lead_follows",
    "note",
)
_BLANK: Final = RuleSpec(0, "", "", "")
_DEFAULTS: Final[Mapping[str, Any]] = {name: getattr(_BLANK, name) for name in _OPTIONAL}


@dataclass(frozen=True, slots=True)
class LadderSpec:
    code: str
    name: str
    steps: tuple[Step, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "name": self.name,
            "steps": [
                {
                    "level": step.level,
                    "roles": list(step.roles),
                    "factor": None if step.factor is None else str(step.factor),
                    "minutes": step.minutes,
                    **({"channel": step.channel} if step.channel else {}),
                    **(
                        {"repeats": step.repeats, "repeat_minutes": step.repeat_minutes}
                        if step.repeats
                        else {}
                    ),
                }
                for step in self.steps
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "LadderSpec":
        return cls(
            data["code"],
            data["name"],
            tuple(
                Step(
                    step["level"],
                    tuple(step["roles"]),
                    None if step.get("factor") is None else Decimal(str(step["factor"])),
                    step.get("minutes"),
                    step.get("repeats", 0),
                    step.get("repeat_minutes", 0),
                    step.get("channel", ""),
                )
                for step in data["steps"]
            ),
        )


@dataclass(frozen=True, slots=True)
class RulesetSpec:
    """Everything a route depends on. `limits` by (type, urgency), `other_acknowledge` minutes by urgency."""

    rules: tuple[RuleSpec, ...]
    ladders: tuple[LadderSpec, ...] = ()
    limits: Mapping[tuple[str, str], Limits] = field(default_factory=dict)
    other_acknowledge: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON form, in a stable order."""
        table: dict[str, dict[str, Any]] = {}
        for (type_code, band), limits in sorted(self.limits.items()):
            table.setdefault(type_code, {})[band] = limits.as_dict()
        return {
            "format": FORMAT,
            "rules": [rule.as_dict() for rule in self.rules],
            "ladders": [ladder.as_dict() for ladder in sorted(self.ladders, key=lambda one: one.code)],
            "limits": table,
            "other_acknowledge": dict(sorted(self.other_acknowledge.items())),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RulesetSpec":
        """Read a snapshot or a file; ValueError on a format this version does not know."""
        if data.get("format") != FORMAT:
            raise ValueError(f"This is not a rule set of format {FORMAT}.")
        return cls(
            rules=tuple(
                RuleSpec.from_dict(rule, number) for number, rule in enumerate(data["rules"], start=1)
            ),
            ladders=tuple(LadderSpec.from_dict(ladder) for ladder in data.get("ladders", ())),
            limits={
                (type_code, band): Limits.from_dict(limits)
                for type_code, bands in data.get("limits", {}).items()
                for band, limits in bands.items()
            },
            other_acknowledge=dict(data.get("other_acknowledge", {})),
        )
