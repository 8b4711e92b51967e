"""Routing a case: facts in, outcome out, both kept with the version that decided.

Called inside the transaction that opens the exception, so that none ever exists without an owner. Must not know
exceptions nor persons.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from core import clock
from core.errors import NotFound, TransitionRefused
from routing_app import engine, urgency
from routing_app import facts as catalogue
from routing_app.comparing import prepare
from routing_app.models import RoutingCase, RuleVersion
from routing_app.outcome import Outcome
from routing_app.ruleset import RuleSpec
from routing_app.selectors import compiled, draft_spec, latest_evaluation, latest_version, spec_of
from routing_app.services.publishing import load_default_rules


@dataclass(frozen=True, slots=True)
class Routed:
    """The stored case and its outcome; `changed` is False when a re-evaluation found nothing new to store."""

    case: RoutingCase
    outcome: Outcome
    changed: bool = True


@transaction.atomic
def route(*, facts: Mapping[str, Any], origin_ref: str = "") -> Routed:
    """Evaluate the published version and store the case.

    `facts` by catalogue code (aliases are understood; None is unknown; what the catalogue does not know is stored
    and ignored). `origin_ref` is whatever the caller wants to find the case by. Never refuses: without a published
    version the shipped rules are published first (which takes the draft lock); else no lock is taken.
    """
    version = latest_version() or load_default_rules()
    outcome = engine.evaluate(facts, compiled(version))
    return Routed(_store(version, facts, outcome, origin_ref, None), outcome)


@transaction.atomic
def reevaluate(*, case: RoutingCase, facts: Mapping[str, Any]) -> Routed:
    """Evaluate changed facts with the version the case opened with.

    `case` is the opening or any re-evaluation of it; `facts` are laid over those of the newest evaluation (None makes
    one unknown). Urgency rises at once and falls only after two evaluations well under its band. A row is stored only
    when the route differs. What of it is adopted is the caller's decision. Locks the opening's row.
    """
    opening = RoutingCase.objects.select_for_update(of=("self",)).get(pk=case.opening_id or case.pk)
    latest = latest_evaluation(opening)
    before = Outcome.from_dict(latest.outcome)
    merged = {**latest.facts, **{catalogue.canonical(code): value for code, value in facts.items()}}
    version = RuleVersion.objects.defer("snapshot", "checks", "changes").get(pk=opening.version_id)
    outcome = engine.evaluate(
        merged, compiled(version), standing=urgency.Settled(before.urgency, before.low_count)
    )
    if _decision(outcome) == _decision(before):
        return Routed(latest, outcome, changed=False)
    return Routed(_store(version, merged, outcome, opening.origin_ref, opening), outcome)


@dataclass(frozen=True, slots=True)
class Tried:
    """An outcome that was only tried: `source` names the rules used, `rules` are their specs by number, `lines` hold
    every enabled rule with every condition answered."""

    outcome: Outcome
    source: str
    rules: Mapping[int, RuleSpec]
    lines: tuple[dict[str, Any], ...]


def try_facts(*, facts: Mapping[str, Any], draft: bool = False, number: int | None = None) -> Tried:
    """What would be routed, by the published version, an earlier one, or the draft; stores nothing.

    NotFound `routing.version_missing`; TransitionRefused `routing.draft_unusable` for a draft without a catch-all.
    """
    if draft:
        spec, source = draft_spec(), "draft"
        try:
            ready = engine.compile_rules(spec)
        except engine.RulesetInvalid as problem:
            raise TransitionRefused(
                "routing.draft_unusable", f"The draft can't be tried. {problem}"
            ) from None
    else:
        version = latest_version() if number is None else RuleVersion.objects.filter(number=number).first()
        if version is None:
            raise NotFound(
                "routing.version_missing",
                "No such version of the rules is published.",
                "Publish the draft first.",
            )
        spec, source, ready = spec_of(version), f"version {version.number}", compiled(version)
    return Tried(
        outcome=engine.evaluate(facts, ready),
        source=source,
        rules={rule.number: rule for rule in spec.rules},
        lines=tuple(engine.explain_all(facts, ready)),
    )


def _decision(outcome: Outcome) -> dict[str, Any]:
    """The part of an outcome people are bound by."""
    data = outcome.as_dict()
    for explanation in ("trace", "urgency_score", "urgency_inputs", "errors"):
        del data[explanation]
    return data


def _store(
    version: RuleVersion,
    facts: Mapping[str, Any],
    outcome: Outcome,
    origin_ref: str,
    opening: RoutingCase | None,
) -> RoutingCase:
    data = outcome.as_dict()
    trace = data.pop("trace")
    return RoutingCase.objects.create(
        version=version,
        opening=opening,
        origin_ref=origin_ref,
        created_at=clock.now(),
        rule_code=outcome.rule_code,
        rule_number=outcome.rule_number,
        urgency=outcome.urgency,
        facts=dict(prepare(facts).raw),
        outcome=data,
        trace=trace,
    )
