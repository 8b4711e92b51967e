"""B2MML as the outbox sees it, over folders and over HTTP.

Owns what both share, which kinds there are messages for, and the reading of an HTTP answer. Must not know: the outbox's
tables, retry policy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.b2mml import asking, confirm, messages, xml
from erp_sync.adapters.b2mml.pull import records
from erp_sync.adapters.filedrop import pull, rules
from erp_sync.adapters.filedrop.exchange import Exchange, answered
from erp_sync.adapters.filedrop.inbox import Entry, Unreadable
from erp_sync.adapters.webhook import signing
from erp_sync.adapters.webhook.adapter import read_said
from erp_sync.adapters.webhook.caller import Answer, Caller, refusal
from erp_sync.errors import ErpRejected, ErpUnavailable

NO_NEWS = "The ERP has it; its ConfirmBOD has not come"
#: Words of a secret that begin so sign calls; the others are the password.
SIGNS = "whsec_"


class _B2mml(rules.Rules):
    """`settings`: `pull` (folder of XML files to read, may be left out); the rest as in `rules` and `codes`."""

    kind = "b2mml"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings, messages.LACKING, (*sorted(messages.TAKEN), "reversal"))
        folder = str(settings.get("pull") or "")
        quiet = rules.numeric(settings, "quiet_seconds", 2)
        self._pull = pull.Folder(Path(folder) if folder else None, records, ".xml", quiet, xml.MOST_BYTES)

    def capability(self, command: port.PostingCommand) -> port.Capability:
        kind = str(command.payload.get("reverses_kind") or "")
        if command.kind == "reversal" and kind not in messages.TAKEN_BACK:
            if kind not in messages.BACK:
                return port.Capability(False, f"B2MML can't take back a {kind}")
            if messages.turned_back(kind, command.payload.get("original") or {}) is None:
                return port.Capability(
                    False, f"B2MML can't take back a {kind} that does not say what was before"
                )
        return self.capabilities().get(command.kind, port.Capability(False, f"unknown kind {command.kind}"))

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        return pull.pages(self._pull, entity, watermark)


class B2mmlDropAdapter(_B2mml):
    """One XML file a posting; ConfirmBOD files answer. `settings` beside the common ones as in `Exchange`."""

    settle_after = timedelta(seconds=5)

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._exchange = Exchange(
            settings, messages.write, confirm.read_file, suffix=".xml", answers=(".xml",)
        )

    def send(self, command: port.PostingCommand) -> port.Outcome:
        return self._no(command) or self._exchange.send(command, self._codes)

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        return self._not_taken(command) or self._exchange.look_up(command)

    def preview(self, command: port.PostingCommand) -> tuple[port.Step, ...]:
        return self._exchange.preview(self._shown(command))

    def arrivals(self) -> set[str]:
        return self._exchange.inbox.sort()

    def set_aside(self) -> tuple[str, ...]:
        return tuple(self._exchange.inbox.aside())

    def prune(self) -> int:
        return self._exchange.inbox.prune()

    def ping(self) -> port.Health:
        return self._exchange.ping()

    def close(self) -> None:
        return None


class B2mmlHttpAdapter(_B2mml):
    """One POST a posting, answered by a ConfirmBOD at once or by a signed call later.

    `settings` beside the common ones: url; username with password for Basic, else every message is signed; the secret
    messages and calls are signed with is the word `whsec_...` of the password, which may stand behind the Basic one;
    `idempotent` (false): the ERP promises to take a BODID once however often it comes; `settle_seconds` (90);
    `connect_timeout`, `read_timeout` (5, 30).
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        user, said = str(settings.get("username") or ""), str(settings.get("password") or "")
        password, self._secret = _parted(said) if user else ("", said)
        self._signs = not user
        self._caller = Caller(settings, "b2mml", (user, password) if user else None, xml.MOST_BYTES)
        self._idempotent = settings.get("idempotent") is True
        self.settle_after = timedelta(seconds=rules.numeric(settings, "settle_seconds", 90))

    def send(self, command: port.PostingCommand) -> port.Outcome:
        no = self._no(command)
        if no is not None:
            return no
        try:
            body = messages.write(self._codes.theirs(command))
            headers = {**self._headers(command.business_key, body), "idempotency-key": command.business_key}
            answer = self._caller.call("POST", self._caller.url, headers, body)
        except ErpRejected as error:
            return port.refusal(error)
        except ErpUnavailable as error:
            status: port.OutcomeStatus = "unknown" if error.sent else "retry"
            return port.Outcome(status, error_code=error.code, message=error.message)
        return self._said(command, answer)

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        no = self._not_taken(command)
        if no is not None:
            return no
        if self._idempotent:
            words = "It is said again under the same BODID"
            return port.Outcome(
                "unknown", error_code="b2mml.half_done", message=words, raw={"half_done": True}
            )
        return port.Outcome("unknown", error_code="b2mml.waiting", message=NO_NEWS)

    def preview(self, command: port.PostingCommand) -> tuple[port.Step, ...]:
        body = messages.write(self._shown(command)).decode()
        note = "CreationDateTime is the moment of sending." + (" Signed then too." if self._signs else "")
        return (port.Step("POST", self._caller.url, body, note),)

    def read_call(self, headers: Mapping[str, str], body: bytes) -> tuple[port.Acknowledgement, ...]:
        """A ConfirmBOD, an error message, or the JSON of the signed webhook."""
        signing.check(self._secret, headers, body)
        if not body.lstrip().startswith(b"<"):
            return read_said(body)
        entries = list(confirm.read(xml.read(body)))
        for entry in entries:
            if isinstance(entry, Unreadable):
                raise ErpRejected(entry.code, f"The call can't be read: {entry.message}.")
        return tuple(entry for entry in entries if isinstance(entry, port.Acknowledgement))

    def ping(self) -> port.Health:
        """Only that the host answers and does not turn us away: the schema has no message that asks nothing."""
        started = time.perf_counter()
        try:
            answer = self._caller.call("HEAD", self._caller.url, self._headers("ping", b""))
        except ErpUnavailable as error:
            return port.Health(False, detail=error.message)
        taken = int((time.perf_counter() - started) * 1000)
        ok = answer.status < 500 and answer.status not in (401, 403)
        return port.Health(ok, detail=f"HTTP {answer.status}", latency_ms=taken, clock=answer.at)

    def close(self) -> None:
        self._caller.close()

    def _headers(self, ident: str, body: bytes) -> dict[str, str]:
        """Raises ErpUnavailable (nothing sent) where a signature is due and the secret can't make one."""
        kind = {"content-type": "application/xml; charset=utf-8"}
        return kind | (signing.headers_for(self._secret, ident, body.decode()) if self._signs else {})

    def _said(self, command: port.PostingCommand, answer: Answer) -> port.Outcome:
        """What an answer says of this message; one to another message says nothing, whatever its status."""
        status, body = answer.status, answer.body
        entries: list[Entry] = []
        try:
            entries = list(confirm.read(xml.read(body), command.business_key)) if body.strip() else []
        except ErpRejected as error:
            entries = [Unreadable(error.code, error.message)]
        mine = next(
            (
                one
                for one in entries
                if isinstance(one, port.Acknowledgement) and one.business_key == command.business_key
            ),
            None,
        )
        by_status = refusal(answer, "b2mml")
        # Some answer a business error with 500: a no in words is one. A yes beside an error is none.
        if mine is not None and (by_status is None or (status >= 500 and mine.status == "rejected")):
            return answered(mine)
        if by_status is not None:
            return by_status
        if 400 <= status < 500 and status != 409:
            return port.Outcome("rejected", error_code="erp.refused", message=f"Refused with HTTP {status}")
        if status == 202 or not body.strip():
            return port.Outcome("unknown", error_code="b2mml.waiting", message=NO_NEWS, raw={"http": status})
        wrong = next(
            (one.message for one in entries if isinstance(one, Unreadable)), "it answers another BODID"
        )
        return port.Outcome("unknown", error_code="b2mml.unexpected", message=f"HTTP {status}, but {wrong}")


