"""The SAP client: tokens, versions, pages, batches, and what each failure proves."""

import socket
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from erp_sync.adapters.sap import batch, wire
from erp_sync.adapters.sap.auth import Access
from erp_sync.adapters.sap.client import GOODS, ORDERS, SALES, WORK_CENTRES, Client
from erp_sync.adapters.sap.errors import read_message, refusal
from erp_sync.errors import ErpRejected, ErpUnavailable
from tests.erp_sync import sap_host
from tests.erp_sync.sap_host import Answer, Asked, Host


@pytest.fixture
def host() -> Iterator[Host]:
    with sap_host.serving() as running:
        yield running


@pytest.fixture
def client(host: Host) -> Iterator[Client]:
    made = Client(Access(url=host.url, username="XL", password="geheim", sap_client="100", read_timeout=5))
    yield made
    made.close()


def test_values_survive_the_way_there_and_back() -> None:
    assert wire.date_out(date(2026, 11, 23)) == "/Date(1795392000000)/"
    assert wire.date_in("/Date(1795392000000)/") == date(2026, 11, 23)
    assert wire.moment_in("/Date(1795392000000+0060)/") == datetime(2026, 11, 23, tzinfo=UTC)
    assert wire.time_out(time(6, 5, 9)) == "PT06H05M09S"
    assert wire.time_in("PT15H51M04S") == time(15, 51, 4)
    assert wire.time_in("PT25H00M00S") is None
    assert wire.stamp_in("20261123061500") == datetime(2026, 11, 23, 6, 15, tzinfo=UTC)
    assert wire.stamp_in("00000000000000") is None
    assert wire.quantity_out(Decimal("12.500")) == "12.5"
    assert wire.quantity_out(Decimal("1E+2")) == "100"
    assert wire.number_in("3.000-") == Decimal("-3.000")
    assert wire.literal("O'Neill") == "'O''Neill'"
    assert wire.literal(uuid.UUID(int=1)) == "guid'00000000-0000-0000-0000-000000000001'"
    assert wire.literal(date(2026, 11, 23)) == "datetime'2026-11-23T00:00'"
    assert wire.key("A_X", Doc="5", Year="2026") == "A_X(Doc='5',Year='2026')"


@pytest.mark.parametrize(
    ("quantity", "code"), [("1.0005", "sap.unit_digits"), ("10000000000", "sap.field_length")]
)
def test_a_quantity_sap_can_not_hold_is_refused_not_rounded(quantity: str, code: str) -> None:
    with pytest.raises(ErpRejected) as refused:
        wire.quantity_out(Decimal(quantity))
    assert refused.value.code == code


def test_a_write_carries_token_cookie_client_and_login(host: Host, client: Client) -> None:
    host.script = lambda asked: sap_host.row({"MaterialDocument": "4900000001"}, status=201)

    first = client.create(GOODS, "A_MaterialDocumentHeader", {"GoodsMovementCode": "03"})
    client.create(GOODS, "A_MaterialDocumentHeader", {"GoodsMovementCode": "03"})

    assert first["MaterialDocument"] == "4900000001"
    assert host.tokens == 1
    assert client.writes == 2
    asked = host.written[0]
    assert asked.path == "/sap/opu/odata/sap/API_MATERIAL_DOCUMENT_SRV/A_MaterialDocumentHeader"
    assert asked.headers["sap-client"] == "100"
    assert asked.headers["authorization"].startswith("Basic ")
    assert asked.json == {"GoodsMovementCode": "03"}


def test_a_token_no_longer_taken_is_fetched_anew_and_the_write_sent_once(host: Host, client: Client) -> None:
    host.script = lambda asked: sap_host.row({"MaterialDocument": "1"}, status=201)
    client.create(GOODS, "A_MaterialDocumentHeader", {})
    host.forget_tokens = True

    client.create(GOODS, "A_MaterialDocumentHeader", {})

    assert host.tokens == 2
    assert len(host.written) == 2


def test_a_change_names_its_version_and_a_stale_one_proves_nothing_was_sent(
    host: Host, client: Client
) -> None:
    def script(asked: Asked) -> Answer:
        if asked.method == "GET":
            return sap_host.row({"ManufacturingOrder": "1000123"}, etag="W/\"'20261123'\"")
        assert asked.headers["if-match"] == "W/\"'20261123'\""
        assert asked.json == {"d": {"TotalQuantity": "5"}}
        return Answer(status=412, body={"error": {"code": "", "message": {"value": "old"}}})

    host.script = script
    order = client.get(ORDERS, wire.key("A_ProductionOrder_2", ManufacturingOrder="1000123"))
    assert order is not None

    with pytest.raises(ErpUnavailable) as stale:
        client.change(
            ORDERS, "A_ProductionOrder_2('1000123')", {"TotalQuantity": "5"}, etag=wire.etag_of(order)
        )

    assert (stale.value.code, stale.value.sent) == ("sap.stale", False)
    assert client.writes == 0


