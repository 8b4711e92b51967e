"""What can be wrong with messengers: keys that are missing, news that nobody settles, senders nobody knows."""

from collections.abc import Iterable
from datetime import timedelta

from core import clock
from core.doctor import Finding, Level, check
from exceptions_app.channels.adapters import adapter_of
from exceptions_app.models import ChannelUpdate, Signal, Source
from exceptions_app.services.channels.people import MESSENGERS

_SHOWN = 5
_LATE = timedelta(minutes=10)
_WEEK = timedelta(days=7)
_MANY = 10


@check
def messenger_keys() -> Iterable[Finding]:
    """A messenger without its keys lets nobody in, or answers nobody."""
    lacking = []
    for source in Source.objects.filter(adapter__in=MESSENGERS, active=True).order_by("code"):
        adapter = adapter_of(source.adapter)
        if adapter is None:
            continue
        missing = [one.label for one in adapter.settings if one.required and not source.config.get(one.name)]
        missing += [one.label for one in adapter.secrets if one.required and not source.secrets.get(one.name)]
        if missing:
            lacking.append(f"{source.code}: {', '.join(missing)}")
    if lacking:
        yield Finding(
            "XL-E030", Level.WARNING,
            f"{len(lacking)} messenger sources are not set up: {'; '.join(lacking[:_SHOWN])}",
            "Fill them in at the source in the admin; docs/channels.md says where each provider shows them.",
            count=len(lacking),
        )  # fmt: skip


@check
def messenger_news() -> Iterable[Finding]:
    """Edits, deletions and receipts are settled within minutes."""
    late = ChannelUpdate.objects.filter(settled_at__isnull=True, received_at__lt=clock.now() - _LATE).count()
    if late:
        yield Finding(
            "XL-E031", Level.ERROR, f"{late} edits, deletions or receipts wait for more than ten minutes",
            "Check that the urgent worker runs; it settles them by itself.", count=late,
        )  # fmt: skip


@check
def messenger_strangers() -> Iterable[Finding]:
    """People whose number nobody has entered can only raise questions."""
    unknown = (
        Signal.objects.filter(
            source__adapter__in=MESSENGERS, reporter__isnull=True, sender_verified=True,
            received_at__gt=clock.now() - _WEEK,
        )
        .exclude(sender="")
        .values("sender")
        .distinct()
        .count()
    )  # fmt: skip
    if unknown >= _MANY:
        yield Finding(
            "XL-E032", Level.INFO, f"{unknown} senders nobody knows wrote within a week",
            "Enter the numbers of your people at their logins, Slack and Teams users under Contact addresses.",
            count=unknown,
        )  # fmt: skip
