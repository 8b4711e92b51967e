"""A line is drilled: from its schedule through a real channel to everybody told, with a report and without a trace."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from core import clock
from core.errors import TransitionRefused
from decisions_app import services as decisions
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import EventKind, ExceptionRecord
from metrics_app.selectors import aligned_between, gather
from notify_app import services
from notify_app.drill_doctor import drills
from notify_app.models import DrillLine, DrillPlan, DrillRun, DrillStatus
from notify_app.services.drills import drill_source, next_time
from plant_app.models import Constraint, UnitState, WorkUnitState
from routing_app.models import RoutingCase
from tests.plant_fixtures import KolbeMini, build_kolbe_mini, put_to_work


@pytest.fixture
def plant(kolbe_mini: KolbeMini) -> KolbeMini:
    return put_to_work(kolbe_mini)


def plan_of(plant: KolbeMini, **more: Any) -> DrillPlan:
    values: dict[str, Any] = {
        "work_centre": plant.centres["PRESS"], "type": plant.types["machine_downtime"],
        "work_unit": plant.units["PRS-04"], "channel": "station", "at": time(10), "minutes": 30,
        "next_at": clock.now() - timedelta(minutes=1),
    }  # fmt: skip
    return DrillPlan.objects.create(**{**values, **more})


def work() -> None:
    """What the workers do in a few seconds."""
    services.run_drills()
    exceptions.read_due_signals()
    decisions.contain_due()
    services.send_due()
    decisions.refresh_due()


def opened() -> tuple[DrillRun, ExceptionRecord]:
    services.run_drills()
    run = DrillRun.objects.get()
    assert run.exception is not None
    return run, run.exception


def acknowledge_all(exception: ExceptionRecord) -> None:
    for response in exception.responses.filter(required=True, acknowledged_at=None).exclude(
        status="declined"
    ):
        exceptions.acknowledge(response_id=response.pk, actor=response.person, via="inbox")


def test_a_drill_goes_from_its_schedule_to_a_report_and_leaves_no_trace(plant: KolbeMini) -> None:
    plan = plan_of(plant)
    # given the hour of the drill, when the workers work
    work()
    run, record = opened()
    # then the signal has opened a record that says everywhere that it is a drill
    assert (run.status, run.handed_in_at is not None) == (DrillStatus.RUNNING, True)
    assert record.drill
    assert record.title.startswith("Drill: ")
    assert (record.type.code, record.work_unit, record.correlation_key) == (
        "machine_downtime", plant.units["PRS-04"], "",
    )  # fmt: skip
    assert mail.outbox
    assert all("Drill: " in message.subject for message in mail.outbox)
    # and nothing was contained, posted or limited
    assert (record.contained_at, record.contain_due_at, record.delay_cost) == (None, None, None)
    assert not Constraint.objects.exists()
    assert not Posting.objects.exists()
    assert WorkUnitState.objects.get(work_unit=plant.units["PRS-04"], until=None).state == UnitState.RUNNING
    # while it runs nothing is decided
    with pytest.raises(TransitionRefused) as refused:
        decisions.decide(
            exception_id=record.pk, option_code="repair_and_resume", actor=plant.people["bernd.hauser"],
            inputs={"expected_up_at": (clock.now() + timedelta(hours=1)).isoformat()},
        )  # fmt: skip
    assert refused.value.code == "decisions.drill"
    # when everybody answers it ends, passed
    acknowledge_all(record)
    services.run_drills()
    run.refresh_from_db()
    assert (run.status, run.failures) == (DrillStatus.PASSED, [])
    told = {line.person.username: line for line in run.lines.all() if line.person}
    keller = told["jonas.keller"]
    assert (keller.function, keller.level) == (plant.functions["maintenance"], 1)
    assert keller.told_at is not None
    assert keller.answered_by == str(plant.people["jonas.keller"])
    assert {line.channel for line in run.lines.all()} >= {"in_app", "email"}
    record.refresh_from_db()
    assert record.status == "cancelled"
    assert record.events.latest("pk").kind == EventKind.CANCELLED
    # it counts nowhere
    assert RoutingCase.objects.get().origin_ref == f"drill:{record.ref}"
    whole = gather(clock.now() - timedelta(days=1), clock.now() + timedelta(days=1), [plant.rhf])
    assert (whole.closed, whole.aligned, list(whole.unaligned)) == ([], [], [])
    # and the next one stands in four weeks at ten
    plan.refresh_from_db()
    assert plan.next_at is not None
    assert clock.now() < plan.next_at <= clock.now() + timedelta(days=29)
    assert list(drills()) == []


def test_a_real_stop_during_a_drill_is_a_record_of_its_own(plant: KolbeMini) -> None:
    plan_of(plant)
    work()
    _, record = opened()
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="station", site=plant.rhf), external_id="real", text="",
        fields={"type": "machine_downtime", "work_unit": "PRS-04", "state": "stopped"},
        reporter=plant.people["piotr.nowak"], site=plant.rhf,
    )  # fmt: skip
    real = exceptions.read_signal(signal_id=received.signal.pk).exception
    decisions.contain_due()
    assert real is not None
    assert real.pk != record.pk
    assert (real.drill, real.recurrence_of, real.title.startswith("Drill")) == (False, None, False)
    assert Constraint.objects.get().origin_ref == f"exception:{real.pk}"
    # aligned drills are in no figure, aligned stops are
    acknowledge_all(record)
    acknowledge_all(real)
    span = (clock.now() - timedelta(days=1), clock.now() + timedelta(days=1))
    assert [row.pk for row in aligned_between(*span, [plant.rhf])] == [real.pk]


def test_who_does_not_answer_in_time_fails_the_drill_and_the_doctor_says_so(plant: KolbeMini) -> None:
    plan_of(plant)
    work()
    run, record = opened()
    owner = record.responses.get(is_owner=True)
    exceptions.acknowledge(response_id=owner.pk, actor=owner.person, via="inbox")
    services.run_drills()
    run.refresh_from_db()
    assert run.status == DrillStatus.RUNNING
    DrillRun.objects.update(ends_at=clock.now() - timedelta(seconds=1))
    services.run_drills()
    run.refresh_from_db()
    assert run.status == DrillStatus.FAILED
    silent = record.responses.filter(required=True, acknowledged_at=None).exclude(status="declined")
    assert [words for words in run.failures if words.endswith("did not answer.")] == [
        f"{row.function}: {row.person} did not answer." for row in silent.order_by("pk")
    ]
    assert silent
    found = list(drills())
    assert [one.code for one in found] == ["XL-N040"]
    assert f"/drills/{run.pk}/" in found[0].cure
    # the report stays as it was written
    with pytest.raises(Exception, match="drill_report_stays"):
        DrillLine.objects.filter(run=run).update(detail="better")


def test_a_channel_that_takes_nothing_fails_the_drill(plant: KolbeMini, settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:9"
    plan_of(plant, channel="webhook")
    work()
    run = DrillRun.objects.get()
    assert run.status == DrillStatus.STARTING
    assert "did not take it" in run.error
    DrillRun.objects.update(ends_at=clock.now() - timedelta(seconds=1))
    services.run_drills()
    run.refresh_from_db()
    assert run.status == DrillStatus.FAILED
    assert run.failures[0].startswith("The signal could not be handed in for 1 min. http://127.0.0.1:9")
    assert not ExceptionRecord.objects.exists()
    DrillPlan.objects.update(next_at=clock.now() - timedelta(hours=2))
    assert [one.code for one in drills()] == ["XL-N040", "XL-N041"]


def test_a_signal_nobody_reads_fails_the_drill(plant: KolbeMini) -> None:
    plan_of(plant)
    services.run_drills()
    DrillRun.objects.update(ends_at=clock.now() - timedelta(seconds=1))
    services.run_drills()
    run = DrillRun.objects.get()
    assert (run.status, run.failures) == (DrillStatus.FAILED, ["The signal was not read within 1 min."])


@pytest.mark.django_db(transaction=True)
def test_the_webhook_drill_comes_over_the_network(live_server: Any, settings: Any) -> None:
    plant = put_to_work(build_kolbe_mini())
    settings.PUBLIC_URL = live_server.url
    plan = plan_of(plant, channel="webhook", next_at=None)
    run = services.begin_drill(plan_id=plan.pk, actor=plant.people["sofia.brandt"])
    with pytest.raises(TransitionRefused) as refused:
        services.begin_drill(plan_id=plan.pk)
    assert refused.value.code == "drills.running"
    work()
    run, record = opened()
    assert (record.channel, record.drill) == ("webhook", True)
    assert record.readings.get().signal.source == drill_source(plant.rhf)
    assert run.started_by == plant.people["sofia.brandt"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("last", "after", "following"),
    [
        (None, "2026-11-25T08:00+01:00", "2026-11-25T10:00+01:00"),
        (None, "2026-11-25T10:00+01:00", "2026-11-26T10:00+01:00"),
        ("2026-11-25T10:00+01:00", "2026-11-25T10:00+01:00", "2026-12-02T10:00+01:00"),
        # the hour is the plant's, on both sides of a change of the clocks
        ("2026-10-21T10:00+02:00", "2026-10-21T10:01+02:00", "2026-10-28T10:00+01:00"),
        # drills missed while everything was down are not made up for
        ("2026-09-01T10:00+02:00", "2026-11-25T12:00+01:00", "2026-11-26T10:00+01:00"),
    ],
)
def test_when_the_next_one_is(kolbe_mini: KolbeMini, last: str | None, after: str, following: str) -> None:
    moment = datetime.fromisoformat(last) if last else None
    plan = plan_of(kolbe_mini, every_days=7, next_at=moment)
    assert next_time(plan, datetime.fromisoformat(after)) == datetime.fromisoformat(following)


def test_pages_and_api_show_the_report_to_those_who_may(plant: KolbeMini) -> None:
    plan = plan_of(plant)
    work()
    run, record = opened()
    lead, operator = Client(), Client()
    lead.force_login(plant.people["robert.kolbe"])
    operator.force_login(plant.people["piotr.nowak"])
    page = lead.get("/drills/").content.decode()
    assert f'href="/drills/{run.pk}/"' in page
    assert "Drill now" not in page
    report = lead.get(f"/drills/{run.pk}/").content.decode()
    assert record.ref in report
    assert "Jonas Keller" in report
    assert operator.get("/drills/").status_code == 403
    assert operator.get(f"/drills/{run.pk}/").status_code == 404
    assert "Drill: " in lead.get("/").content.decode()
    rows = lead.get("/api/v1/drills/?line=PRESS").json()["results"]
    assert [(row["id"], row["line"], row["status"]) for row in rows] == [(run.pk, "PRESS", "running")]
    assert lead.get("/api/v1/drills/?line=GRIND").json()["results"] == []
    whole = lead.get(f"/api/v1/drills/{run.pk}/").json()
    assert {line["person"] for line in whole["lines"]} >= {"jonas.keller"}
    assert lead.post("/api/v1/drills/", {"plan": plan.pk}, content_type="application/json").status_code == 403
    admin = Client()
    admin.force_login(plant.people["sofia.brandt"])
    again = admin.post("/api/v1/drills/", {"plan": plan.pk}, content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "drills.running")
    assert [row["ref"] for row in lead.get("/api/v1/exceptions/?drill=true").json()["results"]] == [
        record.ref
    ]


def test_another_sites_reader_finds_no_drill(plant: KolbeMini) -> None:
    plan_of(plant)
    work()
    run, _ = opened()
    stranger = Client()
    stranger.force_login(plant.people["dana.brooks"])
    assert stranger.get(f"/drills/{run.pk}/").status_code == 404
    assert stranger.get("/api/v1/drills/").json()["results"] == []


def test_only_a_marked_source_makes_a_drill(plant: KolbeMini) -> None:
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="station", site=plant.rhf), external_id="sly", text="Drill: just a drill",
        fields={"type": "machine_downtime", "work_unit": "PRS-04", "state": "stopped", "drill": "true"},
        reporter=plant.people["piotr.nowak"], site=plant.rhf,
    )  # fmt: skip
    found = exceptions.read_signal(signal_id=received.signal.pk).exception
    decisions.contain_due()
    assert found is not None
    assert found.drill is False
    assert Constraint.objects.exists()


# --- missed ---------------------------------------------------------------------------------------------------------
BACK = datetime(2026, 11, 17, 13, 30, tzinfo=UTC)  # Tuesday, 14:30 in Rheinfelden


@pytest.mark.parametrize(
    ("every", "due_days_ago", "said"),
    [
        (28, 0, "Not held: nothing"),
        (7, 20, "Not held, 3 times in a row: nothing"),
        (1, 0, "Not held: nothing"),
    ],
)
def test_a_drill_missed_while_nothing_ran_is_recorded_with_why_and_made_up_once(
    plant: KolbeMini, every: int, due_days_ago: int, said: str
) -> None:
    hour = BACK.replace(hour=9, minute=0)  # 10:00 in Rheinfelden
    plan = plan_of(plant, every_days=every, next_at=hour - timedelta(days=due_days_ago))
    # given the product comes back hours after its time
    with clock.travel(BACK):
        services.run_drills()
        services.run_drills()
        # then nobody is called at that hour, and it stands there with why and when instead
        missed = DrillRun.objects.get()
        assert (missed.status, missed.started_at) == ("missed", hour - timedelta(days=due_days_ago))
        assert missed.failures == [f"{said} ran here at its hour. It is made up on Wed 18 Nov at 10:00."]
        assert not ExceptionRecord.objects.filter(drill=True).exists()
        plan.refresh_from_db()
        assert plan.next_at == hour + timedelta(days=1)
        finding = next(one for one in drills() if one.code == "XL-N042")
        assert missed.failures[0] in finding.summary
        page = Client()
        page.force_login(plant.people["ingrid.vogel"])
        assert "Missed" in page.get("/drills/").content.decode()
        assert missed.failures[0] in page.get(f"/drills/{missed.pk}/").content.decode()
    # when its hour comes it is held, once, and its rhythm goes on from there
    with clock.travel(hour + timedelta(days=1, seconds=30)):
        services.run_drills()
        services.run_drills()
        assert sorted(DrillRun.objects.values_list("status", flat=True)) == ["missed", "running"]
        plan.refresh_from_db()
        assert plan.next_at == hour + timedelta(days=1 + every)


def test_a_little_late_is_held_at_once_and_one_that_still_runs_is_missed_visibly(plant: KolbeMini) -> None:
    plan = plan_of(plant, next_at=clock.now() - timedelta(minutes=59))
    services.run_drills()
    assert DrillRun.objects.get().status == "running"
    DrillPlan.objects.filter(pk=plan.pk).update(next_at=clock.now() - timedelta(seconds=1))
    services.run_drills()
    missed = DrillRun.objects.get(status="missed")
    assert missed.failures[0].startswith(
        "Not held: the last drill of this line was still running. It is made up on "
    )
    assert DrillRun.objects.filter(status="running").count() == 1
    # the line's last result is still looked at
    assert [one.code for one in drills()] == ["XL-N042"]
