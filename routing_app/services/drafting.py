"""Changes to the draft: order, copies, switches, and taking over a whole rule set (defaults, a file, a version).

Nothing here changes how anything is routed; only publishing does.
"""

from collections.abc import Iterable
from typing import Any

import pghistory
from django.db import transaction
from django.db.models import Max
from django.utils.text import slugify

from core.errors import InvalidInput, TransitionRefused
from plant_app.models import Function, User
from routing_app.models import (
    CATCH_ALL_ORDER,
    ClockLimit,
    Ladder,
    LadderStep,
    OtherAcknowledgeLimit,
    Rule,
    RuleCondition,
    RuleFunction,
)
from routing_app.ruleset import LadderSpec, RulesetSpec, RuleSpec
from routing_app.selectors import draft_rules
from routing_app.services.locking import lock_draft

_GAP = 10
_PLAIN = (
    "code",
    "name",
    "kind",
    "enabled",
    "is_catch_all",
    "owner_role",
    "owner_place",
    "owner_skill",
    "urgency_floor",
    "urgency_cap",
    "start_level",
    "early_level",
    "early_factor",
    "acknowledge",
    "decide",
    "resolve",
    "acknowledge_factor",
    "to_triage",
    "playbook",
    "proposes_type",
    "mark",
    "lead_follows",
    "note",
)


def next_order() -> int:
    """The place after the last ordinary rule, before the catch-all."""
    last = Rule.objects.filter(is_catch_all=False).aggregate(last=Max("order"))["last"] or 0
    return last + _GAP if last + _GAP < CATCH_ALL_ORDER else last + 1


@transaction.atomic
def move_rule(*, rule: Rule, up: bool) -> bool:
    """Swap a rule with its neighbour; False when there is none to swap with. The catch-all never moves and is never
    passed. Takes the draft lock; TransitionRefused `routing.catch_all_stays` for the catch-all."""
    lock_draft()
    rule.refresh_from_db()
    if rule.is_catch_all:
        raise TransitionRefused("routing.catch_all_stays", "The catch-all stays last.")
    others = Rule.objects.filter(is_catch_all=False)
    neighbour = (
        others.filter(order__lt=rule.order).order_by("-order").first()
        if up
        else others.filter(order__gt=rule.order).order_by("order").first()
    )
    if neighbour is None:
        return False
    rule.order, neighbour.order = neighbour.order, rule.order
    rule.save(update_fields=["order"])
    neighbour.save(update_fields=["order"])
    return True


