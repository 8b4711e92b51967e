"""Costs as posted G/L entries: a journal of their own, two lines that balance, and the journal's posting.

Owns the steps, each taken only if Business Central does not show it done. The key is the document number of both
lines (entries keep that, and no external number), their external document number and the journal's display name; the
journal's code is made of it, so a second one is refused. Posting takes every line of a journal at once, so each posting
has one to itself, taken away when it is empty. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from erp_sync import canonical
from erp_sync.adapters.business_central.client import NAME, Row, etag_of, literal
from erp_sync.adapters.business_central.terms import Desk, Terms, fit, journal_code
from erp_sync.adapters.handling import Found, Job
from erp_sync.adapters.port import Step
from erp_sync.canonical_kinds import Cost, Reversal
from erp_sync.errors import ErpRejected, ErpUnavailable

ENTRIES = "generalLedgerEntries"
JOURNALS = "journals"
STATISTICAL = "statistical costs stay here; only real ones are booked"
#: Line numbers of the two sides: a line's number is part of its key, so none is made twice.
DEBIT, CREDIT = 10000, 20000
MOST_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Sides:
    """What is booked: amount in the company's currency, from one account to another."""

    amount: Decimal
    debit: str
    credit: str


def sides(terms: Terms, cost: Cost) -> Sides:
    """The two accounts of a cost. Raises ErpRejected `erp.mapping_missing`, `business_central.digits`."""
    if round(cost.amount, MOST_DIGITS) != cost.amount:
        raise ErpRejected(f"{NAME}.digits", f"an amount has {MOST_DIGITS} decimals, {cost.amount} has more")
    debit = terms.account("cost_account", cost.cost_class)
    return Sides(cost.amount, debit, terms.account("balancing_account", cost.cost_class))


def lines(job: Job[Any], booked: Sides, comment: str) -> list[Row]:
    """Both journal lines, the debit first."""
    shared: Row = {
        "accountType": "G/L Account",
        "postingDate": job.command.posting_date.isoformat(),
        "documentNumber": fit("document number", job.key, 20),
        "externalDocumentNumber": job.key,
        "description": job.caption(100),
        "comment": comment[:250],
    }
    return [
        {**shared, "lineNumber": DEBIT, "accountNumber": booked.debit, "amount": booked.amount},
        {**shared, "lineNumber": CREDIT, "accountNumber": booked.credit, "amount": -booked.amount},
    ]


def _journal(job: Job[Any]) -> Row:
    return {"code": journal_code(job.key), "displayName": job.key}


class Booking:
    """One journal per posting, found by its entries, else by its code."""

    def find(self, desk: Desk, job: Job[Any]) -> Found | None:
        posted = entries(desk, job.key)
        if posted is not None:
            return posted
        journal = _own_journal(desk, job)
        if journal is None:
            return None
        number, state = str(journal["code"]), "in a journal that is not posted yet"
        return Found(JOURNALS, str(journal["id"]), number, state, final=False)

    def drive(self, desk: Desk, job: Job[Any], found: Found | None) -> Found:
        wanted = self.wanted(desk, job)
        if found is None:
            self._check_currency(desk, job)
        journal = found.record if found else str(desk.client.create(JOURNALS, _journal(job))["id"])
        self._fill(desk, journal, wanted)
        try:
            desk.client.act(f"{JOURNALS}({journal})", "post")
        except ErpRejected:
            # What was refused must not lie there for somebody to post by hand.
            self._take_away(desk, journal)
            raise
        posted = entries(desk, job.key)
        if posted is None:
            raise ErpUnavailable(
                "Business Central took the posting, but shows no entries yet: does it post in the background?",
                code=f"{NAME}.waiting",
            )
        self._take_away(desk, journal)
        return posted

    def preview(self, desk: Desk, job: Job[Any]) -> tuple[Step, ...]:
        client, known = desk.client, "the journal's id is known once it is made"
        path = f"{JOURNALS}(...)"
        return (
            Step("POST", client.path(JOURNALS), _journal(job)),
            *(
                Step("POST", client.path(f"{path}/journalLines"), line, known)
                for line in self.wanted(desk, job)
            ),
            Step("POST", client.path(f"{path}/Microsoft.NAV.post"), note=known),
            Step("DELETE", client.path(path), note="the empty journal, under the version it then has"),
        )

    def wanted(self, desk: Desk, job: Job[Any]) -> list[Row]:
        """The lines to book. Raises ErpRejected for what is not mapped."""
        raise NotImplementedError

    def currency(self, job: Job[Any]) -> str:
        """The currency of the amount."""
        raise NotImplementedError

    def _check_currency(self, desk: Desk, job: Job[Any]) -> None:
        """Journal lines of API v2.0 carry no currency: the amount is in the company's own, or it is refused."""
        own = next((str(row.get("currencyCode") or "") for row in desk.client.rows("companyInformation")), "")
        if own and own != self.currency(job):
            raise ErpRejected(
                f"{NAME}.currency", f"the company books in {own}, the cost is in {self.currency(job)}"
            )

    @staticmethod
    def _fill(desk: Desk, journal: str, wanted: list[Row]) -> None:
        """Make the journal hold just these lines. Another hand's line stops it: posting would take it along."""
        path = f"{JOURNALS}({journal})/journalLines"
        there = {int(row["lineNumber"]): row for row in desk.client.rows(path)}
        strange = sorted(there.keys() - {DEBIT, CREDIT})
        if strange:
            raise ErpRejected(
                f"{NAME}.journal_taken", f"the journal of this posting holds lines of another hand: {strange}"
            )
        for line in wanted:
            old = there.get(int(line["lineNumber"]))
            if old is not None:
                if all(_same(old.get(name), value) for name, value in line.items()):
                    continue
                desk.client.delete(f"{path}({old['id']})", etag=etag_of(old))
            desk.client.create(path, line)

    @staticmethod
    def _take_away(desk: Desk, journal: str) -> None:
        """Delete the journal. One that stays is in nobody's way: the next try finds it by its code."""
        path = f"{JOURNALS}({journal})"
        with suppress(ErpRejected, ErpUnavailable):
            row = desk.client.get(path)
            if row is not None:
                desk.client.delete(path, etag=etag_of(row))


