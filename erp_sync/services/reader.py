"""One reader of master data at a time, however many workers there are, so that reading never takes postings' workers.

Owns the question whether somebody reads, under a lock of its own. Must not know: what is read.
"""

from datetime import datetime, timedelta

from django.db import connection as database

from erp_sync.models import PullRun, Watermark

#: A run whose worker has not finished it in this time is done again.
RUN_LEASE = timedelta(minutes=15)
#: Name of the lock under which a reader is chosen: two 32-bit numbers of our own.
_READER = (0x4558, 0x5052)


def nobody_reads(now: datetime) -> bool:
    """Whether no other reader is at work. Holds the choice of a reader until the transaction ends; must run in one."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", _READER)
    return not (
        Watermark.objects.filter(began_at__isnull=False, next_at__gt=now).exists()
        or PullRun.objects.filter(started_at__gt=now - RUN_LEASE, finished_at=None).exists()
    )
