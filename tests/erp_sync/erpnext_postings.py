"""Postings for the simulated ERPNext's plant, one of each kind."""

from collections.abc import Callable
from typing import Any

from erp_sync.adapters.port import PostingCommand
from tests.erp_sync.odoo_postings import back, command

__all__ = [
    "COMMANDS",
    "back",
    "block",
    "closing",
    "command",
    "cost",
    "finding",
    "new_value",
    "scrap",
    "transfer",
]


def closing(**more: Any) -> PostingCommand:
    payload = {"work_order": "MFG-WO-2026-00001", "yield_qty": "9", "final": True, **more}
    return command("confirmation", **payload)


def scrap(**more: Any) -> PostingCommand:
    return command("movement.scrap", **{"item": "FG-100", "quantity": "3", "reason_code": "burr", **more})


def block(**more: Any) -> PostingCommand:
    return command("movement.block", **{"item": "FG-100", "quantity": "3", **more})


def transfer(**more: Any) -> PostingCommand:
    ends = {"from_location": "STO", "to_location": "Shelf - RF"}
    return command("movement.transfer", **{"item": "FG-100", "quantity": "3", **ends, **more})


def finding(**more: Any) -> PostingCommand:
    shape = {"action": "open", "quantity": "2", "item": "FG-100", "defect_code": "burr", "severity": "major"}
    return command("quality_event", **{**shape, **more})


def cost(**more: Any) -> PostingCommand:
    shape = {
        "amount": "120.50",
        "currency": "EUR",
        "cost_class": "scrap",
        "basis": "real",
        "cost_object": "LINE-1",
    }
    return command("cost", **{**shape, **more})


ORDER, SALE = "PUR-ORD-2026-00001", "SAL-ORD-2026-00001"
CHANGES: dict[str, dict[str, Any]] = {
    "order end": {
        "target": "work_order", "number": "MFG-WO-2026-00002", "which": "planned_end", "old": "2026-11-05",
        "new": "2026-11-12",
    },
    "purchase date": {
        "target": "po_line", "number": ORDER, "line": "2", "which": "promised", "old": "2026-11-07",
        "new": "2026-11-12",
    },
    "sales date": {
        "target": "so_line", "number": SALE, "line": "1", "which": "commit", "old": "2026-11-08",
        "new": "2026-11-12",
    },
    "purchase quantity": {"target": "po_line", "number": ORDER, "line": "1", "old": "50", "new": "60"},
}  # fmt: skip


def new_value(name: str, **more: Any) -> PostingCommand:
    kind = "change.quantity" if "quantity" in name else "change.date"
    return command(kind, **{**CHANGES[name], **more})


COMMANDS: dict[str, Callable[[], PostingCommand]] = {
    "confirmation": closing,
    "issue": lambda: command(
        "movement.issue", item="RM-1", quantity="2.5", work_order="MFG-WO-2026-00001", uom="kg"
    ),
    "return": lambda: command("movement.return", item="FG-100", quantity="1", work_order="W", to="stock"),
    "scrap": scrap,
    "scrap of a batch": lambda: scrap(item="RM-1", lot="L-7"),
    "block": block,
    "block of a batch": lambda: block(item="RM-1", lot="L-7"),
    "unblock": lambda: command("movement.unblock", item="FG-100", quantity="2"),
    "transfer": transfer,
    "finding": finding,
    "cost": cost,
    **{name: (lambda name=name: new_value(name)) for name in CHANGES},
}
