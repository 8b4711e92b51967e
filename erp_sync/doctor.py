"""What can be wrong between this product and its ERPs, each under its own code with its cure."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Q

from core import clock
from core.doctor import Finding, Level, check
from erp_sync import (
    access,
    alarm_doctor,  # noqa: F401 - registers its check
    lifecycle,
)
from erp_sync.findings import standing_findings
from erp_sync.gaps import gaps_of
from erp_sync.models import ErpConnection, Posting, ReconciliationRun, Watermark
from erp_sync.selectors import connection_states, sites_without_erp
from erp_sync.services.connecting import address_of
from erp_sync.services.keeping import set_aside
from erp_sync.services.sweeping import sweep_state

DEAD_AFTER = timedelta(hours=4)
UNCLEAR_AFTER = timedelta(minutes=15)
WAITING_AFTER = timedelta(minutes=15)
UNCOMPARED_AFTER = timedelta(hours=30)
SKEW_MS = 60_000
UNHANDLED_AFTER = timedelta(minutes=10)


@check
def connections() -> Iterator[Finding]:
    """Each living ERP: reachable as far as known, being built, or silent with a backlog."""
    now = clock.now()
    states = connection_states()
    for state in states:
        name = state.connection.name
        if state.connection.password_source == access.INSTALLATION:
            address = access.installation_address(settings.ERP_STATE_FILE)
            said = str(access.read_state(settings.ERP_STATE_FILE).get("state", ""))
            if not address.ready and said in ("failed", "stopped"):
                yield Finding(
                    "XL-W007", Level.ERROR, f"{name} {said}: {address.detail}; {state.waiting} postings wait for it",
                    "Read its log, then start the product again; postings are kept and sent later.", state.waiting,
                )  # fmt: skip
                continue
            if not address.ready:
                yield Finding(
                    "XL-W005", Level.INFO, f"{name}: {address.detail}; {state.waiting} postings wait for it",
                    "Nothing to do while it is being built. Postings are sent once it answers.", state.waiting,
                )  # fmt: skip
                continue
        else:
            address = address_of(state.connection)
            if not address.ready and state.connection.password_source == access.STORED:
                yield Finding(
                    "XL-W009", Level.ERROR, f"{name}: {address.detail}; {state.waiting} postings wait for it",
                    "Bring the key back (EXECLAYER_SECRET_KEYS or secret.keys in the home), or set the password again.",
                    state.waiting,
                )  # fmt: skip
                continue
            if not address.ready:
                yield Finding(
                    "XL-W006", Level.ERROR, f"{name}: {address.detail}", "Provide it; no restart is needed."
                )
                continue
        if state.silent:
            since = (
                f" since {state.connection.last_ok_at:%Y-%m-%d %H:%M} UTC"
                if state.connection.last_ok_at
                else ""
            )
            yield Finding(
                "XL-W003", Level.ERROR,
                f"{name} has not answered{since}: {state.connection.last_error}; {state.waiting} postings wait",
                "Bring the ERP or the way to it back. Postings go by themselves once it answers.", state.waiting,
            )  # fmt: skip
        elif state.oldest_waiting is not None and state.oldest_waiting < now - WAITING_AFTER:
            yield Finding(
                "XL-W004", Level.WARNING,
                f"{name}: {state.waiting} postings wait, the oldest since {state.oldest_waiting:%Y-%m-%d %H:%M} UTC",
                "See that a worker runs (heartbeat `erp.sender`) and what the oldest waits behind.", state.waiting,
            )  # fmt: skip
        else:
            yield Finding("XL-W000", Level.OK, f"{name}: {state.waiting} postings on their way")
    if not states:
        yield Finding("XL-W001", Level.INFO, "No ERP is connected; postings are kept local")
    lonely = list(sites_without_erp()) if states else []
    if lonely:
        names = ", ".join(site.name for site in lonely)
        yield Finding(
            "XL-W008",
            Level.INFO,
            f"Postings of {names} stay local",
            "Link the site to a connection.",
            len(lonely),
        )


@check
def clocks() -> Iterator[Finding]:
    """ERPs whose clock goes far from ours: their times are corrected by it, other people's readings of them are not."""
    apart = Q(skew_ms__gt=SKEW_MS) | Q(skew_ms__lt=-SKEW_MS)
    for connection in ErpConnection.objects.filter(apart, enabled=True, is_ledger=False):
        ahead = "ahead of" if connection.skew_ms > 0 else "behind"
        yield Finding(
            "XL-W015", Level.WARNING,
            f"The clock of {connection.name} is {abs(connection.skew_ms) / 1000:.0f} s {ahead} ours",
            "Set both by a time server (NTP). Until then its times are corrected by what was measured.",
        )  # fmt: skip


