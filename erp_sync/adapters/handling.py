"""Look first, then act: what connectors share whose ERP keeps no key of ours as its own.

Owns the shape of a handler (find, drive, preview), of what it finds, and the sorting of every end into an outcome.
A reference field there is mostly not unique, so the outbox promises one writer per key and order.
Must not know: any particular ERP, HTTP, the outbox's tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from erp_sync import canonical
from erp_sync.adapters import port
from erp_sync.canonical_base import Payload
from erp_sync.canonical_kinds import Reversal
from erp_sync.errors import Difference, Drifted, ErpRejected, ErpUnavailable

P = TypeVar("P", bound=Payload)
#: What an ERP with other modules or fields than expected makes of our reading of it.
SURPRISES = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
#: Refused before anything of ours can exist there: as good as an absence when looking. That a code means more than one
#: thing there is none: it may have meant one when the posting was sent.
ABSENT = ("erp.not_found", "erp.payload", "erp.mapping_missing")


class NotHere(Exception):
    """The connected ERP has no place for this posting; the reason is shown to people."""


class Left(Exception):
    """Refused, but what was begun there could not be taken away: anybody there could still finish it."""

    def __init__(self, refusal: ErpRejected) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Found:
    """A document under the business key and where it stands.

    `final`: it has its effect. `cancelled`: somebody took it back there, so it has none any more.
    """

    document: str
    record: str
    number: str
    state: str
    final: bool = True
    cancelled: bool = False
    at: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def raw(self) -> dict[str, Any]:
        """For the attempt's log: JSON types only."""
        kept = {"document": self.document, "id": self.record, "state": self.state}
        return kept | ({} if self.final or self.cancelled else {"half_done": True}) | self.extra


@dataclass(frozen=True, slots=True)
class Job(Generic[P]):
    """One command with its payload read."""

    command: port.PostingCommand
    payload: P

    @property
    def key(self) -> str:
        return self.command.business_key

    def caption(self, limit: int = 120) -> str:
        """The key first, then the words on one line: the key must survive any cut."""
        return f"{self.key} {' '.join(self.command.text.split())}".strip()[:limit].rstrip()


class Handler(Protocol):
    """How one kind is found, carried to its end, and shown beforehand."""

    def find(self, desk: Any, job: Job[Any]) -> Found | None: ...

    def drive(self, desk: Any, job: Job[Any], found: Found | None) -> Found:
        """Act from the state `found`; None: nothing is there yet. Raises ErpRejected, ErpUnavailable, NotHere."""
        ...

    def preview(self, desk: Any, job: Job[Any]) -> tuple[port.Step, ...]: ...


class Counting(Protocol):
    """A connection that counts the calls that may have changed something, and knows the ERP's own time."""

    @property
    def writes(self) -> int: ...

    @property
    def server_time(self) -> datetime | None: ...

    def close(self) -> None: ...


def job_of(command: port.PostingCommand) -> Job[Any]:
    """A command with its payload read. Raises ErpRejected `erp.payload` for one that breaks a hard rule."""
    try:
        payload = canonical.parse(command.kind, command.payload)
    except canonical.InvalidPayload as error:
        raise ErpRejected("erp.payload", str(error)) from None
    hard = [problem for problem in payload.problems(canonical.Facts()) if not problem.warn]
    if hard:
        raise ErpRejected("erp.payload", str(canonical.InvalidPayload(command.kind, hard)))
    return Job(command, payload)


def turned_back(job: Job[Reversal]) -> Job[Any]:
    """The change a reversal means: from the new value to the one before it, under the reversal's key.

    What somebody has seen and accepted is the reversal's own, never the original's.
    """
    kind, original = job.payload.reverses_kind, dict(job.payload.original)
    if not original.get("old"):
        raise ErpRejected("erp.payload", "the original change does not say what the value was before")
    original["old"], original["new"] = original["new"], original["old"]
    original["seen"] = job.payload.seen
    return Job(replace(job.command, kind=kind, payload=original), canonical.parse(kind, original))


def stop_if_drifted(job: Job[Any], what: str, name: str, ours: object, theirs: object) -> None:
    """Raise Drifted unless the posting says that just this was seen and is wanted all the same."""
    seen = job.payload.seen or {}
    if seen.get(name) != str(theirs):
        raise drifted(what, name, ours, theirs)


def drifted(what: str, name: str, ours: object, theirs: object) -> Drifted:
    """The ERP has moved on: both values, for people."""
    return Drifted(
        f"{what}: ERP now says {theirs}, the posting expected {ours}",
        Difference(name, str(ours), str(theirs)),
    )


