"""The two pages that prove a rule, in a real browser: why somebody was told or not, and what a draft would change."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from core import clock
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from plant_app.models import Function, User
from routing_app.models import Rule
from tests.boards_app.pages import DOWN
from tests.decisions_app.conftest import Report
from tests.live_pages import PATIENCE, Open, aside
from tests.plant_fixtures import KolbeMini

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def shots(page: Page, name: str, *, again: bool = False) -> None:
    """Pictures to be looked at, light and dark, where somebody asked for them; `again`: its theme is set on loading."""
    folder = os.environ.get("EXECLAYER_SHOTS")
    if not folder:
        return
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        if again:
            page.reload()
        page.wait_for_timeout(400)
        page.screenshot(path=str(Path(folder) / f"{name}-{scheme}.png"))
    page.emulate_media(color_scheme="light")


def passed_on_and_edited(plant: KolbeMini, report: Report) -> ExceptionRecord:
    """A stop that was handed on to quality after 24 minutes, and a draft that names quality at once."""
    cache.clear()
    User.objects.filter(username="sofia.brandt").update(is_staff=True)
    exception = report(DOWN)
    with clock.travel(exception.captured_at + timedelta(minutes=24)):
        exceptions.reroute(
            exception_id=exception.pk, function_code="quality", actor=plant.people["ingrid.vogel"], via="desk",
            reason="A bad lot",
        )  # fmt: skip
    assert exception.route is not None
    quality = Function.objects.get(code="quality")
    Rule.objects.filter(code=exception.route.rule_code).update(owner_function=quality, owner_role="inspector")
    return exception


def test_why_somebody_was_told_and_what_the_draft_would_have_changed(
    plant: KolbeMini,
    report: Report,
    open_page: Open,
) -> None:
    exception = aside(lambda: passed_on_and_edited(plant, report))
    page = open_page("sofia.brandt", f"/exceptions/{exception.ref}/")

    # the reader was not told, and hears why
    page.get_by_role("button", name="Why was I told").click()
    expect(page.locator("#dialog-title")).to_have_text(f"Why, {exception.ref}", timeout=PATIENCE)
    answers = page.locator("#dialog #why-answers")
    expect(answers.locator("#why-person-title")).to_contain_text("Sofia Brandt")
    expect(answers.locator("#why-person-title")).to_contain_text("not told")
    shots(page, "why-not")
    # somebody else is chosen: the answer changes in place, the owner's stays
    page.locator("#why-person").select_option("jonas.keller")
    expect(answers.locator("#why-person-title")).to_contain_text("Jonas Keller", timeout=PATIENCE)
    expect(answers.locator("#why-person-title")).not_to_contain_text("not told")
    owner = answers.locator("section[aria-labelledby='why-owner-title']")
    expect(owner).to_contain_text("A bad lot")
    expect(page.locator("#why-person")).to_have_value("jonas.keller")
    shots(page, "why-told")
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).not_to_have_attribute("open", "")

    # the same record in the backtest of the draft: spared, with its minutes, and narrowed by what differs
    page.goto("/admin/routing_app/rule/backtest/?months=1")
    row = page.locator("tr", has=page.get_by_role("link", name=exception.ref, exact=True))
    expect(row).to_contain_text("re-route saved, 24 min")
    expect(row.locator("del").first).to_contain_text("technician")
    expect(row.locator("ins").first).to_contain_text("inspector")
    expect(page.locator(".bt-hours")).to_be_visible()
    shots(page, "backtest", again=True)
    page.get_by_role("link", name="2 months", exact=True).click()
    expect(page.locator("[aria-current='true']")).to_have_text("2 months", timeout=PATIENCE)
    page.get_by_role("navigation", name="In what they differ").get_by_role("link").nth(1).click()
    expect(page).to_have_url(f"{page.url.split('?')[0]}?months=2&aspect=owner#bt-list", timeout=PATIENCE)
    expect(row).to_be_visible()
