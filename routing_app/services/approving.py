"""A second person looks at the draft before it routes: asked for, approved (which publishes), sent back, withdrawn.

Whoever asks, and whoever edited the draft since the last version, can't approve. A request is about one state of the
draft; an edit after it makes it worthless, and whoever edited asks again.
"""

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotAllowed, NotFound, TransitionRefused
from plant_app.models import User
from routing_app.models import ApprovalStatus, RuleApproval, RuleVersion
from routing_app.selectors import draft_authors, draft_spec, may_edit_rules, spec_digest
from routing_app.services.locking import lock_draft
from routing_app.services.publishing import freeze, refuse_unpublishable


@transaction.atomic
def ask_approval(*, actor: User, note: str = "") -> RuleApproval:
    """Ask a second person to approve the draft as it is; a request still waiting is withdrawn for this one.

    TransitionRefused `routing.publish_refused`, `routing.nothing_to_publish` as publishing would. Takes the draft lock.
    """
    lock_draft()
    spec = draft_spec()
    refuse_unpublishable(spec)
    RuleApproval.objects.filter(status=ApprovalStatus.WAITING).update(
        status=ApprovalStatus.WITHDRAWN, decided_at=clock.now(), decided_by=actor
    )
    return RuleApproval.objects.create(
        asked_by=actor, asked_at=clock.now(), note=note[:300], digest=spec_digest(spec)
    )


def _waiting(pk: int) -> RuleApproval:
    lock_draft()
    approval = RuleApproval.objects.select_related("asked_by").filter(pk=pk).first()
    if approval is None:
        raise NotFound("routing.approval_missing", "There is no such request for approval.")
    if approval.status != ApprovalStatus.WAITING:
        raise TransitionRefused(
            "routing.approval_answered",
            f"This request was answered: {approval.get_status_display().lower()}.",
        )
    return approval


def _second(actor: User, approval: RuleApproval) -> None:
    if not may_edit_rules(actor):
        raise NotAllowed("routing.not_administrator", "Only administrators approve rules.")
    if actor.pk == approval.asked_by_id or actor.pk in draft_authors():
        raise NotAllowed(
            "routing.own_draft",
            "You edited this draft or asked for its approval; another person must look at it.",
            "Ask another administrator.",
        )


@transaction.atomic
def approve(*, pk: int, actor: User) -> RuleVersion:
    """Approve the draft and publish it in the name of whoever asked; the version keeps who approved.

    NotAllowed `routing.own_draft`, `routing.not_administrator`; StaleVersion `routing.draft_moved` when the draft was
    edited since; NotFound `routing.approval_missing`; TransitionRefused `routing.approval_answered`, and as publishing.
    Takes the draft lock.
    """
    approval = _waiting(pk)
    _second(actor, approval)
    approval.status = ApprovalStatus.APPROVED
    approval.decided_by, approval.decided_at = actor, clock.now()
    approval.save(update_fields=["status", "decided_by", "decided_at"])
    return freeze(actor=approval.asked_by, note=approval.note, approval=approval)


@transaction.atomic
def send_back(*, pk: int, actor: User, reason: str) -> RuleApproval:
    """Say no, with a reason; the draft stays as it is. InvalidInput `routing.reason_missing`, else as `approve`."""
    if not reason.strip():
        raise InvalidInput("routing.reason_missing", "Say why the draft is sent back.")
    approval = _waiting(pk)
    _second(actor, approval)
    approval.status, approval.reason = ApprovalStatus.REFUSED, reason.strip()[:300]
    approval.decided_by, approval.decided_at = actor, clock.now()
    approval.save(update_fields=["status", "reason", "decided_by", "decided_at"])
    return approval


@transaction.atomic
def withdraw(*, pk: int, actor: User) -> RuleApproval:
    """Take one's own request back. NotAllowed `routing.not_yours`, else as `approve`."""
    approval = _waiting(pk)
    if actor.pk != approval.asked_by_id:
        raise NotAllowed("routing.not_yours", "Only whoever asked takes the request back.")
    approval.status = ApprovalStatus.WITHDRAWN
    approval.decided_by, approval.decided_at = actor, clock.now()
    approval.save(update_fields=["status", "decided_by", "decided_at"])
    return approval


def approval_is_stale(approval: RuleApproval) -> bool:
    """Whether the draft was edited after approval was asked for."""
    return spec_digest(draft_spec()) != approval.digest
