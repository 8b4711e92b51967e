"""Every option of the five types can be taken back: each posting has its way back or the reason why not.

The table is held against the shipped playbooks, and each option is really taken, sent to an ERP and taken back.
"""

from typing import Any

import pytest

from decisions_app import services as decisions
from decisions_app.posting_templates import BUILDERS
from decisions_app.reversals import EFFECTS, POSTINGS
from decisions_app.selectors import options_for
from decisions_app.services import effects
from decisions_app.services.loading import shipped
from erp_sync.kinds import KIND_NAMES
from erp_sync.models import Posting
from exceptions_app.models import ExceptionRecord
from plant_app.models import Constraint, ConstraintKind
from tests.decisions_app.conftest import Report, acknowledge_all, drain, standing
from tests.erp_sync.scripted import Books
from tests.plant_fixtures import KolbeMini

FIVE: dict[str, dict[str, Any]] = {
    "machine_downtime": {"text": "press 4 down, hydraulic leak"},
    "material_shortage": {"type": "material_shortage", "item": "SK-118", "kind": "stopped_now", "quantity_short": "24"},
    "quality_hold": {"type": "quality_hold", "lot": "L26-4471", "reason": "DIM-SIZE", "qty_suspect": "36"},
    "order_change": {"type": "order_change", "sales_line": "40017733/10", "kind": "DATE-LATER",
                     "requested_date": "2027-03-01"},
    "labour_shortage": {"type": "labour_shortage", "work_centre": "GRIND", "missing": "1", "reason": "ABS-LATE"},
}  # fmt: skip
OPTIONS = [(code, option["code"]) for code in FIVE for option in shipped()[code]["options"]]
GIVEN = {"text": "as agreed", "bool": True, "money": "0", "minutes": "20", "number": "1", "quantity": "1"}


def test_every_kind_and_every_effect_has_its_way_back() -> None:
    assert set(POSTINGS) == set(KIND_NAMES) - {"reversal"}
    assert set(EFFECTS) == set(effects.EFFECTS)
    assert all(way.words for way in (*POSTINGS.values(), *EFFECTS.values()))
    # what is said to be whole is really undone by one of the three ways effects know
    undone = set(effects._LIFTED_BY_REVERSAL) | effects._VALUES | set(effects._RESTORED)
    assert {name for name, way in EFFECTS.items() if way.whole} == undone


def test_every_template_of_a_shipped_option_exists() -> None:
    for code, pack in shipped().items():
        for option in pack["options"]:
            for posting in option.get("postings", []):
                assert posting["template"] in BUILDERS, (code, option["code"])


def inputs_for(exception: ExceptionRecord, code: str, plant: KolbeMini) -> dict[str, Any]:
    """What the form starts with, and something readable where it starts with nothing."""
    view = next(view for view in options_for(exception) if view.option.code == code)
    values = dict(view.values)
    for spec in view.option.inputs:
        name, kind = spec["name"], spec.get("kind", "text")
        if values.get(name) not in (None, "") or not spec.get("required"):
            continue
        values[name] = {
            "choice": (spec.get("choices") or ["x"])[0],
            "reason": "UNK",
            "purchase_line": "4500232/10",
            "location": "RHF-STO",
            "person": "tomas.ruiz",
            "work_centre": "PRS",
            "datetime": "2099-01-01T10:00",
            **GIVEN,
        }.get(kind, "")
    return values


@pytest.mark.parametrize(("kind", "option"), OPTIONS)
def test_an_option_is_taken_and_taken_back(
    plant: KolbeMini, erp: Books, report: Report, kind: str, option: str
) -> None:
    boss = plant.people["robert.kolbe"]
    boss.is_superuser = True
    boss.save()
    said = FIVE[kind]
    if option == "return_to_supplier":
        said = {**said, "lot": "L26-4388", "qty_suspect": "40"}
    exception = report(**said)
    assert exception.type.code == kind
    acknowledge_all(exception)
    drain()
    before = set(Posting.objects.values_list("pk", flat=True))
    opened = set(Constraint.objects.filter(lifted_at=None).values_list("kind", flat=True))
    decisions.decide(
        exception_id=exception.pk, option_code=option, inputs=inputs_for(exception, option, plant), actor=boss,
        reason="as seen",
    )  # fmt: skip
    drain()
    asked = Posting.objects.exclude(pk__in=before)
    decisions.reverse_decision(exception_id=exception.pk, number=1, actor=boss, reason="changed my mind")
    drain()
    # nothing of it is left waiting, and each thing ERP has got its counter-posting
    assert standing(exception) == "acknowledged"
    assert exception.tasks.filter(status="open").count() == 0
    for posting in asked.exclude(kind="reversal"):
        taken_back = posting.status == "cancelled" or posting.reversals.exists()
        assert taken_back, (posting.kind, posting.status)
        assert posting.kind in POSTINGS
    # the plan is limited by the condition alone again
    left = set(Constraint.objects.filter(lifted_at=None).values_list("kind", flat=True))
    assert left == opened
    assert not left & {ConstraintKind.PINNED, ConstraintKind.NOT_BEFORE}
    assert not exception.decisions.filter(reversed_at=None).exists()
