"""The page of wishes and the answer page on a phone, in a real browser; and what a push shows on the device."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from notify_app import services
from notify_app.models import Notice, Preference
from tests.decisions_app.conftest import Report, response_of
from tests.live_pages import Open, aside
from tests.plant_fixtures import KolbeMini

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def fits(page: Page) -> bool:
    """Nothing is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_wishes_are_kept_on_a_phone_and_a_link_answers_with_one_tap(
    plant: KolbeMini,
    report: Report,
    open_page: Open,
    settings: Any,
    address: str,
    chromium: Browser,
) -> None:
    settings.PUBLIC_URL = address
    exception = aside(lambda: report("press 4 down, hydraulic leak"))
    keller = plant.people["jonas.keller"]
    page = open_page("jonas.keller", "/me/notifications/")
    page.set_viewport_size({"width": 390, "height": 844})
    assert fits(page)
    page.get_by_label("Low by E-mail").uncheck()
    page.get_by_label("From").fill("22:00")
    page.get_by_label("Until").fill("06:00")
    page.get_by_label("Critical by E-mail").uncheck()
    page.get_by_label("Critical by Push").uncheck()
    page.get_by_label("Critical by Text message").uncheck()
    page.get_by_label("Critical by Chat").uncheck()
    page.get_by_role("button", name="Keep this").click()
    # refused at its row, with what was typed still there
    expect(page.get_by_text("What is critical needs a channel beside the portal.")).to_be_visible()
    expect(page.get_by_label("From")).to_have_value("22:00")
    page.get_by_label("Critical by E-mail").check()
    page.get_by_role("button", name="Keep this").click()
    expect(page.get_by_text("from now on you are told this way")).to_be_visible()
    kept = aside(lambda: Preference.objects.get(user=keller))
    assert (kept.channels["critical"], kept.channels["low"], str(kept.quiet_from)) == (
        ["email"],
        [],
        "22:00:00",
    )
    # the worker of this page shows what a push brings, under the notice's tag
    notice = aside(lambda: Notice.objects.get(person=keller, channel="in_app"))
    link = services.answer_url(notice)
    page.context.grant_permissions(["notifications"], origin=address)
    shown = page.evaluate(
        """async () => {
          await navigator.serviceWorker.register("/push-worker.js", {scope: "/"});
          return (await navigator.serviceWorker.ready).active.scriptURL;
        }"""
    )
    assert shown == f"{address}/push-worker.js"
    # opening the link of a message changes nothing, the button answers
    page.goto(link + "?do=on_my_way")
    assert fits(page)
    assert not aside(lambda: response_of(exception, "maintenance")).answered
    page.get_by_role("button", name="On my way").click()
    expect(page.get_by_role("status")).to_contain_text("on the way")
    assert aside(lambda: response_of(exception, "maintenance")).status == "on_the_way"
