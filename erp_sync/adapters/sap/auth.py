"""Getting in: basic login, or a token bought with client credentials (RFC 6749, section 4.4).

Owns the connection's address and the token's life. Secrets are held in memory only and never shown.
Must not know: what is asked of SAP once inside.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from erp_sync.errors import ErpUnavailable

#: A token is fetched anew this long before it ends, so that none ends on the way. Seconds.
EARLY = 30.0


@dataclass(frozen=True, slots=True)
class Access:
    """Where SAP is and how to get in. Times in seconds; `sap_client` is SAP's three-digit client.

    `repeatable`: the Gateway's guard against repeated requests is set up, so that a create may name its request.
    """

    url: str
    username: str
    password: str = field(repr=False)
    sap_client: str = ""
    token_url: str = ""
    scope: str = ""
    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    repeatable: bool = False

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Access:
        """From a connection's settings; the connection's `database` is SAP's client."""
        return cls(
            url=str(settings["url"]).rstrip("/"),
            username=str(settings.get("username", "")),
            password=str(settings.get("password", "")),
            sap_client=str(settings.get("sap_client") or settings.get("database") or ""),
            token_url=str(settings.get("token_url", "")),
            scope=str(settings.get("scope", "")),
            connect_timeout=float(settings.get("connect_timeout", 5)),
            read_timeout=float(settings.get("read_timeout", 60)),
            repeatable=bool(settings.get("repeatable_requests", False)),
        )


class Login:
    """The Authorization header of each request. `forget` makes the next one buy a new token."""

    def __init__(self, access: Access, http: httpx.Client) -> None:
        self._access = access
        self._http = http
        self._token = ""
        self._until = 0.0

    @property
    def renewable(self) -> bool:
        """Whether a refused login may be cured by a fresh token."""
        return bool(self._access.token_url)

    def forget(self) -> None:
        self._token = ""

    def apply(self, request: httpx.Request) -> None:
        """Set the header. Raises ErpUnavailable (nothing sent) when no token is to be had."""
        if not self.renewable:
            basic = httpx.BasicAuth(self._access.username, self._access.password)
            next(basic.auth_flow(request))
            return
        if not self._token or time.monotonic() >= self._until:
            self._buy()
        request.headers["Authorization"] = f"Bearer {self._token}"

    def _buy(self) -> None:
        access = self._access
        form = {"grant_type": "client_credentials"} | ({"scope": access.scope} if access.scope else {})
        try:
            answer = self._http.post(
                access.token_url,
                data=form,
                auth=httpx.BasicAuth(access.username, access.password),
                headers={"Accept": "application/json"},
            )
        except httpx.HTTPError as error:
            raise ErpUnavailable(
                f"SAP's login service is not reachable: {error}", code="sap.login", sent=False
            ) from None
        if answer.status_code != httpx.codes.OK:
            refused = answer.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED)
            raise ErpUnavailable(
                f"SAP's login service answered HTTP {answer.status_code}",
                code="sap.credentials" if refused else "sap.login",
                sent=False,
            )
        try:
            body = answer.json()
            self._token = str(body["access_token"])
            life = float(body.get("expires_in", 600))
        except (ValueError, KeyError, TypeError):
            raise ErpUnavailable("SAP's login service gave no token", code="sap.login", sent=False) from None
        self._until = time.monotonic() + max(life - EARLY, 0.0)
