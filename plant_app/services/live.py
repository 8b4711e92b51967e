"""The site's live state: what units do, what limits the plan, that a sequence is out of date.

The only writer of unit states, constraints and re-sequence requests. Why something is so is not known here; an
`origin_ref` names who said it, and whoever said it takes it back with the same reference.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from core import clock
from core.errors import InvalidInput
from core.hints import hint
from core.wake import wake
from plant_app.models import (
    Area,
    Constraint,
    ConstraintKind,
    Item,
    Lot,
    Operation,
    ResequenceRequest,
    Site,
    Skill,
    UnitState,
    User,
    WorkCentre,
    WorkUnit,
    WorkUnitState,
)

# What a constraint of each kind must name at least one of.
_NAMES: dict[str, tuple[str, ...]] = {
    ConstraintKind.UNIT_DOWN: ("work_unit", "work_centre"),
    ConstraintKind.UNIT_SLOW: ("work_unit", "work_centre"),
    ConstraintKind.MATERIAL_SHORT: ("item",),
    ConstraintKind.CREW_SHORT: ("work_centre",),
    ConstraintKind.HOLD: ("lot", "operation", "item"),
    ConstraintKind.TOOL_DOWN: ("tool",),
    ConstraintKind.PLACE_LOCKED: ("area", "work_centre", "work_unit"),
    ConstraintKind.NOT_BEFORE: ("operation",),
    ConstraintKind.PINNED: ("operation",),
}


@transaction.atomic
def set_unit_state(
    *, work_unit: WorkUnit, state: str, at: datetime | None = None, note: str = "", origin_ref: str = ""
) -> WorkUnitState:
    """Begin a stretch of `state` (a UnitState) on `work_unit` at `at` (default now), ending the open one.

    The same state again changes nothing but note and origin. A moment before the open stretch began is moved to its
    beginning, so stretches never overlap. Raises InvalidInput for an unknown state. Locks the unit's row.
    """
    if state not in UnitState.values:
        raise InvalidInput("unit.unknown_state", f"There is no unit state {state!r}.")
    unit = (
        WorkUnit.objects.select_for_update(of=("self",), no_key=True)
        .select_related("work_centre__area")
        .get(pk=work_unit.pk)
    )
    moment = at or clock.now()
    current = WorkUnitState.objects.filter(work_unit=unit, until=None).first()
    if current is not None and (current.state == state or moment <= current.since):
        if (current.state, current.note, current.origin_ref) != (state, note, origin_ref):
            current.state, current.note, current.origin_ref = state, note[:120], origin_ref
            current.save(update_fields=["state", "note", "origin_ref"])
            _hint_unit(unit)
        return current
    if current is not None:
        current.until = moment
        current.save(update_fields=["until"])
    stretch = WorkUnitState.objects.create(
        work_unit=unit, state=state, since=moment, note=note[:120], origin_ref=origin_ref
    )
    _hint_unit(unit)
    return stretch


def _hint_unit(unit: WorkUnit) -> None:
    area = unit.work_centre.area
    hint(
        f"site.{area.site_id}", f"area.{area.pk}", f"sequence.{unit.work_centre_id}",
        kind="unit", work_unit=unit.pk, area=area.pk,
    )  # fmt: skip


@transaction.atomic
def impose_constraint(
    *,
    kind: str,
    site: Site,
    origin_ref: str,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    estimated: bool = False,
    area: Area | None = None,
    work_centre: WorkCentre | None = None,
    work_unit: WorkUnit | None = None,
    operation: Operation | None = None,
    item: Item | None = None,
    lot: Lot | None = None,
    skill: Skill | None = None,
    tool: str = "",
    factor: Decimal | None = None,
    missing: int | None = None,
    quantity: Decimal | None = None,
    note: str = "",
) -> Constraint:
    """Put a limit on the plan from `starts_at` (default now) until `ends_at` (None: no date known), until lifted.

    Imposing again with the same kind, origin and objects restates the open one instead of adding a second. `factor` is
    the speed left (0 to 1), `missing` heads. Raises InvalidInput when the kind is unknown, names nothing it can limit,
    or ends before it starts. Locks the constraint's row. The site is marked for re-sequencing.
    """
    objects = {
        "area": area, "work_centre": work_centre, "work_unit": work_unit, "operation": operation, "item": item,
        "lot": lot, "skill": skill, "tool": tool,
    }  # fmt: skip
    if kind not in ConstraintKind.values:
        raise InvalidInput("constraint.unknown_kind", f"There is no constraint kind {kind!r}.")
    if not origin_ref:
        raise InvalidInput("constraint.no_origin", "A constraint must say who put it there.")
    if not any(objects[name] for name in _NAMES[kind]):
        raise InvalidInput("constraint.names_nothing", f"{kind} needs one of {', '.join(_NAMES[kind])}.")
    begin = starts_at or clock.now()
    if ends_at is not None and ends_at < begin:
        raise InvalidInput("constraint.ends_before_start", "A constraint can't end before it starts.")
    stated = {
        "ends_at": ends_at, "estimated": estimated, "factor": factor, "missing": missing, "quantity": quantity,
        "note": note[:160],
    }  # fmt: skip
    same, created = Constraint.objects.select_for_update(of=("self",), no_key=True).get_or_create(
        kind=kind, site=site, origin_ref=origin_ref, lifted_at=None, **objects,
        defaults={"starts_at": begin, **stated},
    )  # fmt: skip
    if not created:
        for name, value in stated.items():
            setattr(same, name, value)
        same.save(update_fields=list(stated))
    _constraints_changed(site, kind, origin_ref)
    return same


@transaction.atomic
def lift_constraints(
    *, origin_ref: str, kind: str | None = None, actor: User | None = None, at: datetime | None = None
) -> int:
    """Lift every open constraint of `origin_ref` (only of `kind` when given). Returns how many.

    Lifting what is lifted is no error. Locks the rows; their sites are marked for re-sequencing.
    """
    rows = Constraint.objects.select_for_update(of=("self",), no_key=True).filter(
        origin_ref=origin_ref, lifted_at=None
    )
    if kind is not None:
        rows = rows.filter(kind=kind)
    found = list(rows.select_related("site").order_by("pk"))
    for row in found:
        row.lifted_at, row.lifted_by = at or clock.now(), actor
        row.save(update_fields=["lifted_at", "lifted_by"])
    for site in {row.site for row in found}:
        _constraints_changed(site, "lifted", origin_ref)
    return len(found)


@transaction.atomic
def restate_constraint(
    *,
    ends_at: datetime | None,
    estimated: bool,
    constraint: Constraint | None = None,
    origin_ref: str = "",
    kind: str | None = None,
) -> list[Constraint]:
    """Give an open constraint another end (None: no date known); `estimated` False once somebody stated it.

    Name one by `constraint`, or all of `origin_ref` (of `kind`). Returns those changed; lifted ones are left alone.
    Locks the rows; their sites are marked for re-sequencing.
    """
    rows = Constraint.objects.select_for_update(of=("self",), no_key=True).filter(lifted_at=None)
    if constraint is not None:
        rows = rows.filter(pk=constraint.pk)
    elif origin_ref:
        rows = rows.filter(origin_ref=origin_ref)
    else:
        raise InvalidInput("constraint.names_nothing", "Say which constraint is meant.")
    if kind is not None:
        rows = rows.filter(kind=kind)
    changed = []
    for row in rows.select_related("site").order_by("pk"):
        if ends_at is not None and ends_at < row.starts_at:
            raise InvalidInput("constraint.ends_before_start", "A constraint can't end before it starts.")
        if (row.ends_at, row.estimated) == (ends_at, estimated):
            continue
        row.ends_at, row.estimated = ends_at, estimated
        row.save(update_fields=["ends_at", "estimated"])
        changed.append(row)
        _constraints_changed(row.site, row.kind, row.origin_ref)
    return changed


def _constraints_changed(site: Site, kind: str, origin_ref: str) -> None:
    hint(f"site.{site.pk}", kind="constraint", constraint=kind)
    request_resequence(site=site, cause=f"{kind} {origin_ref}")


@transaction.atomic
def request_resequence(*, site: Site, cause: str, delay_seconds: float = 2) -> ResequenceRequest:
    """Ask for a new sequence of `site`, due `delay_seconds` from now so that causes arriving together are one run.

    Adds a row and waits for nobody; the run that takes the first due one takes all of its site. Wakes "resequence".
    """
    now = clock.now()
    request = ResequenceRequest.objects.create(
        site=site, due_at=now + timedelta(seconds=delay_seconds), created_at=now, cause=cause[:160]
    )
    wake("resequence")
    return request
