"""What is scarce around one exception: suppliers, certificates, time to replenish, the other site's need, its owner.

Routing facts read from the plant, two queries a fact at most and none where the exception has nothing to ask about.
Unknown stays unknown: a plant that keeps no suppliers or certificates gets no such fact. Writes nothing.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, F, Q

from exceptions_app.models import ExceptionRecord
from plant_app.models import (
    Item,
    ItemAlternate,
    Lot,
    MaterialNeed,
    Operation,
    PurchaseOrderLine,
    Qualification,
    Site,
    WorkOrder,
)
from plant_app.selectors.floor import ON_UNIT, TO_COME

OWNER_SPAN = timedelta(minutes=10)
#: Types that are about the item itself; in the others it is only what happens to be on the machine.
ABOUT_ITEM = frozenset(
    {"material_shortage", "supplier_delay", "quality_hold", "customer_complaint", "engineering_change"}
)


def look(
    exception: ExceptionRecord, *, at: datetime, until: datetime, wanted: datetime | None
) -> dict[str, Any]:
    """All of them as facts by catalogue code, as of `at`, None where not known; asks only what the type is about.

    `until`: work that begins by then counts to a missing crew's; `wanted`: when the item has to be there.
    """
    facts: dict[str, Any] = {"skills": skills_of(exception, until)}
    if facts["skills"]:
        facts["sole_certificate"] = sole_certificate(facts["skills"], exception.site, at)
    item = exception.item
    if item is None:
        return facts
    if exception.type.code in ABOUT_ITEM:
        facts["single_source"] = single_source(item)
        facts["other_site_need_h"] = other_site_need(item, exception.site, at)
    if wanted is not None:
        lead = longest_lead(item)
        facts["long_lead"] = None if lead is None else at + lead > wanted
    return facts


def wanted_at(exception: ExceptionRecord, runs_out_at: datetime | None) -> datetime | None:
    """When the item has to be there: as a change asks, else as promised; of what is missing, when it runs out."""
    if exception.type.code in {"material_shortage", "supplier_delay"}:
        return runs_out_at
    if exception.type.code != "order_change":
        return None
    asked = stated(exception, "requested_date")
    if asked is None and str(exception.details.get("kind", "")).startswith("DATE"):
        asked = stated(exception, "new_value")
    return asked or (exception.sales_line.commit_at if exception.sales_line is not None else None)


def stated(exception: ExceptionRecord, name: str) -> datetime | None:
    """A moment somebody stated in the report, a day without a time being its noon at the plant; None where it is
    missing or cannot be read.
    """
    raw = str(exception.details.get(name) or "").strip()
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return None
    if len(raw) <= len("2026-11-27"):
        moment = moment.replace(hour=12)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(exception.site.timezone))


def single_source(item: Item) -> bool | None:
    """Whether one supplier alone is known for a bought item and no substitute is approved; None for what is made and
    where no supplier is known. Suppliers are those of purchase lines and of received lots. At most two queries.
    """
    if item.sourcing != Item.Sourcing.BOUGHT:
        return None
    ordered = PurchaseOrderLine.objects.filter(item=item).values_list("order__supplier__code")
    received = Lot.objects.filter(item=item).exclude(supplier_code="").values_list("supplier_code")
    known = {code.casefold() for (code,) in ordered.order_by().union(received.order_by())}
    if len(known) != 1:
        return False if known else None
    return not ItemAlternate.objects.filter(item=item, approved=True).exists()


def skills_of(exception: ExceptionRecord, until: datetime) -> list[str]:
    """Codes of the certificates asked for: the one reported missing; else the linked operation's; for a missing crew
    those of the work that runs on its centre or begins before `until`. At most one query.
    """
    named = str(exception.details.get("skill") or "").strip()
    if named:
        return [named]
    if exception.operation is not None:
        skill = exception.operation.skill
        return [skill.code] if skill is not None else []
    if exception.type.code != "labour_shortage" or exception.work_centre_id is None:
        return []
    now_or_soon = Q(status__in=ON_UNIT) | Q(status__in=TO_COME, planned_start__lte=until)
    work = Operation.objects.filter(now_or_soon, work_centre=exception.work_centre_id, skill__isnull=False)
    return sorted(set(work.order_by().values_list("skill__code", flat=True)))


def sole_certificate(skills: Collection[str], site: Site, at: datetime) -> bool | None:
    """Whether one person at most of the site holds one of the certificates, valid on that day; None where nobody keeps
    a record of who holds any of them. Whoever has a duty at the site counts to it. One query.
    """
    wanted = {code.casefold() for code in skills}
    same = Q(pk__in=[])
    for code in wanted:
        same |= Q(skill__code__iexact=code)
    if not wanted:
        return None
    holds = (
        Q(person__is_active=True)
        & (Q(valid_until=None) | Q(valid_until__gte=at.date()))
        & (Q(person__home_site=site) | Q(person__duties__site=site))
    )
    counted = Qualification.objects.filter(same).order_by().values_list("skill__code")
    rows = dict(counted.annotate(holders=Count("person", filter=holds, distinct=True)))
    return any(holders <= 1 for holders in rows.values()) if rows else None


_COMPONENTS = """
WITH RECURSIVE parts(id, depth) AS (
    SELECT %s::bigint, 0
  UNION
    SELECT line.component_id, parts.depth + 1
    FROM plant_app_bomline line JOIN parts ON parts.id = line.parent_id WHERE parts.depth < 20
)
SELECT max(item.lead_time_days) FROM parts JOIN plant_app_item item ON item.id = parts.id WHERE item.sourcing = %s
"""


def longest_lead(item: Item) -> timedelta | None:
    """The longest lead time among the bought parts of an item, itself included, twenty levels down; None where nothing
    bought is in it or ERP gives none. One query.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COMPONENTS, [item.pk, Item.Sourcing.BOUGHT])
        (days,) = cursor.fetchone()
    return timedelta(days=days) if days else None


