"""Confirmations against a Tryton production order.

Owns the walk of a production to `running` and `done`, and the work cycle that carries the time of an operation.
A work cycle has no reference field, so a note on the production is written first: the key, and which cycles
stood there before. One writer per order is the outbox's promise.
Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from erp_sync.adapters.tryton.catalogue import ORDER_FIELDS, rounded, sequence
from erp_sync.adapters.tryton.client import Row
from erp_sync.adapters.tryton.documents import (
    Desk,
    Found,
    Job,
    Note,
    add_to_note,
    backdated,
    drifted,
    find_note,
    forget_note,
    moment,
    note_anywhere,
    notes_on,
    plain,
    stop_if_drifted,
    write_note,
)
from erp_sync.canonical_kinds import Confirmation
from erp_sync.errors import Difference, Drifted, ErpRejected

ORDER = "production"
CYCLE = "production.work.cycle"
CYCLE_FIELDS = ("work", "state", "duration", "write_date", "create_date")
CLOSED = ("done", "cancelled")
#: What a number says that was changed in Tryton, or given to a second order.
NUMBER_ASTRAY = ("erp.not_found", "erp.ambiguous")


def order_by_id(desk: Desk, record: int) -> Row:
    return desk.client.search(ORDER, [["id", "=", record]], ORDER_FIELDS)[0]


def start(desk: Desk, order: Row, *, needed: bool) -> Row:
    """Bring an order to `running` (Tryton then books its components out).

    When Tryton can't reserve the components the order stays `waiting`; that is a business no only if `needed`.
    """
    for _ in range(4):
        state = order["state"]
        if state in ("running", *CLOSED):
            return order
        if state == "request":
            desk.client.button(ORDER, "draft", order["id"])
        elif state == "draft":
            desk.client.button(ORDER, "wait", order["id"])
        elif state == "assigned":
            desk.client.button(ORDER, "run", order["id"])
        else:
            desk.client.button(ORDER, "assign_try", order["id"])
            after = order_by_id(desk, order["id"])
            if after["state"] == "waiting":
                if needed:
                    raise _short(desk, after)
                return after
        order = order_by_id(desk, order["id"])
    return order


def _short(desk: Desk, order: Row) -> Drifted:
    domain = [["production_input", "=", order["id"]], ["state", "in", ["draft", "staging"]]]
    rows = desk.client.search("stock.move", domain, ["product.code", "quantity"])
    missing = ", ".join(f"{plain(Decimal(str(r['quantity'])))} {r['product.']['code']}" for r in rows)
    return Drifted(
        f"Tryton could not reserve components of order {order['reference']}: {missing or 'unknown'}",
        Difference("components", "all reserved", f"missing {missing or 'unknown'}"),
    )


def announced(desk: Desk, key: str, number: str) -> tuple[Row, Note | None]:
    """The order of a number and the note of a key on it.

    Where the number leads to no order any more, or to two, the note says which one was meant: what happened there
    counts and is finished there. Raises ErpRejected where there is no note either: it is written first, so then
    nothing has happened.
    """
    try:
        order = desk.catalogue.production(number)
    except ErpRejected as error:
        note = note_anywhere(desk.client, key) if error.code in NUMBER_ASTRAY else None
        if note is None:
            raise
        return order_by_id(desk, int(note.resource.split(",")[1])), note
    return order, find_note(desk.client, key, f"{ORDER},{order['id']}")


def found_announced(desk: Desk, key: str, number: str) -> tuple[Row, Note] | None:
    """As `announced`, for a look: None where nothing has happened."""
    try:
        order, note = announced(desk, key, number)
    except ErpRejected as error:
        if error.code in NUMBER_ASTRAY:
            return None
        raise
    return (order, note) if note else None


class ConfirmationHandler:
    """Time goes on a work cycle at once; the order's yield is received once, with the final confirmation."""

    def find(self, desk: Desk, job: Job[Confirmation]) -> Found | None:
        there = found_announced(desk, job.key, job.payload.work_order)
        return self._found(desk, job, *there) if there else None

    def drive(self, desk: Desk, job: Job[Confirmation], found: Found | None) -> Found:
        order, note = announced(desk, job.key, job.payload.work_order)
        closes = self._closes(desk, job.payload, order)
        if order["state"] in CLOSED:
            raise drifted(f"order {order['reference']}", "order_state", "open", order["state"])
        if closes:
            self._stop_at_findings(desk, order)
        order = start(desk, order, needed=closes)
        if closes and order["state"] != "running":
            raise ErpRejected(
                "tryton.state", f"Tryton leaves order {order['reference']} in {order['state']!r}"
            )
        note = self._announce(desk, job, order, note)
        if note.facts.get("work"):
            self._finish_cycle(desk, note, self._cycle(desk, note))
        try:
            if closes:
                self._close(desk, job, order, note)
            done = self._found(desk, job, order_by_id(desk, order["id"]), note)
            if not done.final:
                raise ErpRejected(
                    "tryton.state", f"Tryton leaves order {order['reference']} in {done.state!r}"
                )
        except ErpRejected:
            # Its time may be booked, its yield was not: the next final confirmation must not receive it.
            add_to_note(desk.client, note, refused=True)
            raise
        return done

    @staticmethod
    def _stop_at_findings(desk: Desk, order: Row) -> None:
        """Tryton closes no order with an inspection to be made or an open alert: refuse before any time is booked."""
        domain = [["origin", "=", f"{ORDER},{order['id']}"], ["state", "in", ["pending", "failed"]]]
        rows = desk.client.search("quality.inspection", domain, ["number", "state", "alerts"])
        alerts = [alert for row in rows for alert in row["alerts"]]
        open_alerts = [["id", "in", alerts], ["state", "in", ["open", "processing"]]]
        still = {
            row["id"] for row in (desk.client.search("quality.alert", open_alerts, ["id"]) if alerts else [])
        }
        waiting = [row["number"] for row in rows if row["state"] == "pending"]
        failed = [
            row["number"]
            for row in rows
            if row["state"] == "failed" and (not row["alerts"] or still & set(row["alerts"]))
        ]
        if waiting:
            raise ErpRejected(
                "tryton.inspection_open",
                f"order {order['reference']} has inspections to be made in Tryton: {', '.join(waiting)}",
            )
        if failed:
            raise ErpRejected(
                "tryton.inspection_open",
                f"order {order['reference']} has open alerts of failed inspections in Tryton: "
                f"{', '.join(failed)}",
            )

    def _closes(self, desk: Desk, payload: Confirmation, order: Row) -> bool:
        """A final confirmation closes the order only from its last operation."""
        if not payload.final:
            return False
        works = self._works(desk, order)
        last = max((row["sequence"] or 0 for row in works), default=0)
        return not payload.operation or not works or sequence(payload.operation) >= last

    @staticmethod
    def _works(desk: Desk, order: Row) -> list[Row]:
        fields = ["sequence", "state", "work_center", "work_center.name"]
        return desk.client.search("production.work", [["production", "=", order["id"]]], fields)

    def _announce(self, desk: Desk, job: Job[Confirmation], order: Row, old: Note | None) -> Note:
        """The note of this posting: the one found when it still says the same, else a new or a rewritten one."""
        payload = job.payload
        work = self._work(desk, payload, order)
        facts: dict[str, Any] = {
            "yield": str(payload.yield_qty),
            "scrap": str(payload.scrap_qty),
            "rework": str(payload.rework_qty),
            "operation": str(work["sequence"]) if work else "",
        }
        if work:
            minutes = payload.setup_minutes + payload.machine_minutes + payload.other_minutes
            seconds = str(_fingerprint(minutes or payload.labour_minutes, job.key))
            known = desk.client.search(CYCLE, [["work", "=", work["id"]]], CYCLE_FIELDS)
            if old is None:
                self._stop_if_confirmed(desk, job, order, work, known)
            facts |= {"work": work["id"], "known": sorted(row["id"] for row in known), "seconds": seconds}
        if old is not None:
            if self._cycle_of(desk, old) is not None:
                if (old.facts.get("work"), old.facts.get("seconds")) != (
                    facts.get("work"),
                    facts.get("seconds"),
                ):
                    raise ErpRejected(
                        "erp.partly_done", "Tryton already holds another time for this confirmation"
                    )
                facts["known"] = old.facts["known"]
            if facts == old.facts:
                return old
            # Said anew also after a refusal: it counts again.
            forget_note(desk.client, old)
        words = (
            f"{job.command.text} operation {facts['operation'] or '-'}: yield {plain(payload.yield_qty)}, "
            f"scrap {plain(payload.scrap_qty)}, rework {plain(payload.rework_qty)}, "
            f"setup {plain(payload.setup_minutes)}, machine {plain(payload.machine_minutes)}, "
            f"labour {plain(payload.labour_minutes)} min"
        )
        return write_note(desk.client, job.key, f"{ORDER},{order['id']}", words, facts)

    def _stop_if_confirmed(
        self, desk: Desk, job: Job[Confirmation], order: Row, work: Row, cycles: list[Row]
    ) -> None:
        """Time on the operation that none of our notes led to was put there by another hand: a person must look."""
        booked = [row for row in cycles if row["state"] == "done" and row["duration"]]
        if not booked:
            return
        notes = [
            n for n in notes_on(desk.client, f"{ORDER},{order['id']}") if n.facts.get("work") == work["id"]
        ]
        ours = {cycle["id"] for note in notes if (cycle := self._cycle(desk, note)) is not None}
        foreign = sum((row["duration"] for row in booked if row["id"] not in ours), timedelta(0))
        if foreign:
            what = f"operation {work['sequence']} of order {order['reference']}"
            minutes = Decimal(str(round(foreign.total_seconds() / 60, 1)))
            stop_if_drifted(job, what, "confirmed_elsewhere", "0 min", f"{plain(minutes)} min")

    def _work(self, desk: Desk, payload: Confirmation, order: Row) -> Row | None:
        works = self._works(desk, order)
        if payload.operation:
            wanted = sequence(payload.operation)
            found = next((row for row in works if row["sequence"] == wanted), None)
            if found is None:
                raise ErpRejected(
                    "erp.not_found", f"order {order['reference']} has no operation {wanted} in Tryton"
                )
            return found
        return max(works, key=lambda row: row["sequence"] or 0, default=None)

    def _cycle_of(self, desk: Desk, note: Note) -> Row | None:
        return self._cycle(desk, note) if note.facts.get("work") else None

    @staticmethod
    def _cycle(desk: Desk, note: Note) -> Row | None:
        """The cycle this note led to: on its work, not there before, of exactly its duration."""
        domain = [["work", "=", note.facts["work"]], ["id", "not in", note.facts["known"]]]
        rows = desk.client.search(CYCLE, domain, CYCLE_FIELDS, order=[["id", "ASC"]])
        wanted = timedelta(seconds=float(note.facts["seconds"]))
        return next((row for row in rows if row["duration"] == wanted and row["state"] != "cancelled"), None)

    def _finish_cycle(self, desk: Desk, note: Note, cycle: Row | None) -> None:
        if cycle is None:
            duration = timedelta(seconds=float(note.facts["seconds"]))
            record = desk.client.create(CYCLE, {"work": note.facts["work"], "duration": duration})
            cycle = {"id": record, "state": "draft"}
        for state, button in (("draft", "run"), ("running", "do")):
            if cycle["state"] == state:
                desk.client.button(CYCLE, button, cycle["id"])
                cycle = desk.client.search(CYCLE, [["id", "=", cycle["id"]]], CYCLE_FIELDS)[0]

    def _close(self, desk: Desk, job: Job[Confirmation], order: Row, note: Note) -> None:
        if desk.catalogue.settings.get("complete_earlier_operations", True):
            self._complete_untouched(desk, order)
        total = job.payload.total_yield
        if total is None:
            total = self._yield_so_far(desk, order, note)
        domain = [["id", "in", order["outputs"]], ["product.code", "=", order["product."]["code"]]]
        outputs = desk.client.search("stock.move", domain, ["quantity", "lot", "product"])
        if len(outputs) != 1:
            raise ErpRejected(
                "tryton.outputs", f"order {order['reference']} has {len(outputs)} outputs of its product"
            )
        change: Row = {}
        amount = rounded(total, (order["unit."] or {}).get("digits"))
        if outputs[0]["quantity"] != amount:
            change["quantity"] = amount
        if job.payload.lot and not outputs[0]["lot"]:
            change["lot"] = self._output_lot(desk, job.payload.lot, outputs[0]["product"])
        if change:
            desk.client.write("stock.move", outputs[0]["id"], change)
        day = backdated(job.command.posting_date, desk.today)
        if day:
            began = order["effective_start_date"]
            if began and began > day["effective_date"]:
                # Tryton ends no order before it began; it began at the latest on the day it ended.
                day["effective_start_date"] = day["effective_date"]
            desk.client.write(ORDER, order["id"], day)
        desk.client.button(ORDER, "do", order["id"])

    def _complete_untouched(self, desk: Desk, order: Row) -> None:
        """Operations nobody confirmed get an empty cycle: Tryton closes no order without one on each.

        A running cycle that our own user wrote last was cut off between its two steps, and is ended. One that somebody
        runs in Tryton is theirs to end: Tryton refuses to close the order, and says which operation it is.
        """
        open_works = [work for work in self._works(desk, order) if work["state"] != "finished"]
        if not open_works:
            return
        ids = [work["id"] for work in open_works]
        ours = [["state", "=", "running"], ["write_uid", "=", desk.client.user]]
        domain = [["work", "in", ids], ["OR", [["state", "=", "draft"]], ours]]
        begun = desk.client.search(CYCLE, domain, CYCLE_FIELDS)
        untouched = {work["id"] for work in open_works if work["state"] != "running"}
        missing = sorted(untouched - {row["work"] for row in begun})
        drafts = [row["id"] for row in begun if row["state"] == "draft"]
        if missing:
            fresh = [{"work": work, "duration": timedelta(0)} for work in missing]
            drafts += desk.client.call(CYCLE, "create", fresh)
        if drafts:
            desk.client.call(CYCLE, "run", drafts)
        running = [row["id"] for row in begun if row["state"] == "running"]
        if drafts or running:
            desk.client.call(CYCLE, "do", drafts + running)

    def _yield_so_far(self, desk: Desk, order: Row, ours: Note) -> Decimal:
        """What was confirmed on the operation, this posting's own with it, but nothing that Tryton refused."""
        operation = ours.facts["operation"]
        kept = [
            note.facts
            for note in notes_on(desk.client, f"{ORDER},{order['id']}")
            if note.facts.get("operation") == operation and self._stands(desk, note)
        ]
        return sum((Decimal(facts.get("yield", "0")) for facts in kept), Decimal(0))

    def _stands(self, desk: Desk, note: Note) -> bool:
        if note.facts.get("refused"):
            return False
        if not note.facts.get("work"):
            return True
        cycle = self._cycle(desk, note)
        return cycle is not None and cycle["state"] == "done"

    @staticmethod
    def _output_lot(desk: Desk, number: str, product: int) -> int:
        domain = [["number", "=", number], ["product", "=", product]]
        row = desk.client.first("stock.lot", domain, ["number"])
        return row["id"] if row else desk.client.create("stock.lot", {"number": number, "product": product})

    def _found(self, desk: Desk, job: Job[Confirmation], order: Row, note: Note) -> Found:
        number, final, state, at = f"{order['number']}-N{note.record}", True, "noted", note.at
        if note.facts.get("work"):
            cycle = self._cycle(desk, note)
            final = cycle is not None and cycle["state"] == "done"
            state = cycle["state"] if cycle else "announced"
            if cycle:
                number, at = f"{order['number']}-{note.facts['operation']}-{cycle['id']}", moment(cycle)
        if self._closes(desk, job.payload, order):
            final = final and order["state"] == "done"
            state, at = order["state"], moment(order)
        extra = {"order_state": order["state"], "order_number": order["number"]}
        return Found(ORDER, order["id"], state, number, final, at, extra)


def _fingerprint(minutes: Decimal, key: str) -> Decimal:
    """Seconds of a cycle, its sub-millisecond part taken from the key: two equal times stay two cycles."""
    tail = sum(ord(char) * (index + 7) for index, char in enumerate(key)) % 1000
    return (minutes * 60).quantize(Decimal("0.001")) + Decimal(tail) / 1_000_000
