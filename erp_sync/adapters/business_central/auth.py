"""Getting in: an access token bought with client credentials (RFC 6749, section 4.4) from Microsoft Entra.

Owns the token's address and life; one that ends is bought anew before it does. Secrets are held in memory only and
never shown. Must not know: what is asked of Business Central once inside.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx

from erp_sync.adapters import outbound
from erp_sync.errors import ErpUnavailable

SCOPE = "https://api.businesscentral.dynamics.com/.default"
ENTRA = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
#: A token is bought anew this long before it ends, so that none ends on the way. Seconds.
EARLY = 60.0
_REFUSED = (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)


class Login:
    """The bearer token of one connection. `settings`: username (client id), password, tenant or token_url, scope."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        tenant = str(settings.get("tenant") or "")
        self._url = str(settings.get("token_url") or "") or (ENTRA.format(tenant=tenant) if tenant else "")
        self._form = {
            "grant_type": "client_credentials",
            "client_id": str(settings.get("username") or ""),
            "client_secret": str(settings.get("password") or ""),
            "scope": str(settings.get("scope") or "") or SCOPE,
        }
        self._http = outbound.client(
            {"token_url": self._url},
            timeout=httpx.Timeout(
                float(settings.get("read_timeout") or 60), connect=float(settings.get("connect_timeout") or 5)
            ),
        )
        self._token = ""
        self._until = 0.0

    def close(self) -> None:
        self._http.close()

    def forget(self) -> None:
        """The next request buys a new token."""
        self._token = ""

    def header(self) -> dict[str, str]:
        """The Authorization header. Raises ErpUnavailable (nothing was asked of the ERP) when no token is to be had."""
        if not self._token or time.monotonic() >= self._until:
            self._buy()
        return {"Authorization": f"Bearer {self._token}"}

    def _buy(self) -> None:
        if not self._url:
            raise _no_token("the connection names neither tenant nor token address")
        try:
            answer = self._http.post(self._url, data=self._form, headers={"Accept": "application/json"})
        except httpx.HTTPError as error:
            raise _no_token(f"Microsoft's login service is not reachable: {type(error).__name__}") from None
        if answer.status_code in _REFUSED:
            raise _no_token(
                f"Microsoft's login service refused the application (HTTP {answer.status_code})",
                code="business_central.credentials",
            )
        if answer.status_code != httpx.codes.OK:
            raise _no_token(f"Microsoft's login service answered HTTP {answer.status_code}")
        try:
            body = answer.json()
            token, life = str(body["access_token"]), float(body.get("expires_in", 600))
        except (ValueError, KeyError, TypeError):
            raise _no_token("Microsoft's login service gave no token") from None
        self._token, self._until = token, time.monotonic() + max(life - EARLY, 0.0)


def _no_token(words: str, *, code: str = "business_central.login") -> ErpUnavailable:
    return ErpUnavailable(words, code=code, sent=False)
