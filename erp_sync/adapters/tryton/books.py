"""Costs as balanced journal entries, and defects as failed quality inspections.

Owns the account mapping of a cost class and the walk of an inspection and its alert. A journal entry carries the
key first in its description, an inspection in its reference. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from erp_sync.adapters.tryton.client import Row
from erp_sync.adapters.tryton.documents import Desk, Found, Job, NotHere, moment
from erp_sync.canonical_kinds import Cost, QualityEvent
from erp_sync.errors import ErpRejected

ENTRY = "account.move"
INSPECTION = "quality.inspection"
ALERT = "quality.alert"


class CostHandler:
    """Debit the account of the cost class, credit the clearing account."""

    def find(self, desk: Desk, job: Job[Cost]) -> Found | None:
        return find_entry(desk, job.key)

    def drive(self, desk: Desk, job: Job[Cost], found: Found | None) -> Found:
        payload = job.payload
        if payload.basis != "real":
            raise NotHere("a statistical cost never leaves the product")
        accounts = desk.catalogue.settings.get("cost_accounts", {})
        mapped, clearing = accounts.get(payload.cost_class), accounts.get("clearing")
        if not mapped or not clearing:
            raise ErpRejected(
                "erp.mapping_missing", f"no account is mapped for cost class {payload.cost_class!r}"
            )
        debit, credit = desk.catalogue.account(mapped), desk.catalogue.account(clearing)
        value, foreign = _in_company_currency(
            desk, payload.amount, payload.currency, job.command.posting_date
        )
        lines: list[Row] = [
            {"account": debit, "debit": value, "credit": Decimal(0)},
            {"account": credit, "debit": Decimal(0), "credit": value},
        ]
        if foreign:
            for line, sign in zip(lines, (1, -1), strict=True):
                line |= {"second_currency": foreign, "amount_second_currency": payload.amount * sign}
        return post_entry(desk, job, found, lines)


def find_entry(desk: Desk, key: str) -> Found | None:
    """The journal entry of a key."""
    fields = ["number", "state", "lines", "_timestamp", "write_date", "create_date"]
    row = desk.client.first(ENTRY, [["description", "like", f"{key}%"]], fields, order=[["id", "ASC"]])
    if row is None:
        return None
    number = row["number"] or str(row["id"])
    return Found(
        ENTRY, row["id"], row["state"], number, row["state"] == "posted", moment(row), stamp=row["_timestamp"]
    )


def post_entry(desk: Desk, job: Job[Any], found: Found | None, lines: list[Row]) -> Found:
    """An entry of these lines on the posting date, posted. A draft found is made anew: it had no effect."""
    client = desk.client
    if found is not None:
        client.delete(ENTRY, found.record, timestamp=found.stamp)
    day = job.command.posting_date
    domain = [
        ["start_date", "<=", day],
        ["end_date", ">=", day],
        ["type", "=", "standard"],
        ["state", "=", "open"],
    ]
    period = client.first("account.period", domain, ["name"])
    if period is None:
        raise ErpRejected("erp.period_closed", f"Tryton has no open period on {day}")
    journal_domain = [["type", "=", "general"]]
    journal = client.first("account.journal", journal_domain, ["name"]) or client.first(
        "account.journal", [], ["name"]
    )
    if journal is None:
        raise ErpRejected("erp.mapping_missing", "Tryton has no journal to post to")
    record = client.create(
        ENTRY,
        {
            "journal": journal["id"],
            "period": period["id"],
            "date": day,
            "description": job.caption(),
            "lines": [["create", lines]],
        },
    )
    client.button(ENTRY, "post", record)
    done = find_entry(desk, job.key)
    if done is None or not done.final:
        raise ErpRejected("tryton.state", "Tryton did not post the journal entry")
    return done


def _in_company_currency(desk: Desk, amount: Decimal, currency: str, day: date) -> tuple[Decimal, int | None]:
    """The amount in the books' currency at Tryton's own rate of the day, and the foreign currency's id if it is one."""
    domain = [["id", "=", desk.client.context["company"]]]
    company = desk.client.search("company.company", domain, ["currency.code"])[0]["currency."]["code"]
    cent = Decimal("0.01")
    if company == currency:
        return amount.quantize(cent), None
    wanted = [["code", "in", [company, currency]]]
    rows = desk.client.search("currency.currency", wanted, ["code", "rate"], context={"date": day})
    rates = {row["code"]: (row["rate"], row["id"]) for row in rows if row["rate"]}
    if company not in rates or currency not in rates:
        raise ErpRejected("erp.mapping_missing", f"Tryton has no rate from {currency} to {company} on {day}")
    ratio = Decimal(rates[company][0]) / Decimal(rates[currency][0])
    return (amount * ratio).quantize(cent, rounding=ROUND_HALF_UP), int(rates[currency][1])


