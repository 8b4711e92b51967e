"""The matrix reads and writes ladders and limits of the draft; the history says who changed what; files by command."""

import io
import json
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from core.errors import DomainError
from plant_app.models import ExceptionType, User
from plant_app.services.catalogue import load_catalogue
from routing_app import services
from routing_app.clocks import Limits, Step
from routing_app.history import history_of, whole_history
from routing_app.matrix import Row, rows_of
from routing_app.models import ClockLimit, Ladder, Rule, RuleVersion
from routing_app.selectors import choices_of, draft_spec
from routing_app.services.publishing import default_ruleset
from tests.routing_app.test_admin import form_data


@pytest.fixture
def types(published: RuleVersion) -> None:
    load_catalogue()
    assert ExceptionType.objects.filter(code="tooling").exists()


def row_of(code: str, urgency: str = "high") -> Row:
    return next(
        row
        for row in rows_of(draft_spec(), urgency=urgency, types=choices_of("types"))
        if row.type_code == code
    )


def test_a_row_says_who_is_told_after_how_many_minutes(types: None) -> None:
    row = row_of("machine_downtime")

    assert (row.rule.code, row.ladder, row.limits.acknowledge) == ("downtime", "MNT", 10)
    assert [(cell.level, cell.roles, cell.minutes) for cell in row.cells] == [
        (1, ("technician",), 0),
        (2, ("maintenance_lead",), 10),
        (3, ("shift_supervisor",), 30),
        (4, ("area_manager",), 60),
        (5, ("plant_manager",), 240),
    ]
    assert any("ool" in name for name in row.shared)
    outcome = services.try_facts(facts={"type": "machine_downtime", "severity": "high"}, draft=True).outcome
    assert [level.roles for level in outcome.ladder] == [cell.roles for cell in row.cells]


def test_saving_a_row_changes_the_draft_alone(types: None, administrator: User) -> None:
    row = row_of("machine_downtime")
    steps = (*row.steps[:2], Step(3, ("area_manager", "shift_supervisor"), None, 45, 2, 10))
    limits = Limits(8, 25, 200, None)

    services.set_matrix_row(
        type_code="machine_downtime", urgency="high", limits=limits, steps=steps, actor=administrator
    )

    after = row_of("machine_downtime")
    assert (after.limits, after.steps, after.ladder) == (limits, steps, "MNT")
    assert row_of("tooling").steps == steps
    assert services.route(facts={"type": "machine_downtime"}).outcome.ladder[2].roles == ("shift_supervisor",)
    changed = {change["code"] for change in services.publish(actor=administrator).changes}
    assert changed == {"ladder:MNT", "limits:machine_downtime"}


def test_a_type_gets_a_ladder_of_its_own(types: None) -> None:
    row = row_of("tooling")
    steps = (Step(1, ("technician",), Decimal(0)), Step(2, ("engineer",), Decimal(2)))

    services.set_matrix_row(
        type_code="tooling", urgency="high", limits=row.limits, steps=steps, own_ladder=True
    )

    assert (row_of("tooling").ladder, row_of("tooling").steps) == ("MNT-2", steps)
    assert row_of("machine_downtime").steps == row.steps
    assert Rule.objects.get(code="downtime").ladder == Ladder.objects.get(code="MNT")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"type_code": "witchcraft"}, "routing.matrix_type"),
        ({"urgency": "soon"}, "routing.matrix_type"),
        ({"limits": Limits(30, 20, 200)}, "routing.matrix_limits"),
        ({"limits": Limits(0, 20, 200)}, "routing.matrix_limits"),
        ({"steps": (Step(1, ("wizard",), Decimal(0)),)}, "routing.matrix_steps"),
        ({"steps": ()}, "routing.matrix_steps"),
    ],
)
def test_a_wrong_row_changes_nothing(types: None, given: dict[str, Any], code: str) -> None:
    before = draft_spec().as_dict()
    row = row_of("machine_downtime")
    whole = {"type_code": "machine_downtime", "urgency": "high", "limits": row.limits, "steps": row.steps}

    with pytest.raises(DomainError) as refused:
        services.set_matrix_row(**{**whole, **given})

    assert refused.value.code == code
    assert draft_spec().as_dict() == before


