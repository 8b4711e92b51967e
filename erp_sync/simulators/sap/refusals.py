"""A "no" of the simulated system, with its T100 message, and the error bodies of OData V2 and V4.

The class says which part of SAP speaks. Numbers below 900 are SAP's own, as far as they are published or well known;
where SAP's number is not known for sure the simulator takes one from 900, the range SAP leaves to each system. The
wording is ours. Must not know: rows, HTTP beyond a status.
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

ORDER_UNKNOWN = "CO/901"
ORDER_LOCKED = "CO/902"
ORDER_NOT_RELEASED = "RU/901"
ORDER_CLOSED = "RU/494"
ORDER_COMPLETED = "RU/902"
ORDER_STATUS = "CO/903"
OPERATION_UNKNOWN = "RU/903"
FINALLY_CONFIRMED = "RU/904"
OVER_CONFIRMED = "RU/905"
NOTHING_CONFIRMED = "RU/906"
CONFIRMATION_UNKNOWN = "RU/907"
CONFIRMATION_REVERSED = "RU/908"
MATERIAL_UNKNOWN = "M3/305"
MATERIAL_NOT_IN_PLANT = "M3/351"
MATERIAL_LOCKED = "M3/897"
PLANT_UNKNOWN = "M7/001"
STORAGE_UNKNOWN = "M7/901"
STOCK_DEFICIT = "M7/021"
OVER_DELIVERED = "M7/022"
PERIOD_CLOSED = "M7/053"
DOCUMENT_UNKNOWN = "M7/902"
DOCUMENT_REVERSED = "M7/903"
MOVEMENT_UNKNOWN = "M7/904"
BATCH_NEEDED = "M7/905"
OTHER_PLANT = "M7/913"
STOCK_TYPE = "M7/914"
PURCHASE_UNKNOWN = "06/019"
PURCHASE_LOCKED = "06/001"
SALES_UNKNOWN = "V1/901"
SALES_LOCKED = "V1/902"
DATE_PAST = "06/901"
QUALITY = "QE/901"
NOTIFICATION_COMPLETE = "IM/901"
NOTIFICATION_UNKNOWN = "IM/906"
TECHNICAL_OBJECT = "IM/902"


#: The frame the material document service puts around whatever the goods movement refused.
DOCUMENT_FAILED = "MM_IM_ODATA_API_MDOC/014"
#: A field that does not go with the movement type, as the service says it.
PROPERTY_UNFIT = "MM_IM_ODATA_API_MDOC/011"


class Refusal(Exception):
    """`code` is class/number, `status` the HTTP status, `target` the field that is wrong, if one is.

    `because` is the refusal inside this one, which then is its detail.
    """

    def __init__(
        self, code: str, text: str, *, status: int = 400, target: str = "", because: Refusal | None = None
    ) -> None:
        super().__init__(text)
        self.code, self.text, self.status, self.target, self.because = code, text, status, target, because


def not_found(what: str) -> Refusal:
    """404 in the framework's own words."""
    return Refusal(NO_RESOURCE, f"Resource not found for {what}", status=404)


def body_v2(refusal: Refusal, transaction: str = "") -> dict[str, Any]:
    """The V2 error document."""
    told = [refusal.because, refusal] if refusal.because else [refusal]
    details = [
        {
            "code": one.code,
            "message": one.text,
            "propertyref": one.target,
            "severity": "error",
            "target": one.target,
        }
        for one in told
    ]
    return {
        "error": {
            "code": refusal.code,
            "message": {"lang": "en", "value": refusal.text},
            "innererror": {
                "transactionid": transaction,
                "errordetails": details,
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
