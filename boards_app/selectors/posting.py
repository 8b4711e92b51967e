"""One posting in full: what is sent, both values of a drift, each try with what its answer proved, what may be done.

Owns the words of that page; its fields are `posting_fields`, how a list shows postings is `postings`. What may be done
where is the lifecycle's.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from boards_app.selectors.posting_fields import Member, members_of, words_for
from boards_app.selectors.postings import Row, as_row, is_by_hand, is_dead
from boards_app.selectors.workbench import cause_words
from core import clock
from erp_sync import lifecycle
from erp_sync.codes import Cause
from erp_sync.models import AttemptAction, AttemptOutcome, Posting, PostingAttempt
from erp_sync.reversals import why_never
from erp_sync.selectors import posting_in_full
from erp_sync.services.checking import check
from erp_sync.services.drifting import differences_of
from erp_sync.services.previewing import Preview, preview
from erp_sync.services.releasing import waits_for_slot
from erp_sync.services.withdrawing import WayBack, standing_reversal, way_back, why_not_reversible
from plant_app.models import AccessRole, User
from plant_app.selectors import can, roles_of

_VERBS: Final = {
    "approval": ("approve", "edit", "cancel", "mark-local"),
    "queued": ("retry", "edit", "cancel", "mark-local"),
    "unknown": ("retry", "mark-local"),
    "rejected": ("edit", "retry", "cancel", "mark-local"),
    "held": ("edit", "retry", "cancel", "mark-local"),
}  # fmt: skip
_BY_HAND: Final = ("keyed", "edit", "retry", "cancel", "mark-local")
_SEND, _ASK = AttemptAction.SEND.value, AttemptAction.LOOK_UP.value
#: What an answer proves, in words: (what was done, what came of it).
_PROVED: Final = {
    (_SEND, ""): "Under way: ERP has been asked and has not answered yet.",
    (_SEND, AttemptOutcome.CONFIRMED): "ERP has it, once.",
    (_SEND, AttemptOutcome.REJECTED): "A definite no: nothing of it is in ERP.",
    (_SEND, AttemptOutcome.UNKNOWN): "No clear answer: ERP may have it. It is asked before anything is sent again.",
    (_SEND, AttemptOutcome.RETRY): "It never reached ERP: nothing happened there, so it may be sent again.",
    (_SEND, AttemptOutcome.LOCAL): "This ERP has no place for it: it stays here.",
    (_SEND, AttemptOutcome.HELD): "Stopped before anything was sent.",
    (_SEND, AttemptOutcome.LOST): "The sender ended meanwhile: what it had sent may have arrived, so ERP is asked.",
    (_ASK, ""): "ERP is being asked whether it has it.",
    (_ASK, AttemptOutcome.CONFIRMED): "ERP has had it all along, once. Nothing was sent again.",
    (_ASK, AttemptOutcome.ABSENT): "Nothing is in ERP under its key.",
    (_ASK, AttemptOutcome.REJECTED): "ERP holds it, but cancelled.",
    (_ASK, AttemptOutcome.UNKNOWN): "Begun in ERP and not finished, or ERP could not say. It is asked again.",
    (_ASK, AttemptOutcome.RETRY): "ERP could not be asked; that proves nothing. It is asked again.",
    (_ASK, AttemptOutcome.LOST): "Whoever asked ended meanwhile; it is asked again.",
}  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """One value ERP has otherwise than it was decided."""

    field: str
    words: str
    ours: str
    theirs: str


@dataclass(frozen=True)
class Try:
    """One try as a line of the story: what was done, how long it took, what the answer proved."""

    attempt: PostingAttempt
    icon: str
    words: str
    proved: str
    took: str
    said: str


@dataclass(frozen=True)
class ShownStep:
    """One request as it would go, its body in lines."""

    method: str
    address: str
    shown: str
    note: str


@dataclass(frozen=True)
class Shown:
    """The requests a posting leads to; or in words why they can't be shown."""

    steps: list[ShownStep]
    words: str


@dataclass(frozen=True)
class InFull:
    """One posting with everything about it."""

    posting: Posting
    row: Row
    members: list[Member]
    problems: list[str]
    drift: list[Difference]
    may_accept: bool
    story: list[Try]
    verbs: tuple[str, ...]
    cause: Cause
    preview: Shown | None
    reversal: Posting | None
    back: WayBack | None
    approver: str
    why_not_approve: str
    buffered: bool
    may_edit: bool
    may_approve: bool
    may_reverse: bool

    @property
    def may_act(self) -> bool:
        """Whether anything on the right is this reader's to do."""
        return (
            self.may_edit
            or (self.may_approve and "approve" in self.verbs)
            or (self.may_reverse and "reverse" in self.verbs)
        )

    @property
    def reverses(self) -> str:
        """What taking it back means, of one that can be taken back."""
        return _sentence(self.back.words) if self.back is not None else ""

    @property
    def never(self) -> str:
        """Why there is nothing to take back, of one ERP has."""
        return _sentence(why_never(self.posting.kind, self.posting.payload)) if self.posting.in_erp else ""


