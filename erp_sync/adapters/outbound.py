"""HTTP to the hosts of one connection and to nobody else, for every connector that speaks HTTP.

Owns the guard: scheme, name and port of each request are among those of the connection's own addresses, redirects are
never followed, no proxy or login of the environment is used, and links in answers are taken only when they stay. Must
not know: any ERP, postings.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urljoin

import httpx

from erp_sync.errors import ErpUnavailable

REFUSED = "erp.host_refused"
#: Settings of a connection that may name a host.
ADDRESSES = ("url", "token_url")
_PORTS = {"http": 80, "https": 443}
#: After these the request may have been acted on; after other redirects it was not.
_MAYBE_ACTED = (302, 303)

Host = tuple[str, str, int]


def hosts_of(settings: Mapping[str, Any], names: Iterable[str] = ADDRESSES) -> frozenset[Host]:
    """The hosts a connection's settings name. Addresses that are none are left out: what asks for them is refused."""
    found = (_host(str(settings.get(name) or "")) for name in names)
    return frozenset(host for host in found if host is not None)


class Guard:
    """The hosts one connection may speak to. Its hooks go into an `httpx.Client`, `own` reads links of answers."""

    def __init__(self, hosts: Iterable[Host]) -> None:
        self.hosts = frozenset(hosts)

    def check(self, address: str) -> None:
        """Raises ErpUnavailable `erp.host_refused` (nothing sent) unless `address` is at one of the hosts."""
        host = _host(address)
        if host is None:
            raise ErpUnavailable("the connection has no http address", code=REFUSED, sent=False)
        if host not in self.hosts:
            raise ErpUnavailable(f"{_name(host)} is not the connection's own host", code=REFUSED, sent=False)

    def own(self, base: str, link: str) -> str:
        """The address a link of an answer from `base` leads to. Raises ErpUnavailable where it leaves the hosts."""
        try:
            address = urljoin(base, link)
        except ValueError:
            raise ErpUnavailable(
                "a link of the ERP's answer is no address", code=REFUSED, sent=False
            ) from None
        self.check(address)
        return address

    def on_request(self, request: httpx.Request) -> None:
        """Hook: before anything is sent."""
        self.check(str(request.url))

    def on_response(self, response: httpx.Response) -> None:
        """Hook: a redirect to another host ends the call with a code of its own; to its own host it is not followed."""
        if not response.has_redirect_location:
            return
        try:
            aim = _host(urljoin(str(response.request.url), response.headers["location"]))
        except ValueError:
            aim = None
        if aim not in self.hosts:
            words = (
                f"the ERP sends us on to {_name(aim) if aim else 'no address'}, not the connection's own host"
            )
            raise ErpUnavailable(words, code=REFUSED, sent=response.status_code in _MAYBE_ACTED)


def client(settings: Mapping[str, Any], names: Iterable[str] = ADDRESSES, **options: Any) -> httpx.Client:
    """An `httpx.Client` that reaches the hosts `names` of `settings` name and no other; further `options` as there.

    Each request opens its own connection unless `limits` says otherwise, so that a refused one proves nothing arrived.
    """
    guard = Guard(hosts_of(settings, names))
    hooks: dict[str, list[Callable[..., Any]]] = {
        "request": [guard.on_request],
        "response": [guard.on_response],
    }
    options.setdefault("limits", httpx.Limits(max_keepalive_connections=0))
    options.setdefault("verify", _trusted())
    return httpx.Client(**options, event_hooks=hooks, follow_redirects=False, trust_env=False)


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates trusted for TLS, read once: reading them takes longer than many a request. Those of the machine
    are among them, since a plant's ERP often has one of the plant's own authority."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def _host(address: str) -> Host | None:
    """Read by who opens the connection, so that no address means one host here and another there."""
    try:
        parts = httpx.URL(address)
    except (httpx.InvalidURL, ValueError):
        return None
    scheme, name, port = parts.scheme, parts.raw_host.decode("ascii").lower().rstrip("."), parts.port
    if not name or scheme not in _PORTS:
        return None
    return scheme, name, _PORTS[scheme] if port is None else port


def _name(host: Host) -> str:
    scheme, name, port = host
    name = f"[{name}]" if ":" in name else name
    return f"{scheme}://{name}" if port == _PORTS[scheme] else f"{scheme}://{name}:{port}"
