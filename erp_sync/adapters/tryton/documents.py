"""What every posting handler shares: the state it found, and the rule read-state-then-act.

Owns the shape of a handler and of what it finds, and the written note that stands in where a Tryton document
has no reference field. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar

from core import clock
from erp_sync.adapters.port import PostingCommand
from erp_sync.adapters.tryton.catalogue import Catalogue
from erp_sync.adapters.tryton.client import Client, Row
from erp_sync.canonical_base import Payload
from erp_sync.canonical_kinds import Movement
from erp_sync.errors import Difference, Drifted, ErpRejected, ErpUnavailable

P = TypeVar("P", bound=Payload)


class NotHere(Exception):
    """Tryton has no place for this posting; the reason is shown to people."""


@dataclass(frozen=True, slots=True)
class Found:
    """A document under the business key: where it stands and what names it.

    `stamp` is its `_timestamp` as read: whatever takes a half-done document away must carry it, or a step of
    another hand that landed meanwhile would be undone with it.
    """

    document: str
    record: int
    state: str
    number: str
    final: bool
    at: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    stamp: str = ""

    def raw(self) -> dict[str, Any]:
        """For the attempt's log: JSON types only."""
        kept = {"document": self.document, "id": self.record, "state": self.state}
        if not self.final:
            kept["half_done"] = True
        return {**kept, **self.extra}


@dataclass(frozen=True, slots=True)
class Desk:
    """What a handler works with."""

    client: Client
    catalogue: Catalogue

    def in_stock_unit(self, job: Job[Any]) -> Job[Any]:
        """The job with its quantity in the unit Tryton keeps the item in; one that moves no stock as it is.

        Raises ErpRejected as `Catalogue.stock_quantity`.
        """
        payload = job.payload
        if not isinstance(payload, Movement) or not payload.uom:
            return job
        amount = self.catalogue.stock_quantity(payload.item, payload.quantity, payload.uom)
        return Job(job.command, replace(payload, quantity=amount))

    @property
    def today(self) -> date:
        """Tryton's day, by the clock of its last answer."""
        return (self.client.server_time or clock.now()).date()


@dataclass(frozen=True, slots=True)
class Job(Generic[P]):
    """One command with its payload read."""

    command: PostingCommand
    payload: P

    @property
    def key(self) -> str:
        return self.command.business_key

    def caption(self, limit: int = 120) -> str:
        """The key first, then the text: the key must survive any cut."""
        return f"{self.key} {self.command.text}".strip()[:limit]


class Handler(Protocol):
    """How one kind is found and carried to its end."""

    def find(self, desk: Desk, job: Job[Any]) -> Found | None: ...

    def drive(self, desk: Desk, job: Job[Any], found: Found | None) -> Found: ...


def stop_if_drifted(job: Job[Any], what: str, field: str, ours: object, theirs: object) -> None:
    """Raise Drifted, unless the posting says that just this was seen and is wanted all the same."""
    if (job.payload.seen or {}).get(field) != str(theirs):
        raise drifted(what, field, ours, theirs)


def drifted(what: str, field: str, ours: object, theirs: object) -> Drifted:
    """Tryton has moved on: both values, for people."""
    return Drifted(
        f"{what}: Tryton now says {theirs}, the posting expected {ours}",
        Difference(field, str(ours), str(theirs)),
    )


def stays(what: str, number: str, why: str) -> ErpUnavailable:
    """A document that Tryton neither finished nor let us cancel: unclear, since anybody can finish it there."""
    words = f"{what} {number} could not be finished, and not be cancelled: {why}"
    return ErpUnavailable(words, code="tryton.half_done")


def backdated(job_day: date, today: date) -> Row:
    """The day it happened, for a document made later: Tryton takes the day it is done on where it is told nothing.

    A day that is still to come in Tryton's own place (the plant's midnight comes first) is left to Tryton.
    """
    return {"effective_date": job_day} if job_day < today else {}


def moment(row: Row) -> datetime | None:
    """When Tryton last wrote the row, by Tryton's clock."""
    written = row.get("write_date") or row.get("create_date")
    return written if isinstance(written, datetime) else None


NOTE_MARK = "\n--\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A written intent on a Tryton record (`resource`): the key, words for a reader, what stood there before."""

    record: int
    at: datetime | None
    facts: dict[str, Any]
    words: str = ""
    resource: str = ""


NOTE_FIELDS = ("message", "create_date", "resource")


def _note(row: Row) -> Note:
    words, facts = row["message"].split(NOTE_MARK, 1)
    return Note(row["id"], row["create_date"], json.loads(facts), words, row["resource"])


def find_note(client: Client, key: str, resource: str) -> Note | None:
    """The oldest note of a key on one record (`model,id`)."""
    domain = [["resource", "=", resource], ["message", "like", f"{key} %{NOTE_MARK}{{%"]]
    row = client.first("ir.note", domain, NOTE_FIELDS, order=[["id", "ASC"]])
    return _note(row) if row else None


def note_anywhere(client: Client, key: str) -> Note | None:
    """The latest note of a key on whatever production: the order's number may lead nowhere by now, or to two."""
    domain = [["resource", "like", "production,%"], ["message", "like", f"{key} %{NOTE_MARK}{{%"]]
    row = client.first("ir.note", domain, NOTE_FIELDS, order=[["id", "DESC"]])
    return _note(row) if row else None


def notes_on(client: Client, resource: str) -> list[Note]:
    """All notes of ours on one record, oldest first."""
    domain = [["resource", "=", resource], ["message", "like", f"%{NOTE_MARK}{{%"]]
    return [_note(row) for row in client.search("ir.note", domain, NOTE_FIELDS, order=[["id", "ASC"]])]


def write_note(client: Client, key: str, resource: str, words: str, facts: dict[str, Any]) -> Note:
    """Write the intent before the act, so that a lost answer can be told from a lost request."""
    message = f"{key} {words}{NOTE_MARK}{json.dumps(facts, sort_keys=True)}"
    client.create("ir.note", {"resource": resource, "message": message})
    note = find_note(client, key, resource)
    if note is None:
        raise ErpRejected("tryton.note", f"Tryton did not keep the note {key} on {resource}")
    return note


def add_to_note(client: Client, note: Note, **facts: Any) -> None:
    """Write down what became of a note's posting."""
    message = f"{note.words}{NOTE_MARK}{json.dumps(note.facts | facts, sort_keys=True)}"
    client.write("ir.note", note.record, {"message": message})


def forget_note(client: Client, note: Note) -> None:
    """Remove a note whose posting was edited before it took effect."""
    client.call("ir.note", "delete", [note.record])


def plain(number: Decimal) -> str:
    """A quantity for people: no exponent, no trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
