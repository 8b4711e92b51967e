"""When outbox and ERP are held against each other: each night at the site, during the day, after trouble, when asked.

Owns due and asked comparisons, one worker at each. After an outage the comparison reaches back to the last one that
went through, so no stretch of time is left out. Must not know: what is compared.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection as database
from django.db import transaction
from django.db.models import Q, QuerySet

from core import clock
from core.errors import InvalidInput
from core.wake import wake
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.findings import PARTLY
from erp_sync.models import ErpConnection, ReconciliationRun
from erp_sync.services.connecting import adapter_for, address_of
from erp_sync.services.reconciling import WINDOW, compare

logger = logging.getLogger(__name__)

#: The night's comparison begins at this hour of the site and covers a week; by day the last two days are looked at.
NIGHT = time(2)
NIGHT_WINDOW = timedelta(days=7)
EVERY = timedelta(hours=6)
#: After a run the ERP's trouble ended.
AGAIN = timedelta(minutes=30)
#: Overlap with the last run that went through: what was still moving then.
MARGIN = timedelta(hours=1)
#: First half of the name of a run's lock; the run's id is the other.
_RUN = 0x4552


@transaction.atomic
def ask_reconciliation(*, connection: ErpConnection, since: datetime | None = None) -> ReconciliationRun:
    """Ask for a comparison since `since` (two days); a worker takes it up. One that waits already is returned.

    It reaches back further where the last one that went through is longer ago: the next one trusts it. Raises
    InvalidInput for a connection that is not in use. Locks the connection.
    """
    if connection.is_ledger or not connection.enabled:
        raise InvalidInput(
            "erp.not_read", f"{connection.name} is not read from.", "Choose a connection in use."
        )
    ErpConnection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    waiting = ReconciliationRun.objects.filter(connection=connection, finished_at=None).first()
    run = waiting or ReconciliationRun.objects.create(
        connection=connection,
        since=_reach(_gone_through(connection).first(), since or clock.now() - WINDOW),
    )
    wake("reconciliation")
    return run


def reconcile_due() -> list[ReconciliationRun]:
    """Do the comparisons that were asked for, and those that are due; returns them. Must not run inside a transaction.

    A run a worker died over is done again. A connection that is silent or not ready waits for its turn after that; one
    that breaks keeps no other from its comparison. Raises SoftTimeLimitExceeded.
    """
    done = []
    for connection in ErpConnection.objects.filter(enabled=True, is_ledger=False, open_until__isnull=True):
        try:
            run = _reconcile(connection)
        except SoftTimeLimitExceeded:
            raise
        except Exception:  # outer edge: one ERP's connector, address or words must not keep the others
            logger.exception("%s could not be compared", connection.code)
            continue
        if run is not None:
            done.append(run)
    return done


def _reconcile(connection: ErpConnection) -> ReconciliationRun | None:
    """The comparison a connection waits for, done; None where there is none or another worker has it."""
    if not address_of(connection).ready:
        return None
    asked = ReconciliationRun.objects.filter(connection=connection, finished_at=None).order_by("pk").first()
    run = asked or _begin(connection)
    if run is None:
        return None
    with _mine(run) as mine:
        if mine and not ReconciliationRun.objects.filter(pk=run.pk, finished_at__isnull=False).exists():
            return compare(run)
    return None


def last_night(connection: ErpConnection, now: datetime) -> datetime:
    """The latest beginning of a night's comparison, by the clock of the connection's first site (UTC without one)."""
    link = connection.site_links.select_related("site").order_by("pk").first()
    place = ZoneInfo(link.site.timezone if link is not None else "UTC")
    local = now.astimezone(place)
    night = datetime.combine(local.date(), NIGHT, tzinfo=place)
    if night > local:
        night = datetime.combine(local.date() - timedelta(days=1), NIGHT, tzinfo=place)
    return night


@transaction.atomic
def _begin(connection: ErpConnection) -> ReconciliationRun | None:
    """A new run if one is due; the connection's row keeps two workers from beginning the same."""
    if not _lists_documents(connection):
        return None
    row = (
        ErpConnection.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(pk=connection.pk)
        .first()
    )
    runs = ReconciliationRun.objects.filter(connection=connection)
    if row is None or runs.filter(finished_at=None).exists():
        return None
    now, latest = clock.now(), runs.first()
    if latest is not None and latest.error and latest.started_at > now - AGAIN:
        return None
    good = _gone_through(connection).first()
    nightly = good is None or good.started_at < last_night(connection, now)
    if not nightly and good is not None and good.started_at > now - EVERY:
        return None
    since = now - (NIGHT_WINDOW if nightly else WINDOW)
    return ReconciliationRun.objects.create(connection=connection, since=_reach(good, since))


def _gone_through(connection: ErpConnection) -> QuerySet[ReconciliationRun]:
    """Comparisons that went to their end, the latest first: also those that could not look every posting up, or one of
    which ERP never says anything would make each comparison reach further back than the last, and come ever again."""
    whole = Q(error="") | Q(error__startswith=PARTLY)
    return ReconciliationRun.objects.filter(whole, connection=connection, finished_at__isnull=False)


def _reach(good: ReconciliationRun | None, since: datetime) -> datetime:
    """`since`, or as far back as leaves no time out since `good`, the last comparison that went through."""
    return since if good is None else min(since, good.started_at - MARGIN)


def _lists_documents(connection: ErpConnection) -> bool:
    try:
        return adapter_for(connection).reconciles
    except (ErpUnavailable, ErpRejected):
        return False


@contextmanager
def _mine(run: ReconciliationRun) -> Iterator[bool]:
    """Whether this worker has the run to itself. Ends with the database session, so a dead worker holds nothing."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_RUN, run.pk])
        mine = bool(cursor.fetchone()[0])
    try:
        yield mine
    finally:
        if mine:
            with database.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_RUN, run.pk])
