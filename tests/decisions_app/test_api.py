"""The API's verbs: who may, what a repeat and a stale page get, how a refusal looks, how many queries options take."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core import clock
from decisions_app import services as decisions
from decisions_app.api_urls import VERBS
from decisions_app.models import Playbook
from decisions_app.selectors import options_for
from erp_sync.models import Posting
from exceptions_app.models import ExceptionRecord
from plant_app import access_rules
from plant_app.models import AccessGrant, ProgressReport, User
from tests.decisions_app.conftest import Report, acknowledge_all, standing
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"
REASON = {"reason": "as discussed"}
BODIES: dict[str, dict[str, Any]] = {
    "decide": {"option": "defer", "inputs": {"not_before": "2099-01-01T06:00"}, "reason": "slack is there"},
    "reverse": {"number": 1, **REASON},
    "resolve": REASON,
    "reopen": REASON,
    "cancel": REASON,
    "restore": REASON,
    "clear": {},
    "merge": {"into": "EX-0000-000000", **REASON},
    "split": {"signals": [1], **REASON},
    "comment": {"text": "on it"},
}
ACTIONS = {"reverse": "decide", "restore": "cancel"}


def post(user: User, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    client = Client()
    client.force_login(user)
    return client.post(f"/api/v1/{path}", body or {}, content_type="application/json", headers=headers)


def verb(user: User, exception: ExceptionRecord, name: str, body: Any = None, **headers: str) -> Any:
    return post(
        user, f"exceptions/{exception.ref}/{name}/", BODIES[name] if body is None else body, **headers
    )


@pytest.fixture
def down(plant: KolbeMini, report: Report) -> ExceptionRecord:
    exception = report(DOWN)
    acknowledge_all(exception)
    exception.refresh_from_db()
    return exception


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    body = answer.json()
    assert {"type", "title", "status", "code"} <= set(body)
    return answer.status_code, body["code"]


def test_each_verb_asks_for_its_access_role(plant: KolbeMini, down: ExceptionRecord) -> None:
    person = plant.people["piotr.nowak"]
    assert set(BODIES) == set(VERBS)
    for name in VERBS:
        may = access_rules.roles_for(f"exception.{ACTIONS.get(name, name)}")
        for role in ("operator", "responder", "planner", "administrator", "leader", "integrator"):
            if role in may:
                continue
            AccessGrant.objects.filter(user=person).update(role=role)
            assert problem(verb(person, down, name))[0] == 403, (name, role)
    assert standing(down) == "acknowledged"
    assert not down.decisions.exists()


def test_nobody_acts_on_another_sites_record(plant: KolbeMini, down: ExceptionRecord) -> None:
    for name in VERBS:
        assert verb(plant.people["dana.brooks"], down, name).status_code in {403, 404}, name
    assert standing(down) == "acknowledged"


def test_a_decision_answers_with_where_the_record_stands(plant: KolbeMini, down: ExceptionRecord) -> None:
    answer = verb(plant.people["ingrid.vogel"], down, "decide", {**BODIES["decide"], "version": down.version})
    down.refresh_from_db()
    assert answer.status_code == 200
    assert answer.json() == {
        "ref": down.ref, "status": "decided", "version": down.version, "next_step": down.next_step,
    }  # fmt: skip
    assert down.events.get(kind="decided").via == "api"


def test_a_repeated_request_decides_once_and_answers_the_same(
    plant: KolbeMini, down: ExceptionRecord
) -> None:
    who = plant.people["ingrid.vogel"]
    first = verb(who, down, "decide", **{"Idempotency-Key": "d-1"})
    again = verb(who, down, "decide", **{"Idempotency-Key": "d-1"})
    assert (first.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert down.decisions.count() == 1
    # without the key the second one is refused
    assert problem(verb(who, down, "decide")) == (409, "decisions.decided")


def test_a_stale_version_is_409_and_says_who_changed_what(plant: KolbeMini, down: ExceptionRecord) -> None:
    seen = down.version
    verb(plant.people["ingrid.vogel"], down, "decide")
    for name in ("reverse", "resolve", "cancel", "clear"):
        answer = verb(plant.people["ingrid.vogel"], down, name, {**BODIES[name], "version": seen})
        assert problem(answer) == (409, "exceptions.stale"), name
        assert answer.json()["changed_by"] == "Ingrid Vogel"
        assert answer.json()["change"]
        assert answer.json()["version"] > seen
    assert standing(down) == "decided"


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        ({"option": "nonsense"}, "decisions.option", 404),
        ({"option": "defer", "inputs": {}}, "decisions.inputs", 400),
        ({"option": "defer", "inputs": {"not_before": "some day"}}, "decisions.inputs", 400),
        (
            {"option": "defer", "inputs": {"not_before": "2099-01-01T00:00", "more": 1}},
            "decisions.inputs",
            400,
        ),
        (
            {
                "option": "run_on_alternate",
                "inputs": {"to_unit": "CNC-04", "quantity": "10", "setup": "5", "start": "2099-01-01T00:00"},
            },
            "decisions.inputs",
            400,
        ),
        (
            {
                "option": "run_on_alternate",
                "inputs": {
                    "to_unit": "PRS-03",
                    "quantity": "1e99",
                    "setup": "5",
                    "start": "0001-01-01T00:00+14:00",
                },
            },
            "decisions.inputs",
            400,
        ),
    ],
)
def test_a_refused_decision_is_a_problem_document_and_leaves_nothing(
    plant: KolbeMini, down: ExceptionRecord, body: dict[str, Any], code: str, status: int
) -> None:
    before = Posting.objects.count()
    answer = verb(plant.people["ingrid.vogel"], down, "decide", body)
    assert problem(answer) == (status, code)
    if code == "decisions.inputs":
        assert all(isinstance(words, str) and words for words in answer.json()["errors"].values())
    assert (down.decisions.count(), down.tasks.count(), Posting.objects.count()) == (0, 0, before)


def test_the_life_of_a_record_through_its_verbs(
    plant: KolbeMini, down: ExceptionRecord, report: Report
) -> None:
    planner = plant.people["ingrid.vogel"]

    def step(name: str, body: Any = None) -> str:
        answer = verb(planner, down, name, body)
        assert answer.status_code == 200, answer.content
        return str(answer.json()["status"])

    assert step("decide") == "decided"
    assert step("reverse") == "acknowledged"
    assert step("comment") == "acknowledged"
    assert step("clear") == "acknowledged"
    assert step("resolve") in {"resolved", "closed"}
    decisions.handle_settled()
    assert step("reopen") == "open"
    assert step("cancel") == "cancelled"
    assert step("restore") == "open"
    other = report("press 3 down")
    report("press 4 down, oil everywhere")
    signals = list(down.readings.order_by("pk").values_list("signal_id", flat=True))
    assert step("split", {"signals": signals[-1:], "reason": "another leak"}) == "open"
    assert problem(verb(planner, down, "split", {"signals": [10**9], **REASON}))[1] == "exceptions.split"
    assert step("merge", {"into": other.ref, "reason": "same pump"}) == "open"
    assert standing(down) == "cancelled"


def test_a_reason_is_asked_for_and_a_time_to_come_is_refused(plant: KolbeMini, down: ExceptionRecord) -> None:
    planner = plant.people["ingrid.vogel"]
    for name in ("resolve", "cancel"):
        assert verb(planner, down, name, {"reason": "  "}).status_code == 400
    later = (clock.now() + timedelta(hours=1)).isoformat()
    assert problem(verb(planner, down, "clear", {"at": later})) == (400, "exceptions.time")
    assert standing(down) == "acknowledged"


def test_a_task_is_finished_by_its_function_with_what_it_asks(
    plant: KolbeMini, down: ExceptionRecord
) -> None:
    verb(plant.people["ingrid.vogel"], down, "decide")
    task = down.tasks.get(code="counts")
    path = f"tasks/{task.pk}/finish/"
    assert problem(post(plant.people["lena.fischer"], path, {"result": {"good": "1"}})) == (
        403,
        "tasks.not_yours",
    )
    assert problem(post(plant.people["dana.brooks"], path, {"result": {"good": "1"}}))[0] == 404
    assert problem(post(task.person, path, {"result": {}})) == (400, "decisions.inputs")
    done = post(task.person, path, {"result": {"good": "10"}}, **{"Idempotency-Key": "t-1"})
    again = post(task.person, path, {"result": {"good": "10"}}, **{"Idempotency-Key": "t-1"})
    assert (done.status_code, again.json()) == (200, done.json())
    assert problem(post(task.person, path, {"result": {"good": "10"}})) == (409, "tasks.ended")
    assert ProgressReport.objects.filter(kind="count").count() == 1
    assert problem(post(task.person, "tasks/999999/finish/", {})) == (404, "tasks.none")


def test_progress_is_confirmed_once_and_never_refused_for_erps_sake(plant: KolbeMini) -> None:
    operation, person = plant.operations["WO-118193/20"], plant.people["piotr.nowak"]
    path = f"operations/{operation.pk}/progress/"
    body = {"kind": "count", "good": "10", "scrap": "1", "version": operation.version}
    first = post(person, path, body, **{"Idempotency-Key": "p-1"})
    again = post(person, path, body, **{"Idempotency-Key": "p-1"})
    assert (first.status_code, again.json()) == (200, first.json())
    posting = Posting.objects.get()
    assert (posting.kind, posting.payload["yield_qty"], posting.payload["scrap_qty"]) == (
        "confirmation",
        "128",
        "1",
    )
    assert problem(post(person, path, body)) == (409, "operation.stale_version")
    assert problem(post(plant.people["robert.kolbe"], path, body))[0] == 403
    assert problem(post(plant.people["carlos.mendez"], path, body))[0] == 404
    # counted to the end and finished a moment later: final, though nothing was made since
    post(person, path, {"kind": "count", "good": "31"})
    operation.refresh_from_db()
    assert post(person, path, {"kind": "finish"}).status_code == 200
    last = Posting.objects.order_by("-pk").first()
    assert last is not None
    assert (last.payload["final"], last.payload["total_yield"], last.status) == (True, "159", "local")
    assert "can't be posted" not in last.local_reason


def test_options_say_what_would_follow_within_a_bounded_number_of_queries(
    plant: KolbeMini, report: Report, count_of: Callable[[ExceptionRecord], int]
) -> None:
    cases = {
        "machine_downtime": report(DOWN),
        "material_shortage": report(
            type="material_shortage", item="SK-118", kind="soon", work_order="WO-118226"
        ),
        "quality_hold": report(type="quality_hold", lot="L26-4471", reason="DIM-SIZE", qty_suspect="36"),
        "order_change": report(type="order_change", so_line="40017810/10", kind="QTY-UP", new_value="170"),
        "labour_shortage": report(
            type="labour_shortage", work_centre="GRIND", missing="1", reason="ABS-LATE"
        ),
    }
    for code, exception in cases.items():
        number = Playbook.objects.get(type__code=code).options.count()
        assert count_of(exception) <= 16 + 14 * number, code
    views = {view.option.code: view for view in options_for(cases["machine_downtime"])}
    assert views["run_on_alternate"].values["to_unit"] == "PRS-03"
    cost, closing = views["run_on_alternate"].posts[-2:]
    assert cost.startswith("Cost downtime")
    assert closing == "Maintenance notification PRS-04, complete"
    assert any("PRS-03" in words for words in views["run_on_alternate"].who)


@pytest.fixture
def count_of(plant: KolbeMini) -> Callable[[ExceptionRecord], int]:
    """How many queries the options of a record take, read afresh."""

    def count(exception: ExceptionRecord) -> int:
        fresh = ExceptionRecord.objects.select_related("site", "type").get(pk=exception.pk)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            options_for(fresh, plant.people["ingrid.vogel"])
        return len(seen)

    return count


def test_options_over_http_say_who_may(plant: KolbeMini, down: ExceptionRecord) -> None:
    client = Client()
    client.force_login(plant.people["piotr.nowak"])
    rows = client.get(f"/api/v1/exceptions/{down.ref}/options/").json()
    assert [row["code"] for row in rows] == ["repair_and_resume", "run_on_alternate", "defer"]
    assert all(row["allowed"] is False and "is decided by" in row["why_not"] for row in rows)
    assert client.get("/api/v1/exceptions/EX-0000-000000/options/").status_code == 404
