"""What each option is said to bring about, for the five types, in figures one can reckon by hand.

The small plant of `test_windows`: Wednesday 25 November 2026, 08:00 UTC, 09:00 at the plant.
"""

from decimal import Decimal

import pytest

from core import clock
from decisions_app.selectors import OptionView, options_for
from exceptions_app.models import ExceptionRecord
from plant_app.models import WorkCentre
from tests.decisions_app.test_windows import NOW, at, plant, report  # noqa: F401  (the same plant, standing still)
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.built_at(NOW)


@pytest.fixture
def now(plant: KolbeMini) -> KolbeMini:  # noqa: F811
    return plant


def views(exception: ExceptionRecord) -> dict[str, OptionView]:
    return {view.option.code: view for view in options_for(exception)}


def test_a_stopped_machine(now: KolbeMini) -> None:
    found = views(report(now, type="machine_downtime", work_unit="CNC-04", state="stopped"))
    repair, alternate = found["repair_and_resume"], found["run_on_alternate"]
    # up at 09:00 as estimated, 2 h 36 left, 2 h 39 to grind: done 14:15 UTC, promised for the next morning
    assert [(one.label, one.projected, one.late) for one in repair.promises] == [
        ("40017733/10", at(14, 15), False)
    ]
    assert repair.orders == []
    # an hour's stop at 96.00
    assert (repair.cost, repair.cost_unknown) == (Decimal("96.00"), [])
    assert repair.who == [
        "Production: Enter the counts at the stop of CNC-04 by 09:15",
        "Maintenance: Repair CNC-04 by 10:00",
        "Quality: First piece after restart of CNC-04 by 10:15",
    ]
    assert repair.posts[-1] == "Maintenance notification CNC-04, complete"
    # 20 min set-up and 156 min on CNC-06 once its running order ends: WO-118231 waits there from 09:00
    assert any(words.startswith("WO-118231 ") and words.endswith(" later") for words in alternate.orders)
    assert "set-up 20 min 32.00 EUR" in alternate.cost_parts


def test_a_rate_erp_does_not_give_is_not_known(now: KolbeMini) -> None:
    WorkCentre.objects.update(cost_per_hour=0)
    found = views(report(now, type="machine_downtime", work_unit="CNC-04", state="stopped"))
    assert found["repair_and_resume"].cost == 0
    assert found["repair_and_resume"].cost_unknown == ["machine rate of 5-axis milling"]
    assert found["run_on_alternate"].cost_parts == []


def test_a_shortage(now: KolbeMini) -> None:
    short = report(now, type="material_shortage", item="SK-118", kind="soon", work_order="WO-118226")
    found = views(short)
    # the next receipt is promised for 04:00 on the 26th: 2 h 49 of work after it, planned to end at 13:49
    expedite = found["expedite"]
    assert expedite.values["arrival"] == at(4, day=26).isoformat()
    assert [(one.label, one.projected) for one in expedite.promises] == [("40017791/10", at(6, 49, day=26))]
    assert expedite.orders[0] == "WO-118226 done Thu 26 07:49, 17 h 00 later"
    # staged in a quarter of an hour: nothing moves
    assert found["substitute"].orders == []
    assert [one.projected for one in found["substitute"].promises] == [at(13, 49)]
    assert [one.late for one in found["reschedule"].promises] == [False]


def test_a_suspect_lot(now: KolbeMini) -> None:
    found = views(report(now, type="quality_hold", lot="L26-4471", reason="DIM-SIZE", qty_suspect="18"))
    assert found["scrap"].cost == Decimal("2556.00")
    assert any(words.startswith("Scrap 18") for words in found["scrap"].posts)
    assert any(words.startswith("Release 18") for words in found["use_as_is"].posts)
    assert found["use_as_is"].cost == 0
    assert all(view.who for view in found.values())


def test_a_changed_order(now: KolbeMini) -> None:
    found = views(report(now, type="order_change", so_line="40017733/10", kind="QTY-UP", new_value="60"))
    assert found["accept"].orders == ["WO-118204 60 instead of 48"]
    assert found["reject"].orders == []
    assert [one.late for one in found["reject"].promises] == [False]
    assert any(words.startswith("Quantity of 40017733/10 to 60") for words in found["accept"].posts)
    assert not any(words.startswith("Quantity") for words in found["reject"].posts)


def test_a_missing_crew(now: KolbeMini) -> None:
    found = views(report(now, type="labour_shortage", work_centre="GRIND", missing="1", reason="ABS-LATE"))
    # WO-118204 is to be ground from 12:00 to 14:39: whoever comes before moves nothing
    assert [one.projected for one in found["reassign"].promises] == [at(14, 39)]
    assert all("with fewer hands" in words for words in found["reassign"].orders)
    assert found["reassign"].orders
    assert found["overtime"].option.expedited
    assert not found["reassign"].option.expedited
    assert clock.now() == NOW
