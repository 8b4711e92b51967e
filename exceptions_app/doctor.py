"""What can be wrong with exceptions: signals nobody reads, records without an owner's clock, tellings nobody takes."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q

from core import clock
from core.doctor import Finding, Level, check
from exceptions_app import edi_doctor, machine_doctor, mail_doctor, messenger_doctor  # noqa: F401 - register their checks
from exceptions_app.models import ExceptionRecord, ReadingStatus, Response, SignalReading, Source, Telling
from exceptions_app.models.records import CORRELATES

PATIENCE = timedelta(seconds=60)
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
        | Exists(
            Response.objects.filter(
                exception=OuterRef("pk"), next_level_at__lt=clock.now() - SLACK, required=True,
                status__in=("due", "told", "delivered", "seen"),
            )
        )
    ).count()  # fmt: skip
    if late:
        yield Finding(
            "XL-E005", Level.ERROR, f"{late} exceptions have a ladder level due for more than two minutes",
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
