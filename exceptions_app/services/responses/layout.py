"""Lays out a route: who owns, which functions answer, who is told at once, and when the next level is due.

Turns roles into persons for one exception. Writes nothing: it fills the exception in memory and returns unsaved
responses and tellings, so that an opening is a handful of inserts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Subquery

from core import clock
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord, Response, Telling, TellingReason
from exceptions_app.rules import ladder as ladders
from exceptions_app.services.responses.calendar import begin_clock, owner_hours
from exceptions_app.services.responses.presence import Presence
from plant_app.models import Duty, ExceptionType, Function, Site, TypeFunction, User
from routing_app.outcome import Outcome
from routing_app.words import DUTY_OF, LEAD_OF, OTHER_SITE

URGENCY_RANK = {"critical": 0, "high": 1, "normal": 2, "low": 3}
# A role with many holders is told through its first ones: more would only ring phones.
TOLD_PER_ROLE = 3


@dataclass
class Layout:
    """What one route leads to. The owner's response is the first."""

    responses: list[Response] = field(default_factory=list)
    tellings: list[Telling] = field(default_factory=list)
    seen: dict[str, list[str]] = field(default_factory=dict)
    at: datetime = field(default_factory=clock.now)
    adopted: str = ""

    @property
    def owner(self) -> Response:
        return self.responses[0]


def functions_by_code(type_: ExceptionType) -> dict[str, Function]:
    """All functions of the plant, each with the type's `lapse_minutes` for it (None: it has none). One query."""
    own = TypeFunction.objects.filter(type=type_, function=OuterRef("pk")).values("lapse_minutes")
    return {function.code: function for function in Function.objects.annotate(lapse_minutes=Subquery(own))}


def lay_out(
    *,
    exception: ExceptionRecord,
    outcome: Outcome,
    presence: Presence,
    functions: dict[str, Function],
    role: str = "",
) -> Layout:
    """Fill owner, clocks and urgency of `exception` and lay out its responses and tellings as of `presence.at`.

    `role` overrides the routed owner's role (a type's own triage desk). In triage only the owner answers: what is
    affected is not known yet.
    """
    at = presence.at
    limits = {**outcome.limits.as_dict(), **lapse_limits(exception, outcome.limits.decide, functions)}
    owner_role = role or outcome.owner_role
    owner_function = functions[
        outcome.owner_function if not role else function_of(role, outcome.owner_function)
    ]
    triage = exception.status == Status.TRIAGE
    other_site = _other_site(exception.site) if _needs_other_site(outcome) else None
    owner_site = other_site if outcome.owner_place == OTHER_SITE and other_site else exception.site

    exception.owner_function, exception.owner_role = owner_function, owner_role
    exception.urgency, exception.urgency_score = outcome.urgency, float(outcome.urgency_score)
    exception.limits = limits
    exception.acknowledge_due_at = at + timedelta(minutes=outcome.limits.acknowledge)
    exception.decide_due_at = at + timedelta(minutes=outcome.limits.decide)
    exception.resolve_due_at = at + timedelta(minutes=outcome.limits.resolve)
    exception.next_escalation_at = exception.decide_due_at
    exception.contain_due_at = None if triage else at

    rungs = [level.as_dict() for level in outcome.ladder]
    presence.expect({owner_role, *_wanted(outcome)})
    if role and rungs:
        rungs[0] = {
            **rungs[0],
            "roles": [role, *[one for one in rungs[0]["roles"] if one != outcome.owner_role]],
        }
    layout = Layout(seen=presence.seen, at=at)
    owner = fresh_response(
        exception=exception, function=owner_function, site=owner_site, role=owner_role, required=True, is_owner=True,
        limit=outcome.limits.acknowledge, ladder=rungs, ladder_code=outcome.ladder_code, at=at,
        why=f"rule {outcome.rule_number}: {outcome.rule_name}",
    )  # fmt: skip
    owner.person = presence.choose(owner_role, function=owner_function, site=owner_site)
    owner.person = owner.person or presence.choose(owner_role, site=owner_site)
    layout.responses.append(owner)
    layout.tellings += first_tellings(owner, presence=presence)
    exception.owner = owner.person
    owner_hours(exception, owner, presence)
    if triage:
        return layout

    taken = {(owner_function.pk, owner_site.pk)}
    for affected, site in [
        *((one, exception.site) for one in outcome.functions),
        *((one, other_site) for one in outcome.elsewhere if other_site),
    ]:
        function = functions.get(affected.function)
        if function is None or (function.pk, site.pk) in taken:
            continue
        taken.add((function.pk, site.pk))
        response = affected_response(
            exception=exception, function=function, site=site, role=affected.role, required=affected.required,
            limit=outcome.other_acknowledge, at=at, why=f"rule {affected.because_rule}",
        )  # fmt: skip
        response.person = presence.choose(response.role, function=function, site=site) or presence.choose(
            response.role, site=site
        )
        layout.responses.append(response)
        layout.tellings += first_tellings(response, presence=presence)
    told = {telling.person_id for telling in layout.tellings}
    for informed in outcome.informed_roles:
        for person in presence.people(informed.role, without={pk for pk in told if pk})[:TOLD_PER_ROLE]:
            told.add(person.pk)
            layout.tellings.append(
                telling(
                    exception=exception, reason=TellingReason.INFORM, role=informed.role, person=person, at=at
                )
            )
    return layout


