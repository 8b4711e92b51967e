"""Code mappings brought in from a file: all of it or, with any fault, nothing.

Owns what an import does to the rows. Must not know: the format, who asks.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from erp_sync.models import CodeMapping, ErpConnection
from erp_sync.services.trying import forget_trial


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    created: int
    changed: int
    unchanged: int
    removed: int


@transaction.atomic
def import_mappings(
    *, connection: ErpConnection, rows: Iterable[tuple[str, str, str]], replace: bool = False
) -> Imported:
    """Make the mappings (kind, ours, theirs) of `connection` so; with `replace`, those `rows` does not name go.

    One that changes loses what a trial said of it. Locks the connection's mappings.
    """
    known = {
        (row.kind, row.ours): row
        for row in CodeMapping.objects.select_for_update(of=("self",), no_key=True).filter(
            connection=connection
        )
    }
    created = changed = unchanged = 0
    for kind, ours, theirs in rows:
        row = known.pop((kind, ours), None)
        if row is None:
            CodeMapping.objects.create(connection=connection, kind=kind, ours=ours, theirs=theirs)
            created += 1
        elif row.theirs == theirs:
            unchanged += 1
        else:
            row.theirs = theirs
            forget_trial(row)
            row.save(update_fields=["theirs", "tested_at", "test_ok", "test_said"])
            changed += 1
    removed = 0
    if replace:
        removed, _by_model = CodeMapping.objects.filter(pk__in=[row.pk for row in known.values()]).delete()
    return Imported(created, changed, unchanged, removed)
