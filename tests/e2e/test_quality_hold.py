"""Suspect castings: blocked, then scrapped in the ERP's books, once each, though the first answer never arrives."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.books import SHIPMENT, Books
from tests.e2e.conftest import SignIn
from tests.e2e.stack import JSON, Stack
from tests.fault_proxy import FaultProxy

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.erp_live, pytest.mark.timeout(1500)]

ITEM, LOT, STORE, BLOCKED = "CAST-220", "L26-4388", "RHF-W2", "RHF-BLK"
SUSPECT = 24
TOLD = f"lot {LOT} has porosity, {SUSPECT} pcs castings suspect, hold it"


@pytest.fixture(scope="module")
def books(erp_stack: Stack) -> Iterator[Books]:
    with Books(erp_stack.erp_state()) as found:
        yield found


@pytest.fixture
def proxy(erp_stack: Stack) -> Iterator[FaultProxy]:
    """All the product says to its ERP goes through here."""
    with (
        FaultProxy(erp_stack.erp_state()["url"]) as found,
        erp_stack.erp_through(found.url, settle_seconds=2),
    ):
        yield found


def test_suspect_stock_is_blocked_and_scrapped_once_though_the_first_answer_is_lost(
    erp_stack: Stack, books: Books, proxy: FaultProxy, sign_in: SignIn
) -> None:
    stack = erp_stack
    # given castings in the warehouse, and a line that loses the answer to the first document made for them
    free, blocked = books.on_hand(ITEM, STORE, LOT), books.on_hand(ITEM, BLOCKED, LOT)
    assert (free, blocked) == (140, 0)
    lost = proxy.drop_reply(f'"model.{SHIPMENT}.create"')

    # when an inspector holds some of a lot
    answer = stack.person("priya.nair").tell(
        "/signals/", {"channel": "form", "external_id": f"hold-{uuid4()}", "site": "RHF", "text": TOLD}
    )
    exception = answer["exception"]
    ref = str(exception["ref"])
    assert (exception["type"], exception["links"]["lot"], Decimal(exception["quantity"])) == (
        "quality_hold", LOT, SUSPECT,
    )  # fmt: skip

    # then they are blocked in the ERP before anybody decides, once, though the answer was cut off
    stack.wait(lambda: posting(stack, ref, "movement.block").get("status") == "confirmed", 90, "the block")
    assert lost.hits == 1
    block = posting(stack, ref, "movement.block")
    assert "unknown" in [row["outcome"] for row in block["tries"]]
    assert moved(books, block) == [("done", STORE, BLOCKED, ITEM, LOT, Decimal(SUSPECT))]
    assert books.on_hand(ITEM, STORE, LOT) == free - SUSPECT
    assert books.on_hand(ITEM, BLOCKED, LOT) == SUSPECT
    opened = posting(stack, ref, "quality_event")

    # when everybody asked has acknowledged, and it is decided in the browser that they are scrap
    for row in exception["functions"]:
        if row["required"]:
            stack.person(row["person"]).tell(f"/responses/{row['id']}/acknowledge/")
    stack.wait(lambda: stack.record(ref)["status"] == "acknowledged", 10, "all to have acknowledged")
    scrap_in_the_browser(sign_in(stack, "robert.kolbe", f"/exceptions/{ref}/"))
    task = stack.tasks(ref)["dispose"]
    lost_again = proxy.drop_reply(f'"model.{SHIPMENT}.do"')
    stack.person(task["username"]).tell(f"/tasks/{task['id']}/finish/")

    # then they leave the blocked stock, once, and the record closes
    record = stack.wait_closed(ref, 120)
    assert lost_again.hits == 1
    assert record["status"] == "closed"
    scrap = posting(stack, ref, "movement.scrap")
    assert "unknown" in [row["outcome"] for row in scrap["tries"]]
    ((state, origin, _target, item, lot, quantity),) = moved(books, scrap)
    assert (state, origin, item, lot, quantity) == ("done", BLOCKED, ITEM, LOT, Decimal(SUSPECT))
    assert books.on_hand(ITEM, STORE, LOT) == free - SUSPECT
    assert books.on_hand(ITEM, BLOCKED, LOT) == 0
    # and the defect found then is the one completed now
    statuses = {(row["kind"], row["payload"].get("action", "")): row["status"] for row in stack.postings(ref)}
    assert statuses == {
        ("movement.block", ""): "confirmed",
        ("quality_event", "open"): "confirmed",
        ("movement.scrap", ""): "confirmed",
        ("cost", ""): "local",
        ("quality_event", "complete"): "confirmed",
    }
    inspections = books.inspections(opened["business_key"])
    assert [(row["state"], row["alert_states"]) for row in inspections] == [("failed", ["resolved"])]
    # and the product's own stock says the same as the ERP's
    assert stock_here(stack) == {STORE: free - SUSPECT}


def posting(stack: Stack, ref: str, kind: str) -> JSON:
    """The first posting of a kind; empty while there is none."""
    return next((row for row in stack.postings(ref) if row["kind"] == kind), {})


def moved(books: Books, done: JSON) -> list[tuple[str, str, str, str, str, Decimal]]:
    """What every document of a posting's key moved, cancelled documents too."""
    return [
        (
            row["state"], row["from_location."]["code"], row["to_location."]["code"], move["product."]["code"],
            move["lot."]["number"], Decimal(str(move["quantity"])),
        )
        for row in books.shipments(done["business_key"])
        for move in row["moved"]
    ]  # fmt: skip


def scrap_in_the_browser(page: Page) -> None:
    form = page.locator("#decide-form")
    form.locator("th", has_text="Scrap").click()
    inputs = form.locator('fieldset[data-option="scrap"]')
    inputs.locator('[name="in-quantity"]').fill(str(SUSPECT))
    inputs.locator('[name="in-reason"]').select_option(index=1)
    form.get_by_placeholder("Reason, for the record").fill("porous through the wall")
    form.locator("[data-decide]").click()
    expect(page.locator("#decide .taken:not(#contained)")).to_contain_text("Scrap")


def stock_here(stack: Stack) -> dict[str, Decimal]:
    """Where the lot lies in effect, by the product: ERP's rows and its own overlay together."""
    rows = stack.sql(
        "select p.code, sum(r.quantity) as quantity from plant_app_stockrow r"
        " join plant_app_stocklocation p on p.id = r.location_id join plant_app_lot l on l.id = r.lot_id"
        " where l.code = %s group by p.code having sum(r.quantity) <> 0",
        LOT,
    )
    return {row["code"]: row["quantity"] for row in rows}
