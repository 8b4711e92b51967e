"""What one shift leaves to the next in an area, drawn from records: sections of plain rows, and the shift's figures.

Reads only, and answers with JSON alone, because what it says is frozen by a signature. Who signs lies in
`services.handover`, how it looks with the pages.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import F, Prefetch, Q, Sum

from decisions_app.models import Decision, HandoverSheet, Task, TaskStatus
from erp_sync.models import Posting
from exceptions_app.lifecycle import LIVE
from exceptions_app.models import ExceptionRecord, Response
from plant_app.models import (
    Constraint,
    ConstraintKind,
    PlannedOperation,
    PlanOverride,
    ProgressReport,
    UnitState,
    WorkUnit,
)
from plant_app.selectors import (
    ShiftBook,
    current_states,
    people_on_duty,
    running_operations,
    states_between,
    who_is_on,
)

MOST: Final = 25
_STOPPED: Final = (UnitState.DOWN, UnitState.MATERIAL, UnitState.HOLD, UnitState.SAFETY)
_TEMPORARY: Final = (
    ConstraintKind.UNIT_SLOW, ConstraintKind.TOOL_DOWN, ConstraintKind.PINNED, ConstraintKind.NOT_BEFORE,
    ConstraintKind.CREW_SHORT,
)  # fmt: skip


def row(
    what: str,
    *,
    detail: str = "",
    who: str = "",
    until: datetime | None = None,
    ref: str = "",
    level: str = "",
) -> dict[str, Any]:
    """One line of a section; `level` is "warn" or "crit" where it deserves a look."""
    return {
        "what": what, "detail": detail, "who": who, "until": until.isoformat() if until else "", "ref": ref,
        "level": level,
    }  # fmt: skip


def contents(sheet: HandoverSheet, now: datetime) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Sections and figures of a sheet as of `now`. About twenty queries, whatever the area's size."""
    records = list(
        ExceptionRecord.objects.filter(area=sheet.area, status__in=sorted(LIVE))
        .select_related("owner", "owner_function", "type")
        .prefetch_related(
            Prefetch(
                "responses",
                Response.objects.exclude(status="declined").select_related("function", "person"),
            )
        )
        .order_by("-urgency_score", "pk")
    )
    constraints = list(
        Constraint.objects.filter(site=sheet.site, lifted_at=None)
        .filter(
            Q(area=sheet.area) | Q(work_centre__area=sheet.area) | Q(work_unit__work_centre__area=sheet.area)
            | Q(operation__work_centre__area=sheet.area)
        )
        .select_related("area", "work_centre", "work_unit", "operation__work_order", "item", "lot")
    )  # fmt: skip
    units = list(WorkUnit.objects.filter(work_centre__area=sheet.area).order_by("work_centre", "position"))
    overrides = list(
        PlanOverride.objects.filter(
            work_centre__area=sheet.area, at__gte=sheet.starts_at, at__lt=sheet.ends_at
        ).select_related("work_centre", "by")
    )
    sections = [
        _section("safety", "Safety", _safety(records, constraints)),
        _section("changed", "Changed from normal", _limits(constraints, _TEMPORARY)),
        _section("units", "Machines", _units(units, records)),
        _section("open", "Open exceptions, worst first", [_open(one) for one in records[:MOST]]),
        _section("take", "Acknowledgements to take over", _to_take(sheet, records)),
        _section("decisions", "Decided this shift", _decisions(sheet)),
        _section("overrides", "Own order of work kept", [_override(one) for one in overrides[:MOST]]),
        _section("tasks", "Pending tasks", _tasks(records)),
        _section("quantities", "Quantities by order", _quantities(sheet)),
        _section("material", "Material and holds", _material(constraints, records)),
        _section("orders", "Orders at risk", _at_risk(sheet)),
        _section("crew", "Crew of the next shift", _crew(sheet)),
        _section("postings", "ERP postings rejected or unclear", _postings(records)),
    ]
    figures = _figures(sheet, records, units, min(now, sheet.ends_at))
    return sections, {**figures, "overrides": len(overrides)}


def _section(key: str, title: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"key": key, "title": title, "rows": rows}


def _safety(records: Iterable[ExceptionRecord], constraints: Iterable[Constraint]) -> list[dict[str, Any]]:
    stops = [
        row(one.title, detail=one.get_status_display(), who=str(one.owner or one.get_owner_role_display()),
            ref=one.ref, level="crit")
        for one in records
        if one.type.code == "safety_stop"
    ]  # fmt: skip
    return stops + _limits(constraints, (ConstraintKind.PLACE_LOCKED,), level="crit")


