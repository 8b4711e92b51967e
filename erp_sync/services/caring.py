"""What comparisons find, kept through the runs that find it: who looks after it, and what became of it.

Owns the noting of what a run found and the verbs of people: take on, settle with a remark, open again, send anew what
ERP lost. One that was settled and is found with other values is open again. Must not know: how it was found.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotFound, StaleVersion, TransitionRefused
from core.hints import hint
from erp_sync import lifecycle
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.findings import sent_anew
from erp_sync.models import (
    FindingCare,
    FindingKind,
    FindingStep,
    Posting,
    ReconciliationFinding,
    ReconciliationRun,
)
from erp_sync.said import storable
from erp_sync.services.connecting import fit_words
from erp_sync.services.looking import look_up
from erp_sync.services.moves import lock
from erp_sync.services.queueing import queue_posting
from plant_app.models import User
from plant_app.permissions import require
from plant_app.selectors import can

Verb = FindingStep.Verb
REMARK_LIMIT = 300
_VALUE = 120


@dataclass(frozen=True, slots=True)
class Found:
    """One difference as a run found it. `about_at`: a comparison that reaches back to then would find it again."""

    kind: FindingKind
    posting: Posting | None
    business_key: str
    erp_number: str
    about_at: datetime
    ours: str = ""
    theirs: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind.value, storable(self.business_key)[:40], storable(self.erp_number)[:80]

    @property
    def values(self) -> tuple[str, str]:
        return storable(self.ours)[:_VALUE], storable(self.theirs)[:_VALUE]


@transaction.atomic
def note_found(*, run: ReconciliationRun, found: Iterable[Found]) -> list[ReconciliationFinding]:
    """Keep what a run found, each beside what people said of it before; returns the run's findings.

    A settled one that has other values now is opened again, and a step says so. Locks the ones known before, in the
    order of their ids. Two differences of one key in a run are one: the values that sort first stand for both, so that
    the order of an ERP's list opens nothing again.
    """
    rows = list(found)
    first: dict[tuple[str, str, str], Found] = {}
    for one in sorted(rows, key=lambda one: one.values):
        first.setdefault(one.key, one)
    FindingCare.objects.bulk_create(
        [
            FindingCare(
                connection_id=run.connection_id, kind=one.kind, business_key=one.key[1], erp_number=one.key[2],
                posting=one.posting, ours=one.values[0], theirs=one.values[1], first_found_at=run.started_at,
                last_run=run, about_at=one.about_at,
            )
            for one in sorted(first.values(), key=lambda one: one.key)
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    cares = {
        (care.kind, care.business_key, care.erp_number): care
        for care in FindingCare.objects.select_for_update(no_key=True, of=("self",))
        .filter(connection_id=run.connection_id, business_key__in={key[1] for key in first})
        .select_related("settled_by")
        .order_by("pk")
    }
    steps = [step for key, one in first.items() if (step := _found_again(cares[key], one, run)) is not None]
    FindingCare.objects.bulk_update(
        [cares[key] for key in first],
        [
            "posting", "ours", "theirs", "last_run", "about_at", "settled_at", "settled_by", "remark", "version",
        ],
        batch_size=500,
    )  # fmt: skip
    FindingStep.objects.bulk_create(steps)
    return ReconciliationFinding.objects.bulk_create(
        [
            ReconciliationFinding(
                run=run, care=cares[one.key], kind=one.kind, posting=one.posting, business_key=one.key[1],
                erp_number=one.key[2], ours=one.values[0], theirs=one.values[1],
            )
            for one in rows
        ]
    )  # fmt: skip


def _found_again(care: FindingCare, one: Found, run: ReconciliationRun) -> FindingStep | None:
    """Bring a locked one up to what the run found; the step where that opens it again."""
    step = None
    if (care.ours, care.theirs) != one.values:
        if care.settled:
            step = FindingStep(
                care=care,
                verb=Verb.CHANGED,
                before={"ours": care.ours, "theirs": care.theirs, **_settlement(care)},
                after={"ours": one.values[0], "theirs": one.values[1]},
            )
            care.settled_at, care.settled_by, care.remark = None, None, ""
        care.ours, care.theirs = one.values
        care.version += 1
    care.posting, care.last_run, care.about_at = one.posting, run, one.about_at
    return step


@transaction.atomic
def assign_finding(
    *, care_id: int, owner: User | None, actor: User, remark: str = "", version: int | None = None
) -> FindingCare:
    """Give a finding to somebody who looks after it, or lay it down (None). Locks it; unchanged where it is his.

    Raises NotFound `erp.no_finding`, NotAllowed, StaleVersion `erp.stale`, InvalidInput `erp.assignee` for somebody
    who may do nothing to it, TransitionRefused `erp.finding_settled`.
    """
    care = _lock(care_id, actor, version)
    if owner is not None and not any(can(owner, "posting.edit", site) for site in _sites(care)):
        raise InvalidInput("erp.assignee", f"{owner} may do nothing to postings of this site.")
    if care.owner_id == (owner.pk if owner is not None else None):
        return care
    _refuse_settled(care)
    before = {"owner": str(care.owner or "")}
    care.owner = owner
    return _keep(care, Verb.ASSIGN, actor, remark, before=before, after={"owner": str(owner or "")})


@transaction.atomic
def settle_finding(*, care_id: int, remark: str, actor: User, version: int | None = None) -> FindingCare:
    """Somebody has looked at a finding, and `remark` explains it; it counts no longer, as long as it stays as it is.

    Whose it was nobody's becomes whoever settles it. Locks it. Raises as `assign_finding`, and InvalidInput
    `erp.reason_missing` without a remark.
    """
    _need_remark(remark)
    care = _lock(care_id, actor, version)
    _refuse_settled(care)
    return _settle(care, Verb.SETTLE, remark, actor)


@transaction.atomic
def reopen_finding(*, care_id: int, actor: User, remark: str = "", version: int | None = None) -> FindingCare:
    """Open a settled finding again; it keeps its owner. Locks it.

    Raises as `assign_finding`, and TransitionRefused `erp.finding_open` for one that is open.
    """
    care = _lock(care_id, actor, version)
    if not care.settled:
        raise TransitionRefused("erp.finding_open", "This finding is open already.", status_now="open")
    before = _settlement(care)
    care.settled_at, care.settled_by, care.remark = None, None, ""
    return _keep(care, Verb.REOPEN, actor, remark, before=before)


def send_anew(
    *, care_id: int, remark: str, actor: User, version: int | None = None
) -> tuple[FindingCare, Posting]:
    """Post once more what ERP lost, as a posting of its own key, and settle the finding with that; returns both.

    Must not run inside a transaction: ERP is asked first whether it has the document by now. The new posting carries
    the old one's payload and moment, goes behind its order's others and is judged by policies and limits like any.
    Locks the finding, then the lost posting. Raises as `settle_finding`, and TransitionRefused `erp.not_anew` for
    another kind of finding, a reversal, one taken back, one sent anew before that was not called off, one ERP has again
    or a connection not in use; `erp.not_asked` where ERP does not say whether it has it.
    """
    _need_remark(remark)
    with transaction.atomic():
        _care, lost = _lock_lost(care_id, actor, version)
    _refuse_there(lost)
    with transaction.atomic():
        care, lost = _lock_lost(care_id, actor, version)
        new = queue_posting(
            kind=lost.kind,
            site=lost.site,
            payload=lost.payload,
            occurred_at=lost.occurred_at,
            origin_ref="",
            key_parts=("anew", lost.pk, care.steps.filter(verb=Verb.ANEW).count()),
            chain=lost.chain,
            actor=actor,
            text=lost.text,
            reason_code=lost.reason_code,
            connection=lost.connection,
            justification=f"anew for {lost.business_key}: {remark}"[:200],
            instead_of=lost,
        )
        words = f"Sent anew as {new.business_key}. {remark}"
        return _settle(care, Verb.ANEW, words, actor, anew=new.business_key), new


def why_not_anew(care: FindingCare) -> str:
    """Why what a finding is about can't be sent anew, in words; empty where it can. ERP is not asked."""
    posting = care.posting
    if care.kind != FindingKind.MISSING_THERE or posting is None:
        return "ERP does not miss it"
    if posting.reversal_of_id is not None:
        return "it is a reversal; take the original back once more"
    if posting.connection is None or posting.connection.is_ledger or not posting.connection.enabled:
        return "its ERP is not in use"
    if any(one.status != lifecycle.Status.CANCELLED for one in posting.reversals.all()):
        return "it has been taken back"
    # The steps say whether a look is worth it, so that a list of many costs no query for each.
    if any(step.verb == Verb.ANEW for step in care.steps.all()):
        before = sent_anew(posting)
        if before is not None:
            return f"it was sent anew as {before.business_key}, which has not been called off"
    return ""