class B2mmlAskingAdapter(B2mmlHttpAdapter):
    """As above, and master data is asked for with Get messages at the same address."""

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        return asking.pages(entity, watermark, self._ask(entity)) if entity in asking.NOUNS else iter(())

    def identities(self, entity: str) -> Iterator[str]:
        if entity in asking.NOUNS:
            yield from asking.identities(entity, self._ask(entity))

    def check_code(self, kind: str, ours: str, theirs: str) -> port.CodeCheck:
        entity = {"item": "items", "work_centre": "work_centres"}.get(kind)
        if entity is None:
            return port.CodeCheck(None, "B2MML has no question for these")
        known = theirs in set(self.identities(entity))
        return port.CodeCheck(known, "" if known else f"the ERP's answer names no {theirs}")

    def _ask(self, entity: str) -> bytes:
        body = asking.question(entity)
        answer = self._caller.call("POST", self._caller.url, self._headers(f"GET-{entity}", body), body)
        if answer.status != 200:
            words = f"HTTP {answer.status} to the question for {entity}"
            raise ErpUnavailable(words, code="b2mml.status", sent=False)
        return answer.body


def _parted(said: str) -> tuple[str, str]:
    """(password, secrets to sign with): the words at the end that are secrets, and what stands before them."""
    words = said.split(" ")
    count = len(words)
    while count > 1 and words[count - 1].startswith(SIGNS):
        count -= 1
    return " ".join(words[:count]), " ".join(words[count:])
