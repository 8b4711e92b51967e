"""The words playbooks may use: plant effects, posting templates, kinds of input.

Pure names with a sentence each, shown in the admin and checked on saving; what they do lies in `services/effects.py`
and `posting_templates`, and a test holds the two against each other.
"""

EFFECTS: dict[str, str] = {
    "unit_down": "work unit down until the estimate, marked estimated",
    "unit_down_until": "work unit down until the stated moment",
    "material_short": "operations that reserve the item wait, until the next sure receipt",
    "short_until": "the item is short until the stated arrival",
    "short_lifted": "the shortage no longer limits the linked operation",
    "hold_lot": "lot or operation on hold, its stock not usable",
    "hold_lifted": "the hold shrinks by the quantity disposed of; with none left it ends",
    "crew_short": "the work centre runs with fewer people",
    "crew_covered": "the people found are no longer missing",
    "crew_from": "the crew is complete from the stated moment",
    "tool_down": "the tool can't be used",
    "place_locked": "the place is locked for planning; no automatic release",
    "pin_to_unit": "the operation runs on the chosen work unit",
    "not_before": "the operation does not start before the stated moment",
    "promise_changed": "the promise and the work order's need-by take the agreed date",
    "quantity_changed": "the promise and the work order take the agreed quantity",
    "order_cancelled": "a cancelled order line needs nothing any more",
    "supplier_promise": "the purchase is expected on the stated date",
}

# What a task's title may name in braces.
TITLE_WORDS = (
    "unit", "centre", "place", "order", "item", "lot", "customer", "po", "to_unit", "substitute", "quantity",
)  # fmt: skip

# What a message to the customer may name besides: its own order, never a supplier, a person or a machine.
MESSAGE_WORDS = (
    "line",
    "line_quantity",
    "line_uom",
    "old_date",
    "new_date",
    "next_update",
    "reason_words",
    "uom",
)

INPUT_KINDS: dict[str, str] = {
    "datetime": "a moment",
    "minutes": "a duration in minutes",
    "quantity": "a quantity in the item's unit",
    "money": "an amount in the site's currency",
    "text": "words",
    "number": "a whole number",
    "bool": "yes or no",
    "choice": "one of a list",
    "alternate_unit": "an approved other work unit",
    "substitute": "an approved other item",
    "purchase_line": "a purchase order line",
    "location": "a stock location",
    "work_centre": "a work centre",
    "person": "somebody of the site",
    "reason": "a reason code of the type",
}

TEMPLATES: dict[str, str] = {
    "maintenance_open": "maintenance notification, opened",
    "maintenance_complete": "maintenance notification, completed with its cause",
    "confirm_part": "confirmation of the part done: counts and times",
    "confirm_rework": "confirmation of the rework with its times",
    "confirm_labour": "confirmation of labour time",
    "move_operation": "operation moved to the chosen unit",
    "cost_downtime": "cost of the stop",
    "cost_scrap": "cost of the scrap",
    "cost_rework": "cost of the rework",
    "cost_premium": "premium freight or service",
    "cost_overtime": "overtime premium",
    "charge_supplier": "charge to the supplier",
    "date_work_order": "work order's planned end",
    "date_sales_line": "promise to the customer",
    "date_purchase_line": "supplier's date",
    "quantity_work_order": "work order's quantity",
    "quantity_sales_line": "ordered quantity",
    "cancel_sales_line": "order line cancelled, where the change is a cancellation",
    "block_stock": "stock to blocked",
    "unblock_stock": "stock free again",
    "scrap_stock": "blocked stock scrapped; pieces that never were stock as scrap of their operation",
    "transfer_stock": "stock moved to where it is needed",
    "issue_substitute": "substitute issued to the work order",
    "return_supplier": "goods back to the supplier",
    "quality_open": "defect recorded",
    "quality_complete": "defect completed with its disposition",
    "customer_answer": "answer to the customer",
}
