"""Asking ERP whether it has a posting, for those who do not send it.

Owns the outer edge of that question: a connector that breaks on one posting refuses that one, so that whoever asks for
many goes on with the next. Must not know: what follows from an answer.
"""

import logging

from celery.exceptions import SoftTimeLimitExceeded

from erp_sync.adapters.port import Outcome
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.models import ErpConnection, Posting
from erp_sync.services.commands import command_of
from erp_sync.services.connecting import adapter_for

logger = logging.getLogger(__name__)

FAULT = "erp.connector_fault"


def look_up(connection: ErpConnection, posting: Posting) -> Outcome | None:
    """What ERP has of a posting, as the connector's own `look_up` says it. Network, so never inside a transaction.

    Raises ErpUnavailable where ERP can't be asked; ErpRejected where it does not answer for this posting, with
    `erp.connector_fault` where it is the connector that broke.
    """
    try:
        return adapter_for(connection).look_up(command_of(posting))
    except (ErpUnavailable, ErpRejected, SoftTimeLimitExceeded):
        raise
    except Exception as error:  # outer edge: what a connector stumbles over must not keep the other postings
        logger.exception("connector failed on %s", posting.business_key)
        raise ErpRejected(FAULT, f"{type(error).__name__}: {error}") from error
