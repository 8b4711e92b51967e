"""What can be wrong with telling: tellings nobody takes, mail that does not leave, roles with nobody on duty."""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models import Count

from core import clock
from core.doctor import Finding, Level, check
from exceptions_app.models import Telling
from notify_app import drill_doctor, webhook_doctor  # noqa: F401 - register their checks
from notify_app.models import Address, Notice, NoticeStatus, ReplyStatus, ReporterReply
from plant_app.models import User


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
            f"{failed} notices could not be delivered in 24 hours",
            "Look at the delivery log in the admin; mend the address or the provider's settings.",
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


@check
def ways() -> Iterable[Finding]:
    """Channels take what they are given, and whoever holds a duty can be reached away from the portal."""
    now = clock.now()
    waiting = Notice.objects.filter(
        status__in=(NoticeStatus.QUEUED, NoticeStatus.SENDING), created_at__lt=now - timedelta(minutes=5),
        due_at__lt=now - timedelta(minutes=1),
    )  # fmt: skip
    by_channel = dict(waiting.order_by().values_list("channel").annotate(Count("pk")))
    if by_channel:
        words = ", ".join(f"{count} by {channel}" for channel, count in sorted(by_channel.items()))
        yield Finding(
            "XL-N012",
            Level.ERROR,
            f"Notices due for more than a minute are not tried: {words}",
            "See that the urgent worker runs; it picks them up by itself.",
            count=sum(by_channel.values()),
        )
    failing = Address.objects.live().filter(failing_since__lt=now - timedelta(hours=1))
    if count := failing.count():
        yield Finding(
            "XL-N013",
            Level.WARNING,
            f"{count} addresses have been refusing for more than an hour",
            "The provider's answer stands at each under Addresses in the admin; mend it there or take it out of use.",
            count=count,
        )
    silent = (
        User.objects.filter(is_active=True, duties__isnull=False, email="")
        .exclude(pk__in=Address.objects.live().filter(user__isnull=False).values("user"))
        .distinct()
        .count()
    )
    if silent:
        yield Finding(
            "XL-N014",
            Level.INFO,
            f"{silent} people with duties can be told in the portal only",
            "Enter their mail address, or let them add a device or phone under Notifications.",
            count=silent,
        )
    if (
        not settings.PUBLIC_URL.startswith("https://")
        and Address.objects.live().filter(channel="push").exists()
    ):
        yield Finding(
            "XL-N015",
            Level.WARNING,
            "Devices are subscribed to push, but PUBLIC_URL is not HTTPS, so what they open is refused by browsers",
            "Serve it with TLS and set PUBLIC_URL to the https address.",
        )
