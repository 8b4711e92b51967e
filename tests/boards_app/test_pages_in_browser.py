"""Desk and exception page in a real browser: keys, live changes beside what somebody is typing, refusals in words.

The pages are served by the product's own ASGI application in a thread; the test changes the plant behind their back.
"""

import pytest
from playwright.sync_api import expect

from exceptions_app import services as exceptions
from tests.boards_app.pages import DOWN
from tests.decisions_app.conftest import Report, response_of
from tests.live_pages import PATIENCE, Open, aside
from tests.plant_fixtures import KolbeMini

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_desk_is_worked_from_the_keyboard_and_stays_in_place_while_it_changes(
    plant: KolbeMini, report: Report, open_page: Open
) -> None:
    press = aside(lambda: report(DOWN))
    mill = aside(lambda: report("CNC-05 spindle vibration, stopped"))
    desk = open_page("ingrid.vogel", "/")
    order = [row.get_attribute("data-row") for row in desk.locator("#rows [data-row]").all()]
    assert sorted(str(ref) for ref in order) == [press.ref, mill.ref]
    selected = desk.locator('#rows [aria-selected="true"]')
    expect(selected).to_have_attribute("data-row", str(order[0]))
    # j previews the next row
    desk.keyboard.press("j")
    expect(selected).to_have_attribute("data-row", str(order[1]))
    expect(desk.locator("#panel .ref")).to_have_text(str(order[1]), timeout=PATIENCE)
    # somebody reports: the row is there, marked, and nothing has moved under the reader
    fresh = aside(lambda: report("GRD-01 coolant leak, stopped"))
    expect(desk.locator(f"#row-{fresh.ref}.new")).to_be_visible(timeout=PATIENCE)
    expect(selected).to_have_attribute("data-row", str(order[1]))
    assert desk.evaluate("document.activeElement.id") == f"row-{order[1]}"
    # x picks two, and their number is said
    desk.keyboard.press("x")
    desk.keyboard.press("k")
    desk.keyboard.press("x")
    expect(desk.locator("[data-picked-count]")).to_have_text("2 chosen")
    desk.keyboard.press("Escape")
    # r asks who shall have it; its words wait for an answer
    expect(desk.locator("#panel .ref")).to_have_text(
        str(selected.get_attribute("data-row")), timeout=PATIENCE
    )
    desk.keyboard.press("r")
    expect(desk.locator("#dialog-title")).to_contain_text("to another owner", timeout=PATIENCE)
    assert desk.evaluate("document.getElementById('dialog').open")
    # Enter opens the page of the selected row
    desk.keyboard.press("Escape")
    desk.locator(f"#row-{press.ref}").focus()
    desk.keyboard.press("Enter")
    desk.wait_for_url(f"**/exceptions/{press.ref}/")


def test_what_is_being_typed_survives_what_others_do(
    plant: KolbeMini, report: Report, open_page: Open
) -> None:
    exception = aside(lambda: report(DOWN))
    page = open_page("ingrid.vogel", f"/exceptions/{exception.ref}/")
    # another option brings its own inputs and says what ERP would get of it
    page.keyboard.press("2")
    expect(page.locator('fieldset[data-option="run_on_alternate"]')).to_be_visible()
    expect(page.locator("[data-decide]")).to_contain_text("run on alternate work unit")
    expect(page.locator("#postings")).to_contain_text("PRS-03", timeout=PATIENCE)
    reason = page.get_by_label("Reason, for the record")
    reason.fill("tier A wai")
    shown = page.locator("#decide-version").input_value()

    def acknowledge() -> None:
        response = response_of(exception, "maintenance")
        exceptions.acknowledge(response_id=response.pk, actor=response.person, via="inbox")

    aside(acknowledge)
    expect(page.locator("#functions .fig")).to_have_text("1 of 3", timeout=PATIENCE)
    assert reason.input_value() == "tier A wai"
    expect(page.locator('fieldset[data-option="run_on_alternate"]')).to_be_visible()
    # the page shows the new state, so deciding on it is not stale
    assert page.locator("#decide-version").input_value() != shown
    # but a page that never heard is refused in words, and keeps what was typed
    page.evaluate("document.getElementById('decide-version').value = '1'")
    page.locator("[data-decide]").click()
    refused = page.locator("#toasts .toast.warn")
    expect(refused).to_contain_text(
        f"Jonas Keller changed {exception.ref} meanwhile: acknowledged.", timeout=PATIENCE
    )
    expect(refused).to_contain_text("Show the current state")
    assert reason.input_value() == "tier A wai"
