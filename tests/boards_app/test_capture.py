"""Photos, voice notes and scanned codes beside a station's tap and the desk's report."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from boards_app.selectors.scanned import scanned
from core import clock
from exceptions_app import services as exceptions
from exceptions_app.models import Attachment, ExceptionRecord, Signal
from plant_app.services import address_of, codes_for
from tests.boards_app.conftest import As
from tests.decisions_app.conftest import Report
from tests.exceptions_app import attached_samples as made
from tests.plant_fixtures import KolbeMini

JAM = {"type": "machine_downtime", "work_unit": "PRS-04", "reason": "MEC-JAM"}


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def photo(name: str = "IMG_1.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, made.photo(), "image/jpeg")


def tap(browser: Client, key: str, body: dict[str, Any], **files: Any) -> HttpResponse:
    """What outbox.js sends when a tap carries files."""
    document = {"external_id": key, "occurred_at": clock.now().isoformat(), **body}
    headers = {"Idempotency-Key": key, "Accept": "application/json"}
    return browser.post("/stations/PRESS/report/", {"signal": json.dumps(document), **files}, headers=headers)


# --- station --------------------------------------------------------------------------------------------------
def test_a_tap_carries_its_photo_and_sound_once(plant: KolbeMini, as_: As) -> None:
    browser, key = as_("piotr.nowak"), str(uuid4())
    voice = SimpleUploadedFile("voice.webm", made.webm(), "audio/webm")
    first = tap(browser, key, {"fields": JAM}, photo=[photo(), photo("2.jpg")], voice=voice)
    second = tap(browser, key, {"fields": JAM}, photo=photo())
    assert (first.status_code, second.status_code, second.json()["replayed"]) == (201, 201, True)
    exceptions.keep_attachments()
    assert list(Attachment.objects.values_list("kind", "status")) == [
        ("photo", "kept"),
        ("photo", "kept"),
        ("voice", "kept"),
    ]
    assert ExceptionRecord.objects.get().reason.code == "MEC-JAM"


def test_a_picture_alone_says_nothing_and_is_refused_in_words(plant: KolbeMini, as_: As) -> None:
    answer = tap(as_("piotr.nowak"), str(uuid4()), {}, photo=photo())
    assert (answer.status_code, answer.json()["code"]) == (400, "station.empty")
    assert Attachment.objects.count() == 0


def test_a_tap_without_its_document_is_unreadable(plant: KolbeMini, as_: As) -> None:
    answer = as_("piotr.nowak").post(
        "/stations/PRESS/report/", {"photo": photo()}, headers={"Accept": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "station.unreadable")
    assert Signal.objects.count() == 0


def test_a_scanned_order_goes_before_the_running_one(plant: KolbeMini, as_: As) -> None:
    body = {"fields": {**JAM, "work_order": "WO-118300"}, "scanned": "wo-118219"}
    tap(as_("piotr.nowak"), str(uuid4()), body, photo=photo())
    assert Signal.objects.get().fields["work_order"] == "WO-118219"


def test_a_machine_scanned_at_another_station_stays_in_the_words(plant: KolbeMini, as_: As) -> None:
    tap(as_("piotr.nowak"), str(uuid4()), {"fields": JAM, "scanned": "CNC-04"})
    signal = Signal.objects.get()
    assert (signal.fields["work_unit"], signal.text) == ("PRS-04", "CNC-04")


# --- what a code is ---------------------------------------------------------------------------------------------
def test_codes_are_known_exactly_or_not_at_all(plant: KolbeMini) -> None:
    order = scanned(" wo-118219 ", plant.rhf)
    assert order is not None
    assert (order.kind, order.fields) == ("work_order", {"work_order": "WO-118219"})
    traveller = scanned("WO-118219/20", plant.rhf)
    assert traveller is not None
    assert traveller.code == "WO-118219"
    unit = scanned("prs-04", plant.rhf)
    assert unit is not None
    assert unit.fields == {"work_unit": "PRS-04"}
    for other in ("WO-118218x", "PRS-4", "118219", "", "%", "WO-11821_"):
        assert scanned(other, plant.rhf) is None


def test_a_printed_code_is_its_machine_and_only_at_its_site(plant: KolbeMini) -> None:
    (code,) = codes_for(work_units=[plant.units["PRS-04"]])
    found = scanned(address_of(code), plant.rhf)
    assert found is not None
    assert found.code == "PRS-04"
    assert scanned(address_of(code), plant.gvl) is None
    assert scanned(address_of(code)[:-4] + "/", plant.rhf) is None
    assert scanned("PRS-04", plant.gvl) is None


@pytest.mark.parametrize(("who", "status"), [("piotr.nowak", 200), ("carlos.mendez", 404), ("", 401)])
def test_only_who_sees_the_station_may_ask_what_a_code_is(
    plant: KolbeMini, as_: As, who: str, status: int
) -> None:
    browser = as_(who) if who else Client()
    answer = browser.get("/stations/PRESS/scan/?code=WO-118219", headers={"Accept": "application/json"})
    assert answer.status_code == status


# --- desk -------------------------------------------------------------------------------------------------------
def send(browser: Client, **body: Any) -> HttpResponse:
    return browser.post(
        "/report/", {"external_id": str(uuid4()), **body}, headers={"Accept": "application/json"}
    )


def test_the_desks_form_carries_files_and_answers_its_outbox(plant: KolbeMini, as_: As) -> None:
    answer = send(
        as_("marta.silva"),
        text="press 4 down, hydraulic leak",
        photo=photo(),
        occurred_at="2026-11-17T09:10:00Z",
    )
    exception = ExceptionRecord.objects.get()
    assert answer.status_code == 201
    assert answer.json()["exception"]["url"] == f"/exceptions/{exception.ref}/"
    assert Signal.objects.get().occurred_at.isoformat() == "2026-11-17T09:10:00+00:00"
    assert Attachment.objects.get().name == "IMG_1.jpg"


@pytest.mark.parametrize(
    "said", ["2099-01-01T00:00:00Z", "yesterday", "2026-13-45T00:00:00Z", "2026-11-17T09:10:00"]
)
def test_a_clock_that_is_wrong_is_not_believed(plant: KolbeMini, as_: As, said: str) -> None:
    assert send(as_("marta.silva"), text="press 4 down", occurred_at=said).status_code == 201
    at = Signal.objects.get().occurred_at
    assert at is None or at <= clock.now()


def test_a_scanned_code_alone_is_a_place_and_a_word(plant: KolbeMini, as_: As) -> None:
    browser = as_("marta.silva")
    assert send(browser, scanned="PRS-04").status_code == 400  # a place says nothing yet
    assert send(browser, scanned="PRS-04", text="hydraulic leak, it stands").status_code == 201
    assert ExceptionRecord.objects.get().work_unit == plant.units["PRS-04"]


def test_a_refusal_reaches_the_outbox_as_a_problem_in_words(plant: KolbeMini, as_: As) -> None:
    answer = send(as_("marta.silva"), text=" ")
    assert (answer.status_code, answer.json()["code"]) == (400, "report.empty")


# --- on the record's page ---------------------------------------------------------------------------------------
def test_the_page_shows_what_came_and_why_a_piece_was_not_taken(
    plant: KolbeMini, report: Report, as_: As
) -> None:
    exception = report("press 4 down, hydraulic leak")
    source = exceptions.source_of(kind="station", site=plant.rhf)
    received = exceptions.receive_signal(
        source=source, external_id="two", text="press 4 down, hydraulic leak", reporter=plant.people["piotr.nowak"],
        enclosures=[
            exceptions.Enclosure("a.jpg", "image/jpeg", made.photo()),
            exceptions.Enclosure("b.ogg", "audio/ogg", made.ogg()),
            exceptions.Enclosure("list.csv", "text/csv", b"a;b\n"),
            exceptions.Enclosure("plan.svg", "image/svg+xml", b"<svg/>"),
        ],
    )  # fmt: skip
    exceptions.read_signal(signal_id=received.signal.pk)
    page = f"/exceptions/{exception.ref}/"
    assert "is being made safe" in as_("ingrid.vogel").get(page).content.decode()
    exceptions.keep_attachments()
    html = as_("ingrid.vogel").get(page).content.decode()
    picture, sound, table, _svg = Attachment.objects.all()
    assert f'src="/attachments/{picture.pk}/small/"' in html
    assert f'src="/attachments/{sound.pk}/"' in html
    assert f'href="/attachments/{table.pk}/" download' in html
    assert "plan.svg" in html
    assert "not taken: pages and drawings that can hold scripts" in html
    assert "with 1 photo, 1 voice note, 1 file" in html
