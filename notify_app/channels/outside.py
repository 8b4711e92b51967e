"""Everything else, through Apprise: Teams, Slack, SMS, WhatsApp, phone gateways; an address is one Apprise URL.

The URL is a secret: it is parsed here and never shown or logged, and what a provider says is cleaned of its parts. One
URL names one receiver, so a repeated try repeats one message. At least once: these services have no key to drop a
repetition by, so a message whose answer was lost on the way is sent again; a yes or a no is never repeated.
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import apprise
import requests
from apprise.common import NotifyType, OverflowMode

from core import clock
from notify_app.channels.port import Answer, Channel, HandOver, Keys, Letter, Refusal
from notify_app.channels.push import retry_after

CONNECT: Final = 4.0
READ: Final = 8.0
KINDS: Final = {"critical": NotifyType.FAILURE, "high": NotifyType.WARNING}
#: Services that send to a number; what reaches a phone beside whatever application.
PHONES: Final = frozenset(
    {
        "Africas Talking", "BulkSMS", "BulkVS", "Burst SMS", "ClickSend", "D7 Networks", "DAPNET", "FreeMobile",
        "httpSMS", "Kavenegar", "MessageBird", "MSG91", "Nexmo", "Plivo", "Seven", "Signal API", "Sinch",
        "SMS Manager", "SMSEagle", "Threema Gateway", "Twilio", "Twist", "Voip.ms", "Vonage", "WhatsApp",
        "AWS Simple Notification Service (SNS)", "Clickatell", "Bandwidth", "46elks",
    }
)  # fmt: skip
_PASSING: Final = frozenset({408, 425, 429})
_ASSET: Final = apprise.AppriseAsset(
    app_id="Execution layer", app_desc="Execution layer", app_url="", async_mode=False, secure_logging=True
)


@dataclass
class _Heard:
    """What went on during one call on this thread."""

    statuses: list[int] = field(default_factory=list)
    after: float | None = None
    unanswered: str = ""
    words: list[str] = field(default_factory=list)


_call = threading.local()


class _Words(logging.Handler):
    """Apprise tells a provider's refusal to its logger alone; this keeps what is said on the calling thread."""

    def emit(self, record: logging.LogRecord) -> None:
        heard: _Heard | None = getattr(_call, "heard", None)
        if heard is not None and record.levelno >= logging.WARNING:
            heard.words.append(record.getMessage())


class _Listening(requests.adapters.HTTPAdapter):
    """An adapter of `requests` that notes status and `Retry-After`, which Apprise does not hand on."""

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        heard: _Heard | None = getattr(_call, "heard", None)
        try:
            response = super().send(*args, **kwargs)
        except requests.RequestException as error:
            if heard is not None:
                heard.unanswered = type(error).__name__
            raise
        if heard is not None:
            heard.statuses.append(response.status_code)
            heard.after = retry_after(response.headers, clock.now())
        return response


def _listen(session: requests.Session) -> None:
    session.mount("https://", _Listening())
    session.mount("http://", _Listening())


_plain_init = requests.Session.__init__


def _init(session: requests.Session, *args: Any, **kwargs: Any) -> None:
    """Sessions made during a call of ours listen; Apprise makes its own and offers no other way in."""
    _plain_init(session, *args, **kwargs)
    if getattr(_call, "heard", None) is not None:
        session.trust_env = False
        _listen(session)


requests.Session.__init__ = _init  # type: ignore[method-assign, assignment]
_WORDS = _Words()


def _hear() -> None:
    """Listen to Apprise's logger; whoever configures logging anew meanwhile takes listeners away."""
    logger = logging.getLogger("apprise")
    logger.addHandler(_WORDS)
    logger.propagate, logger.disabled = False, False


@dataclass(frozen=True, slots=True)
class Described:
    """What may be said about an address: service, channel, and whether it names a server of one's own."""

    service: str
    channel: str
    own_server: bool


def describe(url: str) -> Described:
    """Check an Apprise URL without calling anybody. Raises Refusal, in words that repeat nothing of it."""
    plugin = _plugin(url)
    service = str(plugin.service_name)
    phone = any(service.startswith(one) for one in PHONES)
    own = any("{host}" in template for template in plugin.templates)
    return Described(service, "phone" if phone else "chat", own)


