"""Deciding.

Owns the one transaction in which a decision, its tasks, its plant effects and its postings come to be together; who
may decide what is in `decisions_app.deciders`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max

from core import clock
from core.errors import InvalidInput, NotFound, TransitionRefused
from core.hints import hint
from decisions_app.deciders import check_decider, decision_cost, duties_here
from decisions_app.inputs import amount, read_inputs
from decisions_app.models import Decision, Option, Trigger
from decisions_app.posting_templates import Situation
from decisions_app.references import check_references
from decisions_app.services import effects
from decisions_app.services.asked import ask_to_ratify, withdraw_waiting
from decisions_app.services.postings import queue_for
from decisions_app.services.tasks import hand_out, next_step_after
from decisions_app.terms import terms_of
from decisions_app.wording import message_of
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord
from plant_app.models import User


@dataclass(frozen=True)
class Choice:
    """An option with its inputs read and checked, and what it costs."""

    exception: ExceptionRecord
    option: Option
    values: dict[str, Any]
    cost: Decimal
    duties: frozenset[str]


@transaction.atomic
def decide(
    *,
    exception_id: int,
    option_code: str,
    inputs: Mapping[str, Any],
    actor: User,
    reason: str = "",
    expected_version: int | None = None,
    via: str = "",
    emergency: bool = False,
) -> Decision:
    """Take an option: record it, hand out its tasks, change the plant's state, queue its postings.

    The record moves from acknowledged to decided (an open one is acknowledged by deciding, when the decider belongs to
    the owner's function or plans). Options that share a quantity may be decided one after the other; the record is
    decided once nothing suspect is left. `emergency` takes a critical record's option beyond the limit or before
    everybody has answered; it needs a reason and is ratified within a day. Raises NotFound (`decisions.option`),
    NotAllowed (`decisions.not_a_decider`, `decisions.over_limit`, `decisions.needs_approval`, `decisions.four_eyes`,
    `decisions.grade`, `decisions.tier_a`, `decisions.emergency_reason`), InvalidInput (`decisions.inputs`,
    `decisions.quantity`), TransitionRefused (also `decisions.not_aligned`, `decisions.no_emergency`), StaleVersion.
    Locks the exception.
    """
    exception = exceptions.locked(exception_id=exception_id, expected_version=expected_version)
    choice = chosen(exception=exception, option_code=option_code, inputs=inputs, actor=actor)
    check_decider(
        exception=exception, option=choice.option, actor=actor, cost=choice.cost, values=choice.values, reason=reason,
        duties=choice.duties, emergency=emergency,
    )  # fmt: skip
    check_choice(choice)
    decision = carry_out(choice, actor=actor, reason=reason, via=via, emergency=emergency)
    if emergency:
        ask_to_ratify(decision, choice.duties)
    return decision


def chosen(*, exception: ExceptionRecord, option_code: str, inputs: Mapping[str, Any], actor: User) -> Choice:
    """An option of a locked exception with its inputs read. Raises NotFound, InvalidInput, TransitionRefused."""
    option = (
        Option.objects.filter(playbook__type=exception.type, code=option_code, active=True)
        .select_related("playbook")
        .first()
    )
    if option is None:
        raise NotFound("decisions.option", f"{exception.type} has no option {option_code}.")
    _refuse_ended(exception)
    values = read_inputs(option.inputs, inputs, zone=exception.site.timezone)
    return Choice(
        exception, option, values, decision_cost(option, exception, values), duties_here(exception, actor)
    )


def check_choice(choice: Choice) -> None:
    """Refuse references that lead nowhere, and more than is left. Raises InvalidInput, TransitionRefused."""
    if not clock.rehearsing():
        check_references(
            choice.option.inputs, choice.values, exception=choice.exception, duties=choice.duties
        )
    _share(choice.exception, choice.option, choice.values)


def carry_out(
    choice: Choice, *, actor: User, reason: str, via: str, emergency: bool = False, text: str = ""
) -> Decision:
    """Everything a decision brings about, on the locked exception of a checked choice. `text` adds to the story."""
    exception, option, values = choice.exception, choice.option, choice.values
    at = clock.now()
    quantity = _share(exception, option, values)
    _make_ready(exception, actor, via)
    number = (exception.decisions.aggregate(top=Max("number"))["top"] or 0) + 1
    decision = Decision.objects.create(
        exception=exception,
        number=number,
        option=option,
        inputs=values,
        quantity=quantity,
        cost=choice.cost,
        decided_by=actor,
        decided_at=at,
        reason=reason[:300],
        emergency=emergency,
        terms=terms_of(option),
        message=message_of(option, exception, values),
    )
    withdraw_waiting(
        exception=exception, actor=actor, because="decided otherwise", code="approvals.decided_otherwise"
    )
    hand_out(decision=decision, at=at)
    situation = Situation(exception=exception, at=at, decision=decision, values=values)
    effects.apply(list(option.effects), situation)
    queue_for(
        exception=exception, trigger=Trigger.DECIDE, at=at, actor=actor, decision=decision, values=values
    )
    words = f"{option.name}{': ' + reason if reason else ''}{text}{', in an emergency' if emergency else ''}"
    exceptions.record_event(
        exception=exception,
        kind=EventKind.DECIDED,
        actor=actor,
        via=via,
        text=words[:300],
        data={
            "option": option.code,
            "decision": decision.number,
            "inputs": values,
            "playbook": option.playbook.version,
            **({"emergency": True} if emergency else {}),
        },
    )
    if exception.status == Status.ACKNOWLEDGED and _complete(exception):
        exceptions.move(
            exception=exception,
            to=Status.DECIDED,
            actor=actor,
            via=via,
            decided_at=at,
            next_escalation_at=None,
        )
    exceptions.set_next_step(exception=exception, text=next_step_after(exception))
    hint(*exceptions.groups_of(exception), kind="decided", ref=exception.ref)
    return decision


def _share(exception: ExceptionRecord, option: Option, values: Mapping[str, Any]) -> Decimal | None:
    """The quantity this decision takes of what is suspect. Refuses more than is left."""
    taken = amount(values, "quantity") or None
    if option.by_quantity and taken is None:
        raise InvalidInput("decisions.quantity", "Say how much this is for.")
    if not option.by_quantity:
        if exception.decisions.filter(reversed_at__isnull=True).exists():
            raise TransitionRefused(
                "decisions.decided", f"{exception.ref} is already decided.", "Reverse that decision first."
            )
        return taken
    if exception.quantity is not None and taken is not None:
        left = exception.quantity - decided_quantity(exception)
        if taken > left:
            raise InvalidInput("decisions.quantity", f"Only {left.normalize():f} are still undecided.")
    return taken


def decided_quantity(exception: ExceptionRecord) -> Decimal:
    """What decisions in force have taken of the suspect quantity."""
    quantities = exception.decisions.filter(reversed_at__isnull=True).values_list("quantity", flat=True)
    return sum((quantity for quantity in quantities if quantity is not None), Decimal(0))


def _complete(exception: ExceptionRecord) -> bool:
    decisions = exception.decisions.filter(reversed_at__isnull=True).select_related("option")
    if not all(decision.option.by_quantity for decision in decisions) or exception.quantity is None:
        return True
    return decided_quantity(exception) >= exception.quantity


def _refuse_ended(exception: ExceptionRecord) -> None:
    if exception.status not in {Status.OPEN, Status.ACKNOWLEDGED, Status.DECIDED}:
        raise TransitionRefused(
            "decisions.not_open",
            f"{exception.ref} is {exception.status} and can't be decided.",
            "Sort it first." if exception.status == Status.TRIAGE else "Reload the page.",
        )
    if exception.status == Status.DECIDED and _complete(exception):
        raise TransitionRefused(
            "decisions.decided", f"{exception.ref} is already decided.", "Reverse that decision first."
        )


def _make_ready(exception: ExceptionRecord, actor: User, via: str) -> None:
    """A decision is also the owner's yes: an open record is acknowledged by whoever decides it."""
    if exception.status == Status.OPEN:
        exceptions.acknowledge_by_deciding(exception=exception, actor=actor, via=via)
