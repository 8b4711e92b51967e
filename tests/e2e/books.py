"""The ERP's own books, asked over its network port: what is really in them, by its own reckoning.

Knows Tryton's models and one login; knows nothing of the product but its client.
"""

from decimal import Decimal
from typing import Any

from erp_sync.adapters.tryton.client import Access, Client

SHIPMENT = "stock.shipment.internal"


class Books:
    """One connection of the test's own. Close it, or use it as a context manager."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.client = Client(
            Access(state["url"], state["database"], state["username"], state["password"], read_timeout=90)
        )

    def __enter__(self) -> "Books":
        return self

    def __exit__(self, *trouble: object) -> None:
        self.client.close()

    def on_hand(self, item: str, place: str, lot: str = "") -> Decimal:
        """Quantity in one place."""
        location = self.client.search("stock.location", [["code", "=", place]], ["code"])[0]["id"]
        context = {"locations": [location], "with_childs": False}
        if lot:
            domain, model = [["number", "=", lot], ["product.code", "=", item]], "stock.lot"
        else:
            domain, model = [["code", "=", item]], "product.product"
        found = self.client.search(model, domain, ["quantity"], context=context)
        return Decimal(str(found[0]["quantity"] or 0)) if found else Decimal(0)

    def shipments(self, key: str) -> list[dict[str, Any]]:
        """Every internal shipment of a business key, cancelled ones too, with what it moved."""
        fields = ["state", "number", "moves", "from_location.code", "to_location.code"]
        rows = self.client.search(SHIPMENT, [["reference", "like", f"{key}%"]], fields)
        for row in rows:
            moved = ["quantity", "product.code", "lot.number", "state"]
            row["moved"] = self.client.search("stock.move", [["id", "in", row["moves"]]], moved)
        return rows

    def order(self, number: str) -> dict[str, Any]:
        """A work order."""
        fields = ["number", "state", "quantity", "planned_date", "planned_start_date", "works"]
        return self.client.search("production", [["reference", "=", number]], fields)[0]

    def notes(self, key: str) -> list[dict[str, Any]]:
        """Notes that begin with a business key."""
        return self.client.search("ir.note", [["message", "like", f"{key} %"]], ["message", "resource"])

    def cycles(self, number: str, operation: int) -> list[dict[str, Any]]:
        """Times booked on one operation of an order."""
        domain = [["work.production.reference", "=", number], ["work.sequence", "=", operation]]
        return self.client.search("production.work.cycle", domain, ["duration", "state"])

    def entries(self, key: str) -> list[dict[str, Any]]:
        """Journal entries whose description begins with a business key: state and (account, debit, credit) lines."""
        rows = self.client.search("account.move", [["description", "like", f"{key}%"]], ["state", "lines"])
        for row in rows:
            lines = self.client.search(
                "account.move.line", [["id", "in", row["lines"]]], ["account.code", "debit", "credit"]
            )
            row["booked"] = {
                (line["account."]["code"], Decimal(str(line["debit"])), Decimal(str(line["credit"])))
                for line in lines
            }
        return rows

    def inspections(self, key: str) -> list[dict[str, Any]]:
        """Quality inspections of a business key, with the states of their alerts."""
        rows = self.client.search("quality.inspection", [["reference", "=", key]], ["state", "alerts"])
        for row in rows:
            alerts = self.client.search("quality.alert", [["id", "in", row["alerts"]]], ["state"])
            row["alert_states"] = [alert["state"] for alert in alerts]
        return rows
