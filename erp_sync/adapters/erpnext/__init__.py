"""ERPNext (15 and 16) as the ERP: documents and methods over Frappe's REST interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.edge import http_codes
from erp_sync.adapters.erpnext.adapter import ErpNextAdapter
from erp_sync.adapters.port import Option

PROFILE = port.Profile(
    label="ERPNext",
    proof="documented",
    address_help="The site's address, such as https://plant.erpnext.example",
    database_help="Not used: a site is known by its address. The user is the API key, the password the API secret.",
    options=(
        Option(
            "key_field",
            "Custom field for the key",
            help="Name of a unique text field (custom_posting_key) on Stock Entry, Journal Entry and Non Conformance: "
            "then ERPNext itself refuses a second document. Without it the key stands in front of the remarks.",
        ),
        Option("company", "Company", help="Needed for costs; other documents take it from their warehouse."),
        Option("timezone", "Time zone of the site", default="UTC", help="As in its System Settings."),
        Option("quality_procedure", "Quality procedure of findings", help="For defects that are not mapped."),
        Option("connect_timeout", "Seconds to connect", "number", 5),
        Option("read_timeout", "Seconds to wait for an answer", "number", 60),
        Option(
            "settle_seconds",
            "Seconds a lost call may still take effect",
            "number",
            120,
            "At least the site's own request time-out.",
        ),
    ),
    mapping_kinds={
        "location": "our location to a warehouse (Stores - RF)",
        "blocked": "a site to the warehouse of its quarantined stock",
        "scrap": "a site to its scrap warehouse; without it scrap is issued",
        "stock": "a site to the warehouse released and returned stock goes to",
        "site": "our site to the group its warehouses stand under",
        "work_centre": "our work centre to the workstation",
        "unit": "our unit to ERPNext's unit",
        "defect": "our defect to the quality procedure it breaks",
        "cost_account": "a cost class to its account, and clearing to the account against it",
        "cost_center": "our cost object to the cost center",
    },
    codes=http_codes("erpnext", "ERPNext")
    | {
        "erpnext.refused": "A rule of ERPNext's refused it; its words say which. Mend it there or edit the posting.",
        "erpnext.mandatory": "ERPNext wants a field filled that the posting does not know. Make it optional there.",
        "erpnext.link": "A code of the posting does not exist in ERPNext. Create it there or map it.",
        "erpnext.not_authorised": "Give the connection's user the role it lacks in ERPNext, then retry.",
        "erpnext.credentials": "The API key or secret is wrong, or its user was disabled. Make new ones.",
        "erpnext.over_production": "More than the work order allows. Raise the allowance there, or edit the quantity.",
        "erpnext.after_submit": "ERPNext lets this field stand once the document is submitted. Change it there.",
        "erpnext.duplicate": "A document with this key or name is there, but not where it should be. Look for the key.",
        "erpnext.currency": "Costs are booked in the company's own currency only. Book this one by hand.",
        "erpnext.no_doctype": "The app or document type this needs is not installed on the site.",
        "erpnext.not_taken": "ERPNext answered the change but shows another value. Look there for what sets it back.",
        "erpnext.unit": "ERPNext keeps the item in another unit. Map the unit, or post in ERPNext's.",
        "erpnext.state": "The document did not reach its final state. Look at it in ERPNext.",
        "erpnext.stale": "Somebody changed the document at the same moment. It is read and sent again by itself.",
        "erpnext.busy": "Somebody else holds the document, or the site rests. It is sent again by itself.",
        "erpnext.no_erpnext": "Check the address: something answers there, but no ERPNext.",
        "erpnext.redirected": "Something in front of ERPNext sends calls to a login page. Use the address without it.",
        "erpnext.database": "The site lost its database during a call; it is looked up by itself. See to the database.",
        "erpnext.fault": "ERPNext failed inside; nothing was kept. Its error log says more than its answer.",
        "erpnext.half_done": "Somebody left the document as a draft. It is submitted by itself.",
        "erpnext.unexpected": "ERPNext's answer has another shape than its documentation. Check its version.",
    },
)


@port.register("erpnext", PROFILE)
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    """A connector for one site. No network until first used."""
    return ErpNextAdapter(settings)


__all__ = ["PROFILE", "ErpNextAdapter", "build"]
