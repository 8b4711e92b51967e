"""What a settled posting means above the outbox: overlays end, counts go back, the story says so, records close.

Each posting is handled once, in a transaction of its own, the exception locked before the posting.
"""

import logging

from django.db import transaction

from core.hints import hint
from decisions_app.models import PostingLink
from decisions_app.services.closing import settle
from decisions_app.services.holds import stock_settled
from decisions_app.services.origin import origin
from decisions_app.services.postings import link_reversals, take_back_confirmed
from erp_sync import services as erp
from erp_sync.kinds import KIND_NAMES
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import EventKind, ExceptionRecord
from plant_app.models import PurchaseOrderLine, SalesOrderLine, WorkOrder
from plant_app.services import overlay

logger = logging.getLogger(__name__)
# (target, which date) of a confirmed change -> the field its overlay stands on.
_DATES = {
    ("so_line", "commit"): "commit_at",
    ("so_line", "requested"): "requested_at",
    ("po_line", "promised"): "promised_at",
    ("work_order", "planned_end"): "need_by",
    ("work_order", "need_by"): "need_by",
}


def handle_settled(*, limit: int = 100) -> int:
    """Handle postings that have settled and not been looked at; returns how many. Safe to run twice at once."""
    done = 0
    for posting_id in erp.settled_unhandled(limit=limit):
        try:
            done += _handle(posting_id)
        except (
            Exception
        ):  # outer edge: one posting whose meaning can't be drawn must not keep the others' waiting
            logger.exception("posting %s has settled, and what it means could not be drawn", posting_id)
    return done


@transaction.atomic
def _handle(posting_id: int) -> bool:
    link = (
        PostingLink.objects.filter(posting_id=posting_id).first()
        or PostingLink.objects.filter(posting__reversals=posting_id).first()
    )
    exception = None
    if link is not None and link.exception_id is not None:
        exception = exceptions.locked(exception_id=link.exception_id)
    posting = (
        Posting.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
        .select_related("reversal_of")
        .filter(pk=posting_id)
        .first()
    )
    if posting is None or posting.handled_at is not None or posting.settled_at is None:
        return False
    if exception is not None:
        link_reversals(posting.reversal_of or posting, exception=exception)
    _draw_meaning(posting, exception)
    if exception is not None:
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


def _draw_meaning(posting: Posting, exception: ExceptionRecord | None) -> None:
    stock_settled(posting)
    if posting.kind == "confirmation" and posting.status == "cancelled":
        take_back_confirmed(posting)
    original = posting.reversal_of
    if original is not None and original.kind == "confirmation" and posting.in_erp:
        take_back_confirmed(original)
    if exception is not None and posting.in_erp and posting.kind.startswith("change."):
        _settle_value(posting, exception)


def _settle_value(posting: Posting, exception: ExceptionRecord) -> None:
    """ERP has the agreed value: the overlay on just that field of just that order or line has done its work."""
    payload = posting.payload
    target = _target_of(payload.get("target", ""), payload.get("number", ""), payload.get("line", ""))
    if target is None:
        return
    field: str | None = "quantity"
    if posting.kind == "change.date":
        field = _DATES.get((payload["target"], payload.get("which", "")))
    elif posting.kind == "change.cancel":
        field = "cancelled"
    if field is not None:
        overlay.settle_overlay(origin_ref=origin(exception), field=field, target=target)


def _target_of(kind: str, number: str, line: str) -> WorkOrder | SalesOrderLine | PurchaseOrderLine | None:
    if kind == "work_order":
        return WorkOrder.objects.filter(number=number).first()
    if not str(line).isdecimal():
        return None
    if kind == "so_line":
        return SalesOrderLine.objects.filter(order__number=number, line=int(line)).first()
    if kind == "po_line":
        return PurchaseOrderLine.objects.filter(order__number=number, line=int(line)).first()
    return None


def _words(posting: Posting) -> str:
    name = KIND_NAMES.get(posting.kind, posting.kind)
    if posting.status == "confirmed":
        return f"ERP took it: {name} {posting.erp_number}"[:300]
    if posting.in_erp:
        return f"{name} is in ERP, {posting.local_reason}: {posting.erp_number}"[:300]
    if posting.status == "local":
        return f"{name}, kept here: {posting.local_reason}"[:300]
    return f"{name} called off"[:300]
