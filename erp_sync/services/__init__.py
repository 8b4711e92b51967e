"""Every state change of the ERP side; import the verbs from here.

`queue_posting` is called inside the deciding transaction. `send_due`, `handle_settled`, `pull_due` and `reconcile`
work off tables and must run outside any transaction.
"""

from erp_sync.services.acknowledging import fetch_acknowledgements, receive_call
from erp_sync.services.alarming import sweep_alarms
from erp_sync.services.bulk import BulkVerb, Done, assign, assign_one, bulk
from erp_sync.services.by_hand import find_keyed, note_keyed
from erp_sync.services.caring import (
    assign_finding,
    note_found,
    reopen_finding,
    send_anew,
    settle_finding,
    why_not_anew,
)
from erp_sync.services.checking import Checked, check, check_payload
from erp_sync.services.circuit import check_connection
from erp_sync.services.connecting import connection_for, ensure_demo_connections
from erp_sync.services.drifting import accept_drift, differences_of
from erp_sync.services.foreseeing import Foreseen, foresee
from erp_sync.services.keeping import prune_kept, set_aside
from erp_sync.services.lanes import call_lanes, close_lanes, wait_for_lanes
from erp_sync.services.mappings import Imported, import_mappings
from erp_sync.services.operating import (
    approve,
    cancel,
    edit_and_retry,
    mark_local,
    note_number,
    retry,
)
from erp_sync.services.previewing import Preview, preview
from erp_sync.services.pull_runs import ask_pull, work_pull_runs
from erp_sync.services.pulling import Pulled, pull_due, pull_master_data, read_anew
from erp_sync.services.queueing import find_posting, posting_key, queue_posting
from erp_sync.services.reconciling import reconcile
from erp_sync.services.reconciling_due import ask_reconciliation, reconcile_due
from erp_sync.services.releasing import release, release_all
from erp_sync.services.sealing import (
    forget_secret,
    rotate_secrets,
    secret_opens,
    store_secret,
    why_not_sealed,
)
from erp_sync.services.sending import send_due
from erp_sync.services.settling import handle_settled, mark_handled, settled_unhandled
from erp_sync.services.sweeping import sweep
from erp_sync.services.trying import Trial, forget_trial, try_connection, try_mappings
from erp_sync.services.withdrawing import reverse, standing_reversal, way_back, why_not_reversible, withdraw

__all__ = [
    "BulkVerb",
    "Checked",
    "Done",
    "Foreseen",
    "Imported",
    "Preview",
    "Pulled",
    "Trial",
    "accept_drift",
    "approve",
    "ask_pull",
    "ask_reconciliation",
    "assign",
    "assign_finding",
    "assign_one",
    "bulk",
    "call_lanes",
    "cancel",
    "check",
    "check_connection",
    "check_payload",
    "close_lanes",
    "connection_for",
    "differences_of",
    "edit_and_retry",
    "ensure_demo_connections",
    "fetch_acknowledgements",
    "find_keyed",
    "find_posting",
    "foresee",
    "forget_secret",
    "forget_trial",
    "handle_settled",
    "import_mappings",
    "mark_handled",
    "mark_local",
    "note_found",
    "note_keyed",
    "note_number",
    "posting_key",
    "preview",
    "prune_kept",
    "pull_due",
    "pull_master_data",
    "queue_posting",
    "read_anew",
    "receive_call",
    "reconcile",
    "reconcile_due",
    "release",
    "release_all",
    "reopen_finding",
    "retry",
    "reverse",
    "rotate_secrets",
    "secret_opens",
    "send_anew",
    "send_due",
    "set_aside",
    "settle_finding",
    "settled_unhandled",
    "standing_reversal",
    "store_secret",
    "sweep",
    "sweep_alarms",
    "try_connection",
    "try_mappings",
    "wait_for_lanes",
    "way_back",
    "why_not_anew",
    "why_not_reversible",
    "why_not_sealed",
    "withdraw",
    "work_pull_runs",
]
