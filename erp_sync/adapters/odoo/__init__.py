"""Odoo (17 to 19) as the ERP: JSON-2 where the server has it, XML-RPC before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.edge import http_codes
from erp_sync.adapters.odoo.adapter import OdooAdapter
from erp_sync.adapters.odoo.client import PROTOCOLS
from erp_sync.adapters.port import Option

PROFILE = port.Profile(
    label="Odoo",
    proof="documented",
    address_help="The address people open, such as https://plant.odoo.example",
    database_help="The name of the database; may be left out where the server has only one (Odoo 19 and later).",
    options=(
        Option(
            "protocol", "Protocol", default="auto", choices=PROTOCOLS, help="auto: by the server's version."
        ),
        Option(
            "timezone", "Time zone of the plant", default="UTC", help="Odoo keeps moments, the plant days."
        ),
        Option(
            "accept_consumption",
            "Take components as Odoo has them",
            "flag",
            False,
            "Without it an order whose components differ from the bill of materials is held for a person.",
        ),
        Option("connect_timeout", "Seconds to connect", "number", 5),
        Option("read_timeout", "Seconds to wait for an answer", "number", 60),
        Option(
            "settle_seconds",
            "Seconds a lost call may still take effect",
            "number",
            120,
            "At least Odoo's own limit_time_real.",
        ),
    ),
    mapping_kinds={
        "location": "our location to Odoo's full name (WH/Stock/Shelf 1) or barcode",
        "blocked": "a site to the location of its blocked stock",
        "scrap": "a site to its scrap location, where it is not Odoo's own",
        "site": "our site to the warehouse's short code",
        "work_centre": "our work centre to Odoo's code or name",
        "work_unit": "our machine to the equipment's name or serial number",
        "reason": "our reason to Odoo's scrap reason",
        "unit": "our unit to Odoo's unit",
    },
    codes=http_codes("odoo", "Odoo")
    | {
        "odoo.wizard": "Odoo wants a person to answer a question first. Open the document there, or edit the posting.",
        "odoo.refused": "A rule of Odoo's refused it; its words say which. Mend it there or edit the posting.",
        "odoo.not_authorised": "Give the connection's user the rights it lacks in Odoo, then retry.",
        "odoo.credentials": "The API key is wrong or has run out (Odoo 19 keeps one three months). Make a new one.",
        "odoo.no_model": "The module this needs is not installed in Odoo.",
        "odoo.no_method": "This version of Odoo does not offer the call; see the connector's page for versions.",
        "odoo.unit": "Odoo keeps the item in another unit. Map the unit, or post in Odoo's.",
        "odoo.state": "The document did not reach its final state. Look at it in Odoo.",
        "odoo.not_taken": "Odoo answered the change but shows another value. Look there for what sets it back.",
        "odoo.busy": "Somebody else holds the record, or Odoo asks for fewer calls. It is sent again by itself.",
        "odoo.no_odoo": "Check the address: something answers there, but no Odoo that speaks this protocol.",
        "odoo.redirected": "Something in front of Odoo sends calls to a login page. Use the address without it.",
        "odoo.database": "Odoo lost its database during a call; it is looked up by itself. See to the database there.",
        "odoo.fault": "Odoo failed inside; nothing was kept. Its log says more than its answer.",
        "odoo.half_done": "A step is done, the next was lost. It goes on by itself from there.",
        "odoo.unexpected": "Odoo's answer has another shape than its documentation. Check its version and modules.",
    },
)


@port.register("odoo", PROFILE)
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    """A connector for one database. No network until first used."""
    return OdooAdapter(settings)


__all__ = ["PROFILE", "OdooAdapter", "build"]
