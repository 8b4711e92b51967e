"""What stops a posting to Odoo: windows instead of effects, an Odoo that moved on, units, what was begun before."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from erp_sync.adapters import port
from erp_sync.adapters.odoo import OdooAdapter
from erp_sync.adapters.port import PostingCommand
from tests.erp_sync.odoo_postings import (
    back,
    block,
    closing,
    new_date,
    scrap,
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


def test_an_ended_order_takes_no_new_date(odoo19: OdooServer, connect: Connect) -> None:
    odoo19.change("sale.order", odoo19.rows("sale.order")[0]["id"], state="cancel")

    outcome = connect(odoo19).send(new_date(odoo19, "so_line"))

    assert outcome.error_code == "erp.drifted"
    assert drift(outcome) == [("state", "open", "cancelled")]


def test_an_edited_posting_replaces_what_was_begun_under_its_key(odoo: OdooServer, connect: Connect) -> None:
    adapter, first = connect(odoo), block(quantity="3")
    odoo.fault("drop", match="action_confirm")
    assert adapter.send(first).status == "unknown"
    edited = replace(first, payload={**first.payload, "quantity": "4"})

    assert adapter.send(edited).status == "confirmed"

    assert odoo.stock("FG-100", "WH/Blocked") == 9.0
    assert sorted(row["state"] for row in odoo.rows("stock.picking")) == ["cancel", "done"]


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


def test_goods_already_gone_are_not_taken_apart(odoo: OdooServer, connect: Connect) -> None:
    adapter, wanted = connect(odoo), closing()
    assert adapter.send(wanted).status == "confirmed"
    assert adapter.send(transfer(quantity="45")).status == "confirmed"

    refused = adapter.send(back(wanted))

    assert (refused.status, refused.error_code) == ("rejected", "odoo.wizard")
    assert odoo.rows("mrp.unbuild") == []


@pytest.mark.parametrize(
    ("make", "button", "drop"),
    [(block, "button_validate", "action_cancel"), (scrap, "action_validate", "unlink")],
)
def test_a_refused_document_that_could_not_be_taken_away_is_no_definite_no(
    odoo: OdooServer, connect: Connect, make: Callable[..., PostingCommand], button: str, drop: str
) -> None:
    adapter, wanted = connect(odoo), make()
    odoo.refuse[button] = "The period is closed."
    odoo.fault("lock", match=drop)

    first = adapter.send(wanted)
    looked = adapter.look_up(wanted)
    again = adapter.send(wanted)

    assert (first.status, first.error_code, first.raw["half_done"]) == ("unknown", "odoo.half_done", True)
    assert "The period is closed." in first.message
    assert looked is not None
    assert (looked.status, looked.raw["half_done"]) == ("unknown", True)
    assert (again.status, again.error_code) == ("rejected", "odoo.refused")
    assert odoo.leftovers(wanted.business_key) == []
    assert odoo.stock("FG-100", "WH/Stock") == 40.0


def test_a_begun_transfer_goes_when_its_posting_is_refused_before_the_next_step(
    odoo: OdooServer, connect: Connect
) -> None:
    wanted = block()
    odoo.fault("drop", match="action_confirm")
    assert connect(odoo).send(wanted).status == "unknown"

    outcome = connect(odoo, blocked={}).send(wanted)

    assert outcome.error_code == "erp.mapping_missing"
    assert odoo.leftovers(wanted.business_key) == []


def test_a_code_that_means_two_things_by_now_is_no_absence(odoo19: OdooServer, connect: Connect) -> None:
    adapter, wanted = connect(odoo19), new_date(odoo19, "work_order")
    odoo19.fault("drop")
    assert adapter.send(wanted).status == "unknown"
    first = odoo19.find("mrp.production", name="WH/MO/00002")
    second = odoo19.add("mrp.production", **{n: v for n, v in first.items() if n not in ("id", "write_date")})

    looked = adapter.look_up(wanted)

    assert looked is not None
    assert (looked.status, looked.error_code) == ("unknown", "erp.ambiguous")
    del odoo19.tables["mrp.production"][second]
    found = adapter.look_up(wanted)
    assert found is not None
    assert found.status == "confirmed"


def test_a_drift_accepted_on_a_taking_back_is_accepted(odoo: OdooServer, connect: Connect) -> None:
    adapter, wanted = connect(odoo), new_date(odoo, seen={"date_planned": "2026-11-20"})
    assert adapter.send(wanted).status == "confirmed"
    line = odoo.rows("purchase.order.line")[0]["id"]
    odoo.change("purchase.order.line", line, date_planned="2026-11-20 11:00:00")
    undo = back(wanted)

    stopped = adapter.send(undo)
    (told,) = stopped.raw["drift"]
    accepted = replace(undo, payload={**undo.payload, "seen": {told["field"]: told["theirs"]}})

    assert (stopped.error_code, told["theirs"]) == ("erp.drifted", "2026-11-20")
    assert adapter.send(accepted).status == "confirmed"
    assert odoo.rows("purchase.order.line")[0]["date_planned"][:10] == "2026-11-07"
