"""Tokens, devices, badges, roles, and one answer per idempotency key even under a race."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from core import clock
from core.errors import InvalidInput, NotAllowed, TooMany
from plant_app import models, selectors, services
from plant_app.access_rules import ACTIONS
from plant_app.services import Answer
from tests import factories as make
from tests.plant_fixtures import KolbeMini


def test_token_opens_until_revoked_or_expired(db: None) -> None:
    user = make.UserFactory()
    token, secret = services.issue_token(user=user, name="till")
    assert secret not in str(vars(token))
    found = services.token_for(secret)
    assert found is not None
    assert found.user == user
    services.revoke_token(token=token)
    assert services.token_for(secret) is None
    _short, short_secret = services.issue_token(
        user=user, name="day", expires_at=clock.now() + timedelta(days=1)
    )
    assert services.token_for(short_secret) is not None
    with clock.travel(clock.now() + timedelta(days=2)):
        assert services.token_for(short_secret) is None


def test_token_of_somebody_who_left_opens_nothing(db: None) -> None:
    user = make.UserFactory()
    _token, secret = services.issue_token(user=user, name="till")
    user.is_active = False
    user.save()
    assert services.token_for(secret) is None


def test_device_is_bound_to_its_place(kolbe_mini: KolbeMini) -> None:
    device, secret = services.pair_device(
        site=kolbe_mini.rhf, name="Tablet", work_centre=kolbe_mini.centres["MILL5"]
    )
    assert services.device_for(secret) == device
    services.revoke_device(device=device)
    assert services.device_for(secret) is None
    with pytest.raises(InvalidInput) as refusal:
        services.pair_device(site=kolbe_mini.gvl, name="Tablet", area=kolbe_mini.areas["MACH"])
    assert refusal.value.code == "device.other_site"


def test_badge_and_pin_name_the_person(kolbe_mini: KolbeMini) -> None:
    person = kolbe_mini.people["piotr.nowak"]
    services.issue_badge(person=person, code="4711", pin="1234")
    assert services.check_badge(code=" 4711 ", pin="1234") == person
    for pin in ("", "1235"):
        with pytest.raises(NotAllowed) as refusal:
            services.check_badge(code="4711", pin=pin)
        assert refusal.value.code == "badge.refused"
    with pytest.raises(NotAllowed) as refusal:
        services.check_badge(code="0000", pin="1234")
    assert refusal.value.code == "badge.refused"


def test_guessing_a_pin_is_stopped_even_with_the_right_one(kolbe_mini: KolbeMini) -> None:
    services.issue_badge(person=kolbe_mini.people["piotr.nowak"], code="4711", pin="1234")
    for _try in range(5):
        with pytest.raises(NotAllowed):
            services.check_badge(code="4711", pin="9999")
    with pytest.raises(TooMany) as refusal:
        services.check_badge(code="4711", pin="1234")
    assert refusal.value.extra["retry_after"] == 300
    assert services.issue_badge(person=kolbe_mini.people["piotr.nowak"], code="4712", pin="1234")
    assert services.check_badge(code="4712", pin="1234") == kolbe_mini.people["piotr.nowak"]


def test_badge_handed_on_names_the_new_person(kolbe_mini: KolbeMini) -> None:
    services.issue_badge(person=kolbe_mini.people["piotr.nowak"], code="4711")
    services.issue_badge(person=kolbe_mini.people["tomas.ruiz"], code="4711")
    assert services.check_badge(code="4711") == kolbe_mini.people["tomas.ruiz"]
    with pytest.raises(InvalidInput):
        services.issue_badge(person=kolbe_mini.people["tomas.ruiz"], code="4713", pin="12")


def test_roles_sites_and_actions(kolbe_mini: KolbeMini) -> None:
    planner, operator = kolbe_mini.people["ingrid.vogel"], kolbe_mini.people["piotr.nowak"]
    assert selectors.roles_of(planner, kolbe_mini.rhf) == {"planner"}
    assert selectors.roles_of(planner, kolbe_mini.gvl) == frozenset()
    assert list(selectors.visible_sites(planner)) == [kolbe_mini.rhf]
    assert selectors.can(planner, "exception.decide", kolbe_mini.rhf)
    assert not selectors.can(planner, "exception.decide", kolbe_mini.gvl)
    assert not selectors.can(operator, "exception.decide", kolbe_mini.rhf)
    assert selectors.can(operator, "signal.report")
    with pytest.raises(KeyError):
        selectors.can(planner, "exception.explode", kolbe_mini.rhf)
    planner.is_superuser = True
    assert all(selectors.can(planner, action, kolbe_mini.gvl) for action in ACTIONS)
    assert not selectors.can(make.UserFactory(), "plant.view")


def test_repeat_gets_the_first_answer_and_runs_nothing(db: None) -> None:
    calls: list[int] = []

    def produce() -> Answer:
        calls.append(1)
        return Answer(201, {"number": len(calls)})

    keyed = {"scope": "7:/signals/", "key": "k1", "body": {"a": 1}, "produce": produce}
    assert services.remember_answer(**keyed) == Answer(201, {"number": 1})
    assert services.remember_answer(**keyed) == Answer(201, {"number": 1}, replayed=True)
    assert services.remember_answer(**keyed | {"scope": "8:/signals/"}).body == {"number": 2}
    with pytest.raises(InvalidInput) as refusal:
        services.remember_answer(**keyed | {"body": {"a": 2}})
    assert refusal.value.code == "request.idempotency_mismatch"
    assert len(calls) == 2


def test_failed_request_is_not_remembered(db: None) -> None:
    def fail() -> Answer:
        make.CustomerFactory(code="HALF")
        raise NotAllowed("x.y", "no")

    keyed = {"scope": "7:/signals/", "key": "k1", "body": b"{}"}
    with pytest.raises(NotAllowed):
        services.remember_answer(**keyed, produce=fail)
    assert not models.Customer.objects.filter(code="HALF").exists()
    assert not models.IdempotencyKey.objects.exists()
    assert services.remember_answer(**keyed, produce=lambda: Answer(200, None)) == Answer(200, None)


def test_long_paths_do_not_share_an_answer(db: None) -> None:
    path = "/api/v1/" + "x" * 100
    first = services.remember_answer(scope=path + "a", key="k", body={}, produce=lambda: Answer(200, "a"))
    second = services.remember_answer(scope=path + "b", key="k", body={}, produce=lambda: Answer(200, "b"))
    assert (first.body, second.body, second.replayed) == ("a", "b", False)


def in_threads(count: int, work: Callable[[int], object]) -> list[object]:
    """Run `work` in `count` threads at once; results or errors in order."""
    results: list[object] = [None] * count
    start = threading.Barrier(count)

    def run(place: int) -> None:
        start.wait(20)
        try:
            results[place] = work(place)
        except Exception as error:  # noqa: BLE001 (handed to the test, which asserts on it)
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.django_db(transaction=True)
def test_duplicates_sent_at_once_run_once() -> None:
    ran: list[int] = []

    def ask(place: int) -> Answer:
        def produce() -> Answer:
            ran.append(place)
            customer = make.CustomerFactory(code=f"RACE{place}")
            return Answer(201, {"code": customer.code})

        return services.remember_answer(scope="7:/x/", key="one", body={"a": 1}, produce=produce)

    answers = in_threads(6, ask)
    assert len(ran) == 1
    assert models.Customer.objects.filter(code__startswith="RACE").count() == 1
    assert {str(answer.body) for answer in answers if isinstance(answer, Answer)} == {
        str({"code": f"RACE{ran[0]}"})
    }
    assert sorted(answer.replayed for answer in answers if isinstance(answer, Answer)) == [False] + [True] * 5


@pytest.mark.django_db(transaction=True)
def test_duplicate_of_a_slow_first_is_told_to_ask_again() -> None:
    first_runs, may_end = threading.Event(), threading.Event()

    def slow() -> Answer:
        first_runs.set()
        may_end.wait(30)
        return Answer(200, "first")

    def ask(place: int) -> Answer:
        if place == 0:
            return services.remember_answer(scope="7:/x/", key="slow", body={}, produce=slow)
        first_runs.wait(30)
        try:
            return services.remember_answer(
                scope="7:/x/", key="slow", body={}, produce=lambda: Answer(200, "second"), wait_seconds=1
            )
        finally:
            may_end.set()

    first, second = in_threads(2, ask)
    assert first == Answer(200, "first")
    assert getattr(second, "code", "") == "request.in_progress"
    assert getattr(second, "status", 0) == 409


@pytest.mark.django_db(transaction=True)
def test_two_reports_at_once_and_only_one_saw_the_truth() -> None:
    operation = make.OperationFactory(
        status="running", actual_unit=make.WorkUnitFactory(), started_at=clock.now() - timedelta(hours=1)
    )

    def count(place: int) -> object:
        return services.report_progress(operation_id=operation.pk, kind="count", good=5, version=0)

    outcomes = in_threads(2, count)
    assert sorted(getattr(outcome, "code", "written") for outcome in outcomes) == [
        "operation.stale_version", "written",
    ]  # fmt: skip
    operation.refresh_from_db()
    assert (operation.good, operation.version) == (5, 1)


def test_old_answers_are_dropped(db: None) -> None:
    services.remember_answer(scope="s", key="k", body={}, produce=lambda: Answer(200, 1))
    assert services.forget_answers() == 0
    with clock.travel(clock.now() + timedelta(days=8)):
        assert services.forget_answers() == 1