def _lock_lost(care_id: int, actor: User, version: int | None) -> tuple[FindingCare, Posting]:
    """A finding and its posting, both locked, that may be sent anew as far as is known here."""
    care = _lock(care_id, actor, version)
    _refuse_settled(care)
    if care.posting is not None:
        care.posting = lock(care.posting.pk)  # nobody takes it back meanwhile
    _refuse_anew(why_not_anew(care))
    if care.posting is None:
        raise ValueError(f"{care} is about no posting")
    return care, care.posting


def _refuse_there(lost: Posting) -> None:
    """Ask ERP, and refuse where it has, or may have, the document by now."""
    if lost.connection is None:
        raise ValueError(f"{lost} has no connection")
    try:
        found = look_up(lost.connection, lost)
    except (ErpUnavailable, ErpRejected) as error:
        raise TransitionRefused(
            "erp.not_asked",
            f"{lost.connection.name} does not say whether it has the document by now: "
            f"{fit_words(lost.connection, error.message)}",
            "Try again once it answers.",
        ) from error
    if found is not None and found.status != "rejected":
        number = f" as {found.erp_number}" if found.erp_number else ""
        _refuse_anew(f"{lost.connection.name} has the document{number} by now")


def _refuse_anew(why: str) -> None:
    if why:
        raise TransitionRefused(
            "erp.not_anew", f"This can't be sent anew: {why}.", "Settle it with a remark."
        )


