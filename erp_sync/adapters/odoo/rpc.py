"""Odoo's two protocols on the wire: JSON-2 (from 19) and XML-RPC (before), and what each of their errors means.

Owns how a call is written, how its result is read, and the table of causes. In both one call is one transaction: an
error Odoo itself words was rolled back. Format sources: Odoo's External JSON-2 API and External RPC API pages.
Must not know: HTTP connections, postings.
"""

from __future__ import annotations

import json
import re
import xmlrpc.client  # the configured ERP's own answers; document types are refused before parsing
from collections.abc import Mapping, Sequence
from typing import Any
from xml.parsers.expat import ExpatError

from erp_sync.errors import ErpRejected, ErpUnavailable

#: How PostgreSQL and Odoo word that somebody else holds the row just now.
_BUSY = re.compile(
    r"could not serialize access|could not obtain lock|deadlock detected|LockNotAvailable|LockError|"
    r"SerializationFailure|ConcurrencyError|canceling statement due to lock",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"the model '?[\w.]+'? does not exist|Object [\w.]+ doesn't exist|KeyError: '[a-z_]+\.[\w.]+'"
)
_NO_METHOD = re.compile(
    r"has no attribute|method .* does not exist|Private methods|cannot be called remotely", re.IGNORECASE
)
#: How Odoo words that its own database went away under a call: whether the commit still went through, it can't know.
_DATABASE = re.compile(
    r"OperationalError|InterfaceError|AdminShutdown|CrashShutdown|CannotConnectNow|server closed the connection|"
    r"connection (?:already|is|has been) closed|terminating connection|could not connect to server|"
    r"connection to server|could not receive data|SSL connection has been closed|SSL SYSCALL",
    re.IGNORECASE,
)
_MISSING = re.compile(r"does not exist or has been deleted", re.IGNORECASE)
#: XML-RPC can't carry "nothing": said after the method ran and was committed.
_NOTHING = "cannot marshal None"
#: Numbers of XML-RPC faults as Odoo gives them.
ACCESS_DENIED, ACCESS_ERROR, WARNING = 3, 4, 2
#: What the reader of XML-RPC raises for anything else than an answer.
_UNREADABLE = (
    xmlrpc.client.Error, ExpatError, ValueError, TypeError, LookupError, AttributeError, AssertionError,
)  # fmt: skip
#: Said by what stands in front of Odoo, however it words its body.
_ON_THE_WAY = frozenset({408, 429, 502, 503, 504})


class Nothing(Exception):
    """The method ran and returned nothing, which XML-RPC can't say but as a fault."""


def json2_body(ids: Sequence[int] | None, context: Mapping[str, Any], params: Mapping[str, Any]) -> bytes:
    """The named arguments of one call; `ids` only for a method of records."""
    made: dict[str, Any] = {**params, "context": dict(context)}
    if ids is not None:
        made["ids"] = list(ids)
    return json.dumps(made).encode()


def json2_error(status: int, body: Any) -> ErpRejected | ErpUnavailable | None:
    """What Odoo's own error object means; None where the body is none."""
    if status in _ON_THE_WAY or not isinstance(body, Mapping) or not isinstance(body.get("message"), str):
        return None
    name, words = str(body.get("name") or ""), " ".join(body["message"].split())[:600]
    return _cause(name.rpartition(".")[2] or f"HTTP{status}", words, f"{name} {words}", status)


def xmlrpc_body(method: str, args: Sequence[Any]) -> bytes:
    return xmlrpc.client.dumps(tuple(args), methodname=method, allow_none=True).encode()


def xmlrpc_result(content: bytes) -> Any:
    """What a method returned. Raises ErpRejected or ErpUnavailable for a fault, Nothing, ValueError for garbage."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ValueError("a document type is not read")
    try:
        found, called = xmlrpc.client.loads(content, use_builtin_types=True)
    except xmlrpc.client.Fault as fault:
        raise _fault(fault) from None
    except _UNREADABLE as error:
        raise ValueError(f"{type(error).__name__} {error}") from None
    if called is not None or len(found) != 1:
        raise ValueError("no answer to a call")
    return found[0]


def _fault(fault: xmlrpc.client.Fault) -> Exception:
    text = str(fault.faultString)
    if _NOTHING in text:
        return Nothing()
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), text)
    name, _, words = last.partition(": ")
    kind = name.rpartition(".")[2] if words and re.fullmatch(r"[\w.]+", name) else ""
    code = fault.faultCode
    if code == ACCESS_DENIED:
        return _login(last)
    if code == ACCESS_ERROR:
        return ErpRejected("odoo.not_authorised", " ".join(text.split())[:600])
    if code == WARNING:
        return _cause("UserError", " ".join(text.split())[:600], text, 422)
    return _cause(kind or "Fault", (words or last)[:600], text, 500)


def _login(words: str) -> ErpUnavailable:
    return ErpUnavailable(f"Odoo refused the login. {words}".strip(), code="odoo.credentials", sent=False)


def _cause(kind: str, words: str, text: str, status: int) -> ErpRejected | ErpUnavailable:
    """One coded cause. Busy rows were rolled back, so nothing happened; a database lost meanwhile proves nothing."""
    if _BUSY.search(text):
        return ErpUnavailable(f"Odoo: somebody else holds the record. {words}", code="odoo.busy", sent=False)
    # In a traceback the lines of source are indented; what was raised is not.
    raised = "\n".join(line for line in text.splitlines() if not line[:1].isspace())
    if status >= 500 and _DATABASE.search(raised):
        return ErpUnavailable(f"Odoo lost its database during the call. {words}", code="odoo.database")
    if kind in ("AccessDenied", "Unauthorized") or status == 401:
        return _login(words)
    if kind in ("AccessError", "Forbidden"):
        return ErpRejected("odoo.not_authorised", words or "Odoo does not allow this user to do it")
    if _NO_MODEL.search(text):
        return ErpRejected("odoo.no_model", f"Odoo has no such model: is its module installed? {words}")
    if kind == "MissingError" or _MISSING.search(text):
        return ErpRejected("erp.not_found", words)
    if kind == "NotFound" or _NO_METHOD.search(text):
        return ErpRejected("odoo.no_method", f"Odoo does not offer this call: {words}")
    if kind in ("UserError", "ValidationError", "RedirectWarning"):
        return ErpRejected("odoo.refused", words)
    return ErpRejected("odoo.fault", f"{kind}: {words}")
