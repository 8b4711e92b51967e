"""A posting as the connector sees it."""

from erp_sync.adapters.port import PostingCommand
from erp_sync.models import Posting


def command_of(posting: Posting) -> PostingCommand:
    """The command of a posting: its key and canonical payload, the times and words of its envelope."""
    return PostingCommand(
        kind=posting.kind,
        business_key=posting.business_key,
        payload=dict(posting.payload),
        occurred_at=posting.occurred_at,
        posting_date=posting.posting_date,
        text=posting.text,
        attempt=max(posting.attempts, 1),
    )
