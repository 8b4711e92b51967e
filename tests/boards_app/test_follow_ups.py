"""The page of follow-ups: overdue first, with owner, day, check and result; it costs the same however many."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from boards_app.selectors.follow_ups import follow_ups_page
from boards_app.selectors.frame import frame_for
from core import clock
from decisions_app import services as decisions
from decisions_app.models import Task
from tests.boards_app.conftest import As
from tests.decisions_app.conftest import Report
from tests.plant_fixtures import KolbeMini


def hand_out(plant: KolbeMini, ref_id: int, title: str, **more: Any) -> Task:
    given: dict[str, Any] = {
        "function_code": "maintenance",
        "due_at": clock.now() + timedelta(days=2),
        "check_days": 30,
        **more,
    }
    return decisions.add_task(
        exception_id=ref_id, title=title, blocking=False, actor=plant.people["ingrid.vogel"], **given
    )


def test_every_follow_up_is_listed_where_it_stands(plant: KolbeMini, report: Report, as_: As) -> None:
    record = report("press 4 down, hydraulic leak")
    jonas, now = plant.people["jonas.keller"], clock.now()
    late = hand_out(plant, record.pk, "Hose on the plan", person=jonas)
    Task.objects.filter(pk=late.pk).update(due_at=now - timedelta(days=1))
    hand_out(plant, record.pk, "Spare minimum", function_code="procurement", check_days=None)
    done = hand_out(plant, record.pk, "Filter changed", person=jonas)
    decisions.complete_task(task_id=done.pk, actor=jonas)
    helped = hand_out(plant, record.pk, "Seal replaced", person=jonas)
    Task.objects.filter(pk=helped.pk).update(
        status="done", done_at=now, check_result="effective", checked_at=now,
        check_words="nothing of its kind in 30 days",
    )  # fmt: skip
    failed = hand_out(plant, record.pk, "Pump cleaned", person=jonas)
    Task.objects.filter(pk=failed.pk).update(check_result="failed", check_words="came back: EX-1", reopened=2)

    context = follow_ups_page(frame_for(plant.people["ingrid.vogel"]))
    listed = {one.key: [row.task.title for row in one.rows] for one in context["sections"]}
    assert listed == {
        "overdue": ["Hose on the plan"],
        "open": ["Spare minimum", "Pump cleaned"],
        "check": ["Filter changed"],
        "checked": ["Seal replaced"],
    }
    rows = {row.task.title: row for one in context["sections"] for row in one.rows}
    assert (rows["Hose on the plan"].owner, rows["Hose on the plan"].may) == (str(jonas), True)
    assert (rows["Spare minimum"].owner, rows["Spare minimum"].check) == ("Nobody yet", "No check")
    assert rows["Hose on the plan"].check == "Checked 30 days after it is done"
    done.refresh_from_db()
    assert (rows["Filter changed"].check, rows["Filter changed"].check_at) == ("Check on", done.check_due_at)
    assert (rows["Pump cleaned"].result, rows["Pump cleaned"].bad) == (
        "Did not help (2 times): came back: EX-1",
        True,
    )
    assert rows["Seal replaced"].result == "Helped: nothing of its kind in 30 days"

    # a technician sees the same, may finish what is maintenance's, and may look at their own only
    mine = follow_ups_page(frame_for(jonas), whose="mine")
    found = {row.task.title: row.may for one in mine["sections"] for row in one.rows}
    assert "Spare minimum" not in found
    assert found["Hose on the plan"] is True
    assert not {row.task.title: row for one in follow_ups_page(frame_for(jonas))["sections"] for row in one.rows}[
        "Spare minimum"
    ].may  # fmt: skip
    # another site's people see nothing of it
    assert follow_ups_page(frame_for(plant.people["tyler.reed"]))["sections"] == []

    desk = as_("ingrid.vogel").get("/").content.decode()
    assert 'href="/follow-ups/"' in desk
    page = as_("ingrid.vogel").get("/follow-ups/").content.decode()
    assert page.index("Hose on the plan") < page.index("Spare minimum") < page.index("Filter changed")
    assert "Did not help (2 times): came back: EX-1" in page
    narrowed = as_("ingrid.vogel").get("/follow-ups/?function=procurement").content.decode()
    assert "Spare minimum" in narrowed
    assert "Hose on the plan" not in narrowed
    assert "No follow-up is open" in as_("tyler.reed").get("/follow-ups/").content.decode()


def test_the_list_costs_the_same_however_many_there_are(plant: KolbeMini, report: Report) -> None:
    record = report("press 4 down, hydraulic leak")

    def cost() -> int:
        with CaptureQueriesContext(connection) as seen:
            follow_ups_page(frame_for(plant.people["ingrid.vogel"]))
        return len(seen)

    hand_out(plant, record.pk, "First")
    cost()
    few = cost()
    for number in range(12):
        hand_out(plant, record.pk, f"Next {number}", due_at=clock.now() + timedelta(days=number + 1))
    assert cost() == few <= 10
