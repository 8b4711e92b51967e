"""Which Tryton documents carry one of our keys, for reconciliation.

Owns where each kind of document keeps the key. Dates and quantities of production orders have no document of
their own and are compared by value in the mirror instead. Must not know: the outbox's tables.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from erp_sync.adapters.port import ErpDocument
from erp_sync.adapters.tryton.books import ENTRY
from erp_sync.adapters.tryton.client import Client, Row
from erp_sync.adapters.tryton.documents import NOTE_MARK, moment

KEY = re.compile(r"[A-Z2-7]{16}(?=\s|$)")
#: model, field that carries the key, states that are final, whether stock moves hang on it
CARRIERS = (
    ("stock.shipment.internal", "reference", ("done",), True),
    ("stock.shipment.in", "reference", ("done",), True),
    ("stock.shipment.in.return", "reference", ("done",), True),
    ("quality.inspection", "reference", ("failed", "passed"), False),
    (ENTRY, "description", ("posted",), False),
    ("sale.amendment", "description", ("validated",), False),
    ("purchase.amendment", "description", ("validated",), False),
)


def documents(client: Client, since: datetime) -> Iterator[ErpDocument]:
    """Every keyed document written since, model by model."""
    changed = ["OR", ["write_date", ">=", since], ["create_date", ">=", since]]
    for model, name, final, moved in CARRIERS:
        numbered = [] if model.endswith("amendment") else ["number"]
        fields = [name, "state", *numbered, "write_date", "create_date"]
        for page in client.pages(model, [[name, "!=", None], changed], fields):
            keyed = [row for row in page if KEY.match(row[name] or "")]
            moves = _moves(client, model, keyed) if moved and keyed else {}
            amounts = _amounts(client, keyed) if model == ENTRY and keyed else {}
            for row in keyed:
                yield ErpDocument(
                    business_key=row[name][:16],
                    erp_number=str(row.get("number") or row["id"]),
                    document=model,
                    state=row["state"],
                    final=row["state"] in final,
                    written_at=moment(row),
                    quantity=moves.get(row["id"]),
                    amount=amounts.get(row["id"]),
                )
    yield from _notes(client, changed)


def _notes(client: Client, changed: list[Any]) -> Iterator[ErpDocument]:
    domain = [["message", "like", f"%{NOTE_MARK}{{%"], changed]
    for page in client.pages("ir.note", domain, ["message", "resource", "write_date", "create_date"]):
        for row in page:
            if KEY.match(row["message"]):
                yield ErpDocument(
                    business_key=row["message"][:16],
                    erp_number=f"N{row['id']}",
                    document="ir.note",
                    state="noted",
                    final=True,
                    written_at=moment(row),
                )


def _amounts(client: Client, rows: list[Row]) -> dict[int, Decimal]:
    """What each journal entry debits, in the currency it was posted in."""
    amounts: dict[int, Decimal] = defaultdict(Decimal)
    fields = ["move", "debit", "second_currency", "amount_second_currency"]
    domain = [["move", "in", [row["id"] for row in rows]], ["debit", ">", Decimal(0)]]
    for line in client.search("account.move.line", domain, fields):
        foreign = line["amount_second_currency"] if line["second_currency"] else None
        amounts[line["move"]] += abs(line["debit"] if foreign is None else foreign)
    return amounts


def _moves(client: Client, model: str, rows: list[Row]) -> dict[int, Decimal]:
    """Quantity that left the first place of each shipment (the second leg repeats it)."""
    wanted = [f"{model},{row['id']}" for row in rows]
    first: dict[int, tuple[int, Decimal]] = {}
    fields = ["shipment", "quantity", "from_location", "state"]
    domain = [["shipment", "in", wanted], ["state", "!=", "cancelled"]]
    for move in client.search("stock.move", domain, fields, order=[["id", "ASC"]]):
        record, place = int(move["shipment"].split(",")[1]), move["from_location"]
        amount = Decimal(str(move["quantity"]))
        if record not in first:
            first[record] = (place, amount)
        elif first[record][0] == place:
            first[record] = (place, first[record][1] + amount)
    return {record: amount for record, (_, amount) in first.items()}
