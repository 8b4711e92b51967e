"""Refetches of an open page that overtake each other on a busy machine: what was asked for last stays on the page."""

from typing import Any

import pytest
from playwright.sync_api import Page, Response, Route, expect

from decisions_app import services as decisions
from exceptions_app.models import ExceptionRecord
from tests.decisions_app.conftest import Report, acknowledge_all, erp  # noqa: F401  (an ERP that answers)
from tests.live_pages import PATIENCE, Open, aside
from tests.plant_fixtures import KolbeMini

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Slow:
    """Answers of one address that are fetched when asked for and handed to the page when `release` says so."""

    def __init__(self, page: Page, path: str) -> None:
        self.page, self.holding = page, True
        self.held: list[tuple[Route, Any]] = []
        page.route(lambda url: url.split("?")[0] == path.split("?")[0], self._answer)

    def _answer(self, route: Route) -> None:
        if route.request.method != "GET" or not self.holding:
            route.continue_()
            return
        self.held.append((route, route.fetch()))

    def wait(self, count: int) -> None:
        """Until so many answers are held."""
        for _ in range(200):
            if len(self.held) >= count:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{len(self.held)} answers are held, not {count}")

    def release(self) -> None:
        """Hand over the oldest held answer."""
        route, answer = self.held.pop(0)
        route.fulfill(response=answer)


@pytest.fixture
def page(plant: KolbeMini, erp: Any, report: Report, open_page: Open) -> Page:  # noqa: F811
    """A lot on hold all have acknowledged, opened by the plant manager; nothing is on its way."""
    exception = aside(
        lambda: report(type="quality_hold", lot="L26-4471", reason="DIM-SIZE", qty_suspect="36")
    )
    aside(lambda: acknowledge_all(exception))
    page = open_page("robert.kolbe", f"/exceptions/{exception.ref}/")
    page.wait_for_function("document.documentElement.dataset.liveState === 'live'")
    page.wait_for_load_state("networkidle")
    return page


def choose(page: Page) -> None:
    page.locator("#decide-form th", has_text="Scrap").click()


def decide(page: Page) -> None:
    inputs = page.locator('#decide-form fieldset[data-option="scrap"]')
    inputs.locator('[name="in-quantity"]').fill("36")
    inputs.locator('[name="in-reason"]').select_option(index=1)
    with page.expect_response(decided) as answer:
        page.locator("#decide-form [data-decide]").click()
    assert answer.value.status == 204


def decided(answer: Response) -> bool:
    return answer.request.method == "POST" and answer.url.endswith("/decide/")


#: Counts how often the page shows a decision yet to be taken, from now on.
SEEN_AGAIN = """() => {
    window.seenAgain = document.querySelectorAll("#decide-form").length;
    new MutationObserver(() => { window.seenAgain += document.querySelectorAll("#decide-form").length; })
        .observe(document.body, { childList: true, subtree: true });
}"""
TAKEN = "#decide .taken:not(#contained)"


def test_what_is_said_while_an_answer_is_on_its_way_is_asked_for_after_it(
    plant: KolbeMini, page: Page
) -> None:
    # given an option is chosen, and somebody says something while the answer to that is on its way
    slow = Slow(page, page.url)
    choose(page)
    slow.wait(1)
    exception, other = aside(ExceptionRecord.objects.get), plant.people["lena.fischer"]
    aside(lambda: decisions.comment(exception_id=exception.pk, author=other, text="They sent us two more"))
    page.wait_for_timeout(500)
    assert len(slow.held) == 1  # one at a time

    # when that answer is here, and the next one is slow too
    slow.release()
    slow.wait(1)
    slow.holding = False
    decide(page)
    slow.release()

    # then the page shows what was said, and the decision
    expect(page.locator("#talk")).to_contain_text("They sent us two more", timeout=PATIENCE)
    expect(page.locator(TAKEN)).to_contain_text("Scrap", timeout=PATIENCE)


def test_an_answer_from_before_the_decision_that_comes_late_does_not_take_it_off_the_page(page: Page) -> None:
    # given ERP's news are fetched, and the answer is slow
    choose(page)
    expect(page.locator("[data-decide]")).to_contain_text("scrap")
    page.wait_for_load_state("networkidle")
    slow = Slow(page, page.url)
    page.evaluate("document.getElementById('record-postings-live').dispatchEvent(new CustomEvent('live'))")
    slow.wait(1)
    slow.holding = False

    # when it is decided meanwhile, and the slow answer comes after the page shows that
    decide(page)
    expect(page.locator(TAKEN)).to_contain_text("Scrap", timeout=PATIENCE)
    page.evaluate(SEEN_AGAIN)
    slow.release()
    page.wait_for_timeout(1000)

    # then not even for a moment it is shown as it stood before
    expect(page.locator(TAKEN)).to_contain_text("Scrap")
    assert page.evaluate("window.seenAgain") == 0
