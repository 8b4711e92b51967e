"""One HTTP request to the connection's own host, and the sorting of its failures.

Owns time-outs, the size limit of an answer and which failures prove that nothing was sent. Redirects are not followed
and no proxy of the environment is used: what is sent reaches the configured host or nobody (`outbound`). Must not
know: postings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from erp_sync.adapters import outbound, port
from erp_sync.adapters.filedrop.rules import numeric
from erp_sync.errors import ErpUnavailable

MOST_BYTES = 1_000_000
#: Settings of the connection form of those who call.
OPTIONS: tuple[port.Option, ...] = (
    port.Option("connect_timeout", "Time to connect", "number", 5, help="Seconds."),
    port.Option("read_timeout", "Time to answer", "number", 30, help="Seconds."),
    port.Option(
        "settle_seconds",
        "Settling time",
        "number",
        90,
        help="Seconds after an unclear answer before absent means absent.",
    ),
)
#: What to do about the codes that begin with a caller's name, for the error workbench.
CODES: Mapping[str, str] = {
    "login": "We are not let in. Look at the user and the secret of the connection.",
    "busy": "The ERP is busy with other calls or another user; it is sent again by itself.",
    "address": "Nothing takes postings at this address. Mend the address of the connection.",
    "status": "The ERP answered with an error of its own; it is looked up by itself.",
    "unavailable": "No answer came. It is looked up by itself once the ERP answers again.",
    "waiting": "The ERP has it; nothing to do until its acknowledgement comes.",
    "unexpected": "The answer could not be read as one. Look at the attempt, and at what the ERP holds under the key.",
    "half_done": "It is said again under the same key by itself.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an answer; `at` is the server's own clock, `wait` the seconds it wants to be left alone, where
    it says so."""

    status: int
    body: bytes
    at: datetime | None = None
    wait: float | None = None


class Caller:
    """`settings`: url; `connect_timeout` and `read_timeout` in seconds (5, 30). `name` begins the error codes.

    An answer may have `most_bytes`.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        name: str,
        auth: tuple[str, str] | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.url = str(settings.get("url") or "")
        self._name = name
        self._most = most_bytes
        self._http = outbound.client(
            settings,
            ("url",),
            timeout=httpx.Timeout(
                numeric(settings, "read_timeout", 30), connect=numeric(settings, "connect_timeout", 5)
            ),
            auth=httpx.BasicAuth(*auth) if auth else None,
        )

    def call(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """The answer, whatever its status. Raises ErpUnavailable, with `sent` False where nothing can have arrived."""
        try:
            with self._http.stream(method, url, headers=dict(headers), content=body or None) as answer:
                content = b""
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > self._most:
                        raise self._unavailable("the answer is too large", sent=True)
                at, wait = _moment(answer.headers.get("date", "")), answer.headers.get("retry-after", "")
                return Answer(answer.status_code, content, at, float(wait) if wait.isdecimal() else None)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise self._unavailable(str(error) or "no connection", sent=False) from None
        except httpx.InvalidURL as error:
            raise self._unavailable(f"the address can't be used: {error}", sent=False) from None
        except httpx.HTTPError as error:
            raise self._unavailable(f"no answer: {type(error).__name__} {error}".strip(), sent=True) from None

    def close(self) -> None:
        self._http.close()

    def _unavailable(self, words: str, *, sent: bool) -> ErpUnavailable:
        return ErpUnavailable(words, code=f"{self._name}.unavailable", sent=sent)


def refusal(answer: Answer, name: str) -> port.Outcome | None:
    """What a status alone says: not acted on (retry) or unclear; None where the body decides."""
    status, pause = answer.status, {} if answer.wait is None else {"retry_after": answer.wait}
    if status in (401, 403):
        return port.Outcome("retry", error_code=f"{name}.login", message=f"HTTP {status}: we are not let in")
    if status == 429:
        return port.Outcome("retry", error_code=f"{name}.busy", message="HTTP 429: too many calls", raw=pause)
    if status == 423:
        return port.Outcome(
            "retry", error_code=f"{name}.busy", message="HTTP 423: locked, somebody works on it", raw=pause
        )
    if status in (404, 405, 410) or 300 <= status < 400:
        words = f"HTTP {status}: nothing takes postings at this address"
        return port.Outcome("retry", error_code=f"{name}.address", message=words)
    if status >= 500 or status in (408, 425):
        return port.Outcome("unknown", error_code=f"{name}.status", message=f"HTTP {status}", raw=pause)
    return None


def codes_of(name: str) -> dict[str, str]:
    """What to do about the codes of a caller of this name."""
    return {f"{name}.{code}": words for code, words in CODES.items()}


def _moment(words: str) -> datetime | None:
    """The time of a Date header (RFC 9110, section 6.6.1), which is always UTC; None for anything else."""
    try:
        found = parsedate_to_datetime(words)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
