"""The admin's pages of playbooks and decisions: they open, and refuse words that name nothing."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from decisions_app import services as decisions
from decisions_app.models import Comment, Decision, Option, OptionPosting, OptionTask, Playbook, Task
from plant_app.models import User
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
