"""What may be done to postings in the admin: the verbs, for whom and for which postings, and many of them at once.

Owns which verbs a page offers and the answer for each posting. What a verb does, and whether it is refused after all,
is `erp_sync.services`'s.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.errors import DomainError
from erp_sync import lifecycle, services
from erp_sync.models import Posting
from erp_sync.services import Done
from erp_sync.services.releasing import waits_for_slot
from plant_app.access_rules import roles_for
from plant_app.models import Site, User
from plant_app.permissions import require
from plant_app.selectors import can

Status = lifecycle.Status
_OPEN: Final = (Status.APPROVAL, Status.QUEUED, Status.REJECTED, Status.HELD)


@dataclass(frozen=True)
class Verb:
    """A step: its words, what it means, the permission it needs, and whether its service wants a reason."""

    words: str
    means: str
    action: str = "posting.edit"
    reason: bool = False
    many: bool = True

    @property
    def said(self) -> str:
        """What it means, and that it wants a reason."""
        return f"{self.means}; say why" if self.reason else self.means


VERBS: Final[dict[str, Verb]] = {
    "approve": Verb("Approve", "it goes, at once or with the others of its slot", "posting.approve"),
    "retry": Verb("Send again", "now; one whose answer was lost is looked up first"),
    "release": Verb("Let go", "sent now instead of with the others of its slot"),
    "accept_drift": Verb(
        "Accept drift", "ERP's value is the new starting point, and it is sent again", reason=True
    ),
    "edit": Verb("Change and send again", "the payload below", reason=True, many=False),
    "assign": Verb("Assign", "somebody looks after it; choose nobody to lay it down"),
    "cancel": Verb(
        "Cancel", "ERP does not get it; a posting that waits for approval is turned down", reason=True
    ),
    "mark_local": Verb("Settle by hand", "somebody keyed it, or ERP needs none of it", reason=True),
    "reverse": Verb("Reverse", "what ERP has is taken back by one reversal", "posting.reverse", reason=True),
}
#: Done by `services.bulk`, each in a transaction of its own; the others go one by one here.
_BULK: Final = {verb.value: verb for verb in services.BulkVerb}


def verbs_for(posting: Posting, user: User) -> list[str]:
    """What `user` may do to a posting as it is now, the usual first."""
    return [
        name
        for name, verb in VERBS.items()
        if _fits(name, posting) and can(user, verb.action, posting.site_id)
    ]


def _fits(name: str, posting: Posting) -> bool:
    match name:
        case "approve":
            return posting.status == Status.APPROVAL
        case "retry":
            return posting.status in (Status.REJECTED, Status.HELD, Status.QUEUED, Status.UNKNOWN)
        case "release":
            return waits_for_slot(posting)
        case "accept_drift":
            return posting.held_reason == lifecycle.HeldReason.DRIFTED
        case "edit" | "cancel":
            return posting.status in _OPEN
        case "mark_local":
            return posting.status in (*_OPEN, Status.UNKNOWN)
        case "assign":
            return not posting.settled
        case _:
            return not services.why_not_reversible(posting)[0] and services.standing_reversal(posting) is None


def carers(sites: Iterable[Site | int]) -> Any:
    """Whoever may look after postings of these sites: a queryset of people."""
    roles = roles_for("posting.edit")
    found = User.objects.filter(is_active=True, grants__site__in=list(sites), grants__role__in=roles)
    return found.distinct().order_by("first_name", "last_name", "username")


def operate(posting_id: int, actor: User, given: dict[str, Any]) -> Posting:
    """One verb on one posting, as the form gives it. Raises what its service raises."""
    who: dict[str, Any] = {"posting_id": posting_id, "actor": actor, "version": given["version"]}
    reason: str = given["reason"]
    match given["verb"]:
        case "approve":
            return services.approve(**who)
        case "retry":
            return services.retry(**who, reason=reason)
        case "release":
            return services.release(**who, reason=reason)
        case "accept_drift":
            return services.accept_drift(**who, reason=reason)
        case "edit":
            return services.edit_and_retry(**who, reason=reason, payload=given["payload"])
        case "assign":
            return services.assign_one(**who, reason=reason, assignee=given["assignee"])
        case "cancel":
            return services.cancel(**who, reason=reason)
        case "reverse":
            return services.reverse(**who, reason=reason)
        case _:
            return services.mark_local(**who, reason=reason, erp_number=given["erp_number"])


def operate_many(
    verb: str, posting_ids: Sequence[int], actor: User, *, reason: str, assignee: User | None
) -> list[Done]:
    """One verb on many postings, each for itself; what became of each, in the order given.

    Raises InvalidInput `erp.reason_missing` and `erp.too_many` as `services.bulk` does.
    """
    if verb in _BULK:
        return services.bulk(
            verb=_BULK[verb], posting_ids=posting_ids, actor=actor, reason=reason, assignee=assignee
        )
    return [_one(verb, posting_id, actor, reason) for posting_id in posting_ids]


def _one(verb: str, posting_id: int, actor: User, reason: str) -> Done:
    posting = Posting.objects.select_related("connection").get(pk=posting_id)
    given = {"verb": verb, "reason": reason, "version": None}
    try:
        require(actor, VERBS[verb].action, posting.site_id)
        standing = services.standing_reversal(posting) if verb == "reverse" else None
        after = standing or operate(posting_id, actor, given)
    except DomainError as refusal:
        return Done(
            posting_id, posting.business_key, False, False, posting.status, refusal.code, refusal.message
        )
    said = f"taken back by {after.business_key}" if after.reversal_of_id == posting_id else ""
    return Done(posting_id, posting.business_key, True, standing is None, after.status, message=said)
