"""The correlation key: what makes two signals the same matter while one is open.

One readable string per type; an empty one means nothing solid is linked and the record is never joined by others.
Windows (how long a closed record is reopened) are not the key's business.
"""

from collections.abc import Mapping
from datetime import date, datetime

_PREFIX = {
    "machine_downtime": "down", "material_shortage": "short", "quality_hold": "hold", "order_change": "change",
    "labour_shortage": "crew", "tooling": "tool", "supplier_delay": "late", "customer_complaint": "claim",
    "safety_stop": "safe", "engineering_change": "eco",
}  # fmt: skip


def correlation_key(
    type_code: str | None,
    links: Mapping[str, str],
    site: str,
    occurred_at: datetime,
    *,
    shift: str = "",
    shift_day: date | None = None,
    reason: str = "",
    skill: str = "",
) -> str:
    """Key of a type's open record, or "" when what the key is made of is not linked.

    `links`: kind -> code, also `tool`, `change_no`, `customer_po`, `operation`. `occurred_at` is aware and in the
    site's zone. `shift` and `shift_day` are the plant's shift and the day it began; without them the day of
    `occurred_at` stands in. `reason` gives the defect group (DIM of DIM-SIZE).
    """
    if not type_code or type_code not in _PREFIX:
        return ""
    day = (shift_day or occurred_at.date()).isoformat()
    parts = _parts(type_code, links, f"{day}{'/' + shift if shift else ''}", reason.partition("-")[0], skill)
    if not parts or not all(parts):
        return ""
    return ":".join((_PREFIX[type_code], site, *parts))[:200]


def _parts(type_code: str, links: Mapping[str, str], shift: str, group: str, skill: str) -> tuple[str, ...]:
    def first(*kinds: str) -> str:
        return next((f"{kind}={links[kind]}" for kind in kinds if links.get(kind)), "")

    if type_code == "machine_downtime":
        return (first("work_unit", "work_centre"),)
    if type_code == "material_shortage":
        return (first("item"),)
    if type_code == "quality_hold":
        place = first("lot", "work_order", "purchase_order_line", "sales_order_line")
        if place.startswith("work_order") and links.get("operation"):
            place += f"/{links['operation']}"
        return (place, group or "any")
    if type_code == "order_change":
        return (first("sales_order_line", "sales_order", "customer_po"),)
    if type_code == "labour_shortage":
        return (first("work_centre", "work_unit", "area"), shift, skill or "any")
    if type_code == "tooling":
        return (first("tool", "work_unit"),)
    if type_code == "supplier_delay":
        return (first("purchase_order_line", "purchase_order"),)
    if type_code == "customer_complaint":
        what = first("item", "lot", "sales_order_line", "sales_order")
        return (first("customer"), what or "any", group or "any")
    if type_code == "safety_stop":
        return (first("work_unit", "work_centre", "area"), shift)
    return (first("change_no"), first("item") or "any") if links.get("change_no") else (first("item"),)
