"""What erp_sync remembers: connections, postings with their attempts and edits, watermarks, reconciliation.

One module per room; import from here.
"""

from erp_sync.models.connections import CodeMapping, ConnectionSite, ErpConnection, Watermark
from erp_sync.models.postings import AttemptAction, AttemptOutcome, Posting, PostingAttempt, PostingEdit
from erp_sync.models.reconciliation import FindingKind, ReconciliationFinding, ReconciliationRun

__all__ = [
    "AttemptAction", "AttemptOutcome", "CodeMapping", "ConnectionSite", "ErpConnection", "FindingKind", "Posting",
    "PostingAttempt", "PostingEdit", "ReconciliationFinding", "ReconciliationRun", "Watermark",
]  # fmt: skip
