"""Postings to a simulated Odoo, over both protocols: looked up first, never made twice, windows are no success."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from erp_sync.adapters import port
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
def odoo18() -> Iterator[OdooServer]:
    with OdooServer(18) as server:
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


@pytest.mark.parametrize(
    ("button", "window", "make"),
    [
        ("button_mark_done", "mrp.consumption.warning", closing),
        ("button_mark_done", "mrp.production.backorder", closing),
        ("action_validate", "stock.warn.something", scrap),
        ("button_validate", "stock.backorder.confirmation", block),
    ],
)
def test_a_window_instead_of_an_effect_is_a_refusal_and_leaves_nothing_begun(
    odoo: OdooServer, connect: Connect, button: str, window: str, make: Callable[[], PostingCommand]
) -> None:
    odoo.ask[button] = window
    wanted = make()
    adapter = connect(odoo)

    outcome = adapter.send(wanted)

    assert (outcome.status, outcome.error_code) == ("rejected", "odoo.wizard")
    assert window in outcome.message
    assert odoo.documents(wanted.business_key) == []
    assert odoo.leftovers(wanted.business_key) == []
    assert adapter.look_up(wanted) is None
    assert odoo.stock("FG-100", "WH/Stock") == 40.0

    odoo.ask.clear()
    assert adapter.send(wanted).status == "confirmed"
    assert len(odoo.documents(wanted.business_key)) == 1


def test_components_that_differ_are_taken_where_the_connection_says_so(
    odoo19: OdooServer, connect: Connect
) -> None:
    odoo19.series = 19
    order = odoo19.find("mrp.production", name="WH/MO/00001")
    extra = odoo19.find("product.product", default_code="RM-1")["id"]
    odoo19._mrp_production__set_qty_producing = lambda row, context: None  # type: ignore[method-assign]
    move = next(m for m in odoo19.rows("stock.move") if m["raw_material_production_id"] == order["id"])
    odoo19.change("stock.move", move["id"], quantity=25.0, product_id=extra)

    held = connect(odoo19).send(closing())
    assert (held.status, held.error_code) == ("rejected", "odoo.wizard")
    assert order["origin"] == "S00001"

    assert connect(odoo19, accept_consumption=True).send(closing()).status == "confirmed"


def drift(outcome: port.Outcome) -> list[tuple[str, str, str]]:
    return [(one["field"], one["ours"], one["theirs"]) for one in outcome.raw["drift"]]


@pytest.mark.parametrize(
    ("state", "words"), [("done", "done"), ("cancel", "cancelled"), ("draft", "not confirmed")]
)
def test_an_order_that_is_no_longer_open_holds_the_posting_with_both_values(
    odoo: OdooServer, connect: Connect, state: str, words: str
) -> None:
    order = odoo.find("mrp.production", name="WH/MO/00001")
    odoo.change("mrp.production", order["id"], state=state)

    outcome = connect(odoo).send(closing())

    assert (outcome.status, outcome.error_code) == ("rejected", "erp.drifted")
    assert drift(outcome) == [("state", "open", words)]
    assert odoo.written == []


def test_a_quantity_somebody_recorded_meanwhile_is_asked_about_and_may_be_overridden(
    odoo19: OdooServer, connect: Connect
) -> None:
    order = odoo19.find("mrp.production", name="WH/MO/00001")
    odoo19.change("mrp.production", order["id"], qty_producing=4.0)
    adapter = connect(odoo19)

    assert drift(adapter.send(closing())) == [("qty_producing", "9", "4")]
    assert odoo19.written == []
    assert adapter.send(closing(seen={"qty_producing": "4"})).status == "confirmed"
    assert order["qty_produced"] == 9.0


@pytest.mark.parametrize("make", [scrap, block, transfer])
def test_stock_that_is_gone_holds_the_posting_though_odoo_would_go_below_zero(
    odoo: OdooServer, connect: Connect, make: Callable[..., PostingCommand]
) -> None:
    outcome = connect(odoo).send(make(quantity="41"))

    assert (outcome.status, outcome.error_code) == ("rejected", "erp.drifted")
    assert drift(outcome) == [("stock", "41", "40")]
    assert odoo.written == []


def test_stock_that_others_reserved_is_not_free(odoo19: OdooServer, connect: Connect) -> None:
    for row in odoo19.rows("stock.quant"):
        odoo19.change("stock.quant", row["id"], reserved_quantity=row["quantity"] - 1)

    assert drift(connect(odoo19).send(scrap(from_location="STO"))) == [("stock", "3", "1")]


def test_a_date_somebody_moved_meanwhile_is_asked_about_with_both_values(
    odoo: OdooServer, connect: Connect
) -> None:
    line = odoo.rows("purchase.order.line")[0]
    odoo.change("purchase.order.line", line["id"], date_planned="2026-11-09 12:00:00")
    adapter = connect(odoo)

    outcome = adapter.send(new_date(odoo))

    assert outcome.error_code == "erp.drifted"
    assert drift(outcome) == [("date_planned", "2026-11-07", "2026-11-09")]
    assert odoo.written == []
    seen = adapter.send(new_date(odoo, seen={"date_planned": "2026-11-09"}))
    assert seen.status == "confirmed"
    assert line["date_planned"] == "2026-11-12 12:00:00"


def test_a_new_day_keeps_the_time_of_day_on_the_plants_clock(odoo19: OdooServer, connect: Connect) -> None:
    order = odoo19.find("mrp.production", name="WH/MO/00002")
    # 00:30 of the 5th in Berlin is still the 4th in UTC.
    odoo19.change("mrp.production", order["id"], date_finished="2026-11-04 23:30:00")

    assert connect(odoo19).send(new_date(odoo19, "work_order")).status == "confirmed"
    assert order["date_finished"] == "2026-11-11 23:30:00"


def test_an_ended_order_takes_no_new_date(odoo19: OdooServer, connect: Connect) -> None:
    odoo19.change("sale.order", odoo19.rows("sale.order")[0]["id"], state="cancel")

    outcome = connect(odoo19).send(new_date(odoo19, "so_line"))

    assert outcome.error_code == "erp.drifted"
    assert drift(outcome) == [("state", "open", "cancelled")]


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


def test_an_edited_posting_replaces_what_was_begun_under_its_key(odoo: OdooServer, connect: Connect) -> None:
    adapter, first = connect(odoo), block(quantity="3")
    odoo.fault("drop", match="action_confirm")
    assert adapter.send(first).status == "unknown"
    edited = replace(first, payload={**first.payload, "quantity": "4"})

    assert adapter.send(edited).status == "confirmed"

    assert odoo.stock("FG-100", "WH/Blocked") == 9.0
    assert sorted(row["state"] for row in odoo.rows("stock.picking")) == ["cancel", "done"]


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


def test_an_operation_that_ended_or_is_not_there_takes_no_time(odoo19: OdooServer, connect: Connect) -> None:
    adapter = connect(odoo19)
    assert adapter.send(time_spent(operation="20")).error_code == "erp.not_found"
    work = next(one for one in odoo19.rows("mrp.workorder"))
    order = odoo19.tables["mrp.production"][work["production_id"]]["name"]
    odoo19.change("mrp.workorder", work["id"], state="done")
    assert drift(adapter.send(time_spent(work_order=order))) == [("state", "open", "done")]
    odoo19.tables["mrp.workorder"].clear()
    assert adapter.send(time_spent()).status == "local"
    assert odoo19.written == []


def test_what_a_begun_transfer_has_reserved_is_not_taken_for_gone(odoo: OdooServer, connect: Connect) -> None:
    adapter, wanted = connect(odoo), block(quantity="40")
    odoo.fault("drop", match="action_assign")
    for row in odoo.rows("stock.quant"):
        if odoo.code(row["product_id"]) == "FG-100" and odoo.place(row["location_id"]) == "WH/Stock":
            held = row["id"]
    assert adapter.send(wanted).status == "unknown"
    odoo.change("stock.quant", held, reserved_quantity=40.0)

    assert adapter.send(wanted).status == "confirmed"
    assert len(odoo.rows("stock.picking")) == 1


def test_a_draft_of_another_item_is_not_validated_for_it(odoo: OdooServer, connect: Connect) -> None:
    adapter, first = connect(odoo), scrap(item="RM-1", lot="L-7", quantity="3")
    odoo.fault("drop")
    assert adapter.send(first).status == "unknown"
    edited = replace(first, payload=scrap().payload)

    assert adapter.send(edited).status == "confirmed"

    assert (odoo.stock("RM-1", "WH/Stock"), odoo.stock("FG-100", "WH/Stock")) == (100.0, 37.0)
    assert len(odoo.rows("stock.scrap")) == 1


@pytest.mark.parametrize("make", [scrap, block, closing])
def test_a_quantity_in_another_unit_is_refused(
    odoo19: OdooServer, connect: Connect, make: Callable[..., PostingCommand]
) -> None:
    adapter = connect(odoo19)
    wrong = adapter.send(make(uom="kg"))
    assert (wrong.status, wrong.error_code) == ("rejected", "odoo.unit")
    assert "Units" in wrong.message
    assert odoo19.written == []
    assert adapter.send(make(uom="pcs")).status == "confirmed"
    odoo19.calls.clear()
    mapped = connect(odoo19, unit={"box": "Units"})
    assert (
        mapped.send(make(uom="box", **({"work_order": "WH/MO/00003"} if make is closing else {}))).status
        == "confirmed"
    )


def test_a_lot_that_was_made_is_taken_apart_again(odoo: OdooServer, connect: Connect) -> None:
    adapter, wanted = connect(odoo), closing(lot="B-12")
    assert adapter.send(wanted).status == "confirmed"
    lot = odoo.find("stock.lot", name="B-12")["id"]
    assert sum(row["quantity"] for row in odoo.rows("stock.quant") if row["lot_id"] == lot) == 9.0

    assert adapter.send(back(wanted, "WH/MO/00001")).status == "confirmed"

    assert [row for row in odoo.rows("stock.quant") if row["lot_id"] == lot] == []
    [order] = odoo.rows("mrp.unbuild")
    assert (order["lot_id"], order["product_qty"], order["state"]) == (lot, 9.0, "done")


def test_goods_already_gone_are_not_taken_apart(odoo: OdooServer, connect: Connect) -> None:
    adapter, wanted = connect(odoo), closing()
    assert adapter.send(wanted).status == "confirmed"
    assert adapter.send(transfer(quantity="45")).status == "confirmed"

    refused = adapter.send(back(wanted))

    assert (refused.status, refused.error_code) == ("rejected", "odoo.wizard")
    assert odoo.rows("mrp.unbuild") == []
