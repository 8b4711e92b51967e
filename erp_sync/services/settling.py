"""Settled postings that what they mean has not been drawn from yet.

Owns the hand-over to the layers above: each handler opens its own transaction, locks its own records first and the
posting after them, and says `mark_handled` in it.
"""

from django.db import transaction

from core import clock
from erp_sync.kinds import settled_handlers
from erp_sync.models import Posting
from erp_sync.services.moves import lock


def settled_unhandled(limit: int = 50) -> list[Posting]:
    """Postings that came to rest and were not handled, first settled first. No lock: handlers lock for themselves.

    Inside a moved clock those of the ledger (and without an ERP) up to that moment, outside all but the ledger's.
    """
    rows = Posting.objects.filter(settled_at__lte=clock.now(), handled_at__isnull=True)
    rows = rows.exclude(connection__is_ledger=False) if clock.moved() else rows.live()
    return list(rows.order_by("settled_at", "pk")[:limit])


def handle_settled(limit: int = 50) -> int:
    """Run every registered handler for each unhandled settled posting; returns how many were handled.

    Must not run inside a transaction. What a handler raises ends the run; the posting stays unhandled and is found
    again by the next one.
    """
    handlers = settled_handlers()
    postings = settled_unhandled(limit) if handlers else []
    for posting in postings:
        for handler in handlers:
            handler(posting.pk)
        mark_handled(posting)
    return len(postings)


@transaction.atomic
def mark_handled(posting: Posting) -> bool:
    """Note that a settled posting's meaning has been drawn; False when it had been. Locks the posting."""
    row = lock(posting.pk)
    if row.settled_at is None or row.handled_at is not None:
        return False
    row.handled_at = clock.now()
    row.save(update_fields=["handled_at"])
    return True
