"""Every verb of decisions, from containment to closing; import from here."""

from decisions_app.services.approvals import (
    approvals_waiting_for,
    approve,
    ask_approval,
    refuse_approval,
    withdraw_approval,
)
from decisions_app.services.closing import clear, resolve, settle
from decisions_app.services.containment import contain, contain_due
from decisions_app.services.deciding import decide
from decisions_app.services.finishing import call_off_task, complete_task
from decisions_app.services.follow_ups import check_follow_ups, state_cause
from decisions_app.services.handover import prepare_sheets, sign_incoming, sign_outgoing, write_notes
from decisions_app.services.loading import leave_offer, load_default_playbooks, load_playbooks, take_offer
from decisions_app.services.merging import merge, split, split_from, undo_split
from decisions_app.services.progress import report_progress
from decisions_app.services.settled import handle_settled
from decisions_app.services.stale import remind_due
from decisions_app.services.talk import comment
from decisions_app.services.tasks import add_task, take_task
from decisions_app.services.undoing import cancel, reopen, restore, reverse_decision
from decisions_app.services.windows import ask_windows, refresh, refresh_due

__all__ = [
    "add_task",
    "approvals_waiting_for",
    "approve",
    "ask_approval",
    "ask_windows",
    "call_off_task",
    "cancel",
    "check_follow_ups",
    "clear",
    "comment",
    "complete_task",
    "contain",
    "contain_due",
    "decide",
    "handle_settled",
    "leave_offer",
    "load_default_playbooks",
    "load_playbooks",
    "merge",
    "prepare_sheets",
    "refresh",
    "refresh_due",
    "refuse_approval",
    "remind_due",
    "reopen",
    "report_progress",
    "resolve",
    "restore",
    "reverse_decision",
    "settle",
    "sign_incoming",
    "sign_outgoing",
    "split",
    "split_from",
    "state_cause",
    "take_offer",
    "take_task",
    "undo_split",
    "withdraw_approval",
    "write_notes",
]
