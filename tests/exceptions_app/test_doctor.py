"""The doctor sees what stands still; the admin shows everything and changes only senders."""

from datetime import timedelta

from django.test import Client

from core import clock
from core.doctor import Level
from exceptions_app import doctor, services
from exceptions_app.models import SignalReading, Source
from tests.exceptions_app.conftest import MORNING, Report
from tests.plant_fixtures import KolbeMini


def test_a_quiet_plant_is_well(plant: KolbeMini) -> None:
    assert [(found.code, found.level) for found in doctor.unread_signals()] == [("XL-E001", Level.OK)]
    for check in (doctor.records_without_response, doctor.tellings_not_taken, doctor.ladders_standing_still):
        assert list(check()) == []


def test_what_nobody_reads_tells_or_escalates_is_found(plant: KolbeMini, report: Report) -> None:
    report("press 4 down, hydraulic leak")
    services.receive_signal(
        source=services.source_of(kind="api", site=plant.rhf), external_id="unread", text="press 3 down"
    )

    with clock.travel(MORNING + timedelta(hours=6)):
        found = {
            one.code: one.count
            for check in (doctor.unread_signals, doctor.tellings_not_taken, doctor.ladders_standing_still)
            for one in check()
        }

    assert found == {"XL-E001": 1, "XL-E004": 3, "XL-E005": 1}
    assert SignalReading.objects.filter(status="pending").count() == 1


def test_the_admin_opens_every_list_and_page(plant: KolbeMini, report: Report) -> None:
    exception = report("press 4 down, hydraulic leak").exception
    root = plant.people["sofia.brandt"]
    type(root).objects.filter(pk=root.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(type(root).objects.get(pk=root.pk))
    source = Source.objects.get(code="demo-rhf")

    for path in (
        "exceptionrecord/",
        f"exceptionrecord/{exception.pk}/change/",
        "signal/",
        f"signal/{exception.readings.get().signal_id}/change/",
        "source/",
        f"source/{source.pk}/change/",
    ):
        assert client.get(f"/admin/exceptions_app/{path}").status_code == 200, path
    assert client.get("/admin/exceptions_app/exceptionrecord/add/").status_code == 403
