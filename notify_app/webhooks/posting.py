"""One webhook request: to the address that was judged, within one deadline, no redirects, little of the answer kept.

Never raises for anything a receiver does; every way it can end is an `Answer`. Knows no rows and opens no transaction.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import certifi
import httpcore

from notify_app.webhooks.targets import Network, TargetRefused, check, parts

#: Seconds one request may take in all, however slowly a receiver answers.
PATIENCE: Final = 10.0
#: Characters of the answer that are kept in the log.
EXCERPT: Final = 500
_READ: Final = 4 * EXCERPT


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request came to. `status` 0: there was no answer, `problem` says why. `away`: nobody is there at all."""

    status: int = 0
    problem: str = ""
    excerpt: str = ""
    retry_after: str = ""
    away: bool = False

    @property
    def accepted(self) -> bool:
        """The receiver has it: any 2xx."""
        return 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver wants nothing more, ever."""
        return self.status == 410


def post(
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    allowed: Sequence[Network],
    patience: float = PATIENCE,
) -> Answer:
    """Send one message. `allowed` are the plant's own networks, `patience` seconds in all."""
    deadline = time.monotonic() + patience
    try:
        scheme, _, _ = parts(url)
        guard = _Guard(encrypted=scheme == "https", allowed=allowed, deadline=deadline)
        with (
            httpcore.ConnectionPool(ssl_context=_tls(), network_backend=guard, max_connections=1) as pool,
            pool.stream("POST", url, headers=list(headers.items()), content=body) as response,
        ):
            return Answer(
                status=response.status, excerpt=_excerpt(response.iter_stream()),
                retry_after=_header(response.headers, b"retry-after"),
            )  # fmt: skip
    except TargetRefused as error:
        return Answer(problem=str(error))
    except httpcore.TimeoutException:
        return Answer(problem=f"no answer within {patience:g} seconds", away=True)
    except socket.gaierror as error:
        return Answer(problem=f"the host's name is not known: {error.strerror or error}", away=True)
    except (httpcore.NetworkError, OSError) as error:
        return Answer(problem=f"not reached: {error or type(error).__name__}"[:300], away=True)
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, ValueError) as error:
        return Answer(problem=f"the answer was no HTTP: {error or type(error).__name__}"[:300])


def _tls() -> ssl.SSLContext:
    """The machine's authorities and the well-known ones: a plant's own are installed on its machines."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _excerpt(chunks: Iterable[bytes]) -> str:
    """The beginning of the answer; what follows is not waited for."""
    found = b""
    try:
        for chunk in chunks:
            found += chunk
            if len(found) >= _READ:
                break
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        found += b" [...]"  # the status line has come; what the rest would have said changes nothing
    return found[:_READ].decode("utf-8", "replace").replace("\x00", "")[:EXCERPT]


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    return next((value.decode("latin-1")[:100] for key, value in headers if key.lower() == name), "")


class _Guard(httpcore.NetworkBackend):
    """Resolves, judges and connects in one step; every wait is bounded by what is left until the deadline."""

    def __init__(self, *, encrypted: bool, allowed: Sequence[Network], deadline: float) -> None:
        self._encrypted, self._allowed, self._deadline = encrypted, allowed, deadline
        self._plain = httpcore.SyncBackend()

    def left(self) -> float:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return seconds

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        # All of them: which one is met must not be a matter of luck.
        for address in addresses:
            check(address, encrypted=self._encrypted, allowed=self._allowed)
        for last, address in enumerate(addresses, start=1 - len(addresses)):
            try:
                stream = self._plain.connect_tcp(address, port, self.left(), local_address, socket_options)
            except httpcore.ConnectError:
                if last == 0:
                    raise
            else:
                return _Timed(stream, self)
        raise httpcore.ConnectError("the host has no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise TargetRefused("A webhook goes to a host.")

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, self.left()))


class _Timed(httpcore.NetworkStream):
    """A connection that never waits past the guard's deadline, however many bytes drip in."""

    def __init__(self, stream: httpcore.NetworkStream, guard: _Guard) -> None:
        self._stream, self._guard = stream, guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._guard.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._guard.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, self._guard.left()), self._guard)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
