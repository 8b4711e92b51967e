"""What rows read from an ERP name that is not here: which kind of thing, which code, in which field, how often. Pure.

Owns the counting and the form it is kept in beside a watermark. Must not know: the database, what the kinds are.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any, Protocol

#: Different gaps kept of one entity, and rows named of each.
KEPT = 200
KEPT_ROWS = 20

Key = tuple[str, str, str, str]
Gaps = dict[Key, "Missing"]


class Gap(Protocol):
    """One row's gap as the mirror reports it."""

    @property
    def record(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def said(self) -> str: ...


@dataclasses.dataclass
class Missing:
    """One gap: `what` (kind of thing) with `code`, named in `field` of `times` rows, the first of them in `rows`."""

    what: str
    code: str
    field: str
    said: str
    times: int = 0
    rows: list[str] = dataclasses.field(default_factory=list)

    def add(self, record: str) -> None:
        """Count a row; one known by name is not counted twice."""
        if record in self.rows:
            return
        self.times += 1
        if len(self.rows) < KEPT_ROWS:
            self.rows.append(record)

    def __str__(self) -> str:
        rows = f"{self.rows[0]}" if self.times == 1 and self.rows else f"{self.times} rows"
        return f"{self.said} ({self.field or 'row'} of {rows})"


def merge_gaps(into: Gaps, found: "Iterable[Gap] | Gaps") -> Gaps:
    """`into`, with what was found added."""
    if isinstance(found, dict):
        for key, more in found.items():
            known = into.setdefault(key, Missing(more.what, more.code, more.field, more.said))
            unnamed = more.times - len(more.rows)
            for row in more.rows:
                known.add(row)
            known.times += unnamed
        return into
    for gap in found:
        key = (gap.what, gap.code, gap.field, gap.said if not gap.code else "")
        into.setdefault(key, Missing(gap.what, gap.code, gap.field, gap.said)).add(gap.record)
    return into


def later_gaps(before: Gaps, found: Gaps) -> Gaps:
    """`before`, with what a later read found. Both may speak of the same rows: beyond those kept by name the larger
    count stands, so that rows read again and again are not counted each time."""
    for key, more in found.items():
        known = before.setdefault(key, Missing(more.what, more.code, more.field, more.said))
        fresh = [row for row in more.rows if row not in known.rows]
        known.rows += fresh[: KEPT_ROWS - len(known.rows)]
        known.times = max(known.times, more.times, len(known.rows))
    return before


def absent(gaps: Gaps) -> frozenset[tuple[str, str]]:
    """(what, code) of things that are not here. A code that is another row's, or a value that does not fit, is none."""
    return frozenset((one.what, one.code) for one in gaps.values() if one.code and one.said.startswith("no "))


def stored_gaps(gaps: Gaps) -> list[dict[str, Any]]:
    """The form kept in the database, most frequent first."""
    ordered = sorted(gaps.values(), key=lambda one: (-one.times, one.what, one.code))
    return [
        {
            "what": one.what,
            "code": one.code,
            "field": one.field,
            "said": one.said,
            "times": one.times,
            "rows": one.rows,
        }
        for one in ordered[:KEPT]
    ]


def gaps_of(stored: list[Any]) -> Gaps:
    """What `stored_gaps` kept; a plain sentence of an older version counts as one row."""
    found: Gaps = {}
    for row in stored:
        if isinstance(row, dict):
            key = (row["what"], row["code"], row["field"], row["said"] if not row["code"] else "")
            found[key] = Missing(
                row["what"], row["code"], row["field"], row["said"], row["times"], list(row["rows"])
            )
        else:
            found["", "", "", str(row)] = Missing("", "", "", str(row), 1, [])
    return found
