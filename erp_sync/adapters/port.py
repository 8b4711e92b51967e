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

from erp_sync.errors import ErpRejected

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
    """Answer of `ping`: reachable and able to log in, with the ERP's own version.

    `clock` is the ERP's own time (aware) at the middle of the call, where it says one: the skew is measured by it.
    """

    ok: bool
    detail: str = ""
    version: str = ""
    latency_ms: int = 0
    clock: datetime | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One mirrored ERP row. `code` is the plant's own number, `external_id` the ERP's, kept for its lifetime.

    A known `external_id` under another `code` is a rename. `deleted` says the ERP has it no more, or no longer active.
    A stock record with `only` in its data (a list of location, lot, status) says that these rows are all of its item.
    """

    entity: str
    code: str
    external_id: str
    data: dict[str, Any]
    written_at: datetime | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Records to apply together; store `watermark` in the same transaction that applies them.

    `total` is how many rows this read will see in all, where the ERP says so.
    """

    records: tuple[Record, ...]
    watermark: str
    total: int | None = None


@dataclass(frozen=True, slots=True)
class ErpDocument:
    """One ERP document that carries a business key, as reconciliation sees it.

    `quantity` is what a movement moved, `amount` what a cost entry is over, in the currency that was posted; None
    where the ERP's list does not say.
    """

    business_key: str
    erp_number: str
    document: str
    state: str
    final: bool
    written_at: datetime | None = None
    quantity: Decimal | None = None
    amount: Decimal | None = None


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


def refusal(error: ErpRejected) -> Outcome:
    """A definite no as an outcome, with what it carries for people (both values of a drift)."""
    return Outcome("rejected", error_code=error.code, message=error.message, raw=error.raw)


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


@runtime_checkable
class Listing(Protocol):
    """A connector that can say which rows an ERP still has, so that deleted ones are found."""

    def identities(self, entity: str) -> Iterator[str]:
        """Every `external_id` the ERP has of an entity. Raises ErpUnavailable; a broken listing proves nothing."""
        ...


@runtime_checkable
class Stocktaking(Protocol):
    """A connector that can say all the stock an ERP holds, so that what is there no more is found."""

    def all_stock(self) -> Iterator[Record]:
        """Every stock row the ERP holds now, as `pull` gives it; what it does not name is empty.

        Raises ErpUnavailable (a broken listing proves nothing), ErpRejected `erp.not_offered` where this connection's
        ERP never says all of it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One request a command would lead to, as it would be sent: `address` and `body` without any secret.

    `note` says what is only known once the ERP has been asked (a version, a document's id), in words.
    """

    method: str
    address: str
    body: Any = None
    note: str = ""


@runtime_checkable
class Previewing(Protocol):
    """A connector that can show what it would send."""

    def preview(self, command: PostingCommand) -> tuple[Step, ...]:
        """The requests that would change something, in their order. No network. Raises ErpRejected for what it would
        refuse before asking (a mapping that is missing)."""
        ...


@dataclass(frozen=True, slots=True)
class CodeCheck:
    """Whether the ERP knows a mapped code; `ok` is None where it can't be asked. `said` is its own name for it."""

    ok: bool | None
    said: str = ""


@runtime_checkable
class CodeChecking(Protocol):
    """A connector whose mapped codes can be tried against the ERP."""

    def check_code(self, kind: str, ours: str, theirs: str) -> CodeCheck:
        """Look `theirs` up as a code of mapping kind `kind`. Reads only. Raises ErpUnavailable."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A connector that keeps what the ERP left for it: what was read for a while, what can't be read for longer."""

    def set_aside(self) -> tuple[str, ...]:
        """What lies there unread, each in words with its code. Raises ErpUnavailable."""
        ...

    def prune(self) -> int:
        """Delete what was kept for longer than the connection says; how many. Raises ErpUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a connection. `type`: text, number, flag, mapping (ours to theirs) or one of `choices`."""

    name: str
    label: str
    type: Literal["text", "number", "flag", "mapping"] = "text"
    default: Any = None
    help: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What the administration shows of a kind of connector.

    `proof` is the honest word: `live` (run against the real product in our tests), `published` (held against the
    vendor's published interface files, not yet run live), `documented` (built from documentation, not yet run live).
    `mapping_kinds` are the kinds of code mapping it reads, each with what it is for. `codes` belongs to `erp.` codes of
    its own: what each means and what to do, for the error workbench.
    """

    label: str
    proof: Literal["live", "published", "documented"]
    options: tuple[Option, ...] = ()
    mapping_kinds: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    address_help: str = ""
    database_help: str = ""


#: settings of one connection (url, database, user, secret already resolved) -> adapter
AdapterFactory = Callable[[Mapping[str, Any]], ErpAdapter]

_REGISTRY: dict[str, AdapterFactory] = {}
_PROFILES: dict[str, Profile] = {}


def register(kind: str, profile: Profile | None = None) -> Callable[[AdapterFactory], AdapterFactory]:
    """Decorator: make `kind` known. A second factory for one kind is a programming error."""

    def keep(factory: AdapterFactory) -> AdapterFactory:
        if kind in _REGISTRY and _REGISTRY[kind] is not factory:
            raise ValueError(f"two connectors claim the kind {kind!r}")
        _REGISTRY[kind] = factory
        if profile is not None:
            _PROFILES[kind] = profile
        return factory

    return keep


def kinds() -> tuple[str, ...]:
    """Names of all connectors found beside this file."""
    _discover()
    return tuple(sorted(_REGISTRY))


def profile_of(kind: str) -> Profile:
    """What is shown of a kind; a bare one for a kind that says nothing of itself."""
    _discover()
    return _PROFILES.get(kind, Profile(label=kind, proof="documented"))


def build(kind: str, settings: Mapping[str, Any]) -> ErpAdapter:
    """Connector of `kind` for one connection. Raises KeyError for an unknown kind. No network."""
    _discover()
    return _REGISTRY[kind](settings)


def _discover() -> None:
    package = importlib.import_module("erp_sync.adapters")
    for found in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"erp_sync.adapters.{found.name}")
