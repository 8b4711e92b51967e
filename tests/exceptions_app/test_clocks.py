"""A function's own clock: reminders, repeats, an idle acknowledgement, a held telling, who is asked, the watchdog."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from core import clock
from core.doctor import Level
from core.errors import DomainError
from exceptions_app import doctor, services
from exceptions_app.models import ExceptionEvent, ExceptionRecord, Response, Telling
from exceptions_app.rules import ladder as ladders
from exceptions_app.services.responses.watchdog import broken, forgotten
from plant_app.models import DutyAssignment, ExceptionType, Site, TypeFunction
from routing_app.models import LadderStep
from routing_app.services import publish
from tests.exceptions_app.conftest import MORNING, Report, owner_response, response_of
from tests.exceptions_app.test_api import client_of, post
from tests.plant_fixtures import KolbeMini

SECOND = timedelta(seconds=1)


@pytest.fixture
def stopped(plant: KolbeMini, report: Report) -> ExceptionRecord:
    """Grinder 2 is down."""
    exception = report("grinder 2 down, hydraulic leak").exception
    assert exception is not None
    return exception


def sweep(minutes: float, seconds: float = 0) -> int:
    with clock.travel(MORNING + timedelta(minutes=minutes, seconds=seconds)):
        return services.escalate_due()


def told(response: Response, reason: str) -> list[tuple[str, str]]:
    rows = Telling.objects.filter(response=response, reason=reason).order_by("pk")
    return [(row.person.username if row.person else "", row.text) for row in rows]


def refused(work: Any) -> str:
    with pytest.raises(DomainError) as refusal, transaction.atomic():
        work()
    return refusal.value.code


# --- reminders and repeats ------------------------------------------------------------------------------------
def test_who_is_asked_is_reminded_before_the_limit_and_at_its_end(stopped: ExceptionRecord) -> None:
    owner = owner_response(stopped)
    limit = owner.limit_minutes
    assert owner.remind_at == MORNING + timedelta(minutes=limit) * 0.75

    sweep(limit * 0.75, -1)
    assert told(owner, "reminder") == []
    sweep(limit * 0.75)
    sweep(limit * 0.75, 5)
    assert [who for who, _ in told(owner, "reminder")] == ["jonas.keller"]
    assert "please answer by" in told(owner, "reminder")[0][1]
    sweep(limit, 10)

    assert [who for who, _ in told(owner, "reminder")] == ["jonas.keller"] * 2
    assert "over the limit since" in told(owner, "reminder")[1][1]
    assert owner_response(stopped).remind_at is None
    sweep(10 * limit)
    assert len(told(owner, "reminder")) == 2


def test_a_yes_stops_the_reminders(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    planning = response_of(stopped, "planning")
    services.acknowledge(response_id=planning.pk, actor=planning.person, via="inbox")

    sweep(planning.limit_minutes + 1)

    assert told(planning, "reminder") == []
    answered = response_of(stopped, "planning")
    assert answered.remind_at is not None
    assert answered.lapses_at is not None
    assert answered.lapses_at == MORNING + timedelta(minutes=stopped.limits["lapse"])


def test_after_an_outage_one_reminder_says_the_true_age(stopped: ExceptionRecord) -> None:
    owner = owner_response(stopped)

    sweep(70)

    rows = told(owner, "reminder")
    assert len(rows) == 1
    assert "has not acknowledged for 1 h 10 min, over the limit since" in rows[0][1]
    assert {row.text for row in Telling.objects.filter(response=owner, reason="escalation")} == {
        "Maintenance has not acknowledged for 1 h 10 min"
    }


def test_a_level_is_told_again_as_often_as_its_ladder_says_and_stays_frozen(
    plant: KolbeMini, report: Report
) -> None:
    LadderStep.objects.filter(level=2).update(repeats=2, repeat_minutes=1)
    publish(actor=plant.people["ingrid.vogel"], note="again")
    exception = report("grinder 2 down, hydraulic leak").exception
    assert exception is not None
    LadderStep.objects.filter(level=2).update(repeats=9)
    owner, limit = owner_response(exception), exception.limits["acknowledge"]
    assert next(rung for rung in owner.ladder if rung["level"] == 2)["repeats"] == 2

    for minutes in (limit, limit + 1, limit + 2, limit + 3):
        sweep(minutes, 10)
        sweep(minutes, 15)

    level_two = [who for who, _ in told(owner, "escalation")]
    assert level_two == ["bernd.hauser"] * 3
    assert [text.startswith("Again: ") for _, text in told(owner, "escalation")] == [False, True, True]
    exception.refresh_from_db()
    assert exception.lapsed_levels == 1


def test_repeats_missed_in_an_outage_are_told_once() -> None:
    rungs = [
        {"level": 1, "roles": ["technician"], "after_minutes": 0},
        {"level": 2, "roles": ["lead"], "after_minutes": 10, "repeats": 3, "repeat_minutes": 5},
    ]
    due = ladders.nudge(
        rungs, start=MORNING, limit_minutes=10, level=2, reminders=2, repeats=0, now=MORNING + timedelta(minutes=21)
    )  # fmt: skip
    assert (due.repeat, due.repeats, due.remind) == (True, 2, False)
    assert due.next_at == MORNING + timedelta(minutes=25) + ladders.GRACE


# --- an acknowledgement nobody acts on --------------------------------------------------------------------------
@pytest.fixture
def idle(plant: KolbeMini, stopped: ExceptionRecord) -> Iterator[ExceptionRecord]:
    """Everybody has acknowledged, nobody does anything; its type's acknowledgements lapse after 40 minutes."""
    with transaction.atomic():
        exception = services.locked(stopped.pk)
        exception.limits["lapse"] = 40
        exception.next_escalation_at = MORNING + timedelta(days=1)
        exception.save(update_fields=["limits", "next_escalation_at"])
    for response in stopped.responses.filter(required=True):
        services.acknowledge(response_id=response.pk, actor=response.person, via="inbox")
    stopped.refresh_from_db()
    return stopped


