"""Odoo and ERPNext behind the outbox and the mirror: the whole way, with the simulated servers at its end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from erp_sync.models import ConnectionSite, ErpConnection, Posting, Watermark
from erp_sync.services import pull_master_data, send_due
from plant_app.models import Item, PurchaseOrderLine, SalesOrderLine, Site, StockRow, WorkOrder
from tests import factories as make
from tests.erp_sync.conftest import Queue
from tests.erpnext_server import ErpNextServer
from tests.odoo_server import OdooServer

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
SCRAP = {"site": "RHF", "item": "FG-100", "quantity": "3", "from_location": "STO", "reason_code": "burr"}
Server = OdooServer | ErpNextServer


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


@pytest.fixture(params=["odoo", "erpnext"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    made: Server = OdooServer() if request.param == "odoo" else ErpNextServer()
    with made:
        yield made


@pytest.fixture
def connected(server: Server, site: Site, monkeypatch: pytest.MonkeyPatch) -> ErpConnection:
    settings: dict[str, Any] = server.settings()
    monkeypatch.setenv("PLANT_ERP_SECRET", settings["password"])
    own = ("url", "database", "username", "password")
    made = ErpConnection.objects.create(
        code="main",
        name="Main ERP",
        kind="odoo" if isinstance(server, OdooServer) else "erpnext",
        base_url=settings["url"],
        database=settings["database"],
        username=settings["username"],
        password_source="env:PLANT_ERP_SECRET",
        options={name: value for name, value in settings.items() if name not in own},
    )
    ConnectionSite.objects.create(connection=made, site=site)
    return made


def scrapping(queue: Queue, **payload: str) -> Posting:
    return queue(kind="movement.scrap", payload=SCRAP | payload, occurred_at=NOON)


def test_an_answer_lost_after_the_effect_is_found_and_counts_once(
    now: time_machine.Traveller, server: Server, connected: ErpConnection, queue: Queue
) -> None:
    server.fault("drop", match="action_validate" if isinstance(server, OdooServer) else '"purpose"')
    posting = scrapping(queue)

    send_due()
    posting.refresh_from_db()
    assert posting.status == "unknown"
    now.shift(timedelta(seconds=5))
    send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.error_code) == ("confirmed", "")
    assert server.documents(posting.business_key) == [posting.erp_number]


def test_stock_that_is_gone_holds_the_posting_with_both_values(
    now: time_machine.Traveller, server: Server, connected: ErpConnection, queue: Queue
) -> None:
    posting = scrapping(queue, quantity="50")

    send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.held_reason) == ("held", "drifted")
    drift = posting.tries.get().response["drift"]
    assert drift == [{"field": "stock", "ours": "50", "theirs": "40"}]
    assert server.documents(posting.business_key) == []


def test_what_is_read_becomes_the_plants_own(server: Server, connected: ErpConnection, site: Site) -> None:
    make.WorkCentreFactory(area__site=site, code="PRESS")
    for code in ("STO", "WH/Blocked", "Quarantine - RF", "Work In Progress - RF"):
        make.StockLocationFactory(site=site, code=code)

    done = {one.entity: one for one in pull_master_data(connection=connected)}

    assert {name: (one.error, one.unknown) for name, one in done.items() if one.error or one.unknown} == {}
    assert Item.objects.get(code="FG-100").sourcing == "made"
    order = WorkOrder.objects.get(number__endswith="00001", item__code="FG-100")
    assert (order.quantity, order.status, order.site) == (Decimal(10), "released", site)
    assert list(order.operations.values_list("number", "work_centre__code")) == [(10, "PRESS")]
    assert SalesOrderLine.objects.get().order.po_number == "PO-77"
    assert Decimal(50) in PurchaseOrderLine.objects.values_list("quantity", flat=True)
    on_hand = StockRow.objects.get(item__code="FG-100", location__code="STO")
    assert on_hand.quantity == Decimal(40)
    assert Watermark.objects.get(entity="items").value != ""
