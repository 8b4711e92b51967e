"""Lost, late, cut and garbled answers between us and Odoo, at every step of every kind: one document in the end."""

import xmlrpc.client
from collections.abc import Iterator

import pytest

from erp_sync.adapters import port
from erp_sync.adapters.odoo import OdooAdapter, rpc
from erp_sync.errors import ErpRejected, ErpUnavailable
from tests.erp_sync.odoo_postings import COMMANDS, back, block, closing, scrap
from tests.fault_proxy import FaultProxy
from tests.odoo_server import OdooServer

SETTLED = ("confirmed", "rejected", "local")


@pytest.fixture
def odoo() -> Iterator[OdooServer]:
    with OdooServer(19) as server:
        yield server


def settle(server: OdooServer, command: port.PostingCommand) -> port.Outcome:
    """What the outbox would do, by a new process each time: send, look, send again where that is due."""
    for _ in range(6):
        adapter = OdooAdapter(server.settings())
        try:
            found = adapter.look_up(command)
            if found is not None and found.status in SETTLED:
                return found
            outcome = adapter.send(command)
            if outcome.status in SETTLED:
                return outcome
        finally:
            adapter.close()
    raise AssertionError(f"never settled: {outcome}")


def written_by(server: OdooServer, command: port.PostingCommand) -> int:
    """How many changing requests an undisturbed posting takes, tried on a plant of its own."""
    with OdooServer(server.series) as other:
        adapter = OdooAdapter(other.settings())
        if command.kind == "reversal":
            original = COMMANDS["block"](other)
            adapter.send(original)
        before = len(other.written)
        assert adapter.send(command).status == "confirmed"
        adapter.close()
        return len(other.written) - before


STEPS = [
    *(
        (name, fault)
        for name in ("confirmation", "block")
        for fault in ("garbage", "html502", "html502_after", "dead", "dead_after")
    ),
    *(
        (name, fault)
        for name in ("confirmation", "scrap", "block", "block of a lot", "maintenance", "purchase date")
        for fault in ("before", "drop")
    ),
]


@pytest.mark.parametrize(("name", "fault"), STEPS)
def test_a_fault_at_any_step_ends_in_one_document(odoo: OdooServer, name: str, fault: str) -> None:
    steps = written_by(odoo, COMMANDS[name](odoo))
    for step in range(steps):
        with OdooServer(19) as server:
            command = COMMANDS[name](server)
            adapter = OdooAdapter(server.settings())
            for _ in range(step):
                server.fault("late", seconds=0)
            server.fault(fault)

            first = adapter.send(command)
            adapter.close()

            assert first.status == "unknown", (step, first)
            assert first.error_code in (
                "odoo.no_answer",
                "odoo.garbled",
                "odoo.http_502",
                "odoo.database",
            ), (step, first)
            last = settle(server, command)
            assert last.status == "confirmed", (step, last)
            assert len(server.documents(command.business_key)) == (0 if "date" in name else 1), step
            assert server.leftovers(command.business_key) == [], step
            assert server.stock("FG-100", "WH/Blocked") == (8.0 if name == "block" else 5.0)


@pytest.mark.parametrize("fault", ["before", "drop"])
def test_a_reversal_lost_at_any_step_takes_the_effect_back_once(odoo: OdooServer, fault: str) -> None:
    original = block()
    undo = back(original)
    for step in range(written_by(odoo, undo)):
        with OdooServer(19) as server:
            assert settle(server, original).status == "confirmed"
            adapter = OdooAdapter(server.settings())
            for _ in range(step):
                server.fault("late", seconds=0)
            server.fault(fault)
            assert adapter.send(undo).status == "unknown"
            adapter.close()

            assert settle(server, undo).status == "confirmed"
            assert (server.stock("FG-100", "WH/Stock"), server.stock("FG-100", "WH/Blocked")) == (40.0, 5.0)
            assert len(server.documents(undo.business_key)) == 1


def split(server: OdooServer) -> None:
    """Flanges lie in two bins below the main stock, steel in two lots."""
    stock = server.find("stock.location", complete_name="WH/Stock")["id"]
    flange = server.find("product.product", default_code="FG-100")["id"]
    steel = server.find("product.product", default_code="RM-1")["id"]
    bin_ = server.add("stock.location", name="A", complete_name="WH/Stock/A", usage="internal", parent_id=stock,
                      warehouse_id=server.rows("stock.warehouse")[0]["id"])  # fmt: skip
    server._put(flange, stock, False, -25.0)
    server._put(flange, bin_, False, 25.0)
    server._put(steel, stock, server.add("stock.lot", name="L-8", product_id=steel), 50.0)


