"""Tokens, devices, badges and idempotency keys: the only writer of secrets' digests.

A secret is shown once, to whoever made it, and is never stored. Who may make one is asked by the caller.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.core.cache import cache
from django.db import OperationalError, connection, transaction
from django.db.models import Q
from redis.exceptions import RedisError

from core import clock, keys
from core.errors import DomainError, InvalidInput, NotAllowed, TooMany
from plant_app.models import ApiToken, Area, Badge, Device, IdempotencyKey, Site, User, WorkCentre

logger = logging.getLogger(__name__)

SEEN_EVERY = timedelta(minutes=1)
BADGE_TRIES = 5
BADGE_PAUSE_SECONDS = 300
KEY_LENGTH = 200
SCOPE_LENGTH = 80
KEPT_DAYS = 7


@transaction.atomic
def issue_token(*, user: User, name: str, expires_at: datetime | None = None) -> tuple[ApiToken, str]:
    """A new bearer token of `user`; returns the row and the secret, which nobody can read again. No lock."""
    secret = f"xl_{keys.new_token()}"
    token = ApiToken.objects.create(
        user=user, name=name[:80], digest=keys.digest(secret), expires_at=expires_at
    )
    return token, secret


@transaction.atomic
def revoke_token(*, token: ApiToken) -> None:
    """End `token` now; ending an ended one changes nothing. Locks the row."""
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now())


def token_for(secret: str) -> ApiToken | None:
    """The live token behind `secret`, its user joined; None when unknown, ended or its user may not log in.

    Notes when it was last used, at most once a minute.
    """
    now = clock.now()
    token = (
        ApiToken.objects.filter(digest=keys.digest(secret), revoked_at=None, user__is_active=True)
        .filter(Q(expires_at=None) | Q(expires_at__gt=now))
        .select_related("user")
        .first()
    )
    if token is not None and (token.last_used_at is None or now - token.last_used_at > SEEN_EVERY):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


@transaction.atomic
def pair_device(
    *, site: Site, name: str, area: Area | None = None, work_centre: WorkCentre | None = None
) -> tuple[Device, str]:
    """Pair a shared tablet with a place; returns the row and the secret its cookie keeps.

    Raises InvalidInput when area or work centre are of another site. No lock.
    """
    if (area is not None and area.site_id != site.pk) or (
        work_centre is not None and work_centre.area.site_id != site.pk
    ):
        raise InvalidInput("device.other_site", "The device's place must be on its site.")
    secret = keys.new_token()
    device = Device.objects.create(
        site=site, name=name[:80], area=area, work_centre=work_centre, digest=keys.digest(secret)
    )
    return device, secret


@transaction.atomic
def revoke_device(*, device: Device) -> None:
    """Unpair `device` now: its cookie opens nothing any more."""
    Device.objects.filter(pk=device.pk, revoked_at=None).update(revoked_at=clock.now())


def device_for(secret: str) -> Device | None:
    """The paired device behind a cookie's secret, its place joined; None when unknown or unpaired.

    Notes when it was last seen, at most once a minute.
    """
    device = (
        Device.objects.filter(digest=keys.digest(secret), revoked_at=None)
        .select_related("site", "area", "work_centre__area")
        .first()
    )
    now = clock.now()
    if device is not None and (device.last_seen_at is None or now - device.last_seen_at > SEEN_EVERY):
        Device.objects.filter(pk=device.pk).update(last_seen_at=now)
    return device


@transaction.atomic
def issue_badge(*, person: User, code: str, pin: str = "") -> Badge:
    """Tie the badge that reads as `code` to `person`, with a PIN of at least four digits or none.

    A badge handed on is taken from whoever had it. Raises InvalidInput for an empty code or a short PIN.
    """
    if not code.strip():
        raise InvalidInput("badge.no_code", "The badge could not be read.")
    if pin and (not pin.isdigit() or len(pin) < 4):
        raise InvalidInput("badge.short_pin", "A PIN has at least four digits.")
    badge, _created = Badge.objects.update_or_create(
        digest=keys.digest(code.strip()),
        defaults={
            "person": person, "pin": make_password(pin) if pin else "", "created_at": clock.now(), "revoked_at": None,
        },
    )  # fmt: skip
    return badge


def check_badge(
    *, code: str, pin: str = "", device: Device | None = None, pin_required: bool = False
) -> User:
    """The person whose badge and PIN these are. `pin_required` refuses badges without one: on a phone nobody has paired
    a badge's number alone proves nothing.

    Raises NotAllowed (one answer for every cause) and, after five wrong tries at one badge or device within five
    minutes, TooMany.
    """
    counters = [f"badge-tries:{keys.digest(code.strip())}"]
    if device is not None:
        counters.append(f"badge-tries-device:{device.pk}")
    if _tries(counters) >= BADGE_TRIES:
        raise TooMany(
            "badge.too_many_tries",
            "Too many wrong tries.",
            "Wait five minutes.",
            retry_after=BADGE_PAUSE_SECONDS,
        )
    badge = (
        Badge.objects.filter(digest=keys.digest(code.strip()), revoked_at=None, person__is_active=True)
        .select_related("person")
        .first()
    )
    lacking = badge is not None and pin_required and not badge.pin
    if badge is None or lacking or (badge.pin and not check_password(pin, badge.pin)):
        _count_try(counters)
        raise NotAllowed("badge.refused", "Badge and PIN do not fit.")
    return badge.person


def _tries(counters: list[str]) -> int:
    try:
        return max([int(count) for count in cache.get_many(counters).values()], default=0)
    except (RedisError, OSError) as error:
        logger.warning("badge tries not known: %s", error)
        return 0


def _count_try(counters: list[str]) -> None:
    try:
        for counter in counters:
            cache.add(counter, 0, BADGE_PAUSE_SECONDS)
            cache.incr(counter)
    except ValueError:  # it ran out between the two calls: the pause is over
        return
    except (RedisError, OSError) as error:
        logger.warning("badge try not counted: %s", error)


@dataclass(frozen=True)
class Answer:
    """What a keyed request was answered; `replayed` when it was given before."""

    status: int
    body: Any
    replayed: bool = False


class InProgress(DomainError):
    """The same key is being answered right now and took too long to wait for."""


def request_digest(body: Any) -> str:
    """What is compared between requests of one key: the bytes, or the JSON form of anything else."""
    raw = body if isinstance(body, bytes) else json.dumps(body, sort_keys=True, default=str).encode()
    return hashlib.sha256(raw).hexdigest()


def remember_answer(
    *, scope: str, key: str, body: Any, produce: Callable[[], Answer], wait_seconds: int = 10
) -> Answer:
    """Answer a request at most once per `scope` (user and path) and `key`.

    `produce` runs inside one transaction with the stored answer, so both exist or neither: after a crash the repeat
    simply runs. A repeat gets the first answer. A duplicate sent meanwhile waits for the first one, at most
    `wait_seconds`, then InProgress (409, retry_after). Another `body` under the same key raises InvalidInput
    `request.idempotency_mismatch`. What `produce` raises is not remembered. Locks the key's row.
    """
    if not key or len(key) > KEY_LENGTH:
        raise InvalidInput(
            "request.idempotency_key_invalid", f"An Idempotency-Key has 1 to {KEY_LENGTH} characters."
        )
    digest = request_digest(body)
    scope = scope if len(scope) <= SCOPE_LENGTH else f"{scope[:15]}:{keys.digest(scope)}"
    with transaction.atomic():
        if not _claim(scope, key, digest, wait_seconds):
            row = IdempotencyKey.objects.get(scope=scope, key=key)
            if row.request_digest != digest:
                raise InvalidInput(
                    "request.idempotency_mismatch",
                    "This Idempotency-Key was used for a different request.",
                    "Send a new key with a new request.",
                )
            return Answer(row.status or 200, row.body, replayed=True)
        answer = produce()
        IdempotencyKey.objects.filter(scope=scope, key=key).update(status=answer.status, body=answer.body)
    return answer


def _claim(scope: str, key: str, digest: str, wait_seconds: int) -> bool:
    """True when this transaction is the first of the key; waits for another one that has not committed yet."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait_seconds}s"])
            cursor.execute(
                "INSERT INTO plant_app_idempotencykey (scope, key, request_digest, created_at)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT (scope, key) DO NOTHING",
                [scope, key, digest, clock.now()],
            )
            claimed = bool(cursor.rowcount == 1)
            cursor.execute("SELECT set_config('lock_timeout', '0', true)")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "55P03":  # lock_not_available
            raise
        raise InProgress(
            "request.in_progress", "The first request with this key is still being answered.", "Ask again.",
            retry_after=2,
        ) from error  # fmt: skip
    return claimed


@transaction.atomic
def forget_answers(*, older_than: datetime | None = None) -> int:
    """Drop remembered answers older than `older_than` (default: a week). Returns how many."""
    limit = older_than or clock.now() - timedelta(days=KEPT_DAYS)
    deleted, _per_model = IdempotencyKey.objects.filter(created_at__lt=limit).delete()
    return deleted
