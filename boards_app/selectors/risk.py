"""What hangs on an exception: the promises that wait for its order, what they are worth, and how its postings stand.

One query each for any number of exceptions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Count, Min, Q

from erp_sync.lifecycle import NO_FAULT
from erp_sync.models import Posting
from exceptions_app.models import ExceptionRecord
from plant_app.models import SalesOrderLine

# From each work order up through the orders it feeds, at most twenty levels, to the lines that wait for it.
_WAITING_LINES = """
WITH RECURSIVE chain(root, id, parent_id, sales_line_id, depth) AS (
    SELECT id, id, parent_id, sales_line_id, 0 FROM plant_app_workorder WHERE id = ANY(%s)
  UNION ALL
    SELECT chain.root, up.id, up.parent_id, up.sales_line_id, chain.depth + 1
    FROM plant_app_workorder up JOIN chain ON up.id = chain.parent_id WHERE chain.depth < 20
)
SELECT DISTINCT root, sales_line_id FROM chain WHERE sales_line_id IS NOT NULL
"""


@dataclass
class Risk:
    """Promises that wait for one exception, soonest first."""

    lines: list[SalesOrderLine] = field(default_factory=list)

    @property
    def value(self) -> Decimal:
        """What is still to be delivered on them, at their prices."""
        return sum(
            ((line.quantity - line.delivered) * line.unit_price for line in self.lines), start=Decimal(0)
        )


def risks_of(rows: Sequence[ExceptionRecord]) -> dict[int, Risk]:
    """Promises at risk by exception id. Two queries."""
    orders = {row.work_order_id for row in rows if row.work_order_id}
    waiting: dict[int, set[int]] = {}
    if orders:
        with connection.cursor() as cursor:
            cursor.execute(_WAITING_LINES, [list(orders)])
            for root, line in cursor.fetchall():
                waiting.setdefault(root, set()).add(line)
    wanted = {line for lines in waiting.values() for line in lines}
    wanted |= {row.sales_line_id for row in rows if row.sales_line_id}
    lines = {
        line.pk: line
        for line in SalesOrderLine.objects.filter(pk__in=wanted, cancelled=False)
        .select_related("order__customer")
        .order_by("commit_at", "pk")
        if line.delivered < line.quantity
    }
    found: dict[int, Risk] = {}
    for row in rows:
        mine = set(waiting.get(row.work_order_id or 0, ()))
        if row.sales_line_id:
            mine.add(row.sales_line_id)
        found[row.pk] = Risk([line for pk, line in lines.items() if pk in mine])
    return found


@dataclass(frozen=True)
class Books:
    """Unsettled postings of one exception."""

    open: int = 0
    dead: int = 0
    unclear: int = 0
    since: datetime | None = None


def books_of(rows: Iterable[ExceptionRecord]) -> dict[int, Books]:
    """How far ERP is behind, by exception id; exceptions with nothing open are left out. One query."""
    refused = Q(status="rejected") | Q(status="held") & ~Q(held_reason__in=NO_FAULT)
    found = (
        Posting.objects.filter(link__exception__in=[row.pk for row in rows], settled_at=None)
        .values("link__exception")
        .annotate(
            open=Count("pk"),
            dead=Count("pk", filter=refused),
            unclear=Count("pk", filter=Q(status="unknown")),
            since=Min("occurred_at"),
        )
        .order_by()
    )
    return {
        row["link__exception"]: Books(row["open"], row["dead"], row["unclear"], row["since"]) for row in found
    }
