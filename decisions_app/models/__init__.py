"""Playbooks and what comes of them: decisions, tasks, their postings, and talk. Import from here."""

from decisions_app.models.decisions import Comment, Decision, PostingLink, Task, TaskStatus
from decisions_app.models.playbooks import Clears, Option, OptionPosting, OptionTask, Playbook, Trigger

__all__ = [
    "Clears",
    "Comment",
    "Decision",
    "Option",
    "OptionPosting",
    "OptionTask",
    "Playbook",
    "PostingLink",
    "Task",
    "TaskStatus",
    "Trigger",
]