@transaction.atomic
def place_rule(*, rule: Rule, before: Rule | None) -> bool:
    """Put a rule right before another, or last among the ordinary ones (`before` the catch-all or None).

    False when it stands there already. Takes the draft lock; TransitionRefused `routing.catch_all_stays` for the
    catch-all itself.
    """
    lock_draft()
    rule.refresh_from_db()
    if rule.is_catch_all:
        raise TransitionRefused("routing.catch_all_stays", "The catch-all stays last.")
    standing = list(Rule.objects.filter(is_catch_all=False).order_by("order"))
    rest = [one for one in standing if one.pk != rule.pk]
    place = next((index for index, one in enumerate(rest) if before and one.pk == before.pk), len(rest))
    wanted = [*rest[:place], rule, *rest[place:]]
    if [one.pk for one in wanted] == [one.pk for one in standing]:
        return False
    lower = rest[place - 1].order if place else 0
    upper = rest[place].order if place < len(rest) else CATCH_ALL_ORDER
    if upper - lower > 1:  # room between the two: the history then names the one rule that moved
        rule.order = min(lower + _GAP, (lower + upper) // 2)
        rule.save(update_fields=["order"])
    else:
        _renumber(wanted)
    return True


@transaction.atomic
def clone_rule(*, rule: Rule) -> Rule:
    """Copy a rule right below itself, switched off. Takes the draft lock; TransitionRefused for the catch-all."""
    lock_draft()
    if rule.is_catch_all:
        raise TransitionRefused("routing.catch_all_stays", "There is one catch-all; it can't be copied.")
    conditions, functions = list(rule.conditions.all()), list(rule.functions.all())
    copy = Rule.objects.get(pk=rule.pk)
    copy.pk = None
    copy._state.adding = True
    copy.code = _free_code(rule.code)
    copy.name = f"{rule.name} (copy)"[:120]
    copy.enabled = False
    copy.order = next_order()
    copy.save()
    RuleCondition.objects.bulk_create(
        [RuleCondition(rule=copy, fact=c.fact, operator=c.operator, value=c.value) for c in conditions]
    )
    RuleFunction.objects.bulk_create(
        [
            RuleFunction(rule=copy, function=f.function, role=f.role, need=f.need, place=f.place)
            for f in functions
        ]
    )
    _place_after(copy, rule)
    return copy


def _place_after(moved: Rule, anchor: Rule) -> None:
    rules = [one for one in Rule.objects.filter(is_catch_all=False).order_by("order") if one.pk != moved.pk]
    place = next(index for index, one in enumerate(rules) if one.pk == anchor.pk) + 1
    rules.insert(place, moved)
    _renumber(rules)
    moved.refresh_from_db()


def _renumber(rules: Iterable[Rule]) -> None:
    for index, one in enumerate(rules, start=1):
        if one.order != index * _GAP:
            Rule.objects.filter(pk=one.pk).update(order=index * _GAP)


def _free_code(base: str) -> str:
    taken = set(Rule.objects.values_list("code", flat=True))
    stem = slugify(base)[:54] or "rule"
    return next(code for n in range(2, len(taken) + 3) if (code := f"{stem}-{n}") not in taken)


@transaction.atomic
def set_enabled(*, rules: Iterable[Rule], enabled: bool) -> int:
    """Switch rules on or off; the catch-all is left on. Returns how many changed. Takes the draft lock."""
    lock_draft()
    pks = [rule.pk for rule in rules]
    return (
        Rule.objects.filter(pk__in=pks, is_catch_all=False).exclude(enabled=enabled).update(enabled=enabled)
    )


@transaction.atomic
def apply_ruleset(*, spec: RulesetSpec, actor: User | None = None, source: str = "") -> None:
    """Make the draft equal to `spec`: rules by code, ladders, limits. What is equal already is left untouched.

    InvalidInput `routing.function_missing` when it names a function the plant does not have, `routing.no_catch_all`
    when its last rule is not the catch-all. Takes the draft lock.
    """
    if not spec.rules or not spec.rules[-1].is_catch_all:
        raise InvalidInput("routing.no_catch_all", "The last rule must be the catch-all.")
    lock_draft()
    functions = {function.code: function for function in Function.objects.all()}
    named = {one.function for rule in spec.rules for one in rule.functions}
    missing = sorted((named | {rule.owner_function for rule in spec.rules} - {""}) - functions.keys())
    if missing:
        raise InvalidInput(
            "routing.function_missing", f"The plant has no function {', '.join(missing)}.", "Create it first."
        )
    with pghistory.context(user=actor.pk if actor else None, source=source or "rules applied"):
        ladders = {one.code: write_ladder(one) for one in spec.ladders}
        _write_rules(spec, functions, ladders)
        Ladder.objects.exclude(code__in=ladders).delete()
        _write_limits(spec)


def write_ladder(spec: LadderSpec) -> Ladder:
    """Make one ladder of the draft equal to `spec`, step by step; for the verbs of this package."""
    ladder, _ = Ladder.objects.update_or_create(code=spec.code, defaults={"name": spec.name})
    for step in spec.steps:
        LadderStep.objects.update_or_create(
            ladder=ladder,
            level=step.level,
            defaults={
                "roles": list(step.roles),
                "factor": step.factor,
                "minutes": step.minutes,
                "repeats": step.repeats,
                "repeat_minutes": step.repeat_minutes or 5,
                "channel": step.channel,
            },
        )
    ladder.steps.exclude(level__in=[step.level for step in spec.steps]).delete()
    return ladder


def _write_rules(spec: RulesetSpec, functions: dict[str, Function], ladders: dict[str, Ladder]) -> None:
    existing = {rule.code: rule for rule in draft_rules()}
    catch_all = next((rule for rule in existing.values() if rule.is_catch_all), None)
    if catch_all is not None:  # whatever it was called, there is one and it stays that row
        existing.pop(catch_all.code)
        existing[spec.rules[-1].code] = catch_all
    wanted = {rule.code for rule in spec.rules}
    Rule.objects.filter(pk__in=[rule.pk for code, rule in existing.items() if code not in wanted]).delete()
    for rule in spec.rules:
        _write_rule(rule, existing.get(rule.code), functions, ladders)


def _write_rule(
    spec: RuleSpec, row: Rule | None, functions: dict[str, Function], ladders: dict[str, Ladder]
) -> None:
    fields: dict[str, Any] = {name: getattr(spec, name) for name in _PLAIN}
    fields["order"] = CATCH_ALL_ORDER if spec.is_catch_all else spec.number * _GAP
    fields["owner_function"] = functions.get(spec.owner_function)
    if spec.ladder and spec.ladder not in ladders:
        raise InvalidInput("routing.ladder_missing", f"Rule “{spec.name}” names the ladder {spec.ladder}.")
    fields["ladder"] = ladders.get(spec.ladder)
    if row is None:
        row = Rule.objects.create(**fields)
    elif any(getattr(row, name) != value for name, value in fields.items()):
        for name, value in fields.items():
            setattr(row, name, value)
        row.save()
    has = [(c.fact, c.operator, c.value) for c in row.conditions.all()]
    if has != [(c.fact, c.operator, c.value) for c in spec.conditions]:
        row.conditions.all().delete()
        RuleCondition.objects.bulk_create(
            [
                RuleCondition(rule=row, fact=c.fact, operator=c.operator, value=c.value)
                for c in spec.conditions
            ]
        )
    affected = [(f.function.code, f.role, f.need, f.place) for f in row.functions.all()]
    if affected != [(f.function, f.role, f.need, f.place) for f in spec.functions]:
        row.functions.all().delete()
        RuleFunction.objects.bulk_create(
            [
                RuleFunction(
                    rule=row, function=functions[f.function], role=f.role, need=f.need, place=f.place
                )
                for f in spec.functions
            ]
        )


def _write_limits(spec: RulesetSpec) -> None:
    keep = set()
    for (type_code, band), limits in spec.limits.items():
        row, _ = ClockLimit.objects.update_or_create(
            type_code=type_code, urgency=band, defaults=limits.as_dict()
        )
        keep.add(row.pk)
    ClockLimit.objects.exclude(pk__in=keep).delete()
    for band, minutes in spec.other_acknowledge.items():
        OtherAcknowledgeLimit.objects.update_or_create(urgency=band, defaults={"acknowledge": minutes})
    OtherAcknowledgeLimit.objects.exclude(urgency__in=spec.other_acknowledge).delete()
