"""What can be wrong with exceptions: signals nobody reads, records without an owner's clock, tellings nobody takes."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q

from core import clock
from core.doctor import Finding, Level, check
from exceptions_app import edi_doctor, machine_doctor, mail_doctor, messenger_doctor  # noqa: F401 - register their checks
from exceptions_app.models import ExceptionRecord, ReadingStatus, Response, SignalReading, Source, Telling
from exceptions_app.models.records import CORRELATES
from exceptions_app.services.responses.escalation import response_due
from exceptions_app.services.responses.watchdog import broken, overdue

PATIENCE = timedelta(seconds=60)
#: So many records a finding names.
NAMED = 5
SLACK = timedelta(minutes=2)


@check
def unread_signals() -> Iterable[Finding]:
    """Signals are read within seconds."""
    waiting = SignalReading.objects.filter(
        status=ReadingStatus.PENDING, signal__received_at__lt=clock.now() - PATIENCE
    ).count()
    if waiting:
        yield Finding(
            "XL-E001", Level.ERROR, f"{waiting} signals wait to be read for more than a minute",
            "Check that the worker runs; it reads them by itself. Their error is on the signal's page in the admin.",
            count=waiting,
        )  # fmt: skip
    else:
        yield Finding("XL-E001", Level.OK, "Every signal has been read")


@check
def overdue_without_owner() -> Iterable[Finding]:
    """An overdue next step with nobody in it waits for a person to be put on duty."""
    now = clock.now()
    late = ExceptionRecord.objects.filter(
        status__in=("triage", "open"), owner=None, acknowledge_due_at__lt=now
    ).count()
    if late:
        yield Finding(
            "XL-E002", Level.WARNING, f"{late} exceptions are overdue and nobody holds the duty they ask for",
            "Assign the duty to somebody on this shift, or take the exceptions over.", count=late,
        )  # fmt: skip


@check
def records_without_response() -> Iterable[Finding]:
    """Every live exception has its owner's response."""
    owners = Response.objects.filter(exception=OuterRef("pk"), is_owner=True)
    broken = ExceptionRecord.objects.filter(status__in=CORRELATES).filter(~Exists(owners)).count()
    if broken:
        yield Finding(
            "XL-E003", Level.ERROR, f"{broken} live exceptions have no owner's response",
            "Re-route them from the exception's page; report how they came about.", count=broken,
        )  # fmt: skip


@check
def records_without_step() -> Iterable[Finding]:
    """Every live record has one owner, a clock and a next step; the watchdog repairs what has not."""
    found = list(broken().values_list("ref", flat=True)[:NAMED])
    if found:
        yield Finding(
            "XL-E007", Level.ERROR, f"Live exceptions without one owner, a clock or a next step: {', '.join(found)}",
            "The watchdog repairs them within a minute: check that beat and worker run. If they stay, re-route them.",
            count=broken().count(),
        )  # fmt: skip
    else:
        yield Finding("XL-E007", Level.OK, "Every live exception has one owner, a clock and a next step")


@check
def steps_overdue() -> Iterable[Finding]:
    """A next step an hour over its limit is somebody's to look at."""
    late = overdue(clock.now())
    found = list(late[:NAMED])
    if found:
        named = "; ".join(f"{row.ref}, {row.next_step}" for row in found)
        yield Finding(
            "XL-E008", Level.WARNING, f"Next steps more than an hour over their limit: {named}",
            "Act on them, pass them on, or end them; their people are told again every hour.", count=late.count(),
        )  # fmt: skip


@check
def tellings_not_taken() -> Iterable[Finding]:
    """Due tellings become notices within seconds."""
    waiting = Telling.objects.filter(
        taken_at=None, dropped="", person__isnull=False, due_at__lt=clock.now() - PATIENCE
    ).count()
    if waiting:
        yield Finding(
            "XL-E004", Level.ERROR, f"{waiting} people are due to be told for more than a minute",
            "Check that the worker runs; it takes them by itself.", count=waiting,
        )  # fmt: skip


@check
def ladders_standing_still() -> Iterable[Finding]:
    """A due level is told by the next sweep."""
    late = ExceptionRecord.objects.filter(status__in=CORRELATES).filter(
        Q(next_escalation_at__lt=clock.now() - SLACK)
        | Exists(Response.objects.filter(response_due(clock.now() - SLACK), exception=OuterRef("pk")))
    ).count()  # fmt: skip
    if late:
        yield Finding(
            "XL-E005", Level.ERROR, f"{late} exceptions have a ladder level or reminder due for more than two minutes",
            "Check that beat and the worker run; the sweep tells the right level once, with its true age.", count=late,
        )  # fmt: skip


@check
def sources() -> Iterable[Finding]:
    """A webhook without a key lets nobody in."""
    keyless = Source.objects.filter(adapter="webhook", active=True, secret="").count()
    if keyless:
        yield Finding(
            "XL-E006",
            Level.WARNING,
            f"{keyless} webhook sources have no key",
            "Set a key in the admin.",
            count=keyless,
        )
