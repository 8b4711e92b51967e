"""When a value counts as a stop: equal to, one of, above or below; a deadband makes noise at a limit one event.

Owns reading values of three kinds (yes/no, named state, number) and saying a condition in a sentence. Knows no time.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

from exceptions_app.machine.samples import Value

Kind = Literal["bool", "state", "number"]
Operator = Literal["is", "is_not", "above", "below"]

_YES: Final = frozenset({"true", "on", "yes", "1"})
_NO: Final = frozenset({"false", "off", "no", "0"})
LONGEST_WORD: Final = 200


class BadCondition(ValueError):
    """The condition cannot be evaluated; the text says why, for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`operand` is "true"/"false" for a yes/no signal, words parted by commas for a state, a number for a limit.

    `deadband` (number only): once past the limit, the value must come back by that much to count as back. Limits above
    and below are separate conditions, so each has its own deadband.
    """

    kind: Kind
    operator: Operator
    operand: str
    deadband: float = 0.0
    words: frozenset[str] = frozenset()
    limit: float = 0.0

    @classmethod
    def of(cls, *, kind: str, operator: str, operand: str, deadband: float = 0.0) -> "Condition":
        """Check and prepare one; BadCondition in words that fit beside a form field."""
        operand = operand.strip()
        if not operand:
            raise BadCondition("A value to compare with is needed.")
        if kind == "number":
            if operator not in ("above", "below"):
                raise BadCondition("A number opens above or below a limit.")
            limit = as_number(operand)
            if limit is None:
                raise BadCondition(f"{operand} is not a number.")
            if deadband < 0 or not math.isfinite(deadband):
                raise BadCondition("A deadband is zero or more.")
            return cls("number", "above" if operator == "above" else "below", operand, deadband, limit=limit)
        if operator not in ("is", "is_not"):
            raise BadCondition("Above and below are for numbers.")
        if deadband:
            raise BadCondition("A deadband is for numbers.")
        equal: Operator = "is" if operator == "is" else "is_not"
        if kind == "bool":
            wanted = as_bool(operand)
            if wanted is None:
                raise BadCondition(f"{operand} is neither true nor false.")
            return cls("bool", equal, operand, words=frozenset({"true" if wanted else "false"}))
        if kind != "state":
            raise BadCondition(f"{kind} is no kind of signal.")
        words = frozenset(word for part in operand.split(",") if (word := as_word(part)))
        if not words:
            raise BadCondition("A state to compare with is needed.")
        return cls("state", equal, operand, words=words)

    def read(self, value: Value) -> Value:
        """The value as this kind of signal has it; None when it is no such value (then it counts as bad quality)."""
        if self.kind == "number":
            return as_number(value)
        if self.kind == "bool":
            return as_bool(value)
        return as_word(value)

    def holds(self, value: Value, inside: bool) -> bool:
        """Whether the condition holds for a value `read` has returned; `inside`: it held for the one before."""
        if self.kind == "number":
            number = float(value)  # type: ignore[arg-type]
            if self.operator == "above":
                return number > (self.limit - self.deadband if inside else self.limit)
            return number < (self.limit + self.deadband if inside else self.limit)
        word = ("true" if value else "false") if self.kind == "bool" else value
        return (word in self.words) == (self.operator == "is")

    def sentence(self) -> str:
        """ "is STOPPED or FAULT", "is above 80 (until it is below 77)": for people."""
        if self.kind == "number":
            back = self.limit - self.deadband if self.operator == "above" else self.limit + self.deadband
            other = "not above" if self.operator == "above" else "not below"
            until = f" (until it is {other} {back:g})" if self.deadband else ""
            return f"is {self.operator} {self.limit:g}{until}"
        words = [part.strip() for part in self.operand.split(",") if part.strip()]
        listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
        return f"is {'' if self.operator == 'is' else 'not '}{listed}"


def as_bool(value: Value) -> bool | None:
    """True or false from a boolean, 0/1, or one of the usual words; None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return None if value not in (0, 1) else bool(value)
    word = str(value).strip().casefold()
    return True if word in _YES else False if word in _NO else None


def as_number(value: Value) -> float | None:
    """A finite number; a text may have a decimal comma. None for anything else."""
    if value is None:
        return None
    try:
        number = float(value.replace(",", ".", 1) if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_word(value: Value) -> str | None:
    """A state as one comparable word: no case, no outer blanks, whole numbers without a fraction."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return " ".join(str(value)[:LONGEST_WORD].casefold().split()) or None
