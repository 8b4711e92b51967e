"""What every writer of a mirrored kind works with: the record, the row that is meant, the values that differ.

A row is known by ERP's own identity as well as by its code: a known identity under another code is a rename, and the
row keeps its history. Only columns that differ are written. A date without a time keeps the time of day the plant
planned with, since ERPs often know days only. A value its column can't hold is a gap of that row, as is one that is no
number or date; what is only read by people is cut.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from django.db.models import CharField, DecimalField, Model, PositiveSmallIntegerField

from plant_app.models import PurchaseOrderLine, SalesOrderLine, Site, WorkOrder
from plant_app.selectors.effective import Target

Change = Literal["created", "updated", "renamed", "deleted", "unchanged"]
#: Before and after of a column, in text form.
Fields = dict[str, tuple[str, str]]
END_OF_DAY = time(16)
#: A column people read and nothing is found by.
_CUT = "name"
_LARGEST_SMALL = 32767
#: How a mirrored row leads to its site, for those that have one.
SITE_OF: dict[type[Model], str] = {
    WorkOrder: "site", SalesOrderLine: "order__site", PurchaseOrderLine: "order__site",
}  # fmt: skip


class Pulled(Protocol):
    """One ERP row as a connector hands it over."""

    @property
    def code(self) -> str: ...
    @property
    def external_id(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...
    @property
    def written_at(self) -> datetime | None: ...


class Unknown(LookupError):
    """A record can't be used as it is: it speaks of something the plant does not have, or its code is another row's.

    `field` is the record's field that says so, `what` the kind of row meant, `code` its code.
    """

    def __init__(self, message: str, *, field: str = "", what: str = "", code: str = "") -> None:
        super().__init__(message)
        self.field, self.what, self.code = field, what, code


class Collision(Unknown):
    """ERP renamed a row to a code another row has here."""


@dataclass(frozen=True)
class Written:
    """What became of a record; `target` when overlays may lie on the row, `fields` what changed."""

    change: Change
    target: Target | None = None
    fields: Fields = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """Whose rows one ERP speaks for. `alone`: no other ERP fills this mirror; else its own sites' orders only."""

    alone: bool = True
    sites: frozenset[int] = frozenset()


@dataclass
class Book:
    """Rows looked up while one pull is applied, each once.

    `codes` are those of all its records, `named` the one of each identity, `vague` the identities several of its codes
    share: they identify nothing.
    """

    read_at: datetime
    scope: Scope = field(default_factory=Scope)
    codes: frozenset[str] = frozenset()
    named: Mapping[str, str] = field(default_factory=dict)
    vague: frozenset[str] = frozenset()
    stock_rows: set[int] = field(default_factory=set)
    stock_locations: set[int] = field(default_factory=set)
    _found: dict[tuple[type[Model], str], Any] = field(default_factory=dict)

    def get(self, model: type[Model], code: object, name: str = "", column: str = "code") -> Any:
        """The row of `model` with this code, which stands in the record's field `name`. Raises Unknown."""
        key = (model, str(code))
        if key not in self._found:
            row = model._default_manager.filter(**{column: code}).first() if code else None
            if row is None:
                what = kind_of(model)
                raise Unknown(
                    f"no {model._meta.verbose_name} {code!r}",
                    field=name or what,
                    what=what,
                    code=str(code or ""),
                )
            self._found[key] = row
        return self._found[key]

    def site(self, data: Mapping[str, Any]) -> Site:
        """The site a record names; the only one where there is just one. Raises Unknown."""
        if data.get("site"):
            site: Site = self.get(Site, data["site"])
            return site
        sites = list(Site.objects.all()[:2])
        if len(sites) != 1:
            raise Unknown("no site given", field="site", what="site")
        return sites[0]


def open_book(records: Iterable[Pulled], read_at: datetime, scope: Scope) -> Book:
    """The book for one pull of `records`."""
    codes: dict[str, set[str]] = {}
    for record in records:
        codes.setdefault(record.external_id, set()).add(record.code)
    vague = frozenset(identity for identity, ours in codes.items() if len(ours) > 1)
    named = {identity: next(iter(ours)) for identity, ours in codes.items() if identity and len(ours) == 1}
    return Book(read_at, scope, frozenset().union(*codes.values()), named, vague)


def kind_of(model: type[Model]) -> str:
    """What a gap calls a thing of this model that is not here."""
    return str(model._meta.verbose_name).replace(" ", "_")


def shown(value: Any) -> str:
    """A column's value for people and machines alike."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(getattr(value, "code", value))


def differing(row: Model, values: Mapping[str, Any]) -> Fields:
    """The columns of `row` that `values` would change."""
    return {
        name: (shown(getattr(row, name)), shown(value))
        for name, value in values.items()
        if getattr(row, name) != value
    }


def fit(model: type[Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` as the columns of `model` keep them: decimals as they are rounded there, a long name cut.

    Raises Unknown, which names the column, for any other text too long and for a number too large.
    """
    return {name: _fitting(model._meta.get_field(name), name, value) for name, value in values.items()}