def plain(number: Decimal) -> str:
    """A quantity for people: no exponent, no trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class HandlingAdapter:
    """The outbox's side of a connector made of handlers.

    A subclass names its handlers, how each kind is taken back, what the ERP lacks, and makes client and desk.
    """

    kind: str
    #: The ERP's name in what people read.
    product: ClassVar[str]
    handlers: ClassVar[Mapping[str, Handler]]
    reversals: ClassVar[Mapping[str, Handler]]
    lacking: ClassVar[Mapping[str, str]]
    reconciles = True
    settle_after: timedelta
    _client: Counting
    _desk: Any

    def capabilities(self) -> dict[str, port.Capability]:
        taken = {kind: port.Capability(True) for kind in (*self.handlers, "reversal")}
        lacking = {kind: port.Capability(False, reason) for kind, reason in self.lacking.items()}
        unknown = port.Capability(False, f"not offered to {self.product} yet")
        return dict.fromkeys(canonical.KINDS, unknown) | taken | lacking

    def capability(self, command: port.PostingCommand) -> port.Capability:
        if why := self._declines(command):
            return port.Capability(False, why)
        reverses = command.payload.get("reverses_kind")
        if command.kind == "reversal" and reverses not in self.reversals:
            return port.Capability(False, f"{self.product} can't take back a {reverses}")
        unknown = port.Capability(False, f"unknown kind {command.kind}")
        return self.capabilities().get(command.kind, unknown)

    def _declines(self, command: port.PostingCommand) -> str:
        """Why just this command of a kind that is offered is not taken; "" when it is."""
        return ""

    def send(self, command: port.PostingCommand) -> port.Outcome:
        able = self.capability(command)
        if not able.supported:
            return port.Outcome("local", message=able.reason)
        handler, writes = self._handler(command), self._client.writes
        try:
            job = job_of(command)
            found = handler.find(self._desk, job)
            if found is not None and (found.final or found.cancelled):
                return self._outcome(found)
            return self._outcome(handler.drive(self._desk, job, found), self._client.server_time)
        except NotHere as error:
            return port.Outcome("local", message=str(error))
        except Left as error:
            return self._refused(handler, command, error.refusal, wrote=True, left=True)
        except ErpRejected as error:
            return self._refused(handler, command, error, wrote=self._client.writes > writes)
        except ErpUnavailable as error:
            return _unavailable(error, wrote=self._client.writes > writes)
        except SURPRISES as error:
            status: port.OutcomeStatus = "unknown" if self._client.writes > writes else "rejected"
            return port.Outcome(status, error_code=f"{self.kind}.unexpected", message=self._surprise(error))

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        able = self.capability(command)
        if not able.supported:
            return port.Outcome("local", message=able.reason)
        try:
            found = self._handler(command).find(self._desk, job_of(command))
        except NotHere as error:
            return port.Outcome("local", message=str(error))
        except ErpRejected as error:
            if error.code in ABSENT:
                return None
            return port.Outcome("unknown", error_code=error.code, message=error.message)
        except SURPRISES as error:
            words = self._surprise(error)
            return port.Outcome("unknown", error_code=f"{self.kind}.unexpected", message=words)
        if found is None:
            return None
        if found.final or found.cancelled:
            return self._outcome(found)
        return port.Outcome(
            "unknown",
            erp_number=found.number,
            error_code=f"{self.kind}.half_done",
            message=found.state,
            raw=found.raw(),
        )

    def preview(self, command: port.PostingCommand) -> tuple[port.Step, ...]:
        """Raises ErpRejected for what would be refused before asking, `erp.not_offered` for what stays local."""
        able = self.capability(command)
        if not able.supported:
            raise ErpRejected("erp.not_offered", able.reason)
        return self._handler(command).preview(self._desk, job_of(command))

    def close(self) -> None:
        self._client.close()

    def _handler(self, command: port.PostingCommand) -> Handler:
        if command.kind == "reversal":
            return self.reversals[str(command.payload.get("reverses_kind"))]
        return self.handlers[command.kind]

    def _refused(
        self,
        handler: Handler,
        command: port.PostingCommand,
        error: ErpRejected,
        *,
        wrote: bool,
        left: bool = False,
    ) -> port.Outcome:
        """A no after a step was taken may come from another hand that finished it under us: look.

        `left`: what was begun may still stand there; as long as it does, it is no definite no.
        """
        if wrote:
            try:
                found = handler.find(self._desk, job_of(command))
            except ErpUnavailable as trouble:
                return _unavailable(trouble, wrote=True)
            except ErpRejected as trouble:
                if trouble.code not in ABSENT:
                    return port.Outcome("unknown", error_code=trouble.code, message=trouble.message)
                found = None
            if found is not None and found.final:
                return self._outcome(found)
            if found is not None and left:
                words = f"{error.message}; what was begun there could not be taken away yet"
                raw = found.raw() | {"half_done": True}
                return port.Outcome("unknown", found.number, None, f"{self.kind}.half_done", words, raw)
        return port.refusal(error)

    def _outcome(self, found: Found, at: datetime | None = None) -> port.Outcome:
        """`at`: the ERP's own clock when it answered the act itself."""
        if found.cancelled:
            return port.Outcome(
                "rejected",
                erp_number=found.number,
                error_code="erp.cancelled_there",
                message=f"{self.product} holds {found.number}, but somebody cancelled it there",
                raw=found.raw(),
            )
        if not found.final:
            raise ErpRejected(f"{self.kind}.state", f"{self.product} leaves {found.number} {found.state}")
        return port.Outcome(
            "confirmed", erp_number=found.number, confirmed_at=at or found.at, raw=found.raw()
        )

    def _surprise(self, error: Exception) -> str:
        return f"{self.product}'s answer does not fit the connector: {type(error).__name__} {error}"


def _unavailable(error: ErpUnavailable, *, wrote: bool) -> port.Outcome:
    """`retry` only where nothing at all can have happened; a step already taken makes the whole unclear."""
    status: port.OutcomeStatus = "unknown" if wrote else "retry"
    return port.Outcome(status, error_code=error.code, message=error.message, raw=error.raw)
