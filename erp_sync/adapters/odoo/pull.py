"""Master data and plan read out of Odoo, changed rows only.

Owns which of Odoo's fields make one mirrored record, and the watermark. A read goes by id through what changed since
the last one, so it can end anywhere and go on after the last id. Odoo stamps a row with the start of its transaction,
so the next read looks back an overlap. Must not know: the mirror's tables, postings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core import clock
from erp_sync.adapters.odoo import rows
from erp_sync.adapters.odoo.catalogue import ident, stamp
from erp_sync.adapters.odoo.client import Client
from erp_sync.adapters.odoo.production import Desk
from erp_sync.adapters.port import Page

#: A transaction may begin this long before its rows can be seen.
OVERLAP = timedelta(seconds=120)
SIZE = 200
#: Archived rows are read too: the mirror must learn that they ended.
ALL = {"active_test": False}


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a read has come: rows changed since `since` ("" for all), after `last`; it began at `until`."""

    since: str = ""
    until: str = ""
    last: int = 0

    @classmethod
    def read(cls, text: str) -> Mark:
        since, bar, rest = text.partition("|")
        until, _, last = rest.partition("|")
        return cls(since, until, int(last)) if bar else cls(text)

    def __str__(self) -> str:
        return f"{self.since}|{self.until}|{self.last}"


def pages(desk: Desk, entity: str, watermark: str) -> Iterator[Page]:
    """Pages of one entity. Raises KeyError for an unknown entity, ErpUnavailable and ErpRejected for Odoo's trouble."""
    if entity == "stock":
        yield from _stock(desk, watermark)
        return
    kind, mark = rows.KINDS[entity], Mark.read(watermark)
    domain = [*kind.domain, *_since(mark.since, kind.parents)]
    total = desk.client.count(kind.model, [*domain, ["id", ">", mark.last]], ALL)
    until = mark.until or _now(desk)
    while True:
        wanted = [*domain, ["id", ">", mark.last]]
        found = desk.client.search(
            kind.model, wanted, [*kind.wanted(desk), "write_date"], limit=SIZE, context=ALL
        )
        records = tuple(kind.read(desk, found))
        if len(found) < SIZE:
            yield Page(records, until, total)
            return
        mark = Mark(mark.since, until, int(found[-1]["id"]))
        yield Page(records, str(mark), total)


def identities(desk: Desk, entity: str) -> Iterator[str]:
    """Every id Odoo still has, archived ones left out. Raises KeyError, ErpUnavailable, ErpRejected."""
    if entity == "stock":
        yield from sorted(rows.held(desk, []))
        return
    kind = rows.KINDS[entity]
    for page in desk.client.pages(kind.model, kind.domain, ["id"], size=SIZE):
        yield from (str(row["id"]) for row in page)


def _now(desk: Desk) -> str:
    """Odoo's own time as this read began, less the overlap."""
    return ((desk.client.server_time or clock.now()) - OVERLAP).astimezone(UTC).isoformat()


def _since(since: str, parents: tuple[str, ...]) -> list[object]:
    """Rows written since, or whose parent was: a line is read from both."""
    if not since:
        return []
    at = stamp(datetime.fromisoformat(since))
    return [*["|"] * len(parents), *([f"{name}write_date", ">=", at] for name in ("", *parents))]


def _stock(desk: Desk, watermark: str) -> Iterator[Page]:
    """Quantities by item, place and lot; after the first read of what has moved since, zero where nothing is left.

    Odoo deletes what becomes empty, so its moves are asked, not its quantities. Read whole: its watermark moves with
    the last page only.
    """
    client = desk.client
    client.who()
    until = _now(desk)
    totals = rows.held(desk, [])
    if watermark:
        totals = {key: totals.get(key, rows.EMPTY) for key in _moved(client, watermark)}
    records = list(rows.stock_records(desk, totals))
    for start in range(0, max(len(records), 1), SIZE):
        last = start + SIZE >= len(records)
        yield Page(tuple(records[start : start + SIZE]), until if last else watermark, len(records))


def _moved(client: Client, since: str) -> list[str]:
    """What finished moves have touched since: item, place and lot of both ends."""
    at = stamp(datetime.fromisoformat(since))
    domain = [["state", "=", "done"], ["write_date", ">=", at]]
    keys: dict[str, None] = {}
    fields = ["product_id", "lot_id", "location_id", "location_dest_id"]
    for page in client.pages("stock.move.line", domain, fields):
        for row in page:
            for end in ("location_id", "location_dest_id"):
                keys[f"{ident(row['product_id'])}|{ident(row[end])}|{ident(row['lot_id']) or ''}"] = None
    return list(keys)