def test_an_idle_acknowledgement_is_reminded_of_and_then_lapses(idle: ExceptionRecord) -> None:
    assert (idle.status, idle.aligned_at) == ("acknowledged", MORNING)
    for other in idle.responses.filter(is_owner=False, required=True):
        services.finish(response_id=other.pk, actor=other.person, via="inbox")

    sweep(29)
    assert told(owner_response(idle), "reminder") == []
    sweep(30)
    assert [who for who, _ in told(owner_response(idle), "reminder")] == ["jonas.keller"]
    sweep(39)
    idle.refresh_from_db()
    assert idle.status == "acknowledged"
    sweep(40)

    idle.refresh_from_db()
    owner = owner_response(idle)
    assert (idle.status, idle.acknowledged_at, idle.aligned_at) == ("open", None, None)
    assert idle.first_aligned_at == MORNING
    assert (owner.status, owner.acknowledged_at) == ("due", None)
    assert owner.due_at == MORNING + timedelta(minutes=40)
    assert idle.acknowledge_due_at == owner.acknowledge_due_at
    lapsed = idle.events.get(kind="acknowledgement_lapsed")
    assert lapsed.text == "Jonas Keller acknowledged and nothing happened for 40 min"
    assert told(owner, "reroute")[-1][0] == "jonas.keller"
    assert (idle.reroute_count, idle.lapsed_levels) == (0, 0)
    assert response_of(idle, "planning").status == "done"

    with clock.travel(MORNING + timedelta(minutes=41)):
        services.acknowledge(response_id=owner.pk, actor=owner.person, via="inbox")
    idle.refresh_from_db()
    assert (idle.status, idle.aligned_at) == ("acknowledged", MORNING + timedelta(minutes=41))
    assert idle.events.filter(kind="aligned").order_by("-pk")[0].data["again"] is True


def test_acting_stops_the_lapse_and_what_people_do_starts_it_anew(
    plant: KolbeMini, idle: ExceptionRecord
) -> None:
    with clock.travel(MORNING + timedelta(minutes=25)):
        ExceptionEvent.objects.create(
            exception=idle, kind="commented", actor=plant.people["jonas.keller"], text="valve is ordered"
        )
    sweep(41)
    assert told(owner_response(idle), "reminder") == []
    assert owner_response(idle).lapses_at == MORNING + timedelta(minutes=65)

    with clock.travel(MORNING + timedelta(minutes=42)):
        services.act(response_id=owner_response(idle).pk, actor=plant.people["jonas.keller"], via="inbox")
    sweep(300)
    idle.refresh_from_db()
    assert idle.status == "acknowledged"
    assert owner_response(idle).lapses_at is None


