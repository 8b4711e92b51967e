"""Documents that are made and submitted in one request, found by their key, and taken back by cancelling.

Owns that one walk, which stock entries and journal entries share. A unique custom field makes the key a real guard: a
second document is refused, and that refusal is read as "already there". Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from typing import Any

from erp_sync.adapters.erpnext.client import Row, resource
from erp_sync.adapters.erpnext.terms import Desk
from erp_sync.adapters.handling import Found, Job
from erp_sync.adapters.port import Step
from erp_sync.canonical_kinds import Reversal
from erp_sync.errors import ErpRejected

STATES = {0: "draft", 1: "submitted", 2: "cancelled"}
FIELDS = ("name", "docstatus", "modified")


class SubmittedHandler:
    """One submitted document per posting. A subclass says which, and with what in it."""

    doctype = ""

    def values(self, desk: Desk, job: Job[Any]) -> Row:
        """The document to submit. May read. Raises ErpRejected."""
        raise NotImplementedError

    def shown(self, desk: Desk, job: Job[Any]) -> Row:
        """The same without asking anybody: `<what>` for what only ERPNext knows. Raises ErpRejected."""
        raise NotImplementedError

    def find(self, desk: Desk, job: Job[Any]) -> Found | None:
        return find(desk, self.doctype, job.key)

    def drive(self, desk: Desk, job: Job[Any], found: Found | None) -> Found:
        if found is not None:
            return self._submit(desk, found)
        values = self.values(desk, job) | {"docstatus": 1}
        try:
            made = desk.client.insert(self.doctype, values)
        except ErpRejected as error:
            if error.code != "erpnext.duplicate":
                raise
            there = self.find(desk, job)
            if there is None:
                raise
            return there
        return _found(desk, self.doctype, made)

    def preview(self, desk: Desk, job: Job[Any]) -> tuple[Step, ...]:
        return (desk.client.step("POST", resource(self.doctype), self.shown(desk, job) | {"docstatus": 1}),)

    def _submit(self, desk: Desk, found: Found) -> Found:
        """A draft somebody left under the key is submitted as the version it is now."""
        draft = desk.client.get(self.doctype, found.record)
        values = {"docstatus": 1, "modified": draft["modified"]}
        return _found(desk, self.doctype, desk.client.update(self.doctype, found.record, values))


class CancelHandler:
    """The posted document cancelled, which ERPNext does with everything that hangs on it."""

    def __init__(self, doctype: str) -> None:
        self.doctype = doctype

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        row = _first(desk, self.doctype, job.payload.reverses)
        return self._back(desk, row) if row and row["docstatus"] == 2 else None

    def drive(self, desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        row = _first(desk, self.doctype, job.payload.reverses)
        if row is None or row["docstatus"] != 1:
            raise ErpRejected("erp.not_found", "ERPNext no longer holds the document to take back")
        desk.client.act("frappe.client.cancel", doctype=self.doctype, name=row["name"])
        after = desk.client.get(self.doctype, str(row["name"]))
        if after["docstatus"] != 2:
            raise ErpRejected(
                "erpnext.state", f"ERPNext took the cancellation, but {row['name']} still stands"
            )
        return self._back(desk, after)

    def preview(self, desk: Desk, job: Job[Reversal]) -> tuple[Step, ...]:
        name = job.payload.reverses_number or f"<name of the document {job.payload.reverses}>"
        body = {"doctype": self.doctype, "name": name}
        return (desk.client.step("POST", "/api/method/frappe.client.cancel", body),)

    def _back(self, desk: Desk, row: Row) -> Found:
        at = desk.terms.moment(row.get("modified"))
        return Found(self.doctype, str(row["name"]), str(row["name"]), "cancelled", at=at)


def find(desk: Desk, doctype: str, key: str) -> Found | None:
    """The document under a key, whatever its state."""
    row = _first(desk, doctype, key)
    return _found(desk, doctype, row) if row else None


def _first(desk: Desk, doctype: str, key: str) -> Row | None:
    """The document under a key: a living one before a cancelled one, the oldest first."""
    rows = desk.client.rows(doctype, desk.terms.carrying(doctype, key), FIELDS, order="creation asc")
    return min(rows, key=lambda row: row["docstatus"] == 2, default=None)


def _found(desk: Desk, doctype: str, row: Row) -> Found:
    status = int(row["docstatus"])
    return Found(
        doctype,
        str(row["name"]),
        str(row["name"]),
        STATES.get(status, str(status)),
        final=status == 1,
        cancelled=status == 2,
        at=desk.terms.moment(row.get("modified")),
    )
