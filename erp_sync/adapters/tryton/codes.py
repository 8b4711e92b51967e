"""Mapped codes tried against Tryton, and what the administration shows of this connector.

Owns which kinds of mapping the connector reads and where each is found in Tryton. Must not know: postings.
"""

from __future__ import annotations

from erp_sync.adapters import port
from erp_sync.adapters.tryton.client import Client

#: Kind of mapping: the model, the field searched, and the field that names it for people.
WHERE: dict[str, tuple[str, str, str]] = {
    "blocked": ("stock.location", "code", "name"),
    "cost_accounts": ("account.account", "code", "name"),
    "characteristic": ("quality.control", "name", "name"),
    "unit": ("product.uom", "symbol", "name"),
}


def check(client: Client, kind: str, theirs: str) -> port.CodeCheck:
    """Whether Tryton has the code, once; its own name for it. Raises ErpUnavailable."""
    if kind not in WHERE:
        return port.CodeCheck(None, f"this connector reads no mapping of kind {kind}")
    model, searched, named = WHERE[kind]
    rows = client.search(model, [[searched, "=", theirs]], [named], limit=2)
    if len(rows) != 1:
        return port.CodeCheck(False, "Tryton has it twice" if rows else f"Tryton has no {model} {theirs!r}")
    if kind == "characteristic":
        points = client.count("quality.control.point", [["control", "=", rows[0]["id"]]])
        if points != 1:
            return port.CodeCheck(
                False, f"the control has {points} points; a characteristic needs one of its own"
            )
    return port.CodeCheck(True, str(rows[0][named] or theirs))


PROFILE = port.Profile(
    label="Tryton 8.0",
    proof="live",
    address_help="address of trytond, for example https://erp.plant.example",
    database_help="name of Tryton's database",
    options=(
        port.Option("connect_timeout", "Patience for a connection", "number", 5, "seconds"),
        port.Option("read_timeout", "Patience for an answer", "number", 60, "seconds"),
        port.Option(
            "settle_seconds", "Late effects", "number", 90,
            "seconds after an unclear answer in which Tryton may still act; longer than its own request time-out",
        ),
        port.Option("quality_control", "Control of floor findings", "text", "Floor finding"),
        port.Option(
            "complete_earlier_operations", "Complete earlier operations", "flag", True,
            "operations nobody confirmed get an empty cycle when an order closes; Tryton closes none without",
        ),
    ),
    mapping_kinds={
        "blocked": "site to the location of its blocked stock",
        "cost_accounts": "cost class (and clearing) to a general-ledger account",
        "characteristic": "characteristic of a test to a quality control with one point",
        "unit": "unit of measure to Tryton's symbol",
    },
    codes={
        "tryton.user_error": "Tryton refused it in its own words; do what they say there, then send again.",
        "tryton.user_warning": "Tryton asks for a confirmation a person gives; do it there, then settle by hand.",
        "tryton.request": "Tryton lacks a module or field; the log has its words. Ask whoever runs Tryton.",
        "tryton.order_open": "The order is still a draft in Tryton; change it there, then settle by hand.",
        "tryton.state": "A document did not get on in Tryton; open it there by its number, then send again.",
        "tryton.inspection_open": "Finish the inspection or its alert in Tryton, then send again.",
        "tryton.note": "Tryton keeps no notes on productions for this user; give it the right, then send again.",
        "tryton.outputs": "The order has no single output of its product; correct it in Tryton, then send again.",
        "tryton.point_type": "The mapped control measures something else; map another, then send again.",
        "tryton.unexpected": "Tryton answers otherwise than version 8.0; see its version on the connection.",
        "tryton.credentials": "Tryton refuses the login; enter the password anew. Postings wait until then.",
        "tryton.login": "Tryton can't log anybody in yet; it is tried again by itself.",
        "tryton.no_database": "The database is not there; correct the connection. Postings wait until then.",
        "tryton.locked.busy": "Tryton is busy with the same rows; it is tried again by itself.",
        "tryton.busy": "Too many failed logins; Tryton lets us in again after a while.",
        "tryton.stale": "Somebody wrote the same record at that moment; it is tried again by itself.",
        "tryton.half_done": "The document is begun; it is finished by itself.",
        "tryton.unreachable": "Tryton does not answer; postings wait and go by themselves.",
        "tryton.no_answer": "The answer was lost; Tryton is asked what became of it.",
        "tryton.garbled": "The answer was not readable; Tryton is asked what became of it.",
        "tryton.database": "Tryton's own database had trouble; it is asked what became of it.",
    },
)  # fmt: skip
