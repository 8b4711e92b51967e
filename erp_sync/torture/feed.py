"""Putting the drafts of a torture into the outbox while everything breaks, as decisions and people would.

Owns our side of the set-up, and the asking: a posting is queued, a reversal is asked for once what it takes back is
confirmed. Each order's drafts are queued in their order, so one that waits holds back its own order only. Must not
know: what breaks, how the ERP is asked afterwards.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from core import clock
from erp_sync.errors import ErpUnavailable
from erp_sync.lifecycle import Status
from erp_sync.models import CodeMapping, ConnectionSite, ErpConnection, Posting
from erp_sync.services import queue_posting, reverse, withdraw
from erp_sync.torture import plant
from erp_sync.torture.load import Asking, Draft
from plant_app.models import AccessGrant, AccessRole, Enterprise, Site, User

CONNECTION = "torture"
KIND = "tryton"
AGAIN = 0.5  # seconds until what could not be queued is tried again
LOOK = 0.2  # seconds between two looks whether what is to be taken back is confirmed
REASON = "taken back under torture"


@dataclass(slots=True)
class Posted:
    """What only the run can tell: the keys each reversal got (more than one is one too many), and which originals
    stood in the ERP before a reversal was asked for that takes every trace of them away."""

    keys: dict[int, set[str]] = field(default_factory=dict)
    witnessed: set[int] = field(default_factory=set)

    def keys_of(self, draft: Draft) -> set[str]:
        """The keys a draft was posted under; none for a reversal nobody came to ask for."""
        return {draft.key} if draft.reverses is None else self.keys.get(draft.seq, set())


def set_up(
    *, url: str, database: str, username: str, password_source: str, options: dict[str, Any]
) -> tuple[Site, User]:
    """The site, its connection, and the planner who takes things back, in an empty database of ours."""
    enterprise = Enterprise.objects.create(code="TORTURE", name="Torture Works")
    site = Site.objects.create(
        enterprise=enterprise, code=plant.SITE, name="Torture Works", timezone=plant.ZONE
    )
    erp = ErpConnection.objects.create(
        code=CONNECTION, name="Tryton under torture", kind=KIND, base_url=url, database=database,
        username=username, password_source=password_source,
        options={"cost_accounts": plant.COST_ACCOUNTS, **options},
    )  # fmt: skip
    ConnectionSite.objects.create(connection=erp, site=site)
    for kind, ours, theirs in (
        ("blocked", plant.SITE, plant.CAGE),
        ("characteristic", plant.BORE, plant.BORE_CONTROL["name"]),
    ):
        CodeMapping.objects.create(connection=erp, kind=kind, ours=ours, theirs=theirs)
    planner = User.objects.create(username="torture.planner", display_name="Torture Planner")
    AccessGrant.objects.create(user=planner, site=site, role=AccessRole.PLANNER)
    return site, planner


@dataclass(slots=True)
class Feed:
    """One run's way into the outbox. `witness` says whether a posting stands in the ERP, asked past all faults."""

    drafts: list[Draft]
    site: Site
    planner: User
    posted: Posted
    witness: Callable[[Draft], bool]
    stop: Callable[[], bool]
    _confirmed: set[int] = field(default_factory=set)

    def run(self) -> None:
        """Queue every draft, one transaction each, until all are queued or `stop` says so."""
        left = self.drafts
        while left and not self.stop():
            left = self._pass(left)
            if left:
                time.sleep(LOOK)
        connection.close()

    def _pass(self, drafts: list[Draft]) -> list[Draft]:
        """Queue what may be queued now; returns the rest. What waits holds back whatever follows it in its order."""
        left: list[Draft] = []
        waiting: set[str] = set()
        awaited: set[int] = set()
        for draft in drafts:
            if self.stop():
                break
            if draft.chain in waiting:
                left.append(draft)
            elif draft.reverses is None:
                self._queue(draft)
            elif draft.reverses not in self._confirmed or not self._take_back(draft):
                left.append(draft)
                awaited.add(draft.reverses)
                waiting |= {draft.chain} - {""}
        self._look(awaited - self._confirmed)
        return left

    def _queue(self, draft: Draft) -> None:
        """While the database is away it tries again, under the same key.

        Whether a commit whose answer was lost took effect need not be known: the same key gives the posting that is
        there.
        """
        while not self.stop():
            try:
                queue_posting(
                    kind=draft.kind, site=self.site, payload=draft.payload, occurred_at=clock.now(),
                    origin_ref=f"torture:{draft.seq}", key_parts=draft.parts, chain=draft.chain, text="torture",
                )  # fmt: skip
                return
            except (OperationalError, InterfaceError):
                connection.close()
                time.sleep(AGAIN)

    def _look(self, awaited: set[int]) -> None:
        """Note which of the postings that are to be taken back are confirmed by now."""
        by_key = {self.drafts[seq].key: seq for seq in awaited}
        try:
            rows = Posting.objects.filter(business_key__in=by_key, status=Status.CONFIRMED)
            self._confirmed |= {by_key[key] for key in rows.values_list("business_key", flat=True)}
        except (OperationalError, InterfaceError):
            connection.close()

    def _take_back(self, draft: Draft) -> bool:
        """Ask for the reversal, all at the same moment; False when nobody got an answer and it is asked again."""
        assert draft.reverses is not None  # noqa: S101 - narrowed by the caller
        original = self.drafts[draft.reverses]
        if leaves_no_trace(original):
            try:
                if self.witness(original):
                    self.posted.witnessed.add(original.seq)
            except ErpUnavailable:
                return False
        start = threading.Barrier(len(draft.asked))
        with ThreadPoolExecutor(len(draft.asked)) as askers:
            asked = [askers.submit(self._ask, how, original, start) for how in draft.asked]
            keys = {key for one in asked if (key := one.result())}
        self.posted.keys.setdefault(draft.seq, set()).update(keys)
        return bool(keys)

    def _ask(self, how: Asking, original: Draft, start: threading.Barrier) -> str:
        """The key of the reversal this asker was given; empty where the database was away."""
        start.wait()
        try:
            posting = Posting.objects.get(business_key=original.key)
            if how == "click":
                return reverse(posting_id=posting.pk, reason=REASON, actor=self.planner).business_key
            return withdraw(posting_id=posting.pk, reason=REASON).business_key
        except (OperationalError, InterfaceError):
            return ""
        finally:
            connection.close()


def leaves_no_trace(original: Draft) -> bool:
    """Whether a posting, taken back, can no longer be told from one that never was: its state is its only proof."""
    if original.kind == "change.date":
        return bool(original.payload["target"] == "work_order")
    return original.kind == "inspection_result"
