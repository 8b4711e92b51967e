"""What really stands in the ERP after a torture, read directly and compared with what was posted.

Owns the counting: documents by key, time stamps in each order's sequence, quantities on hand. It reads rows and their
stamps and reuses nothing of how the connector finds its own documents. Must not know: the outbox's tables, the faults.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from erp_sync.adapters.tryton.client import Client, Row
from erp_sync.torture import plant
from erp_sync.torture.load import Draft

KEY = re.compile(r"[A-Z2-7]{16}(?=\s|$)")
#: model, the field that carries the key, the state that counts
CARRIERS = (
    ("stock.shipment.internal", "reference", "done"),
    ("stock.shipment.in", "reference", "done"),
    ("account.move", "description", "posted"),
    ("purchase.amendment", "description", "validated"),
)
STAMPS = ("create_date", "write_date")
SHOWN = 20
PAGE = 500


@dataclass(slots=True)
class Trace:
    """What was found of one key: finished documents, all of them, and when its effects began and ended."""

    final: int = 0
    alive: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def saw(self, row: Row, *, final: bool) -> None:
        """One more document."""
        self.alive += 1
        self.final += final
        self.between(row["create_date"], row["write_date"] or row["create_date"])

    def between(self, first: datetime, last: datetime) -> None:
        """Effects of this key began no later than `first` and ended no earlier than `last`."""
        self.first = min(self.first or first, first)
        self.last = max(self.last or last, last)


@dataclass(slots=True)
class Report:
    """The count. Everything but `documents` must be zero."""

    documents: int = 0
    missing: int = 0
    doubled: int = 0
    out_of_order: int = 0
    unexpected: int = 0
    quantities_off: int = 0
    details: list[str] = field(default_factory=list)

    def tell(self, words: str) -> None:
        """Keep a find in words, up to a readable number."""
        if len(self.details) < SHOWN:
            self.details.append(words)

    @property
    def clean(self) -> bool:
        return not (
            self.missing or self.doubled or self.out_of_order or self.unexpected or self.quantities_off
        )


def audit(client: Client, drafts: list[Draft]) -> Report:
    """Compare the ERP's books with everything that was posted. Raises what the client raises."""
    report, traces = Report(), defaultdict[str, Trace](Trace)
    expected = {draft.key for draft in drafts}
    for model, name, state in CARRIERS:
        for row in _rows(client, model, [[name, "!=", None], ["state", "!=", "cancelled"]], [name, "state"]):
            if not KEY.match(row[name]):
                continue
            if row[name][:16] in expected:
                traces[row[name][:16]].saw(row, final=row["state"] == state)
            else:
                report.unexpected += 1
                report.tell(f"{model} {row['id']} carries {row[name][:16]}, which nobody posted")
    _findings(client, drafts, traces)
    _confirmations(client, drafts, traces, report)
    _dates(client, drafts, traces)
    for draft in drafts:
        _judge(draft, traces[draft.key], report)
    _sequence(drafts, traces, report)
    _quantities(client, drafts, report)
    return report


def _rows(client: Client, model: str, domain: list[Any], fields: list[str]) -> Iterable[Row]:
    for page in client.pages(model, domain, [*fields, *STAMPS], size=PAGE):
        yield from page


def _judge(draft: Draft, trace: Trace, report: Report) -> None:
    report.documents += trace.final
    if not trace.final:
        report.missing += 1
        report.tell(
            f"{draft.key} {draft.kind} of {draft.chain or 'no order'}: {trace.alive} found, none finished"
        )
    if trace.alive > 1:
        report.doubled += trace.alive - 1
        report.tell(f"{draft.key} {draft.kind} of {draft.chain or 'no order'}: {trace.alive} times there")


def _findings(client: Client, drafts: list[Draft], traces: dict[str, Trace]) -> None:
    """An opening is an inspection with its alert; a completing is that alert, resolved."""
    alerts = {row["id"]: row for row in _rows(client, "quality.alert", [], ["state"])}
    of: dict[str, list[Row]] = {}
    for row in _rows(
        client, "quality.inspection", [["reference", "!=", None]], ["reference", "state", "alerts"]
    ):
        mine = [alerts[one] for one in row["alerts"]]
        of[row["reference"]] = mine
        trace = traces[row["reference"]]
        # Later writes of an inspection are not the opening's doing: its effect ends with the alert's birth.
        begun = {"create_date": row["create_date"], "write_date": mine[0]["create_date"] if mine else None}
        trace.saw(begun, final=row["state"] == "failed" and len(mine) == 1)
        trace.alive += max(0, len(mine) - 1)
    for draft in drafts:
        if draft.kind == "quality_event" and draft.payload["action"] == "complete":
            for alert in of.get(draft.payload["opened_by"], []):
                moment = alert["write_date"] or alert["create_date"]
                if alert["state"] == "resolved":
                    traces[draft.key].saw({"create_date": moment, "write_date": moment}, final=True)


