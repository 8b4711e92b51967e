"""One connection to an SAP Gateway: OData V2 and V4 over HTTPS.

Owns login, the CSRF token and its cookies, ETags, paging, batches, and the sorting of every failure into
"certainly nothing happened" and "unclear". Speaks to the connection's own host only, whatever an answer links to.
Must not know: postings, canonical kinds, the outbox.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from core import clock
from erp_sync.adapters import outbound
from erp_sync.adapters.sap import batch, wire
from erp_sync.adapters.sap.auth import Access, Login
from erp_sync.adapters.sap.errors import refusal
from erp_sync.adapters.sap.wire import Row
from erp_sync.errors import ErpRejected, ErpUnavailable

#: Characters of an OData address that stay as they are.
_PLAIN = "/()'=,$-_.~"
_TOKEN = "x-csrf-token"  # noqa: S105 - the name of a header


@dataclass(frozen=True, slots=True)
class Service:
    """One OData service: its name for people and its root under the host."""

    name: str
    root: str


def _v2(name: str) -> Service:
    return Service(name, f"/sap/opu/odata/sap/{name}")


CONFIRMATIONS = _v2("API_PROD_ORDER_CONFIRMATION_2_SRV")
ORDERS = _v2("API_PRODUCTION_ORDER_2_SRV")
GOODS = _v2("API_MATERIAL_DOCUMENT_SRV")
STOCK = _v2("API_MATERIAL_STOCK_SRV")
DEFECTS = _v2("API_DEFECT_SRV")
INSPECTIONS = _v2("API_INSPECTIONLOT_SRV")
NOTIFICATIONS = _v2("API_MAINTNOTIFICATION")
PURCHASES = _v2("API_PURCHASEORDER_PROCESS_SRV")
SALES = _v2("API_SALES_ORDER_SRV")
PRODUCTS = _v2("API_PRODUCT_SRV")
WORK_CENTRES = Service("WORKCENTER", "/sap/opu/odata4/sap/api_work_center/srvd_a2x/sap/workcenter/0001")


class Client:
    """Calls on one SAP. `writes` counts calls that may have changed something.

    Each request opens its own connection, so a refused one proves that nothing was sent; a kept-alive connection
    that SAP closed in between would leave that open. Cookies are kept: SAP ties the CSRF token to its session.
    """

    def __init__(self, access: Access, *, transport: httpx.BaseTransport | None = None) -> None:
        self.access = access
        self.writes = 0
        self.server_time: datetime | None = None
        headers = {"Accept": "application/json", "Accept-Language": "en"}
        if access.sap_client:
            headers["sap-client"] = access.sap_client
        options: dict[str, Any] = {
            "timeout": httpx.Timeout(access.read_timeout, connect=access.connect_timeout)
        }
        if transport is not None:
            options["transport"] = transport
        self._http = outbound.client({"url": access.url}, headers=headers, **options)
        # The login service may be another host; SAP's cookies must not reach it.
        self._login_http = outbound.client({"token_url": access.token_url}, **options)
        self._login = Login(access, self._login_http)
        self._tokens: dict[str, str] = {}

    def close(self) -> None:
        self._http.close()
        self._login_http.close()

    def get(self, service: Service, path: str, **options: str) -> Row | None:
        """One entity, None where SAP has none. Raises ErpUnavailable, ErpRejected."""
        try:
            answer = self._ask("GET", self._url(service, path, options))
        except ErpRejected as error:
            if error.code == "erp.not_found":
                return None
            raise
        row = self._readable(answer, wire.row_of)
        etag = answer.headers.get("etag", "")
        if etag and not wire.etag_of(row):
            row["@odata.etag"] = etag
        return row

    def rows(self, service: Service, path: str, **options: str) -> Iterator[Row]:
        """Every row of a list, page after page. `options` without their `$`: filter, select, expand, orderby, top."""
        for page in self.pages(service, path, **options):
            yield from page

    def pages(self, service: Service, path: str, **options: str) -> Iterator[list[Row]]:
        """A list page by page, as SAP cuts it. The next page is asked of our own host whatever the link says."""
        url = self._url(service, path, options)
        seen: set[str] = set()
        while url:
            seen.add(url)
            found, link = self._readable(self._ask("GET", url), wire.rows_of)
            yield found
            url = self._own(service, link) if link else ""
            if url in seen:
                raise ErpRejected("sap.paging", f"SAP's list of {path} leads back to itself")

    def count(self, service: Service, path: str, **options: str) -> int:
        """How many rows a list has in all."""
        answer = self._ask(
            "GET", self._url(service, f"{path}/$count", options), accept="text/plain, application/json"
        )
        return self._readable(answer, lambda found: int(str(found)))

    def create(self, service: Service, path: str, body: Mapping[str, Any]) -> Row:
        """The new entity as SAP answers it.

        Where the Gateway's guard against repeated requests is set up, the request carries its headers: repeated on its
        way it takes effect once. Nothing here relies on it; a new try is a new request, since SAP would answer an old
        one with its old refusal. A Gateway without the guard refuses such requests, so a connection asks for it.
        """
        return self._readable(self._write("POST", service, path, body=body, once=True), wire.row_of)

    def change(self, service: Service, path: str, body: Mapping[str, Any], *, etag: str) -> None:
        """Change fields of an entity if it still is the version `etag` names. V2 wants the body under `d`."""
        self._write("PATCH", service, path, body={"d": dict(body)}, etag=etag)

    def delete(self, service: Service, path: str, *, etag: str) -> None:
        """Delete an entity if it still is the version `etag` names."""
        self._write("DELETE", service, path, etag=etag)

    def act(self, service: Service, name: str, *, etag: str = "", **params: Any) -> Row:
        """Result of a function import called by POST; its parameters go into the address."""
        literals = {key: wire.literal(value) for key, value in params.items()}
        answer = self._write("POST", service, name, query=literals, etag=etag)
        return self._readable(answer, wire.row_of) if answer.content else {}

    def together(self, service: Service, changes: Sequence[batch.Change]) -> None:
        """Several changes in one transaction of SAP's: all of them, or none and an error."""
        prepared = [
            batch.Change(one.method, quote(one.path, safe=_PLAIN), one.body, one.etag) for one in changes
        ]
        kind, content = batch.build(prepared)
        answer = self._write("POST", service, "$batch", content=content, content_type=kind)
        try:
            parts = batch.read(answer.headers.get("content-type", ""), answer.content)
        except ValueError as error:
            raise ErpUnavailable(f"SAP's answer was not readable: {error}", code="sap.garbled") from None
        for part in parts:
            if part.status >= httpx.codes.MULTIPLE_CHOICES:
                raise refusal(part.status, part.content, part.headers)
        if len(parts) != len(changes):
            raise ErpUnavailable("SAP's answer has not one part for each change", code="sap.garbled")

    def metadata(self, service: Service) -> None:
        """Ask a service for its description, to see that it is there and lets us in."""
        self._ask("GET", self._url(service, "$metadata", {}), accept="application/xml")

    def _url(self, service: Service, path: str, options: Mapping[str, str]) -> str:
        plain = {name if name.startswith("$") else f"${name}": value for name, value in options.items()}
        query = f"?{urlencode(plain, quote_via=quote, safe='$,')}" if plain else ""
        return f"{self.access.url}{service.root}/{quote(path, safe=_PLAIN)}{query}"

    def _own(self, service: Service, link: str) -> str:
        """A next-page link on our own host: only what follows the service's root is taken from it."""
        _, found, rest = link.partition(f"{service.root}/")
        if not found and "://" not in link and not link.startswith("/"):
            rest, found = link, "relative"
        if not found:
            raise ErpRejected("sap.paging", "SAP's link to the next page leaves the service it belongs to")
        return f"{self.access.url}{service.root}/{rest}"

    def _write(
        self,
        method: str,
        service: Service,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
        content_type: str = "application/json",
        etag: str = "",
        once: bool = False,
    ) -> httpx.Response:
        """A changing request with the service's token; one answered "Required" is sent again with a fresh one."""
        url = self._url(service, path, {})
        marks = _repeatable() if once and self.access.repeatable else {}
        if query:
            url += f"?{urlencode(query, quote_via=quote)}"
        for fresh in (False, True):
            headers = {_TOKEN: self._token(service, fresh=fresh), **marks}
            if etag:
                headers["If-Match"] = etag
            try:
                answer = self._ask(
                    method, url, body=body, content=content, kind=content_type, headers=headers
                )
            except _TokenWanted:
                continue
            except ErpUnavailable as error:
                self.writes += error.sent
                raise
            except ErpRejected:
                self.writes += 1
                raise
            self.writes += 1
            return answer
        raise ErpUnavailable("SAP takes none of its own CSRF tokens", code="sap.csrf", sent=False)

    def _token(self, service: Service, *, fresh: bool) -> str:
        """The CSRF token of a service, fetched with a read. Nothing is written by that, so nothing was sent."""
        if not fresh and service.root in self._tokens:
            return self._tokens[service.root]
        try:
            answer = self._ask("GET", self._url(service, "", {}), headers={_TOKEN: "Fetch"})
        except ErpUnavailable as error:
            raise ErpUnavailable(error.message, code=error.code, sent=False) from None
        token = str(answer.headers.get(_TOKEN, ""))
        if not token or token.lower() == "required":
            raise ErpUnavailable(f"{service.name} gave no CSRF token", code="sap.csrf", sent=False)
        self._tokens[service.root] = token
        return token

    def _ask(self, method: str, url: str, **given: Any) -> httpx.Response:
        """One request; a login that has ended is renewed once, since SAP checks it before anything runs."""
        try:
            return self._send(method, url, **given)
        except ErpUnavailable as error:
            if error.code != "sap.credentials" or not self._login.renewable:
                raise
        self._login.forget()
        return self._send(method, url, **given)

    def _send(
        self,
        method: str,
        url: str,
        *,
        body: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
        accept: str = "",
    ) -> httpx.Response:
        request = self._http.build_request(
            method, url, json=body, content=content, headers=dict(headers or {})
        )
        if content is not None:
            request.headers["Content-Type"] = kind
        if accept:
            request.headers["Accept"] = accept
        self._login.apply(request)
        try:
            answer = self._http.send(request)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
        ) as error:
            raise ErpUnavailable(
                f"SAP is not reachable: {error}", code="sap.unreachable", sent=False
            ) from None
        except httpx.HTTPError as error:
            name = type(error).__name__
            raise ErpUnavailable(
                f"SAP's answer did not arrive ({name}) {error}".strip(), code="sap.no_answer"
            ) from None
        with suppress(ValueError, KeyError):
            self.server_time = parsedate_to_datetime(answer.headers["date"])
        if answer.status_code < httpx.codes.MULTIPLE_CHOICES:
            return answer
        wanted = answer.headers.get(_TOKEN, "").lower() == "required"
        if answer.status_code == httpx.codes.FORBIDDEN and wanted and method != "GET":
            raise _TokenWanted
        raise refusal(answer.status_code, answer.content, answer.headers)

    @staticmethod
    def _readable(answer: httpx.Response, read: Any) -> Any:
        try:
            return read(answer.json())
        except ValueError as error:
            raise ErpUnavailable(f"SAP's answer was not readable: {error}", code="sap.garbled") from None


def _repeatable() -> dict[str, str]:
    """Headers that name one request: 32 hex digits, and when it was made."""
    return {
        "RequestID": uuid.uuid4().hex.upper(),
        "RepeatabilityCreation": f"{clock.now():%Y-%m-%dT%H:%M:%S}",
    }


class _TokenWanted(Exception):
    """HTTP 403 with "Required": checked before anything runs, so nothing happened."""
