"""What a rule's conditions leave of each fact, and whether one rule's cases are all another's. Pure.

Sound, not complete: `covers` says yes only when it is certain, so that a rule called shadowed is shadowed; what only
several rules together cover is not found. A fact nobody asked about may be unknown. Must not know owners nor order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from routing_app import facts as catalogue
from routing_app.comparing import read_expected
from routing_app.facts import NUMERIC, Kind, Operator
from routing_app.ruleset import RuleSpec

Words = frozenset[str]


@dataclass(frozen=True, slots=True)
class Domain:
    """The known values of one fact that meet every condition on it; fields at their defaults bind nothing.

    `begins` are groups: the text begins with one of each group. `some` likewise for code lists.
    """

    allowed: Words | None = None
    barred: Words = frozenset()
    begins: tuple[Words, ...] = ()
    holds: Words = frozenset()
    low: Decimal | None = None
    low_open: bool = False
    high: Decimal | None = None
    high_open: bool = False
    flags: frozenset[bool] = frozenset({True, False})
    codes: Words = frozenset()
    some: tuple[Words, ...] = ()
    without: Words = frozenset()

    def takes(self, text: str) -> bool:
        """Whether a text meets the conditions on text."""
        return (
            (self.allowed is None or text in self.allowed)
            and text not in self.barred
            and all(text.startswith(tuple(group)) for group in self.begins)
            and all(part in text for part in self.holds)
        )

    @property
    def values(self) -> Words | None:
        """The texts left, where they can be listed."""
        return None if self.allowed is None else frozenset(one for one in self.allowed if self.takes(one))

    @property
    def empty(self) -> bool:
        """Nothing can meet it."""
        if not self.flags or self.values == frozenset():
            return True
        if (
            self.low is not None
            and self.high is not None
            and (self.low > self.high or (self.low == self.high and (self.low_open or self.high_open)))
        ):
            return True
        if self.codes & self.without or any(group <= self.without for group in self.some):
            return True
        return _apart(self.begins)

    def within(self, other: "Domain") -> bool:
        """Whether every value of this one certainly meets the other."""
        return (
            self._texts_within(other)
            and self._numbers_within(other)
            and self.flags <= other.flags
            and other.codes <= self.codes
            and other.without <= self.without
            and all(group & self.codes or any(mine <= group for mine in self.some) for group in other.some)
        )

    def _texts_within(self, other: "Domain") -> bool:
        values = self.values
        if values is not None:
            return all(other.takes(value) for value in values)
        if other.allowed is not None or any(self.takes(value) for value in other.barred):
            return False
        begun = all(
            any(all(word.startswith(tuple(group)) for word in mine) for mine in self.begins)
            for group in other.begins
        )
        return begun and all(
            any(part in mine for mine in self.holds)
            or any(all(part in word for word in group) for group in self.begins)
            for part in other.holds
        )

    def _numbers_within(self, other: "Domain") -> bool:
        if other.low is not None and (
            self.low is None
            or self.low < other.low
            or (self.low == other.low and other.low_open and not self.low_open)
        ):
            return False
        return other.high is None or not (
            self.high is None
            or self.high > other.high
            or (self.high == other.high and other.high_open and not self.high_open)
        )


def _apart(groups: tuple[Words, ...]) -> bool:
    """Two groups of beginnings no text can meet both of."""
    return any(
        not any(a.startswith(b) or b.startswith(a) for a in first for b in second)
        for place, first in enumerate(groups)
        for second in groups[place + 1 :]
    )


ANYTHING: Final = Domain()
Region = Mapping[str, Domain]


def region_of(rule: RuleSpec) -> dict[str, Domain] | None:
    """The domain of each fact a rule asks about; None where a condition can't be read (such a rule never speaks)."""
    region: dict[str, Domain] = {}
    for condition in rule.conditions:
        try:
            expected = read_expected(condition.fact, condition.operator, condition.value)
        except ValueError:
            return None
        known = region.get(condition.fact, ANYTHING)
        kind = catalogue.CATALOGUE[condition.fact].kind
        region[condition.fact] = _narrowed(known, kind, condition.operator, expected)
    return region


