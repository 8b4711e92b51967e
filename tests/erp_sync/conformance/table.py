"""What the connector guide shows of the suite: the cases in words, and which connector is without which, and why."""

from __future__ import annotations

from tests.erp_sync.conformance.benches import ALL
from tests.erp_sync.conformance.registry import CASES


def cases_table() -> str:
    """Every case with what holds in it."""
    rows = "".join(f"| `{case.name}` | {case.words} |\n" for case in CASES.values())
    return f"| case | holds when |\n|---|---|\n{rows}"


def absent_table() -> str:
    """Per connector and reason the cases it can't have."""
    lines = []
    for connector, bench in ALL.items():
        by_reason: dict[str, list[str]] = {}
        for case, reason in bench.absent.items():
            by_reason.setdefault(reason, []).append(f"`{case}`")
        lines += [
            f"| {connector} | {', '.join(sorted(cases))} | {reason} |\n"
            for reason, cases in by_reason.items()
        ]
    counts = "".join(
        f"| {connector} | {sum(case not in bench.absent for case in CASES)} | {len(bench.absent)} |\n"
        for connector, bench in ALL.items()
    )
    return (
        f"| connector | plays | without |\n|---|---|---|\n{counts}\n"
        f"| connector | is without | because |\n|---|---|---|\n{''.join(lines)}"
    )
