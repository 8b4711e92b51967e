"""Stock that changes place or status, as Tryton internal shipments: block, unblock, transfer, scrap.

Owns the mapping of those kinds to from and to locations and the walk of a shipment to `done`. The shipment's
`reference` is the business key. Must not know: the outbox, production, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from erp_sync.adapters.tryton.catalogue import rounded
from erp_sync.adapters.tryton.client import Row
from erp_sync.adapters.tryton.documents import Desk, Found, Job, backdated, moment, plain, stays
from erp_sync.canonical_kinds import Movement
from erp_sync.errors import Difference, Drifted, ErpRejected, ErpUnavailable

MODEL = "stock.shipment.internal"
FIELDS = (
    "number", "reference", "state", "_timestamp", "from_location", "to_location", "transit_location", "moves",
    "write_date", "create_date",
)  # fmt: skip
MOVE_FIELDS = ("product", "quantity", "lot", "state", "from_location", "to_location")


@dataclass(frozen=True, slots=True)
class Part:
    """One product and lot of a movement, in Tryton's ids; `goal` is a certain place under the movement's target."""

    product: int
    unit: int
    quantity: float
    lot: int | None
    goal: int | None = None


@dataclass(frozen=True, slots=True)
class Haul:
    """What goes from where to where, in Tryton's ids."""

    origin: int
    target: int
    parts: tuple[Part, ...]

    def totals(self) -> dict[tuple[int, int | None], Decimal]:
        """Quantity by product and lot."""
        found: dict[tuple[int, int | None], Decimal] = {}
        for part in self.parts:
            key = (part.product, part.lot)
            found[key] = found.get(key, Decimal(0)) + Decimal(str(part.quantity))
        return found


