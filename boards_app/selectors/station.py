"""The station page: a work centre's machines, the job on the chosen one, what is open, what comes next.

Reads only; a bounded number of queries. The caller has checked that its reader may see the site.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from boards_app import spoken, wording
from boards_app.selectors import unit_words
from boards_app.selectors.unit_words import Coming
from core import clock
from core.languages import label
from exceptions_app.models import ExceptionRecord, Response
from exceptions_app.models.responses import ANSWERED
from exceptions_app.selectors import with_row
from plant_app.models import (
    Operation,
    OperationStatus,
    PlannedOperation,
    ProgressReport,
    Site,
    UnitState,
    User,
    WorkCentre,
    WorkUnit,
    WorkUnitState,
)
from plant_app.selectors import current_states, open_constraints, projected_end, queue_of, running_operations
from sequence_app.models import OverrideReason, Recommendation, RecommendationStatus

MOST_QUEUED = 6


@dataclass(frozen=True)
class Tab:
    """A machine of the centre in the row at the top."""

    unit: WorkUnit
    state: str
    words: str
    since: datetime | None
    on: bool


@dataclass(frozen=True)
class CurrentJob:
    """What is on the machine, and how far."""

    operation: Operation
    item: str
    done: str
    share: float
    left: Decimal
    free_at: datetime
    running: bool


@dataclass(frozen=True)
class Answered:
    """One function's line under an open exception."""

    name: str
    words: str
    state: str
    due_at: datetime | None = None
    minutes: int = 0


@dataclass(frozen=True)
class OpenHere:
    """An exception that is open at this centre: what, since when, who comes, who has acknowledged."""

    exception: ExceptionRecord
    unit: str
    state: str
    words: str
    since: datetime
    coming: Coming | None
    back_at: datetime | None
    back_estimated: bool
    back_past: bool
    answers: list[Answered]
    clearable: bool
    clear_words: str


@dataclass(frozen=True)
class Queued:
    """A job that comes next on this machine."""

    planned: PlannedOperation
    order: str
    item: str
    quantity: str


@dataclass(frozen=True)
class Asked:
    """A recommendation to the floor: the shape `components/recommendation.html` wants."""

    id: int
    state: str
    order: str
    item: str
    start: datetime | None
    effects: list[dict[str, Any]]
    reason: str = ""
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Station:
    """Everything a station page shows."""

    centre: WorkCentre
    site: Site
    unit: WorkUnit | None
    tabs: list[Tab]
    job: CurrentJob | None
    state: str
    open: list[OpenHere]
    queue: list[Queued]
    asked: Asked | None
    live: str
    overrides: list[tuple[str, str]] = field(default_factory=list)


def centre_of(code: str) -> WorkCentre | None:
    """The work centre of that code with its area and site. One query."""
    return WorkCentre.objects.select_related("area__site__enterprise").filter(code=code).first()


def station(centre: WorkCentre, unit_code: str = "") -> Station:
    """Read a centre's station as of now, looking at `unit_code` (the first machine when it is not one of its own)."""
    now, site, zone = clock.now(), centre.area.site, centre.area.site.timezone
    units = list(centre.work_units.filter(active=True).order_by("position", "code"))
    unit = next((row for row in units if row.code == unit_code), units[0] if units else None)
    states = current_states(units)
    running = running_operations(units)
    rows = with_row(ExceptionRecord.objects.live().filter(cleared_at=None)).filter(
        Q(work_unit__in=units) | Q(work_unit=None, work_centre=centre)
    )
    exceptions = sorted(
        rows.order_by("rank", "captured_at", "pk"),
        key=lambda row: unit is not None and row.work_unit_id != unit.pk,
    )
    ends = {
        row.origin_ref: row for row in open_constraints(site, kinds=("unit_down",)) if row.ends_at is not None
    }
    operation = running.get(unit.pk) if unit else None
    return Station(
        centre=centre,
        site=site,
        unit=unit,
        tabs=[_tab(row, states.get(row.pk), unit) for row in units],
        job=_job(operation, now) if operation else None,
        state=states[unit.pk].state if unit and unit.pk in states else UnitState.NO_DATA.value,
        open=[_open(row, states, ends.get(f"exception:{row.pk}"), now, zone) for row in exceptions],
        queue=_queue(unit) if unit else [],
        asked=_asked(centre),
        live=f"area.{centre.area_id} sequence.{centre.pk}",
        overrides=list(OverrideReason.choices),
    )


def running_on(unit: WorkUnit) -> Operation | None:
    """The operation that runs on a machine now, with its order and item."""
    return running_operations([unit]).get(unit.pk)


def _tab(unit: WorkUnit, stretch: WorkUnitState | None, chosen: WorkUnit | None) -> Tab:
    state = stretch.state if stretch else UnitState.NO_DATA.value
    words = {UnitState.MATERIAL.value: _("No material"), UnitState.FREE.value: _("Free")}
    return Tab(
        unit=unit,
        state=state,
        words=words.get(state) or spoken.state("andon", state),
        since=stretch.since if stretch and state in unit_words.WRONG else None,
        on=chosen is not None and unit.pk == chosen.pk,
    )


def _job(operation: Operation, now: datetime) -> CurrentJob:
    order = operation.work_order
    return CurrentJob(
        operation=operation,
        item=f"{order.item.name}, {_('op')} {operation.number} {operation.name.lower()}",
        done=unit_words.done_words(operation),
        share=unit_words.done_share(operation),
        left=max(Decimal(0), order.quantity - operation.good - operation.scrap),
        free_at=projected_end(operation, now),
        running=operation.status != OperationStatus.STOPPED,
    )


