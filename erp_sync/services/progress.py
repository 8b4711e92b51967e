"""Telling open pages that postings moved: each by itself, but while a backlog drains once a second for all of a site.

Owns that pause and that the last move is told too. Must not know: what moved, or why.
"""

import os
import threading
import time

from core.hints import hint
from erp_sync.models import Posting
from erp_sync.services.queueing import announce

#: Seconds between two hints of one site while a backlog drains.
APART = 1.0
_guard = threading.Lock()
_told: dict[int, float] = {}  # site -> when (monotonic)
_owed: set[int] = set()


def tell(posting: Posting) -> None:
    """After commit, tell open pages that a posting changed; of many in a row only now and then."""
    connection = posting.connection
    if connection is None or connection.silent_since is None:
        announce(posting)
        return
    now = time.monotonic()
    with _guard:
        soon = now - _told.get(posting.site_id, -APART) < APART
        if soon:
            _owed.add(posting.site_id)
        else:
            _told[posting.site_id] = now
            _owed.discard(posting.site_id)
    if not soon:
        announce(posting)


def tell_owed() -> int:
    """Tell what `tell` kept back and a second has passed over; returns of how many sites."""
    now = time.monotonic()
    with _guard:
        due = [site for site in _owed if now - _told.get(site, -APART) >= APART]
        for site in due:
            _owed.discard(site)
            _told[site] = now
    if due:
        hint(*(f"site.{site}" for site in due), kind="posting")
        hint("postings", kind="postings")
    return len(due)


def _forget() -> None:
    """A forked process owes nothing of its parent's."""
    global _guard
    _guard = threading.Lock()
    _told.clear()
    _owed.clear()


os.register_at_fork(after_in_child=_forget)
