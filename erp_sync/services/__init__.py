"""Every state change of the ERP side; import the verbs from here.

`queue_posting` is called inside the deciding transaction. `send_due`, `handle_settled`, `pull_due` and `reconcile`
work off tables and must run outside any transaction.
"""

from erp_sync.services.acknowledging import fetch_acknowledgements, receive_call
from erp_sync.services.alarming import sweep_alarms
from erp_sync.services.by_hand import find_keyed, note_keyed
from erp_sync.services.checking import check_payload
from erp_sync.services.circuit import check_connection
from erp_sync.services.connecting import connection_for, ensure_demo_connections
from erp_sync.services.keeping import prune_kept, set_aside
from erp_sync.services.lanes import call_lanes, close_lanes, wait_for_lanes
from erp_sync.services.operating import (
    approve,
    cancel,
    edit_and_retry,
    mark_local,
    note_number,
    retry,
)
from erp_sync.services.pulling import Pulled, pull_due, pull_master_data
from erp_sync.services.queueing import find_posting, posting_key, queue_posting
from erp_sync.services.reconciling import reconcile, reconcile_all
from erp_sync.services.sealing import forget_secret, rotate_secrets, store_secret
from erp_sync.services.sending import send_due
from erp_sync.services.settling import handle_settled, mark_handled, settled_unhandled
from erp_sync.services.withdrawing import withdraw

__all__ = [
    "Pulled",
    "approve",
    "call_lanes",
    "cancel",
    "check_connection",
    "check_payload",
    "close_lanes",
    "connection_for",
    "edit_and_retry",
    "ensure_demo_connections",
    "fetch_acknowledgements",
    "find_keyed",
    "find_posting",
    "forget_secret",
    "handle_settled",
    "mark_handled",
    "mark_local",
    "note_keyed",
    "note_number",
    "posting_key",
    "prune_kept",
    "pull_due",
    "pull_master_data",
    "queue_posting",
    "receive_call",
    "reconcile",
    "reconcile_all",
    "retry",
    "rotate_secrets",
    "send_due",
    "set_aside",
    "settled_unhandled",
    "store_secret",
    "sweep_alarms",
    "wait_for_lanes",
    "withdraw",
]
