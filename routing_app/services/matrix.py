"""Writing one row of the matrix into the draft: limits of a type at one urgency, and the ladder its rules climb.

Nothing here changes how anything is routed; only publishing does.
"""

import pghistory
from django.db import transaction

from core.errors import InvalidInput, TransitionRefused
from plant_app.models import User
from routing_app import words
from routing_app.clocks import Limits, Step
from routing_app.matrix import Row, rows_of, rules_of_type
from routing_app.models import ClockLimit, Ladder, Rule
from routing_app.ruleset import LadderSpec
from routing_app.selectors import choices_of, draft_spec
from routing_app.services.drafting import write_ladder
from routing_app.services.locking import lock_draft
from routing_app.soundness import faults_of_ladder


@transaction.atomic
def set_matrix_row(
    *,
    type_code: str,
    urgency: str,
    limits: Limits,
    steps: tuple[Step, ...],
    own_ladder: bool = False,
    actor: User | None = None,
) -> None:
    """Write a type's limits (minutes) at `urgency`, and the steps of the ladder it climbs, into the draft.

    The steps change the ladder for every type that shares it; with `own_ladder` the type's rules get a copy of their
    own instead. What is equal already is left untouched. InvalidInput `routing.matrix_type`, `routing.matrix_limits`,
    `routing.matrix_steps`; TransitionRefused `routing.no_own_rule` for a type whose cases the catch-all takes. Takes
    the draft lock.
    """
    lock_draft()
    spec = draft_spec()
    rows = rows_of(spec, urgency=urgency, types=choices_of("types")) if urgency in words.BANDS else []
    row = next((one for one in rows if one.type_code == type_code), None)
    if row is None:
        raise InvalidInput("routing.matrix_type", "There is no such type or urgency.")
    if not 1 <= limits.acknowledge <= limits.decide <= limits.resolve:
        raise InvalidInput(
            "routing.matrix_limits", "Acknowledge, decide and resolve must rise in this order, from 1 minute."
        )
    with pghistory.context(user=actor.pk if actor else None, source="matrix"):
        if limits != row.limits:
            ClockLimit.objects.update_or_create(
                type_code=type_code, urgency=urgency, defaults=limits.as_dict()
            )
        if steps != row.steps:
            _write_steps(row, steps, own_ladder)


def _write_steps(row: Row, steps: tuple[Step, ...], own_ladder: bool) -> None:
    if not row.ladder:
        raise TransitionRefused(
            "routing.no_ladder", f"Rule “{row.rule.name}” has no ladder.", "Give the rule one first."
        )
    ladder = Ladder.objects.get(code=row.ladder)
    spec = LadderSpec(row.ladder, ladder.name, steps)
    faults = faults_of_ladder(spec, row=0)
    if faults or not steps:
        text = faults[0].text if faults else "A ladder wakes at least one role."
        raise InvalidInput("routing.matrix_steps", text)
    if not own_ladder:
        write_ladder(spec)
        return
    serving = rules_of_type(draft_spec(), row.type_code, row.ladder)
    if not serving:
        raise TransitionRefused(
            "routing.no_own_rule",
            f"No rule routes {row.name} alone on ladder {row.ladder}.",
            "Add a rule for the type first, or change the ladder for all.",
        )
    own = write_ladder(LadderSpec(_free_code(row.ladder), f"{ladder.name}, {row.name}"[:80], steps))
    for rule in Rule.objects.filter(code__in=[one.code for one in serving]):
        rule.ladder = own
        rule.save(update_fields=["ladder"])


def _free_code(code: str) -> str:
    taken = set(Ladder.objects.values_list("code", flat=True))
    stem = code[:16]
    return next(free for n in range(2, len(taken) + 3) if (free := f"{stem}-{n}") not in taken)
