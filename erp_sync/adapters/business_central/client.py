"""One company of Business Central over API v2.0: OData V4 with JSON.

Owns addresses, the login's renewal, versions (If-Match), paging, numbers on the wire, and what each refusal proves.
Error codes are those Microsoft documents for OData; texts are shown, never read for a meaning, but for a lock's. Must
not know: postings, canonical kinds, the outbox.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from erp_sync.adapters.business_central.auth import Login
from erp_sync.adapters.edge import Answer, Edge
from erp_sync.errors import ErpRejected, ErpUnavailable

Row = dict[str, Any]
API = "/api/v2.0"
NAME = "business_central"
#: Rows of a page that is asked for; the service's own limit is far above.
SIZE = 200
_GUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_LOCKED = re.compile(r"\block(ed)? (by|from) another (user|session|process)\b", re.IGNORECASE)
#: Documented codes that name a cause; others keep the name of what kind of error they are.
CODES = {
    "BadRequest_ResourceNotFound": "no_service",
    "BadRequest_MethodNotAllowed": "no_service",
    "Internal_CompanyNotFound": "no_company",
    "Internal_EntityWithSameKeyExists": "exists",
    "Internal_InvalidTableRelation": "unknown_code",
    "Application_FieldValidationException": "field",
    "Application_StringExceededLength": "length",
    "Application_DialogException": "refused",
}
_STALE = ("Request_EntityChanged", "BadRequest_InvalidToken")
_MISSING = ("BadRequest_NotFound", "Internal_RecordNotFound", "Internal_DataNotFoundFilter")


class Client:
    """Calls on one company. `writes` counts calls that may have changed something."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._edge = Edge(settings, product="Business Central", name=NAME)
        self._login = Login(settings)
        self._prefix = "" if self._edge.url.endswith(API) else API
        self._named = str(settings.get("database") or "")
        self._company = self._named if _GUID.match(self._named) else ""
        self.writes = 0

    @property
    def server_time(self) -> datetime | None:
        return self._edge.server_time

    def close(self) -> None:
        self._edge.close()
        self._login.close()

    def company(self) -> str:
        """The id of the connection's company, looked up by its name once. Raises ErpRejected `...no_company`."""
        if not self._company:
            found = self._pages("/companies", {"$filter": f"name eq {literal(self._named)}"})
            rows = [row for page, _ in found for row in page]
            if len(rows) != 1:
                raise ErpRejected(f"{NAME}.no_company", f"Business Central has no company {self._named!r}")
            self._company = str(rows[0]["id"])
        return self._company

    def path(self, rest: str) -> str:
        """The address of something in the company, as it is shown: the company by its name where no id is known."""
        return f"{API}/companies({self._company or self._named or '...'})/{rest}"

    def rows(self, entity: str, **options: str) -> Iterator[Row]:
        """Every row of a list, page after page. `options` without their `$`."""
        for page, _ in self.pages(entity, **options):
            yield from page

    def pages(self, entity: str, **options: str) -> Iterator[tuple[list[Row], int | None]]:
        """A list page by page, with the count of all rows where `count` was asked for (in the first page)."""
        query = {f"${name}": value for name, value in options.items()}
        yield from self._pages(f"/companies({self.company()})/{entity}", query)

    def get(self, entity: str) -> Row | None:
        """One row, None where there is none."""
        try:
            return self._row(self._ask("GET", f"/companies({self.company()})/{entity}"))
        except ErpRejected as error:
            if error.code == "erp.not_found":
                return None
            raise

    def create(self, entity: str, body: Mapping[str, Any]) -> Row:
        """The new row as it is answered."""
        return self._row(self._write("POST", entity, body))

    def change(self, entity: str, body: Mapping[str, Any], *, etag: str) -> None:
        """Change fields of a row if it still is the version `etag` names."""
        self._row(self._write("PATCH", entity, body, etag=etag))

    def delete(self, entity: str, *, etag: str) -> None:
        """Delete a row if it still is the version `etag` names."""
        self._write("DELETE", entity, etag=etag)

    def act(self, entity: str, action: str) -> None:
        """Call a bound action without parameters, which answers with nothing."""
        if self._write("POST", f"{entity}/Microsoft.NAV.{action}").content.strip():
            raise self._edge.garbled("(an action answers with nothing)")

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[tuple[list[Row], int | None]]:
        address = path + (f"?{urlencode(query, quote_via=quote, safe='$,()')}" if query else "")
        seen: set[str] = set()
        while address:
            seen.add(address)
            body = self._read(self._ask("GET", address, headers={"Prefer": f"odata.maxpagesize={SIZE}"}))
            found = body.get("value") if isinstance(body, dict) else None
            if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
                raise self._edge.garbled("(no list)")
            count = body.get("@odata.count")
            yield found, int(count) if count is not None else None
            address = self._own(str(body.get("@odata.nextLink") or ""))
            if address in seen:
                raise ErpRejected(f"{NAME}.paging", f"the list of {path} leads back to itself")

    @staticmethod
    def _own(link: str) -> str:
        """What follows the service's root in a link; it is asked of our own host whatever host the link names."""
        if not link:
            return ""
        _, found, rest = link.partition(f"{API}/")
        if not found:
            raise ErpRejected(f"{NAME}.paging", "the link to the next page leaves the service it belongs to")
        return f"/{rest}"

    def _write(
        self, method: str, entity: str, body: Mapping[str, Any] | None = None, *, etag: str = ""
    ) -> Answer:
        path = f"/companies({self.company()})/{entity}"
        headers = {"If-Match": etag} if etag else {}
        content = None
        if body is not None:
            content = json.dumps({name: _number(value) for name, value in body.items()}).encode()
            headers["Content-Type"] = "application/json"
        try:
            answer = self._ask(method, path, content=content, headers=headers)
        except ErpUnavailable as error:
            self.writes += error.sent
            raise
        except ErpRejected:
            self.writes += 1
            raise
        self.writes += 1
        return answer

    def _ask(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; a token that ended is renewed once, since it is looked at before anything runs."""
        for again in (False, True):
            told = {"Accept-Language": "en-US", **(headers or {}), **self._login.header()}
            answer = self._edge.ask(method, f"{self._prefix}{path}", content=content, headers=told)
            if answer.status != httpx.codes.UNAUTHORIZED or again:
                break
            self._login.forget()
        if answer.status < httpx.codes.MULTIPLE_CHOICES:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> ErpRejected | ErpUnavailable:
        """What an answer of 300 or above means. Below 500 nothing happened, from 500 on it may have."""
        code, words = _error(answer)
        if trouble := self._edge.trouble(answer, words):
            return trouble
        if code in _STALE or answer.status in (httpx.codes.CONFLICT, httpx.codes.PRECONDITION_FAILED):
            return ErpUnavailable(
                f"the record was changed meanwhile. {words}", code=f"{NAME}.stale", sent=False
            )
        if _LOCKED.search(words):
            return ErpUnavailable(words, code=f"{NAME}.locked.busy", sent=False)
        if code in CODES:
            return ErpRejected(f"{NAME}.{CODES[code]}", words)
        if code in _MISSING or answer.status == httpx.codes.NOT_FOUND:
            return ErpRejected("erp.not_found", words or "Business Central has no such record")
        if code.startswith("Authorization_") or answer.status == httpx.codes.FORBIDDEN:
            return ErpRejected(f"{NAME}.not_authorised", words or "Business Central does not allow it")
        return ErpRejected(f"{NAME}.refused", words or f"Business Central refused it (HTTP {answer.status})")

    def _read(self, answer: Answer) -> Any:
        try:
            return json.loads(answer.content, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            raise self._edge.garbled(f"({error})") from None

    def _row(self, answer: Answer) -> Row:
        found = self._read(answer)
        if not isinstance(found, dict):
            raise self._edge.garbled("(no row)")
        return found


def _error(answer: Answer) -> tuple[str, str]:
    """(documented code, words) of an error body; empty where it is none."""
    body = answer.json()
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    code = str(error.get("code") or "")
    words = " ".join(str(error.get("message") or "").split())
    return code, f"{code}: {words}"[:800] if code else words[:800]


def literal(value: str) -> str:
    """A text in an OData filter."""
    return "'" + value.replace("'", "''") + "'"


def etag_of(row: Mapping[str, Any]) -> str:
    """The version of a row as read."""
    return str(row.get("@odata.etag") or "")


def _number(value: Any) -> Any:
    """A decimal as a JSON number. Raises ErpRejected where that would not be the same number."""
    if not isinstance(value, Decimal):
        return value
    if value == value.to_integral_value():
        return int(value)
    written = float(value)
    if Decimal(repr(written)) != value:
        raise ErpRejected(f"{NAME}.digits", f"{value} has more digits than Business Central keeps")
    return written
