"""Drift: what ERP believes of stock, orders, dates and quantities against what this layer knows, side by side.

ERP's belief is the mirror as last read; ours is what is in force: overlays, the floor's counts, holds. Each difference
comes with the postings on their way (or stuck) that explain it; what nothing explains is what people must look at.
Reads only, a bounded number of queries.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import F, Q, QuerySet, Sum, TextChoices

from core import clock
from erp_sync import lifecycle
from erp_sync.models import ErpConnection, Posting, Watermark
from plant_app import overlays
from plant_app.models import (
    Constraint,
    ConstraintKind,
    Operation,
    Overlay,
    PurchaseOrderLine,
    SalesOrderLine,
    Site,
    StockLayer,
    StockRow,
    StockStatus,
    WorkOrder,
    WorkOrderStatus,
)
from plant_app.selectors import Reader, can
from plant_app.selectors.floor import ON_UNIT

#: Rows shown of one kind, and postings looked at for an explanation.
MOST = 300
MOST_POSTINGS = 6000
#: A posting that was cancelled or stays local is part of the picture for so long.
RECENT = timedelta(days=30)


class DriftKind(TextChoices):
    """What differs."""

    STOCK = "stock", "Stock"
    HOLD = "hold", "Stock on hold"
    STATUS = "status", "Order status"
    PROGRESS = "progress", "Quantity made"
    DATE = "date", "Date"
    QUANTITY = "quantity", "Quantity"
    CANCELLED = "cancelled", "Cancelled"


@dataclass(frozen=True)
class DriftRow:
    """One value ERP and this layer have differently. `field` is the column, `read_at` when ERP's value was read.

    `unsent` is what no posting accounts for: a quantity in text form, or "all" for a value that is no quantity.
    `next_report`: all of that was counted on an operation under way, and goes with the next report of it.
    """

    kind: DriftKind
    target: str
    target_id: int
    subject: str
    field: str
    erp: str
    ours: str
    uom: str
    read_at: datetime | None
    postings: tuple[Posting, ...]
    unsent: str = ""
    next_report: bool = False

    @property
    def explained(self) -> bool:
        """Whether the postings on their way, or work under way, account for all of it."""
        return self.next_report or (bool(self.postings) and not self.unsent)

    @property
    def stuck(self) -> bool:
        """Whether one of its postings waits for a person."""
        return any(posting.status in lifecycle.DEAD for posting in self.postings)


@dataclass(frozen=True)
class Drift:
    """All of a site's, unexplained first; `read` says when each entity was last read, `more` that rows are left out."""

    rows: tuple[DriftRow, ...] = ()
    read: dict[str, datetime | None] = field(default_factory=dict)
    more: bool = False

    @property
    def unexplained(self) -> int:
        return sum(not row.explained for row in self.rows)


@dataclass
class _Outbox:
    """The site's postings ERP does not have, found by what they are about."""

    by_id: dict[int, Posting] = field(default_factory=dict)
    stock: dict[tuple[str, str], list[Posting]] = field(default_factory=lambda: defaultdict(list))
    operations: dict[tuple[str, str], list[Posting]] = field(default_factory=lambda: defaultdict(list))
    changes: dict[tuple[str, str, str, str], list[Posting]] = field(default_factory=lambda: defaultdict(list))


def drift(site: Site, user: Reader) -> Drift:
    """Where ERP and this layer differ at `site`; nothing without an ERP there, or for a user who may not see its
    postings. About a dozen queries, however many rows."""
    served = ErpConnection.objects.filter(enabled=True, is_ledger=False, site_links__site=site)
    if not can(user, "posting.view", site) or not served.exists():
        return Drift()
    read: dict[str, datetime | None] = {}
    marks = Watermark.objects.filter(
        connection__enabled=True, connection__is_ledger=False, connection__site_links__site=site
    )
    for entity, at in marks.order_by("-connection__site_links__is_default").values_list("entity", "at"):
        read.setdefault(entity, at)
    outbox = _outbox(site)
    rows = [
        *_stock(site, outbox, read), *_holds(site, outbox, read), *_progress(site, outbox, read),
        *_ended(site, read), *_values(site, outbox),
    ]  # fmt: skip
    counts: dict[str, int] = defaultdict(int)
    shown = []
    for row in sorted(rows, key=lambda one: (one.explained, one.kind.value, one.subject, one.field)):
        counts[row.kind] += 1
        if counts[row.kind] <= MOST:
            shown.append(row)
    return Drift(tuple(shown), read, more=len(shown) < len(rows))


def _not_in_the_mirror(site: Site) -> QuerySet[Posting]:
    """Postings ERP does not have, and those it confirmed a moment ago whose overlays still stand."""
    recent = clock.now() - RECENT
    absent = Q(status=lifecycle.Status.CANCELLED) | Q(status=lifecycle.Status.LOCAL, erp_confirmed_at=None)
    # ERP has a confirmation that it confirmed; what is counted here knows that.
    fresh = Q(status=lifecycle.Status.CONFIRMED, handled_at=None) & ~Q(kind="confirmation")
    return (
        Posting.objects.live()
        .filter(site=site)
        .filter(~Q(status__in=lifecycle.SETTLED) | (absent | fresh) & Q(settled_at__gt=recent))
        .select_related("connection")
    )


