"""The signed webhook as the outbox sees it: one POST a posting, an answer now or a call later.

Owns the reading of answers into outcomes. The business key is the message's id and its idempotency key. Must not know:
the outbox's tables, retry policy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.filedrop import rules
from erp_sync.adapters.filedrop.exchange import answered
from erp_sync.adapters.filedrop.formats import read_acknowledgements, read_row
from erp_sync.adapters.filedrop.inbox import Unreadable
from erp_sync.adapters.webhook import signing
from erp_sync.adapters.webhook.caller import Answer, Caller, refusal
from erp_sync.errors import ErpRejected, ErpUnavailable

LACKING = {"customer_answer": "answers to customers go by mail or EDI, not through a webhook"}
#: What others say while they have not decided.
PENDING = frozenset({"pending", "accepted", "received", "queued", "processing"})
NO_NEWS = "The ERP has it; its acknowledgement has not come"


class WebhookAdapter(rules.Rules):
    """Postings to one address.

    `settings`: url; password, the secret `whsec_<base64>` (several parted by blanks while it is changed); `status_url`
    with `{key}` in it, on the same host, asked when it is not clear what became of a posting; `idempotent` (false),
    for an ERP without one that promises to take a key once however often it comes; `settle_seconds` (90);
    `connect_timeout`, `read_timeout` in seconds (5, 30); the rest as in `rules` and `codes`.
    """

    kind = "webhook"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings, LACKING)
        self._caller = Caller(settings, "webhook")
        self._secret = str(settings.get("password") or "")
        self._status_url = str(settings.get("status_url") or "")
        self._idempotent = settings.get("idempotent") is True
        self.settle_after = timedelta(seconds=rules.numeric(settings, "settle_seconds", 90))

    def send(self, command: port.PostingCommand) -> port.Outcome:
        no = self._no(command)
        if no is not None:
            return no
        try:
            body = message(self._codes.theirs(command))
            headers = signing.headers_for(self._secret, command.business_key, body)
            headers |= {"content-type": "application/json", "idempotency-key": command.business_key}
            answer = self._caller.call("POST", self._caller.url, headers, body.encode())
        except ErpRejected as error:
            return port.refusal(error)
        except ErpUnavailable as error:
            status: port.OutcomeStatus = "unknown" if error.sent else "retry"
            return port.Outcome(status, error_code=error.code, message=error.message)
        return refusal(answer, "webhook") or self._said(command, answer)

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        no = self._not_taken(command)
        if no is not None:
            return no
        if not self._status_url:
            if self._idempotent:
                words = "No status address: it is said again under the same key"
                return port.Outcome(
                    "unknown", error_code="webhook.half_done", message=words, raw={"half_done": True}
                )
            return port.Outcome("unknown", error_code="webhook.waiting", message=NO_NEWS)
        answer = self._ask(command.business_key)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise ErpUnavailable(f"HTTP {answer.status} at the status address", code="webhook.status")
        return self._said(command, answer)

    def preview(self, command: port.PostingCommand) -> tuple[port.Step, ...]:
        body = json.loads(message(self._shown(command)))
        return (port.Step("POST", self._caller.url, body, "Signed when it is sent; the key is its id."),)

    def read_call(self, headers: Mapping[str, str], body: bytes) -> tuple[port.Acknowledgement, ...]:
        signing.check(self._secret, headers, body)
        return read_said(body)

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        return iter(())

    def ping(self) -> port.Health:
        """Asks the status address for a key nobody has; without one only that the host answers HTTP at all."""
        started = time.perf_counter()
        try:
            signing.headers_for(self._secret, "ping", "")
            if self._status_url:
                answer = self._ask("ping")
            else:
                answer = self._caller.call("HEAD", self._caller.url, {})
        except ErpUnavailable as error:
            return port.Health(False, detail=error.message)
        ok = answer.status < 500 and (not self._status_url or answer.status in (200, 404))
        taken = int((time.perf_counter() - started) * 1000)
        return port.Health(ok, detail=f"HTTP {answer.status}", latency_ms=taken, clock=answer.at)

    def close(self) -> None:
        self._caller.close()

    def _ask(self, key: str) -> Answer:
        headers = signing.headers_for(self._secret, key, "")
        return self._caller.call("GET", self._status_url.replace("{key}", key), headers)

    def _said(self, command: port.PostingCommand, answer: Answer) -> port.Outcome:
        """What a body says; an acceptance that names no number means: wait."""
        row = _object(answer.body)
        status = str(row.get("status") or "").strip().lower()
        refused = 400 <= answer.status < 500 and answer.status != 409
        if refused:
            status = "rejected"
        elif (
            answer.status == 202 or status in PENDING or (answer.status == 409 and not row.get("erp_number"))
        ):
            return port.Outcome(
                "unknown", error_code="webhook.waiting", message=NO_NEWS, raw={"http": answer.status}
            )
        elif not status and row.get("erp_number"):
            status = "confirmed"
        said = read_row({**row, "key": command.business_key, "status": status, "try": ""}, "the answer")
        if isinstance(said, Unreadable):
            if refused:
                return port.Outcome("rejected", error_code="erp.refused", message=f"HTTP {answer.status}")
            words = f"HTTP {answer.status}, but {said.message}"
            return port.Outcome("unknown", error_code="webhook.unexpected", message=words)
        if said.status == "rejected" and not said.message:
            said = replace(said, message=f"Refused with HTTP {answer.status}")
        return answered(said)


def message(command: port.PostingCommand) -> str:
    """The JSON of one posting; the same posting always gives the same text."""
    said = {
        "key": command.business_key,
        "kind": command.kind,
        "occurred_at": command.occurred_at.isoformat(),
        "posting_date": command.posting_date.isoformat(),
        "text": command.text,
        "payload": command.payload,
    }
    return json.dumps(said, ensure_ascii=False, sort_keys=True)


def read_said(body: bytes) -> tuple[port.Acknowledgement, ...]:
    """Acknowledgements of a call: an object or a list; ErpRejected where any can't be read."""
    entries = list(read_acknowledgements("call.json", body))
    for entry in entries:
        if isinstance(entry, Unreadable):
            raise ErpRejected(entry.code, f"The call can't be read: {entry.message}.")
    if not entries:
        raise ErpRejected("erp.acknowledgement_empty", "The call says nothing.")
    return tuple(entry for entry in entries if isinstance(entry, port.Acknowledgement))


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return {str(name).lower(): value for name, value in said.items()} if isinstance(said, dict) else {}