def in_full(user: User, posting_id: int) -> InFull | None:
    """One posting, or None where the reader may not see it. At most twelve queries, those of its preview included."""
    posting = posting_in_full(user, posting_id)
    if posting is None:
        return None
    approver, verbs = label_of_role(posting.approver_role), verbs_of(posting)
    drift = drift_of(posting)
    reversal = standing_reversal(posting) if posting.settled else None
    found = problems_of(posting) if verbs and not posting.settled else {}
    members = members_of(posting, found)
    named = {member.name for member in members}
    return InFull(
        posting=posting,
        row=as_row(posting),
        members=members,
        problems=[f"{words_for(name)} {said}" for name, (said, _warn) in found.items() if name not in named],
        drift=drift,
        may_accept=any((posting.payload.get("seen") or {}).get(one.field) != one.theirs for one in drift),
        story=[_told(one) for one in posting.tries.all()],
        verbs=() if reversal else verbs,
        cause=cause_words(posting),
        preview=None if posting.settled else _shown(preview(posting)),
        reversal=reversal,
        back=way_back(posting) if "reverse" in verbs and reversal is None else None,
        approver=approver,
        why_not_approve=_why_not_approve(user, posting, approver),
        buffered=waits_for_slot(posting),
        may_edit=can(user, "posting.edit", posting.site_id),
        may_approve=not _why_not_approve(user, posting, approver),
        may_reverse=can(user, "posting.reverse", posting.site_id),
    )


def verbs_of(posting: Posting) -> tuple[str, ...]:
    """What may be done to it, the usual cure first."""
    if is_by_hand(posting):
        return _BY_HAND
    if posting.status in (lifecycle.Status.CONFIRMED, lifecycle.Status.LOCAL):
        return () if why_not_reversible(posting)[0] else ("reverse",)
    verbs = _VERBS.get(posting.status, ())
    if waits_for_slot(posting):
        return ("release", *(verb for verb in verbs if verb != "retry"))
    return (*verbs, "take") if is_dead(posting) else verbs


def label_of_role(role: str) -> str:
    """An access role as people say it: "a leader"; empty for none."""
    return f"a {AccessRole(role).label.lower()}" if role in AccessRole.values else ""


def _why_not_approve(user: User, posting: Posting, approver: str) -> str:
    """Why this reader's approval would be refused, as far as the page can tell; the service has the last word."""
    if not can(user, "posting.approve", posting.site_id):
        return "Planners, leaders and administrators approve postings."
    if posting.approver_role and posting.approver_role not in roles_of(user, posting.site_id):
        return f"Only {approver} may approve this one."
    return ""


def _shown(found: Preview) -> Shown:
    return Shown(
        [ShownStep(step.method, step.address, _lines(step.body), step.note) for step in found.steps],
        found.words,
    )


def _lines(body: Any) -> str:
    if body in (None, ""):
        return ""
    return body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False, default=str)


@dataclass(frozen=True)
class Card:
    """One posting to key by hand: what to key, under which reference, and who asked."""

    posting: Posting
    row: Row
    members: list[Member]
    may_edit: bool
    latest: str


def card_of(posting: Posting, user: User) -> Card:
    """What the list to key by hand shows of a posting; `latest` is now in its site's time, as a form takes it."""
    return Card(
        posting=posting,
        row=as_row(posting),
        members=[member for member in members_of(posting) if member.value],
        may_edit=can(user, "posting.edit", posting.site_id),
        latest=clock.now().astimezone(ZoneInfo(posting.site.timezone)).strftime("%Y-%m-%dT%H:%M"),
    )


# --- what is sent -------------------------------------------------------------------------------------------
def problems_of(posting: Posting) -> dict[str, tuple[str, bool]]:
    """Field -> what is wrong with it, and whether it may be sent all the same: by the rules of its kind, what the plant
    knows and what its connector would refuse unasked."""
    found = check(
        posting.kind, posting.payload, site=posting.site, reason_code=posting.reason_code,
        connection=posting.connection, own=posting,
    )  # fmt: skip
    return {one.field: (one.message, one.warn) for one in (*found.warnings, *found.problems)}


# --- drift and story ----------------------------------------------------------------------------------------
def drift_of(posting: Posting) -> list[Difference]:
    """Both values of each thing ERP has otherwise; none where the posting is not held for it. One query if it is."""
    return [
        Difference(one.field, words_for(one.field), _value(one.ours), _value(one.theirs))
        for one in differences_of(posting)
    ]


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:].rstrip('.')}." if said else ""


def _value(value: Any) -> str:
    return "nothing" if value in (None, "") else str(value)


def _told(attempt: PostingAttempt) -> Try:
    took = ""
    if attempt.finished_at is not None:
        seconds = max((attempt.finished_at - attempt.started_at) / timedelta(seconds=1), 0.0)
        took = f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.0f} min"
    proved = _PROVED.get((attempt.action, attempt.outcome), attempt.get_outcome_display())
    number = attempt.response.get("erp_number")
    if number and attempt.outcome == AttemptOutcome.CONFIRMED:
        proved = proved.replace("ERP has it", f"ERP has it as {number}")
    icon = {"confirmed": "check-check", "rejected": "octagon-x", "unknown": "search", "lost": "unplug"}.get(
        attempt.outcome, "search" if attempt.action == _ASK else "send"
    )
    return Try(attempt, icon, attempt.get_action_display(), proved, took, attempt.error)
