"""Approvals, emergencies, the way back, root causes and follow-ups over HTTP: who may, what a refusal's code is."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from core import clock
from decisions_app import services as decisions
from decisions_app.models import Approval, RootCause, Task
from exceptions_app.models import ExceptionRecord
from plant_app.models import AccessGrant, User
from tests.decisions_app.conftest import Report, acknowledge_all, standing
from tests.decisions_app.test_api import post, problem
from tests.plant_fixtures import KolbeMini

SCRAP = {"option": "scrap", "inputs": {"quantity": "36", "reason": "DIM-SIZE"}, "reason": "not restorable"}


def read(user: User, path: str) -> Any:
    client = Client()
    client.force_login(user)
    return client.get(f"/api/v1/{path}")


@pytest.fixture
def held(plant: KolbeMini, report: Report) -> ExceptionRecord:
    exception = report(type="quality_hold", lot="L26-4471", reason="DIM-SIZE", qty_suspect="36")
    acknowledge_all(exception)
    exception.refresh_from_db()
    return exception


def test_a_yes_is_asked_for_listed_and_given_once(plant: KolbeMini, held: ExceptionRecord) -> None:
    asker, boss, path = (
        plant.people["stefan.roth"],
        plant.people["robert.kolbe"],
        f"exceptions/{held.ref}/approvals/",
    )
    # over the limit the decision is refused with whose yes would do
    refused = post(asker, f"exceptions/{held.ref}/decide/", SCRAP)
    assert problem(refused) == (403, "decisions.over_limit")
    assert refused.json()["approvers"] == ["plant_manager"]
    # who may not decide may not ask, who is of another site sees nothing
    AccessGrant.objects.filter(user=plant.people["piotr.nowak"]).update(role="operator")
    for who, status in (("piotr.nowak", 403), ("dana.brooks", 404)):
        assert problem(post(plant.people[who], path, SCRAP))[0] == status, who
    assert problem(post(asker, path, {**SCRAP, "inputs": {"quantity": "2", "reason": "DIM-SIZE"}})) == (
        409, "approvals.not_needed",
    )  # fmt: skip
    assert problem(post(asker, path, {**SCRAP, "option": "none"})) == (404, "decisions.option")
    assert problem(post(asker, path, {**SCRAP, "version": held.version - 1})) == (409, "exceptions.stale")
    assert not Approval.objects.exists()

    made = post(asker, path, SCRAP, **{"Idempotency-Key": "a-1"})
    again = post(asker, path, SCRAP, **{"Idempotency-Key": "a-1"})
    assert (made.status_code, again.json()) == (201, made.json())
    (row,) = made.json()
    assert (row["role"], row["why"], row["status"], row["end_code"], row["cost"]) == (
        "plant_manager", "limit", "waiting", "", "5112.00",
    )  # fmt: skip
    assert problem(post(asker, path, SCRAP)) == (409, "approvals.waiting")
    assert [one["id"] for one in read(boss, "approvals/").json()] == [row["id"]]
    assert read(asker, "approvals/").json() == []
    assert [one["id"] for one in read(plant.people["piotr.nowak"], path).json()] == [row["id"]]

    answer = f"approvals/{row['id']}"
    for who, verb, body, expected in (
        ("stefan.roth", "approve", {}, (403, "approvals.own")),
        ("anke.schulte", "approve", {}, (403, "approvals.not_yours")),
        ("anke.schulte", "withdraw", {}, (403, "approvals.not_yours")),
        ("robert.kolbe", "refuse", {}, (400, "approvals.reason")),
        ("robert.kolbe", "shrug", {}, (404, "approvals.none")),
        ("dana.brooks", "approve", {}, (404, "approvals.none")),
    ):
        AccessGrant.objects.filter(user=plant.people[who], site=plant.rhf).update(role="planner")
        assert problem(post(plant.people[who], f"{answer}/{verb}/", body)) == expected, (who, verb)
    assert standing(held) == "acknowledged"
    given = post(boss, f"{answer}/approve/", {"reason": "go"})
    assert (given.status_code, given.json()["status"], given.json()["end_code"]) == (
        200,
        "given",
        "approvals.given",
    )
    assert (given.json()["decision"], standing(held)) == (1, "decided")
    assert problem(post(boss, f"{answer}/approve/", {})) == (409, "approvals.ended")


def test_a_no_and_a_withdrawal_leave_the_record_undecided(plant: KolbeMini, held: ExceptionRecord) -> None:
    asker, path = plant.people["stefan.roth"], f"exceptions/{held.ref}/approvals/"
    AccessGrant.objects.filter(user=plant.people["robert.kolbe"]).update(role="planner")
    first = post(asker, path, SCRAP).json()[0]["id"]
    no = post(plant.people["robert.kolbe"], f"approvals/{first}/refuse/", {"reason": "sort first"})
    assert (no.json()["status"], no.json()["end_code"], no.json()["answer"]) == (
        "refused", "approvals.refused", "sort first",
    )  # fmt: skip
    second = post(asker, path, SCRAP).json()[0]["id"]
    back = post(asker, f"approvals/{second}/withdraw/", {})
    assert (back.json()["status"], back.json()["end_code"]) == ("withdrawn", "approvals.withdrawn")
    assert (standing(held), held.decisions.count()) == ("acknowledged", 0)


def test_an_emergency_is_taken_ratified_and_taken_back(plant: KolbeMini, held: ExceptionRecord) -> None:
    asker, path = plant.people["stefan.roth"], f"exceptions/{held.ref}"
    body = {**SCRAP, "emergency": True}
    assert problem(post(asker, f"{path}/decide/", body)) == (409, "decisions.no_emergency")
    ExceptionRecord.objects.filter(pk=held.pk).update(urgency="critical")
    assert problem(post(asker, f"{path}/decide/", {**body, "reason": ""})) == (
        403,
        "decisions.emergency_reason",
    )
    assert post(asker, f"{path}/decide/", body).json()["status"] == "decided"
    (row,) = read(plant.people["robert.kolbe"], "approvals/").json()
    assert (row["why"], row["decision"]) == ("ratify", 1)
    assert problem(post(asker, f"approvals/{row['id']}/withdraw/", {})) == (409, "approvals.ratify")
    assert problem(post(asker, f"{path}/reverse/", {"number": 7, "reason": "x"})) == (
        404, "decisions.decision",
    )  # fmt: skip
    assert problem(post(asker, f"{path}/reverse/", {"number": 1, "reason": " "}))[0] == 400
    assert standing(held) == "decided"
    assert (
        post(asker, f"{path}/reverse/", {"number": 1, "reason": "recount"}).json()["status"] == "acknowledged"
    )
    assert Approval.objects.get(pk=row["id"]).end_code == "approvals.taken_back"
    assert problem(post(asker, f"{path}/reverse/", {"number": 1, "reason": "again"})) == (
        404,
        "decisions.decision",
    )


def test_a_cause_and_a_follow_up_are_for_who_resolves(plant: KolbeMini, held: ExceptionRecord) -> None:
    planner, path = plant.people["ingrid.vogel"], f"exceptions/{held.ref}"
    due = (clock.now() + timedelta(days=3)).isoformat()
    follow_up = {"title": "Gauge check", "function": "quality", "due_at": due, "check_days": 30}
    AccessGrant.objects.filter(user=plant.people["piotr.nowak"]).update(role="leader")
    for name, body in (("root-cause", {"category": "worn_tool"}), ("follow-ups", follow_up)):
        assert problem(post(plant.people["piotr.nowak"], f"{path}/{name}/", body))[0] == 403, name
        assert problem(post(plant.people["tyler.reed"], f"{path}/{name}/", body))[0] == 404, name
    assert problem(post(planner, f"{path}/root-cause/", {"category": "nonsense"})) == (400, "causes.category")
    for wrong, code in (
        ({"function": "nobody"}, "tasks.function"),
        ({"due_at": (clock.now() - timedelta(days=1)).isoformat()}, "tasks.due"),
        ({"person": "nobody"}, "tasks.person"),
    ):
        assert problem(post(planner, f"{path}/follow-ups/", {**follow_up, **wrong})) == (400, code)
    assert post(planner, f"{path}/follow-ups/", {**follow_up, "check_days": 0}).status_code == 400
    assert (RootCause.objects.count(), Task.objects.filter(title="Gauge check").count()) == (0, 0)

    said = post(planner, f"{path}/root-cause/", {"category": "worn_tool", "text": "insert past its life"})
    assert (said.status_code, said.json()["name"], said.json()["said_by"]) == (
        200,
        "Worn tool",
        "ingrid.vogel",
    )
    made = post(planner, f"{path}/follow-ups/", follow_up, **{"Idempotency-Key": "f-1"})
    assert (made.status_code, made.json()["check_days"], made.json()["status"]) == (201, 30, "open")
    assert post(planner, f"{path}/follow-ups/", follow_up, **{"Idempotency-Key": "f-1"}).json() == made.json()
    task = made.json()["id"]
    assert [row["id"] for row in read(planner, "follow-ups/").json()] == [task]
    assert read(plant.people["tyler.reed"], "follow-ups/").json() == []
    off = f"tasks/{task}/call-off/"
    assert problem(post(plant.people["tyler.reed"], off, {"reason": "x"})) == (404, "tasks.none")
    assert post(planner, off, {"reason": ""}).status_code == 400
    assert post(planner, off, {"reason": "done with the line"}).json()["status"] == "cancelled"
    assert problem(post(planner, off, {"reason": "again"})) == (409, "tasks.ended")
    assert read(planner, "follow-ups/").json() == []
    # similar records are read by whoever sees the record
    assert read(planner, f"{path}/similar/").json() == []
    assert read(plant.people["tyler.reed"], f"{path}/similar/").status_code == 404
    assert decisions.check_follow_ups() == 0
