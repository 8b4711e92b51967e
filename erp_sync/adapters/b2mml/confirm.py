"""ConfirmBOD and ProcessErrorMessage: what an ERP says became of the messages it got.

Owns where the answer stands, since the schema leaves it open: `Confirm/ResponseCriteria/ResponseExpression` carries
`actionCode` Accepted or Rejected, `ChangeStatus` the ReasonCode and Reason of a refusal and the moment; each `BOD`
names our BODID in its OriginalApplicationArea, and its first Note is the ERP's document number. An error message names
our BODID as the sender's ReferenceID: a BusinessError refuses, anything else is no answer. Must not know: folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal
from xml.etree.ElementTree import Element

from erp_sync.adapters.b2mml import xml
from erp_sync.adapters.b2mml.parts import moment
from erp_sync.adapters.filedrop.inbox import Entry, Unreadable
from erp_sync.adapters.port import Acknowledgement
from erp_sync.errors import ErpRejected

CODES: dict[str, Literal["confirmed", "rejected"]] = {
    "accepted": "confirmed", "modified": "confirmed", "rejected": "rejected",
}  # fmt: skip
ERRORS = frozenset({"ProcessErrorMessage", "SyncErrorMessage", "ShowErrorMessage"})
_TURN = re.compile(r"(.+)-(\d{1,4})")


def read_file(name: str, content: bytes) -> Iterator[Entry]:
    """Each BOD of a ConfirmBOD file, good or not."""
    try:
        root = xml.read(content)
    except ErpRejected as error:
        yield Unreadable(error.code, error.message)
        return
    yield from read(root)


def read(root: Element, asked: str = "") -> Iterator[Entry]:
    """Each BOD of a ConfirmBOD, each error of an error message; `asked` is the BODID it answers when it names none."""
    if xml.name_of(root) in ERRORS:
        yield from _errors(root, asked)
        return
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
        key, turn = _key(ident)
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


def _key(ident: str) -> tuple[str, int]:
    """Business key and try of a BODID of ours."""
    match = _TURN.fullmatch(ident)
    return (match[1], int(match[2])) if match else (ident, 0)


def _errors(root: Element, asked: str) -> Iterator[Entry]:
    ident = xml.text(root, "ApplicationArea/Sender/ReferenceID") or asked
    if not ident:
        yield Unreadable("erp.acknowledgement_key", "an error message without Sender/ReferenceID")
        return
    key, turn = _key(ident)
    found = list(xml.every(root, "DataArea/ErrorMessage"))
    business = [one for one in found if xml.text(one, "ErrorType") == "BusinessError"]
    if not business:
        kinds = ", ".join(sorted({xml.text(one, "ErrorType") or "no type" for one in found})) or "nothing"
        yield Unreadable("b2mml.system_error", f"is an error message of {kinds}, which is no refusal", key)
        return
    first = business[0]
    words = " ".join(" ".join(one.itertext()) for one in xml.every(first, "ErrorDescription")).strip()
    cause = xml.text(first, "CausedBy/ErrorDescription")
    said = "; ".join(part for part in (words, cause) if part) or f"Refused by {xml.text(first, 'ThrownFrom')}"
    stamp = moment(xml.text(first, "TimeStamp"))
    yield Acknowledgement(key, "rejected", "", stamp, xml.text(first, "ErrorCode")[:60], said[:2000], turn)
