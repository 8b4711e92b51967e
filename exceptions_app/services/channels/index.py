"""The names of the plant, ready for the reader: built once per process and version, shared by every reading.

Turns rows of `plant_app` into the reader's own; adds what belongs together (a unit's work centre, a lot's item, an
order's lines) and what each site's people have taught it to call things. Knows nothing of signals.
"""

import threading
from dataclasses import replace

from exceptions_app.models import LearnedAlias
from exceptions_app.reading.master import MasterCode, MasterIndex
from exceptions_app.reading.types import LINK_KINDS
from plant_app.models import Lot, PurchaseOrderLine, SalesOrderLine, WorkUnit
from plant_app.selectors import master_rows, master_version

_lock = threading.Lock()
_kept: list[MasterIndex] = []


def current_index() -> MasterIndex:
    """The index of the plant's names as committed now. One query while nothing has changed, some twenty when it has."""
    version = master_version()
    index = _kept[0] if _kept else None
    if index is not None and index.version == version:
        return index
    with _lock:
        index = _kept[0] if _kept else None
        if index is None or index.version != version:
            index = MasterIndex(_rows(), version=version)
            _kept[:] = [index]
    return index


def _rows() -> list[MasterCode]:
    parents: dict[tuple[str, int], str] = {
        ("work_unit", pk): code for pk, code in WorkUnit.objects.values_list("pk", "work_centre__code")
    }
    parents |= {("lot", pk): code for pk, code in Lot.objects.values_list("pk", "item__code")}
    rows = [
        MasterCode(
            kind=row.kind,
            code=row.code,
            name=row.name if row.kind not in _NAMED_BY_OTHERS else "",
            id=row.pk,
            site_code=row.site_code,
            aliases=row.aliases,
            parent=parents.get((row.kind, row.pk), ""),
        )
        for row in master_rows()
        if row.kind in LINK_KINDS
    ]
    sales = SalesOrderLine.objects.filter(cancelled=False).values_list(
        "pk", "order__number", "line", "order__site__code"
    )
    rows += [
        MasterCode("sales_order_line", f"{number}/{line}", "", pk, site, (), number)
        for pk, number, line, site in sales
    ]
    bought = PurchaseOrderLine.objects.values_list("pk", "order__number", "line", "order__site__code")
    rows += [
        MasterCode("purchase_order_line", f"{number}/{line}", "", pk, site, (), number)
        for pk, number, line, site in bought
    ]
    return rows + _learned({(row.kind, row.code): row for row in rows})


def _learned(known: dict[tuple[str, str], MasterCode]) -> list[MasterCode]:
    """Learnt names of rows that are still there, for the sites whose people use them."""
    found = []
    for kind, code, words, site in LearnedAlias.objects.filter(active=True).values_list(
        "kind", "code", "words", "site__code"
    ):
        row = known.get((kind, code))
        if row is not None:
            found.append(replace(row, aliases=(words,), only_at=site))
    return found


# Their rows carry the name of what they are for (a customer's on an order), which would make that name ambiguous.
_NAMED_BY_OTHERS = frozenset({"work_order", "sales_order", "purchase_order", "lot"})
