"""Which of SAP's answers means what: HTTP status, message class and number, and words, to one coded cause.

Owns reading of V2 and V4 error bodies and the table of causes. SAP names a message by class and number
("RU/494"); the class says which part of SAP spoke. Must not know: postings, the outbox, how an answer was fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from erp_sync.errors import ErpRejected, ErpUnavailable

#: Single messages whose meaning is published or well documented; the meaning in our words stands beside. A number that
#: is not here says no more than its class: SAP's own text is shown, and nothing is guessed from it.
MESSAGES: dict[str, str] = {
    "RU/494": "sap.order_closed",  # confirmation on an order that is closed
    "M7/021": "sap.short_stock",  # the place does not hold that much
    "M7/022": "sap.over_quantity",  # more than the purchase order leaves open
    "M7/053": "sap.period_closed",  # posting date outside the open periods
    "M8/147": "sap.account_missing",  # accounting has no account for this movement
    "M3/897": "sap.locked.busy",  # plant data of a material locked
    "06/001": "sap.locked.busy",  # table row blocked by another user
    "06/019": "sap.document_unknown",  # purchasing document does not exist
}
#: What part of SAP spoke, by message class, for messages not listed above.
CLASSES: dict[str, str] = {
    "RU": "sap.confirmation",
    "CO": "sap.order",
    "C2": "sap.order",
    "M7": "sap.goods_movement",
    "M8": "sap.goods_movement",
    "MIGO": "sap.goods_movement",
    "MM_IM_ODATA_API_MDOC": "sap.goods_movement",
    "M3": "sap.material",
    "06": "sap.purchasing",
    "ME": "sap.purchasing",
    "MEPO": "sap.purchasing",
    "V1": "sap.sales",
    "QA": "sap.quality",
    "QE": "sap.quality",
    "QM": "sap.quality",
    "IM": "sap.maintenance",
    "BS": "sap.order_state",
}
#: The Gateway's guard against repeated requests speaks: it knows the request but no longer its answer (005), or it is
#: not set up (001). Whether the request took effect is for looking up.
_GUARD = "/IWBEP/CM_COS/"
_GUARD_CODES = {"005": "sap.repeated"}
#: SAP answers a lock as a business error; the words are asked for in English and say so.
_LOCKED = re.compile(
    r"\b(locked (by|for)|blocked by (another )?user|(being|currently) (processed|edited|changed) by|"
    r"is being (processed|edited|changed)|already (being )?process(ed by|ing)|enqueue)\b",
    re.IGNORECASE,
)
_T100 = re.compile(r"^([A-Z0-9_]{1,20})/(\d{3})$")
_NO_SERVICE = re.compile(r"no service found|service .* not (found|active)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """SAP's own words: `code` as sent (class/number where it is one), `target` the field it points at.

    `inner` are the codes of the details: the outermost often only says that the document could not be posted.
    """

    code: str
    text: str
    target: str = ""
    details: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()

    def said(self) -> str:
        """For people: code and words, then what SAP added."""
        first = f"{self.code}: {self.text}" if self.code else self.text
        codes = (*self.inner, *[""] * len(self.details))
        told = [
            f"{code}: {line}" if _T100.match(code) else line
            for code, line in zip(codes, self.details, strict=False)
            if line and line not in first
        ]
        more = list(dict.fromkeys(told))
        return " - ".join([first, *more])[:800]


def read_message(content: bytes) -> Message | None:
    """The error of a body, V2 (message an object) or V4 (message a string); None when it is neither."""
    try:
        error = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(error, Mapping):
        return None
    text = _words(error.get("message"))
    inside = error.get("innererror")
    listed = error.get("details")
    if not isinstance(listed, list):
        found = inside.get("errordetails") if isinstance(inside, Mapping) else None
        # A single detail arrives as an object under the same name in older systems.
        listed = found if isinstance(found, list) else [found] if isinstance(found, Mapping) else []
    rows = [detail for detail in listed if isinstance(detail, dict)]
    inner = tuple(str(row.get("code") or "") for row in rows)
    details = tuple(_words(row.get("message")) for row in rows)
    return Message(str(error.get("code") or ""), text, str(error.get("target") or ""), details, inner)


def _words(message: Any) -> str:
    return str(message.get("value", "")) if isinstance(message, Mapping) else str(message or "")


def cause_of(message: Message) -> str:
    """Our code for a business error; `sap.refused` when nothing more is known."""
    if any(_LOCKED.search(words) for words in (message.text, *message.details)):
        return "sap.locked.busy"
    codes = [one for one in (message.code, *message.inner) if _T100.match(one)]
    exact = next((MESSAGES[one] for one in codes if one in MESSAGES), "")
    # The details name the part that refused; the outermost code may be the service's own frame around it.
    spoken = next((CLASSES[c] for one in reversed(codes) if (c := one.partition("/")[0]) in CLASSES), "")
    return exact or spoken or "sap.refused"


def refusal(status: int, content: bytes, headers: Mapping[str, str]) -> ErpRejected | ErpUnavailable:
    """What an answer of 300 or above means, as the exception to raise.

    Below 500 SAP decided before or instead of acting, so nothing happened: a business no, or (locked, stale, busy,
    login refused) worth sending again. From 500 on, and for 408, it may have acted: unclear.
    """
    message = read_message(content)
    words = message.said() if message else ""
    code = httpx.codes
    if status < code.BAD_REQUEST:
        return ErpUnavailable(
            f"SAP sends us elsewhere (HTTP {status}): is there a login page in front of it?",
            code="sap.redirected",
            sent=False,
        )
    guard = (
        next((one for one in (message.code, *message.inner) if one.startswith(_GUARD)), "") if message else ""
    )
    if guard:
        cause = _GUARD_CODES.get(guard.removeprefix(_GUARD), "sap.repeat_guard")
        return ErpUnavailable(f"SAP's guard against repeated requests. {words}", code=cause)
    if status == code.UNAUTHORIZED:
        return ErpUnavailable(f"SAP refused the login. {words}".strip(), code="sap.credentials", sent=False)
    if status == code.REQUEST_TIMEOUT or status >= code.INTERNAL_SERVER_ERROR:
        return ErpUnavailable(f"SAP answered HTTP {status}. {words}".strip(), code=f"sap.http_{status}")
    if status == code.TOO_MANY_REQUESTS:
        wait = headers.get("retry-after", "")
        hint = f", wants {wait} s of quiet" if wait.isdecimal() else ""
        pause = float(wait) if wait.isdecimal() else None
        return ErpUnavailable(
            f"SAP takes no more calls now{hint}", code="sap.busy", sent=False, retry_after=pause
        )
    if status in (code.PRECONDITION_FAILED, code.CONFLICT):
        return ErpUnavailable(
            f"SAP: the record was changed meanwhile. {words}".strip(), code="sap.stale", sent=False
        )
    if status == code.PRECONDITION_REQUIRED:
        return ErpRejected("sap.etag_missing", f"SAP wants to know which version is changed. {words}".strip())
    if message and (message.code.startswith("/IWFND/MED") or _NO_SERVICE.search(message.text)):
        return ErpRejected("sap.no_service", f"SAP does not offer this service here. {words}")
    if status == code.NOT_FOUND:
        return ErpRejected("erp.not_found", words or "SAP has no such record")
    if status == code.FORBIDDEN:
        return ErpRejected("sap.not_authorised", words or "SAP does not allow this user to do it")
    if message is None:
        return ErpRejected(f"sap.http_{status}", f"SAP refused the request with HTTP {status}")
    cause = cause_of(message)
    if cause.endswith(".busy"):
        return ErpUnavailable(f"SAP: {words}", code=cause, sent=False)
    return ErpRejected(cause, words)
