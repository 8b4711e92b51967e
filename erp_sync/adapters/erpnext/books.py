"""Money and findings: journal entries for real costs, non conformances for defects.

Owns the two accounts of an entry and the life of a non conformance, which ERPNext does not submit: it is open, resolved
or cancelled. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

import html
from typing import Any

from erp_sync.adapters.erpnext.client import Row, resource
from erp_sync.adapters.erpnext.documents import SubmittedHandler
from erp_sync.adapters.erpnext.terms import Desk, Terms, missing
from erp_sync.adapters.handling import Found, Job, drifted
from erp_sync.adapters.port import Step
from erp_sync.canonical_kinds import Cost, QualityEvent, Reversal
from erp_sync.errors import ErpRejected

ENTRY, FINDING = "Journal Entry", "Non Conformance"
#: The cost class in the mapping that names the account against which costs are booked.
CLEARING = "clearing"


class CostHandler(SubmittedHandler):
    """One balanced journal entry of two lines, in the company's own currency."""

    doctype = ENTRY

    def values(self, desk: Desk, job: Job[Cost]) -> Row:
        made = self.shown(desk, job)
        currency = desk.client.get("Company", str(made["company"])).get("default_currency")
        if currency != job.payload.currency:
            words = f"{made['company']} keeps its books in {currency}, the cost is in {job.payload.currency}"
            raise ErpRejected("erpnext.currency", words)
        return made

    def shown(self, desk: Desk, job: Job[Cost]) -> Row:
        terms, payload = desk.terms, job.payload
        company = str(terms.option("company", ""))
        if not company:
            raise missing("company", "(option of the connection)")
        cost = terms.needed("cost_account", payload.cost_class)
        against = terms.needed("cost_account", CLEARING)
        amount, centre = float(payload.amount), self._centre(terms, payload)
        return {
            "voucher_type": ENTRY,
            "company": company,
            "posting_date": job.command.posting_date.isoformat(),
            "accounts": [
                {"account": cost, "debit_in_account_currency": amount, **centre},
                {"account": against, "credit_in_account_currency": amount, **centre},
            ],
            **terms.marked(ENTRY, job.key, job.caption(500)),
        }

    @staticmethod
    def _centre(terms: Terms, payload: Cost) -> Row:
        if not payload.cost_object:
            return {}
        return {"cost_center": terms.mapped("cost_center", payload.cost_object) or payload.cost_object}


def _carrying(desk: Desk, key: str) -> Row | None:
    fields = ["name", "status", "modified"]
    rows = desk.client.rows(FINDING, desk.terms.carrying(FINDING, key), fields, order="creation asc")
    return min(rows, key=lambda row: row["status"] == "Cancelled", default=None)


class QualityHandler:
    """Opening makes a non conformance; completing resolves the one that was opened."""

    def find(self, desk: Desk, job: Job[QualityEvent]) -> Found | None:
        opening = job.payload.action == "open"
        row = _carrying(desk, job.key if opening else job.payload.opened_by)
        if row is None or not (opening or row["status"] == "Resolved"):
            return None
        return _found(desk, row, cancelled=opening and row["status"] == "Cancelled")

    def drive(self, desk: Desk, job: Job[QualityEvent], found: Found | None) -> Found:
        if job.payload.action == "open":
            try:
                made = desk.client.insert(FINDING, self._opening(desk.terms, job))
            except ErpRejected as error:
                there = self.find(desk, job) if error.code == "erpnext.duplicate" else None
                if there is None:
                    raise
                return there
            return _found(desk, made)
        row = _carrying(desk, job.payload.opened_by)
        if row is None:
            raise ErpRejected("erp.not_found", "ERPNext no longer holds the finding to complete")
        if row["status"] == "Cancelled":
            raise drifted(f"finding {row['name']}", "status", "Open", "Cancelled")
        values = self._completing(job) | {"modified": row["modified"]}
        return _found(desk, desk.client.update(FINDING, str(row["name"]), values))

    def preview(self, desk: Desk, job: Job[QualityEvent]) -> tuple[Step, ...]:
        if job.payload.action == "open":
            return (desk.client.step("POST", resource(FINDING), self._opening(desk.terms, job)),)
        path = f"{resource(FINDING)}/<name of the finding {job.payload.opened_by}>"
        return (desk.client.step("PUT", path, self._completing(job), "only as the version read just before"),)

    @staticmethod
    def _opening(terms: Terms, job: Job[QualityEvent]) -> Row:
        payload = job.payload
        procedure = terms.mapped("defect", payload.defect_code) or str(terms.option("quality_procedure", ""))
        if not procedure:
            raise missing("defect", payload.defect_code or "(none)")
        said = {
            "Work order": payload.work_order,
            "Item": payload.item,
            "Batch": payload.lot,
            "Quantity": format(payload.quantity, "f"),
            "Defect": payload.defect_code,
            "Severity": payload.severity,
        }
        details = "".join(f"<p>{name}: {html.escape(value)}</p>" for name, value in said.items() if value)
        return {
            "procedure": procedure,
            "status": "Open",
            "details": details,
            **terms.marked(FINDING, job.key, job.caption(140)),
        }

    @staticmethod
    def _completing(job: Job[QualityEvent]) -> Row:
        words = f"{job.key} {job.payload.disposition} {job.command.text}".strip()
        return {"status": "Resolved", "corrective_action": f"<p>{html.escape(words)}</p>"}


class FindingBackHandler:
    """An opened finding is cancelled; a resolved one stays."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        row = _carrying(desk, job.payload.reverses)
        return _found(desk, row) if row is not None and row["status"] == "Cancelled" else None

    def drive(self, desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        row = _carrying(desk, job.payload.reverses)
        if row is None:
            raise ErpRejected("erp.not_found", "ERPNext no longer holds the finding to take back")
        if row["status"] == "Resolved":
            raise drifted(f"finding {row['name']}", "status", "Open", "Resolved")
        values: Row = {"status": "Cancelled", "modified": row["modified"]}
        return _found(desk, desk.client.update(FINDING, str(row["name"]), values))

    def preview(self, desk: Desk, job: Job[Reversal]) -> tuple[Step, ...]:
        name = job.payload.reverses_number or f"<name of the finding {job.payload.reverses}>"
        return (desk.client.step("PUT", f"{resource(FINDING)}/{name}", {"status": "Cancelled"}),)


def _found(desk: Desk, row: Row, **extra: Any) -> Found:
    name = str(row["name"])
    return Found(FINDING, name, name, str(row["status"]), at=desk.terms.moment(row.get("modified")), **extra)
