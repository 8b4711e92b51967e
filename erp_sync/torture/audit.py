"""What really stands in the ERP after a torture, compared with what was posted.

Owns the counting: documents of each posting and each reversal, time stamps in each order's sequence, the dates, sums
and quantities all of them must leave. Must not know: the outbox's tables, the faults, where a kind leaves its mark.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from erp_sync.adapters.tryton.client import Client
from erp_sync.torture import plant
from erp_sync.torture.evidence import Books, Trace
from erp_sync.torture.feed import Posted
from erp_sync.torture.load import REVERSAL, Draft

SHOWN = 20


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


def audit(client: Client, drafts: list[Draft], posted: Posted) -> Report:
    """Compare the ERP's books with everything that was posted. Raises what the client raises."""
    report, books = Report(), Books(client, drafts, posted)
    books.read()
    for draft in drafts:
        judge(draft, books.traces[draft.seq], posted.keys_of(draft), report)
    for words in books.strangers:
        report.unexpected += 1
        report.tell(words)
    sequence(drafts, books.traces, report)
    _promises(client, drafts, report)
    _quantities(client, drafts, books.traces, report)
    _sums(client, drafts, report)
    return report


def judge(draft: Draft, trace: Trace, keys: set[str], report: Report) -> None:
    """One finished document, or one state, for each posting. Two reversals of one posting are one too many even where
    the second could change nothing any more."""
    named = f"{'/'.join(sorted(keys)) or 'no key'} {draft.kind} of {draft.chain or 'no order'}"
    report.documents += trace.final
    if not trace.final:
        report.missing += 1
        report.tell(f"{named}: {trace.alive} found, none finished")
    often = max(trace.alive, len(keys))
    if often > 1:
        report.doubled += often - 1
        report.tell(f"{named}: {often} times there")


def sequence(drafts: list[Draft], traces: Mapping[int, Trace], report: Report) -> None:
    """In each order nothing of a posting may begin before all of the one queued ahead of it has ended."""
    reached: dict[str, tuple[datetime, Draft]] = {}
    for draft in drafts:
        trace = traces[draft.seq]
        if not draft.chain or trace.first is None or trace.last is None:
            continue
        before = reached.get(draft.chain)
        if before is not None and trace.first < before[0]:
            report.out_of_order += 1
            report.tell(
                f"order {draft.chain}: {_named(draft)} began {trace.first}, before {_named(before[1])} "
                f"ended {before[0]}"
            )
        if before is None or trace.last > before[0]:
            reached[draft.chain] = (trace.last, draft)


def _named(draft: Draft) -> str:
    return f"{draft.seq} {draft.kind} {draft.key}".strip()


def _promises(client: Client, drafts: list[Draft], report: Report) -> None:
    """A purchase line's date must be that of the last change nobody took back: any other overtook it."""
    wanted: dict[str, str] = {}
    for draft in drafts:
        one = drafts[draft.reverses] if draft.reverses is not None else draft
        if one.kind == "change.date" and one.payload["target"] == "po_line":
            wanted[one.payload["number"]] = one.payload["new" if one is draft else "old"]
    domain = [["purchase.reference", "in", sorted(wanted)]]
    lines = client.search("purchase.line", domain, ["purchase.reference"])
    of = {f"purchase.line,{row['id']}": row["purchase."]["reference"] for row in lines}
    # What is still to come says it: the line's own date is that of what came first.
    coming = [["origin", "in", sorted(of)], ["state", "=", "draft"]]
    there: dict[str, str] = {
        of[row["origin"]]: row["planned_date"].isoformat()
        for row in client.search("stock.move", coming, ["origin", "planned_date"])
    }
    for number, day in sorted(wanted.items()):
        if there.get(number) != day:
            report.out_of_order += 1
            report.tell(f"purchase {number} is promised for {there.get(number)}, the last change says {day}")


