"""Due work: rows with a due column, claimed by whoever is free.

Owns the one way to claim rows so that two workers never hold the same one and none waits for another.
"""

from typing import TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


def claim(queryset: QuerySet[M], limit: int) -> list[M]:
    """Lock and return up to `limit` rows of `queryset` (order it first), skipping rows others hold.

    Must run inside a transaction; the locks live until it ends. Only the rows' own table is locked, so joins for
    display never block a neighbour; and their keys stay free, so rows that refer to them can still be inserted.
    """
    return list(queryset.select_for_update(no_key=True, skip_locked=True, of=("self",))[:limit])


def backoff_seconds(attempts: int, *, first: float = 2.0, ceiling: float = 900.0) -> float:
    """Seconds to wait after `attempts` failed tries: doubling from `first`, never above `ceiling`."""
    return float(min(ceiling, first * 2.0 ** max(0, min(attempts, 30) - 1)))