def other_site_need(item: Item, site: Site, at: datetime) -> float | None:
    """Hours until the enterprise's other site begins its next work that takes or makes the item; 0 where that is
    overdue, None where none is planned. Two queries, since the planner reads both by their own index.
    """
    other = (
        Site.objects.filter(enterprise=site.enterprise_id).exclude(pk=site.pk).order_by("pk").values("pk")[:1]
    )
    takes = MaterialNeed.objects.filter(
        item=item, issued__lt=F("quantity"), operation__status__in=TO_COME, operation__work_order__site=other
    )
    makes = WorkOrder.objects.filter(item=item, operations__status__in=TO_COME, site=other)
    starts: Iterable[datetime | None] = (
        takes.order_by("operation__planned_start").values_list("operation__planned_start", flat=True).first(),
        makes.order_by("operations__planned_start")
        .values_list("operations__planned_start", flat=True)
        .first(),
    )
    begins = min((start for start in starts if start is not None), default=None)
    return None if begins is None else round(max(0.0, (begins - at) / timedelta(hours=1)), 2)


def owner_records(exception: ExceptionRecord, at: datetime) -> int:
    """How many records of the last ten minutes one person got, this one included.

    While it has no owner yet: the person who got most, of those who were given this type at this site within that
    time, since routing will most likely ask the same one. One query.
    """
    recent = ExceptionRecord.objects.filter(
        captured_at__gt=at - OWNER_SPAN, owner__isnull=False, drill=exception.drill
    )
    if exception.owner_id is not None:
        others = recent.filter(owner=exception.owner_id).exclude(pk=exception.pk).count()
        return others + 1
    alike = Count("pk", filter=Q(type=exception.type_id, site=exception.site_id))
    most = (
        recent.order_by()
        .values("owner")
        .annotate(alike=alike, got=Count("pk"))
        .filter(alike__gt=0)
        .order_by("-got")
    )
    return max(most.values_list("got", flat=True)[:1], default=0) + 1