def _narrowed(known: Domain, kind: Kind, operator: str, expected: Any) -> Domain:
    if operator == Operator.KNOWN:
        return known
    if kind in NUMERIC:
        return _number(known, operator, expected)
    if operator in (Operator.YES, Operator.NO):
        return replace(known, flags=known.flags & {operator == Operator.YES})
    if operator in (Operator.IS, Operator.ONE_OF):
        values = frozenset({expected}) if operator == Operator.IS else expected
        return replace(known, allowed=values if known.allowed is None else known.allowed & values)
    if operator in (Operator.IS_NOT, Operator.NONE_OF):
        values = frozenset({expected}) if operator == Operator.IS_NOT else expected
        return replace(known, barred=known.barred | values)
    if operator == Operator.BEGINS_WITH:
        return replace(known, begins=(*known.begins, expected))
    if operator == Operator.CONTAINS:
        return replace(known, holds=known.holds | {expected})
    if operator == Operator.INCLUDES:
        return replace(known, codes=known.codes | {expected})
    if operator == Operator.INCLUDES_ANY:
        return replace(known, some=(*known.some, expected))
    return replace(known, without=known.without | expected)


def _number(known: Domain, operator: str, expected: Any) -> Domain:
    if operator in (Operator.BETWEEN, Operator.IS):
        low, high = expected if operator == Operator.BETWEEN else (expected, expected)
        return _under(_over(known, low, opened=False), high, opened=False)
    if operator in (Operator.LESS_THAN, Operator.AT_MOST):
        return _under(known, expected, opened=operator == Operator.LESS_THAN)
    return _over(known, expected, opened=operator == Operator.MORE_THAN)


def _over(known: Domain, low: Decimal, *, opened: bool) -> Domain:
    if known.low is None or (low, opened) > (known.low, known.low_open):
        return replace(known, low=low, low_open=opened)
    return known


def _under(known: Domain, high: Decimal, *, opened: bool) -> Domain:
    if known.high is None or (high, not opened) < (known.high, not known.high_open):
        return replace(known, high=high, high_open=opened)
    return known


def empty_fact(region: Region) -> str:
    """The first fact nothing can meet; "" when there is none."""
    return next((fact for fact, domain in region.items() if domain.empty), "")


def covers(general: Region, special: Region) -> bool:
    """Whether every case of `special` is certainly one of `general`. Facts `general` asks about must be asked about by
    `special` too, because a fact may be unknown."""
    return all(fact in special and special[fact].within(domain) for fact, domain in general.items())


class Earlier:
    """Rules in reading order, asked for one that covers another; found by the facts they ask and one value of them."""

    def __init__(self) -> None:
        self._listed: dict[frozenset[str], dict[tuple[str, str], list[tuple[RuleSpec, Region]]]] = {}

    def add(self, rule: RuleSpec, region: Region) -> None:
        """Put a rule after those already there."""
        group = self._listed.setdefault(frozenset(region), {})
        for key in _keys(region):
            group.setdefault(key, []).append((rule, region))

    def cover_of(self, region: Region) -> tuple[RuleSpec, Region] | None:
        """The first rule whose cases hold all of `region`."""
        asked = frozenset(region)
        found: list[tuple[RuleSpec, Region]] = []
        for facts, group in self._listed.items():
            if not facts <= asked:
                continue
            keys = [("", "")]
            for fact in facts:
                values = region[fact].values
                if values:
                    keys.append((fact, min(values)))
            for key in keys:
                cover = next((one for one in group.get(key, ()) if covers(one[1], region)), None)
                if cover is not None:
                    found.append(cover)
        return min(found, key=lambda one: one[0].number, default=None)


def _keys(region: Region) -> list[tuple[str, str]]:
    """Where a rule is filed: under each value of the fact it pins most, else under nothing."""
    pinned = [(len(values), fact, values) for fact, domain in region.items() if (values := domain.values)]
    if not pinned:
        return [("", "")]
    _, fact, values = min(pinned, key=lambda one: one[:2])
    return [(fact, value) for value in sorted(values)]
