"""Reads of routing: the draft as one rule set, the published version ready to run, what differs, who may edit.

Must not write. Compiled versions are kept per process: a version never changes, so its number and digest are key
enough.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db.models import F, Func, Max, Min, OuterRef, Prefetch, QuerySet

from core import clock, keys
from plant_app.models import (
    AccessGrant,
    AccessRole,
    Area,
    Customer,
    DutyAssignment,
    ExceptionType,
    Function,
    ItemGroup,
    Shift,
    Site,
    Supplier,
    User,
    WorkCentre,
    WorkUnit,
)
from routing_app import checks, coverage, diff
from routing_app.clocks import Limits, Step
from routing_app.engine import CompiledRules, compile_rules
from routing_app.models import (
    ApprovalStatus,
    ClockLimit,
    Ladder,
    LadderStep,
    OtherAcknowledgeLimit,
    PublishingPolicy,
    RoutingCase,
    Rule,
    RuleApproval,
    RuleCondition,
    RuleFunction,
    RuleVersion,
)
from routing_app.outcome import Outcome
from routing_app.ruleset import ConditionSpec, FunctionSpec, LadderSpec, RulesetSpec, RuleSpec

_TRACKED: Final = (
    "Rule",
    "RuleCondition",
    "RuleFunction",
    "Ladder",
    "LadderStep",
    "ClockLimit",
    "OtherAcknowledgeLimit",
)
_KEPT: Final = 32
_compiled: OrderedDict[tuple[int, str], CompiledRules] = OrderedDict()
_lock = threading.Lock()


def may_edit_rules(user: User | AnonymousUser) -> bool:
    """Administrators alone see and change rules."""
    if not user.is_active or isinstance(user, AnonymousUser):
        return False
    if user.is_superuser:
        return True
    return AccessGrant.objects.filter(user=user, role=AccessRole.ADMINISTRATOR).exists()


def rule_spec(rule: Rule, number: int) -> RuleSpec:
    """One draft rule as data; reads its conditions and functions (prefetch them for many)."""
    return RuleSpec(
        number=number,
        code=rule.code,
        name=rule.name,
        kind=rule.kind,
        enabled=rule.enabled,
        is_catch_all=rule.is_catch_all,
        conditions=tuple(ConditionSpec(c.fact, c.operator, c.value) for c in rule.conditions.all()),
        functions=tuple(FunctionSpec(f.function.code, f.role, f.need, f.place) for f in rule.functions.all()),
        owner_function=rule.owner_function.code if rule.owner_function else "",
        owner_role=rule.owner_role,
        owner_place=rule.owner_place,
        owner_skill=rule.owner_skill,
        urgency_floor=rule.urgency_floor,
        urgency_cap=rule.urgency_cap,
        ladder=rule.ladder.code if rule.ladder else "",
        start_level=rule.start_level,
        early_level=rule.early_level,
        early_factor=rule.early_factor.normalize(),
        acknowledge=rule.acknowledge,
        decide=rule.decide,
        resolve=rule.resolve,
        acknowledge_factor=rule.acknowledge_factor.normalize()
        if rule.acknowledge_factor is not None
        else None,
        to_triage=rule.to_triage,
        playbook=rule.playbook,
        proposes_type=rule.proposes_type,
        mark=rule.mark,
        lead_follows=rule.lead_follows,
        note=rule.note,
    )


def draft_rules() -> list[Rule]:
    """The draft in order, with everything a sentence needs."""
    return list(
        Rule.objects.select_related("owner_function", "ladder")
        .prefetch_related(
            Prefetch("conditions", RuleCondition.objects.order_by("pk")),
            Prefetch("functions", RuleFunction.objects.select_related("function").order_by("pk")),
        )
        .order_by("order")
    )


def draft_spec() -> RulesetSpec:
    """The whole draft as data; six queries."""
    ladders = Ladder.objects.prefetch_related(Prefetch("steps", LadderStep.objects.order_by("level")))
    return RulesetSpec(
        rules=tuple(rule_spec(rule, number) for number, rule in enumerate(draft_rules(), start=1)),
        ladders=tuple(
            LadderSpec(
                ladder.code,
                ladder.name,
                tuple(
                    Step(
                        step.level,
                        tuple(step.roles),
                        None if step.factor is None else step.factor.normalize(),
                        step.minutes,
                        step.repeats,
                        step.repeat_minutes if step.repeats else 0,
                        step.channel,
                    )
                    for step in ladder.steps.all()
                ),
            )
            for ladder in ladders
        ),
        limits={
            (row.type_code, row.urgency): Limits(row.acknowledge, row.decide, row.resolve, row.contain)
            for row in ClockLimit.objects.all()
        },
        other_acknowledge=dict(OtherAcknowledgeLimit.objects.values_list("urgency", "acknowledge")),
    )


def latest_version() -> RuleVersion | None:
    """The published version that routes now, without its large columns."""
    return RuleVersion.objects.defer("snapshot", "checks", "changes").order_by("-number").first()


def spec_of(version: RuleVersion) -> RulesetSpec:
    return RulesetSpec.from_dict(version.snapshot)


def compiled(version: RuleVersion) -> CompiledRules:
    """The version ready to run; compiled once per process."""
    key = (version.number, version.digest)
    with _lock:
        found = _compiled.get(key)
        if found is not None:
            _compiled.move_to_end(key)
            return found
    ready = compile_rules(spec_of(version))
    with _lock:
        _compiled[key] = ready
        while len(_compiled) > _KEPT:
            _compiled.popitem(last=False)
    return ready


def outcome_of(case: RoutingCase) -> Outcome:
    """The outcome a case stored, with its trace."""
    return Outcome.from_dict({**case.outcome, "trace": case.trace})


def latest_evaluation(opening: RoutingCase) -> RoutingCase:
    """The newest evaluation of a case: a re-evaluation, or the opening itself."""
    return opening.reevaluations.order_by("-pk").first() or opening


def spec_digest(spec: RulesetSpec) -> str:
    """What tells one rule set from another, whatever made it."""
    return keys.digest(json.dumps(spec.as_dict(), sort_keys=True, ensure_ascii=False))


def second_person_wanted() -> bool:
    """Whether any site asks that a second person approves the draft."""
    return PublishingPolicy.objects.filter(second_person=True).exists()


def waiting_approval() -> RuleApproval | None:
    """The request for approval that nobody has answered."""
    return RuleApproval.objects.filter(status=ApprovalStatus.WAITING).select_related("asked_by").first()


def last_edits() -> dict[str, int]:
    """The newest kept edit of every tracked table, by its number."""
    found = {}
    for name in _TRACKED:
        events = apps.get_model("routing_app", f"{name}Event").objects
        found[name] = events.aggregate(last=Max("pgh_id"))["last"] or 0
    return found


def draft_authors() -> set[int]:
    """Ids of everybody who edited the draft since the last publication, as far as the edit was made by a person."""
    version = latest_version()
    found: set[int] = set()
    for name in _TRACKED:
        edits = apps.get_model("routing_app", f"{name}Event").objects.filter(pgh_context__isnull=False)
        if version is not None and name in version.edits_upto:
            edits = edits.filter(pgh_id__gt=version.edits_upto[name])
        elif version is not None:  # published before the last edits were noted with it
            edits = edits.filter(pgh_created_at__gt=version.published_at)
        made = edits.order_by().values_list("pgh_context__metadata__user", flat=True).distinct()
        found |= {one for one in made if isinstance(one, int)}
    return found


def draft_changes(spec: RulesetSpec | None = None) -> list[diff.Change]:
    """What publishing now would change; give the draft's `spec` where it was read already."""
    version = latest_version()
    return diff.changes(spec_of(version) if version else None, spec or draft_spec())


