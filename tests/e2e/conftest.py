"""Whole running products and browsers for the end-to-end tests.

One product runs at a time: a test that needs the other kind (with an ERP, without one) makes this one end first.
Tests with the same kind are brought together, so that each is started once a run.
"""

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.chromium import running_chromium
from tests.e2e.stack import NoErp, Stack

HERE = "tests/e2e/"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need an ERP first, those that need none after them; otherwise as they were."""
    mine = [index for index, item in enumerate(items) if HERE in item.nodeid]
    ordered = sorted(
        (items[index] for index in mine), key=lambda item: item.get_closest_marker("erp_live") is None
    )
    for index, item in zip(mine, ordered, strict=True):
        items[index] = item


class _Stage:
    """The one product that runs now."""

    def __init__(self) -> None:
        self._running: Stack | None = None

    def give(self, erp: str) -> Stack:
        if self._running is not None and self._running.erp == erp:
            return self._running
        self.clear()
        fresh = Stack(erp=erp)
        try:
            fresh.start()
            if erp != "none":
                fresh.wait_for_erp()
        except NoErp as error:
            fresh.discard()
            if os.environ.get("CI"):
                pytest.fail(f"the ERP could not be built: {error}")
            pytest.skip(f"tryton: {error}")
        except BaseException:
            fresh.discard()
            raise
        self._running = fresh
        return fresh

    def clear(self) -> None:
        if self._running is not None:
            self._running.discard()
            self._running = None

    @property
    def running(self) -> Stack | None:
        return self._running


_stage = _Stage()


@pytest.fixture(scope="session")
def _staged() -> Iterator[_Stage]:
    yield _stage
    _stage.clear()


@pytest.fixture(scope="module")
def stack(_staged: _Stage) -> Stack:
    """A running product without an ERP."""
    return _staged.give("none")


@pytest.fixture(scope="module")
def erp_stack(_staged: _Stage) -> Stack:
    """A running product with a real Tryton, filled with the same plant."""
    return _staged.give("tryton")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failure carries the end of every process's log."""
    report = yield
    if report.failed and HERE in item.nodeid and _stage.running is not None:
        report.sections.append(("logs of the product", _stage.running.logs()))
    return report


# --- browsers -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium a module: two of Playwright's loops do not fit into one thread."""
    expect.set_options(timeout=20_000)
    with running_chromium() as browser:
        yield browser


SignIn = Callable[..., Page]


@pytest.fixture
def sign_in(chromium: Browser) -> Iterator[SignIn]:
    """A browser of one person's own, signed in through the login page and led on to `path`."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def enter(stack: Stack, username: str, path: str, width: int = 1280, height: int = 800) -> Page:
        context = chromium.new_context(
            base_url=stack.url, viewport={"width": width, "height": height}, reduced_motion="reduce"
        )
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"{username} at {page.url}: {error}"))
        login = stack.login(username)
        page.goto(f"/login/?next={path}")
        page.locator("#id_username").fill(username)
        page.locator("#id_password").fill(login["password"])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**{path}")
        return page

    yield enter
    for context in contexts:
        context.close()
    assert wrong == []
