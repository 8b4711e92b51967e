"""What every page test needs: a plant at work, and a browser that is logged in."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from erp_sync.models import ConnectionSite, ErpConnection
from tests.decisions_app.conftest import plant, report  # noqa: F401  (the same plant, the same stories)
from tests.erp_sync import scripted
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


@pytest.fixture
def erp(kolbe_mini: KolbeMini) -> Iterator[scripted.Books]:
    """An ERP for Rheinfelden that does what its script says."""
    scripted.forget()
    main = ErpConnection.objects.create(code="main", name="Main ERP", kind=scripted.KIND)
    ConnectionSite.objects.create(connection=main, site=kolbe_mini.rhf)
    yield scripted.books_of("main")
    scripted.forget()
