"""Where a webhook may go. Pure.

An address an administrator types is fetched by our server, from inside the plant's network (OWASP: server-side request
forgery). So only public addresses are met, over TLS; networks named in the settings are met as well, also without TLS.
Judged is the resolved address, right before connecting to that very address, so no name can change its mind in between.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
_NAT64 = IPv6Network("64:ff9b::/96")


class TargetRefused(Exception):
    """The target must not be met; the words say why and what to do."""


def networks(lines: Iterable[str]) -> tuple[Network, ...]:
    """The networks named in the settings. ValueError names one that is none."""
    return tuple(ip_network(line, strict=False) for line in lines)


def parts(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address. TargetRefused says what is wrong with it."""
    try:
        found = urlsplit(url)
        port = found.port
    except ValueError as error:
        raise TargetRefused(f"This is no address: {error}.") from None
    if found.scheme not in ("https", "http") or not found.hostname:
        raise TargetRefused("An address begins with https:// and names a host.")
    if found.username is not None or found.password is not None:
        raise TargetRefused("An address carries no login; the signature proves who sends.")
    if found.fragment:
        raise TargetRefused("An address ends before the #.")
    if any(ord(letter) <= 32 or ord(letter) > 126 for letter in url):
        raise TargetRefused("An address has no blanks and no letters outside ASCII.")
    return found.scheme, found.hostname, port or (443 if found.scheme == "https" else 80)


def check(address: str, *, encrypted: bool, allowed: Sequence[Network]) -> None:
    """Refuse an address that is neither in an allowed network nor public and met over TLS."""
    ip = _inner(ip_address(address.partition("%")[0]))
    if any(ip.version == network.version and ip in network for network in allowed):
        return
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        raise TargetRefused(
            f"{ip} is not a public address. If it is the plant's own, name its network in WEBHOOK_PRIVATE_NETWORKS."
        )
    if not encrypted:
        raise TargetRefused("A public address is met over https:// only.")


def _inner(ip: Address) -> Address:
    """The IPv4 address an IPv6 one stands for (mapped, 6to4, NAT64); else the address itself."""
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        return inner or ip
    return ip
