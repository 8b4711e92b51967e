"""Finding a route among 2,000 rules: against a loop that reads every rule, and against the library rule-engine.

All three find the same deciding rule for every case, which is checked before anything is timed. The mix is a plant's:
most rules pin a machine, some a type, a reason's beginning or a customer, and one in ten asks only for numbers, which
no index can pass over.
"""

import time
from collections.abc import Callable, Iterable
from random import Random
from statistics import quantiles
from typing import Any

from bench.registry import Row, compare, figure
from routing_app.comparing import prepare
from routing_app.engine import CompiledRules, compile_rules, evaluate
from routing_app.ruleset import ConditionSpec, RulesetSpec

try:
    import rule_engine
except ImportError:  # the library is a development requirement; without it its row is left out
    rule_engine = None

RULES, CASES, ROUNDS = 2000, 200, 5
LIBRARY_CASES = 20  # its loop takes tens of milliseconds a case
TYPES = ("machine_downtime", "tooling", "quality_hold", "order_change", "labour_shortage")
LIMIT_US = 2000
Facts = dict[str, Any]


@figure("a route among 2,000 rules")
def routes() -> Iterable[Row]:
    """95th percentile of one evaluation in microseconds; with its stored reasons, as every opening asks for them."""
    spec = _rules()
    rules = compile_rules(spec)
    cases = _cases()
    for facts in cases:
        if evaluate(facts, rules, trace=False).rule_number != _first_match(facts, rules) + 1:
            raise RuntimeError(f"the index and the loop disagree on {facts}")
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
    yield compare("route with its reasons, p95", "µs", traced, "2 ms, what is promised", [LIMIT_US] * ROUNDS)
    if rule_engine is not None:
        yield compare(
            "route with its reasons, p95", "µs", traced, "rule-engine, p95", _library(spec, rules, cases)
        )


def _library(spec: RulesetSpec, rules: CompiledRules, cases: list[Facts]) -> list[float]:
    """The same rules as rule-engine expressions, read in order until a route rule holds."""
    context = rule_engine.Context(default_value=None)
    listed = [
        (rule_engine.Rule(_expression(rule.conditions), context=context), rule.kind == "add")
        for rule in spec.rules
    ]

    def first(facts: Facts) -> int:
        return next(place for place, (rule, adds) in enumerate(listed) if rule.matches(facts) and not adds)

    some = cases[:LIBRARY_CASES]
    for facts in some:
        if first(facts) != _first_match(facts, rules):
            raise RuntimeError(f"rule-engine and the loop disagree on {facts}")
    return [_p95(some, first) for _ in range(2)]


def _expression(conditions: tuple[ConditionSpec, ...]) -> str:
    signs = {"is": "==", "more_than": ">", "less_than": "<", "at_least": ">="}
    parts = [
        f"{one.fact}.starts_with('{one.value}')"
        if one.operator == "begins_with"
        else f"{one.fact} {signs[one.operator]} {_literal(one)}"
        for one in conditions
    ]
    return " and ".join(parts) or "true"


def _literal(condition: ConditionSpec) -> str:
    return f"'{condition.value}'" if condition.operator == "is" else condition.value


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
        began = time.thread_time_ns()  # pure arithmetic: neighbours on the machine are not its cost
        work(facts)
        taken.append((time.thread_time_ns() - began) / 1e3)
    return quantiles(taken, n=20)[18]


def _conditions(number: int) -> list[tuple[str, str, str]]:
    """What rule `number` asks: of 20 rules 12 a machine, 2 a type, 2 a reason's beginning, 2 a customer, 2 numbers."""
    kind, turn = TYPES[number % len(TYPES)], number % 20
    if turn < 12:
        return [
            ("type", "is", kind),
            ("work_unit", "is", f"u{number % 397}"),
            ("quantity", "more_than", str(number)),
        ]
    if turn < 14:
        return [
            ("type", "is", kind),
            ("window_min", "less_than", str(number % 7)),
            ("quantity", "more_than", "2400"),
        ]
    if turn < 16:
        return [("reason", "begins_with", f"r{number % 90}-"), ("quantity", "more_than", str(number))]
    if turn < 18:
        return [("customer", "is", f"c{number % 60}"), ("quantity", "more_than", str(number))]
    return [("value_at_risk", "at_least", str(60_000 + number)), ("quantity", "more_than", str(number))]


def _rules() -> RulesetSpec:
    owner = {"owner_function": "maintenance", "owner_role": "technician", "ladder": "MNT", "kind": "route"}
    adds = {"kind": "add", "urgency_floor": "high"}
    listed: list[dict[str, Any]] = [
        {
            "code": f"r{n}", "name": f"r{n}", **(adds if n % 20 in (16, 18) else owner),
            "conditions": [
                {"fact": fact, "operator": operator, "value": value} for fact, operator, value in _conditions(n)
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
        {
            "type": dice.choice(TYPES), "work_unit": f"u{dice.randrange(397)}", "quantity": dice.randrange(2500),
            "window_min": dice.randrange(600), "reason": f"r{dice.randrange(90)}-x",
            "customer": f"c{dice.randrange(60)}",
            "value_at_risk": dice.randrange(61_000),
        }
        for _ in range(CASES)
    ]  # fmt: skip