def standing(server: OdooServer) -> dict[tuple[str, str, str], float]:
    """What lies where, by item, place and lot."""
    lots = {row["id"]: row["name"] for row in server.rows("stock.lot")}
    return {
        (server.code(r["product_id"]), server.place(r["location_id"]), lots.get(r["lot_id"], "")): r[
            "quantity"
        ]
        for r in server.rows("stock.quant")
    }


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("more", [{"quantity": "30"}, {"item": "RM-1", "quantity": "120"}])
def test_a_reversal_of_a_split_transfer_takes_all_of_it_back_once(
    more: dict[str, str], at_once: bool
) -> None:
    steps = 1
    step = 0
    while step < steps:
        with OdooServer(19) as server:
            split(server)
            server.reserve_at_once = at_once
            before = standing(server)
            original = block(from_location="STO", **more)
            assert settle(server, original).status == "confirmed"
            lines = [one for one in server.rows("stock.move.line") if one["state"] == "done"]
            assert len(lines) == 2
            undo, written = back(original), len(server.written)
            for _ in range(step):
                server.fault("late", seconds=0)
            server.fault("drop" if step else "late", seconds=0)

            last = settle(server, undo)

            assert last.status == "confirmed", (step, last)
            assert standing(server) == before, step
            assert server.leftovers(undo.business_key) == []
            assert len(server.documents(undo.business_key)) == 1
            steps = max(steps, len(server.written) - written)
        step += 1
    assert steps >= 3


def test_the_lot_a_posting_names_is_moved_whatever_odoo_has_reserved(odoo: OdooServer) -> None:
    split(odoo)
    odoo.reserve_at_once = True
    before = standing(odoo)

    assert settle(odoo, block(item="RM-1", lot="L-8", quantity="20")).status == "confirmed"

    assert standing(odoo) == before | {("RM-1", "WH/Stock", "L-8"): 30.0, ("RM-1", "WH/Blocked", "L-8"): 20.0}


def test_the_line_cut_by_a_proxy_in_between_is_looked_up_and_goes_on(odoo: OdooServer) -> None:
    command = block()
    with FaultProxy(odoo.url) as proxy:
        adapter = OdooAdapter(odoo.settings(url=proxy.url))
        proxy.drop_reply("/action_assign")
        first = adapter.send(command)
        found = adapter.look_up(command)
        last = adapter.send(command)
        adapter.close()

    assert (first.status, last.status) == ("unknown", "confirmed")
    assert found is not None
    assert (found.status, found.error_code, found.raw["half_done"]) == ("unknown", "odoo.half_done", True)
    assert odoo.documents(command.business_key) == [last.erp_number]


@pytest.mark.parametrize(
    ("fault", "code"), [("throttle", "odoo.busy"), ("expire", "odoo.credentials"), ("lock", "odoo.busy")]
)
@pytest.mark.parametrize("series", [19, 18])
def test_what_comes_before_anything_runs_is_sent_again(series: int, fault: str, code: str) -> None:
    with OdooServer(series) as server:
        command = scrap()
        adapter = OdooAdapter(server.settings())
        server.fault(fault)

        first = adapter.send(command)

        assert (first.status, first.error_code) == ("retry", code)
        assert first.raw == ({"retry_after": 5.0} if fault == "throttle" else {})
        assert server.rows("stock.scrap") == []
        assert adapter.send(command).status == "confirmed"
        adapter.close()


def test_a_lock_met_in_the_middle_is_unclear_and_goes_on_from_there(odoo: OdooServer) -> None:
    command, adapter = closing(), OdooAdapter(odoo.settings())
    odoo.fault("lock", match="/button_mark_done")

    first = adapter.send(command)

    assert (first.status, first.error_code) == ("unknown", "odoo.busy")
    assert odoo.leftovers(command.business_key) == ["mrp.production confirmed"]
    assert adapter.send(command).status == "confirmed"
    adapter.close()


def test_a_read_that_fails_proves_nothing_happened_but_no_absence(odoo: OdooServer) -> None:
    command, adapter = scrap(), OdooAdapter(odoo.settings())
    odoo.fault("html502", match="search_read", times=2)

    assert adapter.send(command).status == "retry"
    with pytest.raises(ErpUnavailable):
        adapter.look_up(command)
    assert odoo.written == []
    adapter.close()


def test_a_refusal_in_odoos_words_is_a_definite_no_and_leaves_nothing(odoo: OdooServer) -> None:
    odoo.refuse["button_validate"] = "The operation is closed for the stocktaking."
    command, adapter = block(), OdooAdapter(odoo.settings())

    outcome = adapter.send(command)

    assert (outcome.status, outcome.error_code) == ("rejected", "odoo.refused")
    assert outcome.message == "The operation is closed for the stocktaking."
    assert odoo.leftovers(command.business_key) == []
    adapter.close()


@pytest.mark.parametrize("series", [19, 17])
def test_a_wrong_login_proves_that_nothing_happened(series: int) -> None:
    with OdooServer(series) as server:
        adapter = OdooAdapter(server.settings(password="wrong"))

        outcome, health = adapter.send(scrap()), adapter.ping()

        assert (outcome.status, outcome.error_code) == ("retry", "odoo.credentials")
        assert health.ok is False
        assert "login" in health.detail
        assert server.rows("stock.scrap") == []
        adapter.close()


def test_an_address_without_odoo_is_told_as_that(odoo: OdooServer) -> None:
    adapter = OdooAdapter(odoo.settings(protocol="json2", url=f"{odoo.url}/shop"))
    outcome = adapter.send(scrap())
    assert (outcome.status, outcome.error_code) == ("retry", "odoo.no_odoo")
    adapter.close()


