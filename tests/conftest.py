"""Fixtures every test may use. Domain fixtures live beside the tests of their app."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests.plant_fixtures import kolbe_mini  # noqa: F401  (a fixture for every app)
from tests.tryton_server import tryton, tryton_home, tryton_server  # noqa: F401  (a real ERP, built on first use)


@pytest.fixture(autouse=True)
def _clean_cache() -> Iterator[None]:
    """Rate limits and other cached counts of one test never reach the next."""
    yield
    cache.clear()