@check
def stuck_postings() -> Iterator[Finding]:
    """Dead letters nobody took up, answers that stay unclear, settled ones nobody drew from."""
    now = clock.now()
    dead = Posting.objects.dead().live().filter(status_at__lt=now - DEAD_AFTER).count()
    if dead:
        yield Finding(
            "XL-W010", Level.ERROR, f"{dead} postings were refused by ERP or are held for more than 4 hours",
            "Open the postings page: edit and send again, cancel, or settle by hand.", dead,
        )  # fmt: skip
    unclear = Posting.objects.filter(
        status=lifecycle.Status.UNKNOWN, unknown_since__lt=now - UNCLEAR_AFTER, connection__is_ledger=False
    ).count()
    if unclear:
        yield Finding(
            "XL-W011", Level.WARNING, f"{unclear} postings may or may not have reached ERP",
            "They are looked up until it is known. If the ERP stays away, look there and settle them by hand.", unclear,
        )  # fmt: skip
    unhandled = (
        Posting.objects.live().filter(settled_at__lt=now - UNHANDLED_AFTER, handled_at__isnull=True).count()
    )
    if unhandled:
        yield Finding(
            "XL-W012", Level.WARNING, f"{unhandled} settled postings have not reached their exceptions",
            "See that a worker runs and what its log says of settled postings.", unhandled,
        )  # fmt: skip


@check
def reading() -> Iterator[Finding]:
    """Master data that can't be read, and documents that do not fit the outbox."""
    for mark in (
        Watermark.objects.filter(connection__enabled=True).exclude(error="").select_related("connection")
    ):
        yield Finding(
            "XL-W020", Level.WARNING, f"{mark.connection.name}: {mark.entity} can't be read: {mark.error}",
            "Rows read before stay valid; it is tried again by itself.",
        )  # fmt: skip
    for mark in (
        Watermark.objects.filter(connection__enabled=True).exclude(missing=[]).select_related("connection")
    ):
        gaps = list(gaps_of(mark.missing).values())
        rows = sum(gap.times for gap in gaps)
        yield Finding(
            "XL-W022", Level.INFO,
            f"{mark.connection.name}: {rows} rows of {mark.entity} name what is not here or do not fit, "
            f"first {gaps[0]}",
            "Enter or read what they name, or mend the value in ERP; the rows are then read again by themselves.", rows,
        )  # fmt: skip
    for mark in (
        Watermark.objects.filter(connection__enabled=True).exclude(gone=[]).select_related("connection")
    ):
        state = sweep_state(mark)
        if state.refused:
            yield Finding(
                "XL-W024", Level.WARNING,
                f"{mark.connection.name}: {state.refused} of {state.of} {mark.entity.replace('_', ' ')} are missing "
                "from ERP's listing; that is not believed and nothing was marked",
                "Look in the ERP. If they are gone indeed, say so at the connection in the admin.", state.refused,
            )  # fmt: skip
    for connection, lying in set_aside():
        yield Finding(
            "XL-W023", Level.WARNING,
            f"{connection.name}: {len(lying)} answers lie aside unused, the first: {lying[0]}",
            "Mend what the note beside each file names and put it into the in folder again, or take it away.",
            len(lying),
        )  # fmt: skip
    for connection in ErpConnection.objects.filter(enabled=True, is_ledger=False):
        runs = ReconciliationRun.objects.filter(connection=connection, finished_at__isnull=False)
        run = runs.filter(error="").first()
        unsettled = standing_findings(connection).open
        if run is not None and run.started_at < clock.now() - UNCOMPARED_AFTER:
            latest = runs.first()
            why = f": {latest.error}" if latest is not None and latest.error else ""
            yield Finding(
                "XL-W025", Level.WARNING,
                f"{connection.name}: outbox and documents were last compared {run.started_at:%Y-%m-%d %H:%M} UTC{why}",
                "Bring the ERP back, or see that beat and the work worker run; nothing is left out once it goes on.",
            )  # fmt: skip
        if unsettled:
            oldest = min(care.first_found_at for care in unsettled)
            nobodys = sum(care.owner_id is None for care in unsettled)
            yield Finding(
                "XL-W021", Level.WARNING,
                f"{connection.name}: {len(unsettled)} documents and postings do not fit each other, the oldest found "
                f"{oldest:%Y-%m-%d %H:%M} UTC; {nobodys} of them nobody looks after",
                "Open Postings, Against ERP: take each on, do what it says there, or settle it with what explains it.",
                len(unsettled),
            )  # fmt: skip
