"""Postings to a simulated Odoo, over both protocols: looked up first, never made twice, windows are no success."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from erp_sync.adapters.odoo import OdooAdapter
from erp_sync.adapters.port import PostingCommand
from erp_sync.errors import ErpRejected
from tests.erp_sync.odoo_postings import (
    COMMANDS,
    DATED,
    back,
    block,
    closing,
    command,
    new_date,
    scrap,
    stop,
    time_spent,
    transfer,
)  # fmt: skip
from tests.odoo_server import OdooServer

SERIES = (19, 17)


@pytest.fixture(params=SERIES)
def odoo(request: pytest.FixtureRequest) -> Iterator[OdooServer]:
    with OdooServer(request.param) as server:
        yield server


@pytest.fixture
def odoo19() -> Iterator[OdooServer]:
    with OdooServer(19) as server:
        yield server


Connect = Callable[..., OdooAdapter]


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[OdooAdapter] = []

    def build(server: OdooServer, **more: Any) -> OdooAdapter:
        made.append(OdooAdapter(server.settings(**more)))
        return made[-1]

    yield build
    for adapter in made:
        adapter.close()


@pytest.fixture
def odoo18() -> Iterator[OdooServer]:
    with OdooServer(18) as server:
        yield server


@pytest.mark.parametrize("name", COMMANDS)
def test_every_kind_ends_in_one_document_however_often_it_is_sent(
    odoo: OdooServer, connect: Connect, name: str
) -> None:
    adapter, wanted = connect(odoo), COMMANDS[name](odoo)

    assert adapter.look_up(wanted) is None
    first = adapter.send(wanted)
    written = len(odoo.written)
    again = adapter.send(wanted)

    assert (first.status, first.error_code) == ("confirmed", "")
    assert again.status == "confirmed"
    assert again.erp_number == first.erp_number
    assert len(odoo.written) == written
    assert odoo.documents(wanted.business_key) == ([] if name in DATED else [first.erp_number])
    seen = adapter.look_up(wanted)
    assert seen is not None
    assert (seen.status, seen.erp_number) == ("confirmed", first.erp_number)
    assert first.confirmed_at == odoo.now


def test_a_closed_order_holds_what_was_made_and_its_source_still_names_the_sale(
    odoo: OdooServer, connect: Connect
) -> None:
    wanted = closing(lot="B-12", total_yield="9", yield_qty="2")

    outcome = connect(odoo).send(wanted)

    order = odoo.find("mrp.production", name="WH/MO/00001")
    assert (outcome.status, outcome.erp_number) == ("confirmed", "WH/MO/00001")
    assert (order["state"], order["qty_produced"]) == ("done", 9.0)
    assert order["origin"] == f"S00001 {wanted.business_key}"
    assert odoo.find("stock.lot", name="B-12")["product_id"] == order["product_id"]
    assert odoo.stock("FG-100", "WH/Stock") == 49.0
    # 20 kg stand for ten pieces.
    assert odoo.stock("RM-1", "WH/Stock") == 82.0


def test_nothing_said_over_xml_rpc_is_no_failure(odoo18: OdooServer, connect: Connect) -> None:
    """Both orders and transfers press buttons that return nothing, which XML-RPC can only say as a fault."""
    adapter = connect(odoo18)
    assert adapter.send(closing()).status == "confirmed"
    assert odoo18.find("mrp.production", name="WH/MO/00001")["qty_produced"] == 9.0
    assert adapter.send(block()).status == "confirmed"
    assert len(odoo18.rows("stock.picking")) == 1


def test_a_movement_goes_where_the_plant_says(odoo: OdooServer, connect: Connect) -> None:
    adapter = connect(odoo)

    assert adapter.send(block()).status == "confirmed"
    assert (odoo.stock("FG-100", "WH/Stock"), odoo.stock("FG-100", "WH/Blocked")) == (37.0, 8.0)
    assert adapter.send(command("movement.unblock", item="FG-100", quantity="2")).status == "confirmed"
    assert (odoo.stock("FG-100", "WH/Stock"), odoo.stock("FG-100", "WH/Blocked")) == (39.0, 6.0)
    assert adapter.send(transfer()).status == "confirmed"
    assert (odoo.stock("FG-100", "WH/Stock"), odoo.stock("FG-100", "WH/Shelf")) == (36.0, 3.0)
    assert adapter.send(scrap(from_location="STO")).status == "confirmed"
    assert odoo.stock("FG-100", "WH/Stock") == 33.0
    [order] = odoo.rows("stock.scrap")
    assert odoo.tables["stock.scrap.reason.tag"][order["scrap_reason_tag_ids"][0][2][0]]["name"] == "Burr"
    assert adapter.send(scrap(from_status="blocked", quantity="1")).status == "confirmed"
    assert odoo.stock("FG-100", "WH/Blocked") == 5.0


def test_a_new_day_keeps_the_time_of_day_on_the_plants_clock(odoo19: OdooServer, connect: Connect) -> None:
    order = odoo19.find("mrp.production", name="WH/MO/00002")
    # 00:30 of the 5th in Berlin is still the 4th in UTC.
    odoo19.change("mrp.production", order["id"], date_finished="2026-11-04 23:30:00")

    assert connect(odoo19).send(new_date(odoo19, "work_order")).status == "confirmed"
    assert order["date_finished"] == "2026-11-11 23:30:00"


REVERSED: dict[str, Callable[[OdooServer], PostingCommand]] = {
    name: COMMANDS[name] for name in COMMANDS if not name.startswith("scrap")
}


@pytest.mark.parametrize("name", REVERSED)
def test_what_was_posted_is_taken_back_once(odoo: OdooServer, connect: Connect, name: str) -> None:
    adapter, wanted = connect(odoo), REVERSED[name](odoo)
    before = {place: odoo.stock("FG-100", place) for place in ("WH/Stock", "WH/Blocked", "WH/Shelf")}
    made = adapter.send(wanted)
    undo = back(wanted, made.erp_number)

    assert adapter.look_up(undo) is None
    first = adapter.send(undo)
    written = len(odoo.written)
    again = adapter.send(undo)

    assert (first.status, again.status) == ("confirmed", "confirmed"), first
    assert again.erp_number == first.erp_number
    assert len(odoo.written) == written
    assert {place: odoo.stock("FG-100", place) for place in before} == before
    if name == "maintenance":
        assert [row["archive"] for row in odoo.rows("maintenance.request")] == [True]
        gone = adapter.send(wanted)
        assert (gone.status, gone.error_code) == ("rejected", "erp.cancelled_there")


def test_scrap_and_done_maintenance_have_no_way_back(odoo19: OdooServer, connect: Connect) -> None:
    adapter = connect(odoo19)

    done = adapter.send(back(scrap()))
    ended = adapter.send(back(stop(action="complete", opened_by="A" * 16, cause_code="WEAR")))

    assert (done.status, ended.status) == ("local", "local")
    assert "put right there by a count" in done.message
    assert "no way back" in ended.message
    assert odoo19.calls == []


def test_a_stoppage_is_completed_with_its_cause(odoo: OdooServer, connect: Connect) -> None:
    adapter, opened = connect(odoo), stop(priority=1, breakdown=True, start="2026-11-03T10:00:00+00:00")
    number = adapter.send(opened).erp_number
    ended = stop(action="complete", opened_by=opened.business_key, cause_code="WEAR")

    assert adapter.look_up(ended) is None
    outcome = adapter.send(ended)
    assert adapter.send(ended).status == "confirmed"

    assert (outcome.status, outcome.erp_number) == ("confirmed", number)
    [row] = odoo.rows("maintenance.request")
    assert odoo.tables["maintenance.stage"][row["stage_id"]]["name"] == "Repaired"
    assert (row["priority"], row["maintenance_type"]) == ("3", "corrective")
    assert row["name"] == f"{opened.business_key} EX-1 burr on flange"
    assert "WEAR" in row["description"]


def test_without_its_maintenance_module_odoo_has_no_place_for_a_notification(
    odoo: OdooServer, connect: Connect
) -> None:
    odoo.without |= {"maintenance.request", "maintenance.equipment"}

    outcome = connect(odoo).send(stop())

    assert outcome.status == "local"
    assert "no maintenance module" in outcome.message


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (command("quality_event", action="open", quantity="1", item="FG-100"), "no quality module"),
        (command("inspection_result", characteristic="D", verdict="accepted", item="FG-100"), "no quality module"),
        (command("cost", amount="5", currency="EUR", cost_class="scrap", basis="real"), "booked in Odoo"),
        (command("movement.issue", work_order="W", item="RM-1", quantity="1"), "draws components"),
        (command("change.date", target="so_line", number="S", line="1", which="requested", new="2026-11-12"),
         "beside the one"),
    ],
)  # fmt: skip
def test_what_odoo_community_has_no_place_for_stays_here_and_says_why(
    odoo19: OdooServer, connect: Connect, wanted: PostingCommand, words: str
) -> None:
    adapter = connect(odoo19)

    outcome = adapter.send(wanted)

    assert outcome.status == "local"
    assert words in outcome.message
    with pytest.raises(ErpRejected) as refused:
        adapter.preview(wanted)
    assert refused.value.code == "erp.not_offered"
    assert odoo19.calls == []


def test_time_on_an_operation_is_entered_as_odoo_tracks_it(odoo: OdooServer, connect: Connect) -> None:
    adapter = connect(odoo)
    wanted = time_spent(scrap_qty="1", reason_code="burr", setup_minutes="10")

    assert adapter.send(wanted).status == "confirmed"

    [entry] = odoo.rows("mrp.workcenter.productivity")
    assert (entry["date_start"], entry["date_end"]) == ("2026-11-03 10:20:00", "2026-11-03 11:00:00")
    assert entry["description"] == f"{wanted.business_key} 4 good, 1 scrap EX-1 burr on flange"
    work = odoo.tables["mrp.workorder"][entry["workorder_id"]]
    assert odoo.tables["mrp.production"][work["production_id"]]["name"] == "WH/MO/00002"
    assert odoo.tables["mrp.workcenter.productivity.loss"][entry["loss_id"]]["loss_type"] == "productive"
    assert odoo.find("mrp.production", name="WH/MO/00002")["state"] == "confirmed"
    assert adapter.send(back(wanted)).status == "confirmed"
    assert entry["date_end"] == entry["date_start"]


def test_a_lot_that_was_made_is_taken_apart_again(odoo: OdooServer, connect: Connect) -> None:
    adapter, wanted = connect(odoo), closing(lot="B-12")
    assert adapter.send(wanted).status == "confirmed"
    lot = odoo.find("stock.lot", name="B-12")["id"]
    assert sum(row["quantity"] for row in odoo.rows("stock.quant") if row["lot_id"] == lot) == 9.0

    assert adapter.send(back(wanted, "WH/MO/00001")).status == "confirmed"

    assert [row for row in odoo.rows("stock.quant") if row["lot_id"] == lot] == []
    [order] = odoo.rows("mrp.unbuild")
    assert (order["lot_id"], order["product_qty"], order["state"]) == (lot, 9.0, "done")