def test_after_an_outage_the_reminder_still_comes_before_the_lapse(idle: ExceptionRecord) -> None:
    sweep(120)
    idle.refresh_from_db()
    assert idle.status == "acknowledged"
    assert "nothing has happened for 2 h" in told(owner_response(idle), "reminder")[0][1]
    sweep(129)
    idle.refresh_from_db()
    assert idle.status == "acknowledged"
    sweep(130)
    idle.refresh_from_db()
    assert idle.status == "open"


def test_the_lapse_is_the_types_own_frozen_at_the_opening(plant: KolbeMini, report: Report) -> None:
    ExceptionType.objects.filter(code="machine_downtime").update(lapse_minutes=17)
    first = report("grinder 2 down, hydraulic leak").exception
    ExceptionType.objects.filter(code="machine_downtime").update(lapse_minutes=0)
    second = report("press 4 down, hydraulic leak").exception
    assert first is not None
    assert second is not None
    assert (first.limits["lapse"], second.limits["lapse"]) == (17, 0)
    services.acknowledge(
        response_id=owner_response(second).pk, actor=plant.people["jonas.keller"], via="inbox"
    )
    assert owner_response(second).lapses_at is None


# --- every function's acknowledgement ------------------------------------------------------------------------------
def test_any_required_functions_acknowledgement_is_reminded_of_once_and_asked_anew_with_its_ladder(
    plant: KolbeMini, idle: ExceptionRecord
) -> None:
    planning = response_of(idle, "planning")
    who = planning.person
    assert who is not None
    # the owner works on it all the time, planning does nothing
    with clock.travel(MORNING + timedelta(minutes=5)):
        services.act(response_id=owner_response(idle).pk, actor=plant.people["jonas.keller"], via="inbox")
        production = response_of(idle, "production")
        services.finish(response_id=production.pk, actor=production.person, via="inbox")

    sweep(30, -1)
    assert told(planning, "reminder") == []
    sweep(30)
    sweep(35)
    assert told(planning, "reminder") == [
        (
            who.username,
            "Planning acknowledged, and nothing has happened for 30 min; at 10:54 it is asked again",
        )
    ]
    sweep(40, -1)
    assert response_of(idle, "planning").answered
    sweep(40)
    sweep(41)

    again = response_of(idle, "planning")
    assert (again.pk, again.status, again.person) == (planning.pk, "due", who)
    assert (again.due_at, again.acknowledged_at, again.lapses_at) == (
        MORNING + timedelta(minutes=40), None, None,
    )  # fmt: skip
    assert told(planning, "reroute") == [
        (who.username, f"{who} acknowledged and nothing happened for 40 min; please take it")
    ]
    idle.refresh_from_db()
    # the record goes on with its owner, unaligned; nothing of it counts against first pass
    assert (idle.status, idle.aligned_at) == ("acknowledged", None)
    assert idle.first_aligned_at == MORNING
    assert (idle.reroute_count, idle.lapsed_levels) == (0, 0)
    lapsed = idle.events.get(kind="acknowledgement_lapsed")
    assert (lapsed.data["function"], lapsed.data["owner"]) == ("planning", False)
    # its ladder climbs again from the beginning
    sweep(40 + again.limit_minutes, 10)
    assert [name for name, _ in told(planning, "escalation")] == ["helena.kraus"]
    # those who act or have done their part were never asked again
    sweep(400)
    assert {response_of(idle, "production").status, owner_response(idle).status} == {"done", "acting"}
    assert idle.events.filter(kind="acknowledgement_lapsed").count() == 1


def test_what_its_own_people_do_keeps_a_functions_acknowledgement_and_others_do_not(
    plant: KolbeMini, idle: ExceptionRecord
) -> None:
    planning = response_of(idle, "planning")
    with clock.travel(MORNING + timedelta(minutes=20)):
        for actor in (plant.people["jonas.keller"], planning.person):
            ExceptionEvent.objects.create(exception=idle, kind="commented", actor=actor, text="looking")

    sweep(30)
    assert told(planning, "reminder") == []
    assert response_of(idle, "planning").lapses_at == MORNING + timedelta(minutes=60)
    # nobody of production said anything
    assert len(told(response_of(idle, "production"), "reminder")) == 1


