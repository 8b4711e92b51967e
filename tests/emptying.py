"""Empties the database after a test that commits, much faster than Django's `flush`.

`flush` makes a new file for each of some hundreds of tables and indexes and then writes every content type and
permission anew. Here rows are deleted, with triggers and foreign keys asleep, and those two tables are left as they
are unless the test changed them. Where the database's user may not put triggers to sleep, which `services_plugin`
allows it on its own server, `flush` does it.
"""

from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.test import TransactionTestCase

_flush: Any = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
_left: list[tuple[int, ...]] = []  # what `flush` last left in the two tables


def install() -> None:
    """From now on every test that commits is cleaned up after this way."""
    TransactionTestCase._fixture_teardown = _empty  # type: ignore[attr-defined]


def _empty(case: Any) -> None:
    plain = case.available_apps is None and not case.reset_sequences and not case.serialized_rollback
    if plain and _left == _prints() and delete_rows():
        return
    _flush(case)
    _left[:] = _prints()


def _prints() -> list[tuple[int, ...]]:
    """One figure a table: any changed, added or removed row changes it."""
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT coalesce(sum(hashtextextended(t::text, 0)), 0), count(*) FROM {model._meta.db_table} t"  # noqa: S608
                for model in (ContentType, Permission)
            )
        )
        return cursor.fetchall()


def delete_rows() -> bool:
    """Delete every row but content types and permissions; False, and nothing done, where that is not allowed."""
    kept = {ContentType._meta.db_table, Permission._meta.db_table}
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    names = [f'"{table}"' for table in tables if table not in kept]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            # what a process of the test still writes is waited for, so that it does not come after
            cursor.execute(f"LOCK TABLE {', '.join(names)} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute("; ".join(f"DELETE FROM {name}" for name in names))  # noqa: S608
            cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    except (ProgrammingError, OperationalError):  # not allowed, or a deadlock with such a process
        return False
    return True
