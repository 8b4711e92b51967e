"""Live hints: "something you show has changed", sent to socket groups after commit.

A hint carries names and numbers only, never content a reader might not be allowed to see; the page refetches
through a permission-checked view. `fragment` is the one exception: rendered HTML for a group whose every member
holds the permission it was rendered for. Losing a hint is harmless: a reconnecting page refetches everything.
"""

import logging
from functools import cache, partial
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction
from redis import Redis
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
    """All groups in one round trip, on a connection that stays open.

    The channel layer itself opens an event loop and a connection for every message sent outside of one. What it
    would publish is published here; it still receives.
    """
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        pipeline = _redis().pipeline(transaction=False)
        for group in dict.fromkeys(groups):
            pipeline.publish(
                f"{_config()['prefix']}__group__{group}", layer.serialize({**message, "group": group})
            )
        pipeline.execute()
    except (RedisError, OSError) as error:
        logger.warning("live hint not sent: %s", error)


def _config() -> dict[str, Any]:
    layers: dict[str, Any] = settings.CHANNEL_LAYERS
    config: dict[str, Any] = layers["default"]["CONFIG"]
    return config


@cache
def _redis() -> Redis:
    """The one Redis all hints go through; its pool knows threads and forked processes apart."""
    return Redis.from_url(_config()["hosts"][0], socket_connect_timeout=1, socket_timeout=2)
