"""Addresses beside e-mail: added, tried, retired. The only writer of their secrets.

A secret goes in once and comes out only to the channel that uses it; nothing here puts it in a message or a log.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import transaction

from core import clock, keys
from core.errors import InvalidInput, NotFound, TooMany
from notify_app.channels import outside, push
from notify_app.channels.port import Keys, Letter, Refusal, Target
from notify_app.channels.registry import CHANNELS
from notify_app.manners import URGENCIES
from notify_app.models import Address, NoticeChannel
from notify_app.services.push_keys import push_key
from plant_app.models import Team, User

#: Addresses one person can have; more is a mistake or mischief.
MOST = 12
BETWEEN_TESTS = timedelta(seconds=20)


@transaction.atomic
def add_address(
    *, url: str, label: str, user: User | None = None, team: Team | None = None, channel: str = "",
    least: str = "normal", by_administrator: bool = False,
) -> Address:  # fmt: skip
    """Keep an Apprise URL for a person or a team; `channel` "chat" or "phone", else as the service is known.

    `least`: a team is told from this urgency on. Raises InvalidInput (`notices.address`) for what is no address, names
    several receivers or needs an administrator (`by_administrator`): a server of one's own, which this server would
    call inside the plant's network. The same address again is the one there is. No lock.
    """
    try:
        described = outside.describe(url)
    except Refusal as refusal:
        raise InvalidInput(
            "notices.address", str(refusal), "See the service's own Apprise address."
        ) from None
    if described.own_server and not by_administrator:
        raise InvalidInput(
            "notices.address_own_server",
            f"{described.service} with a server of your own is entered by an administrator.",
            "Ask one, with the address.",
        )
    if least not in URGENCIES or channel not in ("", "chat", "phone") or (user is None) == (team is None):
        raise InvalidInput("notices.address", "An address is for one person or one team, by chat or phone.")
    return _keep(
        channel=channel or described.channel, secret=url.strip(), label=label.strip() or described.service,
        shown=described.service, user=user, team=team, least=least, unique=url.strip(),
    )  # fmt: skip


@transaction.atomic
def subscribe(*, user: User, subscription: Mapping[str, Any], label: str = "") -> Address:
    """Keep a browser's push subscription for `user`: `endpoint` and `keys` (`p256dh`, `auth`, base64url).

    A device belongs to who signed in on it last. Raises InvalidInput (`notices.subscription`) for anything that is no
    subscription, or one with a push service not on the list. No lock.
    """
    try:
        endpoint, told = str(subscription["endpoint"]), subscription["keys"]
        point, secret = _plain(str(told["p256dh"])), _plain(str(told["auth"]))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise InvalidInput("notices.subscription", "This is no push subscription.") from None
    if len(secret) != 16 or len(endpoint) > 1000:
        raise InvalidInput("notices.subscription", "This is no push subscription.")
    if not push.allowed(endpoint):
        raise InvalidInput(
            "notices.subscription",
            "This browser's push service is not one known here.",
            "An administrator can add it to PUSH_SERVICES.",
        )
    now = clock.now()
    others = Address.objects.live().filter(digest=keys.digest(endpoint)).exclude(user=user)
    for other in others:
        retire(address_id=other.pk, because="somebody else signed in on this device", at=now)
    kept = json.dumps({"endpoint": endpoint, "keys": {"p256dh": told["p256dh"], "auth": told["auth"]}})
    address = _keep(
        channel=NoticeChannel.PUSH.value, secret=kept, label=label.strip() or "This device",
        shown=urlsplit(endpoint).hostname or "", user=user, team=None, least="normal", unique=endpoint,
    )  # fmt: skip
    if address.secret != kept:
        address.secret = kept
        address.save(update_fields=["secret"])
    return address


def _plain(words: str) -> bytes:
    return base64.urlsafe_b64decode(words + "=" * (-len(words) % 4))


def _keep(
    *, channel: str, secret: str, label: str, shown: str, user: User | None, team: Team | None, least: str,
    unique: str,
) -> Address:  # fmt: skip
    mark = keys.digest(unique)
    found = Address.objects.live().filter(digest=mark, user=user, team=team).first()
    if found is not None:
        return found
    if Address.objects.live().filter(user=user, team=team).count() >= MOST:
        raise InvalidInput("notices.address_too_many", f"{MOST} addresses are enough.", "Remove one first.")
    return Address.objects.create(
        channel=channel, secret=secret, label=label[:60], shown=shown[:80], user=user, team=team, least=least,
        digest=mark, created_at=clock.now(),
    )  # fmt: skip


@transaction.atomic
def remove_address(*, address_id: int, user: User) -> None:
    """Take one of a person's own addresses out of use. Raises NotFound for anybody else's. No lock."""
    if not Address.objects.live().filter(pk=address_id, user=user).exists():
        raise NotFound("notices.address_not_found", "There is no such address.")
    retire(address_id=address_id, because=f"removed by {user}", at=clock.now())


def retire(*, address_id: int, because: str, at: datetime | None = None) -> None:
    """An address is no more: its secret goes, the row stays for the log. Once."""
    Address.objects.live().filter(pk=address_id).update(
        secret="", gone_at=at or clock.now(), gone_because=because[:80]
    )


def note_answer(*, address_id: int, error: Refusal | None, detail: str, at: datetime) -> None:
    """What the provider last said of an address, and since when it has been refusing. In the caller's transaction."""
    rows = Address.objects.filter(pk=address_id)
    rows.update(accepted=error is None, answered_at=at, answer=str(error or detail)[:300])
    if error is None:
        rows.update(failing_since=None)
    else:
        rows.filter(failing_since=None).update(failing_since=at)
    if error is not None and address_id in error.gone:
        retire(address_id=address_id, because="the provider knows it no more", at=at)


