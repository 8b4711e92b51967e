"""The admin's pages of playbooks and decisions: they open, and refuse words that name nothing."""

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from decisions_app import services as decisions
from decisions_app.models import Comment, Decision, Option, OptionPosting, OptionTask, Playbook, Task
from plant_app.models import DutyAssignment, User
from tests.decisions_app.conftest import Report, acknowledge_all
from tests.plant_fixtures import KolbeMini


@pytest.fixture
def admin(plant: KolbeMini) -> Client:
    User.objects.filter(username="sofia.brandt").update(is_superuser=True, is_staff=True)
    client = Client()
    client.force_login(User.objects.get(username="sofia.brandt"))
    return client


def test_every_list_and_page_opens(plant: KolbeMini, admin: Client, report: Report) -> None:
    exception = report("press 4 down")
    acknowledge_all(exception)
    decisions.decide(
        exception_id=exception.pk, option_code="defer", inputs={"not_before": "2099-01-01T00:00"},
        actor=plant.people["ingrid.vogel"],
    )  # fmt: skip
    decisions.comment(exception_id=exception.pk, author=plant.people["ingrid.vogel"], text="on it")
    for model in (Playbook, Option, Decision, Task, Comment):
        address = f"/admin/decisions_app/{model._meta.model_name}/"
        assert admin.get(address).status_code == 200, address
        assert admin.get(f"{address}{model._default_manager.first().pk}/change/").status_code == 200, address


def test_what_was_decided_is_only_read(plant: KolbeMini, admin: Client) -> None:
    for model in (Decision, Task, Comment):
        assert admin.get(f"/admin/decisions_app/{model._meta.model_name}/add/").status_code == 403


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        (Playbook, "containment", ["unit_down", "fly_away"]),
        (Playbook, "containment", "unit_down"),
        (Option, "effects", ["fly_away"]),
        (Option, "deciders", ["king"]),
        (Option, "inputs", [{"name": "x", "kind": "colour"}]),
        (Option, "inputs", [{"kind": "text"}]),
        (Option, "inputs", [{"name": "x"}, {"name": "x"}]),
        (Option, "inputs", ["x"]),
        (OptionTask, "effects", ["fly_away"]),
        (OptionTask, "asks", [{"name": "x", "kind": "colour"}]),
        (OptionTask, "title", "Repair {machine}"),
        (OptionTask, "title", "Repair {"),
        (OptionTask, "due_input", "nowhere"),
        (OptionTask, "only_if", "nowhere=1"),
        (OptionPosting, "template", "fly_away"),
    ],
)
def test_words_that_name_nothing_are_refused(plant: KolbeMini, model: Any, field: str, value: Any) -> None:
    row = model.objects.order_by("pk").first()
    row.full_clean()
    setattr(row, field, value)
    with pytest.raises(ValidationError) as refused:
        row.full_clean()
    assert field in refused.value.message_dict


def test_the_form_says_so(plant: KolbeMini, admin: Client) -> None:
    playbook = Playbook.objects.get(type__code="machine_downtime")
    address = f"/admin/decisions_app/playbook/{playbook.pk}/change/"
    empty = {
        f"{prefix}-{name}_FORMS": "0" for prefix in ("options", "postings") for name in ("TOTAL", "INITIAL")
    }
    form = {"type": playbook.type_id, "estimate_minutes": "60", "clears": "person", **empty}
    answer = admin.post(address, {**form, "containment": '["fly_away"]'})
    assert answer.status_code == 200
    assert "Unknown plant effects: fly_away" in answer.content.decode()
    playbook.refresh_from_db()
    assert playbook.containment == ["unit_down"]


def option_form(admin: Client, option: Option, **changed: str) -> tuple[str, dict[str, str]]:
    """The option's page and what its form would post."""
    address = f"/admin/decisions_app/option/{option.pk}/change/"
    page = admin.get(address)
    form = page.context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    posted = {
        name: json.dumps(value) if isinstance(value, list | dict) else str(value)
        for name, value in data.items()
        if value is not None and value is not False
    }
    for inline in page.context["inline_admin_formsets"]:
        prefix = inline.formset.prefix
        posted |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    return address, {**posted, **changed}


def test_an_option_is_previewed_on_a_stored_record_and_nothing_is_saved(
    plant: KolbeMini, admin: Client, report: Report
) -> None:
    exception = report("press 4 down, hydraulic leak")
    option = Option.objects.get(code="defer", playbook__type=exception.type)
    address, posted = option_form(
        admin,
        option,
        name="Wait for it",
        approvals='[{"role": "plant_manager", "above": "100", "minutes": 30}]',
        _preview="1",
        _preview_ref=exception.ref,
    )
    shown = admin.post(address, posted)
    assert shown.status_code == 200
    words = shown.content.decode()
    for expected in (
        f"Wait for it on {exception.ref}",
        "plant manager, above 100 EUR, within 30 min",
        "Not before",
    ):
        assert expected in words
    option.refresh_from_db()
    assert (option.name, option.approvals, option.playbook.version) == ("Defer", [], 1)
    # a record of another type, or none, is said in words
    posted["_preview_ref"] = "EX-1999-000001"
    assert "called EX-1999-000001" in admin.post(address, posted).content.decode()
    # saved, it is a new version
    del posted["_preview"]
    assert admin.post(address, posted).status_code == 302
    option.refresh_from_db()
    assert (option.name, Playbook.objects.get(pk=option.playbook_id).version) == ("Wait for it", 2)


def test_an_option_nobody_could_approve_is_refused(plant: KolbeMini, admin: Client) -> None:
    DutyAssignment.objects.filter(duty="cs_lead").delete()
    option = Option.objects.get(code="scrap", playbook__type__code="quality_hold")
    address, posted = option_form(admin, option, approvals='[{"role": "cs_lead"}]')
    page = admin.post(address, posted)
    errors = page.context["adminform"].form.errors.as_data()
    assert [error.code for error in errors["approvals"]] == ["playbooks.role_nobody_has"]
    address, posted = option_form(admin, option, deciders='["cs_lead"]')
    errors = admin.post(address, posted).context["adminform"].form.errors.as_data()
    assert [error.code for error in errors["deciders"]] == ["playbooks.role_nobody_has"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("limits", {"king": "1"}, "playbooks.unknown_role"),
        ("limits", {"planner": "-1"}, "playbooks.amount"),
        ("approvals", [{"role": "king"}], "playbooks.unknown_role"),
        ("approvals", [{"role": "planner", "above": "x"}], "playbooks.amount"),
        ("approvals", [{"role": "planner", "severity": ["awful"]}], "playbooks.approvals"),
        ("approvals", [{"role": "planner"}, {"role": "planner"}], "playbooks.approvals"),
        ("message", "Dear {king}", "playbooks.unknown_word"),
        ("inputs", [{"name": "x", "kind": "choice"}], "playbooks.inputs"),
    ],
)
def test_refusals_have_codes(plant: KolbeMini, field: str, value: Any, code: str) -> None:
    option = Option.objects.filter(playbook__type__code="quality_hold").first()
    assert option is not None
    setattr(option, field, value)
    with pytest.raises(ValidationError) as refused:
        option.full_clean()
    assert [error.code for error in refused.value.error_dict[field]] == [code]
