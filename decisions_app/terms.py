"""The terms a decision was taken on: the option's effects and postings as the playbook had them at that moment.

A playbook edited later changes no decision under way. Pure but for the option it reads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db.models import Q

from decisions_app.models import Decision, Option, OptionPosting, Trigger


class PostingTerm(Protocol):
    """What is asked of a posting, by the playbook or by the terms kept of it."""

    @property
    def template(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...
    @property
    def needs_approval(self) -> bool: ...


@dataclass(frozen=True)
class KeptPosting:
    """A posting of the terms."""

    template: str
    trigger: str
    task_code: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs_approval: bool = False


def terms_of(option: Option) -> dict[str, Any]:
    """What is kept with a decision for `option` taken now. Two queries."""
    rows = OptionPosting.objects.filter(
        Q(option=option) | Q(option__isnull=True, trigger__in=(Trigger.DECIDE, Trigger.TASK)),
        playbook=option.playbook_id,
    ).order_by("option_id", "position", "pk")
    return {
        "version": option.playbook.version,
        "effects": list(option.effects),
        "postings": [
            {
                "template": row.template,
                "trigger": row.trigger,
                "task_code": row.task_code,
                "settings": row.settings,
                "needs_approval": row.needs_approval,
            }
            for row in rows
        ],
    }


def kept_postings(decision: Decision, trigger: str, task_code: str = "") -> list[KeptPosting] | None:
    """The postings `decision` has for a moment; None for one taken before terms were kept."""
    entries: Iterable[dict[str, Any]] | None = decision.terms.get("postings")
    if entries is None:
        return None
    found = [KeptPosting(**entry) for entry in entries if entry["trigger"] == trigger]
    return [one for one in found if trigger != Trigger.TASK or one.task_code == task_code]
