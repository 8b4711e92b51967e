"""What connectors keep of what ERPs left for them: answers that can't be used, and files that were read.

Owns the look at all connections and the deleting after each one's own days. Must not know: folders, formats.
"""

import logging
from collections.abc import Iterator

from erp_sync.adapters.port import Keeping
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.models import ErpConnection
from erp_sync.services.connecting import adapter_for

logger = logging.getLogger(__name__)


def set_aside() -> list[tuple[ErpConnection, tuple[str, ...]]]:
    """Connections with answers nobody could use, each with what lies there in words. One out of reach is left out:
    that it is, is said of the connection itself."""
    found = []
    for connection, keeper in _keepers():
        try:
            lying = keeper.set_aside()
        except (ErpUnavailable, ErpRejected) as error:
            logger.info("what %s set aside can't be read: %s", connection.code, error.message)
            continue
        if lying:
            found.append((connection, lying))
    return found


def prune_kept() -> int:
    """Delete what connections kept for longer than their days; how many files. A connection out of reach waits."""
    deleted = 0
    for connection, keeper in _keepers():
        try:
            deleted += keeper.prune()
        except (ErpUnavailable, ErpRejected) as error:
            logger.info("what %s kept can't be pruned: %s", connection.code, error.message)
    return deleted


def _keepers() -> Iterator[tuple[ErpConnection, Keeping]]:
    for connection in ErpConnection.objects.filter(enabled=True, is_ledger=False).order_by("pk"):
        try:
            adapter = adapter_for(connection)
        except (ErpUnavailable, LookupError, TypeError, ValueError) as error:
            # Not ready, or options nobody can read: its own test and its sender say so.
            logger.info("%s can't be built: %s", connection.code, error)
            continue
        if isinstance(adapter, Keeping):
            yield connection, adapter
