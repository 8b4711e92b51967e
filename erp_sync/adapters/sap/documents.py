"""What every posting handler shares: the document it found, and the rule look-first-then-act.

Owns the shape of a handler, of what it finds, and the reading of SAP's own times. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar

from core.keys import key_uuid
from erp_sync.adapters.port import PostingCommand, Step
from erp_sync.adapters.sap import wire
from erp_sync.adapters.sap.client import Client
from erp_sync.adapters.sap.terms import Terms
from erp_sync.adapters.sap.wire import Row
from erp_sync.canonical_base import Payload
from erp_sync.errors import Difference, Drifted

P = TypeVar("P", bound=Payload)


class NotHere(Exception):
    """SAP's published interface has no place for this posting; the reason is shown to people."""


@dataclass(frozen=True, slots=True)
class Found:
    """A document under the business key. `cancelled`: somebody took it back in SAP, so it has no effect."""

    document: str
    number: str
    state: str = "posted"
    at: datetime | None = None
    cancelled: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    def raw(self) -> dict[str, Any]:
        """For the attempt's log: JSON types only."""
        return {"document": self.document, "number": self.number, "state": self.state, **self.extra}


@dataclass(frozen=True, slots=True)
class Desk:
    """What a handler works with."""

    client: Client
    terms: Terms


@dataclass(frozen=True, slots=True)
class Job(Generic[P]):
    """One command with its payload read."""

    command: PostingCommand
    payload: P

    @property
    def key(self) -> str:
        return self.command.business_key

    @property
    def uuid(self) -> str:
        """The key as SAP's uuid-typed reference fields take it."""
        return str(key_uuid(self.key))


class Handler(Protocol):
    """How one kind is found, and made when it is not there. SAP's postings are whole or not at all."""

    def find(self, desk: Desk, job: Job[Any]) -> Found | None: ...

    def drive(self, desk: Desk, job: Job[Any]) -> Found: ...

    def preview(self, terms: Terms, job: Job[Any]) -> tuple[Step, ...]:
        """What `drive` would write, as far as it is known without asking SAP. Raises as `drive` before it asks."""
        ...


def moment(desk: Desk, row: Row, day: str, hour: str) -> datetime | None:
    """When SAP wrote a row, from its date and time of day on the plant's clock; None when it does not say."""
    found = wire.date_in(row.get(day))
    if found is None:
        return None
    at = wire.time_in(row.get(hour)) or time()
    return datetime.combine(found, at, tzinfo=desk.terms.zone)


def same_number(one: Any, other: Any) -> bool:
    """Whether two document numbers are the same; SAP shows them with and without leading zeros."""
    return str(one or "").lstrip("0") == str(other or "").lstrip("0")


def stop_if_drifted(payload: Payload, what: str, field: str, theirs: object, ours: object) -> None:
    """Raise Drifted, unless the posting says that just this was seen and is wanted all the same."""
    if (payload.seen or {}).get(field) != str(theirs):
        raise drifted(what, field, theirs, ours)


def drifted(what: str, field: str, theirs: object, ours: object) -> Drifted:
    """SAP no longer stands where the posting was written: a person must look, with both values before them."""
    return Drifted(
        f"{what}: SAP now says {theirs}, the posting expected {ours}",
        Difference(field, str(ours), str(theirs)),
    )


def plain(number: Decimal) -> str:
    """A quantity for people: no exponent, no trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
