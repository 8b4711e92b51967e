"""Months in plant-local time, frozen once, late data beside them; and the API."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction
from rest_framework.test import APIClient

from core import clock
from decisions_app import services as decisions
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from metrics_app.models import Adjustment, MonthlyReport
from metrics_app.periods import Month
from metrics_app.selectors import month_live
from metrics_app.services import build_month, freeze_month, freeze_months, note_late_data
from tests.plant_fixtures import KolbeMini

OCTOBER = Month(2026, 10)


@pytest.fixture
def plant(plant_at_work: KolbeMini) -> KolbeMini:
    return plant_at_work


def lived(plant: KolbeMini, moment: datetime, number: int, *, minutes: int = 60) -> ExceptionRecord:
    """A press reported at `moment`, aligned after 10 minutes and closed after `minutes`."""
    with clock.rehearse(moment):
        received = exceptions.receive_signal(
            source=exceptions.source_of(kind="station", site=plant.rhf),
            external_id=f"month-{number}",
            text="PRS-04 down, hydraulic leak",
            reporter=plant.people["piotr.nowak"],
            site=plant.rhf,
            occurred_at=moment,
        )
        exception = exceptions.read_signal(signal_id=received.signal.pk).exception
        assert exception is not None
    with clock.rehearse(moment + timedelta(minutes=10)):
        for response in exception.responses.all():
            exceptions.acknowledge(response_id=response.pk, actor=response.person, via="inbox")
    with clock.rehearse(moment + timedelta(minutes=minutes)):
        decisions.resolve(exception_id=exception.pk, actor=plant.people["ingrid.vogel"], reason="runs again")
        decisions.handle_settled()
    exception.refresh_from_db()
    return exception


def test_a_month_begins_at_the_plants_midnight() -> None:
    start, end = OCTOBER.span("Europe/Berlin")
    # October 2026 begins in summer time and ends in winter time
    assert start == datetime(2026, 9, 30, 22, tzinfo=UTC)
    assert end == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert Month(2026, 12).next() == Month(2027, 1)
    assert Month(2026, 1).previous() == Month(2025, 12)


def test_a_record_counts_where_it_was_closed(plant: KolbeMini) -> None:
    # given one closed on the last October evening and one shortly after plant midnight
    lived(plant, datetime(2026, 10, 31, 20, 0, tzinfo=UTC), 1)
    lived(plant, datetime(2026, 10, 31, 22, 30, tzinfo=UTC), 2)
    october, november = month_live(OCTOBER, [plant.rhf]), month_live(Month(2026, 11), [plant.rhf])
    assert (october.resolution.count, november.resolution.count) == (1, 1)
    # both were aligned in October
    assert october.alignment.count == 2
    assert october.alignment.median == 10.0
    assert october.resolution.median == 60.0
    assert october.first_pass.percent == 100.0


def test_a_frozen_month_is_not_restated_and_late_data_stands_beside_it(plant: KolbeMini) -> None:
    lived(plant, datetime(2026, 10, 5, 8, tzinfo=UTC), 1, minutes=60)
    report = freeze_month(month=OCTOBER, site=plant.rhf)
    assert report.figures["resolution"]["median"] == 60.0
    assert note_late_data(month=OCTOBER, site=plant.rhf) == []
    # given a record of October that arrives later
    lived(plant, datetime(2026, 10, 6, 8, tzinfo=UTC), 2, minutes=120)
    found = note_late_data(month=OCTOBER, site=plant.rhf)
    assert {(row.metric, row.frozen, row.current, row.count) for row in found} == {
        ("resolution", 60.0, 90.0, 1),
        ("alignment", 10.0, 10.0, 1),
        ("first_pass", 100.0, 100.0, 1),
    }
    # said once
    assert note_late_data(month=OCTOBER, site=plant.rhf) == []
    assert Adjustment.objects.count() == 3
    assert build_month(month=OCTOBER, site=plant.rhf)["resolution"]["median"] == 60.0
    with pytest.raises(DatabaseError), transaction.atomic():
        MonthlyReport.objects.update(year=2020)


def test_months_freeze_by_themselves_once_they_are_over(plant: KolbeMini) -> None:
    lived(plant, datetime(2026, 9, 10, 8, tzinfo=UTC), 1)
    with clock.travel(datetime(2026, 10, 31, 23, 30, tzinfo=UTC)):
        assert freeze_months() == 2  # September: the site and all sites; October has just ended
        assert freeze_months() == 0
    with clock.travel(datetime(2026, 11, 2, 12, tzinfo=UTC)):
        assert freeze_months() == 2
    assert MonthlyReport.objects.filter(site=None).count() == 2


def test_the_api_answers_a_range_and_a_frozen_month(plant: KolbeMini) -> None:
    lived(plant, datetime(2026, 10, 5, 8, tzinfo=UTC), 1)
    freeze_month(month=OCTOBER, site=plant.rhf)
    client = APIClient()
    client.force_authenticate(plant.people["ingrid.vogel"])
    answer = client.get(
        "/api/v1/metrics/", {"site": "RHF", "from": "2026-10-01", "to": "2026-10-31", "by": "type"}
    )
    assert answer.status_code == 200
    body = answer.json()
    assert body["frozen"] is True
    assert body["resolution"] == {"count": 1, "median": 60.0, "p90": 60.0, "mean": 60.0}
    assert list(body["by"]) == ["Machine downtime"]
    part = client.get("/api/v1/metrics/", {"site": "RHF", "from": "2026-10-06", "to": "2026-10-31"}).json()
    assert (part["frozen"], part["resolution"]["count"]) == (False, 0)
    assert client.get("/api/v1/metrics/", {"site": "RHF", "by": "moon"}).json()["code"] == "metrics.by"


def test_another_sites_reader_finds_no_such_site(plant: KolbeMini) -> None:
    client = APIClient()
    client.force_authenticate(plant.people["dana.brooks"])
    answer = client.get("/api/v1/metrics/", {"site": "RHF"})
    assert (answer.status_code, answer.json()["code"]) == (404, "metrics.site")
