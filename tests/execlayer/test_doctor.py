"""The installation's own findings."""

from datetime import timedelta

import pytest

from core import clock
from core.doctor import Level
from core.services import beat
from execlayer import doctor
from execlayer.tasks import heartbeat

pytestmark = pytest.mark.django_db


def only(findings):
    (finding,) = list(findings)
    return finding


def test_database_and_redis_are_well():
    assert [finding.level for finding in doctor.database()] == [Level.OK]
    assert only(doctor.broker()).level is Level.OK


def test_redis_away_is_an_error_with_its_cure(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1"
    finding = only(doctor.broker())
    assert (finding.code, finding.level) == ("XL-X003", Level.ERROR)
    assert "REDIS_URL" in finding.cure


def test_no_worker_ever():
    finding = only(doctor.worker())
    assert (finding.code, finding.level) == ("XL-X004", Level.ERROR)
    assert finding.summary == "no worker has said it is alive ever"


def test_a_worker_that_just_spoke_is_well():
    heartbeat()
    assert only(doctor.worker()).level is Level.OK


def test_a_worker_silent_for_more_than_a_minute_is_an_error():
    with clock.travel(clock.now() - timedelta(seconds=61)):
        beat("worker")
    assert only(doctor.worker()).level is Level.ERROR


def test_secret_of_its_own_is_named(settings):
    settings.SECRET_KEY_GIVEN = False
    assert only(doctor.secrets()).code == "XL-X005"
    settings.SECRET_KEY_GIVEN = True
    assert list(doctor.secrets()) == []


@pytest.mark.parametrize(
    ("host", "sender", "codes"),
    [
        ("", "x@localhost", ["XL-X006"]),
        ("mail.example", "x@localhost", ["XL-X007"]),
        ("mail.example", "Plant <plant@example.com>", []),
    ],
)
def test_where_mail_goes(settings, host, sender, codes):
    settings.EMAIL_HOST, settings.DEFAULT_FROM_EMAIL = host, sender
    assert [finding.code for finding in doctor.mail()] == codes
