"""Looks into mailboxes: a lease on the row, mails stored one by one, each marked only after it is stored.

Order for each mail: stored and committed, then marked or moved on the server, then the watermark. Killed anywhere
between, the next look finds the mail again and its Message-ID keeps it from counting twice. No transaction is open
while the server is asked.
"""

import logging
import time
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from core import clock, due
from core.wake import wake
from exceptions_app.channels.mail.adapters import IMAP, POLL_SECONDS
from exceptions_app.channels.mail.imap import Account, Connection, MailboxError, account_of, whole
from exceptions_app.channels.mail.message import Mail, Reader, read_mail
from exceptions_app.models import Mailbox, Source
from exceptions_app.services.channels.mail import reader_of, receive_mail

logger = logging.getLogger(__name__)

#: Longer than the longest silence of a server; a poller that died gives the mailbox back after this.
LEASE = timedelta(minutes=2)
#: One look takes at most this many mails and about this long, then the others have their turn.
MOST_MAILS = 200
LOOK = timedelta(seconds=20)
#: After this a poller begins with no further mailbox: a task ends before its time limit even where servers are silent.
ROUND = timedelta(seconds=15)
FASTEST_SECONDS = 5
SLOWEST_RETRY_SECONDS = 900.0


class LeaseLost(Exception):
    """Somebody else has taken the mailbox over."""


@dataclass(slots=True)
class _Look:
    """One look into one mailbox, while the lease is ours."""

    box: Mailbox
    token: str
    account: Account
    reader: Reader
    warning: str = ""
    more: bool = False


def poll_mailboxes(*, limit: int = 20) -> int:
    """Look into every mailbox that is due, each under a lease of its own; returns how many mails were stored.

    A mailbox another worker holds is skipped. What goes wrong is written on the row and tried again with growing
    pauses. Locks the mailbox's row for a moment at the beginning, after each mail and at the end.
    """
    _rows_for_sources()
    stored, began = 0, time.monotonic()
    for _ in range(limit):
        if time.monotonic() - began > ROUND.total_seconds():
            wake("mailboxes")
            break
        box = _claimed()
        if box is None:
            break
        stored += _looked_into(box)
    return stored


def _rows_for_sources() -> None:
    missing = Source.objects.filter(adapter=IMAP, active=True, mailbox__isnull=True)
    Mailbox.objects.bulk_create(
        [Mailbox(source=source, due_at=clock.now()) for source in missing], ignore_conflicts=True
    )


@transaction.atomic
def _claimed() -> Mailbox | None:
    now = clock.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    rows = due.claim(
        Mailbox.objects.filter(free, source__adapter=IMAP, source__active=True, due_at__lte=now)
        .select_related("source__site")
        .order_by("due_at", "pk"),
        1,
    )
    if not rows:
        return None
    box = rows[0]
    box.lease, box.lease_until = uuid.uuid4().hex, now + LEASE
    box.save(update_fields=["lease", "lease_until"])
    return box


def _looked_into(box: Mailbox) -> int:
    before = box.stored
    try:
        account = account_of(box.source.config, box.source.secrets)
        look = _Look(box=box, token=box.lease, account=account, reader=reader_of(box.source))
        with Connection(account) as connection:
            _take(look, connection)
    except MailboxError as error:
        _failed(box, str(error))
    except LeaseLost:
        logger.warning("%s was taken over by another worker", box)
    else:
        _rested(look)
    return box.stored - before


def _take(look: _Look, connection: Connection) -> None:
    """Store what is new, oldest first."""
    box = look.box
    if connection.uid_validity != box.uid_validity:
        # The server has numbered its mails anew: everything in the folder is looked at, nothing counts twice.
        box.uid_validity, box.last_uid = connection.uid_validity, 0
    began = time.monotonic()
    uids = connection.uids_after(box.last_uid)
    for count, uid in enumerate(uids):
        if count >= MOST_MAILS or time.monotonic() - began > LOOK.total_seconds():
            look.more = True
            break
        found = connection.fetch(uid)
        if found is not None:
            raw, size = found
            received = receive_mail(source=box.source, mail=_mail(raw, size, look), beside={"imap_uid": uid})
            box.stored += not received.replayed
            box.oversized += size > len(raw) and not received.replayed
            look.warning = connection.done_with(uid) or look.warning
        box.last_uid = uid
        _keep_on(look)


def _mail(raw: bytes, size: int, look: _Look) -> Mail:
    mail = read_mail(raw, look.reader)
    if size <= len(raw):
        return mail
    note = f"{size / 1_000_000:.0f} MB: only its beginning was taken, the whole is in the mailbox"
    # The last file is cut off in the middle, so it would only look like one.
    return replace(mail, notes=(*mail.notes, note), files=mail.files[:-1])


@transaction.atomic
def _keep_on(look: _Look) -> None:
    """The watermark moves and the lease is renewed, unless somebody has taken the mailbox over."""
    kept = Mailbox.objects.filter(pk=look.box.pk, lease=look.token).update(
        uid_validity=look.box.uid_validity,
        last_uid=look.box.last_uid,
        stored=look.box.stored,
        oversized=look.box.oversized,
        lease_until=clock.now() + LEASE,
    )
    if not kept:
        raise LeaseLost


@transaction.atomic
def _rested(look: _Look) -> None:
    """Everything was taken: the mailbox rests until it is due again."""
    box, now = look.box, clock.now()
    pause = max(FASTEST_SECONDS, whole(box.source.config.get("poll_seconds"), POLL_SECONDS))
    Mailbox.objects.filter(pk=box.pk, lease=look.token).update(
        uid_validity=box.uid_validity, last_uid=box.last_uid, lease="", lease_until=None, attempts=0, error="",
        failing_since=None, read_at=now, warning=look.warning[:300],
        due_at=now if look.more else now + timedelta(seconds=pause),
    )  # fmt: skip
    if look.more:
        wake("mailboxes")


@transaction.atomic
def _failed(box: Mailbox, why: str) -> None:
    """The fault is written down, and the next try put off: ten seconds, twenty, at most a quarter of an hour."""
    logger.warning("%s could not be read: %s", box, why)
    now = clock.now()
    attempts = min(box.attempts + 1, 1000)
    pause = due.backoff_seconds(attempts, first=10, ceiling=SLOWEST_RETRY_SECONDS)
    Mailbox.objects.filter(pk=box.pk, lease=box.lease).update(
        lease="", lease_until=None, attempts=attempts, error=why[:300], failing_since=box.failing_since or now,
        due_at=now + timedelta(seconds=pause),
    )  # fmt: skip
