"""B2MML as the outbox sees it, over folders and over HTTP.

Owns what both share, which kinds there are messages for, and the reading of an HTTP answer. Must not know: the outbox's
tables, retry policy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from erp_sync import canonical
from erp_sync.adapters import port
from erp_sync.adapters.b2mml import confirm, messages, xml
from erp_sync.adapters.b2mml.pull import records
from erp_sync.adapters.filedrop import pull
from erp_sync.adapters.filedrop.exchange import Exchange, answered
from erp_sync.adapters.filedrop.inbox import Entry, Unreadable
from erp_sync.adapters.webhook import signing
from erp_sync.adapters.webhook.adapter import read_said
from erp_sync.adapters.webhook.caller import Caller, refusal
from erp_sync.errors import ErpRejected, ErpUnavailable

NO_NEWS = "The ERP has it; its ConfirmBOD has not come"


class _B2mml:
    """`settings`: `pull` (folder of XML files to read, may be left out), `not_taken` (kinds with the reason)."""

    kind = "b2mml"
    reconciles = False

    def __init__(self, settings: Mapping[str, Any]) -> None:
        refused = settings.get("not_taken")
        self._lacking = messages.LACKING | (refused if isinstance(refused, dict) else {})
        folder = str(settings.get("pull") or "")
        quiet = float(settings.get("quiet_seconds", 2))
        self._pull = pull.Folder(Path(folder) if folder else None, records, ".xml", quiet, xml.MOST_BYTES)

    def capabilities(self) -> dict[str, port.Capability]:
        taken = {kind: port.Capability(True) for kind in (*messages.TAKEN, "reversal")}
        return taken | {kind: port.Capability(False, str(reason)) for kind, reason in self._lacking.items()}

    def capability(self, command: port.PostingCommand) -> port.Capability:
        if command.kind == "reversal" and command.payload.get("reverses_kind") not in messages.TAKEN_BACK:
            return port.Capability(False, f"B2MML can't take back a {command.payload.get('reverses_kind')}")
        return self.capabilities().get(command.kind, port.Capability(False, f"unknown kind {command.kind}"))

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        return pull.pages(self._pull, entity, watermark)

    def list_documents(self, since: datetime) -> Iterator[port.ErpDocument]:
        return iter(())

    def _no(self, command: port.PostingCommand) -> port.Outcome | None:
        """What needs no asking: not taken, or a payload that breaks a hard rule."""
        able = self.capability(command)
        if not able.supported:
            return port.Outcome("local", message=able.reason)
        problems = [
            problem for problem in canonical.validate(command.kind, command.payload) if not problem.warn
        ]
        if problems:
            words = str(canonical.InvalidPayload(command.kind, problems))
            return port.Outcome("rejected", error_code="erp.payload", message=words)
        return None


class B2mmlDropAdapter(_B2mml):
    """One XML file a posting; ConfirmBOD files answer. `settings` beside the common ones as in `Exchange`."""

    settle_after = timedelta(seconds=5)

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._exchange = Exchange(
            settings, messages.write, confirm.read_file, suffix=".xml", answers=(".xml",)
        )

    def send(self, command: port.PostingCommand) -> port.Outcome:
        return self._no(command) or self._exchange.send(command)

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        able = self.capability(command)
        return (
            self._exchange.look_up(command) if able.supported else port.Outcome("local", message=able.reason)
        )

    def arrivals(self) -> set[str]:
        return self._exchange.inbox.sort()

    def ping(self) -> port.Health:
        return self._exchange.ping()

    def close(self) -> None:
        return None


class B2mmlHttpAdapter(_B2mml):
    """One POST a posting, answered by a ConfirmBOD at once or by a signed call later.

    `settings` beside the common ones: url; username with password for Basic; without a username the password is the
    secret calls are signed with, and `call_secret` is it where both are needed; `idempotent` (false): the ERP promises
    to take a BODID once however often it comes; `settle_seconds` (90); `connect_timeout`, `read_timeout` (5, 30).
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        user, password = str(settings.get("username") or ""), str(settings.get("password") or "")
        self._caller = Caller(settings, "b2mml", (user, password) if user else None)
        self._secret = "" if user else password
        self._idempotent = settings.get("idempotent") is True
        self.settle_after = timedelta(seconds=float(settings.get("settle_seconds", 90)))

    def send(self, command: port.PostingCommand) -> port.Outcome:
        no = self._no(command)
        if no is not None:
            return no
        try:
            body = messages.write(command)
            headers = {
                "content-type": "application/xml; charset=utf-8",
                "idempotency-key": command.business_key,
            }
            if self._secret:
                headers |= signing.headers_for(self._secret, command.business_key, body.decode())
            answer = self._caller.call("POST", self._caller.url, headers, body)
        except ErpRejected as error:
            return port.Outcome("rejected", error_code=error.code, message=error.message)
        except ErpUnavailable as error:
            status: port.OutcomeStatus = "unknown" if error.sent else "retry"
            return port.Outcome(status, error_code=error.code, message=error.message)
        return refusal(answer.status, "b2mml") or self._said(command, answer.status, answer.body)

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        able = self.capability(command)
        if not able.supported:
            return port.Outcome("local", message=able.reason)
        if self._idempotent:
            words = "It is said again under the same BODID"
            return port.Outcome(
                "unknown", error_code="b2mml.half_done", message=words, raw={"half_done": True}
            )
        return port.Outcome("unknown", error_code="b2mml.waiting", message=NO_NEWS)

    def read_call(self, headers: Mapping[str, str], body: bytes) -> tuple[port.Acknowledgement, ...]:
        """A ConfirmBOD, or the JSON of the signed webhook."""
        signing.check(self._secret, headers, body)
        if not body.lstrip().startswith(b"<"):
            return read_said(body)
        entries = list(confirm.read(xml.read(body)))
        for entry in entries:
            if isinstance(entry, Unreadable):
                raise ErpRejected(entry.code, f"The call can't be read: {entry.message}.")
        return tuple(entry for entry in entries if isinstance(entry, port.Acknowledgement))

    def ping(self) -> port.Health:
        """Only that the host answers HTTP: the schema has no message that asks nothing."""
        started = time.perf_counter()
        try:
            answer = self._caller.call("HEAD", self._caller.url, {})
        except ErpUnavailable as error:
            return port.Health(False, detail=error.message)
        taken = int((time.perf_counter() - started) * 1000)
        return port.Health(answer.status < 500, detail=f"HTTP {answer.status}", latency_ms=taken)

    def close(self) -> None:
        self._caller.close()

    def _said(self, command: port.PostingCommand, status: int, body: bytes) -> port.Outcome:
        """What an answer says of this message; a ConfirmBOD of another one says nothing."""
        entries: list[Entry] = []
        try:
            entries = list(confirm.read(xml.read(body))) if body.strip() else []
        except ErpRejected as error:
            entries = [Unreadable(error.code, error.message)]
        for entry in entries:
            if isinstance(entry, port.Acknowledgement) and entry.business_key == command.business_key:
                return answered(entry)
        if 400 <= status < 500 and status != 409:
            return port.Outcome("rejected", error_code="erp.refused", message=f"Refused with HTTP {status}")
        if status == 202 or not body.strip():
            return port.Outcome("unknown", error_code="b2mml.waiting", message=NO_NEWS, raw={"http": status})
        wrong = next(
            (one.message for one in entries if isinstance(one, Unreadable)), "it answers another BODID"
        )
        return port.Outcome("unknown", error_code="b2mml.unexpected", message=f"HTTP {status}, but {wrong}")
