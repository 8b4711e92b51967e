"""One posting in full: what is sent, both values of a drift, each try with what its answer proved, what may be done.

Owns the words of that page and the form its fields are corrected in. What may be done where is the lifecycle's; how a
list shows postings is `postings`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from boards_app.selectors.postings import Row, as_row, is_by_hand
from boards_app.selectors.workbench import cause_words
from core import clock
from core.errors import InvalidInput
from erp_sync import canonical, lifecycle
from erp_sync.codes import Cause
from erp_sync.models import AttemptAction, AttemptOutcome, Posting, PostingAttempt
from erp_sync.reversals import REVERSALS, why_never
from erp_sync.selectors import posting_in_full
from erp_sync.services.checking import check
from erp_sync.services.operating import FIXED_FIELDS
from erp_sync.services.previewing import Preview, preview
from plant_app.models import AccessRole, User
from plant_app.selectors import can, roles_of

#: Payload members in the plant's words; others are shown as they are called, without underscores.
NAMES: Final = {
    "yield_qty": "Good", "scrap_qty": "Scrap", "rework_qty": "To rework", "qty": "Quantity", "uom": "Unit",
    "machine_minutes": "Machine minutes", "labour_minutes": "Labour minutes", "total_yield": "Good in all",
    "final": "Last of the order", "reason_code": "Reason", "new": "New value", "old": "Old value",
    "work_centre": "Work centre", "po_line": "Order line", "po_number": "Customer's order", "rma": "Return number",
    "which": "Which date", "opened_by": "Opened by posting", "reverses": "Takes back", "seen": "Seen in ERP",
    "reverses_kind": "Which was", "reverses_number": "ERP document",
}  # fmt: skip
_FIRST: Final = (
    "site", "work_order", "operation", "number", "line", "action", "work_centre", "work_unit", "item", "lot",
    "quantity", "uom", "from_location", "to_location", "from_status", "to_status", "yield_qty", "scrap_qty", "start",
    "end",
)  # fmt: skip
#: Members nobody types: they say which other posting this belongs to, or what was accepted of ERP.
_KEPT: Final = (*FIXED_FIELDS, "reverses_kind", "reverses_number", "original", "seen", "opened_by")
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
class Member:
    """A member of what is sent: its path in the payload, its name in words and its value; `kind` says how it is edited,
    `part` which line of a list it belongs to, `wrong` what is not right about it."""

    name: str
    words: str
    value: str
    kind: str
    fixed: bool
    part: str = ""
    wrong: str = ""
    warn: bool = False


@dataclass(frozen=True)
class Difference:
    """One value ERP has otherwise than it was decided."""

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
    story: list[Try]
    verbs: tuple[str, ...]
    cause: Cause
    preview: Shown | None
    reversal: Posting | None
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
        """What taking it back does in ERP."""
        return _sentence(REVERSALS[self.posting.kind].words)

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
    found = problems_of(posting) if verbs and not posting.settled else {}
    members = members_of(posting, found)
    named = {member.name for member in members}
    return InFull(
        posting=posting,
        row=as_row(posting),
        members=members,
        problems=[f"{words_for(name)} {said}" for name, (said, _warn) in found.items() if name not in named],
        drift=drift_of(posting),
        story=[_told(one) for one in posting.tries.all()],
        verbs=verbs,
        cause=cause_words(posting),
        preview=None if posting.settled else _shown(preview(posting)),
        reversal=posting.reversals.order_by("pk").first() if posting.settled else None,
        approver=approver,
        why_not_approve=_why_not_approve(user, posting, approver),
        buffered=buffered(posting),
        may_edit=can(user, "posting.edit", posting.site_id),
        may_approve=not _why_not_approve(user, posting, approver),
        may_reverse=can(user, "posting.reverse", posting.site_id),
    )


def verbs_of(posting: Posting) -> tuple[str, ...]:
    """What may be done to it, the usual cure first."""
    if is_by_hand(posting):
        return _BY_HAND
    if posting.status in (lifecycle.Status.CONFIRMED, lifecycle.Status.LOCAL):
        taken = posting.withdrawn_at is not None or why_never(posting.kind, posting.payload)
        return () if taken else ("reverse",)
    return _VERBS.get(posting.status, ())


def buffered(posting: Posting) -> bool:
    """It waits for its slot, to go with the others."""
    until = posting.buffered_until
    return posting.status == lifecycle.Status.QUEUED and until is not None and until > clock.now()


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


def _missing(posting: Posting) -> dict[str, tuple[str, bool]]:
    """The same by the rules of its kind alone: which fields it lacks."""
    found = canonical.validate(posting.kind, posting.payload, canonical.Facts())
    return {one.field: (one.message, one.warn) for one in found}


def members_of(posting: Posting, wrong: Mapping[str, tuple[str, bool]] | None = None) -> list[Member]:
    """The payload as labelled fields, those people look for first in front; lists and groups line by line."""
    wrong = wrong or {}
    payload = {**{name: None for name in wrong if _is_member(posting.kind, name)}, **posting.payload}
    return [
        _member(path, words, part, value, wrong)
        for name in sorted(payload, key=_place)
        for path, words, part, value in _leaves(name, words_for(name), payload[name])
    ]


def words_for(name: str) -> str:
    """A member's name in the plant's words."""
    return NAMES.get(name) or name.replace("_", " ").strip().capitalize()


def _is_member(kind: str, name: str) -> bool:
    return name in canonical.KINDS[kind].__dataclass_fields__ if kind in canonical.KINDS else False


def _place(name: str) -> tuple[int, str]:
    """Members people look for first; the store keeps no order of its own."""
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def _leaves(path: str, words: str, value: Any, part: str = "") -> Iterator[tuple[str, str, str, Any]]:
    """(path, words, part, value) of everything inside that is no list and no group."""
    if isinstance(value, dict) and value:
        for name in sorted(value, key=_place):
            yield from _leaves(f"{path}.{name}", words_for(name), value[name], part or words)
    elif isinstance(value, list) and value:
        for number, one in enumerate(value):
            here = f"{words.removesuffix('s')} {number + 1}"
            yield from _leaves(f"{path}.{number}", here, one, here)
    else:
        yield path, words, part, "" if value in ({}, []) else value


def _member(path: str, words: str, part: str, value: Any, wrong: Mapping[str, tuple[str, bool]]) -> Member:
    kind, shown = "text", "" if value is None else str(value)
    if isinstance(value, bool):
        kind, shown = "flag", "yes" if value else "no"
    elif isinstance(value, int | float):
        kind = "number"
    said, warn = wrong.get(path, ("", False))
    fixed = path.split(".")[0] in _KEPT
    return Member(path, words, shown, kind, fixed, part, said, warn)


def edited(posting: Posting, given: Mapping[str, str]) -> dict[str, Any]:
    """The payload with the form's values in it, each in the type it had. Raises InvalidInput for what is none.

    A field the payload lacks is taken only where the kind has it and it is named as missing now.
    """
    payload: dict[str, Any] = _copied(posting.payload)
    for member in members_of(posting, _missing(posting)):
        raw = given.get(f"payload.{member.name}")
        if raw is None or member.fixed:
            continue
        inside: Any = payload
        *way, last = member.name.split(".")
        for step in way:
            inside = inside[int(step)] if isinstance(inside, list) else inside[step]
        if isinstance(inside, list):
            inside[int(last)] = _typed(member.words, inside[int(last)], raw.strip())
        elif last in inside or raw.strip():
            inside[last] = _typed(member.words, inside.get(last), raw.strip())
    return payload


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(one) for name, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _typed(words: str, before: Any, raw: str) -> Any:
    if isinstance(before, bool):
        return raw == "yes"
    if isinstance(before, int):
        if not raw.lstrip("-").isdigit():
            raise InvalidInput("erp.payload_unreadable", f"{words} is a whole number.")
        return int(raw)
    if isinstance(before, float):
        try:
            return float(Decimal(raw))
        except InvalidOperation:
            raise InvalidInput("erp.payload_unreadable", f"{words} is a number.") from None
    if not raw and (before is None or before in ({}, [])):
        return before
    return raw


# --- drift and story ----------------------------------------------------------------------------------------
def drift_of(posting: Posting) -> list[Difference]:
    """Both values of each thing ERP has otherwise, from the try that stopped; none where it is not held for it."""
    if posting.status != lifecycle.Status.HELD or posting.held_reason != lifecycle.HeldReason.DRIFTED:
        return []
    for attempt in reversed(list(posting.tries.all())):
        found = attempt.response.get("drift")
        if isinstance(found, list) and found:
            return [
                Difference(
                    words_for(str(one.get("field", ""))), _value(one.get("ours")), _value(one.get("theirs"))
                )
                for one in found
                if isinstance(one, dict)
            ]
    return []


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
