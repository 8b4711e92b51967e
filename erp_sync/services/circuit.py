"""The circuit of a connection: opened by failures in a row, closed by a probe and then one posting that gets through.

While it is open nothing is sent; waiting postings are shown as held, and go back to the queue when it closes. A probe
asks the ERP whether it is there, so no posting is ever the one that finds out; what a probe can't tell (an ERP that
lets in and does nothing) one posting at a time tries, until one has an answer. `silent_since` is the first of the
failures, and stays until what waited has gone: the outage is over only then.
"""

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from django.db import transaction
from django.db.models import Case, F, Q, Value, When

from core import clock
from core.due import backoff_seconds, claim
from core.hints import hint
from core.wake import wake
from erp_sync import lifecycle
from erp_sync.adapters.port import Health
from erp_sync.draining import waiting_of
from erp_sync.errors import ErpUnavailable
from erp_sync.models import ErpConnection, Posting
from erp_sync.services.connecting import adapter_for, fit_words
from plant_app.models import Site

logger = logging.getLogger(__name__)

THRESHOLD = 4
FIRST_PROBE_SECONDS = 10.0
LAST_PROBE_SECONDS = 120.0
#: `last_ok_at` need not be newer than this; keeps parallel senders from queueing on one row.
FRESH = timedelta(seconds=20)
#: An outage is over when nothing waits that was made longer ago than this, and no more than can go in two turns: what
#: comes after it is the day's work.
DRAINED_AGE = timedelta(seconds=30)
BATCH = 2000
#: A little more than the longest pause between two tries.
TRIED_WITHIN = timedelta(minutes=6)
# A silence that ended before it opened the circuit is forgotten; after an outage `last_ok_at` is the later of the two.
_FORGET_GLITCH = Case(
    When(Q(last_ok_at__isnull=True) | Q(last_ok_at__lt=F("silent_since")), then=Value(None)),
    default=F("silent_since"),
)


def note_success(connection: ErpConnection) -> None:
    """The ERP gave an answer: the count of failures starts anew. Writes only when there is something to.

    What there is to write is first judged by `connection` as the caller has it, read when its work began: a failure of
    another sender since then is answered by whatever began after it. Says nothing of a connection on trial; that is
    what `pass_trial` is for.
    """
    now = clock.now()
    known = connection.last_ok_at is not None and connection.last_ok_at > now - FRESH
    if known and not connection.failures and connection.open_until is None:
        return
    ErpConnection.objects.filter(pk=connection.pk, open_until__isnull=True, on_trial=False).filter(
        Q(failures__gt=0) | Q(last_ok_at__isnull=True) | Q(last_ok_at__lt=now - FRESH)
    ).update(failures=0, last_ok_at=now, silent_since=_FORGET_GLITCH)


def pass_trial(connection: ErpConnection) -> bool:
    """A posting got its answer: a connection on trial is trusted with as many at once as it takes. True if it was."""
    now = clock.now()
    passed = ErpConnection.objects.filter(pk=connection.pk, on_trial=True, open_until__isnull=True).update(
        on_trial=False, failures=0, last_ok_at=now
    )
    if passed:
        logger.info("%s works again; what waited is sent", connection.code)
        tell_people(connection)
        wake("postings")
    return bool(passed)


@transaction.atomic
def note_failure(connection: ErpConnection, message: str) -> None:
    """The ERP could not be asked, or gave no answer; after THRESHOLD in a row the circuit opens. Locks the row.

    On trial one failure is enough, and the next probe is as far away as if the circuit had never closed: the probe
    that led to the trial has been counted. What was under way when it opened tells nothing new and makes no pause
    longer, or senders side by side would be away for minutes after a moment's outage.
    """
    row = ErpConnection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    now, message = clock.now(), fit_words(connection, message)
    if row.open_until is None and not row.on_trial:
        row.failures += 1
    row.last_error = message[:2000]
    row.last_error_at = now
    if row.silent_since is None:
        row.silent_since = now
    if row.open_until is None and (row.on_trial or row.failures >= THRESHOLD):
        row.open_until = now + timedelta(seconds=_pause(row.failures))
        row.on_trial = False
        logger.warning(
            "%s does not answer (%s); nothing is sent until a probe gets through", row.code, message
        )
        tell_people(row)
    row.save(
        update_fields=["failures", "last_error", "last_error_at", "silent_since", "open_until", "on_trial"]
    )


def probe_due(only: Collection[int] | None = None) -> int:
    """Probe open circuits (of `only`) whose moment has come; returns how many closed. One prober per connection."""
    with transaction.atomic():
        rows = ErpConnection.objects.filter(enabled=True, is_ledger=False, open_until__lte=clock.now())
        if only is not None:
            rows = rows.filter(pk__in=only)
        due = claim(rows.order_by("open_until"), 10)
        for connection in due:
            ErpConnection.objects.filter(pk=connection.pk).update(
                open_until=clock.now() + timedelta(seconds=_pause(connection.failures + 1)),
                failures=F("failures") + 1,
            )
    return sum(check_connection(connection=connection).ok for connection in due)


