"""Webhook messages that are settled and old go, with their tries; what still waits for its receiver never does.

The log of every message ever sent would grow without an end. What happened stays in the records' own events, and each
new event is written out once, so that what went is not written anew.
"""

import time
from datetime import datetime, timedelta
from typing import Final

import pgtrigger
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min, Q

from core import clock
from notify_app.models import WebhookAttempt, WebhookDelivery, WebhookStatus

#: Messages looked at in one transaction.
BATCH: Final = 500
#: Seconds one run may take; the next sweep goes on.
LONGEST_RUN: Final = 30.0


def prune_webhooks(*, batch: int = BATCH) -> int:
    """Remove messages delivered or given up longer ago than the settings keep them; returns how many went.

    Days are `WEBHOOK_KEEP_DELIVERED_DAYS` and `WEBHOOK_KEEP_DEAD_DAYS`; 0 keeps for good. Each stretch of `batch`
    numbers is a transaction of its own, which locks what it removes and passes over what is being sent again just now.
    """
    now = clock.now()
    kept = {
        WebhookStatus.DELIVERED: settings.WEBHOOK_KEEP_DELIVERED_DAYS,
        WebhookStatus.DEAD: settings.WEBHOOK_KEEP_DEAD_DAYS,
    }
    until = {status: now - timedelta(days=days) for status, days in kept.items() if days > 0}
    removed, after, ends = 0, 0, time.monotonic() + LONGEST_RUN
    while until and time.monotonic() < ends:
        # Numbers rise with the moment of writing, and nothing is settled before it is written: the walk is over at the
        # first stretch that is young as a whole, and needs no index over moments.
        stretch = WebhookDelivery.objects.filter(pk__gt=after).order_by("pk")[:batch]
        seen = stretch.aggregate(last=Max("pk"), written=Min("created_at"))
        if seen["last"] is None or seen["written"] >= max(until.values()):
            break
        removed += _remove(after, seen["last"], until)
        after = seen["last"]
    return removed


@transaction.atomic
def _remove(after: int, last: int, until: dict[WebhookStatus, datetime]) -> int:
    """What is old between two numbers goes. Tries are written once; this is the one place that may take them away."""
    old = Q()
    for status, moment in until.items():
        old |= Q(status=status, settled_at__lt=moment)
    rows = WebhookDelivery.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        old, pk__gt=after, pk__lte=last
    )
    gone = list(rows.values_list("pk", flat=True))
    if gone:
        with pgtrigger.ignore("notify_app.WebhookAttempt:webhook_attempt_fixed"):
            WebhookAttempt.objects.filter(delivery__in=gone).delete()
        WebhookDelivery.objects.filter(pk__in=gone).delete()
    return len(gone)