@pytest.mark.parametrize(
    ("function_own", "type_own", "site_own", "expected"),
    [(7, 50, 60, 7), (0, 50, 60, 0), (None, 50, 60, 50), (None, None, 60, 60), (None, None, None, None)],
)
def test_the_limit_is_the_functions_else_the_types_else_the_sites_and_frozen(
    plant: KolbeMini, report: Report, function_own: int | None, type_own: int | None, site_own: int | None,
    expected: int | None,
) -> None:  # fmt: skip
    stop = ExceptionType.objects.get(code="machine_downtime")
    TypeFunction.objects.update_or_create(
        type=stop, function=plant.functions["planning"], defaults={"lapse_minutes": function_own}
    )
    ExceptionType.objects.filter(pk=stop.pk).update(lapse_minutes=type_own)
    Site.objects.filter(pk=plant.rhf.pk).update(lapse_minutes=site_own)
    plant.rhf.refresh_from_db()
    exception = report("grinder 2 down, hydraulic leak").exception
    assert exception is not None
    # editing them changes nothing in flight
    TypeFunction.objects.update(lapse_minutes=1)
    ExceptionType.objects.update(lapse_minutes=1)
    Site.objects.update(lapse_minutes=1)

    planning = response_of(exception, "planning")
    services.acknowledge(response_id=planning.pk, actor=planning.person, via="inbox")

    minutes = 4 * exception.limits["decide"] if expected is None else expected
    lapses_at = response_of(exception, "planning").lapses_at
    assert lapses_at == (MORNING + timedelta(minutes=minutes) if minutes else None)
    assert exception.limits["lapse"] == (type_own or site_own or 4 * exception.limits["decide"])


def test_nothing_lapses_of_what_is_decided_or_only_informed_and_reversing_starts_the_wait_anew(
    plant: KolbeMini, idle: ExceptionRecord
) -> None:
    with transaction.atomic():
        services.move(exception=services.locked(idle.pk), to="decided")
    assert not idle.responses.filter(lapses_at__isnull=False).exists()

    with clock.travel(MORNING + timedelta(minutes=90)), transaction.atomic():
        services.move(exception=services.locked(idle.pk), to="acknowledged")
    waiting = idle.responses.filter(required=True)
    assert {row.lapses_at for row in waiting} == {MORNING + timedelta(minutes=130)}

    services.set_required(
        response_id=response_of(idle, "planning").pk,
        required=False,
        actor=plant.people["ingrid.vogel"],
        why="fyi",
    )
    assert response_of(idle, "planning").lapses_at is None


# --- a held telling ---------------------------------------------------------------------------------------------
def test_where_nobody_is_on_duty_the_clock_begins_when_somebody_is_told(
    plant: KolbeMini, report: Report
) -> None:
    rows = list(DutyAssignment.objects.values())
    DutyAssignment.objects.all().delete()
    exception = report("grinder 2 down, hydraulic leak").exception
    assert exception is not None
    assert not Telling.objects.filter(exception=exception, person__isnull=False).exists()
    sweep(200)
    DutyAssignment.objects.bulk_create(DutyAssignment(**row) for row in rows)

    sweep(206)

    owner, at = owner_response(exception), MORNING + timedelta(minutes=206)
    exception.refresh_from_db()
    assert exception.owner == owner.person == plant.people["jonas.keller"]
    assert (owner.due_at, owner.level) == (at, 1)
    assert (
        owner.acknowledge_due_at
        == exception.acknowledge_due_at
        == at + timedelta(minutes=owner.limit_minutes)
    )
    assert owner.next_level_at == at + timedelta(minutes=owner.limit_minutes) + ladders.GRACE
    people = Telling.objects.filter(response=owner, person__isnull=False)
    assert [(row.person.username, row.text) for row in people if row.person] == [
        ("jonas.keller", "You came on duty; it waits for 3 h 26 min")
    ]


