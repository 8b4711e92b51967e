"""How the plant remembers an exception, and the two ways every effect writes: a limit on the plan, a unit's state.

Runs inside the caller's transaction, the exception locked. Knows no effect by name.
"""

from typing import Any

from decisions_app.posting_templates.situation import Situation
from exceptions_app.models import ExceptionRecord
from plant_app.models import Constraint, ConstraintKind, UnitState
from plant_app.selectors.floor import constraints_on_unit
from plant_app.services import live


def origin(exception: ExceptionRecord) -> str:
    """How lower tables remember this exception."""
    return f"exception:{exception.pk}"


def impose(situation: Situation, kind: ConstraintKind, **what: Any) -> Constraint:
    """Put a limit on the plan in the exception's name; once more restates it."""
    exception = situation.exception
    return live.impose_constraint(
        kind=kind, site=exception.site, origin_ref=origin(exception), note=exception.title[:160], **what
    )


def show_unit(situation: Situation, state: UnitState) -> None:
    """The unit shows what is wrong with it; one locked for safety stays locked."""
    exception = situation.exception
    unit = exception.work_unit
    if unit is None:
        return
    locked = constraints_on_unit(unit).filter(kind=ConstraintKind.PLACE_LOCKED).exists()
    if locked and state != UnitState.SAFETY:
        return
    live.set_unit_state(
        work_unit=unit,
        state=state,
        at=exception.occurred_at,
        note=exception.title[:120],
        origin_ref=origin(exception),
    )