def test_the_matrix_page_opens_and_saves_a_row(types: None, admin_pages: Client) -> None:
    address = reverse("admin:routing_app_rule_matrix") + "?urgency=high&edit=machine_downtime"
    page = admin_pages.get(address)
    data: dict[str, Any] = {}
    forms = [page.context["form"], page.context["formset"].management_form, *page.context["formset"].forms]
    for form in forms:
        data |= {
            bound.html_name: bound.value()
            for bound in form
            if bound.value() is not None and bound.value() is not False
        }

    assert admin_pages.post(address, data).status_code == 302
    assert draft_spec().as_dict() == RuleVersion.objects.get().snapshot
    wrong = admin_pages.post(address, data | {"steps-1-minutes": "7"})
    assert "Give either a factor" in wrong.content.decode()
    saved = admin_pages.post(address, data | {"limits-acknowledge": "9", "steps-1-factor": "2"}, follow=True)

    assert "Machine downtime: saved in the draft." in saved.content.decode()
    assert ClockLimit.objects.get(type_code="machine_downtime", urgency="high").acknowledge == 9
    assert Ladder.objects.get(code="MNT").steps.get(level=2).factor == 2


def test_the_history_says_who_changed_what(
    published: RuleVersion, admin_pages: Client, administrator: User
) -> None:
    rule = Rule.objects.get(code="shortage-window")
    address = reverse("admin:routing_app_rule_change", args=[rule.pk])
    data = form_data(admin_pages.get(address)) | {
        "owner_role": "logistics_lead",
        "conditions-1-value": "45",
    }
    assert admin_pages.post(address, data).status_code == 302

    newest = next(entry for entry in history_of(rule) if entry.who)  # one transaction: one moment for all
    lines = {line.text: line.fields for line in newest.lines}
    assert newest.who == (administrator.get_full_name() or administrator.username)
    assert lines["Rule “Short, window of an hour or less” changed."] == [
        ("owner role", "material handler", "logistics lead")
    ]
    assert ("value", "60", "45") in [one for fields in lines.values() for one in fields]
    page = admin_pages.get(reverse("admin:routing_app_rule_history", args=[rule.pk])).content.decode()
    assert "logistics lead" in page
    assert newest.who in page


def test_the_whole_history_keeps_what_is_gone(
    published: RuleVersion, admin_pages: Client, planner: User
) -> None:
    Rule.objects.get(code="tooling").delete()
    address = reverse("admin:routing_app_rule_whole_history")
    other = Client()
    other.force_login(planner)

    texts = [line.text for entry in whole_history() for line in entry.lines]
    assert any(text.startswith("Rule “") and text.endswith("removed.") for text in texts)
    assert admin_pages.get(address).status_code == 200
    assert other.get(address).status_code == 403


def test_dragging_puts_a_rule_before_another(
    published: RuleVersion, admin_pages: Client, administrator: User
) -> None:
    codes = [rule.code for rule in draft_spec().rules]
    moved, before = Rule.objects.get(code="tooling"), Rule.objects.get(code="safety-stop")
    address = reverse("admin:routing_app_rule_place", args=[moved.pk])

    assert admin_pages.get(address).status_code == 405
    admin_pages.post(address, {"before": str(before.pk)})
    now = [rule.code for rule in draft_spec().rules]
    assert now.index("tooling") == now.index("safety-stop") - 1
    assert sorted(now) == sorted(codes)
    assert now[-1] == codes[-1]
    said = [(entry.who, [line.text for line in entry.lines]) for entry in history_of(moved) if entry.who]
    assert said == [(administrator.get_full_name() or administrator.username, ["Rule “Tooling” moved up."])]

    catch_all = Rule.objects.get(is_catch_all=True)
    admin_pages.post(address, {"before": str(catch_all.pk)})
    assert [rule.code for rule in draft_spec().rules][-2:] == ["tooling", codes[-1]]
    admin_pages.post(reverse("admin:routing_app_rule_place", args=[catch_all.pk]), {"before": str(before.pk)})
    assert [rule.code for rule in draft_spec().rules][-1] == codes[-1]