def lapse_limits(exception: ExceptionRecord, decide: int, functions: dict[str, Function]) -> dict[str, int]:
    """Minutes after which an acknowledgement nobody acts on lapses, frozen with the other limits; 0 never.

    `lapse` holds for every function: the type's minutes, else the site's, else four decide limits of the route.
    `lapse:<function>` stands beside it where the type has minutes for that function alone.
    """
    everybody = exception.type.lapse_minutes
    if everybody is None:
        everybody = exception.site.lapse_minutes
    if everybody is None:
        everybody = ladders.LAPSE_DECIDES * decide
    own = {
        f"lapse:{code}": function.lapse_minutes  # type: ignore[attr-defined]
        for code, function in functions.items()
        if function.lapse_minutes is not None  # type: ignore[attr-defined]
    }
    return {"lapse": everybody, **own}


def _wanted(outcome: Outcome) -> set[str]:
    """Duties an opening asks about: whoever answers here, and the ladder's levels at minute 0."""
    roles = {one.role or DUTY_OF.get(one.function, "") for one in outcome.functions}
    roles |= {role for level in outcome.ladder if level.after_minutes == 0 for role in level.roles}
    roles |= {one.role for one in outcome.informed_roles}
    return roles - {""}


def _needs_other_site(outcome: Outcome) -> bool:
    return outcome.owner_place == OTHER_SITE or bool(outcome.elsewhere)


def _other_site(site: Site) -> Site | None:
    return Site.objects.filter(enterprise=site.enterprise_id).exclude(pk=site.pk).order_by("pk").first()


def function_of(role: str, default: str) -> str:
    """The function a duty belongs to, as the shipped words have it."""
    for table in (DUTY_OF, LEAD_OF):
        for function, duty in table.items():
            if duty == role:
                return function
    return default


def fresh_response(
    *, exception: ExceptionRecord, function: Function, site: Site, role: str, required: bool, limit: int,
    at: datetime, why: str, is_owner: bool = False, ladder: list[dict[str, Any]] | None = None,
    ladder_code: str = "", person: User | None = None,
) -> Response:  # fmt: skip
    """An unsaved response whose clock begins at `at`; `limit` in minutes."""
    return Response(
        exception=exception, function=function, site=site, role=role, person=person, required=required,
        is_owner=is_owner, why=why[:160], due_at=at, limit_minutes=limit,
        acknowledge_due_at=at + timedelta(minutes=limit) if required else None,
        ladder=ladder or [], ladder_code=ladder_code,
    )  # fmt: skip