class InternalShipment:
    """One internal shipment of one item per posting."""

    def find(self, desk: Desk, job: Job[Movement]) -> Found | None:
        row = self._row(desk, job.key)
        return self._found(row) if row else None

    def drive(self, desk: Desk, job: Job[Movement], found: Found | None) -> Found:
        haul = self.haul(desk, job)
        if found is not None and not self._matches(desk, found.record, haul):
            self._drop(desk, found.record)
            found = None
        if found is None:
            found = self._create(desk, job, haul)
        try:
            return self._finish(desk, haul, job, found)
        except ErpRejected:
            # Another hand may have finished it under us; that counts, and is never taken away again.
            after = self._read(desk, found.record)
            if after["state"] == "done":
                return self._found(after)
            self._drop(desk, found.record)
            raise

    def haul(self, desk: Desk, job: Job[Movement]) -> Haul:
        """Where the kind moves what. Raises ErpRejected for codes Tryton does not know."""
        payload, books = job.payload, desk.catalogue
        product = books.product(payload.item)
        lot = books.lot(payload.lot, product["id"]) if payload.lot else None
        amount = rounded(payload.quantity, product["default_uom."]["digits"])
        origin, target = self._ends(desk, job, product["id"], lot)
        if origin == target:
            raise ErpRejected("erp.same_place", "from and to are the same place in Tryton")
        return Haul(origin, target, (Part(product["id"], product["default_uom"], amount, lot),))

    def _ends(self, desk: Desk, job: Job[Movement], product: int, lot: int | None) -> tuple[int, int]:
        payload, books = job.payload, desk.catalogue

        def given(code: str) -> int | None:
            return int(books.place(code)["id"]) if code else None

        def holding() -> int:
            return books.place_holding(payload.site, product, lot, payload.quantity)

        origin, target = given(payload.from_location), given(payload.to_location)
        match job.command.kind:
            case "movement.block":
                return origin or holding(), target or books.blocked_place(payload.site)
            case "movement.unblock":
                source = origin or books.blocked_place(payload.site)
                return source, target or int(books.warehouse(payload.site)["storage_location"])
            case "movement.scrap":
                blocked = payload.from_status == "blocked"
                source = origin or (books.blocked_place(payload.site) if blocked else holding())
                return source, books.scrap_place(payload.site)
            case _:
                if target is None:
                    raise ErpRejected("erp.payload", "a transfer names where it goes")
                return origin or holding(), target

    def _row(self, desk: Desk, key: str) -> Row | None:
        domain = [["reference", "=", key], ["state", "!=", "cancelled"]]
        return desk.client.first(MODEL, domain, FIELDS, order=[["id", "ASC"]])

    def _found(self, row: Row) -> Found:
        number = row["number"] or str(row["id"])
        return Found(
            MODEL,
            row["id"],
            row["state"],
            number,
            row["state"] == "done",
            moment(row),
            stamp=row["_timestamp"],
        )

    def _create(self, desk: Desk, job: Job[Movement], haul: Haul) -> Found:
        moves: list[Row] = [
            {
                "product": part.product,
                "quantity": part.quantity,
                "unit": part.unit,
                "from_location": haul.origin,
                "to_location": haul.target,
                **({"lot": part.lot} if part.lot else {}),
            }
            for part in haul.parts
        ]
        day = backdated(job.command.posting_date, desk.today)
        record = desk.client.create(
            MODEL,
            {
                **day,
                **({"effective_start_date": day["effective_date"]} if day else {}),
                "reference": job.key,
                "from_location": haul.origin,
                "to_location": haul.target,
                "planned_date": job.command.posting_date,
                "planned_start_date": job.command.posting_date,
                "moves": [["create", moves]],
            },
        )
        return Found(MODEL, record, "draft", str(record), False)

    def _matches(self, desk: Desk, record: int, haul: Haul) -> bool:
        """Whether a document found half done still says what the posting says (it may have been edited)."""
        rows = desk.client.search("stock.move", [["shipment", "=", f"{MODEL},{record}"]], MOVE_FIELDS)
        shipment, wanted = self._read(desk, record), haul.totals()
        there: dict[tuple[int, int | None], Decimal] = {}
        for row in first_leg(shipment, rows):
            # A posting that names no lot takes any.
            lot = None if (row["product"], None) in wanted else row["lot"]
            key = (row["product"], lot)
            there[key] = there.get(key, Decimal(0)) + Decimal(str(row["quantity"]))
        same_ends = (shipment["from_location"], shipment["to_location"]) == (haul.origin, haul.target)
        return same_ends and there == wanted

    def _finish(self, desk: Desk, haul: Haul, job: Job[Movement], found: Found) -> Found:
        """Walk the shipment to `done`; each turn reads the state and presses the one button that fits it."""
        state = found.state
        for _ in range(8):
            row = self._read(desk, found.record)
            state = row["state"]
            if state == "done":
                return self._found(row)
            button = self._next(row)
            if button == "assign_try":
                self._aim(desk, haul, row)
                desk.client.button(MODEL, button, found.record)
                after = self._read(desk, found.record)
                if after["state"] not in ("assigned", "done"):
                    raise self._short(desk, haul, job)
                continue
            desk.client.button(MODEL, button, found.record)
        raise ErpRejected("tryton.state", f"Tryton leaves shipment {found.number} in state {state!r}")

    @staticmethod
    def _next(row: Row) -> str:
        between_warehouses = bool(row["transit_location"])
        match row["state"]:
            case "request":
                return "draft"
            case "draft":
                return "wait"
            case "waiting":
                return "assign_try"
            case "assigned":
                return "pack" if between_warehouses else "do"
            case "packed":
                return "ship"
            case _:
                return "do"

    @staticmethod
    def _aim(desk: Desk, haul: Haul, shipment: Row) -> None:
        """Tryton takes one place for a whole shipment until it waits; then each move gets its own."""
        goals = [part for part in haul.parts if part.goal not in (None, haul.target)]
        if not goals:
            return
        domain = [
            ["shipment", "=", f"{MODEL},{shipment['id']}"],
            ["state", "=", "draft"],
            ["to_location", "!=", shipment["transit_location"]],
        ]
        rows = desk.client.search("stock.move", domain, MOVE_FIELDS, order=[["id", "ASC"]])
        for part in goals:
            same = (part.product, part.lot, part.quantity)
            fit = [row for row in rows if (row["product"], row["lot"], row["quantity"]) == same]
            row = next((row for row in fit if row["to_location"] == part.goal), fit[0] if fit else None)
            if row is None:
                continue
            rows.remove(row)
            if row["to_location"] != part.goal:
                desk.client.write("stock.move", row["id"], {"to_location": part.goal})

    def _short(self, desk: Desk, haul: Haul, job: Job[Movement]) -> Drifted:
        item, lot = self._words(job)
        there, quantity = Decimal(0), Decimal(0)
        for (product, number), amount in haul.totals().items():
            there += desk.catalogue.on_hand(haul.origin, product, number, below=True)
            quantity += amount
        wanted = plain(quantity)
        return Drifted(
            f"Tryton could not reserve {wanted} of {item}{f' lot {lot}' if lot else ''}: "
            f"{plain(there)} there, part of it perhaps reserved",
            Difference("stock", f"{wanted} to take", f"{plain(there)} there"),
        )

    def _words(self, job: Job[Movement]) -> tuple[str, str]:
        """Item and lot as people call them."""
        return job.payload.item, job.payload.lot

    def _drop(self, desk: Desk, record: int) -> None:
        """Cancel a document that can't be finished, so that it reserves nothing and a corrected one may follow.

        Raises ErpUnavailable where it stays: half done under the key anybody can finish it, so its posting is not
        refused but unclear, and the next try compares it with the posting and goes on.
        """
        row = self._read(desk, record)
        if row["state"] == "cancelled":
            return
        if row["state"] in ("done", "shipped"):
            raise stays("shipment", row["number"] or str(record), f"it is {row['state']} by now")
        try:
            desk.client.button(MODEL, "cancel", record, timestamp=row["_timestamp"])
        except (ErpRejected, ErpUnavailable) as error:
            raise stays("shipment", row["number"] or str(record), error.message) from error

    @staticmethod
    def _read(desk: Desk, record: int) -> Row:
        return desk.client.search(MODEL, [["id", "=", record]], FIELDS)[0]


def first_leg(shipment: Row, rows: list[Row]) -> list[Row]:
    """The moves that leave the shipment's origin: between warehouses a second one brings each of them on."""
    alive = [row for row in rows if row["state"] != "cancelled"]
    transit = shipment["transit_location"]
    return [row for row in alive if not transit or row["from_location"] != transit]
