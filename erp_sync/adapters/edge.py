"""The edge to an ERP's own host over HTTP, and what a status alone proves.

Owns one connection's requests, the size limit of an answer, the ERP's clock as its answers tell it, and the sorting of
failures into "certainly nothing happened" and "unclear". Which hosts may be reached is `outbound`'s. Must not know:
postings, what an answer says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from erp_sync.adapters import outbound
from erp_sync.errors import ErpUnavailable

#: Far above any page that is asked for; a host gone wild must not fill our memory.
MOST_BYTES = 32_000_000


def http_codes(name: str, product: str) -> dict[str, str]:
    """What to do about a status nobody worded, for a connector's profile."""
    refused = (
        f"Something in front of {product} refuses the call: a proxy, a firewall or a limit. Ask who keeps it."
    )
    unclear = (
        f"{product} or something in front of it failed; it is looked up by itself. If it stays, see its log."
    )
    return {f"{name}.http_{status}": refused for status in (400, 403, 405, 406, 411, 413, 414, 415, 431)} | {
        f"{name}.http_{status}": unclear for status in (408, 500, 501, 502, 503, 504, 520, 522, 524)
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The body as JSON; None where it is none (a proxy's page, a cut answer)."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None


class Edge:
    """Requests to one ERP. `product` is its name for people, `name` begins the error codes.

    Each request opens its own connection, so a refused one proves that nothing was sent; a kept-alive connection the
    other side closed in between would leave that open. `settings`: url, connect_timeout, read_timeout in seconds.
    """

    def __init__(self, settings: Mapping[str, Any], *, product: str, name: str) -> None:
        self.url = str(settings["url"]).rstrip("/")
        self.product = product
        self.name = name
        self.server_time: datetime | None = None
        self._http = outbound.client(
            {"url": self.url},
            timeout=httpx.Timeout(
                float(settings.get("read_timeout") or 60), connect=float(settings.get("connect_timeout") or 5)
            ),
            headers={"Accept": "application/json"},
        )

    def close(self) -> None:
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer to one request. Raises ErpUnavailable, with `sent` False where nothing can have arrived."""
        try:
            with self._http.stream(
                method, f"{self.url}{path}", content=content, params=params, headers=dict(headers or {})
            ) as answer:
                kept = bytearray()
                for piece in answer.iter_bytes():
                    kept += piece
                    if len(kept) > MOST_BYTES:
                        raise self.unavailable("garbled", f"{self.product}'s answer is too large")
                with suppress(ValueError, KeyError):
                    self.server_time = parsedate_to_datetime(answer.headers["date"])
                return Answer(answer.status_code, answer.headers, bytes(kept))
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
            httpx.InvalidURL,
        ) as error:
            words = f"{self.product} is not reachable: {error}"
            raise self.unavailable("unreachable", words, sent=False) from None
        except httpx.HTTPError as error:
            words = f"{self.product}'s answer did not arrive ({type(error).__name__}) {error}".strip()
            raise self.unavailable("no_answer", words) from None

    def unavailable(self, code: str, words: str, *, sent: bool = True) -> ErpUnavailable:
        return ErpUnavailable(words, code=f"{self.name}.{code}", sent=sent)

    def trouble(self, answer: Answer, words: str = "") -> ErpUnavailable | None:
        """What a status alone says of the way there; None where the ERP itself has spoken and its words decide.

        Refused logins, throttling and being sent elsewhere come before anything runs; from 500 on it may have acted.
        """
        code, said = httpx.codes, f" {words}" if words else ""
        if httpx.codes.MULTIPLE_CHOICES <= answer.status < code.BAD_REQUEST:
            return self.unavailable(
                "redirected",
                f"{self.product} sends us elsewhere (HTTP {answer.status}): is there a login page in front of it?",
                sent=False,
            )
        if answer.status == code.UNAUTHORIZED:
            return self.unavailable("credentials", f"{self.product} refused the login.{said}", sent=False)
        if answer.status == code.TOO_MANY_REQUESTS:
            wait = answer.headers.get("retry-after", "")
            hint = f", wants {wait} s of quiet" if wait.isdecimal() else ""
            busy = self.unavailable("busy", f"{self.product} takes no more calls now{hint}", sent=False)
            busy.retry_after = float(wait) if wait.isdecimal() else None
            return busy
        if answer.status == code.REQUEST_TIMEOUT or answer.status >= code.INTERNAL_SERVER_ERROR:
            return self.unavailable(
                f"http_{answer.status}", f"{self.product} answered HTTP {answer.status}.{said}"
            )
        return None

    def garbled(self, why: str = "") -> ErpUnavailable:
        """An answer that says "done" in a way nobody can read: what happened is open."""
        return self.unavailable("garbled", f"{self.product}'s answer was not readable {why}".strip())