def problems_of(spec: RulesetSpec) -> list[checks.Problem]:
    """Everything wrong with a rule set here: as data, with the plant's functions and people, and with its past."""
    found = checks.check(spec, functions=set(Function.objects.values_list("code", flat=True)))
    missing = roles_without_people(spec)
    found.extend(
        checks.Problem(checks.WARNING, "role_unheld", f"Nobody holds the duty {role}, which {used} names.")
        for role, used in missing
    )
    found.extend(
        checks.Problem(
            checks.WARNING, "ladder_unheld", f"Ladder {code} wakes no one: nobody holds any of its duties."
        )
        for code in silent_ladders(spec)
    )
    if RuleVersion.objects.exists():  # the shipped rules are loaded into a plant without people or a past
        found.extend(coverage.problems(spec, choices_of))
    return found


def roles_without_people(spec: RulesetSpec) -> list[tuple[str, str]]:
    """Roles that rules or ladders name and no person holds anywhere, each with the first place that names it."""
    named: dict[str, str] = {}
    for rule in spec.rules:
        if rule.enabled:
            for role in (rule.owner_role, *(one.role for one in rule.functions)):
                if role:
                    named.setdefault(role, f"rule “{rule.name}”")
    for ladder in spec.ladders:
        for step in ladder.steps:
            for role in step.roles:
                named.setdefault(role, f"ladder {ladder.code}")
    held = set(DutyAssignment.objects.order_by().values_list("duty", flat=True).distinct())
    return [(role, used) for role, used in named.items() if role not in held]


