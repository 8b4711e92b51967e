"""Live hints: "something you show has changed", sent to socket groups after commit.

A hint carries names and numbers only, never content a reader might not be allowed to see; the page refetches
through a permission-checked view. `fragment` is the one exception: rendered HTML for a group whose every member
holds the permission it was rendered for. Losing a hint is harmless: a reconnecting page refetches everything.
"""

import logging
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

from core import clock

logger = logging.getLogger(__name__)


def hint(*groups: str, kind: str, **data: Any) -> None:
    """After commit, tell every socket in `groups` that `kind` changed; `data` must be JSON-serialisable.

    Silent inside a moved clock. A channel layer that is away is logged, never raised: the state is in PostgreSQL.
    """
    if clock.moved() or not groups:
        return
    message = {"type": "hint", "kind": kind, **data}
    transaction.on_commit(partial(_send, groups, message))


def fragment(group: str, *, target: str, html: str) -> None:
    """After commit, replace element `target` on every page of `group` by `html`."""
    if clock.moved():
        return
    transaction.on_commit(partial(_send, (group,), {"type": "fragment", "target": target, "html": html}))


def _send(groups: tuple[str, ...], message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(_send_all)(layer, groups, message)
    except (RedisError, OSError) as error:
        logger.warning("live hint not sent: %s", error)


async def _send_all(layer: Any, groups: tuple[str, ...], message: dict[str, Any]) -> None:
    for group in dict.fromkeys(groups):
        await layer.group_send(group, {**message, "group": group})
