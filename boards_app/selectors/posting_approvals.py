"""Postings that wait for this reader's yes, for the inbox: one query, whoever asks.

Whether a yes counts is decided when it is given; here stands what the reader may be asked for at all.
"""

from typing import Any, Final

from django.db.models import Q

from core.languages import label
from erp_sync import lifecycle
from erp_sync.kinds import KIND_NAMES
from erp_sync.models import Posting
from plant_app.models import User
from plant_app.selectors import can, roles_of, visible_site_ids

MOST: Final = 20


def to_approve(user: User) -> list[dict[str, Any]]:
    """Dearest first, then longest waiting; none the reader asked for himself, and none of another's role."""
    mine = Q(pk__in=[])
    for site in visible_site_ids(user):
        if can(user, "posting.approve", site):
            mine |= Q(site=site, approver_role__in=["", *roles_of(user, site)])
    if not mine:
        return []
    rows = (
        Posting.objects.live()
        .filter(mine, status=lifecycle.Status.APPROVAL)
        .exclude(actor=user)
        .select_related("site", "actor", "link__exception")
        .order_by("-value", "status_at", "pk")[:MOST]
    )
    return [_row(posting) for posting in rows]


def _row(posting: Posting) -> dict[str, Any]:
    exception = getattr(getattr(posting, "link", None), "exception", None)
    return {
        "id": posting.pk,
        "version": posting.version,
        "kind": label(KIND_NAMES.get(posting.kind, posting.kind)),
        "subject": posting.text or posting.chain,
        "ref": exception.ref if exception else "",
        "value": posting.value,
        "site": posting.site,
        "why": posting.approval_reason,
        "actor": str(posting.actor or ""),
        "url": f"/postings/{posting.pk}/",
    }
