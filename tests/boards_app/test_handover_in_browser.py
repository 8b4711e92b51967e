"""Who is on and the handover of a shift in a real browser: away today on a phone, then both leads sign."""

from datetime import timedelta

import pytest
from django.db.models import F
from playwright.sync_api import expect

from core import clock
from decisions_app import services as decisions
from decisions_app.models import HandoverSheet
from plant_app import services as plant_services
from plant_app.models import DutyAssignment
from plant_app.selectors import current_shift
from tests.decisions_app.conftest import Report
from tests.live_pages import PATIENCE, Open, aside
from tests.plant_fixtures import KolbeMini

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_away_today_and_a_late_sheet_signed_by_both(
    plant: KolbeMini,
    report: Report,
    open_page: Open,
) -> None:
    def prepare() -> int:
        report("press 4 down, hydraulic leak")
        running = current_shift(plant.rhf, clock.now())
        assert running is not None
        for hours in (16, 14, 0):  # a site's first sheets are of a shift that runs, and is not nearly over
            with clock.travel(clock.now() - timedelta(hours=hours)):
                decisions.prepare_sheets()
        plant_services.issue_badge(person=plant.people["katrin.weber"], code="7001", pin="4321")
        DutyAssignment.objects.filter(person=plant.people["jonas.keller"]).update(shift=running.shift)
        return HandoverSheet.objects.filter(area=plant.areas["FORM"], due_at__lte=clock.now())[0].pk

    sheet = aside(prepare)
    page = open_page("jonas.keller", "/who/")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("#who-me")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Away today").click()
    expect(page.get_by_role("button", name="I am back")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".post.gap", has_text="Technician")).to_contain_text("Jonas Keller away until")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page = open_page("nils.ahrens", f"/handover/{sheet}/")
    expect(page.locator(".note.crit")).to_contain_text("Anke Schulte", timeout=PATIENCE)
    expect(page.locator("#part-open + span")).to_have_text("1")
    page.get_by_label("Look at first, 1").fill("Press 4: wait for the seal")
    page.get_by_role("button", name="Keep notes").click()
    expect(page.get_by_label("Look at first, 1")).to_have_value(
        "Press 4: wait for the seal", timeout=PATIENCE
    )
    page.get_by_role("button", name="Sign as Nils Ahrens").click()
    expect(page.locator(".signed")).to_contain_text("Nils Ahrens", timeout=PATIENCE)

    # The incoming lead holds the badge to the same screen.
    page.get_by_label("Badge").fill("7001")
    page.get_by_label("PIN").fill("0000")
    page.get_by_role("button", name="Sign with the badge").click()
    expect(page.get_by_label("Badge")).to_have_value("", timeout=PATIENCE)
    expect(page.locator(".signed")).to_have_count(1)
    page.get_by_label("Remarks").fill("Seen with the technician")
    page.get_by_label("Badge").fill("7001")
    page.get_by_label("PIN").fill("4321")
    page.get_by_role("button", name="Sign with the badge").click()
    expect(page.locator(".signed")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator(".points-said")).to_have_text("Press 4: wait for the seal")
    page.goto("/handover/")
    expect(page.locator(f"a[href='/handover/{sheet}/']")).to_contain_text("Signed by both", timeout=PATIENCE)

    signed = aside(lambda: HandoverSheet.objects.annotate(by=F("incoming__username")).get(pk=sheet))
    assert (signed.by, signed.incoming_by, signed.outgoing_by) == ("katrin.weber", "badge", "login")
    assert signed.remarks == "Seen with the technician"
