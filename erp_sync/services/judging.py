"""How a posting goes: kept here, keyed by hand, approved first, collected, or sent at once; and why.

Owns the reading of a site's adoption, the narrowest policy and its limits into one verdict, and who may approve.
Nothing is written here. Must not know: how a posting is sent.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _

from core import clock
from core.errors import NotAllowed
from core.languages import label
from erp_sync import lifecycle, policies
from erp_sync.models import ErpConnection, Posting, PostingEdit, PostingMode, PostingPolicy
from erp_sync.policies import Worth
from erp_sync.services.commands import command_of
from erp_sync.services.connecting import capability_of, live_connection_for
from erp_sync.services.valuing import worth_of
from plant_app.models import AccessRole, Capability, Level, Site, User
from plant_app.permissions import require
from plant_app.selectors import level_of, roles_of

Status = lifecycle.Status
NO_ERP = "no ERP connected"
SWITCHED_OFF = "write-back is switched off here"
LOCAL_REASON_LIMIT = 300
APPROVAL_REASON_LIMIT = 200
ASKED_FOR = "asked for where it was decided"
BY_SITE = "everything here is sent after approval"
BY_POLICY = "this kind is sent after approval"
CHANGED_SINCE = "changed since it was approved"
_STANDING = (ASKED_FOR, BY_SITE, BY_POLICY)
#: Whoever changed what is sent is as little its approver as whoever decided it.
_CHANGING = (PostingEdit.Verb.EDIT, PostingEdit.Verb.ACCEPT)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a posting; `reason` says why it stays here or waits, `buffered_until` its slot."""

    status: Status
    worth: Worth
    held_reason: str = ""
    reason: str = ""
    approver_role: str = ""
    buffered_until: datetime | None = None


def judge(
    posting: Posting,
    *,
    exception_type: int | None = None,
    by_hand: bool = False,
    needs_approval: bool = False,
    local_reason: str = "",
) -> Verdict:
    """What becomes of a posting that is not in the outbox yet. Reads only.

    Of the site's level of write-back (for `exception_type`), the narrowest policy's mode, `needs_approval` and
    `by_hand` the most cautious counts; beyond a limit it waits for approval. What goes to the ledger is not asked.
    """
    connection = posting.connection
    if connection is not None and connection.is_ledger:
        why = (local_reason or why_local(posting, Level.LIVE))[:LOCAL_REASON_LIMIT]
        return Verdict(Status.LOCAL if why else Status.QUEUED, Worth(), reason=why)
    level = Level.MANUAL if by_hand else level_of(posting.site, Capability.WRITE_BACK, exception_type)
    policy = policy_for(connection, posting.site, posting.kind)
    worth = worth_of(posting.kind, posting.payload, posting.site)
    mode = policies.most_cautious(level, policy.mode if policy is not None else PostingMode.LIVE)
    reasons = [ASKED_FOR] if needs_approval else []
    if mode == PostingMode.MANUAL and not local_reason:
        held = lifecycle.HeldReason.MANUAL.value
        return Verdict(Status.HELD, worth, held_reason=held, reason="; ".join(reasons))
    why = (local_reason or why_local(posting, level))[:LOCAL_REASON_LIMIT]
    if why:
        return Verdict(Status.LOCAL, worth, reason=why)
    if mode == PostingMode.APPROVAL:
        reasons.append(BY_POLICY if level == Level.LIVE else BY_SITE)
    reasons += limits_passed(policy, worth, posting.site)
    if reasons:
        return Verdict(
            Status.APPROVAL,
            worth,
            reason="; ".join(reasons)[:APPROVAL_REASON_LIMIT],
            approver_role=policy.approver_role if policy is not None else "",
        )
    return Verdict(Status.QUEUED, worth, buffered_until=slot_of(policy, posting.site))


def policy_for(connection: ErpConnection | None, site: Site, kind: str) -> PostingPolicy | None:
    """The narrowest policy: for kind and site, then for the kind, then for the site, then for all. One query."""
    if connection is None:
        return None
    rows = PostingPolicy.objects.filter(
        Q(site=site) | Q(site__isnull=True), Q(kind=kind) | Q(kind=""), connection=connection
    )
    return max(rows, key=lambda row: (bool(row.kind), row.site_id is not None), default=None)


def approval_reasons(posting: Posting, worth: Worth) -> list[str]:
    """Why a posting of the outbox waits, or should wait, for approval as it is now: what was said when it was queued
    and does not depend on how much it is, and the limits it goes beyond."""
    policy = policy_for(posting.connection, posting.site, posting.kind)
    said = posting.approval_reason.split("; ")
    kept = [words for words in said if words in _STANDING]
    if posting.status == Status.APPROVAL and not posting.approval_reason:
        kept = [ASKED_FOR]
    if policy is not None and policy.mode == PostingMode.APPROVAL and not {BY_POLICY, BY_SITE} & set(kept):
        kept.append(BY_POLICY)
    return kept + limits_passed(policy, worth, posting.site)


def approved_as_it_is(posting: Posting) -> bool:
    """Whether somebody has approved a posting and nobody has changed what is sent since. One query."""
    hands = posting.edits.filter(verb__in=(PostingEdit.Verb.APPROVE, *_CHANGING))
    return hands.order_by("-pk").values_list("verb", flat=True).first() == PostingEdit.Verb.APPROVE


def limits_passed(policy: PostingPolicy | None, worth: Worth, site: Site) -> list[str]:
    """Each limit of a policy a posting goes beyond, in words."""
    if policy is None:
        return []
    return policies.beyond(
        worth,
        value_limit=policy.value_limit,
        quantity_limit=policy.quantity_limit,
        currency=site.currency,
    )


def slot_of(policy: PostingPolicy | None, site: Site) -> datetime | None:
    """When a posting that may go now goes together with others; None where it goes at once."""
    if policy is None or policy.mode != PostingMode.BUFFERED:
        return None
    return policies.next_slot(clock.now(), policy.buffer_minutes, ZoneInfo(site.timezone))


def require_approver(posting: Posting, actor: User) -> None:
    """Raise NotAllowed unless `actor` may approve this posting: by access role, and as a second person where asked.

    Codes: `access.not_allowed`, `erp.approver_role`, `erp.second_person`.
    """
    require(actor, "posting.approve", posting.site_id)
    role = posting.approver_role
    if role and role not in roles_of(actor, posting.site_id):
        words = label(AccessRole(role).label) if role in AccessRole.values else role
        raise NotAllowed(
            "erp.approver_role",
            _("This posting is approved by somebody with the access role {role}.").format(role=words),
            "Ask one of them.",
            role=role,
        )
    policy = policy_for(posting.connection, posting.site, posting.kind)
    if policy is None or not policy.second_person:
        return
    changed_it = posting.edits.filter(actor=actor, verb__in=_CHANGING).exists()
    if posting.actor_id == actor.pk or changed_it:
        raise NotAllowed(
            "erp.second_person",
            "Whoever decided or changed a posting does not approve it.",
            "A second person approves it.",
        )


def why_local(posting: Posting, level: Level) -> str:
    """Why no ERP will get this posting; empty when one will. A ledger stands in for the site's own ERP."""
    if level == Level.OFF:
        return SWITCHED_OFF
    if posting.connection is None:
        return NO_ERP
    asked = posting.connection
    if asked.is_ledger:
        asked = live_connection_for(posting.site) or asked
    capability = capability_of(asked, command_of(posting))
    return "" if capability.supported else (capability.reason or f"{asked.name} does not take {posting.kind}")
