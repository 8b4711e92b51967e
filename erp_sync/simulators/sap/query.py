"""The query options of a read: $filter, $orderby, $select, $expand, $top, $skip, $skiptoken, $inlinecount.

Owns the parser of filter expressions (a subset of OData V2's grammar: and, or, not, comparisons, startswith, endswith,
substringof) and their application to rows. Must not know: HTTP, where rows come from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from erp_sync.simulators.sap.metadata import Entity, Field, entities
from erp_sync.simulators.sap.refusals import BAD_SYNTAX, UNKNOWN_PROPERTY, Refusal
from erp_sync.simulators.sap.values import Row, from_literal

Predicate = Callable[[Row], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<literal>(?:datetimeoffset|datetime|time|guid)?'(?:[^']|'')*')|(?P<mark>[(),])|(?P<word>[^\s(),']+))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}
_FUNCTIONS = ("startswith", "endswith", "substringof")
_KNOWN = {
    "$filter", "$orderby", "$select", "$expand", "$top", "$skip", "$skiptoken", "$inlinecount", "$format", "$count",
    "sap-client", "sap-language", "saml2",
}  # fmt: skip


def _broken(why: str) -> Refusal:
    return Refusal(BAD_SYNTAX, f"Invalid query: {why}")


def _field(entity: Entity, name: str) -> Field:
    found = entity.fields.get(name)
    if found is None:
        raise Refusal(
            UNKNOWN_PROPERTY, f"Property {name} not found in type {entity.name}", status=400, target=name
        )
    return found


class _Reader:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, text: str, entity: Entity, v4: bool) -> None:
        self.entity, self.v4 = entity, v4
        self.tokens: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if match is None:
                raise _broken(f"at position {at}")
            self.tokens.append(match["literal"] or match["mark"] or match["word"])
            at = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        piece = self.peek()
        if not piece or (wanted and piece != wanted):
            raise _broken(f"{wanted or 'more'} expected, {piece or 'the end'} found")
        self.at += 1
        return piece

    def either(self) -> Predicate:
        left = self.both()
        while self.peek() == "or":
            self.take()
            left = _or(left, self.both())
        return left

    def both(self) -> Predicate:
        left = self.single()
        while self.peek() == "and":
            self.take()
            left = _and(left, self.single())
        return left

    def single(self) -> Predicate:
        piece = self.take()
        if piece == "not":
            inner = self.single()
            return lambda row: not inner(row)
        if piece == "(":
            inside = self.either()
            self.take(")")
            return inside
        if piece in _FUNCTIONS and self.peek() == "(":
            return self.function(piece)
        one = _field(self.entity, piece)
        word = self.take()
        if word not in _COMPARE:
            raise _broken(f"{word} is no comparison")
        return _compare(one, _COMPARE[word], self.literal(one))

    def function(self, name: str) -> Predicate:
        self.take("(")
        first = self.take()
        self.take(",")
        second = self.take()
        self.take(")")
        column, literal = (second, first) if name == "substringof" else (first, second)
        one = _field(self.entity, column)
        sought = str(self.value(one, literal))
        if self.peek() == "eq":
            self.take()
            if self.take() != "true":
                raise _broken(f"{name} is compared with true only")
        if name == "startswith":
            return lambda row: str(row.get(one.name) or "").startswith(sought)
        if name == "endswith":
            return lambda row: str(row.get(one.name) or "").endswith(sought)
        return lambda row: sought in str(row.get(one.name) or "")

    def literal(self, one: Field) -> Any:
        return self.value(one, self.take())

    def value(self, one: Field, piece: str) -> Any:
        if piece == "null":
            return None
        if self.v4 and one.kind in "DZ":
            try:
                seen = datetime.fromisoformat(piece.replace("Z", "+00:00"))
            except ValueError:
                raise _broken(f"{piece} is no date") from None
            return seen if seen.tzinfo else seen.replace(tzinfo=UTC)
        return from_literal(one, piece)


def _or(a: Predicate, b: Predicate) -> Predicate:
    return lambda row: a(row) or b(row)


def _and(a: Predicate, b: Predicate) -> Predicate:
    return lambda row: a(row) and b(row)


def _compare(one: Field, how: Callable[[Any, Any], bool], sought: Any) -> Predicate:
    def holds(row: Row) -> bool:
        value = row.get(one.name)
        if one.kind == "s":
            value = value or ""
        if value is None or sought is None:
            return (how is _COMPARE["eq"] and value == sought) or (how is _COMPARE["ne"] and value != sought)
        return how(value, sought)

    return holds


def filter_of(text: str, entity: Entity, *, v4: bool = False) -> Predicate:
    """The filter as a predicate. Raises Refusal (400) for what is outside the grammar or names no property."""
    reader = _Reader(text, entity, v4)
    found = reader.either()
    if reader.peek():
        raise _broken(f"{reader.peek()} is left over")
    return found


@dataclass(frozen=True, slots=True)
class Query:
    """The options of one read, checked against the entity."""

    entity: Entity
    where: Predicate = lambda row: True
    order: tuple[tuple[str, bool], ...] = ()
    columns: tuple[str, ...] = ()
    expand: tuple[tuple[str, ...], ...] = ()
    top: int | None = None
    skip: int = 0
    counted: bool = False
    raw: Mapping[str, str] = field(default_factory=dict)

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        """What matches, in order, before paging. Without $orderby by key."""
        found = [row for row in rows if self.where(row)]
        found.sort(key=lambda row: tuple(_sortable(row.get(name)) for name in self.entity.key))
        for name, down in reversed(self.order):
            found.sort(key=lambda row, name=name: _sortable(row.get(name)), reverse=down)  # type: ignore[misc]
        return found


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


def query_of(entity: Entity, options: Mapping[str, str], *, v4: bool = False) -> Query:
    """Read the options of an address. Raises Refusal (400) for an unknown option, name or value."""
    for name in options:
        if name not in _KNOWN and not name.startswith("sap-"):
            raise _broken(f"unknown option {name}")
    order = []
    for part in _list(options.get("$orderby", "")):
        words = part.split()
        if len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
            raise _broken(f"$orderby {part}")
        order.append((_field(entity, words[0]).name, words[-1] == "desc" and len(words) == 2))
    expand = tuple(tuple(part.split("/")) for part in _list(options.get("$expand", "")))
    for path in expand:
        at = entity
        for step in path:
            if step not in at.ways:
                raise Refusal(UNKNOWN_PROPERTY, f"Navigation {step} not found in type {at.name}", target=step)
            at = entities()[at.ways[step].target]
    columns = tuple(_list(options.get("$select", "")))
    for name in columns:
        if name != "*" and name.split("/")[0] not in entity.ways:
            _field(entity, name)
    return Query(
        entity,
        filter_of(options["$filter"], entity, v4=v4) if options.get("$filter") else lambda row: True,
        tuple(order),
        () if "*" in columns else columns,
        expand,
        _count(options, "$top"),
        (_count(options, "$skip") or 0) + (_count(options, "$skiptoken") or 0),
        options.get("$inlinecount") == "allpages" or options.get("$count") == "true",
        options,
    )


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _count(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if not text:
        return None
    if not text.isdigit() or len(text) > 9:
        raise _broken(f"{name} is a whole number")
    return int(text)


_KEY_PART = re.compile(
    r"\s*(?:(\w+)\s*=\s*)?((?:datetimeoffset|datetime|time|guid)?'(?:[^']|'')*'|[^,'()]+)\s*(?:,|$)"
)


def key_of(entity: Entity, text: str) -> tuple[Any, ...]:
    """The key of `(...)` in an address, in the entity's order. Raises Refusal (400)."""
    given: dict[str, Any] = {}
    at = 0
    while at < len(text):
        match = _KEY_PART.match(text, at)
        if match is None:
            raise _broken(f"key {text}")
        name = match[1] or (entity.key[0] if len(entity.key) == 1 else "")
        if name not in entity.key or name in given:
            raise _broken(f"key {text} of {entity.name}")
        given[name] = from_literal(entity.fields[name], match[2].strip())
        at = match.end()
    if len(given) != len(entity.key):
        raise _broken(f"the key of {entity.name} is {', '.join(entity.key)}")
    return tuple(given[name] for name in entity.key)
