"""A site with a scripted ERP, and a short way to queue a posting for it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core import clock
from erp_sync.models import ConnectionSite, ErpConnection, Posting
from erp_sync.services import queue_posting
from plant_app.models import Site
from tests import factories as make
from tests.erp_sync import scripted

Queue = Callable[..., Posting]


@pytest.fixture
def site(db: None) -> Site:
    return make.SiteFactory(code="RHF", timezone="Europe/Berlin")


@pytest.fixture
def erp(site: Site) -> Iterator[scripted.Books]:
    """The books of the connection `main`, default for the site."""
    scripted.forget()
    connection = ErpConnection.objects.create(code="main", name="Main ERP", kind=scripted.KIND)
    ConnectionSite.objects.create(connection=connection, site=site)
    yield scripted.books_of("main")
    scripted.forget()


@pytest.fixture
def main(erp: scripted.Books) -> ErpConnection:
    return ErpConnection.objects.get(code="main")


@pytest.fixture
def queue(site: Site) -> Queue:
    """Queue a transfer of 5 (or what is said); each call is another intent unless `key` repeats."""
    count = iter(range(1, 10_000))

    def put(key: object = None, **given: Any) -> Posting:
        n = next(count)
        payload = {"item": "SP-12", "quantity": "5", "from_location": "A", "to_location": "B"}
        if given.get("chain"):
            payload["work_order"] = given["chain"]
        arguments: dict[str, Any] = {
            "kind": "movement.transfer",
            "site": site,
            "payload": payload,
            "occurred_at": clock.now(),
            "origin_ref": "exception:1",
            "key_parts": (key or f"n{n}",),
        }
        return queue_posting(**(arguments | given))

    return put
