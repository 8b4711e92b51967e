"""Settled postings that what they mean has not been drawn from yet.

Owns the hand-over to the layers above: each handler opens its own transaction, locks its own records first and the
posting after them, and says `mark_handled` in it.
"""

from core import clock
from erp_sync.kinds import settled_handlers
from erp_sync.models import Posting


def settled_unhandled(limit: int = 50) -> list[int]:
    """Ids of postings that came to rest and were not handled, first settled first. No lock: handlers take theirs.

    Inside a moved clock those of the ledger (and without an ERP) up to that moment, outside all but the ledger's.
    """
    rows = Posting.objects.filter(settled_at__lte=clock.now(), handled_at__isnull=True)
    rows = rows.exclude(connection__is_ledger=False) if clock.moved() else rows.live()
    return list(rows.order_by("settled_at", "pk").values_list("pk", flat=True)[:limit])


def handle_settled(limit: int = 50) -> int:
    """Run every registered handler for each unhandled settled posting; returns how many were handled.

    Must not run inside a transaction. What a handler raises ends the run; the posting stays unhandled and is found
    again by the next one.
    """
    handlers = settled_handlers()
    found = settled_unhandled(limit) if handlers else []
    for posting_id in found:
        for handler in handlers:
            handler(posting_id)
        mark_handled(Posting(pk=posting_id))
    return len(found)


def mark_handled(posting: Posting) -> bool:
    """Note that a settled posting's meaning has been drawn; False when it had been. Locks the posting's row."""
    now = clock.now()
    rows = Posting.objects.filter(pk=posting.pk, settled_at__isnull=False, handled_at__isnull=True)
    return rows.update(handled_at=now) == 1
