"""The signed webhook: who sent it is checked hard, what it says is never dropped."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from core import clock
from exceptions_app import hooks, services
from exceptions_app.channels.webhook import at_path, moment, new_secret, parse, sign
from exceptions_app.models import ExceptionRecord, Signal, Source
from exceptions_app.services.channels import read
from tests.exceptions_app.conftest import MORNING
from tests.plant_fixtures import KolbeMini

EVENT = {
    "id": "ev-1",
    "message": "press 4 down, hydraulic leak",
    "time": "2026-11-17T10:10:00+01:00",
    "sender": "gateway 3",
}


@pytest.fixture
def source(plant: KolbeMini) -> Source:
    """The demo webhook of Rheinfelden."""
    return Source.objects.get(code="demo-rhf")


def deliver(
    source: Source,
    body: Any = EVENT,
    *,
    message_id: str = "msg-1",
    age: timedelta = timedelta(),
    **other: Any,
) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    stamp = int((MORNING - age).timestamp())
    signature = other.pop("signature", None) or sign(
        secret=other.pop("secret", source.secret), message_id=message_id, timestamp=stamp, body=raw
    )
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": signature,
        **other.pop("headers", {}),
    }
    return Client().post(
        f"/hooks/{source.code}/",
        raw,
        content_type=other.pop("content_type", "application/json"),
        headers=headers,
    )


def test_a_signed_message_is_accepted_at_once_and_read_by_the_worker(source: Source) -> None:
    answer = deliver(source)

    assert answer.status_code == 202
    assert int(answer.headers["RateLimit-Remaining"]) == int(answer.headers["RateLimit-Limit"]) - 1
    signal = Signal.objects.get()
    assert (signal.external_id, signal.channel, signal.reporter_text) == ("ev-1", "webhook", "gateway 3")
    assert signal.payload == EVENT
    assert not ExceptionRecord.objects.exists()

    assert services.read_due_signals() == 1
    exception = ExceptionRecord.objects.get()
    assert (exception.status, exception.title) == ("open", "Press 4 down, hydraulic leak")
    assert exception.occurred_at == MORNING - timedelta(minutes=4)


def test_the_same_message_again_is_accepted_and_counted_once(source: Source) -> None:
    deliver(source)
    again = deliver(source, message_id="msg-2")

    assert (again.status_code, again.json()["replayed"]) == (202, True)
    assert Signal.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"signature": "v1,AAAA"},
        {"signature": "nonsense"},
        {"secret": new_secret()},
        {"age": timedelta(minutes=6)},
        {"age": timedelta(minutes=-6)},
        {"headers": {"webhook-id": ""}},
        {"headers": {"webhook-id": "another"}},
        {"headers": {"webhook-timestamp": "soon"}},
    ],
)
def test_what_is_not_provably_theirs_is_refused(source: Source, change: dict[str, Any]) -> None:
    answer = deliver(source, **change)

    assert (answer.status_code, answer.json()["code"]) == (401, "hooks.signature")
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert source.secret not in answer.content.decode()
    assert not Signal.objects.exists()


def test_a_changed_body_is_refused(source: Source) -> None:
    stamp = int(MORNING.timestamp())
    signature = sign(
        secret=source.secret, message_id="msg-1", timestamp=stamp, body=json.dumps(EVENT).encode()
    )

    answer = deliver(source, {**EVENT, "message": "everything is fine"}, signature=signature)

    assert answer.status_code == 401
    assert not Signal.objects.exists()


def test_one_of_several_signatures_is_enough_while_keys_rotate(source: Source) -> None:
    stamp = int(MORNING.timestamp())
    fitting = sign(secret=source.secret, message_id="msg-1", timestamp=stamp, body=json.dumps(EVENT).encode())

    assert deliver(source, signature=f"v1,AAAA {fitting}").status_code == 202


@pytest.mark.parametrize(
    "body", [b"{not json", b"\xff\xfe\x00\x01", b"[" * 100_000, b"", b'"press 4 down"', b"press 4 down"]
)
def test_what_cannot_be_parsed_is_kept_and_shown_to_a_person(source: Source, body: bytes) -> None:
    answer = deliver(source, body)

    assert answer.status_code == 202
    assert services.read_due_signals() == 1
    exception = ExceptionRecord.objects.get()
    if body != b'"press 4 down"':
        assert exception.status == "triage"
    assert (
        Signal.objects.get().text
        == body.decode("utf-8", errors="replace").replace("\x00", "").strip('"')[:100_000]
    )


def test_an_unknown_or_retired_source_is_not_there(source: Source) -> None:
    source.active = False
    source.save()

    assert deliver(source).status_code == 404
    assert Client().post("/hooks/nobody/", {}).status_code == 404
    assert Client().post("/hooks/api-rhf/", {}).status_code == 404


def test_a_source_has_a_budget_of_its_own(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "PER_MINUTE", 2)

    codes = [deliver(source, message_id=f"m-{n}").status_code for n in range(3)]
    over = deliver(source, message_id="m-4")

    assert codes == [202, 202, 429]
    assert over.json()["code"] == "request.too_many"
    assert int(over.headers["Retry-After"]) > 0
    cache.clear()
    assert deliver(source, message_id="m-5").status_code == 202


def test_an_overlong_message_is_refused(source: Source) -> None:
    answer = deliver(source, b"x" * (hooks.MOST_BYTES + 1))

    assert (answer.status_code, answer.json()["code"]) == (413, "hooks.too_large")


def test_a_reader_that_always_fails_ends_in_triage_with_the_raw_text(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("a reader with a bug")

    monkeypatch.setattr(read, "interpret", broken)
    deliver(source)
    waits = []
    moment_now = MORNING
    for _ in range(read.MOST_ATTEMPTS):
        with clock.travel(moment_now):
            services.read_due_signals()
        reading = Signal.objects.get().reading
        waits.append(round((reading.due_at - moment_now).total_seconds()))
        moment_now = reading.due_at

    exception = ExceptionRecord.objects.get()
    assert waits[:4] == [2, 4, 8, 16]
    assert (reading.status, reading.attempts, reading.exception) == ("failed", 5, exception)
    assert reading.error == "ZeroDivisionError: a reader with a bug"
    assert (exception.status, exception.type.code) == ("triage", "unsorted")
    assert exception.title == "“press 4 down, hydraulic leak”"
    assert exception.owner is not None


def test_a_bad_message_does_not_hold_up_the_good_ones(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = read.interpret

    def touchy(text: str, **kwargs: Any) -> Any:
        if "poison" in text:
            raise RuntimeError("no")
        return real(text, **kwargs)

    monkeypatch.setattr(read, "interpret", touchy)
    deliver(source, {**EVENT, "id": "a", "message": "poison"}, message_id="a")
    deliver(source, {**EVENT, "id": "b"}, message_id="b")

    assert services.read_due_signals() == 2
    assert ExceptionRecord.objects.get().title == "Press 4 down, hydraulic leak"


def test_paths_lead_into_payloads() -> None:
    data = {"a": {"b": [{"c": 7}]}, "text": "x"}

    assert at_path(data, "a.b.0.c") == 7
    assert at_path(data, "a.b.9.c") is None
    assert at_path(data, "=machine_downtime") == "machine_downtime"


def test_moments_carry_their_offset() -> None:
    assert moment("2026-11-17T10:14:00+01:00") == MORNING
    assert moment(MORNING.timestamp()) == MORNING
    assert moment(str(int(MORNING.timestamp() * 1000))) == MORNING
    assert moment("2026-11-17T10:14:00") is None
    assert moment("yesterday") is None


def test_a_payload_without_a_mapping_is_read_as_its_text() -> None:
    message = parse(b'{"x": 1}', "application/json", {})

    assert (message.text, message.payload) == ('{"x": 1}', {"x": 1})
