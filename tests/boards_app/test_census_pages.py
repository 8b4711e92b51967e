"""A census in the browser: from a chat and a list to a Pareto and a baseline, by those who may."""

from django.core.files.uploadedfile import SimpleUploadedFile

from exceptions_app import services
from exceptions_app.models import Census, CensusFile, ExceptionRecord
from metrics_app.models import Baseline
from tests.boards_app.conftest import As
from tests.exceptions_app.test_census import CHAT, LOG
from tests.plant_fixtures import KolbeMini

PLANNER = "ingrid.vogel"


def test_from_files_to_a_baseline(plant: KolbeMini, as_: As) -> None:
    client = as_(PLANNER)
    # given a planner who begins a census and adds what there is
    assert "New census" in client.get("/census/").content.decode()
    address = client.post("/census/", {"name": "Autumn"}).headers["Location"]
    census = Census.objects.get()
    assert address == f"/census/{census.pk}/"
    files = [
        SimpleUploadedFile("chat.txt", CHAT.encode()),
        SimpleUploadedFile("log.csv", LOG.encode()),
        SimpleUploadedFile("photo.png", b"\x89PNG\r\n\x1a\n\x00\x00"),
    ]
    refused = client.post(f"{address}files/", {"files": files}, headers={"HX-Request": "true"})
    assert (refused.status_code, refused.json()["code"]) == (400, "census.file")
    assert CensusFile.objects.filter(census=census).count() == 2
    draft = client.get(address).content.decode()
    assert "log.csv" in draft
    assert '<option value="minutes" selected>' in draft
    # and says that a column is something else
    log = CensusFile.objects.get(name="log.csv")
    chosen = {"column-0": "work_unit", "column-1": "start", "column-3": "minutes", "column-4": "text"}
    assert client.post(
        f"{address}files/{log.pk}/columns/", chosen, headers={"HX-Request": "true"}
    ).status_code in (200, 204)
    log.refresh_from_db()
    assert log.columns == {"work_unit": 0, "start": 1, "minutes": 3, "text": 4}
    # when it is read
    client.post(f"{address}start/")
    assert "Being read" in client.get(address).content.decode()
    services.read_due_censuses()
    page = client.get(address).content.decode()
    # then the page says where to begin, and nothing of it is live
    assert "Begin with <b>machine downtime</b>: it makes 100 % of the hours." in page
    assert "stated figure" in page
    assert not ExceptionRecord.objects.exists()
    assert "press 4 down" in client.get(f"{address}entries/machine_downtime/").content.decode()
    assert "ok danke" in client.get(f"{address}entries/0/").content.decode()
    # and is kept as the baseline of the site
    client.post(f"{address}baseline/")
    client.post(f"{address}baseline/")
    baseline = Baseline.objects.get()
    assert (baseline.site, baseline.name, baseline.start.isoformat()) == (plant.rhf, "Autumn", "2026-11-03")
    assert baseline.types["machine_downtime"]["per_month"] > 0
    # and what people wrote can go
    client.post(f"{address}forget/")
    assert "were deleted" in client.get(address).content.decode()
    assert "press 4 down" not in client.get(f"{address}entries/machine_downtime/").content.decode()


def test_an_operator_and_another_site_see_none_of_it(plant: KolbeMini, as_: As) -> None:
    census = services.begin_census(site=plant.gvl, name="Greenville", actor=plant.people[PLANNER])
    operator = plant.holder("operator").username
    assert as_(operator).get("/census/").status_code == 403
    assert as_(PLANNER).get(f"/census/{census.pk}/").status_code == 404


def test_the_page_costs_the_same_however_many_entries(
    plant: KolbeMini, as_: As, django_assert_max_num_queries: object
) -> None:
    census = services.begin_census(site=plant.rhf, name="Large", actor=plant.people[PLANNER])
    lines = "".join(f"PRS-04;{day:02d}.10.2026 09:10;;30;jam, machine down\n" for day in range(1, 29))
    services.add_census_file(census_id=census.pk, name="log.csv", data=(LOG + lines).encode())
    services.start_census(census_id=census.pk)
    services.read_due_censuses()
    client = as_(PLANNER)
    client.get(f"/census/{census.pk}/")
    with django_assert_max_num_queries(24):  # type: ignore[operator]
        client.get(f"/census/{census.pk}/")