def _open(
    exception: ExceptionRecord, states: dict[int, WorkUnitState], limit: Any, now: datetime, zone: str
) -> OpenHere:
    stretch = states.get(exception.work_unit_id) if exception.work_unit_id else None
    state = stretch.state if stretch and stretch.state in unit_words.WRONG else ""
    place = exception.work_unit.code if exception.work_unit else ""
    words = f"{place} {label(_WRONG_WORDS[state])}" if state and place else exception.title
    return OpenHere(
        exception=exception,
        unit=place,
        state=state,
        words=words,
        since=exception.occurred_at,
        coming=unit_words.coming(exception, now, zone),
        back_at=limit.ends_at if limit else None,
        back_estimated=bool(limit and limit.estimated),
        back_past=bool(limit and limit.ends_at < now),
        answers=[_answered(row, zone) for row in unit_words.live_responses(exception) if row.required],
        clearable=exception.status != "triage",
        clear_words=gettext_noop("It runs again")
        if exception.type.code == "machine_downtime"
        else gettext_noop("It is solved"),
    )


_WRONG_WORDS = {
    UnitState.DOWN.value: gettext_noop("down"),
    UnitState.HOLD.value: gettext_noop("on hold"),
    UnitState.MATERIAL.value: gettext_noop("waits for material"),
    UnitState.SAFETY.value: gettext_noop("locked, safety"),
}


def _answered(row: Response, zone: str) -> Answered:
    name = row.function.name
    if row.status in ANSWERED:
        at = row.acknowledged_at
        return Answered(name, unit_words.hour(at, zone) if at else _("yes"), "yes")
    return Answered(name, "waits", "wait", row.acknowledge_due_at, row.limit_minutes)


def _queue(unit: WorkUnit) -> list[Queued]:
    return [
        Queued(
            planned=row,
            order=row.operation.work_order.number,
            item=f"{row.operation.work_order.item.name}, {_('op')} {row.operation.number}",
            quantity=wording.quantity(row.operation.work_order.quantity),
        )
        for row in queue_of(unit)[:MOST_QUEUED]
    ]


def _asked(centre: WorkCentre) -> Asked | None:
    row = (
        Recommendation.objects.filter(work_centre=centre, status=RecommendationStatus.PROPOSED)
        .select_related("version")
        .first()
    )
    return asked_of(row) if row else None


def asked_of(row: Recommendation) -> Asked:
    """A recommendation in the words of the floor: the order, where and when, which promises it keeps."""
    change = row.changes[0] if row.changes else {}
    moved = len(row.changes) - 1
    effects: list[dict[str, Any]] = [
        {"icon": "check-check", "words": words, "strong": True} for words in promise_words(row.effect)[:2]
    ]
    cause = row.reason.partition(";")[0]
    if cause:
        effects.append(
            {
                "icon": "info",
                "words": _("Because of {cause}").format(cause=cause) if cause.startswith("EX-") else cause,
            }
        )
    if moved > 0:
        effects.append(
            {
                "icon": "arrow-down",
                "words": ngettext(
                    "{count} more job moves at this centre", "{count} more jobs move at this centre", moved
                ).format(count=moved),
            }
        )
    label = str(change.get("label", ""))
    order = str(change.get("order", row.title))
    to_unit, from_unit = str(change.get("to_unit", "")), str(change.get("from_unit", ""))
    step, _space, item = label.removeprefix(order).strip().removeprefix("op ").partition(" ")
    where = _(" on {unit}").format(unit=to_unit) if to_unit else ""
    came = _(" instead of {unit}").format(unit=from_unit) if from_unit not in ("", to_unit) else ""
    return Asked(
        id=row.pk,
        state=row.status,
        order=order,
        item=f"{item}, {_('op')} {step}{where}{came}" if item else where.strip(),
        start=datetime.fromisoformat(change["to_start"]) if change.get("to_start") else None,
        effects=effects,
        reason=row.get_override_reason_display() if row.override_reason else "",
        by=str(row.decided_by) if row.decided_by_id else "",
        at=row.decided_at,
    )


def promise_words(effect: dict[str, Any]) -> list[str]:
    """What a recommendation does to promises, in sentences: what it keeps, what it breaks, what moves."""
    promises = effect.get("promises") or []
    kept = [row["customer"] for row in promises if row.get("words") == "kept"]
    broken = [row["customer"] for row in promises if row.get("words") == "would be late"]
    said = []
    if kept:
        keeps = ngettext("Keeps {count} promise, {names}", "Keeps {count} promises, {names}", len(kept))
        said.append(keeps.format(count=len(kept), names=_names(kept)))
    if broken:
        breaks = ngettext(
            "{count} promise would be late, {names}", "{count} promises would be late, {names}", len(broken)
        )
        said.append(breaks.format(count=len(broken), names=_names(broken)))
    said += [
        _("{customer} {words}, late either way").format(customer=row["customer"], words=row["words"])
        for row in promises
        if row.get("words") not in ("", None, "kept", "would be late")
    ]
    return said or [_("No promise becomes late")]


def _names(customers: list[str]) -> str:
    names = list(dict.fromkeys(customers))
    if len(names) > 2:
        return _("{name} and {count} more").format(name=names[0], count=len(names) - 1)
    return _("{one} and {other}").format(one=names[0], other=names[1]) if len(names) == 2 else names[0]


def version_to_expect(operation: Operation, seen: int | None, person: User) -> int | None:
    """The version a report must meet. What a person reported themselves since the page was drawn does not make their
    next report stale (a tablet sends its kept counts one after the other); anybody else's does.
    """
    if seen is None or seen >= operation.version:
        return seen
    since = ProgressReport.objects.filter(operation=operation).order_by("-pk")
    authors = set(since.values_list("person_id", flat=True)[: operation.version - seen])
    return operation.version if authors == {person.pk} else seen
