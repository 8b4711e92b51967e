"""The master data an evaluation reads with: a document checked, then written as rows of a site of its own.

Takes what others wrote: lists may be missing, rows may name what is not listed (it is then added under its code, with a
warning). Refuses only what could not be told apart. Writes rows and nothing else; where they are written is not its
business.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from core import clock
from exceptions_app.models import LearnedAlias
from exceptions_app.reading.normalise import key_of
from exceptions_app.services.evaluation.gold import BadGold, Problem
from plant_app.models import (
    Area,
    Customer,
    Enterprise,
    Function,
    Item,
    ItemGroup,
    Lot,
    Operation,
    PurchaseOrder,
    PurchaseOrderLine,
    SalesOrder,
    SalesOrderLine,
    Site,
    Supplier,
    User,
    WorkCentre,
    WorkOrder,
    WorkOrderStatus,
    WorkUnit,
)

Row = Mapping[str, Any]
#: List -> (the kind its rows are, the longest code a row can have).
LISTS: dict[str, tuple[str, int]] = {
    "areas": ("area", 20), "work_centres": ("work_centre", 20), "work_units": ("work_unit", 20),
    "items": ("item", 40), "customers": ("customer", 30), "suppliers": ("supplier", 30), "lots": ("lot", 40),
    "sales_orders": ("sales_order", 30), "purchase_orders": ("purchase_order", 30),
    "work_orders": ("work_order", 30), "people": ("person", 150),
}  # fmt: skip
_LONGEST_NAME = 120
_LONGEST_ALIAS = 60


@dataclass
class Master:
    """A checked document. `rows` has every list, `warnings` what was odd in it."""

    site: Row
    rows: dict[str, list[Row]]
    warnings: list[Problem] = field(default_factory=list)

    @property
    def zone(self) -> tzinfo:
        """The site's time zone."""
        return ZoneInfo(str(self.site.get("timezone") or "UTC"))

    def codes(self, kind: str) -> set[str]:
        """Every code of a kind."""
        return {row["code"] for name, (of, _) in LISTS.items() if of == kind for row in self.rows[name]}


def read_master(document: Any) -> Master:
    """A document as parsed from JSON. BadGold with `master.*` codes for what is no such document."""
    if not isinstance(document, dict):
        raise BadGold([Problem(0, "master.json", "the master data is no JSON object")])
    bad: list[Problem] = []
    site = document.get("site")
    if not isinstance(site, dict) or not str(site.get("code") or ""):
        bad.append(Problem(0, "master.site", "there is no `site` with a code"))
        site = {}
    try:
        ZoneInfo(str(site.get("timezone") or "UTC"))
    except (KeyError, ValueError, OSError):
        bad.append(Problem(0, "master.timezone", f"{str(site.get('timezone'))[:40]} is no time zone"))
    rows: dict[str, list[Row]] = {}
    for name, (_, longest) in LISTS.items():
        given = document.get(name, [])
        if given is not None and not isinstance(given, list):
            bad.append(Problem(0, f"master.{name}", "is no list"))
            given = []
        rows[name] = []
        for place, row in enumerate(given or [], start=1):
            code = str(row.get("code") or "") if isinstance(row, dict) else ""
            if not code or len(code) > longest:
                bad.append(
                    Problem(0, f"master.{name}", f"row {place} needs a code of 1 to {longest} characters")
                )
                continue
            rows[name].append({**row, "code": code})
    if bad:
        raise BadGold(bad)
    master = Master(site, rows)
    _warn_of_doubles(master)
    return master


def _warn_of_doubles(master: Master) -> None:
    for name in LISTS:
        seen: set[Any] = set()
        kept: list[Row] = []
        for row in master.rows[name]:
            key = (
                (row["code"], row.get("line")) if name in ("sales_orders", "purchase_orders") else row["code"]
            )
            if key in seen:
                master.warnings.append(
                    Problem(0, f"master.{name}", f"{row['code']} stands twice; the first counts")
                )
                continue
            seen.add(key)
            kept.append(row)
        master.rows[name] = kept


def load_master(master: Master) -> tuple[Site, dict[str, User]]:
    """Write the document's rows as a site of its own; returns the site and its people by code. Takes no lock.

    Expects tables in which none of the codes stands yet.
    """
    return _Writer(master).write()