def _lock(care_id: int, actor: User, version: int | None) -> FindingCare:
    """The finding, locked, for somebody who may do something to it."""
    care = (
        FindingCare.objects.select_for_update(no_key=True, of=("self",))
        .select_related(
            "connection", "posting", "posting__site", "posting__connection", "owner", "settled_by"
        )
        .filter(pk=care_id)
        .first()
    )
    sites = _sites(care) if care is not None else []
    if care is None or not any(can(actor, "posting.view", site) for site in sites):
        raise NotFound("erp.no_finding", "There is no such finding.")
    if not any(can(actor, "posting.edit", site) for site in sites):
        require(actor, "posting.edit", sites[0])
    if version is not None and version != care.version:
        last = care.steps.select_related("actor").last()
        raise StaleVersion(
            "erp.stale",
            "This finding has changed since you read it.",
            "Read it again and repeat what still makes sense.",
            status_now="settled" if care.settled else "open",
            changed_by=str(last.actor) if last is not None and last.actor else "",
        )
    return care


def _sites(care: FindingCare) -> list[int]:
    """Whose it is to do something about it: the posting's site, else every site the ERP serves."""
    if care.posting is not None:
        return [care.posting.site_id]
    return list(care.connection.site_links.order_by("pk").values_list("site_id", flat=True))


def _settle(care: FindingCare, verb: FindingStep.Verb, remark: str, actor: User, **said: str) -> FindingCare:
    before = {"owner": str(care.owner or "")}
    care.settled_at, care.settled_by, care.remark = clock.now(), actor, remark.strip()[:REMARK_LIMIT]
    care.owner = care.owner or actor
    after = {"owner": str(care.owner), "ours": care.ours, "theirs": care.theirs, **said}
    return _keep(care, verb, actor, remark, before=before, after=after)


def _keep(
    care: FindingCare,
    verb: FindingStep.Verb,
    actor: User,
    remark: str,
    *,
    before: dict[str, Any],
    after: dict[str, Any] | None = None,
) -> FindingCare:
    FindingStep.objects.create(
        care=care,
        verb=verb,
        actor=actor,
        remark=remark.strip()[:REMARK_LIMIT],
        before=before,
        after=after or {},
    )
    care.version += 1
    care.save(update_fields=["owner", "settled_at", "settled_by", "remark", "version"])
    hint("postings", kind="reconciliation", care=care.pk)
    return care


def _settlement(care: FindingCare) -> dict[str, str]:
    at = care.settled_at.isoformat() if care.settled_at is not None else ""
    return {"settled_at": at, "settled_by": str(care.settled_by or ""), "remark": care.remark}


def _refuse_settled(care: FindingCare) -> None:
    if care.settled:
        raise TransitionRefused(
            "erp.finding_settled",
            f"This finding has been settled by {care.settled_by}.",
            "Open it again first.",
            status_now="settled",
        )


def _need_remark(remark: str) -> None:
    if not remark.strip():
        raise InvalidInput(
            "erp.reason_missing",
            "Say what explains it.",
            "A remark is kept with every finding that is settled.",
        )
