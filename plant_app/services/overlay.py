"""The layer's own values beside ERP's: stock known to be blocked, dates and quantities decided but not yet posted.

The only writer of overlay rows. A pull writes ERP's layer and never these; they go when ERP has the same (`settle_*`)
or when what put them there is taken back (`clear_*`).
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from core import clock
from core.errors import InvalidInput
from core.hints import hint
from plant_app import overlays
from plant_app.models import (
    Item,
    Lot,
    Overlay,
    PurchaseOrderLine,
    SalesOrderLine,
    Site,
    StockLayer,
    StockLocation,
    StockRow,
    StockStatus,
    WorkOrder,
)
from plant_app.selectors.effective import Target, target_name
from plant_app.services.live import request_resequence

_MODELS: dict[str, type[Target]] = {
    Overlay.Target.WORK_ORDER: WorkOrder,
    Overlay.Target.SALES_LINE: SalesOrderLine,
    Overlay.Target.PURCHASE_LINE: PurchaseOrderLine,
}


@transaction.atomic
def overlay_stock(
    *,
    item: Item,
    lot: Lot | None,
    quantity: Decimal,
    location: StockLocation,
    origin_ref: str,
    to_location: StockLocation | None = None,
    from_status: str = StockStatus.FREE,
    to_status: str = StockStatus.BLOCKED,
    allow_short: bool = False,
) -> list[StockRow]:
    """Count `quantity` (base unit) as `to_status` at `to_location` (default: where it lies) instead of `from_status`.

    Writes two overlay rows of `origin_ref` whose quantities cancel out; repeated calls add up. Raises InvalidInput when
    the quantity is not positive, nothing would change, or there is less than that in `from_status` (unless
    `allow_short`: a person holds it in hand and the book is wrong). Locks the item's row.
    """
    target = to_location or location
    if quantity <= 0:
        raise InvalidInput("stock.quantity_not_positive", "A quantity to move must be above zero.")
    if (location.pk, from_status) == (target.pk, to_status):
        raise InvalidInput("stock.nothing_moves", "From and to are the same.")
    if not origin_ref:
        raise InvalidInput("stock.no_origin", "An overlay must say who put it there.")
    Item.objects.select_for_update(no_key=True).get(pk=item.pk)
    there = sum(
        StockRow.objects.filter(item=item, lot=lot, location=location, status=from_status).values_list(
            "quantity", flat=True
        ),
        Decimal(0),
    )
    if there < quantity and not allow_short:
        raise InvalidInput(
            "stock.not_enough",
            f"Only {there.normalize():f} {item.uom} of {item.code} are {from_status} at {location.code}.",
            "Count again, or say which location is meant.",
            available=str(there),
        )
    rows = [
        _add(item, lot, location, from_status, -quantity, origin_ref),
        _add(item, lot, target, to_status, quantity, origin_ref),
    ]
    _stock_changed({location.site, target.site}, item, origin_ref)
    return rows


@transaction.atomic
def overlay_stock_change(
    *, item: Item, lot: Lot | None, location: StockLocation, status: str, quantity: Decimal, origin_ref: str
) -> StockRow:
    """Count `quantity` (base unit, signed) more of `item` in `status` at `location`: one side of a movement under way.

    Repeated calls of one origin add up. Raises InvalidInput when nothing changes or nobody says why. Locks the item.
    """
    if not quantity:
        raise InvalidInput("stock.nothing_moves", "A change of nothing is none.")
    if not origin_ref:
        raise InvalidInput("stock.no_origin", "An overlay must say who put it there.")
    Item.objects.select_for_update(no_key=True).get(pk=item.pk)
    row = _add(item, lot, location, status, quantity, origin_ref)
    _stock_changed({location.site}, item, origin_ref)
    return row


def _add(
    item: Item, lot: Lot | None, location: StockLocation, status: str, quantity: Decimal, origin_ref: str
) -> StockRow:
    row, _created = StockRow.objects.get_or_create(
        item=item, lot=lot, location=location, status=status, layer=StockLayer.OVERLAY, origin_ref=origin_ref
    )
    row.quantity += quantity
    row.updated_at = clock.now()
    row.save(update_fields=["quantity", "updated_at"])
    return row


@transaction.atomic
def clear_stock_overlay(*, origin_ref: str) -> int:
    """Take back every stock overlay of `origin_ref`: ERP's figures count alone again. Returns how many rows went."""
    rows = list(_overlay_rows(origin_ref))
    StockRow.objects.filter(pk__in=[row.pk for row in rows]).delete()
    for row in rows:
        _stock_changed({row.location.site}, row.item, origin_ref)
    return len(rows)


