"""Posting kinds by name, and what a settled posting means to the layers above: the registry they fill.

Owns the words people read for each kind, and the list of handlers. A handler is called with a posting's id, opens its
own transaction, locks what it owns first and the posting after it. Must not know: what any handler does.
"""

from collections.abc import Callable

#: One entry per canonical kind, in the order an exception's postings usually go.
KIND_NAMES: dict[str, str] = {
    "movement.block": "Stock blocked",
    "movement.issue": "Goods issue",
    "movement.transfer": "Stock transfer",
    "quality_event": "Quality event",
    "inspection_result": "Inspection result",
    "confirmation": "Confirmation",
    "movement.receipt": "Goods receipt",
    "movement.scrap": "Scrap",
    "movement.return": "Return",
    "movement.unblock": "Stock unblocked",
    "change.date": "Date change",
    "change.quantity": "Quantity change",
    "change.cancel": "Cancellation",
    "operation.move": "Operation moved",
    "maintenance_notification": "Maintenance notification",
    "cost": "Cost",
    "customer_answer": "Answer to the customer",
    "reversal": "Reversal",
}

SettledHandler = Callable[[int], None]
_handlers: list[SettledHandler] = []


def register_settled_handler(handler: SettledHandler) -> SettledHandler:
    """Have `handler(posting_id)` run for every posting that came to rest; usable as a decorator, once per handler."""
    if handler not in _handlers:
        _handlers.append(handler)
    return handler


def settled_handlers() -> tuple[SettledHandler, ...]:
    """All registered handlers, in the order they came."""
    return tuple(_handlers)
