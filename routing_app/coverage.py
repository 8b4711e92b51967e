"""What only the plant and its past can say of a rule set: facts no case ever had, codes nobody keeps, shifts on which
nobody holds a role, ladders that wake no one then, and cases that fall to the catch-all.

Reads the roster and stored cases; writes nothing. What is wrong with the rules as such is in checks.py. Findings here
are warnings: the plant may be about to change.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists

from core import clock
from plant_app.models import Area, DutyAssignment, Shift, Site
from plant_app.selectors import DutyBook, ShiftBook
from routing_app import facts as catalogue
from routing_app import words
from routing_app.backtest import REHEARSAL
from routing_app.checks import WARNING, Problem
from routing_app.comparing import split_list
from routing_app.domains import region_of
from routing_app.engine import RulesetInvalid, compile_rules, evaluate
from routing_app.facts import Kind, Operator
from routing_app.models import RoutingCase
from routing_app.ruleset import REQUIRED, LadderSpec, RulesetSpec, RuleSpec

Choices = Callable[[str], list[tuple[str, str]]]

SEEN_DAYS: Final = 90
GAP_DAYS: Final = 30
#: Replayed for the gaps; a case takes about a quarter of a millisecond.
GAP_CASES: Final = 1000
_WEEK: Final = timedelta(days=7)
_NAMED: Final = 3
_COMPARED: Final = (Operator.IS, Operator.IS_NOT, Operator.ONE_OF, Operator.NONE_OF)


def problems(spec: RulesetSpec, choices_of: Choices) -> list[Problem]:
    """Everything the plant and its past have to say; `choices_of` gives the codes of a fact's source."""
    return [
        *unseen_facts(spec),
        *unknown_codes(spec, choices_of),
        *unstaffed(spec),
        *gaps(spec),
    ]


# --- facts ----------------------------------------------------------------------------------------------------
def unseen_facts(spec: RulesetSpec) -> list[Problem]:
    """Rules that ask about a fact no stored case of the last 90 days had; silent where no case is stored. One query."""
    asked: dict[str, list[RuleSpec]] = {}
    for rule in _speaking(spec):
        for fact in dict.fromkeys(condition.fact for condition in rule.conditions):
            if fact in catalogue.CATALOGUE:
                asked.setdefault(fact, []).append(rule)
    rows = RoutingCase.objects.filter(created_at__gte=clock.now() - timedelta(days=SEEN_DAYS)).order_by()
    # Each answer ends at the first case that has the fact; listing every key of every case takes seconds.
    probes = {f"had_{fact}": Exists(rows.filter(facts__has_key=fact)) for fact in asked}
    found = RoutingCase.objects.order_by("pk").annotate(**probes, stored=Exists(rows))
    had = found.values("stored", *probes).first()
    if had is None or not had["stored"]:
        return []
    return [
        Problem(
            WARNING,
            "fact_unseen",
            f"No case of the last {SEEN_DAYS} days had “{catalogue.CATALOGUE[fact].label}”, which {_names(rules)} "
            f"ask{_s(rules)} about.",
            rules[0].code,
        )
        for fact, rules in asked.items()
        if not had[f"had_{fact}"]
    ]  # fmt: skip


def unknown_codes(spec: RulesetSpec, choices_of: Choices) -> list[Problem]:
    """Conditions that name a code the plant does not keep: another area's, a misspelt supplier's. A query a source."""
    known: dict[str, set[str]] = {}
    found: list[Problem] = []
    for rule in _speaking(spec):
        for condition in rule.conditions:
            fact = catalogue.CATALOGUE.get(condition.fact)
            if fact is None or fact.kind is not Kind.CHOICE or condition.operator not in _COMPARED:
                continue
            codes = known.get(fact.code)
            if codes is None:
                listed = [*fact.choices, *(choices_of(fact.source) if fact.source else [])]
                codes = known[fact.code] = {code.casefold() for code, _ in listed}
            missing = [part for part in split_list(condition.value) if part.casefold() not in codes]
            if codes and missing:
                text = (
                    f"Rule {rule.number} “{rule.name}”: there is no {fact.label} “{'”, “'.join(missing)}” here, so "
                    "that is never met."
                )
                found.append(Problem(WARNING, "value_unknown", text, rule.code))
    return found


# --- people ---------------------------------------------------------------------------------------------------
def unstaffed(spec: RulesetSpec) -> list[Problem]:
    """Roles that have to answer, and ladders in use, that nobody holds when a shift next runs.

    Three queries a shift.
    """
    shifts = _next_shifts()
    if not shifts:
        return []
    places: dict[str, set[str]] = {}
    for area, code in Area.objects.values_list("code", "site__code"):
        places.setdefault(area.casefold(), set()).add(code.casefold())
    roles: dict[str, list[RuleSpec]] = {}
    ladders: dict[str, list[RuleSpec]] = {}
    for rule in _speaking(spec):
        required = [one.role for one in rule.functions if one.need == REQUIRED and one.place == words.HERE]
        owner = [rule.owner_role] if rule.owner_role and rule.owner_place == words.HERE else []
        for role in dict.fromkeys([*owner, *required]):
            roles.setdefault(role, []).append(rule)
        if rule.ladder:
            ladders.setdefault(rule.ladder, []).append(rule)
    by_code = {ladder.code: ladder for ladder in spec.ladders}
    wanted = set(roles) | {role for code in ladders if code in by_code for role in _climbed(by_code[code])}
    held = {(site.code, shift.code): _held(site, wanted, moment) for site, shift, moment in shifts}
    found: list[Problem] = []
    for role, rules in roles.items():
        gone = _without({role}, rules, shifts, held, places)
        if gone:
            name = words.label_of(words.ROLES, role)
            text = f"Nobody is {name} in {', '.join(gone)}; {_names(rules)} need{_s(rules)} one."
            found.append(Problem(WARNING, "role_off_shift", text, rules[0].code))
    for code, rules in ladders.items():
        ladder = by_code.get(code)
        gone = _without(_climbed(ladder), rules, shifts, held, places) if ladder else []
        if gone:
            text = f"Ladder {code} wakes no one in {', '.join(gone)}; {_names(rules)} climb{_s(rules)} it."
            found.append(Problem(WARNING, "ladder_off_shift", text, rules[0].code))
    return found


