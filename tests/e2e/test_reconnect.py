"""A board that lost its socket says so, and shows the current state when it is back, whatever it missed."""

import logging
import re
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import SignIn
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(400)]

logger = logging.getLogger(__name__)

DOWN = re.compile(r"\bdown\b")
BACK_WITHIN = 60_000


@pytest.fixture
def board(stack: Stack, sign_in: SignIn) -> Page:
    """The wall screen of an area at the other site, which no other test troubles, live."""
    page = sign_in(stack, "maya.johnson", "/boards/GASM/", width=1920, height=1080)
    expect(page.locator("html")).to_have_attribute("data-live-state", "live")
    page.evaluate("window.here = true")  # gone after a reload
    return page


def card(page: Page, unit: str) -> Locator:
    return page.locator(".unit", has_text=unit)


def report(stack: Stack, unit: str, number: str) -> None:
    stack.person("maya.johnson").tell("/signals/", {
        "channel": "api", "external_id": f"reconnect-{number}", "site": "GVL", "text": f"{unit} down, no power",
        "fields": {"type": "machine_downtime", "work_unit": unit},
    })  # fmt: skip


def test_a_board_without_its_server_says_so_and_then_shows_what_it_missed(stack: Stack, board: Page) -> None:
    # given a machine that runs, or at least is not down, on the board
    expect(card(board, "G-PRS-01")).not_to_have_class(DOWN)
    expect(board.locator("[data-stale]")).to_be_hidden()

    # when the web process is killed and this screen's network is gone too
    stack.kill("execlayer.web")
    expect(board.locator("[data-stale]")).to_be_visible()
    expect(board.locator("[data-stale]")).to_contain_text("Not live since")
    board.context.set_offline(True)
    # and the machine goes down while the others are served again
    stack.wait(lambda: stack.answers("/readyz"), 60, "the web process to be back")
    report(stack, "G-PRS-01", "1")
    expect(board.locator("[data-stale]")).to_be_visible()
    expect(card(board, "G-PRS-01")).not_to_have_class(DOWN)

    # then the board shows it as soon as it is back, and no longer calls itself old
    board.context.set_offline(False)
    expect(card(board, "G-PRS-01")).to_have_class(DOWN, timeout=BACK_WITHIN)
    expect(board.locator("[data-stale]")).to_be_hidden()
    assert board.evaluate("window.here") is True


def test_a_board_hears_again_after_the_broker_died(stack: Stack, board: Page) -> None:
    expect(card(board, "G-AL-1")).not_to_have_class(DOWN)
    # when the broker all hints go through is killed and comes back
    victims = stack.kill("valkey-server")
    stack.wait(lambda: stack.processes("valkey-server").keys() - victims.keys(), 60, "the broker to be back")
    stack.wait(lambda: stack.answers("/readyz"), 60, "everything to be reachable")

    # then the next change reaches the board, in the page that was open all the time
    began = time.monotonic()
    report(stack, "G-AL-1", "2")
    expect(card(board, "G-AL-1")).to_have_class(DOWN, timeout=BACK_WITHIN)
    logger.info("heard %.1f s after the report", time.monotonic() - began)
    assert board.evaluate("window.here") is True
