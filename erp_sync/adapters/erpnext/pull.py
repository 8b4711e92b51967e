"""Master data and plan read out of ERPNext, changed documents only.

Owns the watermark and the paging. ERPNext stamps a document before its transaction commits, in the site's own time: a
read goes on after the last stamp and name it saw, and the next one looks back an overlap from there, around the night
the clocks go back by that hour more. Must not know: the mirror's tables, postings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from erp_sync.adapters.erpnext import rows
from erp_sync.adapters.erpnext.client import Row
from erp_sync.adapters.erpnext.terms import Desk
from erp_sync.adapters.port import Page

#: A transaction may stamp a document this long before it can be seen.
OVERLAP = timedelta(seconds=120)
SIZE = 200


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a read has come: stamps up to `stamp`, and of that one names up to `name` ("" when it is finished)."""

    stamp: str = ""
    name: str = ""

    @classmethod
    def read(cls, text: str) -> Mark:
        stamp, _, name = text.partition("|")
        return cls(stamp, name)

    def __str__(self) -> str:
        return f"{self.stamp}|{self.name}"


def pages(desk: Desk, entity: str, watermark: str) -> Iterator[Page]:
    """Pages of one entity. Raises KeyError for an unknown entity, ErpUnavailable, ErpRejected."""
    kind, mark = rows.KINDS[entity], Mark.read(watermark)
    total = desk.client.count(kind.doctype, [*kind.filters, *_after(mark)])
    while True:
        found = _next(desk, kind, mark)
        if found:
            mark = Mark(str(found[-1]["modified"]), str(found[-1]["name"]))
        records = tuple(kind.read(desk, found)) if found else ()
        if len(found) < SIZE:
            yield Page(records, _finished(desk, mark), total)
            return
        yield Page(records, str(mark), total)


def identities(desk: Desk, entity: str) -> Iterator[str]:
    """Every identity ERPNext still has, disabled ones left out. Raises KeyError, ErpUnavailable, ErpRejected."""
    kind = rows.KINDS[entity]
    for found in desk.client.pages(kind.doctype, [*kind.filters, *kind.alive], ["name"], size=SIZE):
        yield from kind.identify(desk, found)


def _after(mark: Mark) -> list[list[Any]]:
    return [["modified", ">=", mark.stamp]] if mark.stamp else []


def _next(desk: Desk, kind: rows.Kind, mark: Mark) -> list[Row]:
    """The next page by stamp and name: first what is left of the last stamp, then what is later."""
    order, fields = "modified asc, name asc", [*kind.fields, "name", "modified"]

    def listed(filters: list[list[Any]], limit: int) -> list[Row]:
        return desk.client.rows(kind.doctype, [*kind.filters, *filters], fields, order=order, limit=limit)

    if not mark.name:
        return listed(_after(mark), SIZE)
    same = listed([["modified", "=", mark.stamp], ["name", ">", mark.name]], SIZE)
    left = SIZE - len(same)
    return same + (listed([["modified", ">", mark.stamp]], left) if left else [])


def _finished(desk: Desk, mark: Mark) -> str:
    """Where the next read begins: a read that went on from a stamp without a name saw nothing new."""
    if not mark.name:
        return mark.stamp
    seen = datetime.fromisoformat(mark.stamp)
    return (seen - OVERLAP - desk.terms.set_back(seen)).isoformat(sep=" ", timespec="microseconds")
