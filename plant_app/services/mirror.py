"""What ERP says, written into the mirrored rows: the only writer of ERP's layer.

Overlays and the floor's own knowledge (status and counts of operations) are never touched; where ERP now says something
else than both it did and we decided, that is reported as drift. How records are fetched is not known here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from core import clock
from core.errors import InvalidInput
from plant_app import overlays
from plant_app.models import MasterChange, Overlay, StockLayer, StockRow
from plant_app.selectors.effective import Target, target_name
from plant_app.services.mirror_rows import WRITERS, Book, Pulled, Unknown, Written

KEPT_CHANGES = 1000
_PLURALS = {name + "s": name for name in WRITERS}


@dataclass(frozen=True)
class Drift:
    """ERP changed a value this layer has decided otherwise: people must look. Values in their text form."""

    target: str
    target_id: int
    name: str
    field: str
    erp_was: str
    erp_now: str
    ours: str
    origin_ref: str


@dataclass
class PullResult:
    """What a pull did; `unknown` names records that speak of something this plant does not have."""

    entity: str
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    unknown: list[str] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    settled: int = 0


@transaction.atomic
def apply_pull(
    *, entity: str, records: Iterable[Pulled], read_at: datetime | None = None, complete: bool = False
) -> PullResult:
    """Write ERP's rows of one kind (item, work_centre, customer, supplier, work_order, stock, sales_line,
    purchase_line, lot; plurals too) into the mirror.

    A record is anything with `code` (our number), `external_id`, `data` and `written_at`; `data` may be partial, what
    it leaves out stays. `read_at` is when reading began (default now). With `complete`, stock rows of the same
    locations ERP did not name are set to zero. An overlay ERP has caught up with ends; one it contradicts is reported
    as drift and stays in force. Raises InvalidInput for an unknown entity. Locks each row it writes.
    """
    name = _PLURALS.get(entity, entity)
    if name not in WRITERS:
        raise InvalidInput("mirror.unknown_entity", f"{entity!r} is not mirrored.")
    book = Book(read_at or clock.now())
    result = PullResult(name)
    for record in records:
        try:
            with transaction.atomic():  # a record that can't be used leaves nothing half written
                written = WRITERS[name](record, book)
        except Unknown as missing:
            result.unknown.append(f"{record.code}: {missing}")
            continue
        setattr(result, written.change, getattr(result, written.change) + 1)
        _compare(written, result)
    if complete and name == "stock":
        result.updated += _empty_the_rest(book)
    _prune_changes()
    return result


def _compare(written: Written, result: PullResult) -> None:
    """Hold ERP's new values against the overlays in force on the row."""
    row: Target | None = written.target
    if row is None:
        return
    name = target_name(row)
    rows = Overlay.objects.select_for_update(no_key=True).filter(
        target=name, target_id=row.pk, cleared_at=None
    )
    for overlay in rows:
        now = overlays.to_text(overlay.field, getattr(row, overlay.field))
        if now == overlay.value:
            overlay.cleared_at = clock.now()
            overlay.save(update_fields=["cleared_at"])
            result.settled += 1
        elif now != overlay.erp_value:
            result.drift.append(
                Drift(
                    name,
                    row.pk,
                    str(row),
                    overlay.field,
                    overlay.erp_value,
                    now,
                    overlay.value,
                    overlay.origin_ref,
                )
            )


def _empty_the_rest(book: Book) -> int:
    return (
        StockRow.objects.filter(layer=StockLayer.ERP, location__in=book.stock_locations)
        .exclude(pk__in=book.stock_rows)
        .exclude(quantity=0)
        .update(quantity=0, updated_at=book.read_at)
    )


def _prune_changes() -> None:
    last = MasterChange.objects.order_by("-pk").values_list("pk", flat=True).first()
    if last is not None:
        MasterChange.objects.filter(pk__lte=last - KEPT_CHANGES).delete()
