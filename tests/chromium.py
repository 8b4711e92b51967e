"""The one way tests start a browser: this machine's Chromium, headless.

Without one a test is skipped by name, and fails in continuous integration, where nothing of this kind is skipped.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

# A busy machine may take its time to draw what was asked for.
expect.set_options(timeout=20_000)

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def running_chromium(*more: str) -> Iterator[Browser]:
    """A Chromium for as long as the block runs, with `more` switches; Playwright's loop holds this thread meanwhile."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium on this machine")
        pytest.skip("no Chromium on this machine (make test installs it on Debian)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage", *more]
        )
        yield browser
        browser.close()
