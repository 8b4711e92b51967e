"""Handing notices over: claim (transaction), provider (none), outcome (transaction); retries lie in the row.

Each channel has a run and a lease of its own, so a slow provider of one delays nobody's mail. A living sender begins
nothing it may not finish within the lease; one that died gives its notices back. A notice is delivered once wherever
the provider's yes or no arrives; where it gets lost the notice goes out again (`channels/*` say how that shows).
"""

import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F

from core import clock, due
from notify_app.channels.port import Channel, HandOver, Keys, Letter, Refusal
from notify_app.channels.registry import CHANNELS, MAIL, OUTSIDE, PUSH
from notify_app.models import Notice, NoticeStatus
from notify_app.services.composing import letters_for
from notify_app.services.fallback import fall_back
from notify_app.services.floods import claim_digest, over
from notify_app.services.push_keys import push_key
from notify_app.services.recording import Handed, record_all
from notify_app.services.telling import record_told, take_tellings

IN_HAND = (NoticeStatus.QUEUED, NoticeStatus.SENDING)
#: Seconds a run may take that speaks with providers of all kinds; the next one goes on.
LONGEST_RUN: Final = 25.0
#: How long the rest of a provider's letters wait once it is away.
AWAY: Final = timedelta(seconds=15)

Parcel = list[Notice]


def send_due(*, limit: int = 500) -> int:
    """Take due tellings, record who is told, fall back where a channel failed, and send due mail; returns notices sent.

    Safe to run many at once.
    """
    take_tellings(limit=limit)
    record_told(limit=limit)
    fall_back(limit=limit)
    return run(MAIL, limit=limit)


def send_push(*, limit: int = 500) -> int:
    """Send what is due to devices; returns notices tried. Safe to run many at once."""
    return run(PUSH, limit=limit)


def send_outside(*, limit: int = 500) -> int:
    """Send what is due through Apprise; returns notices tried. Safe to run many at once."""
    return run(OUTSIDE, limit=limit)


def run(codes: Collection[str], *, limit: int) -> int:
    """Work off some channels: notices one by one, then what has waited as one letter each."""
    ends = time.monotonic() + LONGEST_RUN
    sent = 0
    for code in codes:
        channel = CHANNELS[code]
        timed = channel.abreast > 1
        while sent < limit and not (timed and time.monotonic() > ends):
            batch = claim(channel, min(channel.batch, limit - sent))
            if not batch:
                break
            tries = hand_over(channel, [[notice] for notice in batch])
            record_all(tries)
            tried = {handed.notice.pk for handed in tries}
            away = any(handed.error is not None and handed.error.away for handed in tries)
            rest = [notice for notice in batch if notice.pk not in tried]
            give_back(rest, after=AWAY if away else None)
            sent += len(tries)
            if not tries:
                break
        while sent < limit and not (timed and time.monotonic() > ends):
            held = claim_digest(channels=[code], lease_until=clock.now() + channel.lease)
            if not held:
                break
            tries = hand_over(channel, [held])
            record_all(tries)
            if not tries:
                give_back(held)
                break
            sent += len(tries)
    return sent


@transaction.atomic
def claim(channel: Channel, limit: int) -> Parcel:
    """Take due notices of a channel for its lease; what needs nobody any more is dropped instead.

    Of a channel with many providers one batch is in hand at a time, so it never takes every worker.
    """
    now = clock.now()
    mine = Notice.objects.filter(channel=channel.code)
    if channel.abreast > 1 and mine.filter(status=NoticeStatus.SENDING, due_at__gt=now).exists():
        return []
    notices = due.claim(
        mine.filter(status__in=IN_HAND, due_at__lte=now)
        .select_related(
            "person", "address", "exception__site", "exception__type", "response__function", "telling"
        )
        .order_by("urgency_rank", "due_at", "pk"),
        limit,
    )  # fmt: skip
    wanted = []
    for notice in notices:
        if over(notice):
            notice.status, notice.fallback_at = NoticeStatus.DROPPED, None
            continue
        notice.status = NoticeStatus.SENDING
        notice.attempts += 1
        notice.due_at = now + channel.lease
        wanted.append(notice)
    Notice.objects.bulk_update(notices, ["status", "attempts", "due_at", "fallback_at"])
    return wanted


def hand_over(channel: Channel, parcels: Sequence[Parcel]) -> list[Handed]:
    """One letter a parcel; a refusal of one leaves the others alone. Outside every transaction.

    Returns a result for each notice tried; what the lease left no time for, or whose provider is away, is missing.
    """
    letters = letters_for(parcels)
    keys = Keys(
        contact=settings.PUSH_CONTACT, push_private=push_key().private if channel.code == "push" else ""
    )
    work: dict[str, list[tuple[Parcel, Letter]]] = {}
    for parcel, letter in zip(parcels, letters, strict=True):
        work.setdefault(channel.provider(letter) if letter.targets else "", []).append((parcel, letter))
    try:
        with channel.opened(keys) as send:
            if channel.abreast == 1 or len(work) == 1:
                return [handed for queue in work.values() for handed in _one_provider(channel, send, queue)]
            with ThreadPoolExecutor(max_workers=min(channel.abreast, len(work))) as pool:
                running = [
                    pool.submit(copy_context().run, _one_provider, channel, send, queue)
                    for queue in work.values()
                ]
                return [handed for one in running for handed in one.result()]
    except Refusal as refusal:
        return [Handed(notice, clock.now(), refusal) for parcel in parcels for notice in parcel]


def _one_provider(channel: Channel, send: HandOver, queue: list[tuple[Parcel, Letter]]) -> list[Handed]:
    """One provider's letters, one after the other, until it is away or the lease has no time for another."""
    results: list[Handed] = []
    for parcel, letter in queue:
        started = clock.now()
        if started > parcel[0].due_at - channel.longest:
            break
        error, detail, gone = _try(send, letter)
        results += [Handed(notice, started, error, detail, gone) for notice in parcel]
        if error is not None and error.away:
            break
    return results


def _try(send: HandOver, letter: Letter) -> tuple[Refusal | None, str, tuple[int, ...]]:
    if not letter.targets:
        return Refusal("No address leads there any more.", permanent=True), "", ()
    try:
        answer = send(letter)
    except Refusal as refusal:
        return refusal, str(refusal), refusal.gone
    return None, answer.detail, answer.gone


def give_back(notices: Sequence[Notice], *, after: timedelta | None = None) -> None:
    """Let others take what there was no time for; it does not count as a try."""
    moment: datetime = clock.now() + (after or timedelta())
    Notice.objects.filter(pk__in=[notice.pk for notice in notices], status=NoticeStatus.SENDING).update(
        status=NoticeStatus.QUEUED, attempts=F("attempts") - 1, due_at=moment
    )
