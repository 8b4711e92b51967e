"""Write-back in a real browser: a refused posting is found, mended and confirmed; an outage is said, and drains."""

import re

import pytest
from playwright.sync_api import expect

from boards_app.selectors import workbench
from erp_sync.models import ErpConnection, Posting
from erp_sync.services import check_connection, send_due
from tests.boards_app.test_postings import REFUSED, put
from tests.erp_sync import scripted
from tests.live_pages import Open, aside
from tests.plant_fixtures import KolbeMini

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WAITS = 5


def test_a_refused_posting_is_found_by_its_cause_mended_and_confirmed(
    plant: KolbeMini, erp: scripted.Books, open_page: Open
) -> None:
    def refuse() -> Posting:
        posting = put(plant, "wrong")
        erp.then(scripted.refuse("erp.payload", REFUSED))
        send_due()
        posting.refresh_from_db()
        assert posting.status == "rejected"
        return posting

    posting = aside(refuse)
    page = open_page("ingrid.vogel", "/postings/")
    page.get_by_role("link", name=re.compile("Needs a person")).click()
    opened = page.get_by_role("region", name="A field is missing or wrong")
    expect(opened).to_contain_text("Correct the field ERP can't take, then send it again.")
    expect(opened).to_contain_text(REFUSED)
    # chosen with the keyboard, and kept over a change
    page.keyboard.press("x")
    expect(opened).to_contain_text("1 chosen")
    aside(lambda: put(plant, "another"))
    expect(opened.locator('input[name="posting"]')).to_be_checked()
    # the fields in a dialog, by the key of the row
    page.keyboard.press("e")
    dialog = page.locator("#dialog")
    expect(dialog.get_by_label("Quantity")).to_have_value("5")
    dialog.get_by_label("Quantity").fill("4")
    dialog.get_by_label("Why").fill("counted again")
    dialog.get_by_role("button", name="Send again").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#bench")).to_contain_text("Nothing is refused or held.")
    aside(lambda: [send_due() for _ in range(3)])
    page.goto(f"/postings/{posting.pk}/")
    expect(page.locator("#posting")).to_contain_text("Confirmed by ERP")
    expect(page.locator("#posting")).to_contain_text("A definite no: nothing of it is in ERP.")
    expect(page.locator("#posting")).to_contain_text("counted again")
    assert [payload["quantity"] for key, payload in erp.documents if key == posting.business_key] == ["4"]


def test_a_group_beyond_its_page_is_sent_again_by_keyboard_after_a_question(
    plant: KolbeMini, erp: scripted.Books, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench, "PER_PAGE", 2)

    def refuse() -> None:
        for number in range(WAITS):
            put(plant, f"g{number}")
        Posting.objects.update(status="sending")
        Posting.objects.update(status="rejected", error_code="erp.refused", error_message="no")

    aside(refuse)
    page = open_page("ingrid.vogel", "/postings/errors/")
    page.keyboard.press("a")
    expect(page.locator(".bulkbar")).to_contain_text("Chosen are the 2 of this page.")
    page.keyboard.press("w")
    expect(page.locator(".bulkbar")).to_contain_text(f"{WAITS} chosen")
    page.keyboard.press("s")
    dialog = page.locator("#whole-many")
    expect(dialog).to_contain_text(f"All {WAITS} of")
    assert aside(lambda: Posting.objects.filter(status="rejected").count()) == WAITS
    page.keyboard.press("Enter")
    expect(page.locator("#answers")).to_contain_text(f"{WAITS} done")
    expect(dialog).to_be_hidden()
    assert aside(lambda: Posting.objects.filter(status="queued").count()) == WAITS


def test_an_outage_is_said_where_people_are_and_its_backlog_drains_before_their_eyes(
    plant: KolbeMini, erp: scripted.Books, open_page: Open
) -> None:
    page = open_page("ingrid.vogel", "/")
    banner = page.locator("#outage .outage")
    expect(banner).to_have_count(0)

    def goes_away() -> None:
        erp.up = False
        for number in range(WAITS):
            put(plant, f"w{number}")
        for _ in range(3):
            send_due()
        assert ErpConnection.objects.get(code="main").circuit_open

    aside(goes_away)
    expect(banner).to_contain_text("Main ERP has been silent for")
    expect(banner).to_contain_text("postings wait, nothing is lost.")

    def comes_back() -> None:
        erp.up = True
        assert check_connection(connection=ErpConnection.objects.get(code="main")).ok
        Posting.objects.filter(status="queued").update(due_at=plant.now)

    aside(comes_back)
    expect(banner).to_contain_text(re.compile("answers again|works again"))
    expect(banner.locator("progress")).to_be_visible()

    def drains() -> None:
        for _ in range(20):
            Posting.objects.filter(status="queued").update(due_at=plant.now)
            send_due()

    aside(drains)
    assert aside(lambda: Posting.objects.filter(status="confirmed").count()) == WAITS
    expect(banner).to_have_count(0)
    assert len(erp.documents) == WAITS
    page.goto("/postings/?status=confirmed")
    expect(page.locator("table.postings tbody tr")).to_have_count(WAITS)
