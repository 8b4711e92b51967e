"""A root cause that is asked for: closing waits for it visibly, resolving by hand is refused without it."""

from datetime import timedelta

import pytest
from django.test import Client

from core import clock
from core.errors import InvalidInput, TransitionRefused
from decisions_app import services as decisions
from decisions_app.models import Playbook
from erp_sync.models import Posting
from exceptions_app.models import ExceptionRecord
from tests.decisions_app.conftest import Report, acknowledge_all, do, drain, standing
from tests.decisions_app.test_api import post, problem
from tests.erp_sync.scripted import Books
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"


def asked(how: str) -> None:
    Playbook.objects.filter(type__code="machine_downtime").update(cause_required=how)


def repaired(plant: KolbeMini, report: Report) -> ExceptionRecord:
    """A stop decided and repaired; ERP has had nothing of it yet."""
    exception = report(DOWN)
    acknowledge_all(exception)
    up = (clock.now() + timedelta(hours=1)).isoformat()
    decisions.decide(
        exception_id=exception.pk, option_code="repair_and_resume",
        inputs={"expected_up_at": up, "repair": "permanent", "first_piece": False}, actor=plant.people["bernd.hauser"],
    )  # fmt: skip
    do(exception, "counts", good="3", scrap="0")
    do(exception, "repair", cause="MEC-LEAK")
    exception.refresh_from_db()
    assert (exception.status, Posting.objects.filter(settled_at=None).exists()) == ("resolved", True)
    return exception


def test_what_erp_confirmed_waits_for_its_cause_and_closes_with_it(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    asked("always")
    exception = repaired(plant, report)
    owner = exception.owner
    said = f"{owner}: state the root cause, every machine downtime needs one"
    assert exception.next_step == f"{said}; ERP confirms what is open"
    drain()
    exception.refresh_from_db()
    # ERP has everything, and it is still not closed: its owner was told once, and the page asks
    assert not Posting.objects.filter(settled_at=None).exists()
    assert (exception.status, exception.closed_at, exception.next_step) == ("resolved", None, said)
    for _ in range(2):
        decisions.check_follow_ups()
    assert exception.tellings.filter(text__startswith="State the root cause", person=owner).count() == 1
    client = Client()
    client.force_login(plant.people["ingrid.vogel"])
    page = client.get(f"/exceptions/{exception.ref}/").content.decode()
    assert "State the root cause." in page
    assert "It closes only with its root cause: every machine downtime needs one" in page
    assert "Cause" in client.get("/").content.decode()
    with pytest.raises(InvalidInput):
        decisions.state_cause(exception_id=exception.pk, category="nonsense", text="", actor=owner)
    assert standing(exception) == "resolved"
    decisions.state_cause(exception_id=exception.pk, category="worn_part", text="hose", actor=owner)
    exception.refresh_from_db()
    assert (exception.status, exception.next_step) == ("closed", "")


def test_by_hand_it_is_refused_with_what_is_missing_and_taken_with_it(
    plant: KolbeMini, report: Report
) -> None:
    asked("always")
    exception = report(DOWN)
    acknowledge_all(exception)
    planner, path = plant.people["ingrid.vogel"], f"exceptions/{exception.ref}/resolve/"
    refused = post(planner, path, {"reason": "runs again"})
    assert problem(refused) == (409, "causes.required")
    assert refused.json()["missing"] == ["root_cause"]
    assert "worn_part" in refused.json()["categories"]
    assert problem(post(planner, path, {"reason": "runs again", "cause": "nonsense"})) == (
        400,
        "causes.category",
    )
    exception.refresh_from_db()
    assert (exception.status, exception.cleared_at) == ("acknowledged", None)
    # the page's question has the field
    client = Client()
    client.force_login(planner)
    question = client.get(f"/exceptions/{exception.ref}/dialogs/resolve/").content.decode()
    assert 'name="cause"' in question
    sent = client.post(f"/exceptions/{exception.ref}/resolve/", {"reason": "x", "cause": "worn_part"})
    assert sent.status_code == 302
    assert standing(exception) in {"resolved", "closed"}
    assert exception.root_cause.category.code == "worn_part"


def test_the_third_time_in_a_week_asks_for_it_and_severity_may(plant: KolbeMini, report: Report) -> None:
    planner, start = plant.people["ingrid.vogel"], clock.now() - timedelta(days=3)
    for day in range(2):
        with clock.travel(start + timedelta(days=day)):
            before = report(DOWN)
            decisions.resolve(exception_id=before.pk, actor=planner, reason="runs again")
    third = report(DOWN)
    assert third.route is not None
    assert third.route.outcome["marks"] == ["root_cause_required"]
    with pytest.raises(TransitionRefused) as missing:
        decisions.resolve(exception_id=third.pk, actor=planner, reason="runs again")
    assert missing.value.code == "causes.required"
    assert "a routing rule asks for it" in missing.value.message
    # by severity: only the severe ones, and none while the type offers no cause to choose
    asked("severe")
    other = report("press 3 down")
    for severity, expected in (("medium", False), ("high", True)):
        ExceptionRecord.objects.filter(pk=other.pk).update(severity=severity)
        question = _question(plant, other)
        assert ('name="cause"' in question) is expected, severity
    third.type.root_causes.update(active=False)
    assert 'name="cause"' not in _question(plant, other)


def _question(plant: KolbeMini, exception: ExceptionRecord) -> str:
    client = Client()
    client.force_login(plant.people["ingrid.vogel"])
    return client.get(f"/exceptions/{exception.ref}/dialogs/resolve/").content.decode()
