"""The ten exception types shipped: capture forms, owner and affected functions. Pure data.

The form's fields follow `plant_app.forms_schema`. What a type may lead to (options, tasks, postings) ships with the
playbooks, who gets it with the routing rules.
"""

from dataclasses import dataclass
from typing import Any

Field = dict[str, Any]


@dataclass(frozen=True)
class TypePack:
    """One exception type. `required` functions must acknowledge, `informed` ones are only told."""

    code: str
    name: str
    icon: str
    severity: str
    owner: str
    triage_role: str
    required: tuple[str, ...]
    informed: tuple[str, ...]
    reopen_minutes: int
    full: bool
    form: list[Field]


def _field(name: str, label: str, kind: str, *flags: str, **more: Any) -> Field:
    return {"name": name, "label": label, "kind": kind, **dict.fromkeys(flags, True), **more}


def _choice(name: str, label: str, choices: dict[str, str], *flags: str) -> Field:
    rows = [{"value": value, "label": words} for value, words in choices.items()]
    return _field(name, label, "choice", *flags, choices=rows)


_SINCE = _field("since", "Since", "moment", prefill="now")
_PHOTO = _field("photo", "Photo", "photo")
_WORK_ORDER = _field("work_order", "Work order", "ref", target="work_order", prefill="running_order")
_OPERATION = _field("operation", "Operation", "ref", target="operation", prefill="running_order")
_UNIT = _field("work_unit", "Machine", "ref", "required", target="work_unit", prefill="here")

