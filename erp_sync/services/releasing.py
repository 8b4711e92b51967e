"""Letting go before their slot what a policy collects to send together.

Owns which postings wait for a slot, and their going now; a chain keeps its order. Must not know: when slots are.
"""

from collections.abc import Collection

from django.db import transaction

from core import clock
from core.errors import TransitionRefused
from core.wake import wake
from erp_sync import lifecycle
from erp_sync.models import ErpConnection, Posting, PostingEdit
from erp_sync.models.postings import PostingQuerySet
from erp_sync.services.moves import lock, move, note_edit
from erp_sync.services.queueing import announce
from plant_app.models import User

Status = lifecycle.Status
#: More at once would hold a request longer than anybody waits.
MOST = 500


@transaction.atomic
def release(*, posting_id: int, actor: User, reason: str = "", version: int | None = None) -> Posting:
    """Let a posting that is collected with others go now, and with it what its chain sends before it.

    Locks it, then those, from the latest to the first. Raises TransitionRefused `erp.not_buffered` for one that does
    not wait for a slot.
    """
    posting = lock(posting_id, version=version)
    if not waits_for_slot(posting):
        raise TransitionRefused(
            "erp.not_buffered", "This posting does not wait for others.", status_now=posting.status
        )
    _let_go(posting, actor, reason)
    if posting.chain:
        ahead = collected().filter(connection=posting.connection_id, chain=posting.chain, pk__lt=posting.pk)
        for pk in list(ahead.order_by("-pk").values_list("pk", flat=True)):
            _let_go(lock(pk), actor, reason or f"goes before {posting.business_key}")
    wake("postings")
    return posting


def release_all(
    *, connection: ErpConnection, actor: User, sites: Collection[int], reason: str = ""
) -> tuple[int, int]:
    """Let what is collected for a connection at `sites` (their ids) go now, oldest first, 500 at most.

    Returns how many went and how many are left for another call. Each in a transaction of its own, its row locked.
    """
    waiting = collected().filter(connection=connection, site__in=sites).order_by("pk")
    done = 0
    for pk in list(waiting.values_list("pk", flat=True)[:MOST]):
        with transaction.atomic():
            done += _let_go(lock(pk), actor, reason)
    wake("postings")
    return done, waiting.count()


def collected() -> PostingQuerySet:
    """What waits for its slot now."""
    return Posting.objects.filter(status=Status.QUEUED, buffered_until__gt=clock.now())


def waits_for_slot(posting: Posting) -> bool:
    """Whether a posting is collected with others and its slot has not come."""
    until = posting.buffered_until
    return posting.status == Status.QUEUED and until is not None and until > clock.now()


def _let_go(posting: Posting, actor: User, reason: str) -> bool:
    """False where it went meanwhile."""
    if not waits_for_slot(posting):
        return False
    note_edit(posting, PostingEdit.Verb.RELEASE, actor, reason)
    move(posting, Status.QUEUED, due_at=clock.now(), buffered_until=None)
    announce(posting)
    return True
