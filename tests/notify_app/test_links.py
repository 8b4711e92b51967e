"""A link answers as the person it was sent to, for the response it was sent about, for a while, and on a tap only."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from core import clock
from exceptions_app import services as exceptions
from notify_app import services
from notify_app.models import Notice
from plant_app.models import User
from tests.decisions_app.conftest import Report, response_of
from tests.plant_fixtures import KolbeMini


@pytest.fixture
def told(plant: KolbeMini, report: Report) -> Notice:
    """Jonas Keller was told of a machine that is down."""
    report("press 4 down, hydraulic leak")
    return Notice.objects.get(person=plant.people["jonas.keller"], channel="in_app")


def path_of(notice: Notice) -> str:
    return "/n/" + services.answer_url(notice).split("/n/", 1)[1]


def test_scanners_and_previews_change_nothing(told: Notice, client: Client) -> None:
    path = path_of(told)
    before = told.exception.events.count()
    assert client.get(path + "?do=acknowledge", headers={"Sec-Purpose": "prefetch"}).status_code == 200
    assert client.head(path).status_code == 200
    assert client.put(path).status_code == 405
    assert client.options(path).status_code == 405
    assert client.post(path).status_code == 400
    assert client.post(path, {"answer": "close"}).status_code == 400
    assert client.post(path, {"answer": "decline"}).status_code == 400
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(path, {"answer": "acknowledge"}).status_code == 403
    assert told.exception.events.count() == before


def test_a_link_is_bound_to_its_notice_person_and_response(
    told: Notice, plant: KolbeMini, client: Client
) -> None:
    other = Notice.objects.filter(channel="in_app").exclude(person=told.person).first()
    assert other is not None
    number, _, signature = path_of(told).strip("/").removeprefix("n/").partition("-")
    elses = path_of(other).strip("/").removeprefix("n/").partition("-")[0]
    for forged in (
        f"{elses}-{signature}",
        f"{number}-",
        f"{number}-{signature[:-1]}0x",
        "zzzzzzzzzzzzz-1",
        "-",
    ):
        assert client.post(f"/n/{forged}/", {"answer": "acknowledge"}).status_code == 404
    told.person = plant.people["ingrid.vogel"]
    assert path_of(told) != f"/n/{number}-{signature}/"


def test_a_link_ends_with_the_answer_given_to_somebody_else(
    told: Notice, plant: KolbeMini, client: Client
) -> None:
    path = path_of(told)
    response = response_of(told.exception, "maintenance")
    exceptions.decline(response_id=response.pk, actor=told.person, reason="on another job", via="board")
    page = client.get(path)
    assert page.status_code == 404
    assert "no longer yours" in page.content.decode()
    fresh = response_of(told.exception, "maintenance")
    assert client.post(path, {"answer": "acknowledge"}).status_code == 404
    fresh.refresh_from_db()
    assert not fresh.answered


def test_a_link_ends_when_the_response_is_taken_over_after_three_days_or_with_the_login(
    told: Notice, plant: KolbeMini, client: Client
) -> None:
    path = path_of(told)
    with time_machine.travel(clock.now() + timedelta(days=3, minutes=1), tick=True):
        assert client.get(path).status_code == 404
    User.objects.filter(pk=told.person_id).update(is_active=False)
    assert client.post(path, {"answer": "acknowledge"}).status_code == 404
    User.objects.filter(pk=told.person_id).update(is_active=True)
    assert told.response is not None
    type(told.response).objects.filter(pk=told.response_id).update(person=plant.people["ingrid.vogel"])
    page = client.post(path, {"answer": "acknowledge"})
    assert page.status_code == 404
    assert "it is with" in page.content.decode()
    assert not response_of(told.exception, "maintenance").answered


def test_declining_asks_for_a_reason_and_says_thank_you(told: Notice, client: Client) -> None:
    page = client.post(path_of(told), {"answer": "decline", "reason": "not my press"})
    assert page.status_code == 200
    told.refresh_from_db()
    assert told.answer == "decline"
    assert told.exception.events.get(kind="declined").via == "link"
