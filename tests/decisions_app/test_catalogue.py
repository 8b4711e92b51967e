"""The shipped playbooks and the catalogues they are written in hold together."""

import string
from typing import Any

import pytest

from decisions_app import catalogue
from decisions_app.inputs import NUMBERS, WORDS
from decisions_app.models import Clears, Option, OptionPosting, OptionTask, Playbook, Trigger
from decisions_app.posting_templates import BUILDERS
from decisions_app.references import _CHECKS
from decisions_app.services.effects import EFFECTS
from decisions_app.services.loading import load_default_playbooks, shipped
from decisions_app.wording import words_of
from exceptions_app.models import ExceptionRecord
from plant_app.models import Duty, ExceptionType, Function
from tests.decisions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

PACKS = shipped()
OPTIONS = [
    pytest.param(pack, option, id=f"{code}-{option['code']}")
    for code, pack in PACKS.items()
    for option in pack["options"]
]


def test_every_word_a_playbook_may_use_names_code_and_the_other_way_round() -> None:
    assert set(catalogue.EFFECTS) == set(EFFECTS)
    assert set(catalogue.TEMPLATES) == set(BUILDERS)
    assert set(catalogue.INPUT_KINDS) == NUMBERS | WORDS | {"datetime", "bool"}
    assert set(_CHECKS) <= set(catalogue.INPUT_KINDS)


def test_every_title_word_is_filled(plant: KolbeMini, report: Report) -> None:
    exception: ExceptionRecord = report("press 4 down")
    assert set(words_of(exception, {})) == set(catalogue.TITLE_WORDS)


@pytest.mark.parametrize("code", sorted(PACKS))
def test_every_pack_is_complete(code: str) -> None:
    pack = PACKS[code]
    assert set(pack["containment"]) <= set(EFFECTS)
    assert pack["clears"] in Clears.values
    assert pack["options"]
    codes = [option["code"] for option in pack["options"]]
    assert len(codes) == len(set(codes))
    for posting in pack.get("postings", []):
        assert posting["template"] in BUILDERS
        assert posting["trigger"] in {Trigger.CONTAIN, Trigger.CLEAR}


@pytest.mark.parametrize(("pack", "option"), OPTIONS)
def test_every_option_names_only_what_there_is(pack: dict[str, Any], option: dict[str, Any]) -> None:
    inputs = {entry["name"]: entry for entry in option["inputs"]}
    assert len(inputs) == len(option["inputs"])
    assert {entry["kind"] for entry in option["inputs"]} <= set(catalogue.INPUT_KINDS)
    assert set(option["deciders"]) <= set(Duty.values)
    assert option["deciders"]
    assert set(option["effects"]) <= set(EFFECTS)
    tasks = {task["code"]: task for task in option["tasks"]}
    assert len(tasks) == len(option["tasks"])
    assert any(task.get("blocking", True) for task in option["tasks"])
    for task in option["tasks"]:
        assert task["role"] in Duty.values
        if task.get("due_input"):
            assert inputs[task["due_input"]]["kind"] == "datetime"
        if task.get("only_if"):
            assert task["only_if"].partition("=")[0] in inputs
        assert set(task.get("effects", [])) <= set(EFFECTS)
        assert {entry["kind"] for entry in task.get("asks", [])} <= set(catalogue.INPUT_KINDS)
        named = {name for _, name, _, _ in string.Formatter().parse(task["title"]) if name is not None}
        assert named <= set(catalogue.TITLE_WORDS)
    for posting in option["postings"]:
        assert posting["template"] in BUILDERS
        if posting["trigger"] == "task":
            assert posting["task_code"] in tasks
        else:
            assert "task_code" not in posting
    if option.get("by_quantity"):
        assert inputs["quantity"]["required"] is True
    if pack["clears"] == "person":
        assert any(task.get("clears") for task in option["tasks"])
    if pack["clears"] == "release":
        signing = [task["role"] for task in option["tasks"] if task.get("clears")]
        assert sorted(signing) == ["safety_duty", "shift_supervisor"]


def test_every_type_is_loaded_once_and_an_administrators_change_stays(plant: KolbeMini) -> None:
    assert set(PACKS) == set(ExceptionType.objects.values_list("code", flat=True))
    assert Playbook.objects.count() == len(PACKS)
    assert set(OptionTask.objects.values_list("function__code", flat=True)) <= set(
        Function.objects.values_list("code", flat=True)
    )
    Option.objects.filter(code="defer").update(name="Postpone")
    assert load_default_playbooks() == 0
    assert set(Option.objects.filter(code="defer").values_list("name", flat=True)) == {"Postpone"}
    for row in (
        *Playbook.objects.all(),
        *Option.objects.all(),
        *OptionTask.objects.all(),
        *OptionPosting.objects.all(),
    ):
        row.full_clean()