def _fitting(column: Any, name: str, value: Any) -> Any:
    said = "external_id" if name == "erp_id" else name
    if (
        isinstance(column, CharField)
        and isinstance(value, str)
        and len(value) > (column.max_length or len(value))
    ):
        if name == _CUT:
            return value[: column.max_length]
        raise Unknown(f"{said} is longer than {column.max_length} characters", field=said)
    if isinstance(column, DecimalField) and isinstance(value, Decimal):
        largest = Decimal(10) ** (column.max_digits - column.decimal_places)
        if abs(value) < largest:
            value = value.quantize(Decimal(1).scaleb(-column.decimal_places))
        if abs(value) >= largest:
            raise Unknown(f"{said} {value} is too large", field=said)
    if isinstance(column, PositiveSmallIntegerField) and not 0 <= int(value) <= _LARGEST_SMALL:
        raise Unknown(f"{said} {value} is not between 0 and {_LARGEST_SMALL}", field=said)
    return value


def by_identity(model: type[Model], record: Pulled, book: Book) -> Any:
    """The locked row that ERP's own identity names, None where that is not certain.

    Two ERPs may use one identity for different things: beside another one, only orders of its own sites are certain.
    """
    if not record.external_id or record.external_id in book.vague:
        return None
    rows = model._default_manager.select_for_update(of=("self",), no_key=True).filter(
        erp_id=record.external_id
    )
    if not book.scope.alone:
        if model not in SITE_OF:
            return None
        rows = rows.filter(**{f"{SITE_OF[model]}__in": book.scope.sites})
    found = list(rows[:2])
    return found[0] if len(found) == 1 else None


def meant(model: type[Model], identity: Mapping[str, Any], record: Pulled, book: Book) -> tuple[Any, bool]:
    """(the locked row a record speaks of or None, whether ERP renamed it). Raises Collision.

    By its code, unless ERP's own identity says that another row was given this code.
    """
    rows = model._default_manager.select_for_update(of=("self",), no_key=True)
    row: Any = rows.filter(**identity).first()
    if row is not None and row.erp_id in ("", record.external_id):
        return row, False
    same = by_identity(model, record, book)
    if same is None and (row is None or not _moves_away(row, record, book)):
        return row, False
    if row is not None:
        same = same or f"{record.external_id!r}"
        raise Collision(
            f"{model._meta.verbose_name} {same} is now called {record.code!r} in ERP, as another row is here already",
            field="code", what=kind_of(model), code=record.code,
        )  # fmt: skip
    return same, True


def _moves_away(row: Any, record: Pulled, book: Book) -> bool:
    """Whether a later record of this pull renames `row`, whose code `record` was given."""
    certain = book.scope.alone or type(row) in SITE_OF
    return certain and book.named.get(row.erp_id, record.code) != record.code


def save(model: type[Model], identity: dict[str, Any], values: dict[str, Any], record: Pulled, book: Book,
         defaults: Callable[[], dict[str, Any]] | None = None) -> tuple[Any, Change, Fields]:  # fmt: skip
    """Create, rename or update the row a record speaks of; (row, what was done, which columns). Raises Unknown."""
    mirror = fit(
        model,
        {
            "erp_id": record.external_id,
            "erp_version": record.written_at.isoformat() if record.written_at else "",
            "erp_synced_at": book.read_at,
        },
    )
    identity, values = fit(model, identity), fit(model, values)
    row, renamed = meant(model, identity, record, book)
    if row is None:
        given = fit(model, identity | (defaults() if defaults else {}) | values)
        row = model._default_manager.create(**(given | mirror))
        return row, "created", {name: ("", shown(value)) for name, value in given.items()}
    wanted = values | (identity if renamed else {})
    fields = differing(row, wanted)
    for name, value in (wanted | mirror).items():
        setattr(row, name, value)
    row.save(update_fields=[*fields, *mirror])
    return row, "renamed" if renamed else "updated" if fields else "unchanged", fields


def texts(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: str(data[name]) for name in names if data.get(name) not in (None, "")}


def amounts(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: amount(data[name], name) for name in names if data.get(name) is not None}


def amount(value: Any, name: str) -> Decimal:
    """A record's number in its field `name`. Raises Unknown for what is none."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise Unknown(f"{name} {str(value)!r} is no number", field=name)
    return found


def _moment(value: Any, current: datetime | None, zone: str) -> datetime:
    """ERP's date or moment as an aware one. A bare date equal to the current value's local day changes nothing."""
    if isinstance(value, str):
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    place = ZoneInfo(zone)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    if current is None:
        return datetime.combine(value, END_OF_DAY, tzinfo=place).astimezone(UTC)
    local = current.astimezone(place)
    return (
        current
        if local.date() == value
        else datetime.combine(value, local.time(), tzinfo=place).astimezone(UTC)
    )


def moments(
    data: Mapping[str, Any], row: Model | None, zone: str, names: Mapping[str, tuple[str, ...]]
) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for column, keys in names.items():
        key = next((key for key in keys if data.get(key) not in (None, "")), None)
        if key is None:
            continue
        try:
            found[column] = _moment(data[key], getattr(row, column, None), zone)
        except (ValueError, OverflowError, TypeError):
            raise Unknown(f"{key} {str(data[key])!r} is no date", field=key) from None
    return found
