"""Whether the From line of a mail is proven. It is not by itself: anybody can write any address there.

Proof is the receiving server's own Authentication-Results (RFC 8601), found by the name that server signs them with,
or the provider's word about SPF or DKIM. DMARC's pass counts, or SPF or DKIM for a domain aligned with the From line.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_COMMENT: Final = re.compile(r"\([^()]{0,300}\)")
_RESULT: Final = re.compile(r"^\s*(dmarc|spf|dkim)\s*=\s*([a-z]+)(.*)$", re.IGNORECASE | re.DOTALL)
_PROPERTY: Final = re.compile(
    r"\b(header\.from|header\.d|header\.i|smtp\.mailfrom)\s*=\s*\"?([^\s;\"]{1,320})", re.I
)
LONGEST: Final = 6000


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the From line is proven, and by what, in the words of the one who says so."""

    proven: bool
    words: str = ""


def domain_of(address: str) -> str:
    """The domain of an address or of `@domain`, in lower case."""
    return address.rpartition("@")[2].strip("<> .").lower()


def aligned(one: str, other: str) -> bool:
    """Whether two domains belong together: equal, or one below the other (DMARC's relaxed alignment)."""
    if not one or not other or "." not in one or "." not in other:
        return False
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def by_results(results: Sequence[str], *, authserv: str, sender: str) -> Proof:
    """Judge the Authentication-Results headers, topmost first, for a From address.

    Only the first one that `authserv` signed counts: the receiving server writes it on top, and whatever lies below may
    have been sent along. Without a configured name nothing is proven.
    """
    wanted = authserv.strip().lower()
    if not wanted or not sender:
        return Proof(False, "no server is named whose check counts" if not wanted else "there is no sender")
    for result in results:
        plain = _COMMENT.sub(" ", result[:LONGEST])
        name, _, rest = plain.partition(";")
        if (name.split() or [""])[0].lower() == wanted:
            return _judge(rest, domain_of(sender), wanted)
    return Proof(False, f"{wanted} did not say that it checked the sender")


def _judge(results: str, domain: str, authserv: str) -> Proof:
    said: list[str] = []
    proven = ""
    for part in results.split(";")[:30]:
        found = _RESULT.match(part)
        if found is None:
            continue
        method, result = found.group(1).lower(), found.group(2).lower()
        said.append(f"{method}={result}")
        if result != "pass":
            if method == "dmarc" and result == "fail":
                return Proof(False, f"dmarc=fail ({authserv})")
            continue
        values = {name.lower(): domain_of(value) for name, value in _PROPERTY.findall(found.group(3))}
        if method == "dmarc":
            matched = values.get("header.from", domain) == domain
        elif method == "spf":
            matched = aligned(values.get("smtp.mailfrom", ""), domain)
        else:
            matched = aligned(values.get("header.d", "") or values.get("header.i", ""), domain)
        if matched:
            proven = proven or f"{method}=pass"
    if proven:
        return Proof(True, f"{proven} ({authserv})")
    return Proof(False, f"{', '.join(said[:6]) or 'nothing'} ({authserv})")


def by_spf(word: str, *, envelope: str, sender: str, who: str) -> Proof:
    """A provider's word about SPF: it proves the envelope's domain, which has to be the From line's."""
    passed = word.strip().lower().startswith("pass")
    if passed and aligned(domain_of(envelope), domain_of(sender)):
        return Proof(True, f"spf=pass ({who})")
    return Proof(False, f"spf={word.strip().lower()[:12] or 'none'} ({who})")


def by_dkim(domains: Sequence[str], *, sender: str, who: str) -> Proof:
    """A provider's word about which domains' DKIM signatures held."""
    if any(aligned(domain.lower().strip("@ ."), domain_of(sender)) for domain in domains):
        return Proof(True, f"dkim=pass ({who})")
    return Proof(False, f"dkim=none ({who})")
