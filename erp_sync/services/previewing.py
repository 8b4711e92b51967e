"""What exactly would be sent for a posting, as its connector says, and what the connector would refuse unasked.

Owns the asking and that no secret is shown. Nothing is written and no ERP is asked. Must not know: whether the posting
will go at all.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from erp_sync import said
from erp_sync.adapters.port import PostingCommand, Previewing, Step
from erp_sync.canonical import Problem
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.models import ErpConnection, Posting
from erp_sync.services.commands import command_of
from erp_sync.services.connecting import address_of, unasked_adapter

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Preview:
    """The requests a posting leads to, in their order; or in `words` why they can't be shown.

    `refusal` is what the connector would answer without asking its ERP: a code that has no counterpart there.
    """

    steps: tuple[Step, ...] = ()
    words: str = ""
    refusal: Problem | None = None


def preview(posting: Posting) -> Preview:
    """What is, or would be, sent for a posting (a saved one, or one only intended). Asks no ERP."""
    if posting.connection is None:
        return Preview(words="No ERP is connected: nothing is sent.")
    return preview_of(posting.connection, command_of(posting))


def preview_of(connection: ErpConnection, command: PostingCommand) -> Preview:
    """As `preview`, for a command."""
    try:
        adapter = unasked_adapter(connection)
        able = adapter.capability(command)
        if not able.supported:
            return Preview(words=f"Nothing is sent: {able.reason or f'{connection.name} does not take it'}")
        if not isinstance(adapter, Previewing):
            return Preview(
                words=f"The connector of {connection.name} can't show requests before it sends them."
            )
        steps = adapter.preview(command)
    except ErpRejected as error:
        code = error.code.rsplit(".", 1)[-1]
        return Preview(
            words=f"{connection.name} would not take it: {error.message}",
            refusal=Problem(_field_of(error.message, command.payload), code, error.message),
        )
    except (ErpUnavailable, KeyError) as error:
        return Preview(words=f"{connection.name} can't be used now: {error}")
    except (
        Exception
    ) as error:  # outer edge: a connector's fault in showing must not keep a posting from being decided
        logger.exception("connector could not show %s", command.business_key)
        return Preview(words=f"The connector failed to show it: {type(error).__name__}")
    secret = address_of(connection).password
    return Preview(steps=tuple(_without(secret, step) for step in steps))


def _field_of(message: str, payload: Mapping[str, Any]) -> str:
    """The member of the payload a refusal speaks of, by the value it names; empty where none is named."""
    named = [
        name
        for name, value in payload.items()
        if isinstance(value, str) and len(value) > 1 and f"{value!r}" in message
    ]
    return named[0] if named else ""


def _without(secret: str, step: Step) -> Step:
    return replace(
        step,
        address=said.without(secret, step.address),
        body=said.without(secret, step.body),
        note=said.without(secret, step.note),
    )
