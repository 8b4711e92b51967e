"""Photos, voice notes and files of messengers, fetched from the provider that keeps them: WhatsApp, Twilio, Slack.

Only the provider's own hosts are asked, so that no message can make us call an address of its choosing; the key goes to
the source's base address alone. Sizes and times are bounded. Knows no rows; registers itself with `fetchers`.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx

from exceptions_app.channels import slack, twilio, whatsapp
from exceptions_app.channels.fetchers import FetchFailed, register
from exceptions_app.channels.messages import document

MOST_BYTES: Final = 25_000_000
#: Seconds: to connect and for each read, and for one file altogether.
PATIENCE: Final = httpx.Timeout(10.0, connect=5.0)
DEADLINE_SECONDS: Final = 60.0
MOST_HOPS: Final = 4
WHATSAPP_HOSTS: Final = ("lookaside.fbsbx.com", ".fbcdn.net", ".whatsapp.net")
TWILIO_HOSTS: Final = (".twilio.com", ".twiliocdn.com", "s3-external-1.amazonaws.com")
SLACK_HOSTS: Final = (".slack.com", ".slack-files.com")


@dataclass(frozen=True, slots=True)
class Way:
    """Where a file may come from and what proves us: `hosts` beside the base address, the key for `keyed` ones."""

    base_url: str
    hosts: tuple[str, ...]
    headers: Mapping[str, str]
    auth: tuple[str, str] | None = None
    keyed: tuple[str, ...] = ()

    def allows(self, url: str) -> bool:
        """Whether the address is the provider's: HTTPS on a named host, or the base address itself."""
        if self.is_base(url):
            return True
        host = _split(url)
        return (
            host is not None and host[0] == "https" and host[2] in (None, 443) and _among(host[1], self.hosts)
        )

    def is_base(self, url: str) -> bool:
        given, base = _split(url), _split(self.base_url)
        return given is not None and given == base

    def knows(self, url: str) -> bool:
        """Whether the key may be shown to this address."""
        host = _split(url)
        return self.is_base(url) or (host is not None and _among(host[1], self.keyed))


def _split(url: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return None
    return parts.scheme, parts.hostname.lower(), port


def _among(host: str, allowed: tuple[str, ...]) -> bool:
    return any(host == one or (one.startswith(".") and host.endswith(one)) for one in allowed)


def base_of(config: Mapping[str, Any], default: str) -> str:
    """The source's own base address of the provider, else the provider's."""
    return str(config.get("base_url") or default).rstrip("/")


def whatsapp_file(config: Mapping[str, Any], secrets: Mapping[str, Any], ref: str) -> tuple[bytes, str, str]:
    """Bytes, content type and name of a WhatsApp medium by its id: the id gives an address, the address the bytes.

    FetchFailed says why not.
    """
    if not ref.isascii() or not ref.replace("-", "").replace("_", "").isalnum():
        raise FetchFailed("that is no id of a WhatsApp file", final=True)
    token = _key(secrets, "access_token")
    base = base_of(config, whatsapp.BASE_URL)
    way = Way(base, WHATSAPP_HOSTS, {"Authorization": f"Bearer {token}"}, keyed=WHATSAPP_HOSTS[:1])
    told, _ = _get(way, f"{base}/{ref}", most=100_000)
    try:
        found = document(told)
    except ValueError:
        raise FetchFailed("WhatsApp's answer about the file was not understood") from None
    data, content_type = _get(way, str(found.get("url") or ""), most=MOST_BYTES)
    return data, str(found.get("mime_type") or content_type), ""


def twilio_file(config: Mapping[str, Any], secrets: Mapping[str, Any], ref: str) -> tuple[bytes, str, str]:
    """Bytes, content type and name of a file Twilio keeps, by its address. FetchFailed says why not."""
    auth = (str(config.get("account_sid") or ""), _key(secrets, "auth_token"))
    way = Way(base_of(config, twilio.BASE_URL), TWILIO_HOSTS, {}, auth=auth, keyed=("api.twilio.com",))
    data, content_type = _get(way, ref, most=MOST_BYTES)
    return data, content_type, ""


def slack_file(config: Mapping[str, Any], secrets: Mapping[str, Any], ref: str) -> tuple[bytes, str, str]:
    """Bytes, content type and name of a file in Slack, by its private address. FetchFailed says why not."""
    token = _key(secrets, "bot_token")
    way = Way(
        base_of(config, slack.BASE_URL), SLACK_HOSTS, {"Authorization": f"Bearer {token}"}, keyed=(".slack.com",)
    )  # fmt: skip
    data, content_type = _get(way, ref, most=MOST_BYTES)
    if content_type.startswith("text/html"):  # Slack shows its login page instead of refusing
        raise FetchFailed("Slack asked for a login: the bot token needs files:read", final=True)
    return data, content_type, urlsplit(ref).path.rpartition("/")[2]


def _key(secrets: Mapping[str, Any], name: str) -> str:
    key = str(secrets.get(name) or "")
    if not key:
        raise FetchFailed(f"the source has no {name.replace('_', ' ')}", final=True)
    return key


def _get(way: Way, url: str, *, most: int) -> tuple[bytes, str]:
    """The bytes behind an address, every hop of a redirection checked. FetchFailed with what went wrong."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    with httpx.Client(timeout=PATIENCE, follow_redirects=False, trust_env=False) as client:
        for _ in range(MOST_HOPS):
            if not way.allows(url):
                raise FetchFailed("the file lies at an address that is not the provider's", final=True)
            known = way.knows(url)
            try:
                with client.stream(
                    "GET", url, headers=dict(way.headers) if known else {}, auth=way.auth if known else None
                ) as answer:
                    if answer.is_redirect:
                        url = urljoin(url, answer.headers.get("location", ""))
                        continue
                    _check(answer)
                    return _bytes(answer, most, deadline), answer.headers.get("content-type", "")
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise FetchFailed(f"the provider did not answer: {type(error).__name__}") from None
    raise FetchFailed("the provider sends from address to address", final=True)


def _check(answer: httpx.Response) -> None:
    status = answer.status_code
    if status == 200:
        return
    wait = answer.headers.get("retry-after", "")
    if status == 429 or status >= 500:
        seconds = float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else None
        raise FetchFailed(f"the provider answered {status}", retry_after=seconds)
    if status in (401, 403):
        raise FetchFailed(f"the provider refused our key ({status})")
    # Twilio answers 404 until it has stored what it announced; the attempts are counted by the caller.
    raise FetchFailed(f"the provider does not have it ({status})", final=status == 410)


def _bytes(answer: httpx.Response, most: int, deadline: float) -> bytes:
    data = bytearray()
    for chunk in answer.iter_bytes():
        data += chunk
        if len(data) > most:
            raise FetchFailed(f"larger than {most // 1_000_000} MB", final=True)
        if time.monotonic() > deadline:
            raise FetchFailed("the file came too slowly")
    return bytes(data)


#: Adapters whose files are fetched here.
CODES: Final = (whatsapp.ADAPTER.code, twilio.ADAPTER.code, slack.ADAPTER.code)
for _code, _fetcher in zip(CODES, (whatsapp_file, twilio_file, slack_file), strict=True):
    register(_code, _fetcher)
