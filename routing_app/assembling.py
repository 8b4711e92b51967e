"""Putting an outcome together once the rules have spoken: urgency, clocks, ladder, affected functions.

Pure. Gets the add rules that matched and the route rule that decided; must not know how they were found.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from routing_app import urgency, words
from routing_app.clocks import LAST_RESORT_OTHER, Limits, climb, limits_for, times
from routing_app.comparing import Prepared
from routing_app.outcome import AffectedFunction, InformedRole, Outcome
from routing_app.ruleset import REQUIRED, LadderSpec, RuleSpec


class Tables(Protocol):
    """What the rules refer to, as compiled."""

    @property
    def ladders(self) -> Mapping[str, LadderSpec]: ...
    @property
    def limits(self) -> Mapping[tuple[str, str], Limits]: ...
    @property
    def other_acknowledge(self) -> Mapping[str, int]: ...


def assemble(
    prepared: Prepared,
    tables: Tables,
    added: list[RuleSpec],
    decided: RuleSpec,
    standing: urgency.Settled | None,
) -> Outcome:
    """The outcome without its trace; `standing` as in `engine.evaluate`."""
    speaking = [*added, decided]
    score = urgency.score(prepared.values)
    floors, caps = _bounds(prepared.values, speaking)
    settled = (
        urgency.Settled(urgency.bounded(score.band, floors, caps), 0)
        if standing is None
        else urgency.settle(standing=standing, total=score.total, floors=floors, caps=caps)
    )
    band = settled.band
    limits, other = _clocks(prepared.values, tables, band, added, decided)
    ladder = tables.ladders.get(decided.ladder)
    routed_level = decided.start_level or 1
    start_level = max([routed_level, *(rule.start_level or 1 for rule in added)])
    levels = climb(
        ladder.steps if ladder else (),
        acknowledge=limits.acknowledge,
        owner_role=decided.owner_role,
        routed_level=routed_level,
        start_level=start_level,
        early_level=decided.early_level,
        early_factor=decided.early_factor,
    )
    functions, elsewhere, informed = _affected(speaking, decided)
    return Outcome(
        owner_function=decided.owner_function,
        owner_role=decided.owner_role,
        owner_place=decided.owner_place,
        owner_skill=decided.owner_skill,
        functions=functions,
        elsewhere=elsewhere,
        informed_roles=informed,
        urgency=band,
        urgency_score=score.total,
        urgency_inputs=score.inputs,
        urgency_floors=tuple(floors),
        urgency_caps=tuple(caps),
        limits=limits,
        other_acknowledge=other,
        ladder=levels,
        ladder_code=ladder.code if ladder else "",
        start_level=levels[0].level,
        triage=decided.to_triage,
        playbook=decided.playbook or str(prepared.raw.get("type", "")),
        proposes_type=next((rule.proposes_type for rule in reversed(speaking) if rule.proposes_type), ""),
        marks=tuple(dict.fromkeys(rule.mark for rule in speaking if rule.mark)),
        notes=tuple(rule.note for rule in speaking if rule.note),
        rule_number=decided.number,
        rule_code=decided.code,
        rule_name=decided.name,
        added_by=tuple(rule.number for rule in added),
        low_count=settled.low_count,
    )


def _bounds(
    values: Mapping[str, Any], speaking: list[RuleSpec]
) -> tuple[list[urgency.Bound], list[urgency.Bound]]:
    floors, caps = urgency.built_in_floors(values), urgency.built_in_caps(values)
    for rule in speaking:
        because = f"rule {rule.number}: {rule.name}"
        if rule.urgency_floor:
            floors.append(urgency.Bound(rule.urgency_floor, because))
        if rule.urgency_cap:
            caps.append(urgency.Bound(rule.urgency_cap, because))
    return floors, caps


def _clocks(
    values: Mapping[str, Any], tables: Tables, band: str, added: list[RuleSpec], decided: RuleSpec
) -> tuple[Limits, int]:
    """Limits of type and band, then the deciding rule's own, then a factor, which never slows a critical case."""
    limits = limits_for(tables.limits, values.get("type", words.ANY_TYPE), band)
    acknowledge = decided.acknowledge or limits.acknowledge
    other = tables.other_acknowledge.get(band, LAST_RESORT_OTHER[band])
    factors = [rule.acknowledge_factor for rule in added if rule.acknowledge_factor is not None]
    if factors and band != words.CRITICAL:
        factor = max(factors)
        acknowledge, other = max(1, times(acknowledge, factor)), max(1, times(other, factor))
    return (
        Limits(
            acknowledge=acknowledge,
            decide=decided.decide or limits.decide,
            resolve=decided.resolve or limits.resolve,
            contain=limits.contain,
        ),
        other,
    )


def _affected(
    speaking: list[RuleSpec], decided: RuleSpec
) -> tuple[tuple[AffectedFunction, ...], tuple[AffectedFunction, ...], tuple[InformedRole, ...]]:
    """Each function once per place. Required wins over informed; the deciding rule's word on the role wins over an
    add rule's of the same need. Roles that lose out are still told."""
    held: dict[tuple[str, str], AffectedFunction] = {}
    told: dict[tuple[str, str], InformedRole] = {}
    own_places = {words.HERE, decided.owner_place}
    for rule in [decided, *[one for one in speaking if one is not decided]]:
        for spec in rule.functions:
            key = (spec.function, spec.place)
            new = AffectedFunction(spec.function, spec.role, spec.need == REQUIRED, rule.number)
            old = held.get(key)
            if spec.function == decided.owner_function and spec.place in own_places:
                if spec.role != decided.owner_role:
                    told.setdefault(
                        (spec.function, spec.role), InformedRole(spec.function, spec.role, rule.number)
                    )
                continue
            if old is None:
                held[key] = new
                continue
            winner, loser = (new, old) if new.required and not old.required else (old, new)
            held[key] = winner
            if loser.role != winner.role:
                told.setdefault(
                    (loser.function, loser.role), InformedRole(loser.function, loser.role, loser.because_rule)
                )
        lead = words.LEAD_OF.get(decided.owner_function, "") if rule.lead_follows else ""
        if lead and lead != decided.owner_role:
            told.setdefault(
                (decided.owner_function, lead), InformedRole(decided.owner_function, lead, rule.number)
            )
    here = tuple(one for (_, place), one in held.items() if place == words.HERE)
    away = tuple(one for (_, place), one in held.items() if place != words.HERE)
    return here, away, tuple(told.values())