class CostHandler(Booking):
    """A real cost, booked from the balancing account to the account of its class."""

    def wanted(self, desk: Desk, job: Job[Cost]) -> list[Row]:
        cost = job.payload
        return lines(job, sides(desk.terms, cost), cost.cost_object or cost.cost_class)

    def currency(self, job: Job[Cost]) -> str:
        return job.payload.currency


class CostBack(Booking):
    """A cost taken back: the same lines the other way round, under the reversal's own key."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        found = super().find(desk, job)
        if found is None:
            original = entries(desk, job.payload.reverses)
            if original is not None and original.cancelled:
                return Found(ENTRIES, original.record, original.number, "reversed there", at=original.at)
        return found

    def drive(self, desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        if entries(desk, job.payload.reverses) is None:
            raise ErpRejected("erp.not_found", "Business Central no longer holds the entries to take back")
        return super().drive(desk, job, found)

    def wanted(self, desk: Desk, job: Job[Reversal]) -> list[Row]:
        cost = self._original(job)
        booked = sides(desk.terms, cost)
        back = Sides(booked.amount, booked.credit, booked.debit)
        return lines(job, back, f"takes back {job.payload.reverses}")

    def currency(self, job: Job[Reversal]) -> str:
        return self._original(job).currency

    @staticmethod
    def _original(job: Job[Reversal]) -> Cost:
        try:
            cost = canonical.parse("cost", job.payload.original)
        except canonical.InvalidPayload as error:
            raise ErpRejected("erp.payload", str(error)) from None
        assert isinstance(cost, Cost)  # noqa: S101 - the kind's own shape
        return cost


def entries(desk: Desk, key: str) -> Found | None:
    """The entries under a key; those that another hand reversed come to nought and count as cancelled."""
    rows = list(desk.client.rows(ENTRIES, filter=f"documentNumber eq {literal(key)}", orderby="entryNumber"))
    return found_of(rows) if rows else None


def found_of(rows: list[Row]) -> Found:
    """Entries of one document number, oldest first, as a document."""
    net: dict[str, Decimal] = {}
    for row in rows:
        account = str(row.get("accountNumber") or "")
        net[account] = net.get(account, Decimal(0)) + amount_of(row)
    cancelled = not any(net.values())
    first = rows[0]
    return Found(
        document=ENTRIES,
        record=str(first["id"]),
        number=str(first["entryNumber"]),
        state="reversed" if cancelled else "posted",
        cancelled=cancelled,
        at=moment(first.get("lastModifiedDateTime")),
        extra={"document_number": str(first.get("documentNumber") or ""), "entries": len(rows)},
    )


def amount_of(row: Mapping[str, Any]) -> Decimal:
    """Debit less credit of an entry."""
    return Decimal(str(row.get("debitAmount") or 0)) - Decimal(str(row.get("creditAmount") or 0))


def moment(value: Any) -> datetime | None:
    """A moment as OData V4 writes it; None for none, and for the year 1 that stands for none."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo is not None and at.year > 1 else None


def _own_journal(desk: Desk, job: Job[Any]) -> Row | None:
    """The journal of a posting. Raises ErpRejected where its code is somebody else's."""
    code = journal_code(job.key)
    for row in desk.client.rows(JOURNALS, filter=f"code eq {literal(code)}"):
        if str(row.get("displayName") or "") != job.key:
            raise ErpRejected(f"{NAME}.journal_taken", f"the journal {code} belongs to something else")
        return row
    return None


def _same(theirs: Any, ours: Any) -> bool:
    if isinstance(ours, Decimal):
        return Decimal(str(theirs or 0)) == ours
    return str(theirs) == str(ours)
