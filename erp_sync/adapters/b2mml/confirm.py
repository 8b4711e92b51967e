"""ConfirmBOD: what an ERP says became of the messages it got.

Owns where the answer stands, since the schema leaves it open: `Confirm/ResponseCriteria/ResponseExpression` carries
`actionCode` Accepted or Rejected, `ChangeStatus` the ReasonCode and Reason of a refusal and the moment; each `BOD`
names our BODID in its OriginalApplicationArea, and its first Note is the ERP's document number. Must not know: folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal
from xml.etree.ElementTree import Element

from erp_sync.adapters.b2mml import xml
from erp_sync.adapters.b2mml.messages import moment
from erp_sync.adapters.filedrop.inbox import Entry, Unreadable
from erp_sync.adapters.port import Acknowledgement
from erp_sync.errors import ErpRejected

CODES: dict[str, Literal["confirmed", "rejected"]] = {
    "accepted": "confirmed", "modified": "confirmed", "rejected": "rejected",
}  # fmt: skip
_TURN = re.compile(r"(.+)-(\d{1,4})")


def read_file(name: str, content: bytes) -> Iterator[Entry]:
    """Each BOD of a ConfirmBOD file, good or not."""
    try:
        root = xml.read(content)
    except ErpRejected as error:
        yield Unreadable(error.code, error.message)
        return
    yield from read(root)


def read(root: Element) -> Iterator[Entry]:
    """Each BOD of a ConfirmBOD."""
    if xml.name_of(root) != "ConfirmBOD":
        yield Unreadable("b2mml.not_confirm", f"is a {xml.name_of(root)}, no ConfirmBOD")
        return
    criteria = "DataArea/Confirm/ResponseCriteria"
    expression = next(xml.every(root, f"{criteria}/ResponseExpression"), None)
    code = (expression.get("actionCode") or "").strip() if expression is not None else ""
    status = CODES.get(code.lower())
    stamp = xml.text(root, f"{criteria}/ChangeStatus/EffectiveDateTime") or xml.text(
        root, "ApplicationArea/CreationDateTime"
    )
    reason = xml.text(root, f"{criteria}/ChangeStatus/ReasonCode")
    words = xml.text(root, f"{criteria}/ChangeStatus/Reason")
    found = False
    for bod in xml.every(root, "DataArea/BOD"):
        found = True
        ident = xml.text(bod, "OriginalApplicationArea/BODID")
        if not ident:
            yield Unreadable("erp.acknowledgement_key", "a BOD without OriginalApplicationArea/BODID")
            continue
        match = _TURN.fullmatch(ident)
        key, turn = (match[1], int(match[2])) if match else (ident, 0)
        number = xml.text(bod, "Note")
        if status is None:
            yield Unreadable("erp.acknowledgement_status", f"actionCode is {code[:40]!r}", key)
        elif status == "confirmed" and not number:
            yield Unreadable("erp.acknowledgement_number", "is accepted without a number as Note", key)
        else:
            message = words or xml.text(bod, "Description")
            yield Acknowledgement(key, status, number[:80], moment(stamp), reason[:60], message[:2000], turn)
    if not found:
        yield Unreadable("erp.acknowledgement_empty", "names no BOD")