def _plugin(url: str) -> Any:
    try:
        plugin = apprise.Apprise.instantiate(url.strip(), asset=_ASSET, suppress_exceptions=True)
    except (TypeError, ValueError):
        plugin = None
    if plugin is None:
        raise Refusal("This is no address of a service known here.", permanent=True)
    if not plugin.enabled or "{schema}://" in plugin.templates:
        raise Refusal(f"{plugin.service_name} can't be reached from this server.", permanent=True)
    plugin.retry = 0
    if len(plugin) != 1:
        raise Refusal("An address names exactly one receiver; add one for each.", permanent=True)
    plugin.redirects = False
    plugin.request_rate_per_sec = 0
    plugin.socket_connect_timeout, plugin.socket_read_timeout = CONNECT, READ
    plugin.overflow_mode = OverflowMode.TRUNCATE
    return plugin


@contextmanager
def opened(keys: Keys) -> Iterator[HandOver]:
    """Nothing to open: every call is one request of its own."""
    yield hand_over


def hand_over(letter: Letter) -> Answer:
    """One message to one receiver. Raises Refusal with what the provider said."""
    (target,) = letter.targets
    plugin = _plugin(target.secret)
    heard = _Heard()
    _hear()
    _call.heard = heard
    try:
        taken = plugin.notify(
            title=letter.subject if plugin.title_maxlen > 0 else "",
            body=words(letter, room=int(plugin.body_maxlen), titled=plugin.title_maxlen > 0),
            notify_type=KINDS.get(letter.urgency, NotifyType.INFO),
            body_format=apprise.NotifyFormat.TEXT,
        )
    except Exception as error:  # noqa: BLE001 (a hundred plugins by as many hands; none may end the others' turn)
        raise Refusal(f"{plugin.service_name} could not be called: {type(error).__name__}") from None
    finally:
        _call.heard = None
    service = str(plugin.service_name)
    code = heard.statuses[-1] if heard.statuses else 0
    if taken:
        return Answer(f"{service} accepted it" + (f" ({code})" if code else ""))
    said = cleaned("; ".join(dict.fromkeys(heard.words)), target.secret) or "refused without a word"
    away = code in _PASSING or code >= 500 or not code
    if code and str(code) not in said:
        said = f"{said} ({code})"
    if heard.unanswered:
        said = f"did not answer: {heard.unanswered}"
    raise Refusal(
        f"{service}: {said}", permanent=400 <= code < 500 and not away and not heard.unanswered, after=heard.after,
        away=away or bool(heard.unanswered),
    )  # fmt: skip


def words(letter: Letter, *, room: int, titled: bool) -> str:
    """The message in the room a service has, the link never cut: a text message is a line and the link."""
    link = f"\n{letter.url}" if letter.url else ""
    text = letter.body if titled else f"{letter.subject}\n{letter.body}"
    if len(text) + len(link) <= room:
        return text + link
    if not titled:
        text = letter.subject
    left = room - len(link)
    return (text if len(text) <= left else f"{text[: max(0, left - 1)].rstrip()}…") + link


def cleaned(text: str, url: str) -> str:
    """A provider's words without any part of the address."""
    _, _, rest = url.partition("://")
    for part in sorted(set(re.split(r"[/:@?&=+,\s]+", rest)), key=len, reverse=True):
        if len(part) > 3:
            text = text.replace(part, "…")
    return " ".join(text.split())[:280]


def _provider(letter: Letter) -> str:
    """The service and where it lies: what is away together."""
    schema, _, rest = letter.targets[0].secret.partition("://")
    return f"{schema}:{rest.rpartition('@')[2].partition('/')[0] if '@' in rest else rest.partition('/')[0]}"


def channel(code: str) -> Channel:
    """The channel of this code; what differs is only whom people file under it."""
    return Channel(
        code=code, opened=opened, provider=_provider, lease=timedelta(seconds=120), longest=timedelta(seconds=45),
        batch=16, abreast=8, most_attempts=6,
    )  # fmt: skip
