"""Which rules a case can match at all, found without reading the others. Pure.

Each rule is filed under the one condition that says no most often: a choice it pins, the beginning of a text, or one
side of a number. A rule without such a condition, or with one that can't be read, is looked at for every case. What is
passed over could not have matched; what is returned still has to be tested.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from routing_app.comparing import Prepared, read_expected
from routing_app.facts import CATALOGUE, NUMERIC, Kind, Operator
from routing_app.ruleset import ConditionSpec

_LEAST: Final = frozenset({Operator.AT_LEAST, Operator.MORE_THAN, Operator.BETWEEN, Operator.IS})
_BOUNDS: Final = frozenset({"least", "most"})
_MOST: Final = frozenset({Operator.AT_MOST, Operator.LESS_THAN})

#: Sets no larger than this are not filed by numbers and beginnings.
FULL_TRACE: Final = 200

Positions = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """Rules by one bound of a number, bounds rising; `least` says that the number must reach it."""

    least: bool
    bounds: tuple[Decimal, ...]
    positions: Positions

    def met(self, value: Decimal) -> Positions:
        """Rules whose bound the value meets (those on the bound itself included)."""
        if self.least:
            return self.positions[: bisect_right(self.bounds, value)]
        return self.positions[bisect_left(self.bounds, value) :]


@dataclass(frozen=True, slots=True)
class Begins:
    """Rules by the beginnings of a text; `lengths` are those that occur."""

    lengths: tuple[int, ...]
    rules: Mapping[str, Positions]

    def met(self, value: str) -> list[int]:
        return [position for length in self.lengths for position in self.rules.get(value[:length], ())]


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """Positions of rules by what they ask; `always` are those no condition files."""

    always: Positions
    pinned: Mapping[str, Mapping[str, Positions]]
    begins: Mapping[str, Begins]
    sides: Mapping[str, tuple[Side, ...]]
    also: Mapping[int, tuple[tuple[str, bool, Decimal], ...]]
    of_fact: Mapping[str, Positions]

    def candidates(self, prepared: Prepared) -> list[int]:
        """Positions of all rules the facts could match, in reading order. Where a fact can't be read, every rule filed
        under it is among them, so that each can say so."""
        values = prepared.values
        found: list[int] = list(self.always)
        for fact, bucket in self.pinned.items():
            value = values.get(fact)
            if value is not None:
                found.extend(bucket.get(value, ()))
        for fact, begins in self.begins.items():
            value = values.get(fact)
            if value is not None:
                found.extend(begins.met(value))
        for fact, sides in self.sides.items():
            value = values.get(fact)
            if value is not None:
                for side in sides:
                    found.extend(
                        one for one in side.met(value) if self._bounds_met(one, values, prepared.broken)
                    )
        for fact in prepared.broken:
            found.extend(self.of_fact.get(fact, ()))
        return sorted(set(found))

    def _bounds_met(self, position: int, values: Mapping[str, Any], broken: Mapping[str, str]) -> bool:
        """Whether the other numbers a rule asks for lie within their bounds too, or can't be read."""
        for fact, least, bound in self.also.get(position, ()):
            value = values.get(fact)
            if value is None:
                if fact not in broken:
                    return False
            elif (value < bound) if least else (value > bound):
                return False
        return True


@dataclass(frozen=True, slots=True)
class _Key:
    """One condition a rule could be filed under. `kind` is pin, begin, least or most."""

    fact: str
    kind: str
    values: frozenset[Any]


def build(rules: Iterable[tuple[Sequence[ConditionSpec], bool]]) -> RuleIndex:
    """File rules, given as their conditions and whether one of them can't be read, in reading order.

    Up to FULL_TRACE of them are filed by what they pin alone, so that the trace of a plant's usual set says of the
    others, too, what each condition saw.
    """
    keys = [[] if broken else _keys(conditions) for conditions, broken in rules]
    if len(keys) <= FULL_TRACE:
        keys = [[key for key in listed if key.kind == "pin"] for listed in keys]
    variety: dict[tuple[str, str], set[Any]] = {}
    for listed in keys:
        for key in listed:
            variety.setdefault((key.fact, key.kind), set()).update(key.values)
    always: list[int] = []
    pinned: dict[str, dict[str, list[int]]] = {}
    begins: dict[str, dict[str, list[int]]] = {}
    sides: dict[tuple[str, str], list[tuple[Decimal, int]]] = {}
    also: dict[int, tuple[tuple[str, bool, Decimal], ...]] = {}
    of_fact: dict[str, list[int]] = {}
    for position, listed in enumerate(keys):
        if not listed:
            always.append(position)
            continue
        best = min(listed, key=lambda key: _share(key, len(variety[key.fact, key.kind])))
        of_fact.setdefault(best.fact, []).append(position)
        if best.kind in _BOUNDS:
            also[position] = tuple(
                (key.fact, key.kind == "least", value)
                for key in listed
                if key is not best and key.kind in _BOUNDS
                for value in key.values
            )
        for value in best.values:
            if best.kind == "pin":
                pinned.setdefault(best.fact, {}).setdefault(value, []).append(position)
            elif best.kind == "begin":
                begins.setdefault(best.fact, {}).setdefault(value, []).append(position)
            else:
                sides.setdefault((best.fact, best.kind), []).append((value, position))
    return RuleIndex(
        always=tuple(always),
        pinned={fact: _frozen(bucket) for fact, bucket in pinned.items()},
        begins={
            fact: Begins(tuple(sorted({len(word) for word in bucket})), _frozen(bucket))
            for fact, bucket in begins.items()
        },
        sides=_sides(sides),
        also=also,
        of_fact=_frozen(of_fact),
    )


def _frozen(bucket: Mapping[str, list[int]]) -> dict[str, Positions]:
    return {value: tuple(found) for value, found in bucket.items()}


def _sides(found: Mapping[tuple[str, str], list[tuple[Decimal, int]]]) -> dict[str, tuple[Side, ...]]:
    sides: dict[str, tuple[Side, ...]] = {}
    for (fact, kind), rows in sorted(found.items()):
        rows.sort()
        side = Side(kind == "least", tuple(bound for bound, _ in rows), tuple(place for _, place in rows))
        sides[fact] = (*sides.get(fact, ()), side)
    return sides


def _share(key: _Key, variety: int) -> tuple[float, str]:
    """Roughly the share of cases that pass the condition; a number's bound is taken to let half of them through."""
    if key.kind in ("pin", "begin"):
        return (len(key.values) / max(variety, 1 if key.kind == "pin" else 2), key.fact)
    return (0.5 + 0.5 / (1 + variety), key.fact)


def _keys(conditions: Sequence[ConditionSpec]) -> list[_Key]:
    found: list[_Key] = []
    for condition in conditions:
        fact = CATALOGUE.get(condition.fact)
        if fact is None:
            continue
        expected = read_expected(fact.code, condition.operator, condition.value)
        if fact.kind in NUMERIC:
            if condition.operator in _LEAST:
                bound = expected[0] if condition.operator == Operator.BETWEEN else expected
                found.append(_Key(fact.code, "least", frozenset({bound})))
            elif condition.operator in _MOST:
                found.append(_Key(fact.code, "most", frozenset({expected})))
        elif fact.kind in (Kind.CHOICE, Kind.TEXT):
            if condition.operator in (Operator.IS, Operator.ONE_OF):
                values = frozenset({expected}) if condition.operator == Operator.IS else expected
                found.append(_Key(fact.code, "pin", values))
            elif condition.operator == Operator.BEGINS_WITH:
                found.append(_Key(fact.code, "begin", expected))
    return found
