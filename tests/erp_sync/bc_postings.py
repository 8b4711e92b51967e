"""A Business Central connection to the simulated service, and the postings its tests send."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from erp_sync.adapters.business_central import BusinessCentralAdapter, build
from erp_sync.adapters.port import PostingCommand
from tests.erp_sync.bc_server import CLIENT, SECRET, Server

Row = dict[str, Any]
KEY, BACK = "ABCDEFGH234567AB", "BACKBACKBACK2345"
COST: Row = {"amount": "120.50", "currency": "EUR", "cost_class": "scrap", "basis": "real"}
DAY: Row = {"target": "po_line", "number": "106001", "line": "10000", "which": "promised", "old": "2026-12-01",
            "new": "2026-12-08"}  # fmt: skip
SHIP: Row = {"target": "so_line", "number": "S-ORD101001", "line": "10000", "which": "commit", "old": "2026-12-04",
             "new": "2026-12-11"}  # fmt: skip
MORE: Row = {
    "target": "po_line",
    "number": "106001",
    "line": "10000",
    "old": "12",
    "new": "15.5",
    "uom": "pcs",
}
POSTINGS = {
    "cost": ("cost", COST),
    "receipt date": ("change.date", DAY),
    "shipment date": ("change.date", SHIP),
    "quantity": ("change.quantity", MORE),
}


def settings(server: Server, **changed: Any) -> Row:
    login = {"url": server.url, "token_url": server.token_url, "username": CLIENT, "password": SECRET}
    mapped = {"cost_account": {"scrap": "8450"}, "balancing_account": {"*": "8999"}, "plant": {"RHF": "MAIN"}}
    return {**login, **mapped, "database": "ACME", "read_timeout": 10, **changed}


def connector(server: Server, **changed: Any) -> BusinessCentralAdapter:
    made = build(settings(server, **changed))
    assert isinstance(made, BusinessCentralAdapter)
    return made


def command(kind: str, payload: Row, key: str = KEY) -> PostingCommand:
    return PostingCommand(
        kind=kind, business_key=key, payload=dict(payload), text="EX-2026-000042 rim",
        occurred_at=datetime(2026, 11, 23, 6, tzinfo=UTC), posting_date=date(2026, 11, 23),
    )  # fmt: skip


def cost(**changed: Any) -> PostingCommand:
    return command("cost", COST | changed)


def reverse(posted: PostingCommand, number: str = "") -> PostingCommand:
    payload = {"reverses": posted.business_key, "reverses_kind": posted.kind, "reverses_number": number,
               "reason_code": "mistake", "original": posted.payload}  # fmt: skip
    return command("reversal", payload, BACK)


def ledger(server: Server, key: str = KEY) -> list[tuple[str, Decimal]]:
    rows = server.books.find("generalLedgerEntries", documentNumber=key)
    return [(row["accountNumber"], row["debitAmount"] - row["creditAmount"]) for row in rows]
