"""Fixtures every test may use. Domain fixtures live beside the tests of their app."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests import emptying
from tests.groundwork import (  # noqa: F401  (what many tests begin with is built once for a row of them)
    _groundwork_blocker,
    pytest_fixture_setup,
    pytest_runtest_setup,
)
from tests.live_pages import address, chromium, open_page  # noqa: F401  (the pages, live, in a browser)
from tests.plant_fixtures import kolbe_mini, plant_at_work  # noqa: F401  (a fixture for every app)
from tests.tryton_server import tryton, tryton_home, tryton_server  # noqa: F401  (a real ERP, built on first use)

emptying.install()


@pytest.fixture(autouse=True)
def _clean_cache() -> Iterator[None]:
    """Rate limits and other cached counts of one test never reach the next."""
    yield
    cache.clear()