def _outbox(site: Site) -> _Outbox:
    rows = (
        _not_in_the_mirror(site)
        .exclude(kind__in=["cost", "customer_answer", "reversal"])
        .order_by("-pk")[:MOST_POSTINGS]
    )
    found = _Outbox()
    for posting in sorted(rows, key=lambda one: one.pk):
        payload = posting.payload
        found.by_id[posting.pk] = posting
        if posting.kind == "confirmation":
            key = (str(payload.get("work_order", "")), str(payload.get("operation", "")))
            found.operations[key].append(posting)
        elif posting.kind.startswith("change."):
            what = posting.kind.removeprefix("change.")
            line = str(payload.get("line", ""))
            found.changes[str(payload.get("target", "")), str(payload.get("number", "")), line, what].append(
                posting
            )
        elif payload.get("item") or payload.get("lot"):
            found.stock[str(payload.get("item", "")), str(payload.get("lot", ""))].append(posting)
    return found


def _on_the_way(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """Those that explain a difference: still to come, stuck, of a kind this ERP has no place for, or just confirmed."""
    return tuple(one for one in postings if one.status != lifecycle.Status.CANCELLED)


def _stock(site: Site, outbox: _Outbox, read: dict[str, datetime | None]) -> Iterator[DriftRow]:
    """Quantities by item, lot, place and status that overlays change."""
    names = ("item_id", "lot_id", "location_id", "status")
    parts = StockRow.objects.filter(location__site=site)
    changed: dict[tuple[Any, ...], dict[str, Decimal]] = defaultdict(dict)
    for *key, origin, quantity in parts.filter(layer=StockLayer.OVERLAY).values_list(
        *names, "origin_ref", "quantity"
    ):
        origins = changed[tuple(key)]
        origins[origin] = origins.get(origin, Decimal(0)) + quantity
    anticipated = {_posting_in(origin) for origins in changed.values() for origin in origins}
    unknown = anticipated - outbox.by_id.keys() - {0}
    if unknown:
        outbox.by_id.update(_not_in_the_mirror(site).in_bulk(unknown))
    items = {key[0] for key in changed}
    of_erp = {
        (row.item_id, row.lot_id, row.location_id, row.status): row
        for row in parts.filter(layer=StockLayer.ERP, item__in=items)
    }
    words = {
        (row.item_id, row.lot_id, row.location_id, row.status): row
        for row in parts.filter(item__in=items).select_related("item", "lot", "location")
    }
    for key, origins in changed.items():
        delta = sum(origins.values(), Decimal(0))
        if not delta:
            continue
        named = words[key]
        erp = of_erp.get(key)
        there = erp.quantity if erp is not None else Decimal(0)
        postings, unsent = [], Decimal(0)
        for origin, quantity in origins.items():
            mine = _of_origin(origin, outbox)
            if mine is None or mine.status == lifecycle.Status.CANCELLED:
                unsent += quantity
            else:
                postings.append(mine)
        lot = f" lot {named.lot.code}" if named.lot is not None else ""
        yield DriftRow(
            DriftKind.STOCK, "item", named.item_id,
            f"{named.item.code}{lot} at {named.location.code}, {named.get_status_display().lower()}", "quantity",
            _text(there), _text(there + delta), named.item.uom,
            erp.updated_at if erp is not None else read.get("stock"),
            tuple(postings), _text(unsent) if unsent else "",
        )  # fmt: skip


def _of_origin(origin: str, outbox: _Outbox) -> Posting | None:
    """The posting an overlay of stock anticipates: it names it."""
    return outbox.by_id.get(_posting_in(origin))


def _posting_in(origin: str) -> int:
    kind, _colon, number = origin.partition(":")
    return int(number) if kind == "posting" and number.isdigit() else 0


def _holds(site: Site, outbox: _Outbox, read: dict[str, datetime | None]) -> Iterator[DriftRow]:
    """Lots on hold here that are free in force: nothing blocked them, neither in ERP nor in an overlay."""
    held = {
        row.lot_id: row
        for row in Constraint.objects.filter(
            site=site, kind=ConstraintKind.HOLD, lifted_at=None, lot__isnull=False
        ).select_related("lot__item")
    }
    free = (
        StockRow.objects.filter(location__site=site, lot__in=held, status=StockStatus.FREE)
        .values_list("lot_id")
        .annotate(total=Sum("quantity"))
        .filter(total__gt=0)
        .order_by("lot_id")
    )
    for lot_id, total in free:
        lot = held[lot_id].lot
        if lot is None:
            continue
        about = [*outbox.stock[lot.item.code, lot.code], *outbox.stock["", lot.code]]
        postings = _on_the_way(one for one in about if one.kind in ("movement.block", "quality_event"))
        yield DriftRow(
            DriftKind.HOLD, "lot", lot.pk, f"{lot.item.code} lot {lot.code}", "status", StockStatus.FREE.value, "hold",
            lot.item.uom, read.get("stock"), postings, "" if postings else _text(total),
        )  # fmt: skip


def _progress(site: Site, outbox: _Outbox, read: dict[str, datetime | None]) -> Iterator[DriftRow]:
    """Pieces the floor counted and ERP has not, and orders it finished that ERP still has open."""
    numbers = {order for order, _operation in outbox.operations}
    operations = (
        Operation.objects.filter(work_order__site=site)
        .exclude(work_order__status=WorkOrderStatus.CANCELLED)
        .filter(
            Q(work_order__number__in=numbers) | ~Q(good=F("confirmed_good")) | ~Q(scrap=F("confirmed_scrap"))
        )
        .select_related("work_order__item")
        .order_by("work_order__number", "number")[: MOST * 4]
    )
    for operation in operations:
        order = operation.work_order
        about = outbox.operations.get((order.number, str(operation.number)), [])
        postings = _on_the_way(about)
        when = order.erp_synced_at or read.get("work_orders")
        for name, counted, sent in (
            ("yield_qty", operation.good, operation.confirmed_good),
            ("scrap_qty", operation.scrap, operation.confirmed_scrap),
        ):
            absent = sum((_amount(one.payload.get(name)) for one in about), Decimal(0))
            coming = sum((_amount(one.payload.get(name)) for one in postings), Decimal(0))
            there = sent - absent
            if counted == there:
                continue
            unsent = counted - there - coming
            yield DriftRow(
                DriftKind.PROGRESS, "work_order", order.pk, str(operation), "good" if name == "yield_qty" else "scrap",
                _text(there), _text(counted), order.item.uom, when,
                tuple(one for one in postings if _amount(one.payload.get(name))), _text(unsent) if unsent else "",
                # a count, stop or finish of these sends all that was counted since the last one
                next_report=operation.status in ON_UNIT and 0 < unsent == counted - sent,
            )  # fmt: skip
        final = [one for one in about if one.payload.get("final")]
        if final and order.status == WorkOrderStatus.FINISHED:
            closing = _on_the_way(final)
            yield DriftRow(
                DriftKind.STATUS, "work_order", order.pk, order.number, "status", "not finished", "finished", "", when,
                closing, "" if closing else "all",
            )  # fmt: skip


def _ended(site: Site, read: dict[str, datetime | None]) -> Iterator[DriftRow]:
    """Orders ERP ended while the floor still works on them. No posting explains that."""
    working = (
        Operation.objects.filter(
            work_order__site=site,
            work_order__status__in=[WorkOrderStatus.FINISHED, WorkOrderStatus.CANCELLED],
            status__in=ON_UNIT,
        )
        .select_related("work_order")
        .order_by("work_order__number", "number")[:MOST]
    )
    for operation in working:
        order: WorkOrder = operation.work_order
        yield DriftRow(
            DriftKind.STATUS, "work_order", order.pk, str(operation), "status", order.status, operation.status, "",
            order.erp_synced_at or read.get("work_orders"), (), "all",
        )  # fmt: skip


_CHANGES = {"work_order": "work_order", "sales_line": "so_line", "purchase_line": "po_line"}


def _values(site: Site, outbox: _Outbox) -> Iterator[DriftRow]:
    """Dates and quantities decided here that ERP has otherwise."""
    in_force = Overlay.objects.filter(cleared_at=None).order_by("-pk")
    for target, rows in (
        ("work_order", WorkOrder.objects.filter(site=site).select_related("item")),
        ("sales_line", SalesOrderLine.objects.filter(order__site=site).select_related("item", "order")),
        ("purchase_line", PurchaseOrderLine.objects.filter(order__site=site).select_related("item", "order")),
    ):
        ids: Any = rows.values("pk")
        mine = list(in_force.filter(target=target, target_id__in=ids)[: MOST * 4])
        if not mine:
            continue
        known = {row.pk: row for row in rows.filter(pk__in={overlay.target_id for overlay in mine})}
        for overlay in mine:
            row: Any = known.get(overlay.target_id)
            if row is None:
                continue
            there = overlays.to_text(overlay.field, getattr(row, overlay.field))
            if there == overlay.value:
                continue
            kind = _kind_of(overlay.field)
            number, line = (row.number, "") if target == "work_order" else (row.order.number, str(row.line))
            what = "cancel" if kind is DriftKind.CANCELLED else kind.value
            postings = _on_the_way(outbox.changes.get((_CHANGES[target], number, line, what), []))
            yield DriftRow(
                kind, target, row.pk, str(row), overlay.field, there, overlay.value,
                row.item.uom if kind is DriftKind.QUANTITY else "", row.erp_synced_at, postings,
                "" if postings else "all",
            )  # fmt: skip


def _kind_of(column: str) -> DriftKind:
    if column in overlays.MOMENTS:
        return DriftKind.DATE
    return DriftKind.CANCELLED if column in overlays.FLAGS else DriftKind.QUANTITY


def _amount(value: Any) -> Decimal:
    try:
        return Decimal(str(value or 0))
    except InvalidOperation:
        return Decimal(0)


def _text(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"