class QualityHandler:
    """Open: an inspection that fails and raises Tryton's alert. Complete: that alert, resolved."""

    def find(self, desk: Desk, job: Job[QualityEvent]) -> Found | None:
        if job.payload.action == "open":
            row = self._inspection(desk, job.key)
            return self._opened(row) if row else None
        row = self._inspection(desk, job.payload.opened_by)
        return self._completed(desk, row) if row else None

    def drive(self, desk: Desk, job: Job[QualityEvent], found: Found | None) -> Found:
        if job.payload.action == "open":
            if found is not None:
                # Not processed yet, and perhaps edited since: it has had no effect, so it is made anew.
                desk.client.delete(INSPECTION, found.record, timestamp=found.stamp)
            desk.client.button(INSPECTION, "process", self._create(desk, job))
            row = self._inspection(desk, job.key)
            if row is None or row["state"] != "failed" or not row["alerts"]:
                raise ErpRejected("tryton.state", "Tryton did not fail the inspection")
            return self._opened(row)
        row = self._inspection(desk, job.payload.opened_by)
        if row is None:
            raise ErpRejected("erp.not_found", f"Tryton has no inspection {job.payload.opened_by}")
        for alert in self._alerts(desk, row):
            if alert["state"] in ("open", "deferred"):
                desk.client.button(ALERT, "process", alert["id"])
            if alert["state"] != "resolved":
                desk.client.button(ALERT, "resolve", alert["id"])
        done = self._completed(desk, row)
        if done is None:
            raise ErpRejected("tryton.state", "Tryton did not resolve the alert")
        return done

    @staticmethod
    def _inspection(desk: Desk, key: str) -> Row | None:
        fields = ["number", "state", "alerts", "_timestamp", "write_date", "create_date"]
        return desk.client.first(INSPECTION, [["reference", "=", key]], fields, order=[["id", "ASC"]])

    @staticmethod
    def _opened(row: Row) -> Found:
        final = row["state"] == "failed" and bool(row["alerts"])
        stamp = row["_timestamp"]
        return Found(INSPECTION, row["id"], row["state"], row["number"], final, moment(row), stamp=stamp)

    @staticmethod
    def _alerts(desk: Desk, row: Row) -> list[Row]:
        fields = ["number", "state", "write_date", "create_date"]
        return desk.client.search(ALERT, [["id", "in", row["alerts"]]], fields)

    def _completed(self, desk: Desk, row: Row) -> Found | None:
        alerts = self._alerts(desk, row)
        if not alerts or any(alert["state"] != "resolved" for alert in alerts):
            return None
        last = alerts[-1]
        return Found(ALERT, last["id"], "resolved", f"{row['number']}/{last['number']}", True, moment(last))

    @staticmethod
    def _create(desk: Desk, job: Job[QualityEvent]) -> int:
        wanted = desk.catalogue.settings.get("quality_control", "Floor finding")
        control = desk.client.first("quality.control", [["name", "=", wanted]], ["name", "points.name"])
        if control is None:
            raise ErpRejected("erp.mapping_missing", f"Tryton has no quality control {wanted!r}")
        points = desk.client.search(
            "quality.control.point", [["control", "=", control["id"]]], ["name", "type_"]
        )
        values: Row = {
            "reference": job.key,
            "control": control["id"],
            "points": {point["name"]: False if point["type_"] == "boolean" else None for point in points},
        }
        if job.payload.work_order:
            order = desk.catalogue.production(job.payload.work_order)
            values["origin"] = f"production,{order['id']}"
        return desk.client.create(INSPECTION, values)
