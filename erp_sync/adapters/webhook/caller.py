"""One HTTP request to the connection's own host, and the sorting of its failures.

Owns time-outs, the size limit of an answer and which failures prove that nothing was sent. Redirects are not followed
and no proxy of the environment is used: what is sent reaches the configured host or nobody. Must not know: postings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from erp_sync.adapters import port
from erp_sync.errors import ErpUnavailable

MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an answer."""

    status: int
    body: bytes


class Caller:
    """`settings`: url; `connect_timeout` and `read_timeout` in seconds (5, 30). `name` begins the error codes."""

    def __init__(self, settings: Mapping[str, Any], name: str, auth: tuple[str, str] | None = None) -> None:
        self.url = str(settings.get("url") or "")
        self._name = name
        self._http = httpx.Client(
            timeout=httpx.Timeout(
                float(settings.get("read_timeout", 30)), connect=float(settings.get("connect_timeout", 5))
            ),
            # A kept connection the other side closed meanwhile would leave open whether anything arrived.
            limits=httpx.Limits(max_keepalive_connections=0),
            auth=httpx.BasicAuth(*auth) if auth else None,
            follow_redirects=False,
            trust_env=False,
        )

    def call(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """The answer, whatever its status. Raises ErpUnavailable, with `sent` False where nothing can have arrived."""
        self._own_host(url)
        try:
            with self._http.stream(method, url, headers=dict(headers), content=body or None) as answer:
                content = b""
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > MOST_BYTES:
                        raise self._unavailable("the answer is too large", sent=True)
                return Answer(answer.status_code, content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise self._unavailable(str(error) or "no connection", sent=False) from None
        except httpx.InvalidURL as error:
            raise self._unavailable(f"the address can't be used: {error}", sent=False) from None
        except httpx.HTTPError as error:
            raise self._unavailable(f"no answer: {type(error).__name__} {error}".strip(), sent=True) from None

    def close(self) -> None:
        self._http.close()

    def _own_host(self, url: str) -> None:
        own, asked = urlsplit(self.url), urlsplit(url)
        if not own.hostname or own.scheme not in ("http", "https"):
            raise self._unavailable("the connection has no http address", sent=False)
        if (own.scheme, own.hostname, own.port) != (asked.scheme, asked.hostname, asked.port):
            raise self._unavailable(f"{asked.hostname} is not the connection's own host", sent=False)

    def _unavailable(self, words: str, *, sent: bool) -> ErpUnavailable:
        return ErpUnavailable(words, code=f"{self._name}.unavailable", sent=sent)


def refusal(status: int, name: str) -> port.Outcome | None:
    """What a status alone says: not acted on (retry) or unclear; None where the body decides."""
    if status in (401, 403):
        return port.Outcome("retry", error_code=f"{name}.login", message=f"HTTP {status}: we are not let in")
    if status == 429:
        return port.Outcome("retry", error_code=f"{name}.busy", message="HTTP 429: too many calls")
    if status in (404, 405, 410) or 300 <= status < 400:
        words = f"HTTP {status}: nothing takes postings at this address"
        return port.Outcome("retry", error_code=f"{name}.address", message=words)
    if status >= 500 or status in (408, 425):
        return port.Outcome("unknown", error_code=f"{name}.status", message=f"HTTP {status}")
    return None
