"""What every page test needs: a plant at work, and a browser that is logged in."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.decisions_app.conftest import plant, report  # noqa: F401  (the same plant, the same stories)
from tests.plant_fixtures import KolbeMini

As = Callable[[str], Client]


@pytest.fixture
def as_(kolbe_mini: KolbeMini) -> As:
    """A client logged in as somebody, by username."""

    def client(username: str) -> Client:
        browser = Client()
        browser.force_login(kolbe_mini.people[username])
        return browser

    return client
