"""Shelving from the exception page, and the page that says what is shelved, by whom and until when."""

from datetime import timedelta

from exceptions_app import services
from exceptions_app.models import Shelf
from tests.boards_app.conftest import As
from tests.decisions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

WHY = "pressure sensor is replaced"


def shelve(as_: As, ref: str, who: str = "ingrid.vogel", **more: str) -> int:
    asked = {"place": "work_unit", "hours": "4", "reason": WHY, **more}
    answer = as_(who).post(f"/exceptions/{ref}/shelve/", asked, headers={"HX-Request": "true"})
    return answer.status_code


def test_a_planner_shelves_a_machine_and_ends_it_again(plant: KolbeMini, report: Report, as_: As) -> None:
    # given a press that keeps reporting
    record = report("press 4 down, hydraulic leak")
    page = as_("ingrid.vogel").get(f"/exceptions/{record.ref}/").content.decode()
    assert "Shelve its signals" in page
    dialog = as_("ingrid.vogel").get(f"/exceptions/{record.ref}/dialogs/shelve/").content.decode()
    assert "4 hours" in dialog
    assert "Schuler" in dialog or "PRS-04" in dialog
    # when it is shelved
    assert shelve(as_, record.ref) in (200, 204)
    shelf = Shelf.objects.get()
    assert (shelf.work_unit, shelf.type, shelf.reason) == (record.work_unit, record.type, WHY)
    assert timedelta(hours=3, minutes=59) < shelf.ends_at - shelf.starts_at <= timedelta(hours=4)
    # then the desk and the page of shelves say so
    assert "/shelved/" in as_("ingrid.vogel").get("/").content.decode()
    listed = as_("ingrid.vogel").get("/shelved/").content.decode()
    assert WHY in listed
    assert "End it now" in listed
    # and once it is ended the desk has nothing to say about shelves
    assert as_("ingrid.vogel").post(
        f"/shelved/{shelf.pk}/lift/", headers={"HX-Request": "true"}
    ).status_code in (200, 204)
    assert "/shelved/" not in as_("ingrid.vogel").get("/").content.decode()
    assert "ended by" in as_("ingrid.vogel").get("/shelved/").content.decode()


def test_what_is_asked_wrongly_shelves_nothing(plant: KolbeMini, report: Report, as_: As) -> None:
    record = report("press 4 down, hydraulic leak")
    assert shelve(as_, record.ref, reason="") == 400
    assert shelve(as_, record.ref, hours="soon") == 400
    assert shelve(as_, record.ref, place="type") == 400
    assert not Shelf.objects.exists()


def test_the_list_costs_the_same_however_many_there_are(
    plant: KolbeMini, report: Report, as_: As, django_assert_max_num_queries: object
) -> None:
    record = report("press 4 down, hydraulic leak")
    for hours in range(1, 8):
        assert shelve(as_, record.ref, hours=str(hours)) in (200, 204)
    client = as_("ingrid.vogel")
    client.get("/shelved/")
    with django_assert_max_num_queries(22):  # type: ignore[operator]
        client.get("/shelved/")
    assert services.release_held() == 0
