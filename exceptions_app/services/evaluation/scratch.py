"""Empty tables of one transaction: everything in here is read and written as ever, and nothing of it is ever real.

PostgreSQL looks for a table among a session's temporary ones first. So a temporary copy of each table's shape, dropped
with the rollback, hides the plant's own rows from every query of this transaction: no name of the plant is seen, no
code collides, no row of it is locked, and the counters of its ids stand still.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from plant_app.models import MasterChange

#: What Django itself looks up and remembers by id; nothing in here writes to it.
_SHARED = frozenset({"django_content_type", "auth_permission", "django_site", "django_migrations"})
_SEQUENCES = ("exception_ref_seq",)


@contextmanager
def scratch_tables() -> Iterator[None]:
    """Every table of the product, empty, for this block; rolled back at its end, whatever happens.

    Needs the right to make temporary tables, which every login has unless it was taken away. Foreign keys and triggers
    are not copied. Takes no lock on any row of the plant.
    """
    quote = connection.ops.quote_name
    with transaction.atomic():
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        with connection.cursor() as cursor:
            for table in sorted(set(tables) - _SHARED):
                cursor.execute(
                    f"CREATE TEMPORARY TABLE {quote(table)} (LIKE {quote(table)} INCLUDING ALL) ON COMMIT DROP"
                )
            for name in _SEQUENCES:
                cursor.execute(f"CREATE TEMPORARY SEQUENCE {quote(name)}")
        # Names are kept in memory by their version; a number nobody else gets keeps these apart from the plant's own.
        MasterChange.objects.create(pk=secrets.randbits(62))
        try:
            yield
        finally:
            transaction.set_rollback(True)