def _limits(constraints: Iterable[Constraint], kinds: Iterable[str], level: str = "") -> list[dict[str, Any]]:
    wanted = set(kinds)
    return [
        row(f"{one.get_kind_display()}: {_thing(one)}", detail=one.note, until=one.ends_at, level=level)
        for one in constraints
        if one.kind in wanted
    ]


def _thing(one: Constraint) -> str:
    for thing in (one.work_unit, one.lot, one.item, one.operation, one.work_centre, one.area):
        if thing is not None:
            return str(thing)
    return one.tool


def _units(units: list[WorkUnit], records: Iterable[ExceptionRecord]) -> list[dict[str, Any]]:
    states, running = current_states(units), running_operations(units)
    upcoming: dict[int, PlannedOperation] = {}
    planned = PlannedOperation.objects.filter(
        work_unit__in=units, operation__started_at=None
    ).select_related("operation__work_order")  # fmt: skip
    for plan in planned.order_by("work_unit", "position"):
        upcoming.setdefault(plan.work_unit_id, plan)
    because = {one.work_unit_id: one for one in reversed(list(records)) if one.work_unit_id}
    rows = []
    for unit in units:
        state, operation, following = states.get(unit.pk), running.get(unit.pk), upcoming.get(unit.pk)
        stopped = state is not None and state.state in _STOPPED
        record = because.get(unit.pk) if stopped else None
        words = [f"order {operation.work_order.number}"] if operation else []
        words += [f"next {following.operation.work_order.number}"] if following else []
        rows.append(
            row(
                f"{unit.code}: {state.get_state_display() if state else 'No data'}",
                detail="; ".join([*([state.note] if state and state.note else []), *words]),
                who=f"since {_local(unit, state.since)}" if state else "", ref=record.ref if record else "",
                level="crit" if stopped else "",
            )
        )  # fmt: skip
    return rows


def _local(unit: WorkUnit, moment: datetime) -> str:
    zone = ShiftBook(unit.work_centre.area.site, []).zone
    return f"{moment.astimezone(zone):%a %H:%M}"


def _open(one: ExceptionRecord) -> dict[str, Any]:
    silent = [r.function.name for r in one.responses.all() if r.required and not r.answered]
    due = {
        "triage": one.acknowledge_due_at, "open": one.acknowledge_due_at, "acknowledged": one.decide_due_at,
        "decided": one.resolve_due_at,
    }.get(one.status)  # fmt: skip
    detail = one.next_step
    if silent:
        detail = f"{detail}. Not acknowledged: {', '.join(silent)}"
    if one.window_until:
        detail = f"{detail}. Response window: {one.window_reason or 'closes then'}"
    return row(
        one.title, detail=detail, who=str(one.owner or one.get_owner_role_display()), until=due, ref=one.ref,
        level="crit" if one.urgency == "critical" else "warn" if silent else "",
    )  # fmt: skip


def _to_take(sheet: HandoverSheet, records: Iterable[ExceptionRecord]) -> list[dict[str, Any]]:
    staying = people_on_duty(site=sheet.site, at=sheet.ends_at)
    return [
        row(
            f"{one.title}: {response.function.name}", detail=response.get_status_display(),
            who=str(response.person), until=response.eta_at, ref=one.ref, level="warn",
        )
        for one in records
        for response in one.responses.all()
        if response.answered
        and response.status != "done"
        and response.site_id == sheet.site_id
        and response.person_id is not None
        and response.person_id not in staying
    ]  # fmt: skip


def _decisions(sheet: HandoverSheet) -> list[dict[str, Any]]:
    taken = Decision.objects.filter(
        exception__area=sheet.area, decided_at__gte=sheet.starts_at, decided_at__lt=sheet.ends_at
    ).select_related("exception", "option", "decided_by")
    return [
        row(
            f"{one.exception.title}: {one.option.name}",
            detail="taken back" if one.reversed_at else one.reason, who=str(one.decided_by),
            ref=one.exception.ref,
        )
        for one in taken[:MOST]
    ]  # fmt: skip


def _override(one: PlanOverride) -> dict[str, Any]:
    why = f"{one.reason}: {one.note}" if one.note else one.reason
    return row(f"{one.work_centre.code}: {one.title}", detail=why, who=str(one.by))


def _tasks(records: list[ExceptionRecord]) -> list[dict[str, Any]]:
    tasks = Task.objects.filter(
        exception__in=[one.pk for one in records], status=TaskStatus.OPEN
    ).select_related("exception", "function", "person")
    return [
        row(
            one.title, detail=one.exception.title, until=one.due_at, ref=one.exception.ref,
            who=str(one.person) if one.person else one.get_role_display() or one.function.name,
        )
        for one in tasks.order_by("due_at", "pk")[:MOST]
    ]  # fmt: skip


