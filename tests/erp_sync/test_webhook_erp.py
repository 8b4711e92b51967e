"""The signed webhook: an answer now or a call later, proven theirs, written once."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from standardwebhooks import Webhook

from erp_sync.adapters import port
from erp_sync.adapters.webhook import WebhookAdapter
from erp_sync.adapters.webhook.signing import headers_for
from erp_sync.errors import ErpUnavailable
from erp_sync.models import ConnectionSite, ErpConnection, Posting
from erp_sync.services import edit_and_retry, send_due
from erp_sync.services.claiming import claim_next, willing_connections
from erp_sync.services.outcomes import record_send
from plant_app.models import Site
from tests import factories as make
from tests.erp_sync.conftest import Queue

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
KEY = "ABCDEFGHIJKLMNOP"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
SCRAP = {"item": "FG-100", "quantity": "3", "reason_code": "BROKEN"}
Reply = tuple[int, Any]


@dataclass
class Theirs:
    """A small ERP behind HTTP: says what it is told to, keeps what it got."""

    url: str = ""
    replies: list[Reply | None] = field(default_factory=list)
    statuses: dict[str, Reply] = field(default_factory=dict)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def reply(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        self.got.append((method, headers, body))
        if method == "GET":
            return self.statuses.get(path.rsplit("/", 1)[-1], (404, {}))
        return self.replies.pop(0) if self.replies else (200, {"erp_number": "N-1"})


@pytest.fixture
def theirs() -> Iterator[Theirs]:
    erp = Theirs()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            said = erp.reply(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            if said is None:  # took it, and the line went dead
                self.close_connection = True
                return
            content = said[1] if isinstance(said[1], bytes) else json.dumps(said[1]).encode()
            self.send_response(said[0])
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_HEAD = answer

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    erp.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield erp
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def adapter(theirs: Theirs) -> Iterator[Callable[..., WebhookAdapter]]:
    made: list[WebhookAdapter] = []

    def make(**options: Any) -> WebhookAdapter:
        made.append(WebhookAdapter({"url": f"{theirs.url}/postings", "password": SECRET} | options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def command(kind: str = "movement.scrap", payload: dict[str, Any] | None = None) -> port.PostingCommand:
    return port.PostingCommand(kind, KEY, payload or SCRAP, NOON, date(2026, 11, 3), "EX-2026-000001")


def test_a_posting_is_signed_so_that_the_schemes_own_library_takes_it(theirs: Theirs, adapter: Any) -> None:
    outcome = adapter(password=f"{SECRET} {OTHER}").send(command())

    ((method, headers, body),) = theirs.got
    for secret in (SECRET, OTHER):
        said = Webhook(secret).verify(body, headers)
        assert (said["key"], said["kind"], said["payload"]) == (KEY, "movement.scrap", SCRAP)
    assert (method, headers["webhook-id"], headers["idempotency-key"]) == ("POST", KEY, KEY)
    assert (outcome.status, outcome.erp_number) == ("confirmed", "N-1")


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        ((200, {"status": "confirmed", "erp_number": "N-1"}), "confirmed", ""),
        ((409, {"erp_number": "N-1"}), "confirmed", ""),
        ((409, {}), "unknown", "webhook.waiting"),
        ((202, {}), "unknown", "webhook.waiting"),
        ((200, {"status": "pending"}), "unknown", "webhook.waiting"),
        ((200, {}), "unknown", "webhook.unexpected"),
        ((200, b"<html>"), "unknown", "webhook.unexpected"),
        ((200, {"status": "rejected", "code": "E7", "message": "closed"}), "rejected", "E7"),
        ((422, {"code": "E7", "message": "closed"}), "rejected", "E7"),
        ((422, b"no"), "rejected", "erp.refused"),
        ((401, {}), "retry", "webhook.login"),
        ((404, {}), "retry", "webhook.address"),
        ((302, {}), "retry", "webhook.address"),
        ((429, {}), "retry", "webhook.busy"),
        ((500, {}), "unknown", "webhook.status"),
        (None, "unknown", "webhook.unavailable"),
    ],
)  # fmt: skip
def test_each_answer_means_one_thing(
    theirs: Theirs, adapter: Any, reply: Reply | None, status: str, code: str
) -> None:
    theirs.replies = [reply]

    outcome = adapter().send(command())

    assert (outcome.status, outcome.error_code) == (status, code)
    assert len(theirs.got) == 1


def test_nothing_listening_proves_that_nothing_was_sent() -> None:
    gone = WebhookAdapter({"url": "http://127.0.0.1:9/x", "password": SECRET, "connect_timeout": 1})

    assert (gone.send(command()).status, gone.ping().ok) == ("retry", False)
    gone.close()


def test_the_status_address_tells_what_became_of_it(theirs: Theirs, adapter: Any) -> None:
    erp = adapter(status_url=f"{theirs.url}/postings/{{key}}")

    assert erp.look_up(command()) is None
    theirs.statuses[KEY] = (200, {"status": "pending"})
    assert erp.look_up(command()).error_code == "webhook.waiting"
    theirs.statuses[KEY] = (200, {"status": "posted", "erp_number": "N-4", "time": "2026-11-03T12:00:09Z"})
    found = erp.look_up(command())
    assert (found.status, found.erp_number, found.confirmed_at) == (
        "confirmed",
        "N-4",
        NOON + timedelta(seconds=9),
    )
    theirs.statuses[KEY] = (500, {})
    with pytest.raises(ErpUnavailable, match="HTTP 500"):
        erp.look_up(command())
    assert {method for method, _, _ in theirs.got} == {"GET"}
    Webhook(SECRET).verify(b"", theirs.got[0][1], json_parse=False)


def test_without_a_status_address_only_a_promise_allows_saying_it_again(adapter: Any) -> None:
    assert adapter().look_up(command()).error_code == "webhook.waiting"
    assert adapter(idempotent=True).look_up(command()).raw == {"half_done": True}


def test_only_the_configured_host_is_ever_called(theirs: Theirs, adapter: Any) -> None:
    erp = adapter(status_url="http://127.0.0.2:1/{key}")

    with pytest.raises(ErpUnavailable, match="not the connection's own host"):
        erp.look_up(command())
    assert theirs.got == []


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_###"])
def test_without_a_usable_secret_nothing_is_sent(theirs: Theirs, adapter: Any, secret: str) -> None:
    outcome = adapter(password=secret).send(command())

    assert (outcome.status, outcome.error_code) == ("retry", "webhook.secret")
    assert theirs.got == []


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    cache.clear()
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


@pytest.fixture
def connection(db: None, site: Site, theirs: Theirs, monkeypatch: pytest.MonkeyPatch) -> ErpConnection:
    monkeypatch.setenv("HOUSE_ERP_SECRET", SECRET)
    row = ErpConnection.objects.create(
        code="house",
        name="House ERP",
        kind="webhook",
        base_url=theirs.url,
        password_source="env:HOUSE_ERP_SECRET",
    )
    ConnectionSite.objects.create(connection=row, site=site)
    theirs.replies = [(202, {})] * 5
    return row


@pytest.fixture
def handed(now: time_machine.Traveller, connection: ErpConnection, queue: Queue) -> Posting:
    """A posting the ERP took with 202."""
    posting = queue()
    send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.error_code) == ("unknown", "webhook.waiting")
    return posting


def call(said: Any, secret: str = SECRET, code: str = "house", age: int = 0, **headers: str) -> Any:
    body = said if isinstance(said, str) else json.dumps(said)
    with time_machine.travel(NOON - timedelta(seconds=age), tick=False):
        signed = headers_for(secret, "call-1", body)
    return Client().post(
        f"/hooks/erp/{code}/", body, content_type="application/json", headers=signed | headers
    )


def test_a_later_call_carries_the_number_back(handed: Posting) -> None:
    said = {
        "key": handed.business_key,
        "status": "ok",
        "erp_number": "N-8",
        "time": "2026-11-03T13:00:00+01:00",
    }

    first, again = call(said), call(said)

    handed.refresh_from_db()
    assert (handed.status, handed.erp_number, handed.erp_confirmed_at) == ("confirmed", "N-8", NOON)
    assert first.json() == {
        "postings": [{"key": handed.business_key, "status": "confirmed", "replayed": False}]
    }
    assert again.json()["postings"][0]["replayed"] is True
    assert list(handed.tries.values_list("action", "outcome")) == [
        ("send", "unknown"),
        ("look_up", "confirmed"),
    ]


def test_a_call_may_refuse_and_give_the_reason(handed: Posting) -> None:
    answer = call({"key": handed.business_key, "status": "rejected", "code": "E7", "message": "order closed"})

    handed.refresh_from_db()
    assert answer.status_code == 200
    assert (handed.status, handed.error_code, handed.error_message) == ("rejected", "E7", "order closed")


def test_an_old_refusal_said_again_does_not_refuse_what_was_mended(handed: Posting, now: Any) -> None:
    said = {"key": handed.business_key, "status": "rejected", "code": "E7", "time": "2026-11-03T12:00:01Z"}
    call(said)
    edit_and_retry(
        posting_id=handed.pk,
        actor=make.UserFactory(),
        reason="mended",
        payload=handed.payload | {"quantity": "4"},
    )
    send_due()

    again = call(said)
    handed.refresh_from_db()
    assert (again.json()["postings"][0]["replayed"], handed.status) == (True, "unknown")

    call(said | {"time": "2026-11-03T12:09:00Z"})
    handed.refresh_from_db()
    assert handed.status == "rejected"


def mended(posting: Posting) -> None:
    edit_and_retry(
        posting_id=posting.pk,
        actor=make.UserFactory(),
        reason="mended",
        payload=posting.payload | {"quantity": "4"},
    )


def test_an_old_refusal_at_the_status_address_does_not_refuse_what_was_mended(
    now: Any, connection: ErpConnection, theirs: Theirs, queue: Queue
) -> None:
    connection.options = {"status_url": f"{theirs.url}/postings/{{key}}"}
    connection.save()
    old = {"status": "rejected", "code": "E7", "message": "closed", "time": "2026-11-03T12:00:01Z"}
    theirs.replies = [(422, old), None, (200, {"erp_number": "N-9"})]
    posting = queue()
    theirs.statuses[posting.business_key] = (200, old)
    send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.error_code) == ("rejected", "E7")
    mended(posting)
    send_due()
    now.shift(timedelta(seconds=10))
    send_due()

    posting.refresh_from_db()
    assert (posting.status, [method for method, _, _ in theirs.got]) == ("unknown", ["POST", "POST", "GET"])
    # It still says so when nothing can be on its way any more: the second try never came, and goes again.
    now.shift(timedelta(seconds=120))
    send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.erp_number) == ("confirmed", "N-9")
    assert [json.loads(body)["payload"]["quantity"] for method, _, body in theirs.got if method == "POST"] == [
        "5", "4", "4",
    ]  # fmt: skip


def test_a_new_refusal_at_the_status_address_counts(
    now: Any, connection: ErpConnection, theirs: Theirs, queue: Queue
) -> None:
    connection.options = {"status_url": f"{theirs.url}/postings/{{key}}"}
    connection.save()
    old = {"status": "rejected", "code": "E7", "time": "2026-11-03T12:00:01Z"}
    theirs.replies = [(422, old), None]
    posting = queue()
    send_due()
    posting.refresh_from_db()
    mended(posting)
    theirs.statuses[posting.business_key] = (200, old | {"code": "E8", "time": "2026-11-03T12:00:02Z"})
    send_due()
    now.shift(timedelta(seconds=10))
    send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.error_code) == ("rejected", "E8")
    assert posting.tries.count() == 3


def test_a_call_that_comes_before_our_own_record_wins_once(
    now: Any, connection: ErpConnection, queue: Queue
) -> None:
    posting = queue()
    claim = claim_next(willing_connections())
    assert claim is not None

    call({"key": posting.business_key, "status": "ok", "erp_number": "N-8"})
    record_send(
        posting_id=posting.pk, attempt_id=claim.attempt_id, token=claim.token,
        outcome=port.Outcome("unknown", error_code="webhook.waiting"),
    )  # fmt: skip

    posting.refresh_from_db()
    assert (posting.status, posting.erp_number) == ("confirmed", "N-8")


def test_what_is_not_provably_theirs_changes_nothing(handed: Posting, now: Any) -> None:
    said = {"key": handed.business_key, "status": "ok", "erp_number": "N-8"}

    answers = [
        call(said, OTHER), call(said, age=301), call(said, **{"webhook-id": "another"}),
        Client().post("/hooks/erp/house/", json.dumps(said), content_type="application/json"),
    ]  # fmt: skip

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(401, "erp.signature")] * 4
    handed.refresh_from_db()
    assert handed.status == "unknown"


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ("{", 422, "erp.acknowledgement_unreadable"),
        ([], 422, "erp.acknowledgement_empty"),
        ({"status": "ok"}, 422, "erp.acknowledgement_key"),
        ({"key": "K", "status": "so so"}, 422, "erp.acknowledgement_status"),
        ({"key": "K", "status": "ok"}, 422, "erp.acknowledgement_number"),
        ({"key": "NOSUCHKEY", "status": "ok", "erp_number": "1"}, 404, "erp.no_posting"),
    ],
)
def test_an_unusable_call_is_refused_with_its_code(
    handed: Posting, said: Any, status: int, code: str
) -> None:
    answer = call(said)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_one_bad_entry_leaves_the_whole_call_to_be_said_again(handed: Posting) -> None:
    good = {"key": handed.business_key, "status": "ok", "erp_number": "N-8"}

    assert call([good, {"key": "ZZZ", "status": "ok", "erp_number": "1"}]).status_code == 404

    handed.refresh_from_db()
    assert handed.status == "unknown"


def test_a_contradiction_and_an_answer_before_the_question_are_refused(handed: Posting, queue: Queue) -> None:
    call({"key": handed.business_key, "status": "ok", "erp_number": "N-8"})
    waiting = queue()

    other = call({"key": handed.business_key, "status": "ok", "erp_number": "N-9"})
    early = call({"key": waiting.business_key, "status": "ok", "erp_number": "N-9"})

    assert (other.status_code, other.json()["code"]) == (409, "erp.acknowledgement_contradicts")
    assert (early.status_code, early.json()["code"]) == (409, "erp.not_sent")
    handed.refresh_from_db()
    waiting.refresh_from_db()
    assert (handed.erp_number, waiting.status) == ("N-8", "queued")


def test_an_address_without_such_a_connection_is_not_found(now: Any, db: None) -> None:
    assert call({}, code="nobody").json()["code"] == "erp.no_connection"


def test_what_is_shown_before_is_what_is_posted_in_their_codes(theirs: Theirs, adapter: Any) -> None:
    erp = adapter(item={"FG-100": "4711"}, must_map="reason", reason={"BROKEN": "9"})

    (step,) = erp.preview(command())
    assert theirs.got == []
    erp.send(command())

    ((_, _, body),) = theirs.got
    assert (step.method, step.address, step.body) == ("POST", f"{theirs.url}/postings", json.loads(body))
    assert step.body["payload"] == {"item": "4711", "quantity": "3", "reason_code": "9"}
    assert SECRET not in str(step)
    missing = adapter(must_map="reason").send(command())
    assert (missing.status, missing.error_code) == ("rejected", "erp.mapping_missing")
    assert len(theirs.got) == 1


def test_a_locked_object_is_sent_again_and_the_servers_clock_is_told(theirs: Theirs, adapter: Any) -> None:
    theirs.replies = [(423, {})]

    outcome, health = adapter().send(command()), adapter().ping()

    assert (outcome.status, outcome.error_code) == ("retry", "webhook.busy")
    assert health.clock is not None
    assert abs((health.clock - datetime.now(UTC)).total_seconds()) < 60