def test_an_entity_that_is_not_there_is_an_absence(host: Host, client: Client) -> None:
    assert client.get(ORDERS, "A_ProductionOrder_2('9')") is None


def test_pages_are_followed_on_our_own_host_only(host: Host, client: Client) -> None:
    def script(asked: Asked) -> Answer:
        if "$skiptoken" in asked.query:
            return sap_host.rows({"n": 2})
        link = "https://elsewhere.example/sap/opu/odata/sap/API_SALES_ORDER_SRV/A_SalesOrder?$skiptoken=1"
        return sap_host.rows({"n": 1}, more=link)

    host.script = script

    assert [one["n"] for one in client.rows(SALES, "A_SalesOrder", filter="SalesOrder eq '1'")] == [1, 2]
    assert host.asked[0].query["$filter"] == "SalesOrder eq '1'"


def test_a_page_that_leads_out_of_its_service_is_refused(host: Host, client: Client) -> None:
    host.script = lambda asked: sap_host.rows({"n": 1}, more="https://elsewhere.example/steal")

    with pytest.raises(ErpRejected) as refused:
        list(client.rows(SALES, "A_SalesOrder"))

    assert refused.value.code == "sap.paging"
    assert len(host.asked) == 1


def test_a_v4_list_is_read_too(host: Host, client: Client) -> None:
    host.script = lambda asked: Answer(body={"value": [{"WorkCenter": "PRESS1"}]})
    assert [one["WorkCenter"] for one in client.rows(WORK_CENTRES, "WorkCenterHeader")] == ["PRESS1"]


def test_a_login_redirect_is_not_followed(host: Host, client: Client) -> None:
    host.script = lambda asked: Answer(status=302, headers={"Location": "https://login.example/"})
    with pytest.raises(ErpUnavailable) as elsewhere:
        client.get(ORDERS, "A_ProductionOrder_2('1')")
    assert elsewhere.value.code == "erp.host_refused"
    host.script = lambda asked: Answer(status=302, headers={"Location": f"{host.url}/login"})
    with pytest.raises(ErpUnavailable) as own:
        client.get(ORDERS, "A_ProductionOrder_2('1')")
    assert (own.value.code, own.value.sent) == ("sap.redirected", False)


@pytest.mark.parametrize(
    ("answer", "code", "sent"),
    [
        (Answer(drop=True), "sap.no_answer", True),
        (Answer(status=502, body="bad gateway"), "sap.http_502", True),
        (Answer(status=200, body=b"<html>"), "sap.garbled", True),
        (Answer(status=429, headers={"Retry-After": "7"}), "sap.busy", False),
        (Answer(status=401), "sap.credentials", False),
        (sap_host.refused("M3/897", "Plant data locked by user MEIER"), "sap.locked.busy", False),
        (
            sap_host.refused("ZZ/001", "Order 7 is currently being processed by MEIER"),
            "sap.locked.busy",
            False,
        ),
    ],
)
def test_what_a_failed_write_proves(
    host: Host, client: Client, answer: Answer, code: str, sent: bool
) -> None:
    host.script = lambda asked: answer
    with pytest.raises(ErpUnavailable) as trouble:
        client.create(GOODS, "A_MaterialDocumentHeader", {})
    assert (trouble.value.code, trouble.value.sent) == (code, sent)
    assert client.writes == (1 if sent else 0)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (sap_host.refused("RU/494", "Order 1000510 closed"), "sap.order_closed"),
        (sap_host.refused("M7/021", "Deficit of 3 EA"), "sap.short_stock"),
        (sap_host.refused("M7/199", "something else"), "sap.goods_movement"),
        (sap_host.refused("CO/111", "something else"), "sap.order"),
        (sap_host.refused("CO/469", "a number we do not know for sure"), "sap.order"),
        (sap_host.refused("ZZ/001", "own message"), "sap.refused"),
        (
            sap_host.framed("MM_IM_ODATA_API_MDOC/014", "failed", ("M7/021", "Deficit of 3 EA")),
            "sap.short_stock",
        ),
        (sap_host.framed("MM_IM_ODATA_API_MDOC/014", "failed", ("M8/147", "GBB")), "sap.account_missing"),
        (sap_host.framed("MM_IM_ODATA_API_MDOC/014", "failed", ("ZZ/1", "own")), "sap.goods_movement"),
        (sap_host.refused("/IWFND/MED/170", "No service found", status=403), "sap.no_service"),
        (sap_host.refused("", "no authority", status=403), "sap.not_authorised"),
        (Answer(status=428), "sap.etag_missing"),
        (Answer(status=400, body="?"), "sap.http_400"),
    ],
)
def test_what_a_business_no_is_called(host: Host, client: Client, answer: Answer, code: str) -> None:
    host.script = lambda asked: answer
    with pytest.raises(ErpRejected) as refused:
        client.create(GOODS, "A_MaterialDocumentHeader", {})
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("status", "error", "raised", "code"),
    [
        (400, {"code": "CO/333", "message": "no", "target": "WorkCenter"}, ErpRejected, "sap.order"),
        (400, {"code": "", "message": "failed", "details": [{"code": "M7/053", "message": "closed"}]},
         ErpRejected, "sap.period_closed"),
        (400, {"code": "ZZ/001", "message": "locked by MILLER"}, ErpUnavailable, "sap.locked.busy"),
        (403, {"code": "", "message": "no authority"}, ErpRejected, "sap.not_authorised"),
        (503, {"code": "", "message": "closed for now"}, ErpUnavailable, "sap.http_503"),
        (400, {"code": "/IWBEP/CM_COS/005", "message": "outdated"}, ErpUnavailable, "sap.repeated"),
        (400, {"code": "/IWBEP/CM_COS/001", "message": "configure it"}, ErpUnavailable, "sap.repeat_guard"),
    ],
)  # fmt: skip
def test_a_v4_service_says_no_under_the_same_codes(
    host: Host, client: Client, status: int, error: dict[str, Any], raised: type[Exception], code: str
) -> None:
    host.script = lambda asked: Answer(status=status, body={"error": error})
    with pytest.raises(raised) as refused:
        list(client.rows(WORK_CENTRES, "WorkCenterHeader"))
    assert refused.value.code == code  # type: ignore[attr-defined]
    assert str(error["message"]) in str(refused.value)


