"""The doctor: what can be wrong, under a code that never changes its meaning, with the cure.

Each app registers checks from its own `doctor.py`; the command and the operations page print the same findings.
A check reads, never writes, and never raises for a part that is merely away: that is what it reports.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters: `ok` is said aloud so that silence is never mistaken for health."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One thing found. `code` like `XL-E003`; `cure` says what to do, in one sentence."""

    code: str
    level: Level
    summary: str
    cure: str = ""
    count: int = 0


Check = Callable[[], Iterable[Finding]]
_checks: list[Check] = []


def check(function: Check) -> Check:
    """Register a check; usable as a decorator. Registering twice keeps one."""
    if function not in _checks:
        _checks.append(function)
    return function


def examine() -> list[Finding]:
    """Run every check; worst first."""
    rank = {Level.ERROR: 0, Level.WARNING: 1, Level.INFO: 2, Level.OK: 3}
    findings = [finding for function in _checks for finding in function()]
    return sorted(findings, key=lambda finding: (rank[finding.level], finding.code))
