"""Trouble on request: which fault befalls which request.

Owns the switches and their use-up. Must not know: sockets (the web part acts on what is chosen here), the books.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: late    the effect comes at once, the answer after `seconds`
#: drop    the effect comes, the connection is cut before the answer
#: before  nothing happens, `status` (500, 502, 503) is answered
#: expire  the login session and its token are forgotten before the request is looked at
#: throttle  nothing happens, 429 with Retry-After `seconds`
KINDS = ("late", "drop", "before", "expire", "throttle")


@dataclass(slots=True)
class Fault:
    """One switch. `times` 0 means until taken away; `share` is the part of the matching requests it hits."""

    kind: str
    times: int = 1
    seconds: float = 1.0
    status: int = 500
    match: str = ""
    method: str = ""
    share: float = 1.0
    hits: int = 0

    def fits(self, method: str, target: str) -> bool:
        if self.times and self.hits >= self.times:
            return False
        return self.match in target and self.method in ("", method)


@dataclass(slots=True)
class Faults:
    """The switches in force. `seed` makes shares repeatable."""

    seed: int = 0
    active: list[Fault] = field(default_factory=list)
    _dice: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 - repeatable trouble, no secret

    def add(self, fault: Fault) -> None:
        self.active.append(fault)

    def clear(self) -> None:
        self.active.clear()

    def strike(self, method: str, target: str) -> Fault | None:
        """The fault for this request, used up by one; the first that fits wins."""
        for fault in self.active:
            if fault.fits(method, target) and (fault.share >= 1 or self._dice.random() < fault.share):
                fault.hits += 1
                return fault
        return None


def fault_of(given: Mapping[str, Any]) -> Fault:
    """A switch from JSON. Raises ValueError naming what is wrong."""
    known = {"kind": str, "times": int, "seconds": (int, float), "status": int, "match": str, "method": str}
    known["share"] = (int, float)
    for name, value in given.items():
        if name not in known or not isinstance(value, known[name]) or isinstance(value, bool):  # type: ignore[arg-type]
            raise ValueError(f"{name}={value!r} is no setting of a fault")
    if given.get("kind") not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}")
    fault = Fault(**given)
    if fault.status not in (500, 502, 503, 504) or fault.times < 0 or not 0 <= fault.seconds <= 3600:
        raise ValueError("status is 500, 502, 503 or 504, times and seconds are not negative")
    return fault


def fault_from_text(text: str) -> Fault:
    """A switch from the command line, `kind[,name=value]...`, as in `drop,times=3,match=ProdnOrdConf2`."""
    kind, *pairs = text.split(",")
    given: dict[str, Any] = {"kind": kind}
    for pair in pairs:
        name, mark, value = pair.partition("=")
        if not mark:
            raise ValueError(f"{pair!r} is no name=value")
        try:
            given[name] = (
                int(value)
                if name in ("times", "status")
                else float(value)
                if name in ("seconds", "share")
                else value
            )
        except ValueError:
            raise ValueError(f"{name}={value!r} is no number") from None
    return fault_of(given)
