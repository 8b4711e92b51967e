"""Postings for the simulated Odoo's plant, one of each kind."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from core.keys import business_key
from erp_sync.adapters.port import PostingCommand
from tests.odoo_server import OdooServer


def command(kind: str, key: str = "", text: str = "EX-1 burr on flange", **payload: Any) -> PostingCommand:
    return PostingCommand(
        kind=kind,
        business_key=key or business_key(kind, *sorted(payload.items())),
        payload={"site": "RHF", **payload},
        occurred_at=datetime(2026, 11, 3, 11, 0, tzinfo=UTC),
        posting_date=date(2026, 11, 3),
        text=text,
    )


def closing(**more: Any) -> PostingCommand:
    payload = {"work_order": "WH/MO/00001", "yield_qty": "9", "final": True, **more}
    return command("confirmation", **payload)


def scrap(**more: Any) -> PostingCommand:
    return command("movement.scrap", **{"item": "FG-100", "quantity": "3", "reason_code": "burr", **more})


def block(**more: Any) -> PostingCommand:
    return command("movement.block", **{"item": "FG-100", "quantity": "3", **more})


def transfer(**more: Any) -> PostingCommand:
    ends = {"from_location": "STO", "to_location": "WH/Shelf"}
    return command("movement.transfer", **{"item": "FG-100", "quantity": "3", **ends, **more})


def stop(**more: Any) -> PostingCommand:
    return command("maintenance_notification", **{"action": "open", "work_unit": "PRESS-1", **more})


def new_date(server: OdooServer, target: str = "po_line", **more: Any) -> PostingCommand:
    line = str(server.rows("purchase.order.line")[0]["id"])
    shape: dict[str, Any] = {
        "work_order": {"target": "work_order", "number": "WH/MO/00002", "which": "planned_end", "old": "2026-11-05"},
        "po_line": {"target": "po_line", "number": "P00001", "line": line, "which": "promised", "old": "2026-11-07"},
        "so_line": {
            "target": "so_line", "number": "S00001", "which": "commit", "old": "2026-11-08",
            "line": str(server.rows("sale.order.line")[0]["id"]),
        },
    }[target]  # fmt: skip
    return command("change.date", **{**shape, "new": "2026-11-12", **more})


def back(original: PostingCommand, number: str = "") -> PostingCommand:
    return command(
        "reversal",
        reverses=original.business_key,
        reverses_kind=original.kind,
        reverses_number=number,
        reason_code="wrong",
        original=original.payload,
    )


def time_spent(**more: Any) -> PostingCommand:
    said = {"work_order": "WH/MO/00002", "operation": "10", "yield_qty": "4", "machine_minutes": "30"}
    return command("confirmation", **{**said, **more})


COMMANDS: dict[str, Callable[[OdooServer], PostingCommand]] = {
    "confirmation": lambda server: closing(),
    "time": lambda server: time_spent(),
    "scrap": lambda server: scrap(),
    "scrap of a lot": lambda server: scrap(item="RM-1", lot="L-7"),
    "block": lambda server: block(),
    "block of a lot": lambda server: block(item="RM-1", lot="L-7"),
    "unblock": lambda server: command("movement.unblock", item="FG-100", quantity="2"),
    "transfer": lambda server: transfer(),
    "maintenance": lambda server: stop(),
    "purchase date": lambda server: new_date(server),
    "order date": lambda server: new_date(server, "work_order"),
    "sales date": lambda server: new_date(server, "so_line"),
}
DATED = ("purchase date", "order date", "sales date")
