"""The whole outbox against a real Tryton: through a proxy that loses answers, and through the ERP's absence."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from core import clock
from erp_sync.models import CodeMapping, ConnectionSite, ErpConnection, Posting
from erp_sync.services import ensure_demo_connections, pull_master_data, queue_posting, reconcile, send_due
from plant_app.models import Customer, Item, Site, StockRow
from tests import factories as make
from tests.fault_proxy import FaultProxy
from tests.tryton_server import Tryton, TrytonServer

pytestmark = [pytest.mark.erp_live, pytest.mark.timeout(900), pytest.mark.django_db(transaction=True)]
SHIPMENT = "stock.shipment.internal"


@pytest.fixture
def proxy(tryton_server: TrytonServer) -> Iterator[FaultProxy]:
    with FaultProxy(tryton_server.url) as found:
        yield found


@pytest.fixture
def site(transactional_db: None) -> Site:
    return make.SiteFactory(code="RHE", timezone="Europe/Berlin")


@pytest.fixture
def erp(site: Site, proxy: FaultProxy, tryton_server: TrytonServer, tmp_path: Path) -> ErpConnection:
    """A connection that reaches Tryton through the proxy only; what is unclear settles after two seconds."""
    words = tmp_path / "password"
    words.write_text(tryton_server.home.password + "\n")
    connection = ErpConnection.objects.create(
        code="tryton", name="Tryton", kind="tryton", base_url=proxy.url, database=tryton_server.database,
        username="integration", password_source=f"file:{words}",
        options={"settle_seconds": 2, "read_timeout": 60, "cost_accounts": tryton_server.settings()["cost_accounts"]},
    )  # fmt: skip
    ConnectionSite.objects.create(connection=connection, site=site)
    CodeMapping.objects.create(connection=connection, kind="blocked", ours="RHE", theirs="RHE-BLK")
    return connection


def queue(site: Site, kind: str, key: object, chain: str = "", **payload: Any) -> Posting:
    if chain:
        payload["work_order"] = chain
    return queue_posting(
        kind=kind, site=site, payload=payload, occurred_at=clock.now(), origin_ref="exception:1",
        key_parts=("live", key), chain=chain,
    )  # fmt: skip


def settle(seconds: float = 90) -> None:
    """Send until nothing is unsettled."""
    until = time.monotonic() + seconds
    while Posting.objects.unsettled().exists():
        assert time.monotonic() < until, list(
            Posting.objects.unsettled().values_list("kind", "status", "error_code", "error_message")
        )
        if not send_due():
            time.sleep(0.2)


def in_threads(work: Callable[[], None], count: int) -> None:
    raised: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - handed to the test's own thread
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert raised == []


def test_block_then_scrap_happen_once_each_though_the_first_reply_is_cut_off(
    erp: ErpConnection, site: Site, proxy: FaultProxy, tryton: Tryton
) -> None:
    place, cage = tryton.on_hand("RM-TUBE", "RHE-A01"), tryton.on_hand("RM-TUBE", "RHE-BLK")
    lost = proxy.drop_reply(f"{SHIPMENT}.create")
    block = queue(
        site, "movement.block", "block", "100001", item="RM-TUBE", quantity="4", from_location="RHE-A01"
    )
    scrap = queue(
        site, "movement.scrap", "scrap", "100001", item="RM-TUBE", quantity="4", from_status="blocked",
        reason_code="cracked",
    )  # fmt: skip

    settle()

    assert lost.hits == 1
    block.refresh_from_db()
    scrap.refresh_from_db()
    assert (block.status, scrap.status) == ("confirmed", "confirmed")
    assert "unknown" in block.tries.values_list("outcome", flat=True)
    assert block.settled_at < scrap.tries.first().started_at
    for posting in (block, scrap):
        assert [row["state"] for row in tryton.documents(SHIPMENT, posting.business_key)] == ["done"]
    assert tryton.on_hand("RM-TUBE", "RHE-A01") == place - 4
    assert tryton.on_hand("RM-TUBE", "RHE-BLK") == cage


def test_racing_senders_and_lost_answers_end_in_one_document_per_key(
    erp: ErpConnection, site: Site, proxy: FaultProxy, tryton: Tryton
) -> None:
    before = tryton.on_hand("RM-TUBE", "RHE-BLK")
    for step in ("create", "wait", "assign_try", "do"):
        proxy.drop_reply(f"{SHIPMENT}.{step}")
        proxy.cut_request(f"{SHIPMENT}.{step}")
    postings = [
        queue(
            site,
            "movement.block",
            n,
            f"10000{n % 3 + 1}",
            item="RM-TUBE",
            quantity="1",
            from_location="RHE-A01",
        )
        for n in range(12)
    ]

    in_threads(lambda: settle(240), 3)

    assert set(Posting.objects.values_list("status", flat=True)) == {"confirmed"}
    for posting in postings:
        assert [row["state"] for row in tryton.documents(SHIPMENT, posting.business_key)] == ["done"]
    assert tryton.on_hand("RM-TUBE", "RHE-BLK") == before + 12
    Posting.objects.update(settled_at=clock.now() - timedelta(hours=1))
    run = reconcile(connection=erp)
    ours = {posting.business_key for posting in postings}
    assert run.error == ""
    assert not run.findings.filter(business_key__in=ours).exists()


def test_postings_wait_for_an_erp_that_is_being_built_and_then_drain(
    site: Site, tryton_server: TrytonServer, tryton: Tryton, settings: Any, tmp_path: Path
) -> None:
    settings.ERP_STATE_FILE = tmp_path / "erp.json"
    ensure_demo_connections(tryton={})
    place = tryton.on_hand("RM-TUBE", "RHE-A02")
    move = queue(
        site,
        "movement.transfer",
        "early",
        item="RM-TUBE",
        quantity="2",
        from_location="RHE-A01",
        to_location="RHE-A02",
    )
    notice = queue(site, "maintenance_notification", "notice", action="open", work_unit="R-PRS-1")
    cost = queue(
        site, "cost", "cost", amount="12.50", currency="EUR", cost_class="scrap", basis="statistical"
    )

    assert send_due() == 0
    settings.ERP_STATE_FILE.write_text(json.dumps({"ready": False, "state": "building", "detail": "modules"}))
    assert send_due() == 0
    move.refresh_from_db()
    assert (move.status, move.attempts) == ("queued", 0)
    assert (notice.status, cost.status) == ("local", "local")
    assert "maintenance" in notice.local_reason

    known = tryton_server.settings()
    address = {name: known[name] for name in ("url", "database", "username", "password")}
    settings.ERP_STATE_FILE.write_text(
        json.dumps({**address, "ready": True, "settings": {"blocked": known["blocked"]}})
    )
    settle()

    move.refresh_from_db()
    assert move.status == "confirmed"
    assert move.erp_number
    assert abs(move.erp_confirmed_at - clock.now()) < timedelta(minutes=5)
    assert tryton.on_hand("RM-TUBE", "RHE-A02") == place + 2


def test_erp_killed_while_it_works_is_waited_for_and_the_posting_ends_once(
    erp: ErpConnection, site: Site, proxy: FaultProxy, tryton_server: TrytonServer, tryton: Tryton
) -> None:
    before = tryton.on_hand("RM-TUBE", "RHE-BLK")
    proxy.when(f"{SHIPMENT}.do", tryton_server.kill, seconds=0.02)
    posting = queue(site, "movement.block", "killed", item="RM-TUBE", quantity="3", from_location="RHE-A01")

    send_due()
    tryton_server.wait_dead()
    posting.refresh_from_db()
    assert posting.status == "unknown"
    tryton_server.start()
    settle(180)

    posting.refresh_from_db()
    assert posting.status == "confirmed"
    assert [row["state"] for row in tryton.documents(SHIPMENT, posting.business_key)] == ["done"]
    assert tryton.on_hand("RM-TUBE", "RHE-BLK") == before + 3


def test_master_data_is_read_once_and_then_only_what_changed(
    erp: ErpConnection, site: Site, tryton: Tryton
) -> None:
    make.SiteFactory(code="AGS")
    first = {done.entity: done for done in pull_master_data(connection=erp)}

    assert [done.error for done in first.values()] == [""] * len(first)
    assert Item.objects.get(code="RM-TUBE").name == "Honed tube"
    assert Customer.objects.filter(code="C-1001").exists()
    assert first["items"].created == Item.objects.count()
    assert erp.watermarks.exclude(value="").count() == len(first)
    second = {done.entity: done for done in pull_master_data(connection=erp)}
    assert sum(done.created for done in second.values()) == 0
    assert StockRow.objects.filter(layer="overlay").count() == 0
