"""Sentences, differences, checks, the doctor and the command."""

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from core import clock, doctor
from plant_app.models import Duty, DutyAssignment, Function, User
from routing_app import checks, diff, sentences, services
from routing_app.doctor import draft_is_sound, draft_not_forgotten, rules_published, rules_wake_somebody
from routing_app.models import ClockLimit, Rule, RuleCondition, RuleVersion
from routing_app.ruleset import ConditionSpec, RulesetSpec, RuleSpec
from routing_app.selectors import draft_spec
from routing_app.services.publishing import default_ruleset
from tests.factories import SiteFactory


def shipped(code: str) -> RuleSpec:
    return next(rule for rule in default_ruleset().rules if rule.code == code)


def changed(which: str, /, **fields: object) -> RulesetSpec:
    spec = default_ruleset()
    return replace(spec, rules=tuple(replace(r, **fields) if r.code == which else r for r in spec.rules))


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("downtime-electrical", "When type is machine downtime and reason begins with ELE: maintenance (technician, "
         "skill electrical) owns it; production and planning must acknowledge; ladder MNT."),
        ("bottleneck", "When the unit is a bottleneck: production (area manager) is informed; urgency at least high. "
         "Then the next rules are read."),
        ("outside-shifts", "When the area is not staffed: time to acknowledge × 2 unless critical. Then the next rules "
         "are read."),
        ("catch-all", "Everything else: planning (planner) takes it for triage; acknowledge in 15 min; ladder LAB."),
    ],
)  # fmt: skip
def test_sentences(code: str, sentence: str) -> None:
    assert sentences.sentence(shipped(code)) == sentence


def test_every_shipped_rule_has_a_sentence_of_its_own() -> None:
    said = [sentences.sentence(rule) for rule in default_ruleset().rules]

    assert len(set(said)) == len(said)
    assert not [one for one in said if "_" in one.replace("stopped_now", "")]


def test_a_broken_condition_still_has_words() -> None:
    assert (
        sentences.condition_sentence(ConditionSpec("colour", "is", "red")) == "colour (no such fact) is red"
    )


def test_differences_name_what_changed_and_not_what_only_shifted() -> None:
    before = default_ruleset()
    without = replace(before, rules=tuple(r for r in before.rules if r.code != "tooling"))

    assert diff.changes(before, before) == []
    assert [(c.kind, c.code) for c in diff.changes(before, without)] == [("removed", "tooling")]
    assert [(c.kind, c.code) for c in diff.changes(without, before)] == [("added", "tooling")]
    assert [c.kind for c in diff.changes(None, before)] == ["added"]


def test_a_moved_rule_is_one_change() -> None:
    before = default_ruleset()
    rules = list(before.rules)
    rules.insert(3, rules.pop(20))
    data = replace(before, rules=tuple(rules)).as_dict()

    assert [(c.kind, c.code) for c in diff.changes(before, RulesetSpec.from_dict(data))] == [
        ("moved", before.rules[20].code)
    ]


def test_changed_limits_and_ladders_are_named() -> None:
    before = default_ruleset()
    ladders = tuple(replace(one, steps=one.steps[:2]) if one.code == "PUR" else one for one in before.ladders)
    limits = {key: value for key, value in before.limits.items() if key != ("tooling", "low")}
    after = replace(before, ladders=ladders, limits=limits, other_acknowledge={"critical": 5})

    assert [(c.kind, c.code) for c in diff.changes(before, after)] == [
        ("changed", "ladder:PUR"),
        ("removed", "limits:tooling"),
        ("changed", "others"),
    ]


def test_differences_are_said_in_words_people_use() -> None:
    before = default_ruleset()
    data = before.as_dict()
    rules = data["rules"]
    rules[1], rules[2] = rules[2], rules[1]
    rules.insert(0, {**rules[5], "code": "new-one", "name": "New one"})
    data["limits"]["machine_downtime"]["high"]["acknowledge"] = 7
    data["other_acknowledge"]["high"] = 25
    found = {
        change.kind + " " + change.code: change
        for change in diff.changes(before, RulesetSpec.from_dict(data))
    }

    moved = next(change for change in found.values() if change.kind == "moved")
    # its number may be the same once a rule came above it: where it stands says more
    assert moved.text in {
        f"Rule “{rules[2]['name']}” now stands after “{rules[1]['name']}”.",
        f"Rule “{rules[3]['name']}” now stands after “{rules[2]['name']}”.",
    }
    limits = found["changed limits:machine_downtime"]
    assert (limits.before, limits.after) == (
        "acknowledge 10, decide 30, resolve 240 min", "acknowledge 7, decide 30, resolve 240 min",
    )  # fmt: skip
    others = found["changed others"]
    assert (others.before, others.after) == (
        "critical 10, high 20, normal 60, low 480 min", "critical 10, high 25, normal 60, low 480 min",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "fields", "level", "found"),
    [
        ("tooling", {"conditions": (ConditionSpec("colour", "is", "red"),)}, "error", "condition"),
        ("tooling", {"owner_role": ""}, "error", "owner"),
        ("tooling", {"ladder": "XYZ"}, "error", "ladder_unknown"),
        ("tooling", {"ladder": ""}, "warning", "ladder_missing"),
        ("tooling", {"owner_function": "canteen"}, "error", "function_unknown"),
        ("tooling", {"urgency_floor": "high", "urgency_cap": "low"}, "error", "bounds"),
        ("tooling", {"code": "flood"}, "error", "code_twice"),
        ("catch-all", {"enabled": False}, "error", "catch_all"),
        ("downtime", {"conditions": ()}, "warning", "unconditional"),
        ("tooling", {"conditions": (ConditionSpec("type", "is", "a"), ConditionSpec("type", "is", "b"))}, "warning",
         "contradiction"),
    ],
)  # fmt: skip
def test_checks_find(code: str, fields: dict[str, object], level: str, found: str) -> None:
    problems = checks.check(changed(code, **fields), functions=_functions())

    assert (level, found) in {(problem.level, problem.code) for problem in problems}


