"""What a settled posting means above the outbox: overlays end, the story says so, records close.

Each posting is handled once, in a transaction of its own, the exception locked before the posting.
"""

from django.db import transaction

from core import clock
from core.hints import hint
from decisions_app.models import PostingLink
from decisions_app.services.closing import settle
from decisions_app.services.effects import origin
from erp_sync import services as erp
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import EventKind
from plant_app.services import overlay

STOCK_KINDS = {"movement.block", "movement.unblock", "movement.scrap", "movement.return"}


def handle_settled(*, limit: int = 100) -> int:
    """Handle postings that have settled and not been looked at; returns how many. Safe to run twice at once."""
    done = 0
    for posting_id in erp.settled_unhandled(limit=limit):
        if _handle(posting_id):
            done += 1
    return done


@transaction.atomic
def _handle(posting_id: int) -> bool:
    link = PostingLink.objects.filter(posting_id=posting_id).first()
    exception = None
    if link is not None and link.exception_id is not None:
        exception = exceptions.locked(exception_id=link.exception_id)
    posting = (
        Posting.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
        .filter(pk=posting_id)
        .first()
    )
    if posting is None or posting.handled_at is not None or posting.settled_at is None:
        return False
    if exception is not None:
        if posting.kind in STOCK_KINDS and posting.status == "confirmed":
            overlay.settle_stock_overlay(
                origin_ref=origin(exception), confirmed_at=posting.erp_confirmed_at or clock.now()
            )
        if posting.kind in {"change.date", "change.quantity"} and posting.status == "confirmed":
            overlay.settle_overlay(origin_ref=origin(exception), field=_overlaid_field(posting))
        exceptions.record_event(
            exception=exception,
            kind=EventKind.POSTING_SETTLED,
            actor_text="ERP" if posting.status == "confirmed" else "",
            via="system",
            text=_words(posting),
            data={
                "posting": posting.pk,
                "kind": posting.kind,
                "status": posting.status,
                "number": posting.erp_number,
            },
        )
        settle(exception=exception, actor=None, via="system")
        hint(*exceptions.groups_of(exception), "postings", kind="posting_settled", ref=exception.ref)
    erp.mark_handled(posting=posting)
    return True


def _overlaid_field(posting: Posting) -> str:
    """Which overlaid field a confirmed change has now reached ERP with."""
    if posting.kind == "change.quantity":
        return "quantity"
    return "commit_at" if posting.payload.get("which") == "commit" else "need_by"


def _words(posting: Posting) -> str:
    if posting.status == "confirmed":
        return f"ERP took {posting.kind.replace('.', ' ').replace('_', ' ')}: {posting.erp_number}"[:300]
    if posting.status == "local":
        return f"Kept here: {posting.local_reason}"[:300]
    return f"{posting.kind.replace('.', ' ').replace('_', ' ')} cancelled"[:300]
