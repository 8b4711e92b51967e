"""The form behind a printed code: who may report, what opens by itself and what only asks, limits, and following it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from boards_app.selectors.tracking import tracking_token
from boards_app.views.floor import signed
from core import clock
from decisions_app import services as decisions
from exceptions_app import services as exceptions
from exceptions_app.models import Attachment, ExceptionRecord, Signal, Source
from plant_app.authentication import DEVICE_COOKIE
from plant_app.services import codes_for, revoke_codes, token_of
from plant_app.services.access import issue_badge, pair_device
from tests.boards_app.conftest import As
from tests.decisions_app.conftest import Report, response_of
from tests.exceptions_app import attached_samples as made
from tests.plant_fixtures import KolbeMini

BUDGET = 20
LEAK = {
    "type": "machine_downtime",
    "machine_downtime.reason": "MEC-LEAK",
    "machine_downtime.state": "stopped",
}


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def address(plant: KolbeMini) -> str:
    """The address on press 4."""
    (code,) = codes_for(work_units=[plant.units["PRS-04"]])
    return f"/r/{token_of(code)}/"


@pytest.fixture
def anonymous(plant: KolbeMini) -> Client:
    """A stranger's phone at a site that takes reports without a name."""
    plant.rhf.anonymous_reports = True
    plant.rhf.save(update_fields=["anonymous_reports"])
    return Client()


def send(browser: Client, address: str, **more: Any) -> HttpResponse:
    """What the page's outbox sends."""
    body = {"external_id": str(uuid4()), "occurred_at": clock.now().isoformat(), **more}
    return browser.post(f"{address}report/", body, headers={"Accept": "application/json"})


# --- who may --------------------------------------------------------------------------------------------------
def test_the_form_shows_the_machine_what_runs_and_what_can_be_wrong(plant: KolbeMini, as_: As) -> None:
    (code,) = codes_for(work_units=[plant.units["CNC-06"]])
    html = as_("piotr.nowak").get(f"/r/{token_of(code)}/").content.decode()
    assert "CNC-06" in html
    assert "WO-118219" in html
    assert 'name="machine_downtime.reason" value="MEC-LEAK"' in html
    assert "You report as <b>Piotr Nowak</b>" in html
    assert "work_centre" not in html  # nothing of the place is asked: the code is the place


def test_the_form_costs_a_bounded_number_of_queries(plant: KolbeMini, as_: As, address: str) -> None:
    browser = as_("piotr.nowak")
    browser.get(address)
    with CaptureQueriesContext(connection) as spent:
        assert browser.get(address).status_code == 200
    assert len(spent) <= BUDGET


def test_where_nobody_is_known_the_page_asks_who_and_takes_nothing(plant: KolbeMini, address: str) -> None:
    stranger = Client()
    html = stranger.get(address).content.decode()
    assert "Who are you?" in html
    assert "machine_downtime" not in html
    assert "WO-" not in html  # what runs is nobody's business
    answer = send(stranger, address, text="it leaks")
    assert (answer.status_code, answer.json()["code"]) == (403, "codes.who")
    assert Signal.objects.count() == 0


def test_a_login_of_another_site_may_not_report_here(plant: KolbeMini, as_: As, address: str) -> None:
    assert "Who are you?" in as_("carlos.mendez").get(address).content.decode()
    assert send(as_("carlos.mendez"), address, text="it leaks").status_code == 403
    assert Signal.objects.count() == 0


def test_a_badge_with_its_pin_is_a_name_and_without_one_is_none(plant: KolbeMini, address: str) -> None:
    issue_badge(person=plant.people["piotr.nowak"], code="B-77", pin="4711")
    phone = Client()
    assert phone.post(f"{address}who/", {"badge": "B-77", "pin": "0000"}).status_code == 403
    assert "Who are you?" in phone.get(address).content.decode()
    assert phone.post(f"{address}who/", {"badge": "B-77", "pin": "4711"})["Location"] == address
    assert "You report as <b>Piotr Nowak</b>" in phone.get(address).content.decode()
    assert send(phone, address, text="hydraulic leak", **LEAK).status_code == 201
    assert ExceptionRecord.objects.get().reported_by == plant.people["piotr.nowak"]
    phone.post(f"{address}who/", {})
    assert "Who are you?" in phone.get(address).content.decode()


def test_a_paired_screen_reports_in_its_own_name(plant: KolbeMini, address: str) -> None:
    _device, secret = pair_device(site=plant.rhf, name="Tablet presses", work_centre=plant.centres["PRESS"])
    browser = Client()
    browser.cookies[DEVICE_COOKIE] = secret
    assert send(browser, address, **LEAK).status_code == 201
    signal = Signal.objects.get()
    assert (signal.reporter, signal.reporter_text, signal.source.code) == (None, "Tablet presses", "qr-rhf")
    assert ExceptionRecord.objects.get().status == "open"


