"""Checks of the draft, made once for each state of it and kept with their moment.

The checks replay cases and ask the calendar, which takes seconds in a large plant; lists and heads show what is kept.
A state is known by the digest of the whole rule set, so that an edit never shows findings of another draft. Whoever
publishes checks anew: a kept result decides nothing.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.cache import cache
from redis.exceptions import RedisError

from core import clock
from routing_app.checks import ERROR, Problem
from routing_app.ruleset import RulesetSpec
from routing_app.selectors import draft_spec, problems_of, spec_digest

#: People, shifts and cases move on while the draft stands: an older result is made anew when somebody looks.
FRESH: Final = timedelta(minutes=15)
_KEPT_SECONDS: Final = 7 * 24 * 3600
_SHOWN: Final = 7


@dataclass(frozen=True)
class Checked:
    """What the checks said of the draft state `digest`, and when (aware)."""

    digest: str
    at: datetime
    problems: tuple[Problem, ...]

    @property
    def state(self) -> str:
        """The draft state in a few letters, to tell two apart."""
        return self.digest[:_SHOWN]

    @property
    def errors(self) -> int:
        return sum(problem.level == ERROR for problem in self.problems)

    @property
    def fresh(self) -> bool:
        """Whether the plant has hardly had time to change since."""
        return abs(clock.now() - self.at) < FRESH


def check_draft(spec: RulesetSpec | None = None) -> Checked:
    """Check the draft (`spec`, where it was read already) now and keep the result for its state, a week at most.

    Without the cache the result is only returned. Takes no lock, writes no row.
    """
    spec = spec or draft_spec()
    checked = Checked(digest=spec_digest(spec), at=clock.now(), problems=tuple(problems_of(spec)))
    rows = {"at": checked.at, "problems": [problem.as_dict() for problem in checked.problems]}
    with suppress(RedisError):
        cache.set(_key(checked.digest), rows, _KEPT_SECONDS)
    return checked


def kept_checks(spec: RulesetSpec) -> Checked | None:
    """What is kept of exactly this draft state; None where it was never checked, or while the cache is away."""
    digest = spec_digest(spec)
    with suppress(RedisError):
        rows: Mapping[str, Any] | None = cache.get(_key(digest))
        if rows is not None:
            return Checked(digest, rows["at"], tuple(Problem(**row) for row in rows["problems"]))
    return None


def _key(digest: str) -> str:
    return f"rule-checks:{digest}"
