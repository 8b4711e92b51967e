"""What ERP says, written into the mirrored rows: the only writer of ERP's layer.

Overlays and the floor's own knowledge (status and counts of operations) are never touched; where ERP now says something
else than both it did and we decided, that is reported as drift; what a record names that is not here is reported as a
gap. How records are fetched is not known here.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DataError, IntegrityError, transaction
from django.db.models import Model
from psycopg import errors

from core import clock
from core.errors import InvalidInput
from plant_app import overlays
from plant_app.models import (
    Customer,
    Item,
    MasterChange,
    Overlay,
    Site,
    StockLayer,
    StockLocation,
    StockRow,
    Supplier,
    WorkCentre,
)
from plant_app.selectors.effective import Target, target_name
from plant_app.services.mirror_book import (
    Book,
    Collision,
    Fields,
    Pulled,
    Scope,
    Unknown,
    Written,
    kind_of,
    open_book,
)
from plant_app.services.mirror_gone import mark_deleted
from plant_app.services.mirror_rows import WRITERS

KEPT_CHANGES = 1000
#: What records refer to by its code.
_REFERRED: tuple[type[Model], ...] = (Site, Item, StockLocation, WorkCentre, Customer, Supplier)
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


@dataclass(frozen=True)
class Gap:
    """What a record names that is not here: `what` kind of row of `code` in its `field`. `record` is its own code."""

    record: str
    field: str
    what: str
    code: str
    said: str


@dataclass(frozen=True)
class RowChange:
    """What was done to the row of one record, with before and after of each column."""

    code: str
    change: str
    fields: Fields


@dataclass
class PullResult:
    """What a pull did; `unknown` and `gaps` name records that speak of something this plant does not have."""

    entity: str
    created: int = 0
    updated: int = 0
    renamed: int = 0
    deleted: int = 0
    unchanged: int = 0
    unknown: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    rows: list[RowChange] = field(default_factory=list)
    settled: int = 0

    @property
    def changed(self) -> int:
        """Rows that are not as they were."""
        return self.created + self.updated + self.renamed + self.deleted


#: (kind, code) -> record of an earlier page that would have made or renamed that row.
Lent = dict[tuple[str, str], Pulled]


@transaction.atomic
def apply_pull(
    *,
    entity: str,
    records: Iterable[Pulled],
    read_at: datetime | None = None,
    complete: bool = False,
    scope: Scope | None = None,
) -> PullResult:
    """Write ERP's rows of one kind (item, work_centre, customer, supplier, work_order, stock, sales_line,
    purchase_line, lot; plurals too) into the mirror.

    A record is anything with `code` (our number), `external_id`, `data` and `written_at`; `data` may be partial, what
    it leaves out stays. A known `external_id` under another code renames the row; `deleted` marks it as gone.
    `read_at` is when reading began (default now), `scope` whose rows this ERP speaks for. With `complete`, stock rows
    of the same locations ERP did not name are set to zero. An overlay ERP has caught up with ends; one it contradicts
    is reported as drift and stays in force. Raises InvalidInput for an unknown entity. Locks each row it writes.
    """
    name = _name(entity)
    given = list(records)
    book = open_book(given, read_at or clock.now(), scope or Scope())
    result = PullResult(name)
    _apply(name, given, book, result, {})
    if complete and name == "stock":
        result.updated += _empty_the_rest(book)
    _prune_changes()
    return result


def rehearse_pull(
    *,
    entity: str,
    records: Iterable[Pulled],
    lent: Lent,
    read_at: datetime | None = None,
    scope: Scope | None = None,
) -> PullResult:
    """What `apply_pull` would do, row by row with before and after: done in a transaction that is rolled back.

    `lent` carries from page to page what earlier ones would have created or renamed, so that later ones find it; start
    with an empty one. Nothing stays written. Locks last for one page. Raises InvalidInput as `apply_pull` does.
    """
    name = _name(entity)
    given = list(records)
    result = PullResult(name)
    with transaction.atomic():
        book = open_book(given, read_at or clock.now(), scope or Scope())
        _apply(name, given, book, result, dict(lent))
        transaction.set_rollback(True)
    fresh = {row.code for row in result.rows if row.change in ("created", "renamed")}
    lent.update({(name, one.code): one for one in given if one.code in fresh})
    return result


def here_now(things: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Which of these (what, code), as gaps name them, are here by now. One query for each kind of thing named."""
    found: set[tuple[str, str]] = set()
    for model in _REFERRED:
        what = kind_of(model)
        codes = {code for kind, code in things if kind == what}
        if codes:
            rows = model._default_manager.filter(code__in=codes).values_list("code", flat=True)
            found.update((what, code) for code in rows)
    return frozenset(found)


def _name(entity: str) -> str:
    name = _PLURALS.get(entity, entity)
    if name not in WRITERS:
        raise InvalidInput("mirror.unknown_entity", f"{entity!r} is not mirrored.")
    return name


def _apply(name: str, records: list[Pulled], book: Book, result: PullResult, lent: Lent) -> None:
    """Write every record; one whose new code is still another row's is tried again after the others."""
    again: list[Pulled] = []
    for last, batch in ((False, records), (True, again)):
        for record in batch:
            try:
                written = _write(name, record, book, lent)
            except Collision as taken:
                if last:
                    _note_gap(result, record, taken)
                else:
                    again.append(record)
                continue
            except Unknown as missing:
                _note_gap(result, record, missing)
                continue
            setattr(result, written.change, getattr(result, written.change) + 1)
            if written.change != "unchanged":
                result.rows.append(RowChange(record.code, written.change, written.fields))
            _compare(written, result)


def _write(name: str, record: Pulled, book: Book, lent: Lent) -> Written:
    """One record, in a transaction of its own so that one that can't be used leaves nothing half written.

    While rehearsing, what an earlier page would have left is put in place first, when the record needs it.
    """
    own = lent.pop((name, record.code), None)
    if own is not None and own is not record:
        _write(name, own, book, lent)
    while True:
        try:
            with transaction.atomic():
                if getattr(record, "deleted", False) and name != "stock":
                    return mark_deleted(name, record, book)
                return WRITERS[name](record, book)
        except DataError as error:
            raise Unknown(f"it can't be stored: {str(error).splitlines()[0]}") from error
        except IntegrityError as error:
            if not isinstance(error.__cause__, errors.CheckViolation):
                raise
            raise Unknown(f"it breaks a rule of the plant: {error.__cause__.diag.constraint_name}") from error
        except Unknown as missing:
            lender = lent.pop((missing.what, missing.code), None)
            if lender is None:
                raise
            _write(missing.what, lender, book, lent)


def _note_gap(result: PullResult, record: Pulled, missing: Unknown) -> None:
    result.unknown.append(f"{record.code}: {missing}")
    result.gaps.append(Gap(record.code, missing.field, missing.what, missing.code, str(missing)))


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
