"""Rules as sentences people can check by reading: one per rule, one per condition, and for a stored trace.

Pure. Parts carry whether they are stressed, so that a page may set them bold and a file may print them plain.
Must not know HTML.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from routing_app import facts as catalogue
from routing_app import words
from routing_app.comparing import split_list
from routing_app.facts import Operator
from routing_app.ruleset import ADD, REQUIRED, ConditionSpec, FunctionSpec, RuleSpec

Part = tuple[str, bool]

#: Facts whose yes and no read better as a clause than as "is yes".
_CLAUSES: Final[Mapping[str, tuple[str, str]]] = {
    "bottleneck": ("the unit is a bottleneck", "the unit is no bottleneck"),
    "line_stopped": ("a whole line stands", "the line is not stopped"),
    "shipped": ("suspect lots have shipped", "nothing suspect has shipped"),
    "customer_stopped": ("the customer's line is stopped", "the customer's line runs"),
    "safety_characteristic": (
        "a safety or regulatory characteristic is concerned",
        "no safety characteristic is concerned",
    ),
    "supplier_lot": ("the lot came from a supplier", "the lot is our own"),
    "operation_running": ("the operation is running", "the operation is not running"),
    "sole_certificate": (
        "only one person holds the certificate",
        "more than one person holds the certificate",
    ),
    "single_source": ("there is a single source", "there is more than one source"),
    "long_lead": ("long-lead components are concerned", "no long-lead components are concerned"),
    "free_stock_other_site": ("the other site has free stock", "the other site has no free stock"),
    "commit_at_risk": ("a promise would be missed", "no promise would be missed"),
    "staffed": ("the area is staffed", "the area is not staffed"),
    "linked": ("it is linked to something in the plant", "it is linked to nothing in the plant"),
    "order_within_24h": (
        "the unit has an order in the next 24 h",
        "the unit has no order in the next 24 h",
    ),
    "planned_stop": ("the stop was planned", "the stop was not planned"),
}


def _joined(items: Iterable[str], word: str = "and") -> str:
    listed = list(items)
    if len(listed) < 2:
        return "".join(listed)
    return f"{', '.join(listed[:-1])} {word} {listed[-1]}"


def _shown(fact_code: str, value: str) -> str:
    """A code as people say it, where the catalogue knows it."""
    fact = catalogue.CATALOGUE.get(fact_code)
    choices = {code.casefold(): label for code, label in fact.choices} if fact else {}
    return choices.get(value.casefold(), value)


def condition_parts(condition: ConditionSpec) -> list[Part]:
    """“type is **machine downtime**” as parts."""
    fact = catalogue.CATALOGUE.get(condition.fact)
    if fact is None:
        return [(f"{condition.fact} (no such fact) {condition.operator} {condition.value}".rstrip(), True)]
    if fact.kind is catalogue.Kind.BOOL and condition.operator in (Operator.YES, Operator.NO):
        yes, no = _CLAUSES.get(fact.code, (f"{fact.label} is yes", f"{fact.label} is no"))
        return [(yes if condition.operator == Operator.YES else no, True)]
    lead = f"{fact.label} {catalogue.OPERATOR_WORDS.get(condition.operator, condition.operator)}"
    if condition.operator in catalogue.WITHOUT_VALUE:
        return [(lead, False)]
    values = [_shown(fact.code, part) for part in split_list(condition.value)] or ["(nothing)"]
    unit = f" {fact.unit}" if fact.unit else ""
    word = "and" if condition.operator == Operator.BETWEEN else "or"
    return [(f"{lead} ", False), (f"{_joined(values, word)}{unit}", True)]


def _function_words(functions: Iterable[FunctionSpec]) -> list[str]:
    words_ = []
    for one in functions:
        name = words.label_of(words.FUNCTIONS, one.function).lower()
        role = words.label_of(words.ROLES, one.role)
        place = f" {words.PLACES[one.place]}" if one.place != words.HERE and one.place in words.PLACES else ""
        duty = words.DUTY_OF.get(one.function)
        words_.append(f"{name}{place}" if one.role == duty else f"{name} ({role}){place}")
    return words_


def parts(rule: RuleSpec) -> list[Part]:
    """The whole rule as parts."""
    found: list[Part] = []
    if rule.is_catch_all:
        found.append(("Everything else", True))
        found.append((": ", False))
    elif not rule.conditions:
        found.append(("Always: ", False))
    else:
        found.append(("When ", False))
        for index, condition in enumerate(rule.conditions):
            if index:
                found.append((" and ", False))
            found.extend(condition_parts(condition))
        found.append((": ", False))
    found.extend(_effects(rule))
    return found


def _effects(rule: RuleSpec) -> list[Part]:
    clauses: list[list[Part]] = []
    if rule.kind != ADD:
        clauses.append(_owner(rule))
    required = _function_words(one for one in rule.functions if one.need == REQUIRED)
    informed = _function_words(one for one in rule.functions if one.need != REQUIRED)
    if required:
        clauses.append([(f"{_joined(required)} must acknowledge", False)])
    if informed:
        clauses.append([(f"{_joined(informed)} {'is' if len(informed) == 1 else 'are'} informed", False)])
    clauses.extend([(text, False)] for text in _clock_words(rule))
    if not clauses:
        clauses.append([("nothing more happens", False)])
    found: list[Part] = []
    for index, clause in enumerate(clauses):
        if index:
            found.append(("; ", False))
        found.extend(clause)
    found.append((".", False))
    if rule.kind == ADD:
        found.append((" Then the next rules are read.", False))
    return found


def _owner(rule: RuleSpec) -> list[Part]:
    if not rule.owner_function:
        return [("nobody owns it", True)]
    name = words.label_of(words.FUNCTIONS, rule.owner_function).lower()
    role = words.label_of(words.ROLES, rule.owner_role)
    skill = f", skill {rule.owner_skill}" if rule.owner_skill else ""
    place = f" {words.PLACES[rule.owner_place]}" if rule.owner_place == words.OTHER_SITE else ""
    verb = " takes it for triage" if rule.to_triage else " owns it"
    return [(f"{name} ({role}{skill}){place}", True), (verb, False)]


def _clock_words(rule: RuleSpec) -> list[str]:
    clock = [
        f"{verb} in {minutes} min"
        for verb, minutes in (
            ("acknowledge", rule.acknowledge),
            ("decide", rule.decide),
            ("resolve", rule.resolve),
        )
        if minutes is not None
    ]
    lines: list[tuple[object, Callable[[], str]]] = [
        (clock, lambda: _joined(clock)),
        (rule.urgency_floor, lambda: f"urgency at least {rule.urgency_floor}"),
        (rule.urgency_cap, lambda: f"urgency at most {rule.urgency_cap}"),
        (
            rule.acknowledge_factor,
            lambda: f"time to acknowledge × {rule.acknowledge_factor} unless critical",
        ),
        (rule.ladder, lambda: f"ladder {rule.ladder}{_start(rule)}"),
        (not rule.ladder and rule.start_level, lambda: f"the ladder starts at level {rule.start_level}"),
        (rule.early_level, lambda: _early(rule)),
        (rule.playbook, lambda: f"playbook {rule.playbook}"),
        (
            rule.proposes_type,
            lambda: f"proposes {words.label_of(words.TYPES, rule.proposes_type)} as the type",
        ),
        (rule.mark, lambda: words.label_of(words.MARKS, rule.mark)),
        (rule.lead_follows, lambda: "the lead of the owner's function follows"),
    ]
    return [say() for given, say in lines if given]


def _start(rule: RuleSpec) -> str:
    return f" from level {rule.start_level}" if rule.start_level and rule.start_level > 1 else ""


def _early(rule: RuleSpec) -> str:
    when = "at once" if not rule.early_factor else f"after {rule.early_factor.normalize():f} × the limit"
    return f"level {rule.early_level} is told {when}"


def sentence(rule: RuleSpec) -> str:
    """The rule as plain text."""
    return "".join(text for text, _ in parts(rule))


def condition_sentence(condition: ConditionSpec) -> str:
    return "".join(text for text, _ in condition_parts(condition))


def explain_line(condition: Mapping[str, Any]) -> str:
    """One condition of a stored trace: what was asked, what was seen."""
    asked = condition_sentence(
        ConditionSpec(condition["fact"], condition["operator"], condition.get("expected", ""))
    )
    if condition["result"] == "error":
        return f"{asked}: can't be read, {condition.get('error') or 'no reason given'}"
    if condition["result"] == "unknown":
        return f"{asked}: unknown"
    value = condition["value"]
    shown = {True: "yes", False: "no"}.get(value) if isinstance(value, bool) else None
    if shown is None:
        shown = _joined(str(one) for one in value) if isinstance(value, list) else str(value)
    return f"{asked}: {'yes' if condition['result'] == 'yes' else 'no'}, it is {_shown(condition['fact'], shown)}"