def _confirmations(client: Client, drafts: list[Draft], traces: dict[str, Trace], report: Report) -> None:
    """One note and one done cycle each; the cycle is told by its minutes, which no two of an order share."""
    orders = {row["id"]: row for row in _rows(client, "production", [], ["reference", "state"])}
    works = {row["id"]: row for row in _rows(client, "production.work", [], ["production", "sequence"])}
    cycles: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
    for row in _rows(
        client, "production.work.cycle", [["state", "!=", "cancelled"]], ["work", "duration", "state"]
    ):
        work = works[row["work"]]
        if row["duration"]:  # an empty one closes an operation nobody confirmed
            at = orders[work["production"]]["reference"], str(work["sequence"])
            cycles[*at, round(row["duration"] / timedelta(minutes=1))].append(row)
    notes: dict[str, list[Row]] = defaultdict(list)
    for row in _rows(client, "ir.note", [["resource", "like", "production,%"]], ["message"]):
        notes[row["message"][:16]].append(row)
    ended = {row["reference"] for row in orders.values() if row["state"] == "done"}
    for draft in drafts:
        if draft.kind != "confirmation":
            continue
        asked = draft.payload
        mine = cycles.pop((asked["work_order"], asked["operation"], int(asked["machine_minutes"])), [])
        closed = not asked.get("final") or asked["work_order"] in ended
        trace = traces[draft.key]
        for row in mine:
            trace.saw(row, final=row["state"] == "done" and closed)
        for row in notes[draft.key]:
            trace.between(row["create_date"], row["create_date"])
        trace.alive += max(0, len(notes[draft.key]) - len(mine))
    for (order, operation, minutes), rows in cycles.items():
        report.unexpected += len(rows)
        report.tell(f"order {order}/{operation} has {len(rows)} cycles of {minutes} min nobody posted")


def _dates(client: Client, drafts: list[Draft], traces: dict[str, Trace]) -> None:
    """An order's date is its own proof; each order's is changed once at most. It leaves no stamp of its own."""
    planned = {
        row["reference"]: row for row in _rows(client, "production", [], ["reference", "planned_date"])
    }
    for draft in drafts:
        if draft.kind == "change.date" and draft.payload["target"] == "work_order":
            there = planned[draft.payload["number"]]["planned_date"].isoformat() == draft.payload["new"]
            traces[draft.key].final = traces[draft.key].alive = int(there)


def _sequence(drafts: list[Draft], traces: dict[str, Trace], report: Report) -> None:
    """In each order nothing of a posting may begin before all of the one queued ahead of it has ended."""
    reached: dict[str, tuple[datetime, Draft]] = {}
    for draft in drafts:
        trace = traces[draft.key]
        if not draft.chain or trace.first is None or trace.last is None:
            continue
        before = reached.get(draft.chain)
        if before is not None and trace.first < before[0]:
            report.out_of_order += 1
            report.tell(
                f"order {draft.chain}: {draft.key} {draft.kind} began {trace.first}, before {before[1].key} "
                f"{before[1].kind} ended {before[0]}"
            )
        if before is None or trace.last > before[0]:
            reached[draft.chain] = (trace.last, draft)


def _quantities(client: Client, drafts: list[Draft], report: Report) -> None:
    """On hand must be the opening and what every posting moved."""
    wanted = expected_on_hand(drafts)
    codes = sorted({place for _, place in wanted})
    places = {
        row["code"]: row["id"] for row in _rows(client, "stock.location", [["code", "in", codes]], ["code"])
    }
    for (item, place), amount in sorted(wanted.items()):
        context = {"locations": [places[place]], "with_childs": False}
        rows = client.search("product.product", [["code", "=", item]], ["quantity"], context=context)
        there = Decimal(str(rows[0]["quantity"] or 0))
        if there != amount:
            report.quantities_off += 1
            report.tell(f"{there} {item} in {place}, {amount} expected")


def expected_on_hand(drafts: list[Draft]) -> dict[tuple[str, str], int]:
    """(item, place) and the quantity that the postings leave there."""
    stock: Counter[tuple[str, str]] = Counter(
        {(plant.ROD, plant.RACK): plant.OPENING, (plant.SEAL, plant.RACK): plant.OPENING,
         (plant.SEAL, plant.SHELF): plant.OPENING, (plant.SEAL, plant.CAGE): 0}
    )  # fmt: skip
    moves: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
        "movement.block": lambda asked: (asked["from_location"], plant.CAGE),
        "movement.unblock": lambda asked: (plant.CAGE, asked["to_location"]),
        "movement.scrap": lambda asked: (asked.get("from_location", plant.CAGE), ""),
        "movement.transfer": lambda asked: (asked["from_location"], asked["to_location"]),
        "movement.receipt": lambda asked: ("", asked["to_location"]),
    }
    running = {draft.payload["work_order"] for draft in drafts if draft.kind == "confirmation"}
    stock[plant.ROD, plant.RACK] -= plant.ORDER_QUANTITY * len(running)
    for draft in drafts:
        if draft.kind in moves:
            for place, sign in zip(moves[draft.kind](draft.payload), (-1, 1), strict=True):
                if place:
                    stock[draft.payload["item"], place] += sign * int(draft.payload["quantity"])
        elif draft.payload.get("final"):
            stock[plant.CYLINDER, f"{plant.SITE}-STO"] += plant.ORDER_QUANTITY
    return dict(stock)
