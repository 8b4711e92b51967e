"""What routing answers: owner, functions, urgency, clocks, ladder, and why; with its JSON form both ways.

Pure values without behaviour. The exception freezes an outcome when it opens, the case stores it for replay.
Must not know how it was reached.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from routing_app import words
from routing_app.clocks import Level, Limits
from routing_app.urgency import Bound, Input


@dataclass(frozen=True, slots=True)
class AffectedFunction:
    """A function that holds a response; `required` ones must acknowledge for the exception to be aligned."""

    function: str
    role: str
    required: bool
    because_rule: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "function": self.function,
            "role": self.role,
            "required": self.required,
            "because_rule": self.because_rule,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "AffectedFunction":
        return cls(data["function"], data["role"], data["required"], data["because_rule"])


@dataclass(frozen=True, slots=True)
class InformedRole:
    """A further role that is told for information and holds no response of its own."""

    function: str
    role: str
    because_rule: int

    def as_dict(self) -> dict[str, Any]:
        return {"function": self.function, "role": self.role, "because_rule": self.because_rule}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "InformedRole":
        return cls(data["function"], data["role"], data["because_rule"])


@dataclass(frozen=True, slots=True)
class Outcome:
    """A route. Minutes count from the opening; `rule_number` is the place of the deciding rule in its version.

    `functions` holds each function once and never the owner's (its response is implied and always required);
    `elsewhere` are the functions of the other site; `informed_roles` are told and answer nothing. `low_count` counts
    evaluations in a row that asked for a lower band than the one kept.
    """

    owner_function: str
    owner_role: str
    functions: tuple[AffectedFunction, ...]
    urgency: str
    urgency_score: Decimal
    urgency_inputs: tuple[Input, ...]
    limits: Limits
    other_acknowledge: int
    ladder: tuple[Level, ...]
    ladder_code: str
    start_level: int
    triage: bool
    rule_number: int
    rule_code: str
    rule_name: str
    owner_place: str = words.HERE
    owner_skill: str = ""
    urgency_floors: tuple[Bound, ...] = ()
    urgency_caps: tuple[Bound, ...] = ()
    elsewhere: tuple[AffectedFunction, ...] = ()
    informed_roles: tuple[InformedRole, ...] = ()
    playbook: str = ""
    proposes_type: str = ""
    marks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    added_by: tuple[int, ...] = ()
    errors: tuple[str, ...] = ()
    low_count: int = 0
    trace: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "owner_function": self.owner_function,
            "owner_role": self.owner_role,
            "owner_place": self.owner_place,
            "owner_skill": self.owner_skill,
            "functions": [one.as_dict() for one in self.functions],
            "elsewhere": [one.as_dict() for one in self.elsewhere],
            "informed_roles": [one.as_dict() for one in self.informed_roles],
            "urgency": self.urgency,
            "urgency_score": str(self.urgency_score),
            "urgency_inputs": [one.as_dict() for one in self.urgency_inputs],
            "urgency_floors": [{"band": one.band, "because": one.because} for one in self.urgency_floors],
            "urgency_caps": [{"band": one.band, "because": one.because} for one in self.urgency_caps],
            "limits": self.limits.as_dict(),
            "other_acknowledge": self.other_acknowledge,
            "ladder": [one.as_dict() for one in self.ladder],
            "ladder_code": self.ladder_code,
            "start_level": self.start_level,
            "triage": self.triage,
            "playbook": self.playbook,
            "proposes_type": self.proposes_type,
            "marks": list(self.marks),
            "notes": list(self.notes),
            "rule_number": self.rule_number,
            "rule_code": self.rule_code,
            "rule_name": self.rule_name,
            "added_by": list(self.added_by),
            "errors": list(self.errors),
            "low_count": self.low_count,
            "trace": dict(self.trace),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Outcome":
        return cls(
            owner_function=data["owner_function"],
            owner_role=data["owner_role"],
            owner_place=data["owner_place"],
            owner_skill=data["owner_skill"],
            functions=tuple(AffectedFunction.from_dict(one) for one in data["functions"]),
            elsewhere=tuple(AffectedFunction.from_dict(one) for one in data["elsewhere"]),
            informed_roles=tuple(InformedRole.from_dict(one) for one in data["informed_roles"]),
            urgency=data["urgency"],
            urgency_score=Decimal(data["urgency_score"]),
            urgency_inputs=tuple(Input.from_dict(one) for one in data["urgency_inputs"]),
            urgency_floors=tuple(Bound(one["band"], one["because"]) for one in data["urgency_floors"]),
            urgency_caps=tuple(Bound(one["band"], one["because"]) for one in data["urgency_caps"]),
            limits=Limits.from_dict(data["limits"]),
            other_acknowledge=data["other_acknowledge"],
            ladder=tuple(Level.from_dict(one) for one in data["ladder"]),
            ladder_code=data["ladder_code"],
            start_level=data["start_level"],
            triage=data["triage"],
            playbook=data["playbook"],
            proposes_type=data["proposes_type"],
            marks=tuple(data["marks"]),
            notes=tuple(data["notes"]),
            rule_number=data["rule_number"],
            rule_code=data["rule_code"],
            rule_name=data["rule_name"],
            added_by=tuple(data["added_by"]),
            errors=tuple(data["errors"]),
            low_count=data["low_count"],
            trace=data.get("trace", {}),
        )