@pytest.mark.parametrize("broken", ["forged", "revoked"])
def test_a_forged_or_revoked_code_opens_nothing(plant: KolbeMini, as_: As, address: str, broken: str) -> None:
    if broken == "revoked":
        revoke_codes(work_units=[plant.units["PRS-04"]], actor=plant.people["sofia.brandt"])
    else:
        address = address[:-3] + ("AA/" if address[-3:-1] != "AA" else "BB/")
    browser = as_("piotr.nowak")
    page = browser.get(address)
    assert page.status_code == 404
    assert "not valid any more" in page.content.decode()
    assert "PRS-04" not in page.content.decode()
    assert send(browser, address, text="press 4 down").status_code == 404
    assert Signal.objects.count() == 0


# --- what is reported -----------------------------------------------------------------------------------------
def test_a_known_persons_report_opens_by_itself(plant: KolbeMini, as_: As, address: str) -> None:
    answer = send(as_("piotr.nowak"), address, text="oil on the floor", **LEAK)
    exception = ExceptionRecord.objects.get()
    assert (answer.status_code, answer.json()["exception"]) == (201, {"ref": exception.ref})
    assert (exception.status, exception.type.code, exception.work_unit, exception.reason.code) == (
        "open",
        "machine_downtime",
        plant.units["PRS-04"],
        "MEC-LEAK",
    )
    assert exception.reported_by == plant.people["piotr.nowak"]


def test_the_machine_is_the_codes_whatever_a_form_says(plant: KolbeMini, as_: As, address: str) -> None:
    send(as_("piotr.nowak"), address, text="it leaks", work_unit="CNC-04", **LEAK, scanned="CNC-05")
    signal = Signal.objects.get()
    assert signal.fields["work_unit"] == "PRS-04"
    # another machine's code is not taken over, and not lost either
    assert signal.text == "it leaks CNC-05"


def test_only_answers_the_form_offers_count(plant: KolbeMini, as_: As, address: str) -> None:
    send(as_("piotr.nowak"), address, **{
        **LEAK, "material_shortage.reason": "SUP-LATE", "machine_downtime.reason": "DIM-SIZE",
        "machine_downtime.severity": "critical", "order": "WO-000000",
    })  # fmt: skip
    fields = Signal.objects.get().fields
    assert fields == {
        "type": "machine_downtime",
        "work_unit": "PRS-04",
        "work_centre": "PRESS",
        "state": "stopped",
    }


def test_a_scanned_order_is_linked_and_an_unknown_one_stays_in_the_words(
    plant: KolbeMini, as_: As, address: str
) -> None:
    browser = as_("piotr.nowak")
    send(browser, address, scanned="wo-118219", **LEAK)
    send(browser, address, scanned="WO-999999", **LEAK)
    known, unknown = Signal.objects.order_by("pk")
    assert (known.fields["work_order"], known.text) == ("WO-118219", "")
    assert ("work_order" in unknown.fields, unknown.text) == (False, "WO-999999")
    said = browser.get(f"{address}scan/?code=wo-118219").json()
    assert (said["kind"], said["code"]) == ("work_order", "WO-118219")
    assert browser.get(f"{address}scan/?code=WO-999999").status_code == 404


def test_nothing_said_is_nothing_taken(plant: KolbeMini, as_: As, address: str) -> None:
    answer = send(as_("piotr.nowak"), address, text="  ")
    assert (answer.status_code, answer.json()["code"]) == (400, "codes.empty")
    assert Signal.objects.count() == 0


def test_a_report_kept_on_the_phone_keeps_its_moment_its_name_and_is_taken_once(
    plant: KolbeMini, as_: As, address: str
) -> None:
    before = clock.now() - timedelta(minutes=40)
    key = str(uuid4())
    person = plant.people["piotr.nowak"]
    body = {"external_id": key, "occurred_at": before.isoformat(), "as": signed(person), "text": "it leaks"}
    # the session ended meanwhile; the form was drawn for Piotr
    first, second = send(Client(), address, **body, **LEAK), send(Client(), address, **body, **LEAK)
    assert (first.status_code, second.status_code, second.json()["replayed"]) == (201, 201, True)
    assert first.json()["exception"] == second.json()["exception"]
    exception = ExceptionRecord.objects.get()
    assert (exception.occurred_at, exception.reported_by, Signal.objects.count()) == (before, person, 1)


def test_a_browser_without_scripts_is_led_to_the_tracking_page(
    plant: KolbeMini, as_: As, address: str
) -> None:
    photo = SimpleUploadedFile("a.jpg", made.photo(), "image/jpeg")
    answer = as_("piotr.nowak").post(
        f"{address}report/", {"key": "k-1", "text": "it leaks", "photo": photo, **LEAK}
    )
    assert answer.status_code == 302
    assert answer["Location"] == f"/t/{tracking_token(Signal.objects.get())}/"
    exceptions.keep_attachments()
    assert Attachment.objects.get().status == "kept"


