"""The front door to the canonical posting kinds: parse and validate a payload before any ERP is asked.

Owns `parse` (JSON in, typed payload out) and `validate` (everything wrong with it). The shapes live in
`canonical_kinds`, their vocabulary in `canonical_base`. Must not know: Django, the outbox, any ERP.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from decimal import InvalidOperation
from typing import Any

from erp_sync.canonical_base import READERS, Facts, InvalidPayload, Payload, Problem
from erp_sync.canonical_kinds import KINDS

__all__ = ["KINDS", "Facts", "InvalidPayload", "Payload", "Problem", "parse", "validate"]


def parse(kind: str, payload: Mapping[str, Any]) -> Payload:
    """Typed payload of `kind`. Raises InvalidPayload for an unknown kind, unknown, missing or unreadable fields."""
    try:
        shape = KINDS[kind]
    except KeyError:
        raise InvalidPayload(kind, [Problem("kind", "unknown", "no such posting kind")]) from None
    hints = _hints(shape)
    problems = [Problem(name, "unknown", "no such field") for name in payload if name not in hints]
    values: dict[str, Any] = {}
    for name, value in payload.items():
        if name not in hints or value is None or (value == "" and hints[name] is not str):
            continue
        try:
            values[name] = READERS[hints[name]](value)
        except (ValueError, TypeError, InvalidOperation):
            problems.append(Problem(name, "unreadable", f"can't read {value!r}"))
    missing = [name for name in shape.REQUIRED if values.get(name, "") == ""]
    named = {p.field for p in problems}
    problems += [Problem(name, "missing", "is required") for name in missing if name not in named]
    if problems:
        raise InvalidPayload(kind, problems)
    return shape(**values)


def validate(kind: str, payload: Mapping[str, Any], facts: Facts | None = None) -> list[Problem]:
    """Everything wrong with a payload, hard problems first; an empty list means it may be queued."""
    try:
        parsed = parse(kind, payload)
    except InvalidPayload as error:
        return error.problems
    return sorted(parsed.problems(facts or Facts()), key=lambda problem: problem.warn)


def _hints(shape: type[Payload]) -> dict[str, type]:
    """Field name -> the one concrete type it holds (Optional stripped)."""
    hints = typing.get_type_hints(shape)
    plain: dict[str, type] = {}
    for spec in dataclasses.fields(shape):
        hint = hints[spec.name]
        if isinstance(hint, types.UnionType):
            hint = next(arm for arm in typing.get_args(hint) if arm is not type(None))
        plain[spec.name] = typing.get_origin(hint) or hint
    return plain
