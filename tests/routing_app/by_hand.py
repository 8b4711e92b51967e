"""Routing once more, written from docs/routing.md alone and as plainly as can be: what tests hold the engine against.

Reads a rule set's JSON form and stored facts. Uses nothing of the engine: no index, no compiled closures, no shared
arithmetic, no shared vocabularies.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

BANDS = ["low", "normal", "high", "critical"]
LEADS = {
    "production": "shift_supervisor", "maintenance": "maintenance_lead", "quality": "quality_engineer",
    "logistics": "logistics_lead", "procurement": "purchasing_lead", "planning": "planning_lead",
    "customer_service": "cs_lead", "engineering": "engineering_lead", "safety": "safety_duty",
}  # fmt: skip
Rules = dict[str, Any]
Facts = dict[str, Any]


def holds(condition: dict[str, str], facts: Facts) -> bool:
    """Whether one condition is true; of what is unknown nothing is true."""
    if condition["fact"] not in facts:
        return False
    seen, how = facts[condition["fact"]], condition["operator"]
    if how in ("yes", "no"):
        return bool(seen) is (how == "yes")
    if how == "known":
        return True
    wanted = [part.strip().lower() for part in condition["value"].split(",")]
    if isinstance(seen, list):
        codes = {str(one).lower() for one in seen}
        found = len(codes & set(wanted))
        return {"includes": found > 0, "includes_any": found > 0, "includes_none": found == 0}[how]
    if how in ("less_than", "at_most", "more_than", "at_least", "between"):
        number = Decimal(str(seen))
        low, high = Decimal(wanted[0]), Decimal(wanted[-1])
        return {
            "less_than": number < low, "at_most": number <= low, "more_than": number > low, "at_least": number >= low,
            "between": low <= number <= high,
        }[how]  # fmt: skip
    word = str(seen).lower()
    if how in ("is", "is_not") and word.replace(".", "", 1).lstrip("-").isdigit():
        return (Decimal(word) == Decimal(wanted[0])) is (how == "is")
    return {
        "is": word == wanted[0], "is_not": word != wanted[0], "one_of": word in wanted, "none_of": word not in wanted,
        "contains": wanted[0] in word, "begins_with": any(word.startswith(part) for part in wanted),
    }[how]  # fmt: skip


def deciding(rules: Rules, facts: Facts) -> tuple[list[tuple[int, Rules]], tuple[int, Rules]]:
    """The add rules that spoke and the route rule that decided, each with its number."""
    adds = []
    for number, rule in enumerate(rules["rules"], start=1):
        if rule.get("enabled", True) is False:
            continue
        if rule.get("is_catch_all") or all(holds(one, facts) for one in rule.get("conditions", [])):
            if rule["kind"] == "route":
                return adds, (number, rule)
            adds.append((number, rule))
    raise AssertionError("nothing took it")


def points(facts: Facts) -> Decimal:
    """0 to 100: response window 30, severity 30, slack 20, tier 10, constraint 10."""

    def stepped(value: Any, steps: list[tuple[int, str]]) -> Decimal:
        return next(
            (Decimal(level) for limit, level in steps if Decimal(str(value)) <= limit), Decimal("0.05")
        )

    window = Decimal("0.4")
    if "window_min" in facts:
        steps = [(15, "1"), (60, "0.85"), (240, "0.6"), (480, "0.4"), (1440, "0.2")]
        window = stepped(facts["window_min"], steps)
    severity = {"critical": "1", "high": "0.7", "medium": "0.4", "low": "0.1"}.get(
        facts.get("severity", ""), "0.4"
    )
    slack = Decimal(1) if facts.get("commit_at_risk") else Decimal(0)
    if "hours_to_due" in facts:
        slack = stepped(facts["hours_to_due"], [(0, "1"), (4, "0.85"), (24, "0.6"), (72, "0.3")])
    tier = {"A": "1", "B": "0.5", "C": "0.2"}.get(facts.get("customer_tier", ""), "0")
    tight = any(facts.get(name) for name in ("bottleneck", "single_source", "sole_certificate"))
    return 30 * window + 30 * Decimal(severity) + 20 * slack + 10 * Decimal(tier) + 10 * Decimal(int(tight))


def bounds(facts: Facts, speaking: list[Rules]) -> tuple[list[str], list[str]]:
    floors = [rule["urgency_floor"] for rule in speaking if rule.get("urgency_floor")]
    caps = [rule["urgency_cap"] for rule in speaking if rule.get("urgency_cap")]
    if facts.get("type") == "safety_stop" or facts.get("customer_stopped"):
        floors.append("critical")
    if facts.get("shipped"):
        floors.append("critical" if facts.get("safety_characteristic") else "high")
    if facts.get("bottleneck") and (
        facts.get("kind") in ("stopped", "stopped_now") or facts.get("line_stopped")
    ):
        floors.append("high")
    if facts.get("order_within_24h") is False or facts.get("planned_stop"):
        caps.append("normal")
    return floors, caps


def band_of(facts: Facts, speaking: list[Rules], standing: tuple[str, int] | None) -> tuple[str, int]:
    """The band and how often in a row a lower one was asked for and not yet given."""
    total = points(facts)
    floors, caps = bounds(facts, speaking)
    wanted = "critical" if total >= 70 else "high" if total >= 50 else "normal" if total >= 25 else "low"
    wanted = min([wanted, *caps], key=BANDS.index)
    wanted = max([wanted, *floors], key=BANDS.index)
    if standing is None:
        return wanted, 0
    now, count = standing
    if BANDS.index(wanted) >= BANDS.index(now):
        return wanted, 0
    least = {"critical": 70, "high": 50, "normal": 25, "low": 0}[now]
    capped = any(BANDS.index(cap) < BANDS.index(now) for cap in caps)
    if total > least - 5 and not capped:
        return now, 0
    return (wanted, 0) if count == 1 else (now, count + 1)


def rounded(minutes: int, factor: Any) -> int:
    return int((minutes * Decimal(str(factor))).quantize(Decimal(1), ROUND_HALF_UP))


def clocks(
    rules: Rules, facts: Facts, band: str, adds: list[Rules], rule: Rules
) -> tuple[dict[str, Any], int]:
    """Limits of the type and band (or of its nearest more urgent, then milder band, or of any type)."""
    place = BANDS.index(band)
    order = [*BANDS[place:], *reversed(BANDS[:place])]
    limits: dict[str, Any] = {"acknowledge": 15, "decide": 60, "resolve": 480, "contain": None}
    rows = [
        rules["limits"][type_][near]
        for type_ in (facts.get("type", "*"), "*")
        for near in order
        if near in rules["limits"].get(type_, {})
    ]
    limits = dict(rows[0]) if rows else limits
    for name in ("acknowledge", "decide", "resolve"):
        limits[name] = rule.get(name) or limits[name]
    others = rules["other_acknowledge"].get(
        band, {"critical": 10, "high": 20, "normal": 60, "low": 480}[band]
    )
    factors = [Decimal(str(one["acknowledge_factor"])) for one in adds if one.get("acknowledge_factor")]
    if factors and band != "critical":
        limits["acknowledge"] = max(1, rounded(limits["acknowledge"], max(factors)))
        others = max(1, rounded(others, max(factors)))
    return limits, others


def ladder(rules: Rules, limit: int, adds: list[Rules], rule: Rules) -> list[tuple[Any, ...]]:
    """Levels with their roles, the minutes after the opening, how often each is told again and every how many."""
    found = [one for one in rules["ladders"] if one["code"] == rule.get("ladder")]
    owner = rule["owner_role"]
    if not found or not found[0]["steps"]:
        return [(1, [owner], 0, 0, 0)]
    steps = sorted(found[0]["steps"], key=lambda step: step["level"])
    routed = rule.get("start_level") or 1
    start = min(max([routed, *(one.get("start_level") or 1 for one in adds)]), steps[-1]["level"])
    levels: list[tuple[Any, ...]] = []
    for step in steps:
        if step["level"] < start:
            continue
        fixed = step["minutes"]
        after = fixed if fixed is not None else rounded(limit, step["factor"] or 0)
        roles = list(step["roles"])
        if not levels:
            after = 0
            roles = [owner] if start <= routed else [owner, *(one for one in roles if one != owner)]
        elif rule.get("early_level") is not None and step["level"] <= rule["early_level"]:
            after = min(after, rounded(limit, rule.get("early_factor") or 0))
        again = step.get("repeats") or 0
        levels.append((step["level"], roles, after, again, step.get("repeat_minutes", 0) if again else 0))
    return levels


def told(speaking: list[Rules], rule: Rules) -> set[tuple[str, str, str, str]]:
    """(function, role, required or informed or follows, place) of everybody beside the owner."""
    held: dict[tuple[str, str], tuple[str, str]] = {}
    follows: set[tuple[str, str]] = set()
    own = {"here", rule.get("owner_place", "here")}
    for one in [rule, *(other for other in speaking if other is not rule)]:
        for part in one.get("functions", []):
            function, role, need, place = part["function"], part["role"], part["need"], part["place"]
            if function == rule["owner_function"] and place in own:
                if role != rule["owner_role"]:
                    follows.add((function, role))
            elif (function, place) not in held:
                held[function, place] = (role, need)
            else:
                first = held[function, place]
                wins = need == "required" and first[1] != "required"
                winner, loser = ((role, need), first) if wins else (first, (role, need))
                held[function, place] = winner
                if winner[0] != loser[0]:
                    follows.add((function, loser[0]))
        lead = LEADS.get(rule["owner_function"], "") if one.get("lead_follows") else ""
        if lead and lead != rule["owner_role"]:
            follows.add((rule["owner_function"], lead))
    return {(function, role, need, place) for (function, place), (role, need) in held.items()} | {
        (function, role, "follows", "here") for function, role in follows
    }


def route(rules: Rules, facts: Facts, standing: tuple[str, int] | None = None) -> dict[str, Any]:
    """The whole route of one case."""
    adds, (number, rule) = deciding(rules, facts)
    only = [one for _, one in adds]
    band, count = band_of(facts, [*only, rule], standing)
    limits, others = clocks(rules, facts, band, only, rule)
    speaking = [*only, rule]
    return {
        "owner": (rule["owner_function"], rule["owner_role"], rule.get("owner_place", "here"),
                  rule.get("owner_skill", "")),
        "told": told(speaking, rule),
        "band": band, "count": count, "limits": limits, "others": others,
        "ladder": ladder(rules, limits["acknowledge"], only, rule),
        "rest": (rule.get("playbook") or facts.get("type", ""), bool(rule.get("to_triage")),
                 next((one["proposes_type"] for one in reversed(speaking) if one.get("proposes_type")), ""),
                 list(dict.fromkeys(one["mark"] for one in speaking if one.get("mark")))),
        "rule": rule["code"], "number": number, "caught": bool(rule.get("is_catch_all")),
    }  # fmt: skip
