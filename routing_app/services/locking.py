"""The one lock of the draft: publishing, restoring and re-ordering never interleave."""

from django.db import connection

_RULES_LOCK = 7_203_411


def lock_draft() -> None:
    """Wait for and hold the draft's advisory lock until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_RULES_LOCK])
