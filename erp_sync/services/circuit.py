"""The circuit of a connection: opened by failures in a row, closed by a probe that gets through.

While it is open nothing is sent; waiting postings are shown as held, and go back to the queue when it closes. A probe
asks the ERP whether it is there, so no posting is ever the one that finds out.
"""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q

from core import clock
from core.due import backoff_seconds, claim
from core.hints import hint
from core.wake import wake
from erp_sync import lifecycle
from erp_sync.adapters.port import Health
from erp_sync.errors import ErpUnavailable
from erp_sync.models import ErpConnection, Posting
from erp_sync.services.connecting import adapter_for

logger = logging.getLogger(__name__)

THRESHOLD = 4
FIRST_PROBE_SECONDS = 10.0
LAST_PROBE_SECONDS = 120.0
#: `last_ok_at` need not be newer than this; keeps parallel senders from queueing on one row.
FRESH = timedelta(seconds=20)
BATCH = 2000


def note_success(connection: ErpConnection) -> None:
    """The ERP gave a definite answer: the count of failures starts anew. Writes only when there is something to."""
    now = clock.now()
    ErpConnection.objects.filter(pk=connection.pk).filter(
        Q(failures__gt=0, open_until__isnull=True)
        | Q(last_ok_at__isnull=True)
        | Q(last_ok_at__lt=now - FRESH, open_until__isnull=True)
    ).update(failures=0, last_ok_at=now)


@transaction.atomic
def note_failure(connection: ErpConnection, message: str) -> None:
    """The ERP could not be asked, or gave no answer; after THRESHOLD in a row the circuit opens. Locks the row."""
    row = ErpConnection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    row.failures += 1
    row.last_error = message[:2000]
    row.last_error_at = clock.now()
    if row.failures >= THRESHOLD and row.open_until is None:
        row.open_until = clock.now() + timedelta(seconds=FIRST_PROBE_SECONDS)
        logger.warning(
            "%s does not answer (%s); nothing is sent until a probe gets through", row.code, message
        )
        hint("postings", kind="connection")
    row.save(update_fields=["failures", "last_error", "last_error_at", "open_until"])


def probe_due() -> int:
    """Probe every open circuit whose moment has come; returns how many closed. One prober per connection."""
    with transaction.atomic():
        due = claim(
            ErpConnection.objects.filter(enabled=True, open_until__lte=clock.now()).order_by("open_until"), 10
        )
        for connection in due:
            tries = connection.failures - THRESHOLD + 1
            pause = backoff_seconds(tries, first=FIRST_PROBE_SECONDS, ceiling=LAST_PROBE_SECONDS)
            ErpConnection.objects.filter(pk=connection.pk).update(
                open_until=clock.now() + timedelta(seconds=pause), failures=F("failures") + 1
            )
    return sum(check_connection(connection=connection).ok for connection in due)


def check_connection(*, connection: ErpConnection) -> Health:
    """Ask the ERP whether it answers and lets us in; closes the circuit when it does. Network, no transaction."""
    try:
        health = adapter_for(connection).ping()
    except ErpUnavailable as error:
        health = Health(False, detail=error.message)
    if health.ok:
        with transaction.atomic():
            closed = ErpConnection.objects.filter(pk=connection.pk, open_until__isnull=False).update(
                open_until=None
            )
            ErpConnection.objects.filter(pk=connection.pk).update(failures=0, last_ok_at=clock.now())
            if closed:
                logger.info("%s answers again", connection.code)
                hint("postings", kind="connection")
                wake("postings")
    else:
        ErpConnection.objects.filter(pk=connection.pk).update(
            last_error=health.detail[:2000], last_error_at=clock.now()
        )
    return health


def sort_waiting() -> None:
    """Show postings that wait for a silent ERP as held, and queue them again once its circuit is closed."""
    held = {"status": lifecycle.Status.HELD.value, "held_reason": lifecycle.HeldReason.CIRCUIT_OPEN.value}
    queued = {"status": lifecycle.Status.QUEUED.value, "held_reason": ""}
    _shift(Q(status=queued["status"], connection__open_until__isnull=False), held)
    _shift(Q(**held, connection__open_until__isnull=True), queued)


@transaction.atomic
def _shift(wanted: Q, values: dict[str, str]) -> None:
    rows = claim(Posting.objects.filter(wanted).only("pk").order_by("pk"), BATCH)
    if not rows:
        return
    now = clock.now()
    Posting.objects.filter(pk__in=[row.pk for row in rows]).update(
        **values, status_at=now, version=F("version") + 1
    )
    hint("postings", kind="postings")
