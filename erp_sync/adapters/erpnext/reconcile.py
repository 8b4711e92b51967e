"""Which ERPNext documents carry one of our keys, for reconciliation.

Owns where each kind keeps the key: the connection's own field, else the front of the text. Changed dates and quantities
have no document of their own and are compared by value in the mirror instead. Must not know: the outbox's tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from erp_sync.adapters.erpnext import books, stock
from erp_sync.adapters.erpnext.client import Row
from erp_sync.adapters.erpnext.documents import STATES
from erp_sync.adapters.erpnext.terms import TEXTS, Desk, number
from erp_sync.adapters.port import ErpDocument

KEY = re.compile(r"^[A-Z2-7]{16}(?=\s|$)")
SIZE = 200


def documents(desk: Desk, since: datetime) -> Iterator[ErpDocument]:
    """Every keyed document written since, type by type; drafts and cancelled ones are not final."""
    for doctype in (stock.ENTRY, books.ENTRY, books.FINDING):
        for found in _pages(desk, doctype, since):
            keyed = [(row, key) for row in found if (key := _key_of(desk, doctype, row))]
            moved = _quantities(desk, [row for row, _ in keyed]) if doctype == stock.ENTRY else {}
            for row, key in keyed:
                yield _document(desk, doctype, row, key, moved.get(str(row["name"])))


def _pages(desk: Desk, doctype: str, since: datetime) -> Iterator[list[Row]]:
    held = desk.terms.key_field or TEXTS[doctype]
    status = "status" if doctype == books.FINDING else "docstatus"
    fields = ["name", "modified", status, held, *(["purpose"] if doctype == stock.ENTRY else [])]
    filters = [["modified", ">=", desk.terms.earliest(since)], [held, "is", "set"]]
    return desk.client.pages(doctype, filters, fields, size=SIZE)


def _key_of(desk: Desk, doctype: str, row: Row) -> str:
    """The key a document carries; "" for none of ours."""
    found = KEY.match(str(row[desk.terms.key_field or TEXTS[doctype]] or ""))
    return found[0] if found else ""


def _document(desk: Desk, doctype: str, row: Row, key: str, quantity: Decimal | None) -> ErpDocument:
    if doctype == books.FINDING:
        state = str(row["status"]).lower()
        final = state in ("open", "resolved")
    else:
        state = STATES.get(int(row["docstatus"]), "")
        final = state == "submitted"
    return ErpDocument(
        business_key=key,
        erp_number=str(row["name"]),
        document=doctype,
        state=state,
        final=final,
        written_at=desk.terms.moment(row["modified"]),
        quantity=quantity,
    )


def _quantities(desk: Desk, entries: list[Row]) -> dict[str, Decimal]:
    """What each entry moved; of one that makes goods, only the goods."""
    if not entries:
        return {}
    made = {str(row["name"]) for row in entries if row["purpose"] == "Manufacture"}
    names = [str(row["name"]) for row in entries]
    fields = ["parent", "qty", "is_finished_item"]
    totals: dict[str, Decimal] = {}
    listed = desk.client.among(
        "Stock Entry Detail", "parent", names, fields, parent=stock.ENTRY, order="idx asc"
    )
    for row in listed:
        name = str(row["parent"])
        if name not in made or row["is_finished_item"]:
            totals[name] = totals.get(name, Decimal(0)) + number(row["qty"])
    return totals