@transaction.atomic
def settle_stock_overlay(*, origin_ref: str, confirmed_at: datetime) -> int:
    """ERP confirmed at `confirmed_at` what the overlay of `origin_ref` anticipates: make it ERP's figure.

    A row of ERP's layer read before the confirmation does not contain it and takes the quantity over; one read later
    does. Effective stock therefore stays the same whichever comes first, the answer or the pull. Returns rows settled.
    """
    rows = list(_overlay_rows(origin_ref))
    for row in rows:
        erp, created = StockRow.objects.select_for_update(no_key=True).get_or_create(
            item=row.item, lot=row.lot, location=row.location, status=row.status, layer=StockLayer.ERP, origin_ref="",
            defaults={"updated_at": confirmed_at},
        )  # fmt: skip
        if created or erp.updated_at < confirmed_at:
            erp.quantity += row.quantity
            erp.save(update_fields=["quantity"])
        row.delete()
    return len(rows)


def _overlay_rows(origin_ref: str) -> Iterable[StockRow]:
    if not origin_ref:
        raise InvalidInput("stock.no_origin", "Say whose overlay is meant.")
    return (
        StockRow.objects.select_for_update(of=("self",), no_key=True)
        .filter(layer=StockLayer.OVERLAY, origin_ref=origin_ref)
        .select_related("item", "lot", "location__site")
        .order_by("pk")
    )


def _stock_changed(sites: Iterable[Site], item: Item, origin_ref: str) -> None:
    for site in sites:
        hint(f"site.{site.pk}", kind="stock", item=item.pk)
        request_resequence(site=site, cause=f"stock {origin_ref}")


@transaction.atomic
def overlay_value(*, target: Target, field: str, value: overlays.Value, origin_ref: str) -> Overlay:
    """Let `value` count as `field` of a work order, sales or purchase line until ERP has it or it is taken back.

    A newer overlay on the same field replaces the older one. What ERP said at this moment is kept beside it. Raises
    InvalidInput for a field that can't be overlaid or a value that does not fit. Locks the target's row.
    """
    name = target_name(target)
    if field not in overlays.FIELDS[name]:
        raise InvalidInput(
            "overlay.unknown_field", f"{field} of a {name.replace('_', ' ')} can't be changed here."
        )
    try:
        text = overlays.to_text(field, value)
    except ValueError as error:
        raise InvalidInput("overlay.value_does_not_fit", str(error)) from error
    row = _MODELS[name]._default_manager.select_for_update(of=("self",), no_key=True).get(pk=target.pk)
    Overlay.objects.filter(target=name, target_id=row.pk, field=field, cleared_at=None).update(
        cleared_at=clock.now()
    )
    overlay = Overlay.objects.create(
        target=name, target_id=row.pk, field=field, value=text, origin_ref=origin_ref,
        erp_value=overlays.to_text(field, getattr(row, field)),
    )  # fmt: skip
    _value_changed(row, origin_ref)
    return overlay


@transaction.atomic
def clear_overlay(*, origin_ref: str, field: str | None = None, target: Target | None = None) -> int:
    """Take back the value overlays of `origin_ref` (only of `field`, only on `target`): ERP's values count again.

    Returns how many.
    """
    return len(_end_overlays(origin_ref, field, target))


@transaction.atomic
def settle_overlay(*, origin_ref: str, field: str | None = None, target: Target | None = None) -> int:
    """ERP has the overlay's value: write it into the mirrored row, so nothing jumps until the next pull, and end it."""
    ended = _end_overlays(origin_ref, field, target)
    for overlay, row in ended:
        setattr(row, overlay.field, overlays.from_text(overlay.field, overlay.value))
        row.save(update_fields=[overlay.field])
    return len(ended)


def _end_overlays(origin_ref: str, field: str | None, target: Target | None) -> list[tuple[Overlay, Target]]:
    if not origin_ref:
        raise InvalidInput("overlay.no_origin", "Say whose overlay is meant.")
    rows = Overlay.objects.select_for_update(no_key=True).filter(origin_ref=origin_ref, cleared_at=None)
    if field is not None:
        rows = rows.filter(field=field)
    if target is not None:
        rows = rows.filter(target=target_name(target), target_id=target.pk)
    ended: list[tuple[Overlay, Target]] = []
    for overlay in rows.order_by("pk"):
        overlay.cleared_at = clock.now()
        overlay.save(update_fields=["cleared_at"])
        row = _MODELS[overlay.target]._default_manager.filter(pk=overlay.target_id).first()
        if row is not None:
            ended.append((overlay, row))
            _value_changed(row, origin_ref)
    return ended


def _value_changed(row: Target, origin_ref: str) -> None:
    site = row.site if isinstance(row, WorkOrder) else row.order.site
    hint(f"site.{site.pk}", kind="plan", origin=origin_ref)
    request_resequence(site=site, cause=f"{target_name(row)} {origin_ref}")
