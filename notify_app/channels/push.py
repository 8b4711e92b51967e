"""Web Push: encrypted for the device (RFC 8291), signed with this installation's key (VAPID, RFC 8292), over RFC 8030.

Only the device can read what it says; the push service sees address, size and urgency. Endpoints come from browsers, so
only known push services are called, without redirects. At least once: what a service took but did not answer in time is
sent again under the same topic and tag, by which service and device replace the earlier one instead of showing two.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from py_vapid import Vapid02  # type: ignore[import-untyped]

from core import clock
from notify_app.channels.port import Answer, Channel, HandOver, Keys, Letter, Refusal, Target
from notify_app.channels.sealing import seal

PATIENCE: Final = httpx.Timeout(8.0, connect=4.0)
#: How long a service keeps it for a device that is off: after that it is no news.
TTL: Final = {"critical": 3600, "high": 3600, "normal": 4 * 3600, "low": 8 * 3600}
#: RFC 8030 section 5.3: whether a sleeping device is woken.
URGENCY: Final = {"critical": "high", "high": "high", "normal": "normal", "low": "low"}
#: Bytes a service must take are 4096 (RFC 8030 section 7.2), encryption and the rest of the message included.
MOST_BODY: Final = 1200


def allowed(endpoint: str) -> bool:
    """Whether an endpoint lies with a known push service (`PUSH_SERVICES`): `https://` unless listed with `http://`."""
    try:
        parts = urlsplit(endpoint)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    plain = parts.scheme == "https" and port in (None, 443) and not parts.username
    for service in settings.PUSH_SERVICES:
        if "://" in service:
            found = f"{parts.scheme}://{parts.netloc}" == service.rstrip("/")
        else:
            found = plain and (host == service or (service.startswith(".") and host.endswith(service)))
        if found:
            return True
    return False


@contextmanager
def opened(keys: Keys) -> Iterator[HandOver]:
    """A client with the installation's key. Raises Refusal without one."""
    if not keys.push_private:
        raise Refusal("This installation has no push key yet.")
    vapid = Vapid02.from_pem(keys.push_private.encode())
    with httpx.Client(timeout=PATIENCE, follow_redirects=False, trust_env=False) as client:
        yield lambda letter: _to_all(client, vapid, keys.contact, letter)


def _to_all(client: httpx.Client, vapid: Vapid02, contact: str, letter: Letter) -> Answer:
    """To every device of a person; taken when one of them took it, so none of them gets it twice."""
    said: list[str] = []
    gone: list[int] = []
    passing: list[Refusal] = []
    taken = 0
    for target in letter.targets:
        try:
            said.append(_to_one(client, vapid, contact, letter, target))
            taken += 1
        except Refusal as refusal:
            said.append(str(refusal))
            gone.extend(refusal.gone)
            if not refusal.permanent:
                passing.append(refusal)
    detail = "; ".join(dict.fromkeys(said)) or "no device is subscribed"
    if taken:
        return Answer(f"{taken} of {len(letter.targets)} devices: {detail}"[:300], gone=tuple(gone))
    raise Refusal(
        detail, permanent=not passing, gone=tuple(gone), away=any(one.away for one in passing),
        after=max((one.after for one in passing if one.after is not None), default=None),
    )  # fmt: skip


def _to_one(client: httpx.Client, vapid: Vapid02, contact: str, letter: Letter, target: Target) -> str:
    subscription = json.loads(target.secret)
    endpoint = str(subscription["endpoint"])
    if not allowed(endpoint):
        raise Refusal("This push service is not on the list of known ones.", permanent=True)
    try:
        body = seal(
            json.dumps(_note(letter)).encode(),
            p256dh=str(subscription["keys"]["p256dh"]), auth=str(subscription["keys"]["auth"]),
        )  # fmt: skip
    except ValueError as error:
        raise Refusal(
            f"The device's keys are not usable: {error}", permanent=True, gone=(target.number,)
        ) from None
    host = urlsplit(endpoint)
    claims = {"aud": f"{host.scheme}://{host.netloc}", "exp": int(time()) + 12 * 3600, "sub": contact}
    headers = {
        **vapid.sign(claims),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(TTL.get(letter.urgency, 3600)),
        "Urgency": URGENCY.get(letter.urgency, "normal"),
        "Topic": hashlib.sha256(letter.mark.encode()).hexdigest()[:32],
    }
    try:
        answer = client.post(endpoint, content=body, headers=headers)
    except httpx.HTTPError as error:
        raise Refusal(f"{host.hostname} did not answer: {type(error).__name__}", away=True) from None
    return _said(answer, host.hostname or "", target)


def _said(answer: httpx.Response, host: str, target: Target) -> str:
    """The service's answer in words. Raises Refusal for any but a yes."""
    code = answer.status_code
    if 200 <= code < 300:
        return f"{host} accepted it ({code})"
    if code in (404, 410):
        raise Refusal(f"{host} knows this device no more ({code})", permanent=True, gone=(target.number,))
    if code == 429 or code >= 500:
        raise Refusal(
            f"{host} answered {code}", after=retry_after(answer.headers, clock.now()), away=True
        )  # fmt: skip
    raise Refusal(f"{host} refused it ({code})", permanent=True)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds a `Retry-After` header asks for, as a number or a date (RFC 9110 section 10.2.3); None without one."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit() and len(said) < 7:
        return float(said)
    try:
        moment = parsedate_to_datetime(said)
        return max(0.0, (moment - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _note(letter: Letter) -> dict[str, Any]:
    """What the service worker shows: as much as a lock screen has room for."""
    return {
        "title": letter.subject[:180],
        "body": letter.body[:MOST_BODY],
        "url": letter.url,
        "tag": letter.mark,
        "urgent": letter.urgency in ("critical", "high"),
        "actions": [{"action": code, "title": words} for code, words in letter.answers],
    }


CHANNEL = Channel(
    code="push", opened=opened,
    provider=lambda letter: urlsplit(json.loads(letter.targets[0].secret)["endpoint"]).netloc if letter.targets else "",
    lease=timedelta(seconds=120), longest=timedelta(seconds=45), batch=40, abreast=8,
)  # fmt: skip