def affected_response(
    *, exception: ExceptionRecord, function: Function, site: Site, role: str, required: bool, limit: int,
    at: datetime, why: str,
) -> Response:  # fmt: skip
    """An unsaved response of a function that does not own; only a required one climbs a ladder."""
    duty = role or DUTY_OF.get(function.code, Duty.SHIFT_SUPERVISOR)
    rungs = (
        ladders.plain(role=duty, lead=LEAD_OF.get(function.code, ""), limit_minutes=limit) if required else []
    )
    return fresh_response(
        exception=exception, function=function, site=site, role=duty, required=required, limit=limit, at=at, why=why,
        ladder=rungs,
    )  # fmt: skip


def telling(
    *, exception: ExceptionRecord, reason: str, at: datetime, response: Response | None = None, level: int = 1,
    role: str = "", person: User | None = None, text: str = "",
) -> Telling:  # fmt: skip
    """An unsaved telling, due at `at`; without a person it is held until somebody is on duty."""
    return Telling(
        exception=exception, response=response, reason=reason, level=level, role=role, person=person,
        text=text[:200], due_at=at, urgency_rank=URGENCY_RANK.get(exception.urgency, 2),
    )  # fmt: skip


def first_tellings(
    response: Response, *, presence: Presence, reason: str = TellingReason.FIRST, without: Iterable[int] = (),
    text: str = "",
) -> list[Telling]:  # fmt: skip
    """Everybody to be told when a response begins: its person, the ladder's levels at minute 0, and, where nobody
    holds the role, the next levels until somebody is found. Sets the response's level, when the next is due and when
    its person is reminded. `text` is said to its person.
    """
    exception, at = response.exception, presence.at
    without = set(without)
    first = reason if response.required else TellingReason.INFORM
    held = begin_clock(response, presence)
    rungs = sorted(response.ladder, key=lambda rung: int(rung["level"]))
    start = int(rungs[0]["level"]) if rungs else 1
    if held:
        start_climbing(response, start, clock.now())
        return [
            telling(
                exception=exception, response=response, reason=first, level=start, role=response.role,
                person=response.person, at=response.due_at, text=held,
            )
        ]  # fmt: skip
    rows = [
        telling(
            exception=exception,
            response=response,
            reason=first,
            level=start,
            role=response.role,
            person=response.person,
            at=at,
            text=text if response.person_id else f"Nobody on duty as {role_words(response.role)}",
        )
    ]
    found = response.person_id is not None
    told = {response.person_id} | without
    reached = start
    for place, rung in enumerate(rungs):
        at_once = int(rung["after_minutes"]) == 0
        if place and not at_once and found:
            break
        roles = [role for role in rung["roles"] if place or role != response.role]
        for role in roles:
            people = [person for person in presence.people(role, site=response.site) if person.pk not in told]
            for person in people[:TOLD_PER_ROLE]:
                told.add(person.pk)
                rows.append(
                    telling(
                        exception=exception,
                        response=response,
                        reason=TellingReason.LADDER,
                        role=role,
                        person=person,
                        level=int(rung["level"]),
                        at=at,
                        text="" if at_once else f"Nobody on duty as {role_words(response.role)}",
                    )
                )
            if not people and not at_once:
                rows.append(
                    telling(
                        exception=exception,
                        response=response,
                        reason=TellingReason.LADDER,
                        role=role,
                        level=int(rung["level"]),
                        at=at,
                        text=f"Nobody on duty as {role_words(role)}",
                    )
                )
            found = found or bool(people)
        reached = int(rung["level"])
    start_climbing(response, reached, clock.now())
    return rows


def start_climbing(response: Response, level: int, now: datetime) -> None:
    """Stand on `level` of the ladder, in memory: when the next level, the reminder and the repeat are due."""
    response.level, response.reminders, response.repeats_told = level, 0, 0
    response.next_level_at = response.remind_at = None
    if not response.required:
        return
    response.next_level_at = ladders.climb(
        response.ladder, start=response.due_at, level=level, now=now
    ).next_at
    response.remind_at = ladders.nudge(
        response.ladder, start=response.due_at, limit_minutes=response.running_minutes, level=level, reminders=0,
        repeats=0, now=response.due_at,
    ).next_at  # fmt: skip


def role_words(role: str) -> str:
    """A duty as people say it."""
    return Duty(role).label.lower() if role in Duty.values else role.replace("_", " ")