def test_a_refused_connection_proves_nothing_was_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        client = Client(Access(url=url, username="XL", password="x"))
        with pytest.raises(ErpUnavailable) as away:
            client.create(GOODS, "A_MaterialDocumentHeader", {})
    client.close()
    assert (away.value.code, away.value.sent) == ("sap.unreachable", False)


def test_the_words_of_a_v4_error_are_read() -> None:
    body = (
        b'{"error":{"code":"RU/494","message":"closed","target":"OrderID","details":[{"message":"really"}]}}'
    )
    message = read_message(body)
    assert message is not None
    assert (message.code, message.target, message.said()) == ("RU/494", "OrderID", "RU/494: closed - really")
    assert refusal(400, body, {}).code == "sap.order_closed"


def test_a_token_is_bought_with_client_credentials_and_renewed_once(host: Host) -> None:
    bought: list[Asked] = []

    def script(asked: Asked) -> Answer:
        if asked.path == "/oauth/token":
            bought.append(asked)
            return Answer(body={"access_token": f"t{len(bought)}", "expires_in": 3600})
        if asked.headers["authorization"] == "Bearer t1":
            return Answer(status=401)
        return sap_host.row({"ok": asked.headers["authorization"]})

    host.script = script
    host.answer = lambda asked: script(asked)  # type: ignore[method-assign]
    access = Access(
        url=host.url, username="id", password="secret", token_url=f"{host.url}/oauth/token", scope="erp"
    )
    client = Client(access)

    assert client.get(ORDERS, "A_ProductionOrder_2('1')") == {"ok": "Bearer t2"}
    assert bought[0].body == b"grant_type=client_credentials&scope=erp"
    assert len(bought) == 2
    assert "secret" not in repr(access)
    client.close()


def test_a_batch_is_one_changeset_and_its_refusal_is_read(host: Host, client: Client) -> None:
    parts = b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 400 Bad Request\r\n"
    parts += b"Content-Type: application/json\r\n\r\n"
    parts += b'{"error":{"code":"06/001","message":{"lang":"en","value":"blocked"}}}\r\n--b--\r\n'
    host.script = lambda asked: Answer(202, parts, {"Content-Type": "multipart/mixed; boundary=b"})
    changes = [
        batch.Change("PATCH", "A_X('1')", {"d": {"F": "1"}}, 'W/"1"'),
        batch.Change("PATCH", "A_X('2')", {"d": {"F": "2"}}, 'W/"2"'),
    ]

    with pytest.raises(ErpUnavailable) as refused:
        client.together(SALES, changes)

    assert refused.value.code == "sap.locked.busy"
    sent = host.written[0]
    assert sent.headers["content-type"].startswith("multipart/mixed; boundary=batch")
    assert sent.body.count(b"PATCH A_X(") == 2
    assert sent.body.count(b"Content-Type: multipart/mixed") == 1
    assert b'If-Match: W/"2"' in sent.body


def test_a_batch_that_took_effect_answers_once_for_each_change(host: Host, client: Client) -> None:
    one = b"--c\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n\r\n"
    body = b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" + one + one + b"--c--\r\n--b--\r\n"
    host.script = lambda asked: Answer(202, body, {"Content-Type": "multipart/mixed; boundary=b"})
    client.together(SALES, [batch.Change("PATCH", "A_X('1')", {}), batch.Change("PATCH", "A_X('2')", {})])

    host.script = lambda asked: Answer(
        202, b"--b\r\n\r\nrubbish\r\n--b--", {"Content-Type": "multipart/mixed; boundary=b"}
    )
    with pytest.raises(ErpUnavailable) as unclear:
        client.together(SALES, [batch.Change("PATCH", "A_X('1')", {})])
    assert (unclear.value.code, unclear.value.sent) == ("sap.garbled", True)