def _quantities(client: Client, drafts: list[Draft], traces: Mapping[int, Trace], report: Report) -> None:
    """On hand must be the opening and what every posting moved."""
    wanted = expected_on_hand(drafts, reserved={seq for seq, trace in traces.items() if trace.reserved})
    codes = sorted({place for _, place in wanted})
    places = {
        row["code"]: row["id"] for row in client.search("stock.location", [["code", "in", codes]], ["code"])
    }
    for (item, place), amount in sorted(wanted.items()):
        # Tryton counts here what is done; what is only reserved still lies there.
        context = {"locations": [places[place]], "with_childs": False}
        rows = client.search("product.product", [["code", "=", item]], ["quantity"], context=context)
        there = Decimal(str(rows[0]["quantity"] or 0))
        if there != amount:
            report.quantities_off += 1
            report.tell(f"{there} {item} in {place}, {amount} expected")


def expected_on_hand(drafts: list[Draft], *, reserved: Collection[int] = ()) -> dict[tuple[str, str], int]:
    """(item, place) and the quantity that the postings leave there; of `reserved` issues the goods still lie there."""
    stock: Counter[tuple[str, str]] = Counter(
        {(plant.ROD, plant.RACK): plant.OPENING, (plant.SEAL, plant.RACK): plant.OPENING,
         (plant.SEAL, plant.SHELF): plant.OPENING, (plant.SEAL, plant.CAGE): 0}
    )  # fmt: skip
    running: set[str] = set()
    for draft in drafts:
        one, way = (drafts[draft.reverses], -1) if draft.reverses is not None else (draft, 1)
        if draft.seq in reserved:
            continue
        for place, sign in zip(_ends(one), (-1, 1), strict=True):
            if place:
                stock[one.payload["item"], place] += sign * way * int(one.payload["quantity"])
        if one.kind in ("confirmation", "movement.issue"):
            running.add(one.payload["work_order"])
        if one.payload.get("final"):
            stock[plant.CYLINDER, f"{plant.SITE}-STO"] += plant.ORDER_QUANTITY
    stock[plant.ROD, plant.RACK] -= plant.ORDER_QUANTITY * len(running)
    return dict(stock)


def _ends(draft: Draft) -> tuple[str, str]:
    """Where a posting takes stock from and where it puts it; empty for places outside the plant, or nowhere."""
    asked: dict[str, Any] = draft.payload
    match draft.kind:
        case "movement.block":
            return asked["from_location"], plant.CAGE
        case "movement.unblock":
            return plant.CAGE, asked["to_location"]
        case "movement.scrap":
            return asked.get("from_location", plant.CAGE), ""
        case "movement.transfer":
            return asked["from_location"], asked["to_location"]
        case "movement.receipt":
            return "", asked["to_location"]
        case "movement.issue":
            return asked["from_location"], ""
    return "", ""


def _sums(client: Client, drafts: list[Draft], report: Report) -> None:
    """Each cost account must hold the costs nobody took back, and the clearing account all of them against it."""
    wanted: dict[str, Decimal] = defaultdict(Decimal)
    for draft in drafts:
        one, way = (drafts[draft.reverses], -1) if draft.kind == REVERSAL else (draft, 1)  # type: ignore[index]
        if one.kind == "cost":
            amount = way * Decimal(one.payload["amount"])
            wanted[plant.COST_ACCOUNTS[one.payload["cost_class"]]] += amount
            wanted[plant.COST_ACCOUNTS["clearing"]] -= amount
    there: dict[str, Decimal] = defaultdict(Decimal)
    domain = [["account.code", "in", sorted(plant.COST_ACCOUNTS.values())], ["move.state", "=", "posted"]]
    for page in client.pages("account.move.line", domain, ["account.code", "debit", "credit"], size=500):
        for row in page:
            there[row["account."]["code"]] += row["debit"] - row["credit"]
    for code in sorted(wanted | there):
        if there[code] != wanted[code]:
            report.quantities_off += 1
            report.tell(f"{there[code]} on account {code}, {wanted[code]} expected")
