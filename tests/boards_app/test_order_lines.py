"""The exception page of an order that came by EDI: every line with its grade, old and new; and what went back."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from exceptions_app import services as exceptions
from exceptions_app.models import EdiDocument, ExceptionRecord, Signal, Source
from plant_app.models import SalesOrderLine
from tests.boards_app.conftest import As
from tests.exceptions_app.edi_samples import change_860
from tests.plant_fixtures import KolbeMini


@pytest.fixture(autouse=True)
def monday_morning() -> Iterator[None]:
    """How hard a change is depends on how many workdays are left."""
    with time_machine.travel(datetime(2026, 11, 23, 8, 0, tzinfo=UTC), tick=True):
        yield


@pytest.fixture
def asked(plant: KolbeMini) -> ExceptionRecord:
    """Merino wants more of line 10, takes line 20 away, and repeats line 30."""
    line = plant.sales_lines["40017810"]
    for number, item, quantity in ((20, "VB-220", 5), (30, "SH-77", 7)):
        SalesOrderLine.objects.create(
            order=line.order, line=number, item=plant.items[item], quantity=quantity, unit_price=1,
            requested_at=line.requested_at, commit_at=line.commit_at,
        )  # fmt: skip
    source = Source.objects.create(
        code="edi-rhf", name="EDI", channel="edi", adapter="edi", site=plant.rhf,
        config={"partners": [{"id": "MERINO", "customer": "MER", "our_id": "KOLBE"}]},
    )  # fmt: skip
    text = change_860(
        "POC*10*QI*1180**EA***VN*SP-12", "POC*20*DI*5**EA***VN*VB-220", "POC*30*NC*7**EA***VN*SH-77"
    )
    taken = exceptions.take_interchange(source=source, body=text.encode(), via="http")
    signal = Signal.objects.get(external_id__startswith=taken.interchange.key)
    exceptions.read_signal(signal_id=signal.pk)
    return ExceptionRecord.objects.get(sales_line=line)


def section(page: str) -> str:
    """The words of the section, tags left out."""
    found = re.search(r'<section class="panel p-order".*?</section>', page, re.S)
    assert found is not None
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


def test_every_line_is_shown_with_old_new_grade_and_reason(asked: ExceptionRecord, as_: As) -> None:
    words = section(as_("helena.kraus").get(f"/exceptions/{asked.ref}/").content.decode())
    assert "PO-7810, change 1" in words
    assert "1 warning 1 information 1 no change" in words
    assert "Quantity 160 1,180 pcs" in words
    assert "Line 5 pcs cancelled" in words
    assert "Nothing differs." in words
    assert "this record" in words
    assert "Work has started" in words


def test_an_order_change_of_the_floor_has_no_such_section(plant: KolbeMini, report: Any, as_: As) -> None:
    exception = report(type="order_change", so_line="40017810/10", kind="DATE-LATER", new_value="2027-01-01")
    assert "p-order" not in as_("helena.kraus").get(f"/exceptions/{exception.ref}/").content.decode()


def test_an_answer_is_shown_and_can_be_sent_again_by_who_may(asked: ExceptionRecord, as_: As) -> None:
    exceptions.answer_by_edi(
        exception=exceptions.locked(asked.pk), said=exceptions.Said(status="rejected"), key="answer/1"
    )
    exceptions.send_edi()
    document = EdiDocument.objects.get(exception=asked)
    assert document.state == "failed"  # no folder, no address
    url = f"/exceptions/{asked.ref}/edi/{document.pk}/resend/"
    words = section(as_("helena.kraus").get(f"/exceptions/{asked.ref}/").content.decode())
    assert f"865 {document.number} to MERINO: rejected" in words
    assert "Could not be sent" in words
    assert "Try again" in words
    assert as_("piotr.nowak").post(url, headers={"HX-Request": "true"}).status_code in (403, 404)
    assert Client().post(url).status_code == 302
    document.refresh_from_db()
    assert document.state == "failed"
    assert as_("helena.kraus").post(url, headers={"HX-Request": "true"}).status_code == 204
    document.refresh_from_db()
    assert document.state == "queued"


def test_the_admin_lists_documents_with_their_text(asked: ExceptionRecord, as_: As, plant: KolbeMini) -> None:
    boss = plant.people["sofia.brandt"]
    boss.is_staff = boss.is_superuser = True
    boss.save()
    document = EdiDocument.objects.get(kind="997")
    browser = as_("sofia.brandt")
    assert document.number in browser.get("/admin/exceptions_app/edidocument/").content.decode()
    assert (
        "AK9*A*1*1*1"
        in browser.get(f"/admin/exceptions_app/edidocument/{document.pk}/change/").content.decode()
    )
    assert "000000017" in browser.get("/admin/exceptions_app/ediinterchange/").content.decode()
    answer = browser.post(
        "/admin/exceptions_app/edidocument/", {"action": "send_again", "_selected_action": [document.pk]}
    )
    assert answer.status_code == 302
    document.refresh_from_db()
    assert (document.state, document.resent_by) == ("queued", boss)