# --- without a name -------------------------------------------------------------------------------------------
def test_a_report_without_a_name_only_asks_and_is_marked(
    plant: KolbeMini, anonymous: Client, address: str
) -> None:
    assert "Without your name" in anonymous.get(address).content.decode()
    answer = send(
        anonymous, address, text="hydraulic leak", photo=SimpleUploadedFile("a.jpg", made.photo()), **LEAK
    )
    assert answer.status_code == 201
    signal, exception = Signal.objects.get(), ExceptionRecord.objects.get()
    assert (signal.reporter, signal.reporter_text, signal.sender_verified) == (
        None,
        "not named, at PRS-04",
        False,
    )
    assert signal.source.code == "anonymous-rhf"
    assert signal.payload["printed_code"]["anonymous"] is True
    assert (exception.status, exception.reported_by, exception.type.code) == (
        "triage",
        None,
        "machine_downtime",
    )
    assert signal.attachments.count() == 1


def test_a_site_may_trust_reports_without_a_name(plant: KolbeMini, anonymous: Client, address: str) -> None:
    exceptions.source_of(kind="anonymous", site=plant.rhf)
    Source.objects.filter(code="anonymous-rhf").update(trusted=True)
    send(anonymous, address, text="hydraulic leak", **LEAK)
    assert ExceptionRecord.objects.get().status == "open"


def test_without_a_name_nothing_that_is_open_is_ended(
    plant: KolbeMini, anonymous: Client, report: Report, address: str
) -> None:
    exception = report("press 4 down, hydraulic leak")
    send(anonymous, address, text="press 4 runs again, all good")
    exception.refresh_from_db()
    assert (exception.status, exception.cleared_at) == ("open", None)


def test_too_many_without_a_name_are_refused_by_address_and_by_code(
    plant: KolbeMini, anonymous: Client, address: str, settings: Any
) -> None:
    settings.ANONYMOUS_PER_ADDRESS, settings.ANONYMOUS_PER_CODE = 2, 3
    texts = [send(anonymous, address, text=f"leak {n}", **LEAK).status_code for n in range(3)]
    assert texts == [201, 201, 429]
    elsewhere = Client(REMOTE_ADDR="10.1.2.3")
    assert [send(elsewhere, address, text="leak", **LEAK).status_code for _ in range(2)] == [201, 429]
    assert Signal.objects.count() == 3
    # somebody with a name is not held up
    known = Client()
    known.force_login(plant.people["piotr.nowak"])
    assert send(known, address, text="leak", **LEAK).status_code == 201


def test_behind_a_proxy_the_proxys_word_counts_and_not_the_senders(
    plant: KolbeMini, anonymous: Client, address: str, settings: Any
) -> None:
    settings.BEHIND_PROXY, settings.ANONYMOUS_PER_ADDRESS = True, 1

    def told(chain: str) -> int:
        body = {"external_id": str(uuid4()), "text": "leak", **LEAK}
        headers = {"Accept": "application/json", "X-Forwarded-For": chain}
        return anonymous.post(f"{address}report/", body, headers=headers).status_code

    assert [told("1.1.1.1, 9.9.9.9"), told("2.2.2.2, 9.9.9.9"), told("1.1.1.1, 8.8.8.8")] == [201, 429, 201]


def test_a_stranger_learns_no_orders_by_scanning(plant: KolbeMini, anonymous: Client, address: str) -> None:
    assert anonymous.get(f"{address}scan/?code=WO-118219").status_code == 403


# --- followed -------------------------------------------------------------------------------------------------
def test_a_report_is_followed_without_a_login_and_shows_nothing_else(
    plant: KolbeMini, anonymous: Client, address: str, as_: As
) -> None:
    track = send(as_("piotr.nowak"), address, text="secret words 4711", **LEAK).json()["track"]
    exception = ExceptionRecord.objects.get()
    html = Client().get(track).content.decode()
    assert exception.ref in html
    assert "The right people are told" in html
    response = response_of(exception, "maintenance")
    exceptions.on_my_way(
        response_id=response.pk, actor=response.person, via="inbox", eta=clock.now() + timedelta(minutes=4)
    )
    html = Client().get(track).content.decode()
    assert "Maintenance is on the way, 4 min" in html
    for hidden in ("secret words", str(response.person), "PRS-04", exception.title, "Piotr"):
        assert hidden not in html


def test_a_tracking_address_is_signed_and_ends(plant: KolbeMini, as_: As, address: str) -> None:
    track = send(as_("piotr.nowak"), address, text="leak", **LEAK).json()["track"]
    assert Client().get(f"{track[:-4]}xyz/").status_code == 404
    assert Client().post(track).status_code == 405
    with clock.travel(clock.now() + timedelta(days=1)):
        assert Client().get(track).status_code == 200


def test_the_words_follow_the_record_to_its_end(plant: KolbeMini, anonymous: Client, address: str) -> None:
    track = send(anonymous, address, text="hydraulic leak", **LEAK).json()["track"]
    assert "A person looks at it first" in Client().get(track).content.decode()
    exception = ExceptionRecord.objects.get()
    decisions.cancel(exception_id=exception.pk, actor=plant.people["ingrid.vogel"], reason="nothing there")
    html = Client().get(track).content.decode()
    assert "closed without further work" in html
    assert "hx-get" not in html  # nothing more will change, so nothing asks again
