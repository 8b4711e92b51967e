"""Quality holds: what is held, how it shrinks as its quantity is disposed of, and stock on its way through ERP.

Each stock posting counts in the site's stock from the moment it is queued, under an origin of its own, until ERP has
it or it is called off. Runs inside the caller's transaction, the exception locked.
"""

from decimal import Decimal
from typing import Any

from core import clock
from decisions_app.models import TaskStatus
from decisions_app.posting_templates.situation import Situation
from decisions_app.posting_templates.stock import held_stock
from decisions_app.services.origin import impose, origin, show_unit
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from plant_app.models import Constraint, ConstraintKind, Item, Lot, StockLocation, StockStatus, UnitState
from plant_app.services import live, overlay


def hold_lot(situation: Situation) -> None:
    """Lot or operation on hold at once. Where nobody said how much is suspect, all that lies there is."""
    exception = situation.exception
    if exception.lot is None and exception.operation is None and exception.item is None:
        return
    if exception.type.code == "engineering_change" and exception.details.get("effectivity") != "immediate":
        return  # from a date or lot on: nothing there is held
    row = held_stock(exception) if exception.quantity is None else None
    if row is not None:
        exception.quantity, exception.uom = row.quantity, row.item.uom
        exceptions.keep(exception, "quantity", "uom")
    _impose_hold(situation, exception.quantity)
    show_unit(situation, UnitState.HOLD)


def _impose_hold(situation: Situation, quantity: Decimal | None) -> None:
    exception = situation.exception
    impose(
        situation,
        ConstraintKind.HOLD,
        lot=exception.lot,
        item=exception.item if exception.lot is None else None,
        operation=exception.operation if exception.lot is None else None,
        starts_at=exception.occurred_at,
        ends_at=None,
        quantity=quantity,
    )


def hold_lifted(situation: Situation) -> None:
    """The hold shrinks by what decisions and finished tasks have disposed of; with nothing left it ends."""
    exception = situation.exception
    if not Constraint.objects.filter(origin_ref=origin(exception), kind=ConstraintKind.HOLD).exists():
        return  # nothing was ever held
    left = None if exception.quantity is None else exception.quantity - _disposed(exception)
    decided_whole = (
        exception.quantity is None and exception.decisions.filter(reversed_at__isnull=True).exists()
    )
    if decided_whole or (left is not None and left <= 0):
        live.lift_constraints(origin_ref=origin(exception), kind=ConstraintKind.HOLD)
    else:
        _impose_hold(situation, left)


def _disposed(exception: ExceptionRecord) -> Decimal:
    """The quantity of decisions in force whose way out of the hold has been gone."""
    total = Decimal(0)
    decisions = exception.decisions.filter(reversed_at__isnull=True).select_related("option")
    for decision in decisions.prefetch_related("tasks"):
        at_once = "hold_lifted" in decision.effects
        by_task = any(
            "hold_lifted" in task.effects and task.status == TaskStatus.DONE for task in decision.tasks.all()
        )
        if at_once or by_task:
            whole = decision.quantity is None or not decision.option.by_quantity
            total += (exception.quantity or Decimal(0)) if whole else decision.quantity or Decimal(0)
    return total


def _moves(kind: str, payload: dict[str, Any]) -> list[tuple[str, str, int]]:
    """(location code, stock status, sign) of each side of a posting; empty for kinds that move no stock we know."""
    source, target = str(payload.get("from_location") or ""), str(payload.get("to_location") or "")
    free, blocked = StockStatus.FREE.value, StockStatus.BLOCKED.value
    if kind == "movement.block":
        return [(source, free, -1), (target, blocked, 1)]
    if kind == "movement.unblock":
        return [(source, blocked, -1), (target, free, 1)]
    if kind == "movement.transfer":
        return [(source, free, -1), (target, free, 1)]
    if kind == "movement.scrap":
        return [(source, str(payload.get("from_status") or blocked), -1)]
    if kind == "movement.return" and payload.get("to") == "supplier":
        return [(source, blocked, -1)]
    if kind == "reversal":
        back = _moves(str(payload.get("reverses_kind", "")), dict(payload.get("original") or {}))
        return [(code, status, -sign) for code, status, sign in back]
    return []


def _stock_origin(posting: Posting) -> str:
    return f"posting:{posting.pk}"


def anticipate(posting: Posting) -> None:
    """Count what a stock posting moves from now on, before ERP has it. A rehearsed past moves nothing."""
    moves = _moves(posting.kind, posting.payload)
    if not moves or clock.rehearsing():
        return
    payload = posting.payload["original"] if posting.kind == "reversal" else posting.payload
    item = Item.objects.filter(code=payload.get("item")).first()
    quantity = Decimal(str(payload.get("quantity") or 0))
    places = {row.code: row for row in StockLocation.objects.filter(code__in=[code for code, _, _ in moves])}
    if item is None or quantity <= 0 or not all(code in places for code, _, _ in moves):
        return
    lot = Lot.objects.filter(item=item, code=payload.get("lot") or "").first()
    for code, status, sign in moves:
        overlay.overlay_stock_change(
            item=item, lot=lot, location=places[code], status=status, quantity=sign * quantity,
            origin_ref=_stock_origin(posting),
        )  # fmt: skip


def stock_settled(posting: Posting) -> None:
    """A stock posting came to rest: ERP's figures take it over, or it is as if it had never been.

    One the connected ERP does not take goes on counting here, since ERP's figures will not have it; without an ERP
    these figures are the books.
    """
    if not _moves(posting.kind, posting.payload) or clock.rehearsing():
        return
    if posting.in_erp:
        overlay.settle_stock_overlay(
            origin_ref=_stock_origin(posting), confirmed_at=posting.erp_confirmed_at or clock.now()
        )
    elif posting.status == "local" and posting.connection_id is None:
        overlay.settle_stock_overlay(origin_ref=_stock_origin(posting), confirmed_at=clock.now())
    elif posting.status == "cancelled":
        overlay.clear_stock_overlay(origin_ref=_stock_origin(posting))
