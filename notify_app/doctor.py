"""What can be wrong with telling: tellings nobody takes, mail that does not leave, roles with nobody on duty."""

from collections.abc import Iterable
from datetime import timedelta

from core import clock
from core.doctor import Finding, Level, check
from exceptions_app.models import Telling
from notify_app import drill_doctor, webhook_doctor  # noqa: F401 - register their checks
from notify_app.models import Notice, NoticeStatus, ReplyStatus, ReporterReply


@check
def tellings() -> Iterable[Finding]:
    """A due telling is taken within seconds."""
    now = clock.now()
    late = Telling.objects.filter(taken_at__isnull=True, due_at__lt=now - timedelta(seconds=60)).count()
    if late:
        yield Finding(
            "XL-N001",
            Level.ERROR,
            f"{late} people wait more than a minute to be told",
            "Check that the worker on the urgent queue runs; it picks them up by itself.",
            count=late,
        )
    lost = Telling.objects.filter(dropped="nobody on duty", taken_at__gt=now - timedelta(hours=8)).count()
    if lost:
        yield Finding(
            "XL-N002",
            Level.WARNING,
            f"{lost} times in eight hours nobody held the role to be told",
            "Fill the duties of the role in the admin, or name somebody on call.",
            count=lost,
        )


@check
def mail() -> Iterable[Finding]:
    """Mail leaves."""
    since = clock.now() - timedelta(hours=24)
    failed = Notice.objects.filter(status=NoticeStatus.FAILED, created_at__gt=since).count()
    if failed:
        yield Finding(
            "XL-N003",
            Level.WARNING,
            f"{failed} mails could not be delivered in 24 hours",
            "Look at the delivery log in the admin; mend the address or the mail server's settings.",
            count=failed,
        )


@check
def replies() -> Iterable[Finding]:
    """Reporters hear what became of their report."""
    now = clock.now()
    failed = ReporterReply.objects.filter(
        status=ReplyStatus.FAILED, created_at__gt=now - timedelta(hours=24)
    ).order_by("-created_at")
    count = failed.count()
    if count:
        last = failed[0]
        yield Finding(
            "XL-N010",
            Level.WARNING,
            f"{count} replies to reporters could not be sent in 24 hours, the last one: {last.why}",
            "Mend the source's keys or the address; see Reporter replies in the admin.",
            count=count,
        )
    waiting = ReporterReply.objects.filter(
        status__in=(ReplyStatus.QUEUED, ReplyStatus.SENDING), created_at__lt=now - timedelta(minutes=5)
    ).count()
    if waiting:
        yield Finding(
            "XL-N011",
            Level.WARNING,
            f"{waiting} replies to reporters wait for more than five minutes",
            "Their reason stands in the admin; see that the urgent worker runs and the provider answers.",
            count=waiting,
        )
