"""The port of an outward channel: plain values in, the provider's answer out, a refusal that says what helps.

A further channel is one module that fills in a `Channel`, one line in `registry.py`, and its code in the models. Knows
no rows and no transaction: the sender claims before and records after.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta

from core.transports import TransportError


class Refusal(TransportError):
    """A message was not taken. `after`: seconds the provider asks to wait; `gone`: targets that are no more.

    `away`: nobody answered or everybody is refused now, so more letters by the same provider wait, too.
    """

    def __init__(
        self, message: str, *, permanent: bool = False, after: float | None = None, away: bool = False,
        gone: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(message[:300], permanent=permanent)
        self.after = after
        self.away = away
        self.gone = gone


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """Where to: `number` is the row it came from (0 for none), `secret` what the channel needs to reach it."""

    number: int
    secret: str

    def __repr__(self) -> str:
        return f"Target({self.number})"


@dataclass(frozen=True, slots=True)
class Letter:
    """One message. `mark` is the same at each try, `url` opens the answer page, `answers` are (code, words) on it.

    `mark` goes along where a provider or device can drop a repetition by it.
    """

    mark: str
    targets: tuple[Target, ...]
    subject: str
    body: str
    url: str
    urgency: str = "normal"
    html: str = ""
    text: str = ""
    answers: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider said; `gone` are targets that are no more although another took the letter."""

    detail: str
    gone: tuple[int, ...] = ()


HandOver = Callable[[Letter], Answer]


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """What channels show of the installation: who asks, and its private push key (PEM)."""

    contact: str
    push_private: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """One way out. `opened(keys)` gives a context in which letters are handed over, each within `longest`.

    `provider` names what is slow or away together. Several providers are spoken to side by side, up to `abreast`.
    `lease` is how long a sender may hold letters: a batch one after the other and the recording fit in.
    """

    code: str
    opened: Callable[[Keys], AbstractContextManager[HandOver]]
    provider: Callable[[Letter], str]
    lease: timedelta
    longest: timedelta
    batch: int
    abreast: int = 1
    most_attempts: int = 8
