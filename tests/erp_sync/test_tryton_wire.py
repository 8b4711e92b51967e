"""What the connector makes of Tryton's answers, without a Tryton."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from erp_sync.adapters.tryton import wire
from erp_sync.adapters.tryton.client import LOCKED_AGAIN_AFTER, Access, Client
from erp_sync.errors import ErpRejected, ErpUnavailable


@pytest.mark.parametrize(
    "value",
    [
        Decimal("12.50"),
        date(2026, 11, 22),
        datetime(2026, 11, 22, 6, 30, 0, 250, tzinfo=UTC),
        timedelta(minutes=95, microseconds=971),
        {"nested": [Decimal("0.1"), None, True, "text"]},
    ],
)
def test_tagged_values_survive_the_wire(value: object) -> None:
    assert wire.decode(wire.encode(value)) == value


@pytest.mark.parametrize(
    ("error", "kind", "code", "words"),
    [
        (
            ["UserError", ["You can not do that.", "", None]],
            ErpRejected,
            "tryton.user_error",
            "You can not do that.",
        ),
        (["UserError", ["No.", "Because.", None]], ErpRejected, "tryton.user_error", "No. - Because."),
        (
            ["UserWarning", ["name.1", "Sure?", "Really"]],
            ErpRejected,
            "tryton.user_warning",
            "Sure? - Really",
        ),
        (["ConcurrencyException", "changed"], ErpUnavailable, "tryton.stale", "changed meanwhile"),
        (["'nope'", ""], ErpRejected, "tryton.request", "'nope'"),
        (
            ["server closed the connection unexpectedly", ""],
            ErpUnavailable,
            "tryton.database",
            "closed the connection",
        ),
    ],
)
def test_each_error_means_one_thing(error: Any, kind: type[Exception], code: str, words: str) -> None:
    with pytest.raises(kind) as raised:
        wire.raise_error(error)

    assert raised.value.code == code  # type: ignore[attr-defined]
    assert words in str(raised.value)


def test_a_stale_write_is_certain_and_a_broken_database_is_not() -> None:
    with pytest.raises(ErpUnavailable) as stale:
        wire.raise_error(["ConcurrencyException", "changed"])
    with pytest.raises(ErpUnavailable) as broken:
        wire.raise_error(["OperationalError: terminating connection", ""])

    assert (stale.value.sent, broken.value.sent) == (False, True)


def client_for(answer: Callable[[str, list[Any]], httpx.Response]) -> Client:
    """A client whose Tryton lets anybody in and answers model calls with `answer(method, params)`."""

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(401)
        body = json.loads(request.content)
        if body["method"] == "common.db.login":
            return httpx.Response(200, json={"id": 1, "result": [1, "token", None]})
        if body["method"].endswith("get_preferences"):
            return httpx.Response(200, json={"id": 1, "result": {"company": 1}})
        return answer(body["method"], body["params"])

    access = Access("http://erp.test", "db", "integration", "secret")
    return Client(access, transport=httpx.MockTransport(handle))


@pytest.mark.parametrize(
    ("response", "code", "sent"),
    [
        (httpx.Response(500, text="boom"), "tryton.http_500", True),
        (httpx.Response(502, text="bad gateway"), "tryton.http_502", True),
        (httpx.Response(504, text="database timed out"), "tryton.http_504", True),
        (httpx.Response(200, text="<html>proxy</html>"), "tryton.garbled", True),
        (httpx.Response(404, text="no database"), "tryton.no_database", False),
        (httpx.Response(429, text="slow down"), "tryton.busy", False),
        (httpx.Response(503, text="server closed the connection"), "tryton.http_503", True),
    ],
)
def test_an_http_trouble_says_whether_anything_can_have_happened(
    response: httpx.Response, code: str, sent: bool
) -> None:
    client = client_for(lambda method, params: response)

    with pytest.raises(ErpUnavailable) as trouble:
        client.write("production", 1, {"quantity": 1.0})

    assert (trouble.value.code, trouble.value.sent) == (code, sent)
    assert client.writes == int(sent)


@pytest.mark.parametrize("refusals", [1, 5, 6])
def test_what_is_locked_for_a_moment_is_asked_for_again(
    refusals: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tryton gives the whole transaction up, so a second try repeats nothing."""
    pauses: list[float] = []
    monkeypatch.setattr("erp_sync.adapters.tryton.client.time.sleep", pauses.append)
    answers = [
        httpx.Response(503, text='could not obtain lock on relation "stock_move"') for _ in range(refusals)
    ]
    answers.append(httpx.Response(200, json={"id": 1, "result": None}))
    client = client_for(lambda method, params: answers.pop(0))

    if refusals <= len(LOCKED_AGAIN_AFTER):
        client.write("production", 1, {"quantity": 1.0})
        assert client.writes == 1
    else:
        with pytest.raises(ErpUnavailable) as trouble:
            client.write("production", 1, {"quantity": 1.0})
        assert (trouble.value.code, trouble.value.sent, client.writes) == ("tryton.locked.busy", False, 0)
    assert pauses == list(LOCKED_AGAIN_AFTER[:refusals])


def test_a_session_that_ended_is_renewed_once_and_the_call_repeated() -> None:
    calls: list[str] = []

    def answer(method: str, params: list[Any]) -> httpx.Response:
        calls.append(method)
        if len(calls) == 1:
            return httpx.Response(401)
        return httpx.Response(200, json={"id": 1, "result": [7]})

    client = client_for(answer)

    assert client.create("party.party", {"name": "Kolbe"}) == 7
    assert calls == ["model.party.party.create"] * 2
    assert client.writes == 1


def test_a_server_that_ends_every_session_is_told_apart_from_a_no() -> None:
    client = client_for(lambda method, params: httpx.Response(401))

    with pytest.raises(ErpUnavailable) as trouble:
        client.create("party.party", {"name": "Kolbe"})

    assert (trouble.value.code, trouble.value.sent) == ("tryton.login", False)
    assert client.writes == 0


def test_the_context_comes_last_and_carries_the_timestamp() -> None:
    seen: list[Any] = []

    def answer(method: str, params: list[Any]) -> httpx.Response:
        seen.extend(params)
        return httpx.Response(200, json={"id": 1, "result": None})

    client_for(answer).write("production", 4, {"quantity": 2.0}, timestamp="17.5")

    assert seen == [[4], {"quantity": 2.0}, {"company": 1, "_timestamp": {"production,4": "17.5"}}]


def test_reads_do_not_count_as_writes() -> None:
    client = client_for(lambda method, params: httpx.Response(200, json={"id": 1, "result": []}))

    client.search("party.party", [], ["name"])

    assert client.writes == 0