def check_connection(*, connection: ErpConnection) -> Health:
    """Ask the ERP whether it answers and lets us in; when it does, an open circuit goes on trial.

    Where nothing waits to try it with, the circuit simply closes. Network, no transaction.
    """
    try:
        health = adapter_for(connection).ping()
    except ErpUnavailable as error:
        health = Health(False, detail=error.message)
    if not health.ok:
        health = replace(health, detail=fit_words(connection, health.detail))
        ErpConnection.objects.filter(pk=connection.pk).update(
            last_error=health.detail[:2000], last_error_at=clock.now()
        )
        return health
    with transaction.atomic():
        row = ErpConnection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        if row.open_until is not None:
            row.open_until = None
            # The count of failures stays until the trial is passed: it is how long the next pause would be.
            row.on_trial = _anything_to_try_with(row)
            row.save(update_fields=["open_until", "on_trial"])
            logger.info("%s answers again", row.code)
            tell_people(row)
            wake("postings")
    note_success(connection)
    return health


def tell_people(connection: ErpConnection) -> None:
    """After commit, tell open pages that an ERP went away or came back: those of postings, and all of its sites, where
    boards and stations listen that may hear of no posting. One query."""
    sites = connection.site_links.order_by("site_id").values_list("site_id", flat=True)
    hint("postings", *(f"site.{site}" for site in sites), kind="connection")


def _anything_to_try_with(connection: ErpConnection) -> bool:
    """Whether something goes soon by itself. What waits for a person, or for its slot, may do so all night."""
    if waiting_of(connection, within=TRIED_WITHIN).exists():
        return True
    unclear = Posting.objects.filter(connection=connection, status=lifecycle.Status.UNKNOWN)
    return unclear.filter(due_at__lte=clock.now() + TRIED_WITHIN).exists()


def throttle(connection: ErpConnection, seconds: float) -> None:
    """The ERP asked for a pause: nothing is sent to it for that long. Never shortens one."""
    until = clock.now() + timedelta(seconds=seconds)
    ErpConnection.objects.filter(pk=connection.pk).filter(
        Q(free_at__isnull=True) | Q(free_at__lt=until)
    ).update(free_at=until)


def end_outages() -> int:
    """Forget the silence of connections whose backlog has gone; returns how many. Takes no lock beforehand.

    A trial that has nothing left to try with is over, too: its postings were cancelled, or wait for a person.
    """
    ended = 0
    for connection in ErpConnection.objects.filter(on_trial=True, open_until__isnull=True):
        if not _anything_to_try_with(connection):
            pass_trial(connection)
    past = ErpConnection.objects.filter(silent_since__isnull=False, open_until__isnull=True, on_trial=False)
    for connection in past.filter(failures=0):
        waiting = waiting_of(connection)
        many = waiting[: 2 * connection.parallel + 1].count() > 2 * connection.parallel
        if many or waiting.filter(created_at__lt=clock.now() - DRAINED_AGE).exists():
            continue
        rows = ErpConnection.objects.filter(
            pk=connection.pk, silent_since=connection.silent_since, open_until__isnull=True, failures=0
        )
        if rows.update(silent_since=None):
            ended += 1
            tell_people(connection)
    return ended


def _pause(failures: int) -> float:
    """Seconds until the next probe: FIRST_PROBE_SECONDS at THRESHOLD failures, doubling with each one after it."""
    tries = max(failures - THRESHOLD + 1, 1)
    return backoff_seconds(tries, first=FIRST_PROBE_SECONDS, ceiling=LAST_PROBE_SECONDS)


def sort_waiting() -> None:
    """Show postings that wait for a silent ERP as held, and queue them again once its circuit is closed."""
    held = {"status": lifecycle.Status.HELD.value, "held_reason": lifecycle.HeldReason.CIRCUIT_OPEN.value}
    queued = {"status": lifecycle.Status.QUEUED.value, "held_reason": ""}
    sites = Site.objects.values("pk")  # so that the index by site and status serves both
    opened = list(ErpConnection.objects.filter(open_until__isnull=False).values_list("pk", flat=True))
    while opened and _shift(Q(status=queued["status"], connection__in=opened), held) == BATCH:
        continue
    while _shift(Q(**held, site__in=sites, connection__open_until__isnull=True), queued) == BATCH:
        continue


@transaction.atomic
def _shift(wanted: Q, values: dict[str, str]) -> int:
    rows = claim(Posting.objects.filter(wanted).only("pk").order_by("pk"), BATCH)
    if not rows:
        return 0
    now = clock.now()
    Posting.objects.filter(pk__in=[row.pk for row in rows]).update(
        **values, status_at=now, version=F("version") + 1
    )
    hint("postings", kind="postings")
    return len(rows)
