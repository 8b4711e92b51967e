"""Writes a route onto an exception: at its opening, and again when a correction routes it anew.

Owns which rows a route adds, keeps or releases. The choice of persons lies in `layout`, the rules in `routing_app`.
"""

from typing import Any

from core import clock
from core.wake import wake
from exceptions_app.models import (
    EventKind,
    ExceptionEvent,
    ExceptionRecord,
    Response,
    ResponseStatus,
    Telling,
)
from exceptions_app.services.records import story
from exceptions_app.services.responses.adopted import as_adopted, hush, response_level
from exceptions_app.services.responses.layout import Layout, functions_by_code, lay_out
from exceptions_app.services.responses.presence import Presence
from plant_app.models import Level, User
from plant_app.selectors import ShiftBook
from routing_app.services import Routed

# Which statuses mean that a response's clock still runs.
WAITING = (ResponseStatus.DUE, ResponseStatus.TOLD, ResponseStatus.DELIVERED, ResponseStatus.SEEN)


def plan_route(
    exception: ExceptionRecord, routed: Routed, *, role: str = "", shifts: ShiftBook | None = None
) -> Layout:
    """Fill a new, unsaved exception from its route and lay out who answers and who is told, as far as its site has
    adopted that. Writes nothing."""
    level = response_level(exception)
    presence = Presence.of(exception, clock.now(), shifts=shifts)
    layout = lay_out(
        exception=exception,
        outcome=as_adopted(routed.outcome, level),
        presence=presence,
        functions=functions_by_code(exception.type),
        role=role,
    )
    layout.adopted = level
    if level == Level.CAPTURE:
        hush(exception, layout)
    exception.route = routed.case
    return layout


def write_route(layout: Layout) -> None:
    """Insert a new exception's responses and tellings and wake those who work on them. The exception is saved."""
    Response.objects.bulk_create(layout.responses)
    Telling.objects.bulk_create(layout.tellings)
    wake("notices")
    wake("containment")


def routed_event(
    exception: ExceptionRecord,
    routed: Routed,
    layout: Layout,
    *,
    actor: User | None = None,
    kind: str = EventKind.ROUTED,
) -> ExceptionEvent:
    """The line that says who got it, by which rule, and who was there to choose from. Unsaved."""
    outcome, owner = routed.outcome, layout.owner
    others = ", ".join(response.function.name for response in layout.responses[1:] if response.required)
    who = str(owner.person) if owner.person else f"nobody on duty as {owner.get_role_display().lower()}"
    text = f"Rule {outcome.rule_number}, {outcome.rule_name}: {who}, {owner.function.name}"
    held = [row.text for row in layout.tellings if row.due_at > layout.at]
    data: dict[str, Any] = {
        "rule": outcome.rule_number,
        "rule_code": outcome.rule_code,
        "rule_name": outcome.rule_name,
        "case": routed.case.pk,
        "owner_role": owner.role,
        "owner": owner.person.username if owner.person else None,
        "functions": [
            {"function": response.function.code, "site": response.site.code, "required": response.required,
             "person": response.person.username if response.person else None, "why": response.why}
            for response in layout.responses
        ],
        "presence": layout.seen, "held": held,
        "urgency": exception.urgency, "adopted": layout.adopted,
    }  # fmt: skip
    return story.event(
        exception=exception, kind=kind, actor=actor, actor_text="" if actor else "routing", via="system",
        text="; ".join([text, *([f"told too: {others}"] if others else []), *held]), data=data,
    )  # fmt: skip


def apply_route(exception: ExceptionRecord, routed: Routed, *, role: str = "") -> tuple[Layout, set[str]]:
    """Route a locked, saved exception anew: new functions are told, known ones keep what they answered.

    A function no longer affected that has not answered is released from answering. Returns the layout and the fields of
    the exception that changed, for the caller to write.
    """
    layout = plan_route(exception, routed, role=role)
    existing = {
        (response.function_id, response.site_id): response
        for response in exception.responses.exclude(status=ResponseStatus.DECLINED)
    }
    exception.responses.filter(is_owner=True).update(is_owner=False)
    tellings = list(layout.tellings)
    planned: list[Response] = []
    for response in layout.responses:
        known = existing.pop((response.function_id, response.site_id), None)
        if known is None:
            response.save()
            planned.append(response)
            continue
        same_person = known.person_id == response.person_id and known.role == response.role
        known.is_owner, known.required, known.why = response.is_owner, response.required, response.why
        if known.answered:
            tellings = [one for one in tellings if one.response is not response]
        else:
            for name in ("role", "person", "ladder", "ladder_code", "limit_minutes", "level", "next_level_at",
                         "remind_at", "reminders", "repeats_told", "due_at", "acknowledge_due_at"):  # fmt: skip
                setattr(known, name, getattr(response, name))
            if same_person:
                tellings = [
                    one
                    for one in tellings
                    if one.response is not response or one.person_id != known.person_id
                ]
        known.save()
        for one in tellings:
            if one.response is response:
                one.response = known
        planned.append(known)
    for released in existing.values():
        if released.answered or released.added_by_id is not None:
            continue
        released.required, released.next_level_at, released.acknowledge_due_at = False, None, None
        released.remind_at = None
        released.save(update_fields=["required", "next_level_at", "remind_at", "acknowledge_due_at"])
    Telling.objects.bulk_create(tellings)
    layout.responses, layout.tellings = planned, tellings
    # Whoever has answered for the owner's function keeps it, whoever would be asked now.
    exception.owner, exception.owner_role = layout.owner.person, layout.owner.role
    wake("notices")
    wake("containment")
    return layout, {
        "owner", "owner_function", "owner_role", "urgency", "urgency_score", "limits", "acknowledge_due_at",
        "decide_due_at", "resolve_due_at", "next_escalation_at", "contain_due_at", "route",
    }  # fmt: skip
