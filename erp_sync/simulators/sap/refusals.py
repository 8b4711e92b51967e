"""A "no" of the simulated system, with its T100 message, and the error bodies of OData V2 and V4.

Classes and numbers are those commonly met (M7 goods movements, M3 material master, RU and CO orders); the wording is
ours. Must not know: rows, HTTP beyond a status.
"""

from __future__ import annotations

from typing import Any

UNKNOWN_PROPERTY = "/IWCOR/CX_DS_EP_PROPERTY_ERROR"
WRONG_VALUE = "/IWCOR/CX_DS_EDM_FACET_ERROR"
NO_RESOURCE = "/IWBEP/CM_MGW_RT/020"
BAD_SYNTAX = "/IWCOR/CX_DS_EXPR_SYNTAX_ERROR"
NOT_OFFERED = "/IWFND/CM_MGW/096"
NEEDS_ETAG = "/IWFND/CM_MGW/428"
STALE_ETAG = "/IWFND/CM_MGW/412"

ORDER_UNKNOWN = "CO/017"
ORDER_LOCKED = "CO/469"
ORDER_NOT_RELEASED = "RU/007"
ORDER_CLOSED = "RU/494"
ORDER_COMPLETED = "RU/495"
ORDER_STATUS = "CO/030"
OPERATION_UNKNOWN = "RU/010"
FINALLY_CONFIRMED = "RU/116"
OVER_CONFIRMED = "RU/135"
NOTHING_CONFIRMED = "RU/128"
CONFIRMATION_UNKNOWN = "RU/105"
CONFIRMATION_REVERSED = "RU/122"
MATERIAL_UNKNOWN = "M3/305"
MATERIAL_NOT_IN_PLANT = "M3/351"
MATERIAL_LOCKED = "M3/897"
PLANT_UNKNOWN = "M7/001"
STORAGE_UNKNOWN = "M7/018"
STOCK_DEFICIT = "M7/021"
OVER_DELIVERED = "M7/022"
PERIOD_CLOSED = "M7/053"
DOCUMENT_UNKNOWN = "M7/122"
DOCUMENT_REVERSED = "M7/123"
MOVEMENT_UNKNOWN = "M7/097"
BATCH_NEEDED = "M7/042"
PURCHASE_UNKNOWN = "06/019"
PURCHASE_LOCKED = "06/006"
SALES_UNKNOWN = "V1/302"
SALES_LOCKED = "V1/042"
DATE_PAST = "06/040"
QUALITY = "QM/001"
NOTIFICATION_COMPLETE = "IM/414"
TECHNICAL_OBJECT = "IM/160"


class Refusal(Exception):
    """`code` is class/number, `status` the HTTP status, `target` the field that is wrong, if one is."""

    def __init__(self, code: str, text: str, *, status: int = 400, target: str = "") -> None:
        super().__init__(text)
        self.code, self.text, self.status, self.target = code, text, status, target


def not_found(what: str) -> Refusal:
    """404 in the framework's own words."""
    return Refusal(NO_RESOURCE, f"Resource not found for {what}", status=404)


def body_v2(refusal: Refusal, transaction: str = "") -> dict[str, Any]:
    """The V2 error document."""
    detail = {
        "code": refusal.code,
        "message": refusal.text,
        "propertyref": refusal.target,
        "severity": "error",
        "target": refusal.target,
    }
    return {
        "error": {
            "code": refusal.code,
            "message": {"lang": "en", "value": refusal.text},
            "innererror": {
                "transactionid": transaction,
                "errordetails": [detail],
            },
        }
    }


def body_v4(refusal: Refusal) -> dict[str, Any]:
    """The V4 error document: `message` is a string there."""
    return {
        "error": {
            "code": refusal.code,
            "message": refusal.text,
            "target": refusal.target,
            "details": [],
        }
    }
