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

from erp_sync.canonical_base import READERS, STOPGAPS, Facts, InvalidPayload, Payload, Problem
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
        if name not in hints or not _given(value, hints[name]):
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
    """Everything wrong with a payload, hard problems first; an empty list means it may be queued.

    Fields that are missing or can't be read do not hide what is wrong with the others: the rules are asked all the
    same, with any value in their place, and what they say of such a field itself is left out.
    """
    found: list[Problem] = []
    try:
        parsed = parse(kind, payload)
    except InvalidPayload as error:
        if kind not in KINDS:
            return error.problems
        found = error.problems
        parsed = _stopgap(KINDS[kind], payload, {problem.field for problem in found})
    named = {problem.field for problem in found}
    found += [problem for problem in parsed.problems(facts or Facts()) if problem.field not in named]
    return sorted(found, key=lambda problem: problem.warn)


def _stopgap(shape: type[Payload], payload: Mapping[str, Any], unusable: set[str]) -> Payload:
    """The payload with something of the right type in place of each field that is missing or unreadable."""
    hints = _hints(shape)
    usable = {name: value for name, value in payload.items() if name in hints and name not in unusable}
    values = {
        name: READERS[hints[name]](value) for name, value in usable.items() if _given(value, hints[name])
    }
    return shape(**values, **{name: STOPGAPS[hints[name]] for name in unusable if name in hints})


def _given(value: Any, hint: type) -> bool:
    return value is not None and (value != "" or hint is str)


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
