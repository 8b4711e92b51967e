"""The answer to the customer on the way the question came: what a decision says, handed down to be written as EDI.

Runs where the answer's posting is queued, in the same transaction, the exception locked; so there is one answer for one
posting, and none for a posting that never came to be. Must not know segments.
"""

from decimal import Decimal
from typing import Any

from decisions_app.inputs import amount, moment
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord


def answer_customer(exception: ExceptionRecord, posting: Posting) -> None:
    """Have the posting's answer written as 865, 855 or ORDRSP, once, where the record came by EDI; else do nothing."""
    if not exceptions.wants_edi(exception):
        return
    payload: dict[str, Any] = posting.payload
    line: dict[str, Any] = (payload.get("lines") or [{}])[0]
    quantity: Decimal = amount(line, "quantity")
    said = exceptions.Said(
        status=str(line.get("status", "")),
        commit_at=moment(line, "commit_at"),
        quantity=quantity or None,
        valid_until=moment(payload, "valid_until"),
        why=str(line.get("why", "")),
        still_valid=str(line.get("still_valid", "")),
    )
    exceptions.answer_by_edi(exception=exception, said=said, key=f"answer/{posting.business_key}")
