"""What limits the plan now, in words: down, short, on hold, crew missing; each with the exception it comes from.

Reads constraints and says them. Must not know requests or HTML.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from boards_app import wording
from exceptions_app.models import ExceptionRecord
from plant_app.models import Constraint, ConstraintKind, Site
from sequence_app.selectors import constraints

# kind -> word, glyph, tint
_LOOKS: Final[dict[str, tuple[str, str, str]]] = {
    ConstraintKind.UNIT_DOWN: ("Down", "power", "alarm"),
    ConstraintKind.UNIT_SLOW: ("Slow", "gauge", "warn"),
    ConstraintKind.MATERIAL_SHORT: ("Short", "package", "warn"),
    ConstraintKind.CREW_SHORT: ("Crew", "users", "warn"),
    ConstraintKind.HOLD: ("Hold", "lock", "warn"),
    ConstraintKind.TOOL_DOWN: ("Tool", "wrench", "warn"),
    ConstraintKind.PLACE_LOCKED: ("Locked", "shield-alert", "alarm"),
    ConstraintKind.NOT_BEFORE: ("Not before", "calendar-clock", ""),
    ConstraintKind.PINNED: ("Pinned", "pin", ""),
}
#: Limits people feel first; decisions (pins, dates) after them.
_ORDER: Final = list(_LOOKS)


@dataclass(frozen=True)
class Limit:
    """One live limit: what, on what, until when, and whose it is."""

    kind: str
    words: str
    icon: str
    tint: str
    subject: str
    starts_at: datetime
    ends_at: datetime | None
    estimated: bool
    past: bool
    unit_id: int | None
    centre_id: int | None
    exception: ExceptionRecord | None
    note: str


def limits(site: Site, now: datetime | None = None) -> list[Limit]:
    """Every live limit of a site, machines first. Two queries."""
    rows = [_limit(row.constraint, row.exception, now) for row in constraints(site)]
    return sorted(rows, key=lambda limit: (_ORDER.index(ConstraintKind(limit.kind)), limit.starts_at))


def _limit(row: Constraint, exception: ExceptionRecord | None, now: datetime | None) -> Limit:
    words, icon, tint = _LOOKS[row.kind]
    centre_id = row.work_centre_id
    if row.work_unit is not None:
        centre_id = row.work_unit.work_centre_id
    elif row.operation is not None:
        centre_id = row.operation.work_centre_id
    return Limit(
        kind=row.kind,
        words=words,
        icon=icon,
        tint=tint,
        subject=_subject(row),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        estimated=row.estimated,
        past=bool(now and row.ends_at and row.ends_at < now),
        unit_id=row.work_unit_id,
        centre_id=centre_id,
        exception=exception,
        note=row.note,
    )


def _subject(row: Constraint) -> str:
    if row.kind == ConstraintKind.CREW_SHORT and row.work_centre is not None:
        missing = f", {row.missing} missing" if row.missing else ""
        return f"{row.work_centre.name}{missing}"
    if row.kind == ConstraintKind.PINNED and row.operation is not None:
        place = f" on {row.work_unit.code}" if row.work_unit else ""
        return f"{row.operation.work_order.number}{place}"
    if row.kind == ConstraintKind.MATERIAL_SHORT and row.item is not None:
        short = f", {wording.quantity(row.quantity)} short" if row.quantity else ""
        return f"{row.item.name}{short}"
    if row.lot is not None:
        return f"lot {row.lot.code}"
    for thing in (row.work_unit, row.operation, row.item, row.work_centre, row.area):
        if thing is not None:
            return str(thing)
    return row.tool or row.note