def test_a_document_done_by_another_hand_meanwhile_counts(odoo: OdooServer) -> None:
    command, adapter = block(), OdooAdapter(odoo.settings())
    odoo.fault("drop", match="action_confirm")
    adapter.send(command)
    picking = odoo.rows("stock.picking")[0]
    odoo._stock_picking__action_assign(picking, {})
    odoo._stock_picking__button_validate(picking, {})

    assert adapter.send(command).erp_number == picking["name"]
    assert odoo.stock("FG-100", "WH/Blocked") == 8.0
    adapter.close()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>lobby</html>", b"<methodResponse><params/></methodResponse>", b"<methodResponse>",
        b"<methodResponse><fault><value><int>4</int></value></fault></methodResponse>",
        b"<methodResponse><params><param><value><int>x</int></value></param></params></methodResponse>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><methodResponse><params><param><value>&b;</value></param></params>"
        b"</methodResponse>",
    ],
)  # fmt: skip
def test_an_answer_nobody_can_read_is_garbage_and_no_result(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        rpc.xmlrpc_result(body)


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        (3, "Access Denied", "odoo.credentials"),
        (4, "You are not allowed to access 'Scrap'", "odoo.not_authorised"),
        (2, "Record does not exist or has been deleted.", "erp.not_found"),
        (2, "The quantity must be positive", "odoo.refused"),
        (1, "Traceback\npsycopg2.errors.SerializationFailure: could not serialize access", "odoo.busy"),
        (1, "Traceback\nKeyError: 'mrp.production'", "odoo.no_model"),
        (1, "Traceback\nAttributeError: 'x' object has no attribute 'button_mark'", "odoo.no_method"),
        (1, "Traceback\nZeroDivisionError: division by zero", "odoo.fault"),
        (1, "Traceback\n  except OperationalError:\nZeroDivisionError: division by zero", "odoo.fault"),
    ],
)
def test_a_fault_has_its_cause(code: int, text: str, status: str) -> None:
    body = xmlrpc.client.dumps(xmlrpc.client.Fault(code, text), methodresponse=True).encode()
    with pytest.raises((ErpRejected, ErpUnavailable)) as told:
        rpc.xmlrpc_result(body)
    assert told.value.code == status
    assert getattr(told.value, "sent", False) is False


@pytest.mark.parametrize(
    ("status", "name", "text", "code"),
    [
        (422, "odoo.exceptions.UserError", "No", "odoo.refused"),
        (403, "odoo.exceptions.AccessError", "Not you", "odoo.not_authorised"),
        (401, "werkzeug.exceptions.Unauthorized", "Invalid apikey", "odoo.credentials"),
        (404, "werkzeug.exceptions.NotFound", "the model 'x.y' does not exist", "odoo.no_model"),
        (404, "odoo.exceptions.MissingError", "Record does not exist", "erp.not_found"),
        (409, "odoo.exceptions.LockError", "Locked", "odoo.busy"),
        (500, "builtins.ValueError", "Invalid field 'z'", "odoo.fault"),
    ],
)
def test_an_error_object_has_its_cause(status: int, name: str, text: str, code: str) -> None:
    told = rpc.json2_error(
        status, {"name": name, "message": text, "arguments": [], "context": {}, "debug": ""}
    )
    assert told is not None
    assert told.code == code


@pytest.mark.parametrize(
    "raised",
    [
        "psycopg2.OperationalError: server closed the connection unexpectedly\n\tThis probably means the server"
        " terminated abnormally\n\tbefore or while processing the request.",
        "psycopg2.InterfaceError: connection already closed",
        "psycopg2.errors.AdminShutdown: terminating connection due to administrator command",
    ],
)
def test_a_database_lost_under_a_call_proves_nothing(raised: str) -> None:
    fault = xmlrpc.client.Fault(
        1, f"Traceback (most recent call last):\n  File 'x'\n    commit()\n{raised}\n"
    )
    with pytest.raises(ErpUnavailable) as told:
        rpc.xmlrpc_result(xmlrpc.client.dumps(fault, methodresponse=True).encode())
    name, _, words = raised.partition(": ")
    said = rpc.json2_error(500, {"name": name, "message": words})

    assert (told.value.code, told.value.sent) == ("odoo.database", True)
    assert isinstance(said, ErpUnavailable)
    assert (said.code, said.sent) == ("odoo.database", True)


@pytest.mark.parametrize("series", [17, 19])
def test_a_failure_inside_odoo_after_the_commit_is_looked_at_before_it_is_a_no(series: int) -> None:
    with OdooServer(series) as server:
        command, adapter = block(), OdooAdapter(server.settings())
        server.fault("failed_after", match="button_validate")
        outcome = adapter.send(command)
        adapter.close()

        assert outcome.status == "confirmed"
        assert server.documents(command.business_key) == [outcome.erp_number]


def test_a_proxy_that_words_its_trouble_like_odoo_proves_nothing() -> None:
    assert rpc.json2_error(503, {"name": "ServiceUnavailable", "message": "try later"}) is None
    assert rpc.json2_error(500, {"error": "x"}) is None