def send_test_notice(
    *, user: User, address_id: int | None = None, address: Address | None = None
) -> tuple[bool, str]:
    """Send one message now by one of a person's addresses (None: their mail), or by `address` as an administrator.

    Returns whether it was taken and the provider's answer. Calls the provider, so never inside a transaction. Raises
    NotFound for an address that is not theirs, TooMany (`notices.test`) within 20 s of the last test of it.
    """
    row = address or (_own(address_id, user) if address_id is not None else None)
    code = row.channel if row is not None else NoticeChannel.EMAIL.value
    secret = row.secret if row is not None else user.email
    if not secret:
        raise InvalidInput("notices.test", "There is no mail address to send to.", "Ask an administrator.")
    now = clock.now()
    if row is not None:
        free = Address.objects.filter(pk=row.pk).exclude(tested_at__gt=now - BETWEEN_TESTS)
        if not free.update(tested_at=now):
            raise TooMany("notices.test", "A test has just been sent.", "Wait a few seconds.", retry_after=20)
    letter = Letter(
        mark=f"test-{row.pk if row else 0}-{int(now.timestamp())}",
        targets=(Target(row.pk if row else 0, secret),),
        subject="A test of the execution layer",
        body=f"{user} asked for this. Nothing has happened and nothing is asked of you.",
        url=f"{settings.PUBLIC_URL}/me/notifications/",
    )
    channel = CHANNELS[code]
    shown = Keys(contact=settings.PUSH_CONTACT, push_private=push_key().private if code == "push" else "")
    error, detail = None, ""
    try:
        with channel.opened(shown) as hand_over:
            detail = hand_over(letter).detail
    except Refusal as refusal:
        error = refusal
    if row is not None:
        with transaction.atomic():
            note_answer(address_id=row.pk, error=error, detail=detail, at=clock.now())
    return error is None, str(error or detail)


def _own(address_id: int, user: User) -> Address:
    found = Address.objects.live().filter(pk=address_id, user=user).first()
    if found is None:
        raise NotFound("notices.address_not_found", "There is no such address.")
    return found
