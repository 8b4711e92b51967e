"""What erp_sync remembers: connections, postings with their attempts and edits, watermarks, reconciliation.

One module per room; import from here.
"""

from erp_sync.models.connections import (
    AlarmKind,
    CodeMapping,
    ConnectionSite,
    ErpConnection,
    OutboxAlarm,
    PostingMode,
    PostingPolicy,
    PullRun,
    StoredSecret,
    Watermark,
)
from erp_sync.models.postings import AttemptAction, AttemptOutcome, Posting, PostingAttempt, PostingEdit
from erp_sync.models.reconciliation import (
    FindingCare,
    FindingKind,
    FindingStep,
    ReconciliationFinding,
    ReconciliationRun,
)

__all__ = [
    "AlarmKind", "AttemptAction", "AttemptOutcome", "CodeMapping", "ConnectionSite", "ErpConnection", "FindingCare",
    "FindingKind", "FindingStep", "OutboxAlarm", "Posting", "PostingAttempt", "PostingEdit", "PostingMode",
    "PostingPolicy", "PullRun", "ReconciliationFinding", "ReconciliationRun", "StoredSecret", "Watermark",
]  # fmt: skip
