"""Everything on the plant that has a code or a name people use, as plain tuples: what a reader of texts looks for.

`master_version` is cheap and changes whenever any of it does; build an index once per version.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from django.db.models import Count, Max

from plant_app.models import (
    Area,
    Customer,
    Delivery,
    Item,
    Lot,
    MasterChange,
    PurchaseOrder,
    SalesOrder,
    Supplier,
    User,
    WorkCentre,
    WorkOrder,
    WorkOrderStatus,
    WorkUnit,
)

GONE = (WorkOrderStatus.FINISHED, WorkOrderStatus.CANCELLED)


class MasterRow(NamedTuple):
    """One linkable thing. `site_code` is empty for what belongs to no site."""

    kind: str
    code: str
    name: str
    pk: int
    site_code: str
    aliases: tuple[str, ...]


def master_version() -> str:
    """Changes with every committed change of a code, name or alias. One cheap query."""
    found = MasterChange.objects.aggregate(count=Count("pk"), last=Max("pk"))
    return f"{found['count']}.{found['last'] or 0}"


def master_rows() -> list[MasterRow]:
    """Every linkable thing, in a stable order; one query per kind (twelve). Finished work orders are left out."""
    return [row for read in _READERS for row in read()]


def _units() -> Iterable[MasterRow]:
    rows = WorkUnit.objects.filter(active=True).values_list(
        "code", "name", "pk", "work_centre__area__site__code", "aliases"
    )
    return (MasterRow("work_unit", code, name, pk, site, tuple(al)) for code, name, pk, site, al in rows)


def _centres() -> Iterable[MasterRow]:
    rows = WorkCentre.objects.values_list("code", "name", "pk", "area__site__code", "aliases")
    return (MasterRow("work_centre", code, name, pk, site, tuple(al)) for code, name, pk, site, al in rows)


def _areas() -> Iterable[MasterRow]:
    rows = Area.objects.values_list("code", "name", "pk", "site__code")
    return (MasterRow("area", code, name, pk, site, ()) for code, name, pk, site in rows)


def _items() -> Iterable[MasterRow]:
    rows = Item.objects.values_list("code", "name", "pk", "aliases")
    return (MasterRow("item", code, name, pk, "", tuple(al)) for code, name, pk, al in rows)


def _lots() -> Iterable[MasterRow]:
    rows = Lot.objects.order_by("pk").values_list("code", "item__name", "pk")
    return (MasterRow("lot", code, name, pk, "", ()) for code, name, pk in rows)


def _work_orders() -> Iterable[MasterRow]:
    rows = WorkOrder.objects.exclude(status__in=GONE).values_list("number", "item__name", "pk", "site__code")
    return (MasterRow("work_order", number, name, pk, site, ()) for number, name, pk, site in rows)


def _sales_orders() -> Iterable[MasterRow]:
    rows = SalesOrder.objects.values_list("number", "customer__name", "pk", "site__code", "po_number")
    return (
        MasterRow("sales_order", number, name, pk, site, (po,) if po else ())
        for number, name, pk, site, po in rows
    )


def _purchase_orders() -> Iterable[MasterRow]:
    rows = PurchaseOrder.objects.values_list("number", "supplier__name", "pk", "site__code")
    return (MasterRow("purchase_order", number, name, pk, site, ()) for number, name, pk, site in rows)


def _deliveries() -> Iterable[MasterRow]:
    rows = Delivery.objects.order_by("number").values_list("number", "customer__name", "pk", "site__code")
    return (MasterRow("delivery", number, name, pk, site, ()) for number, name, pk, site in rows)


def _customers() -> Iterable[MasterRow]:
    rows = Customer.objects.values_list("code", "name", "pk")
    return (MasterRow("customer", code, name, pk, "", ()) for code, name, pk in rows)


def _suppliers() -> Iterable[MasterRow]:
    rows = Supplier.objects.values_list("code", "name", "pk")
    return (MasterRow("supplier", code, name, pk, "", ()) for code, name, pk in rows)


def _people() -> Iterable[MasterRow]:
    rows = (
        User.objects.filter(is_active=True)
        .order_by("username")
        .values_list("username", "display_name", "pk", "home_site__code")
    )
    return (MasterRow("person", username, name, pk, site or "", ()) for username, name, pk, site in rows)


_READERS: tuple[Callable[[], Iterable[MasterRow]], ...] = (
    _units, _centres, _areas, _items, _lots, _work_orders, _sales_orders, _purchase_orders, _deliveries, _customers,
    _suppliers, _people,
)  # fmt: skip
