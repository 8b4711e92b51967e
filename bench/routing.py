"""Finding a route among 2,000 rules, against a loop that reads every rule until one matches."""

import time
from collections.abc import Callable, Iterable
from random import Random
from statistics import quantiles
from typing import Any

from bench.registry import Row, compare, figure
from routing_app.comparing import prepare
from routing_app.engine import CompiledRules, compile_rules, evaluate
from routing_app.ruleset import RulesetSpec

RULES, CASES, ROUNDS = 2000, 200, 5
TYPES = ("machine_downtime", "tooling", "quality_hold", "order_change", "labour_shortage")
Facts = dict[str, Any]


@figure("a route among 2,000 rules")
def routes() -> Iterable[Row]:
    """95th percentile of one evaluation in microseconds; with its stored reasons, as every opening asks for them."""
    rules = compile_rules(_rules())
    cases = _cases()
    traced: list[float] = []
    bare: list[float] = []
    loop: list[float] = []
    for _ in range(ROUNDS):
        traced.append(_p95(cases, lambda facts: evaluate(facts, rules)))
        bare.append(_p95(cases, lambda facts: evaluate(facts, rules, trace=False)))
        loop.append(_p95(cases, lambda facts: _first_match(facts, rules)))
    peer = "straight loop over 2,000 rules, p95"
    yield compare("route with its reasons, p95", "µs", traced, peer, loop)
    yield compare("route without reasons, p95", "µs", bare, peer, loop)


def _first_match(facts: Facts, rules: CompiledRules) -> int:
    values = prepare(facts).values
    for position, rule in enumerate(rules.rules):
        if (
            all((value := values.get(fact)) is not None and test(value) for fact, test in rule.tests)
            and not rule.adds
        ):
            return position
    return -1


def _p95(cases: list[Facts], work: Callable[[Facts], object]) -> float:
    taken = []
    for facts in cases:
        began = time.perf_counter()
        work(facts)
        taken.append((time.perf_counter() - began) * 1e6)
    return quantiles(taken, n=20)[18]


def _rules() -> RulesetSpec:
    owner = {"owner_function": "maintenance", "owner_role": "technician", "ladder": "MNT", "kind": "route"}
    listed: list[dict[str, Any]] = [
        {
            "code": f"r{n}", "name": f"r{n}", **owner,
            "conditions": [
                {"fact": "type", "operator": "is", "value": TYPES[n % len(TYPES)]},
                {"fact": "work_unit", "operator": "is", "value": f"U{n % 400}"},
                {"fact": "quantity", "operator": "more_than", "value": str(n)},
            ],
        }
        for n in range(RULES - 1)
    ]  # fmt: skip
    rest = {**owner, "ladder": "", "owner_function": "planning", "owner_role": "planner"}
    listed.append(
        {"code": "rest", "name": "rest", "conditions": [], **rest, "is_catch_all": True, "to_triage": True}
    )
    steps = [{"level": 1, "roles": ["technician"], "factor": "0", "minutes": None}]
    return RulesetSpec.from_dict(
        {
            "format": 1, "rules": listed, "ladders": [{"code": "MNT", "name": "Maintenance", "steps": steps}],
            "limits": {"*": {"low": {"acknowledge": 60, "decide": 240, "resolve": 960, "contain": None}}},
            "other_acknowledge": {"critical": 10, "high": 20, "normal": 60, "low": 480},
        }
    )  # fmt: skip


def _cases() -> list[Facts]:
    dice = Random(118204)
    return [
        {"type": dice.choice(TYPES), "work_unit": f"U{dice.randrange(400)}", "quantity": dice.randrange(2500)}
        for _ in range(CASES)
    ]
