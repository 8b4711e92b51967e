"""Playbooks and what comes of them: decisions, approvals, tasks, their postings, and talk. Import from here."""

from decisions_app.models.approvals import Approval, ApprovalStatus, ApprovalWhy, RootCause
from decisions_app.models.decisions import CheckResult, Comment, Decision, PostingLink, Task, TaskStatus
from decisions_app.models.handover import HandoverSheet
from decisions_app.models.playbooks import (
    CauseRequired,
    Clears,
    MoneyLimit,
    Option,
    OptionPosting,
    OptionTask,
    Playbook,
    RootCauseCategory,
    Trigger,
)
from decisions_app.models.talk import CommentFiles, Mention, SaidComment, TalkText
from decisions_app.models.windows import WindowRequest

__all__ = [
    "Approval",
    "ApprovalStatus",
    "ApprovalWhy",
    "CauseRequired",
    "CheckResult",
    "Clears",
    "Comment",
    "CommentFiles",
    "Decision",
    "HandoverSheet",
    "Mention",
    "MoneyLimit",
    "Option",
    "OptionPosting",
    "OptionTask",
    "Playbook",
    "PostingLink",
    "RootCause",
    "RootCauseCategory",
    "SaidComment",
    "TalkText",
    "Task",
    "TaskStatus",
    "Trigger",
    "WindowRequest",
]