def test_upload_preview_apply_in_the_admin(published: RuleVersion, admin_pages: Client) -> None:
    data = services.export_file(spec=draft_spec(), kind="csv").replace(b"Unit down,", b"Unit stands,")
    address = reverse("admin:routing_app_rule_import")

    def upload(content: bytes) -> Any:
        file = io.BytesIO(content)
        file.name = "rules.csv"
        return admin_pages.post(address, {"file": file, "mode": "replace"})

    bad = upload(data.replace(b",route,", b",rout,", 1))
    assert bad.status_code == 400
    assert "import.choice" in bad.content.decode()
    good = upload(data)
    preview = admin_pages.get(good.url).content.decode()
    assert "Rule “Unit down” is now called “Unit stands”." in preview
    assert Rule.objects.get(code="downtime").name == "Unit down"
    admin_pages.post(good.url)
    assert Rule.objects.get(code="downtime").name == "Unit stands"
    assert RuleVersion.objects.count() == 1
    for kind in services.FORMATS:
        answer = admin_pages.get(reverse("admin:routing_app_rule_export", args=[kind]))
        assert answer.content == services.export_file(spec=draft_spec(), kind=kind) or kind == "xlsx"
        assert f".{kind}" in answer["Content-Disposition"]


def test_the_command_keeps_rules_in_files(published: RuleVersion, tmp_path: Path) -> None:
    before = draft_spec().as_dict()
    for kind in services.FORMATS:
        path = tmp_path / f"rules.{kind}"
        call_command("rules", "export", str(path), stdout=StringIO())
        Rule.objects.filter(code="tooling").update(name="Edited")
        said = StringIO()
        call_command("rules", "import", str(path), "--dry-run", stdout=said)
        assert "is now called" in said.getvalue()
        assert Rule.objects.get(code="tooling").name == "Edited"
        call_command("rules", "import", str(path), stdout=StringIO())
        assert draft_spec().as_dict() == before


def test_the_command_tests_routes_in_a_pipeline(tmp_path: Path) -> None:
    """Without a database: this test has none."""
    rules, cases = tmp_path / "rules.json", tmp_path / "cases.json"
    rules.write_text(json.dumps(default_ruleset().as_dict()))
    good = {"name": "leak", "facts": {"type": "machine_downtime", "reason": "MEC-LEAK"},
            "expect": {"rule": "downtime-mechanical", "owner_role": "technician", "ladder": "MNT"}}  # fmt: skip
    cases.write_text(json.dumps([good]))
    said = StringIO()
    call_command("rules", "test", str(cases), "--rules", str(rules), stdout=said)
    assert said.getvalue() == "1 case routed as expected.\n"

    bad = [
        {**good, "expect": {"owner_role": "buyer", "colour": "red"}},
        {"facts": {"typo": "x"}, "expect": {"triage": True}},
        {"facts": {}},
    ]
    cases.write_text(json.dumps(bad))
    errors = StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("rules", "test", str(cases), "--rules", str(rules), stderr=errors)
    text = errors.getvalue()
    assert 'case 1 “leak”: owner_role is "technician", not "buyer"' in text
    assert "case 1 “leak”: “colour” can't be expected" in text
    assert "case 2: there is no fact “typo”" in text
    assert "case 3: a case is" in text
    assert refused.value.returncode == 1


def test_a_levels_channel_is_frozen_with_the_route(types: None) -> None:
    row = row_of("machine_downtime")
    steps = (row.steps[0], replace(row.steps[1], channel="phone"), *row.steps[2:])

    services.set_matrix_row(type_code="machine_downtime", urgency="high", limits=row.limits, steps=steps)
    version = services.publish(actor=None)

    assert row_of("machine_downtime").cells[1].channel == "text message or call"
    ladder = services.route(facts={"type": "machine_downtime"}).outcome.ladder
    assert [level.channel for level in ladder] == ["", "phone", "", "", ""]
    assert version.changes[0]["after"].count("text message or call") == 1
