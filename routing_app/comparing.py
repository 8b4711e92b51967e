"""Reading facts as they come and expectations as they were typed, and comparing the two.

Pure. Unknown is absent: None, an empty text and a missing key all mean the same, and no comparison is ever true of
it; what is there and can't be read is kept apart as broken. Must not know rules.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from routing_app.facts import (
    CATALOGUE,
    NUMERIC,
    OPERATOR_WORDS,
    WITHOUT_VALUE,
    Fact,
    Kind,
    Operator,
    canonical,
)

_LISTS: Final = frozenset(
    {
        Operator.ONE_OF,
        Operator.NONE_OF,
        Operator.BEGINS_WITH,
        Operator.INCLUDES_ANY,
        Operator.INCLUDES_NONE,
    }
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Facts ready to be compared: `values` by code in comparable form, `broken` what could not be read and why.

    `raw` is the JSON form of what came in, for the record; facts outside the catalogue are kept there only.
    """

    values: Mapping[str, Any]
    broken: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)


_TRUE = frozenset({"true", "yes", "y", "1", "on"})
_FALSE = frozenset({"false", "no", "n", "0", "off"})


def read_number(value: Any) -> Decimal:
    """A finite number from int, float, Decimal or text; ValueError says what is wrong in plain words."""
    if isinstance(value, bool):
        raise ValueError("is yes or no, not a number")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"“{value}” is not a number") from None
    if not number.is_finite():
        raise ValueError(f"“{value}” is not a finite number")
    return number


def read_bool(value: Any) -> bool:
    """True or False from a bool or a plain word; ValueError otherwise."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"“{value}” is neither yes nor no")


def _read_codes(value: Any) -> frozenset[str]:
    parts: Iterable[Any] = split_list(value) if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple, set, frozenset)):
        raise ValueError(f"“{value}” is not a list of codes")
    return frozenset(str(part).strip().casefold() for part in parts if str(part).strip())


def _read_text(value: Any) -> str:
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        raise ValueError("is a list, one value was expected")
    return str(value).strip().casefold()


_READERS: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    Kind.TEXT: _read_text,
    Kind.CHOICE: _read_text,
    Kind.NUMBER: read_number,
    Kind.MINUTES: read_number,
    Kind.MONEY: read_number,
    Kind.BOOL: read_bool,
    Kind.CODES: _read_codes,
}


def as_json(value: Any) -> Any:
    """The form a fact is stored in: decimals as text, sets as sorted lists, enumerations as their text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return format(Decimal(str(value)).normalize(), "f") if not value.is_integer() else int(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else format(value.normalize(), "f")
    if isinstance(value, (set, frozenset)):
        return sorted(str(part) for part in value)
    if isinstance(value, (list, tuple)):
        return [str(part) for part in value]
    return str(value)


def prepare(facts: Mapping[str, Any]) -> Prepared:
    """Read facts as they come (aliases, numbers as text, any case) into the comparable form; never raises."""
    values: dict[str, Any] = {}
    broken: dict[str, str] = {}
    raw: dict[str, Any] = {}
    for given, value in facts.items():
        code = canonical(given)
        if value is None or value == "" or value in ((), [], frozenset()):
            continue
        if isinstance(value, float) and not Decimal(str(value)).is_finite():
            raw[code] = str(value)
            broken[code] = f"“{value}” is not a finite number"
            continue
        raw[code] = as_json(value)
        fact = CATALOGUE.get(code)
        if fact is None:
            continue
        try:
            values[code] = _READERS[fact.kind](value)
        except ValueError as problem:
            broken[code] = str(problem)
    return Prepared(values=values, broken=broken, raw=dict(sorted(raw.items())))


def split_list(text: str) -> list[str]:
    """The parts of a typed list: commas, semicolons or new lines between them."""
    return [part.strip() for part in text.replace(";", ",").replace("\n", ",").split(",") if part.strip()]


def read_expected(fact_code: str, operator: str, text: str) -> Any:
    """The expectation of one condition in comparable form; ValueError says what an administrator must change."""
    fact = CATALOGUE.get(fact_code)
    if fact is None:
        raise ValueError(f"There is no fact called “{fact_code}”.")
    if operator not in fact.operators:
        allowed = ", ".join(f"“{OPERATOR_WORDS[known]}”" for known in fact.operators)
        raise ValueError(f"“{fact.label}” cannot be compared that way; it knows {allowed}.")
    if operator in WITHOUT_VALUE:
        if text.strip():
            raise ValueError(f"“{fact.label} {OPERATOR_WORDS[operator]}” takes no value.")
        return None
    parts = split_list(text)
    if not parts:
        raise ValueError(f"“{fact.label} {OPERATOR_WORDS[operator]}” needs a value.")
    if fact.kind in NUMERIC:
        return _expected_number(fact, operator, text, parts)
    if operator in _LISTS:
        return frozenset(part.casefold() for part in parts)
    return text.strip().casefold()


def _expected_number(fact: Fact, operator: str, text: str, parts: list[str]) -> Any:
    try:
        if operator != Operator.BETWEEN:
            return read_number(text)
        if len(parts) != 2:
            raise ValueError("takes a lower and an upper bound, for example “15, 60”")
        low, high = read_number(parts[0]), read_number(parts[1])
    except ValueError as problem:
        raise ValueError(f"“{fact.label}”: {problem}.") from None
    if low > high:
        raise ValueError(f"“{fact.label}”: the lower bound {parts[0]} is over the upper bound {parts[1]}.")
    return (low, high)


def _begins_with(expected: frozenset[str]) -> Callable[[Any], bool]:
    prefixes = tuple(expected)
    return lambda value: value.startswith(prefixes)


def _between(expected: tuple[Decimal, Decimal]) -> Callable[[Any], bool]:
    low, high = expected
    return lambda value: low <= value <= high


_TESTS: Final[Mapping[str, Callable[[Any], Callable[[Any], bool]]]] = {
    Operator.IS: lambda expected: lambda value: value == expected,
    Operator.IS_NOT: lambda expected: lambda value: value != expected,
    Operator.ONE_OF: lambda expected: lambda value: value in expected,
    Operator.NONE_OF: lambda expected: lambda value: value not in expected,
    Operator.CONTAINS: lambda expected: lambda value: expected in value,
    Operator.BEGINS_WITH: _begins_with,
    Operator.LESS_THAN: lambda expected: lambda value: value < expected,
    Operator.AT_MOST: lambda expected: lambda value: value <= expected,
    Operator.MORE_THAN: lambda expected: lambda value: value > expected,
    Operator.AT_LEAST: lambda expected: lambda value: value >= expected,
    Operator.BETWEEN: _between,
    Operator.YES: lambda expected: lambda value: value is True,
    Operator.NO: lambda expected: lambda value: value is False,
    Operator.INCLUDES: lambda expected: lambda value: expected in value,
    Operator.INCLUDES_ANY: lambda expected: lambda value: not expected.isdisjoint(value),
    Operator.INCLUDES_NONE: lambda expected: lambda value: expected.isdisjoint(value),
    Operator.KNOWN: lambda expected: lambda value: True,
}


def comparison(fact_code: str, operator: str, text: str) -> Callable[[Any], bool]:
    """A closure that answers one condition for a known value in comparable form; ValueError as `read_expected`."""
    return _TESTS[operator](read_expected(fact_code, operator, text))