# --- who is asked -----------------------------------------------------------------------------------------------
def test_a_function_is_added_asked_otherwise_and_taken_off(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    ingrid = plant.people["ingrid.vogel"]
    for response in stopped.responses.filter(required=True):
        services.acknowledge(response_id=response.pk, actor=response.person, via="inbox")
    later = MORNING + timedelta(minutes=5)

    with clock.travel(later):
        fresh = services.add_function(
            exception_id=stopped.pk,
            function_code="quality",
            required=True,
            actor=ingrid,
            why="parts since 9:00",
        )
    stopped.refresh_from_db()
    assert (fresh.due_at, fresh.acknowledge_due_at) == (later, later + timedelta(minutes=fresh.limit_minutes))
    assert fresh.added_by == ingrid
    assert Telling.objects.filter(response=fresh, reason="first", due_at=later).count() == 1
    assert (stopped.aligned_at, stopped.first_aligned_at) == (None, MORNING)

    services.set_required(response_id=fresh.pk, required=False, actor=ingrid, why="only to know")
    stopped.refresh_from_db()
    informed = response_of(stopped, "quality")
    assert (informed.required, informed.acknowledge_due_at, informed.next_level_at) == (False, None, None)
    assert stopped.aligned_at == MORNING
    assert stopped.events.filter(kind="aligned").count() == 2

    services.set_required(response_id=fresh.pk, required=True, actor=ingrid, why="after all")
    stopped.refresh_from_db()
    assert stopped.aligned_at is None
    services.mark_told(response_id=fresh.pk)
    services.remove_function(response_id=fresh.pk, actor=ingrid, reason="parts were made elsewhere")

    stopped.refresh_from_db()
    gone = Response.objects.get(pk=fresh.pk)
    assert (gone.status, gone.removed_at, gone.next_level_at) == ("declined", MORNING, None)
    assert stopped.aligned_at == MORNING
    assert stopped.reroute_count == 0
    assert stopped.events.get(kind="function_removed").text == (
        "Quality is no longer asked: parts were made elsewhere"
    )
    assert Telling.objects.get(exception=stopped, reason="change", person=gone.person).text == (
        "Quality is no longer needed here: parts were made elsewhere"
    )
    assert sweep(500) >= 0
    assert not Telling.objects.filter(response=gone, due_at__gt=MORNING + timedelta(minutes=6)).exists()


def test_who_is_asked_is_changed_with_a_reason_by_who_may_and_never_the_owner(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    planning, owner = response_of(stopped, "planning"), owner_response(stopped)
    ingrid, piotr = plant.people["ingrid.vogel"], plant.people["piotr.nowak"]
    before = stopped.events.count()

    remove = services.remove_function
    assert (
        refused(lambda: remove(response_id=planning.pk, actor=ingrid, reason=" "))
        == "exceptions.reason_missing"
    )
    assert (
        refused(lambda: remove(response_id=planning.pk, actor=piotr, reason="x")) == "exceptions.not_allowed"
    )
    assert refused(lambda: remove(response_id=owner.pk, actor=ingrid, reason="x")) == "exceptions.owner_stays"
    assert refused(lambda: remove(response_id=0, actor=ingrid, reason="x")) == "exceptions.response_not_found"
    assert (
        refused(lambda: remove(response_id=planning.pk, actor=ingrid, reason="x", expected_version=99))
        == "exceptions.stale"
    )
    assert stopped.events.count() == before
    remove(response_id=planning.pk, actor=plant.people["jonas.keller"], reason="nothing is planned there")
    assert (
        refused(lambda: remove(response_id=planning.pk, actor=ingrid, reason="x"))
        == "exceptions.response_declined"
    )


def test_the_api_and_the_page_edit_who_is_asked(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    ingrid, piotr = plant.people["ingrid.vogel"], plant.people["piotr.nowak"]
    path = f"exceptions/{stopped.ref}/functions/"
    assert post(piotr, path, {"function": "quality", "reason": "x"}).status_code == 403

    added = post(ingrid, path, {"function": "quality", "required": True, "reason": "parts since 9:00"})

    assert added.status_code == 200
    assert added.json()["limit_minutes"] == response_of(stopped, "quality").limit_minutes
    body = post(
        ingrid, f"responses/{added.json()['id']}/require/", {"required": False, "reason": "only to know"}
    ).json()
    assert (body["required"], body["acknowledge_due_at"]) == (False, None)
    stale = post(ingrid, f"responses/{added.json()['id']}/remove/", {"reason": "x", "version": 0})
    assert (stale.status_code, stale.json()["code"]) == (409, "exceptions.stale")

    desk = client_of(ingrid)
    question = desk.get(f"/exceptions/{stopped.ref}/dialogs/change/").content.decode()
    assert "Quality, informed" in question
    assert "Planning, must acknowledge" in question
    assert "Maintenance" not in question
    sent = desk.post(
        f"/exceptions/{stopped.ref}/change/",
        {"response": added.json()["id"], "what": "off", "reason": "made elsewhere"},
    )
    assert sent.status_code in (204, 302, 303)
    assert Response.objects.get(pk=added.json()["id"]).removed_at == MORNING
    assert "Quality was taken off: made elsewhere" in desk.get(f"/exceptions/{stopped.ref}/").content.decode()


def test_a_function_that_is_affected_only_later_is_asked_then_and_stays_off_once_taken_off(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    assert not stopped.responses.filter(function__code="customer_service").exists()
    for response in stopped.responses.filter(required=True):
        services.acknowledge(response_id=response.pk, actor=response.person, via="inbox")
    at = MORNING + timedelta(minutes=7)

    def becomes_known(**facts: object) -> None:
        with clock.travel(at), transaction.atomic():
            services.reconsider(exception=services.locked(stopped.pk), facts=facts)

    becomes_known(commit_at_risk=True)
    asked = response_of(stopped, "customer_service")
    stopped.refresh_from_db()
    assert (asked.required, asked.due_at, asked.person) == (True, at, plant.people["marta.silva"])
    assert (stopped.aligned_at, stopped.first_aligned_at) == (None, MORNING)
    assert stopped.events.filter(kind="function_added", actor_text="routing").count() == 1
    assert Telling.objects.get(response=asked).reason == "first"

    services.remove_function(
        response_id=asked.pk, actor=plant.people["ingrid.vogel"], reason="stock covers it"
    )
    becomes_known(commit_at_risk=True, line_stopped=True, customer_tier="A")
    assert stopped.responses.filter(function__code="customer_service").count() == 1
    assert Response.objects.get(pk=asked.pk).removed_at == MORNING


# --- the watchdog -----------------------------------------------------------------------------------------------
def test_the_watchdog_gives_back_owner_clock_and_step(stopped: ExceptionRecord) -> None:
    assert not broken().exists()
    assert [one.level for one in doctor.records_without_step()] == [Level.OK]
    Response.objects.filter(exception=stopped, is_owner=True).update(is_owner=False, status="declined")
    Response.objects.filter(exception=stopped, function__code="planning").update(acknowledge_due_at=None)
    ExceptionRecord.objects.filter(pk=stopped.pk).update(next_step="", acknowledge_due_at=None)
    finding = next(iter(doctor.records_without_step()))
    assert (finding.code, finding.level) == ("XL-E007", Level.ERROR)
    assert stopped.ref in finding.summary

    assert services.watch().repaired == 1

    stopped.refresh_from_db()
    assert not broken().exists()
    owner = owner_response(stopped)
    assert (owner.function.code, stopped.owner) == ("maintenance", owner.person)
    assert stopped.acknowledge_due_at is not None
    assert stopped.next_step.startswith("Jonas Keller acknowledges by")
    assert response_of(stopped, "planning").next_level_at is not None
    assert set(stopped.events.get(kind="repaired").data["wrong"]) == {
        "it had no clock", "nobody owned it", "Planning had no clock", "it had no next step",
    }  # fmt: skip
    assert services.watch().repaired == 0


def test_what_has_climbed_its_ladder_is_told_again_every_hour_not_in_between(
    stopped: ExceptionRecord,
) -> None:
    away = 24 * stopped.limits["acknowledge"] + 1
    sweep(away)
    assert owner_response(stopped).next_level_at is None
    seen = Telling.objects.filter(exception=stopped).count()

    def watch(minutes: float) -> int:
        with clock.travel(MORNING + timedelta(minutes=minutes)):
            return services.watch().told

    assert watch(away + 59) == 0
    assert Telling.objects.filter(exception=stopped).count() == seen
    assert watch(away + 61) == 1
    assert watch(away + 62) == 0
    last = Telling.objects.filter(exception=stopped).order_by("-pk")[0]
    assert "over its limit" in last.text
    with clock.travel(MORNING + timedelta(minutes=away + 62)):
        assert not forgotten(clock.now()).exists()
        finding = next(iter(doctor.steps_overdue()))
    assert (finding.code, finding.count) == ("XL-E008", 1)