def _quantities(sheet: HandoverSheet) -> list[dict[str, Any]]:
    made = (
        ProgressReport.objects.filter(
            operation__work_centre__area=sheet.area, at__gte=sheet.starts_at, at__lt=sheet.ends_at
        )
        .values("operation__work_order__number", "operation__work_order__item__name")
        .annotate(good_sum=Sum("good"), scrap_sum=Sum("scrap"))
        .order_by("operation__work_order__number")
    )
    return [
        row(
            f"{one['operation__work_order__number']}, {one['operation__work_order__item__name']}",
            detail=f"{_plain(one['good_sum'])} good, {_plain(one['scrap_sum'])} scrap",
            level="warn" if one["scrap_sum"] else "",
        )
        for one in made
        if one["good_sum"] or one["scrap_sum"]
    ]


def _material(constraints: Iterable[Constraint], records: Iterable[ExceptionRecord]) -> list[dict[str, Any]]:
    holds = [
        row(one.title, detail=one.next_step, who=str(one.owner or one.get_owner_role_display()), ref=one.ref)
        for one in records
        if one.type.code in ("quality_hold", "material_shortage")
    ]
    return holds + _limits(constraints, (ConstraintKind.MATERIAL_SHORT, ConstraintKind.HOLD), "warn")


def _at_risk(sheet: HandoverSheet) -> list[dict[str, Any]]:
    late = (
        PlannedOperation.objects.filter(
            operation__work_centre__area=sheet.area, end__gt=F("operation__work_order__need_by")
        )
        .select_related("operation__work_order__item")
        .order_by("operation__work_order__need_by", "pk")
    )
    found: dict[str, dict[str, Any]] = {}
    for plan in late[: 4 * MOST]:
        order = plan.operation.work_order
        found.setdefault(
            order.number,
            row(
                f"{order.number}, {order.item.name}", detail="planned to end after it is needed",
                until=order.need_by, level="warn",
            ),
        )  # fmt: skip
    return list(found.values())[:10]


def _crew(sheet: HandoverSheet) -> list[dict[str, Any]]:
    rows = []
    for post in who_is_on(site=sheet.site, at=sheet.ends_at):
        if post.area is not None and post.area.pk != sheet.area_id:
            continue
        for away in post.away:
            cover = f"{away.cover} stands in" if away.cover else "nobody stands in"
            rows.append(row(f"{away.person} away", detail=f"{post.words}; {cover}", until=away.absence.end))
        if not post.people and post.function.code in ("production", "maintenance", "quality", "logistics"):
            rows.append(row(f"Nobody as {post.words.lower()}", detail=post.function.name, level="warn"))
    return rows


def _postings(records: list[ExceptionRecord]) -> list[dict[str, Any]]:
    dead = (
        Posting.objects.live()
        .dead()
        .filter(link__exception__in=[one.pk for one in records])
        .select_related("link__exception")
    )
    return [
        row(str(one), detail=one.get_status_display(), ref=one.link.exception.ref, level="warn")
        for one in dead[:MOST]
        if one.link.exception is not None
    ]


def _figures(
    sheet: HandoverSheet, records: list[ExceptionRecord], units: list[WorkUnit], until: datetime
) -> dict[str, Any]:
    """Opened, closed and what is left; pieces; minutes of stops, each cut to the shift."""
    here = ExceptionRecord.objects.filter(area=sheet.area)
    span = (sheet.starts_at, sheet.ends_at)
    made = ProgressReport.objects.filter(
        operation__work_centre__area=sheet.area, at__gte=span[0], at__lt=span[1]
    ).aggregate(good=Sum("good"), scrap=Sum("scrap"))
    minutes, stops = timedelta(), 0
    for stretches in states_between(units, sheet.starts_at, max(until, sheet.starts_at)).values():
        for one in stretches:
            if one.state not in _STOPPED:
                continue
            stops += one.since >= sheet.starts_at
            minutes += max(timedelta(), min(one.until or until, until) - max(one.since, sheet.starts_at))
    return {
        "opened": here.filter(captured_at__gte=span[0], captured_at__lt=span[1]).count(),
        "closed": here.filter(closed_at__gte=span[0], closed_at__lt=span[1]).count(),
        "open": len(records),
        "unacknowledged": sum(1 for one in records if one.status in ("triage", "open")),
        "good": _plain(made["good"]),
        "scrap": _plain(made["scrap"]),
        "stops": stops,
        "down_minutes": int(minutes / timedelta(minutes=1)),
    }


def _plain(value: Decimal | None) -> str:
    return f"{(value or Decimal(0)).normalize():f}"