class _Writer:
    def __init__(self, master: Master) -> None:
        self.master = master
        self.now = clock.now()
        self.items: dict[str, Item] = {}
        self.centres: dict[str, WorkCentre] = {}
        self.customers: dict[str, Customer] = {}
        self.suppliers: dict[str, Supplier] = {}

    def write(self) -> tuple[Site, dict[str, User]]:
        given = self.master.site
        enterprise = Enterprise.objects.create(code="EVALUATION", name="Evaluation")
        self.site = Site.objects.create(
            enterprise=enterprise, code=str(given["code"])[:20], name=_name(given),
            timezone=str(given.get("timezone") or "UTC"), language=str(given.get("language") or "en")[:5],
        )  # fmt: skip
        self.group = ItemGroup.objects.create(code="EVALUATION", name="Evaluation")
        self._places()
        self._items()
        self._partners()
        self._orders()
        return self.site, self._people()

    def _rows(self, name: str) -> list[Row]:
        return self.master.rows[name]

    def _missing(self, name: str, code: str, what: str) -> None:
        self.master.warnings.append(
            Problem(0, f"master.{name}", f"{what} is not listed; {code} gets it anyway")
        )

    def _places(self) -> None:
        areas = {
            row["code"]: Area(site=self.site, code=row["code"], name=_name(row), position=place)
            for place, row in enumerate(self._rows("areas"))
        }
        Area.objects.bulk_create(areas.values())

        def area(code: str) -> Area:
            if code not in areas:
                areas[code] = Area.objects.create(site=self.site, code=code[:20], name=code[:20])
            return areas[code]

        self.centres = {
            row["code"]: WorkCentre(
                area=area(str(row.get("area") or "SITE")),
                code=row["code"],
                name=_name(row),
                aliases=_aliases(row),
            )
            for row in self._rows("work_centres")
        }
        WorkCentre.objects.bulk_create(self.centres.values())
        units = []
        for row in self._rows("work_units"):
            code = str(row.get("work_centre") or "SITE")
            if code not in self.centres:
                self._missing("work_units", row["code"], f"work centre {code}")
                self.centres[code] = WorkCentre.objects.create(
                    area=area("SITE"), code=code[:20], name=code[:20]
                )
            units.append(
                WorkUnit(
                    work_centre=self.centres[code], code=row["code"], name=_name(row), aliases=_aliases(row)
                )
            )
        WorkUnit.objects.bulk_create(units)

    def _items(self) -> None:
        self.items = {
            row["code"]: Item(
                code=row["code"], name=_name(row), group=self.group, uom=str(row.get("uom") or "pcs")[:10],
                aliases=_aliases(row),
            )
            for row in self._rows("items")
        }  # fmt: skip
        Item.objects.bulk_create(self.items.values())
        lots = [
            Lot(item=self._item(row, "lots"), code=row["code"], created_at=self.now)
            for row in self._rows("lots")
        ]
        Lot.objects.bulk_create(lots)

    def _item(self, row: Row, name: str) -> Item:
        code = str(row.get("item") or "UNKNOWN-ITEM")[:40]
        if code not in self.items:
            self._missing(name, row["code"], f"item {code}")
            self.items[code] = Item.objects.create(code=code, name=code, group=self.group)
        return self.items[code]

    def _partners(self) -> None:
        self.customers = {
            row["code"]: Customer(
                code=row["code"],
                name=_name(row),
                tier=row["tier"] if row.get("tier") in ("A", "B", "C") else "B",
            )
            for row in self._rows("customers")
        }
        Customer.objects.bulk_create(self.customers.values())
        self.suppliers = {
            row["code"]: Supplier(code=row["code"], name=_name(row)) for row in self._rows("suppliers")
        }
        Supplier.objects.bulk_create(self.suppliers.values())
        self._learnt([("customer", row) for row in self._rows("customers")])
        self._learnt([("supplier", row) for row in self._rows("suppliers")])

    def _learnt(self, rows: Iterable[tuple[str, Row]]) -> None:
        """Other names of partners are what a site's people call them: names the product learns. One that two share
        can't be learnt by anybody, so it stays unknown."""
        meant: dict[str, list[tuple[str, str, str]]] = {}
        for kind, row in rows:
            for words in _aliases(row):
                meant.setdefault(key_of(words)[:_LONGEST_ALIAS], []).append((words, kind, row["code"]))
        taken = set(LearnedAlias.objects.filter(site=self.site).values_list("key", flat=True))
        LearnedAlias.objects.bulk_create(
            LearnedAlias(site=self.site, words=words[:_LONGEST_ALIAS], key=key, kind=kind, code=code)
            for key, [(words, kind, code), *others] in meant.items()
            if key not in taken and not others
        )

    def _orders(self) -> None:
        sales: dict[str, SalesOrder] = {}
        for row in self._rows("sales_orders"):
            code = row["code"]
            if code not in sales:
                sales[code] = SalesOrder.objects.create(
                    number=code, site=self.site, customer=self._customer(row)
                )
            due = self._due(row)
            SalesOrderLine.objects.create(
                order=sales[code], line=_line(row), item=self._item(row, "sales_orders"), quantity=_amount(row),
                requested_at=due, commit_at=due,
            )  # fmt: skip
        bought: dict[str, PurchaseOrder] = {}
        for row in self._rows("purchase_orders"):
            code = row["code"]
            if code not in bought:
                bought[code] = PurchaseOrder.objects.create(
                    number=code, site=self.site, supplier=self._supplier(row)
                )
            PurchaseOrderLine.objects.create(
                order=bought[code], line=_line(row), item=self._item(row, "purchase_orders"),
                quantity=_amount(row), promised_at=self._due(row),
            )  # fmt: skip
        self._work_orders()

    def _work_orders(self) -> None:
        """Work orders, each with one operation on its work centre where that is listed."""
        rows = self._rows("work_orders")
        orders = WorkOrder.objects.bulk_create(
            WorkOrder(
                number=row["code"], site=self.site, item=self._item(row, "work_orders"), quantity=_amount(row),
                status=_status(row), planned_start=self._due(row), planned_end=self._due(row),
                need_by=self._due(row),
            )
            for row in rows
        )  # fmt: skip
        Operation.objects.bulk_create(
            Operation(
                work_order=order, number=10, name="Make", work_centre=self.centres[str(row.get("work_centre"))],
                run_minutes=Decimal(1), planned_start=order.planned_start, planned_end=order.planned_end,
            )
            for row, order in zip(rows, orders, strict=True)
            if str(row.get("work_centre")) in self.centres
        )  # fmt: skip

    def _customer(self, row: Row) -> Customer:
        code = str(row.get("customer") or "UNKNOWN-CUSTOMER")[:30]
        if code not in self.customers:
            self._missing("sales_orders", row["code"], f"customer {code}")
            self.customers[code] = Customer.objects.create(code=code, name=code)
        return self.customers[code]

    def _supplier(self, row: Row) -> Supplier:
        code = str(row.get("supplier") or "UNKNOWN-SUPPLIER")[:30]
        if code not in self.suppliers:
            self._missing("purchase_orders", row["code"], f"supplier {code}")
            self.suppliers[code] = Supplier.objects.create(code=code, name=code)
        return self.suppliers[code]

    def _due(self, row: Row) -> datetime:
        try:
            moment = datetime.fromisoformat(str(row.get("due")))
        except ValueError:
            return self.now
        return (moment if moment.tzinfo else moment.replace(tzinfo=self.master.zone)).astimezone(UTC)

    def _people(self) -> dict[str, User]:
        functions = {function.code: function for function in Function.objects.all()}
        people = {
            row["code"]: User(
                username=row["code"], display_name=_name(row)[:80], email=str(row.get("email") or "")[:254],
                function=functions.get(str(row.get("function"))), home_site=self.site, password="!",  # noqa: S106
                language=self.site.language,
            )
            for row in self._rows("people")
        }  # fmt: skip
        User.objects.bulk_create(people.values())
        return people


def _name(row: Row) -> str:
    return str(row.get("name") or row["code"])[:_LONGEST_NAME]


def _aliases(row: Row) -> list[str]:
    given = row.get("aliases")
    return [str(one) for one in given if str(one).strip()] if isinstance(given, list) else []


def _line(row: Row) -> int:
    try:
        return min(max(int(row.get("line") or 1), 0), 32000)
    except (TypeError, ValueError):
        return 1


def _amount(row: Row) -> Decimal:
    try:
        number = Decimal(str(row.get("quantity")))
    except InvalidOperation:
        return Decimal(1)
    return number if number.is_finite() and 0 < number < Decimal(10) ** 11 else Decimal(1)


def _status(row: Row) -> str:
    status = str(row.get("status") or "")
    return status if status in WorkOrderStatus.values else WorkOrderStatus.RELEASED
