"""What a settled posting means to the layers above: the registry they fill.

Owns the list of handlers. A handler is called with a posting's id, opens its own transaction, locks what it owns
first and the posting after it. Must not know: what any handler does.
"""

from collections.abc import Callable

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
