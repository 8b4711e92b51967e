"""The contract between the outbox and an ERP connector.

Owns: what a connector is asked, what it may answer, and the registry of connector kinds.
Must not know: Django, the database, retry policy, or any particular ERP. A connector is one
file or folder beside this one that registers a factory; the outbox decides when to call it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Protocol, runtime_checkable

OutcomeStatus = Literal["confirmed", "rejected", "unknown", "retry", "local"]

#: What a connector can be asked to mirror. A connector may support fewer.
PULL_ENTITIES: tuple[str, ...] = (
    "items",
    "work_centres",
    "work_orders",
    "stock",
    "sales_lines",
    "purchase_lines",
    "customers",
    "suppliers",
)


@dataclass(frozen=True, slots=True)
class PostingCommand:
    """One intended ERP transaction, as the outbox hands it over.

    `payload` is the canonical payload of `kind` (see `erp_sync.canonical`), JSON types only.
    `business_key` is the reference under which the ERP document is created and found again.
    `attempt` counts from 1; a connector must not change its behaviour by it, only its logging.
    """

    kind: str
    business_key: str
    payload: dict[str, Any]
    occurred_at: datetime
    posting_date: date
    text: str = ""
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call.

    confirmed  the ERP holds the document in its final state; `erp_number` names it
    rejected   a definite business no; sending the same again is pointless until edited
    unknown    time-out, reset, 5xx: the ERP may or may not have acted; only a look-up tells
    retry      definitely not acted on (connection refused, login refused, busy); send again later
    local      this ERP has no place for the kind; `message` says why
    """

    status: OutcomeStatus
    erp_number: str = ""
    confirmed_at: datetime | None = None
    error_code: str = ""
    message: str = ""
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capability:
    """Whether the connected ERP takes a kind; `reason` is shown to people when it does not."""

    supported: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """Answer of `ping`: reachable and able to log in, with the ERP's own version."""

    ok: bool
    detail: str = ""
    version: str = ""
    latency_ms: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """One mirrored ERP row. `code` is the plant's own number, `external_id` the ERP's."""

    entity: str
    code: str
    external_id: str
    data: dict[str, Any]
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Records to apply together; store `watermark` in the same transaction that applies them."""

    records: tuple[Record, ...]
    watermark: str


@dataclass(frozen=True, slots=True)
class ErpDocument:
    """One ERP document that carries a business key, as reconciliation sees it."""

    business_key: str
    erp_number: str
    document: str
    state: str
    final: bool
    written_at: datetime | None = None
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What an ERP says later of a posting it was handed: `confirmed` with its number, or `rejected` with why.

    `turn` counts the times one key was handed over (again after a refusal); 0 where the ERP does not say which.
    """

    business_key: str
    status: Literal["confirmed", "rejected"]
    erp_number: str = ""
    at: datetime | None = None
    error_code: str = ""
    message: str = ""
    turn: int = 0


@runtime_checkable
class ErpAdapter(Protocol):
    """One connected ERP.

    `settle_after` is how long after an unclear answer a late commit can still appear: an absent
    look-up earlier than that proves nothing.
    """

    kind: str
    settle_after: timedelta
    reconciles: bool

    def capabilities(self) -> dict[str, Capability]:
        """Per canonical kind whether this ERP takes it. No network."""
        ...

    def capability(self, command: PostingCommand) -> Capability:
        """As `capabilities`, but for one command (a kind may be taken for some targets only). No network."""
        ...

    def send(self, command: PostingCommand) -> Outcome:
        """Look for the business key, then act from the state found. Never raises for ERP trouble.

        Safe to call again after any outcome: a document found half done is continued, one found
        final is reported, nothing is created twice as long as one writer works on the key.
        """
        ...

    def look_up(self, command: PostingCommand) -> Outcome | None:
        """Read only. None: absent. confirmed: in its final state. unknown with `raw["half_done"]`:
        begun but not final, call `send` to continue. rejected: found, but cancelled in the ERP.

        Raises ErpUnavailable when the ERP could not be asked; that is not an absence.
        """
        ...

    def pull(self, entity: str, watermark: str = "") -> Iterator[Page]:
        """Pages of rows changed since `watermark` ("" for all), oldest change first.

        Raises ErpUnavailable; pages already yielded stay valid.
        """
        ...

    def ping(self) -> Health:
        """Whether the ERP answers and lets us in. Never raises for ERP trouble."""
        ...

    def list_documents(self, since: datetime) -> Iterator[ErpDocument]:
        """Documents carrying a business key written since `since`, for reconciliation."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...


@runtime_checkable
class Fetching(Protocol):
    """A connector whose ERP leaves its acknowledgements somewhere to be fetched."""

    def arrivals(self) -> set[str]:
        """Business keys of which something new has arrived; a look-up then knows what. Raises ErpUnavailable."""
        ...


@runtime_checkable
class Listening(Protocol):
    """A connector whose ERP calls us with its acknowledgements."""

    def read_call(self, headers: Mapping[str, str], body: bytes) -> tuple[Acknowledgement, ...]:
        """What a call says, once it is proven to be theirs. No network.

        Raises ErpRejected: `erp.signature` for a call that is not provably theirs, `erp.acknowledgement*` for one
        that can't be read.
        """
        ...


#: settings of one connection (url, database, user, secret already resolved) -> adapter
AdapterFactory = Callable[[Mapping[str, Any]], ErpAdapter]

_REGISTRY: dict[str, AdapterFactory] = {}


def register(kind: str) -> Callable[[AdapterFactory], AdapterFactory]:
    """Decorator: make `kind` known. A second factory for one kind is a programming error."""

    def keep(factory: AdapterFactory) -> AdapterFactory:
        if kind in _REGISTRY and _REGISTRY[kind] is not factory:
            raise ValueError(f"two connectors claim the kind {kind!r}")
        _REGISTRY[kind] = factory
        return factory

    return keep


def kinds() -> tuple[str, ...]:
    """Names of all connectors found beside this file."""
    _discover()
    return tuple(sorted(_REGISTRY))


def build(kind: str, settings: Mapping[str, Any]) -> ErpAdapter:
    """Connector of `kind` for one connection. Raises KeyError for an unknown kind. No network."""
    _discover()
    return _REGISTRY[kind](settings)


def _discover() -> None:
    package = importlib.import_module("erp_sync.adapters")
    for found in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"erp_sync.adapters.{found.name}")
