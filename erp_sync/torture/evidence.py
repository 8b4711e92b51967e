"""What the ERP's rows say of each posting of a torture: finished documents, all of them, and when they came to be.

Owns where each kind leaves its mark. It reads rows and their stamps and reuses nothing of how the connector finds its
own documents. Must not know: the outbox's tables, the faults, what follows from a find.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from erp_sync.adapters.tryton.client import Client, Row
from erp_sync.torture.feed import Posted, leaves_no_trace
from erp_sync.torture.load import Draft

KEY = re.compile(r"[A-Z2-7]{16}(?=\s|$)")
#: model, the field that carries the key, the state that counts
CARRIERS = (
    ("stock.shipment.internal", "reference", "done"),
    ("stock.shipment.in", "reference", "done"),
    ("stock.shipment.in.return", "reference", "done"),
    ("account.move", "description", "posted"),
    ("purchase.amendment", "description", "validated"),
)
STAMPS = ("create_date", "write_date")
VERDICTS = {"accepted": "passed", "rejected": "failed"}
PAGE = 500


@dataclass(slots=True)
class Trace:
    """What was found of one posting: finished documents, all of them, and when its effects began and ended.

    `reserved`: its goods are set aside and not booked out yet.
    """

    final: int = 0
    alive: int = 0
    first: datetime | None = None
    last: datetime | None = None
    reserved: bool = False

    def saw(self, row: Row, *, final: bool) -> None:
        """One more document."""
        self.alive += 1
        self.final += final
        self.between(row["create_date"], row["write_date"] or row["create_date"])

    def between(self, first: datetime, last: datetime) -> None:
        """Effects of this posting began no later than `first` and ended no earlier than `last`."""
        self.first = min(self.first or first, first)
        self.last = max(self.last or last, last)

    def state(self, *, stands: bool, at: datetime | None = None) -> None:
        """A posting whose proof is a state, not a document: it is there once or not at all."""
        self.final = self.alive = int(stands)
        if stands and at is not None:
            self.between(at, at)


@dataclass(slots=True)
class Books:
    """The marks of all drafts, by their `seq`, and in words what is there that nobody posted."""

    client: Client
    drafts: list[Draft]
    posted: Posted
    traces: dict[int, Trace] = field(default_factory=lambda: defaultdict(Trace))
    strangers: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Read everything. Raises what the client raises."""
        self._documents()
        self._inspections()
        orders = {
            row["id"]: row for row in self._rows("production", [], ["reference", "state", "planned_date"])
        }
        notes: dict[str, list[Row]] = defaultdict(list)
        for row in self._rows("ir.note", [["resource", "like", "production,%"]], ["message"]):
            notes[row["message"][:16]].append(row)
        self._confirmations(orders, notes)
        self._issues(orders, notes)
        self._dates({row["reference"]: row for row in orders.values()})

    def backs(self, original: Draft) -> Draft | None:
        """The reversal of a posting."""
        return next((draft for draft in self.drafts if draft.reverses == original.seq), None)

    def _rows(self, model: str, domain: list[Any], fields: list[str]) -> Iterable[Row]:
        for page in self.client.pages(model, domain, [*fields, *STAMPS], size=PAGE):
            yield from page

    def _documents(self) -> None:
        """What carries a key; a reversal's document carries the reversal's own."""
        by_key = {key: draft.seq for draft in self.drafts for key in self.posted.keys_of(draft)}
        for model, name, state in CARRIERS:
            alive = [[name, "!=", None], ["state", "!=", "cancelled"]]
            for row in self._rows(model, alive, [name, "state"]):
                if not KEY.match(row[name]):
                    continue
                seq = by_key.get(row[name][:16])
                if seq is None:
                    self.strangers.append(
                        f"{model} {row['id']} carries {row[name][:16]}, which nobody posted"
                    )
                else:
                    self.traces[seq].saw(row, final=row["state"] == state)

    def _inspections(self) -> None:
        """A finding is a failed inspection with its alert, completed or taken back an alert resolved; a result is an
        inspection judged as the result says, taken back one that is open again."""
        alerts = {row["id"]: row for row in self._rows("quality.alert", [], ["state"])}
        by_key = {
            draft.key: draft
            for draft in self.drafts
            if draft.kind == "inspection_result" or draft.payload.get("action") == "open"
        }
        of: dict[str, list[Row]] = {}
        rows = self._rows("quality.inspection", [["reference", "!=", None]], ["reference", "state", "alerts"])
        for row in rows:
            draft = by_key.get(row["reference"])
            mine = [alerts[one] for one in row["alerts"]]
            if draft is None:
                self.strangers.append(
                    f"inspection {row['id']} carries {row['reference']}, which nobody posted"
                )
            elif draft.kind == "inspection_result":
                self._result(draft, row, mine)
            else:
                of[draft.key] = mine
                trace = self.traces[draft.seq]
                # Later writes of an inspection are not the opening's doing: its effect ends with the alert's birth.
                ended = mine[0]["create_date"] if mine else None
                born = {"create_date": row["create_date"], "write_date": ended}
                trace.saw(born, final=row["state"] == "failed" and bool(mine))
                trace.alive += max(0, len(mine) - 1)
        for draft in self.drafts:
            opened_by = self._opened_by(draft)
            for alert in of.get(opened_by, []):
                at = alert["write_date"] or alert["create_date"]
                self.traces[draft.seq].state(stands=alert["state"] == "resolved", at=at)

    def _result(self, draft: Draft, row: Row, alerts: list[Row]) -> None:
        back, verdict = self.backs(draft), VERDICTS[draft.payload["verdict"]]
        trace, due = self.traces[draft.seq], int(verdict == "failed")
        trace.alive += max(0, len(alerts) - due)
        if back is None:
            trace.saw(row, final=row["state"] == verdict and len(alerts) >= due)
            return
        born = {"create_date": row["create_date"], "write_date": None}
        trace.saw(born, final=draft.seq in self.posted.witnessed and len(alerts) >= due)
        self.traces[back.seq].state(stands=row["state"] == "pending", at=row["write_date"])

    def _opened_by(self, draft: Draft) -> str:
        """The key of the finding a draft completes or takes back; empty for every other draft."""
        if draft.reverses is None:
            return str(draft.payload.get("opened_by", ""))
        original = self.drafts[draft.reverses]
        return original.key if original.kind == "quality_event" else ""

    def _confirmations(self, orders: dict[int, Row], notes: dict[str, list[Row]]) -> None:
        """One note and one done cycle each; the cycle is told by its minutes, which no two of an order share."""
        works = {row["id"]: row for row in self._rows("production.work", [], ["production", "sequence"])}
        cycles: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
        alive = [["state", "!=", "cancelled"]]
        for row in self._rows("production.work.cycle", alive, ["work", "duration", "state"]):
            work = works[row["work"]]
            if row["duration"]:  # an empty one closes an operation nobody confirmed
                at = orders[work["production"]]["reference"], str(work["sequence"])
                cycles[*at, round(row["duration"] / timedelta(minutes=1))].append(row)
        ended = {row["reference"] for row in orders.values() if row["state"] == "done"}

        for draft in self._of("confirmation"):
            asked = draft.payload
            mine = cycles.pop((asked["work_order"], asked["operation"], int(asked["machine_minutes"])), [])
            closed = not asked.get("final") or asked["work_order"] in ended
            self._noted(draft, mine, notes, [row["state"] == "done" and closed for row in mine])
        for (order, operation, minutes), rows in cycles.items():
            self.strangers += [f"order {order}/{operation} has a cycle of {minutes} min nobody posted"] * len(
                rows
            )

    def _issues(self, orders: dict[int, Row], notes: dict[str, list[Row]]) -> None:
        """One note and one more input each, told by its quantity, which no two of an order share.

        It is booked out when the order runs, and is reserved until then where nothing has run the order yet. Tryton
        writes inputs again whenever their order moves on, so an issue's effect ends with its input's birth.
        """
        inputs: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
        alive = [["production_input", "!=", None], ["state", "!=", "cancelled"]]
        fields = ["production_input", "product.code", "quantity", "state"]
        for row in self._rows("stock.move", alive, fields):
            order = orders[row["production_input"]]
            inputs[order["reference"], row["product."]["code"], round(row["quantity"])].append(
                row | {"of": order}
            )
        items = {draft.payload["item"] for draft in self._of("movement.issue")}
        for draft in self._of("movement.issue"):
            asked = draft.payload
            mine = inputs.pop((asked["work_order"], asked["item"], int(asked["quantity"])), [])
            self.traces[draft.seq].reserved = any(row["state"] == "assigned" for row in mine)
            booked = [
                row["state"] == "done" or row["state"] == row["of"]["state"] == "assigned" for row in mine
            ]
            self._noted(draft, [row | {"write_date": None} for row in mine], notes, booked)
        for (number, item, quantity), rows in inputs.items():
            if item in items:
                self.strangers += [f"order {number} has an input of {quantity} {item} nobody posted"] * len(
                    rows
                )

    def _noted(self, draft: Draft, rows: list[Row], notes: dict[str, list[Row]], final: list[bool]) -> None:
        """Rows that carry no key themselves and whether each is finished, and the notes with the key beside them."""
        trace = self.traces[draft.seq]
        for row, done in zip(rows, final, strict=True):
            trace.saw(row, final=done)
        for note in notes[draft.key]:
            trace.between(note["create_date"], note["create_date"])
        trace.alive += max(0, len(notes[draft.key]) - len(rows))

    def _dates(self, orders: dict[str, Row]) -> None:
        """An order's date is its own proof; each order's is changed, and changed back, once at most. It leaves no
        stamp of its own."""
        for draft in self._of("change.date"):
            asked, back = draft.payload, self.backs(draft)
            if asked["target"] != "work_order":
                continue
            stands = orders[asked["number"]]["planned_date"].isoformat()
            if back is None:
                self.traces[draft.seq].state(stands=stands == asked["new"])
            else:
                self.traces[draft.seq].state(stands=draft.seq in self.posted.witnessed)
                self.traces[back.seq].state(stands=stands == asked["old"])

    def _of(self, kind: str) -> list[Draft]:
        return [draft for draft in self.drafts if draft.kind == kind]


def stands(client: Client, draft: Draft) -> bool:
    """Whether a posting whose state is its only proof stands at this moment. Raises what the client raises."""
    assert leaves_no_trace(draft)  # noqa: S101 - nothing else is asked for
    if draft.kind == "change.date":
        domain = [["reference", "=", draft.payload["number"]]]
        rows = client.search("production", domain, ["planned_date"])
        return [row["planned_date"].isoformat() for row in rows] == [draft.payload["new"]]
    rows = client.search("quality.inspection", [["reference", "=", draft.key]], ["state"])
    return [row["state"] for row in rows] == [VERDICTS[draft.payload["verdict"]]]
