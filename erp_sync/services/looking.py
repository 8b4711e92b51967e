"""Asking ERP whether it has a posting, and for its master data, for those who do not send.

Owns the outer edge of that question: a connector that breaks on one posting refuses that one, so that whoever asks for
many goes on with the next; and its words come fit to be kept. Must not know: what follows from an answer.
"""

import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace

from celery.exceptions import SoftTimeLimitExceeded

from erp_sync import said
from erp_sync.adapters.port import Outcome, Page
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.models import ErpConnection, Posting
from erp_sync.services.commands import command_of
from erp_sync.services.connecting import adapter_for, fit_words
from erp_sync.services.sending import FAULT, fit

logger = logging.getLogger(__name__)


def look_up(connection: ErpConnection, posting: Posting) -> Outcome | None:
    """What ERP has of a posting, as the connector's own `look_up` says it. Network, so never inside a transaction.

    Raises ErpUnavailable where ERP can't be asked; ErpRejected where it does not answer for this posting, with
    `erp.connector_fault` where it is the connector that broke.
    """
    try:
        found = adapter_for(connection).look_up(command_of(posting))
        return fit(connection, found) if found is not None else None
    except (ErpUnavailable, ErpRejected, SoftTimeLimitExceeded):
        raise
    except Exception as error:  # noqa: BLE001 - outer edge: what a connector stumbles over must not keep the other postings
        raise ErpRejected(FAULT, broken(connection, error)) from None


def pages(connection: ErpConnection, entity: str, watermark: str) -> Iterator[Page]:
    """Pages of the connector's `pull`, as our database can store them. Network. Raises what the connector raises."""
    for page in adapter_for(connection).pull(entity, watermark):
        records = tuple(
            replace(
                row,
                code=said.storable(row.code),
                external_id=said.storable(row.external_id),
                data=said.storable(row.data),
            )
            for row in page.records
        )
        yield replace(page, records=records)


def broken(connection: ErpConnection, error: Exception) -> str:
    """What a connector broke on, fit to be kept; the log gets where. Its words may quote the login."""
    logger.error(
        "connector of %s failed: %s\n%s",
        connection.code,
        type(error).__name__,
        "".join(traceback.format_tb(error.__traceback__)),
    )
    return fit_words(connection, f"{type(error).__name__}: {error}")