CATALOGUE: tuple[TypePack, ...] = (
    TypePack(
        "machine_downtime", "Machine downtime", "wrench", "medium", "maintenance", "shift_supervisor",
        ("maintenance", "production", "planning"), (), 120, True,
        [
            _UNIT,
            _choice("state", "How", {"stopped": "Stopped", "slow": "Still runs, slow", "intermittent": "On and off"},
                    "required", "quick"),
            _field("reason", "What is wrong with the machine?", "reason", "quick"),
            _SINCE, _WORK_ORDER, _OPERATION,
            _field("good", "Good since last count", "quantity"),
            _field("scrap", "Scrap since last count", "quantity"),
            _field("can_run_other", "Can run other work", "flag"),
            _field("expected_up_at", "Runs again at", "moment", "decide"),
            _PHOTO,
        ],
    ),
    TypePack(
        "material_shortage", "Material shortage", "box", "medium", "logistics", "shift_supervisor",
        ("production", "procurement", "logistics", "planning"), (), 0, True,
        [
            _field("item", "What is missing?", "ref", "required", "quick", target="item"),
            _choice("kind", "When", {"stopped_now": "We stand already", "soon": "Runs out soon",
                                     "predicted": "Will run out"}, "required", "quick"),
            _field("reason", "Why", "reason", "quick"),
            _WORK_ORDER,
            _field("point_of_use", "Needed at", "ref", target="work_centre", prefill="here"),
            _field("qty_on_hand", "Still here", "quantity", prefill="stock"),
            _field("qty_needed", "Needed", "quantity", prefill="need"),
            _field("runs_out_at", "Runs out at", "moment"),
            _field("lot", "Lot", "ref", target="lot"),
            _field("po_line", "Next receipt", "ref", target="purchase_line"),
        ],
    ),
    TypePack(
        "quality_hold", "Quality hold", "lock", "medium", "quality", "shift_supervisor",
        ("quality", "production", "planning"), (), 0, True,
        [
            _field("lot", "Lot or pieces", "ref", "required", "quick", target="lot", prefill="running_order"),
            _field("reason", "What is wrong with it?", "reason", "required", "quick"),
            _field("qty_suspect", "How many may be bad", "quantity", "required", "quick"),
            _WORK_ORDER, _OPERATION,
            _field("delivery", "Delivered with", "ref", target="delivery"),
            _field("po_line", "Received with", "ref", target="purchase_line"),
            _field("qty_checked", "Checked", "quantity"),
            _field("qty_bad", "Bad", "quantity", "decide"),
            _field("found_at", "Found at", "ref", target="work_centre", prefill="here"),
            _field("since", "Last good check", "moment"),
            _choice("origin", "Comes from", {"supplier": "Supplier", "in_process": "Our process",
                                             "handling": "Handling", "customer": "Customer"}),
            _field("measured", "Measured value and limit", "text"),
            _PHOTO,
        ],
    ),
    TypePack(
        "order_change", "Order change", "file-pen", "low", "customer_service", "planner",
        ("customer_service", "planning"), ("production", "procurement"), 0, True,
        [
            _field("so_line", "Customer order and line", "ref", "required", "quick", target="sales_line"),
            _choice("kind", "Change", {"DATE-EARLIER": "Earlier", "DATE-LATER": "Later", "QTY-UP": "More",
                                       "QTY-DOWN": "Fewer", "CANCEL": "Cancel", "ADD": "Add a line",
                                       "CONFIG": "Other configuration", "SHIP-TO/MODE": "Other address or transport",
                                       "PRICE": "Price", "NEW": "New order"}, "required", "quick"),
            _field("new_value", "New date or quantity", "text", "required", "quick"),
            _field("asked_by", "Asked by", "text", prefill="person"),
            _field("asked_at", "Asked at", "moment", prefill="now"),
            _field("answer_by", "Answer by", "moment"),
            _field("reason", "Why", "reason"),
        ],
    ),
    TypePack(
        "labour_shortage", "People missing", "users", "medium", "production", "shift_supervisor",
        ("production",), ("planning",), 0, True,
        [
            _field("work_centre", "Where", "ref", "required", target="work_centre", prefill="here"),
            _field("missing", "How many are missing?", "quantity", "required", "quick"),
            _field("reason", "Why", "reason", "required", "quick"),
            _field("skill", "Which certificate", "ref", "quick", target="skill"),
            _field("shift", "Shift", "ref", "required", target="shift", prefill="shift"),
            _field("from", "From", "moment", prefill="now"),
            _field("until", "Until", "moment", prefill="shift"),
            _field("person", "Who", "ref", target="person"),
        ],
    ),
    TypePack(
        "tooling", "Tool, fixture", "hammer", "medium", "maintenance", "shift_supervisor",
        ("maintenance", "production", "planning"), ("quality",), 120, False,
        [
            _field("tool", "Which tool or fixture", "text", "required", "quick"),
            _field("reason", "What is wrong with it?", "reason", "required", "quick"),
            _UNIT,
            _field("shots", "Shots or life count", "quantity"),
            _WORK_ORDER, _SINCE, _PHOTO,
        ],
    ),
    TypePack(
        "supplier_delay", "Supplier delay", "truck", "medium", "procurement", "planner",
        ("procurement", "planning"), ("logistics", "production"), 0, False,
        [
            _field("po_line", "Purchase order and line", "ref", "required", "quick", target="purchase_line"),
            _field("new_date", "New date", "moment", "required", "quick"),
            _field("reason", "Why", "reason", "quick"),
            _field("qty_affected", "How many", "quantity"),
            _field("said_by", "Said by", "text"),
            _field("tracking", "Tracking number", "text"),
        ],
    ),
    TypePack(
        "customer_complaint", "Customer complaint", "message-warning", "medium", "customer_service", "planner",
        ("customer_service", "quality"), ("logistics", "planning", "production"), 0, False,
        [
            _field("customer", "Customer", "ref", "required", "quick", target="customer"),
            _field("lot", "Delivery or lot", "ref", "required", target="lot"),
            _field("reason", "What is wrong with it?", "reason", "required", "quick"),
            _field("customer_stopped", "Customer stands still", "flag", "required", "quick"),
            _field("so_line", "Order line", "ref", target="sales_line"),
            _field("qty_complained", "How many", "quantity"),
            _field("customer_ref", "Their number for it", "text"),
            _field("answer_by", "Answer by", "moment"),
        ],
    ),
    TypePack(
        "safety_stop", "Safety", "triangle-alert", "critical", "safety", "shift_supervisor",
        ("safety", "production", "maintenance"), (), 0, False,
        [
            _field("work_unit", "Where", "ref", target="work_unit", prefill="here"),
            _field("area", "Area", "ref", "required", target="area", prefill="here"),
            _choice("injured", "Is anybody hurt?", {"yes": "Yes", "no": "No", "unknown": "Not known"},
                    "required", "quick"),
            _field("reason", "What", "reason"),
            _PHOTO,
            _field("witness", "Who saw it", "ref", target="person"),
        ],
    ),
    TypePack(
        "engineering_change", "Engineering change", "drafting-compass", "medium", "engineering", "planner",
        ("engineering", "planning", "production", "quality", "procurement"), ("logistics",), 0, False,
        [
            _field("change_no", "Change number", "text", "required", "quick"),
            _field("item", "Item", "ref", "required", "quick", target="item"),
            _choice("effectivity", "From when", {"date": "A date", "lot": "A lot", "immediate": "At once"},
                    "required", "quick"),
            _field("effective_at", "Date", "moment"),
            _field("reason", "Why", "reason"),
            _field("customer_approval", "Customer must approve", "flag"),
        ],
    ),
)  # fmt: skip
