"""What the administration shows of the Business Central connector: settings, code mappings, what to do about each code.

Owns these words. Must not know: HTTP, postings.
"""

from __future__ import annotations

from erp_sync.adapters.port import Option, Profile

OPTIONS = (
    Option("tenant", "Entra tenant", help="the tenant's id or domain; or give a token address"),
    Option("token_url", "Address that issues tokens", help="empty: Microsoft's own for the tenant"),
    Option("scope", "Scope of the token", help="empty: https://api.businesscentral.dynamics.com/.default"),
    Option("connect_timeout", "Seconds to connect", "number", 5),
    Option("read_timeout", "Seconds to wait for an answer", "number", 60),
    Option(
        "settle_seconds",
        "Seconds until an absence is believed",
        "number",
        600,
        "Business Central works on a request for up to ten minutes",
    ),
)
MAPPING_KINDS = {
    "cost_account": "cost class to the G/L account that is debited; * for every other class",
    "balancing_account": "cost class to the G/L account that is credited; * for every other class",
    "unit": "unit to Business Central's unit of measure code",
    "plant": "site to Business Central's location code, to read order lines by site",
}
CODES = {
    "business_central.unreachable": "Nothing answers at the address. Check it and the network; it is tried again.",
    "business_central.no_answer": "The answer was lost on its way. It is looked up by itself; nothing to do.",
    "business_central.garbled": "The answer was no OData. It is looked up; often a proxy in between answers.",
    "business_central.unexpected": "The answer has other fields than API v2.0. Report it with the attempt's details.",
    "business_central.redirected": "Calls are sent to a login page. Give the API's address, not the client's.",
    "business_central.login": "Microsoft's login service gave no token. Check tenant, token address and network.",
    "business_central.credentials": "The application or its secret is refused. Renew the secret in Entra, or add the "
    "application in Business Central (Microsoft Entra Applications).",
    "business_central.not_authorised": "Give the application the permission sets for journals and orders.",
    "business_central.no_company": "The connection's database must be the company's name or id.",
    "business_central.no_service": "The address is no API v2.0. It ends in the environment's name.",
    "business_central.busy": "More calls than the service takes. It is sent again; lower the rate if it lasts.",
    "business_central.locked.busy": "Somebody has the record open. It is sent again.",
    "business_central.stale": "The record was changed between reading and writing. It is read and sent again.",
    "business_central.waiting": "Posted in the background there. It is looked up until its entries show.",
    "business_central.half_done": "The journal is made, but not posted yet. It goes on by itself from there.",
    "business_central.http_408": "The service gave up waiting. It is looked up.",
    "business_central.http_500": "The service broke down over the call. It is looked up.",
    "business_central.http_502": "A gateway got no answer. It is looked up.",
    "business_central.http_503": "The environment is closed for the moment. It is looked up, then sent again.",
    "business_central.http_504": "The call took longer than ten minutes. It is looked up.",
    "business_central.paging": "A list leads back to itself or elsewhere. Report it with the attempt's details.",
    "business_central.refused": "Business Central refuses; its words stand beside. Mend what they name.",
    "business_central.field": "A field or a status does not allow it; the words name it. Often the order is released: "
    "reopen it there.",
    "business_central.length": "A value is longer than the field. Map it to a shorter code.",
    "business_central.unknown_code": "A number or code does not exist there; the words name it. Correct the mapping.",
    "business_central.exists": "There is one of that name already. It is looked at and gone on from at the next try.",
    "business_central.journal_taken": "The posting's journal holds something else. Take that out in Business Central.",
    "business_central.currency": "API v2.0 books in the company's own currency only. Settle this one by hand.",
    "business_central.digits": "Business Central keeps fewer digits. Change the amount or quantity.",
    "business_central.unit": "The line is ordered in another unit. Map the unit, or change it there.",
    "business_central.not_taken": "Business Central said yes, but shows another value. Look there what sets it back.",
    "business_central.state": "The document did not reach its final state. Look at it in Business Central.",
}
PROFILE = Profile(
    label="Microsoft Dynamics 365 Business Central",
    proof="documented",
    options=OPTIONS,
    mapping_kinds=MAPPING_KINDS,
    codes=CODES,
    address_help="https://api.businesscentral.dynamics.com/v2.0/<tenant>/<environment>",
    database_help="The company's name or id",
)