def _climbed(ladder: LadderSpec) -> set[str]:
    return {role for step in ladder.steps for role in step.roles}


def _without(
    roles: Collection[str], rules: Iterable[RuleSpec], shifts: list[tuple[Site, Shift, datetime]],
    held: dict[tuple[str, str], set[str]], places: dict[str, set[str]],
) -> list[str]:  # fmt: skip
    """Shifts of the sites the rules are about on which nobody holds any of `roles`."""
    sites = [_sites_of(rule, places) for rule in rules]
    return [
        f"{shift.name} at {site.code}"
        for site, shift, _ in shifts
        if held[site.code, shift.code].isdisjoint(roles)
        and any(one is None or site.code.casefold() in one for one in sites)
    ]


def _sites_of(rule: RuleSpec, places: dict[str, set[str]]) -> set[str] | None:
    """Sites a rule is about, in lower case; None for every site."""
    region = region_of(rule) or {}
    site = region["site"].values if "site" in region else None
    if site is not None:
        return set(site)
    areas = region["area"].values if "area" in region else None
    return None if areas is None else {site for area in areas for site in places.get(area, ())}


def _next_shifts() -> list[tuple[Site, Shift, datetime]]:
    """Each production shift of each site with duties, with a moment in its middle when it next runs within a week."""
    found: list[tuple[Site, Shift, datetime]] = []
    now = clock.now()
    staffed = DutyAssignment.objects.order_by().values_list("site", flat=True).distinct()
    for site in Site.objects.filter(pk__in=staffed).order_by("code"):
        book = ShiftBook.of(site)
        met: dict[int, tuple[Shift, datetime]] = {}
        moment = book.next_start(now)
        while moment is not None and moment < now + _WEEK:
            running = book.at(moment)
            if running is not None and running.shift.pk not in met:
                met[running.shift.pk] = (running.shift, running.start + (running.end - running.start) / 2)
            moment = book.next_start(moment)
        ordered = sorted(met.values(), key=lambda one: (one[0].position, one[0].code))
        found += [(site, shift, middle) for shift, middle in ordered]
    return found


def _held(site: Site, roles: Collection[str], moment: datetime) -> set[str]:
    """Roles somebody holds at a site and moment, on shift, as cover or on call."""
    book = DutyBook.read(site=site, duties=roles, at=moment)
    return {role for role in roles if book.holders(role)}


# --- gaps -----------------------------------------------------------------------------------------------------
def gaps(spec: RulesetSpec) -> list[Problem]:
    """How many of the newest openings of the last 30 days these rules leave to the catch-all, by type and site."""
    try:
        rules = compile_rules(spec)
    except RulesetInvalid:
        return []  # checks.py says so as an error
    since = clock.now() - timedelta(days=GAP_DAYS)
    rows = RoutingCase.objects.filter(opening__isnull=True, created_at__gte=since)
    rows = rows.exclude(origin_ref__startswith=REHEARSAL).order_by("-pk")
    listed = list(rows.values_list("facts", flat=True)[:GAP_CASES])
    last = rules.rules[-1].spec
    fallen: Counter[tuple[str, str]] = Counter()
    for facts in listed:
        if evaluate(facts, rules, trace=False).rule_code == last.code:
            fallen[str(facts.get("type") or ""), str(facts.get("site") or "")] += 1
    if not fallen:
        return []
    said = ", ".join(f"{count} {_case_words(*case)}" for case, count in fallen.most_common(6))
    more = f" and {len(fallen) - 6} more kinds" if len(fallen) > 6 else ""
    total = sum(fallen.values())
    text = f"{total} of {len(listed)} cases of the last {GAP_DAYS} days fall to the catch-all: {said}{more}."
    return [Problem(WARNING, "coverage_gap", text, last.code)]


def _case_words(type_code: str, site: str) -> str:
    kind = words.label_of(words.TYPES, type_code) if type_code else "of unknown type"
    return f"{kind} at {site}" if site else kind


def _speaking(spec: RulesetSpec) -> list[RuleSpec]:
    return [rule for rule in spec.rules if rule.enabled]


def _s(rules: list[RuleSpec]) -> str:
    return "s" if len(rules) == 1 else ""


def _names(rules: list[RuleSpec]) -> str:
    shown = ", ".join(f"rule {rule.number} “{rule.name}”" for rule in rules[:_NAMED])
    return f"{shown} and {len(rules) - _NAMED} more" if len(rules) > _NAMED else shown