def silent_ladders(spec: RulesetSpec) -> list[str]:
    """Ladders in use none of whose roles anybody holds."""
    held = set(DutyAssignment.objects.order_by().values_list("duty", flat=True).distinct())
    used = {rule.ladder for rule in spec.rules if rule.enabled and rule.ladder}
    return [
        ladder.code
        for ladder in spec.ladders
        if ladder.code in used and not any(role in held for step in ladder.steps for role in step.roles)
    ]


def unpublished_since() -> datetime | None:
    """When the oldest draft edit after the last publication was made; None when the draft is published."""
    version = latest_version()
    if version is None or not draft_changes():
        return None
    edits = [
        apps.get_model("routing_app", f"{name}Event")
        .objects.filter(pgh_created_at__gt=version.published_at)
        .aggregate(first=Min("pgh_created_at"))["first"]
        for name in _TRACKED
    ]
    return min((edit for edit in edits if edit is not None), default=None)


def decided_cases(rule_code: OuterRef, days: int = 30) -> QuerySet[Any, Any]:
    """For a subquery: how many openings of the last `days` a rule decided."""
    since = clock.now() - timedelta(days=days)
    return (
        RoutingCase.objects.filter(rule_code=rule_code, created_at__gte=since, opening__isnull=True)
        .order_by()
        .annotate(count=Func(F("pk"), function="COUNT"))
        .values("count")
    )


def _codes(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(code, name) for code, name in rows]


_SOURCES: Final[dict[str, Callable[[], list[tuple[str, str]]]]] = {
    "types": lambda: _codes(ExceptionType.objects.filter(active=True).values_list("code", "name")),
    "sites": lambda: _codes(Site.objects.values_list("code", "name")),
    "areas": lambda: _codes(Area.objects.values_list("code", "name")),
    "work_centres": lambda: _codes(WorkCentre.objects.values_list("code", "name")),
    "work_units": lambda: _codes(WorkUnit.objects.filter(active=True).values_list("code", "name")),
    "item_groups": lambda: _codes(ItemGroup.objects.values_list("code", "name")),
    "shifts": lambda: _codes(Shift.objects.filter(office=False).values_list("code", "name").distinct()),
    "customers": lambda: _codes(Customer.objects.values_list("code", "name")),
    "suppliers": lambda: _codes(Supplier.objects.values_list("code", "name")),
}


def choices_of(source: str) -> list[tuple[str, str]]:
    """Codes and names the plant has for a fact's source; empty for a source without a list."""
    find = _SOURCES.get(source)
    return find() if find else []