def _functions() -> set[str]:
    return {rule.owner_function for rule in default_ruleset().rules} | {"safety"}


def test_a_covered_rule_is_named_with_what_covers_it() -> None:
    spec = default_ruleset()
    rules = list(spec.rules)
    general = next(i for i, rule in enumerate(rules) if rule.code == "downtime")
    rules.insert(20, rules.pop(general))
    moved = RulesetSpec.from_dict(replace(spec, rules=tuple(rules)).as_dict())

    shadowed = {problem.rule for problem in checks.check(moved) if problem.code == "shadowed"}

    assert "downtime-electrical" in shadowed
    assert "tooling" not in shadowed


def test_a_rule_that_is_off_is_not_checked() -> None:
    spec = changed(
        "tooling", enabled=False, owner_role="", conditions=(ConditionSpec("colour", "is", "red"),)
    )

    assert checks.check(spec) == []


def _duty(duty: str) -> None:
    person, _ = User.objects.get_or_create(username="p")
    site = SiteFactory._meta.model.objects.first() or SiteFactory()
    DutyAssignment.objects.create(
        person=person, duty=duty, function=Function.objects.get(code="production"), site=site
    )


def _codes(found: object) -> list[str]:
    return [finding.code for finding in found]  # type: ignore[attr-defined]


def test_the_doctor_misses_published_rules(db: None) -> None:
    assert _codes(rules_published()) == ["XL-R001"]
    services.load_default_rules()
    assert _codes(rules_published()) == ["XL-R000"]


@pytest.mark.django_db(transaction=True)  # the history keeps the time of each edit's own transaction
def test_the_doctor_finds_a_forgotten_draft() -> None:
    services.load_default_rules()
    assert _codes(draft_not_forgotten()) == []
    Rule.objects.filter(code="flood").update(enabled=False)
    assert _codes(draft_not_forgotten()) == []

    with clock.travel(clock.now() + timedelta(days=8)):
        (finding,) = draft_not_forgotten()

    assert (finding.code, finding.level, finding.count) == ("XL-R003", doctor.Level.WARNING, 1)
    Rule.objects.filter(code="flood").update(enabled=True)
    with clock.travel(clock.now() + timedelta(days=8)):
        assert _codes(draft_not_forgotten()) == []


def test_the_doctor_finds_ladders_that_wake_nobody(published: RuleVersion) -> None:
    assert _codes(rules_wake_somebody()).count("XL-R004") == 8
    for duty in Duty.values:
        _duty(duty)
    assert _codes(rules_wake_somebody()) == []

    DutyAssignment.objects.filter(duty="buyer").delete()
    (finding,) = rules_wake_somebody()
    assert (finding.code, finding.summary) == ("XL-R005", "nobody holds buyer, which rules or ladders name")


def test_the_doctor_finds_a_draft_that_could_not_be_published(published: RuleVersion) -> None:
    assert _codes(draft_is_sound()) == []
    RuleCondition.objects.filter(rule__code="flood").update(value="many")

    assert _codes(draft_is_sound()) == ["XL-R006"]


def test_the_command_carries_rules_out_and_in(published: RuleVersion, tmp_path: Path) -> None:
    out = StringIO()
    call_command("rules", "export", stdout=out)
    path = tmp_path / "rules.json"
    data = json.loads(out.getvalue())
    data["limits"]["tooling"]["low"]["acknowledge"] = 90
    path.write_text(json.dumps(data), encoding="utf-8")

    call_command("rules", "import", str(path), stdout=StringIO())
    assert ClockLimit.objects.get(type_code="tooling", urgency="low").acknowledge == 90
    assert RuleVersion.objects.count() == 1

    call_command("rules", "import", str(path), "--publish", "From the repository", stdout=StringIO())
    assert RuleVersion.objects.get(number=2).note == "From the repository"
    assert draft_spec().as_dict() == data


def test_the_command_tests_routes(published: RuleVersion, tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    case = {"name": "tool", "facts": {"type": "tooling"},
            "expect": {"owner_role": "technician", "functions": ["planning", "quality", "production"]}}  # fmt: skip
    path.write_text(json.dumps([case]), encoding="utf-8")
    out = StringIO()
    call_command("rules", "test", str(path), stdout=out)
    assert "1 case routed as expected" in out.getvalue()

    case["expect"] = {"owner_role": "planner"}
    path.write_text(json.dumps([case]), encoding="utf-8")
    errors = StringIO()
    with pytest.raises(CommandError, match="1 expectation not met"):
        call_command("rules", "test", str(path), stderr=errors)
    assert 'owner_role is "technician", not "planner"' in errors.getvalue()


def test_the_command_refuses_what_is_no_rule_set(published: RuleVersion, tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    for text in ("{}", "nonsense", '{"format": 1, "rules": [{}]}', '{"format": 1, "rules": []}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(CommandError):
            call_command("rules", "import", str(path))
    assert draft_spec() == default_ruleset()
