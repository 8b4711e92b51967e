"""What can be wrong with mail: mailboxes that cannot be read, mails that stay where they are, senders nobody proves.

Reads the rows of mailboxes and sources only; never asks a mail server.
"""

from collections.abc import Iterable
from datetime import timedelta

from core import clock
from core.doctor import Finding, Level, check
from exceptions_app.channels.mail.adapters import ADAPTERS, CODES, IMAP
from exceptions_app.models import Mailbox, Source

#: A fault shorter than this is a restart of the mail server.
PATIENCE = timedelta(minutes=2)
UNSEEN = timedelta(minutes=15)
_SHOWN = 3


@check
def mailboxes_answer() -> Iterable[Finding]:
    """Every mailbox can be read; mails that were read are moved where they belong."""
    now = clock.now()
    polled = Mailbox.objects.filter(source__active=True, source__adapter=IMAP).select_related("source")
    failing = list(
        polled.exclude(error="").filter(failing_since__lt=now - PATIENCE).order_by("failing_since")
    )
    if failing:
        told = "; ".join(f"{box.source.code}: {box.error}" for box in failing[:_SHOWN])
        yield Finding(
            "XL-E020", Level.ERROR, f"{len(failing)} mailboxes cannot be read: {told}",
            "Mend host, user or password of the source, or the mail server; it is tried again by itself.",
            count=len(failing),
        )  # fmt: skip
    unseen = polled.filter(due_at__lt=now - UNSEEN).count()
    if unseen:
        yield Finding(
            "XL-E021", Level.ERROR, f"{unseen} mailboxes have been due for more than 15 minutes",
            "Check that beat and the worker run; they are looked into by themselves.", count=unseen,
        )  # fmt: skip
    warned = list(polled.exclude(warning="").order_by("pk"))
    if warned:
        told = "; ".join(f"{box.source.code}: {box.warning}" for box in warned[:_SHOWN])
        yield Finding(
            "XL-E022", Level.WARNING, f"Mails are stored but stay unmarked: {told}",
            "Give the user of the mailbox the right to create and write the folder named in the source.",
            count=len(warned),
        )  # fmt: skip


@check
def mail_sources_are_complete() -> Iterable[Finding]:
    """A mail source has its keys, and somebody whose word about senders counts."""
    sources = list(Source.objects.filter(adapter__in=CODES, active=True).order_by("code"))
    needed = {
        adapter.code: (
            [one.name for one in adapter.settings if one.required],
            [one.name for one in adapter.secrets if one.required],
        )
        for adapter in ADAPTERS
    }
    lacking = [
        f"{source.code}: {', '.join(missing)}"
        for source in sources
        if (
            missing := [name for name in needed[source.adapter][0] if not source.config.get(name)]
            + [name for name in needed[source.adapter][1] if not source.secrets.get(name)]
        )
    ]
    if lacking:
        yield Finding(
            "XL-E023", Level.WARNING, f"{len(lacking)} mail sources are not set up: {'; '.join(lacking[:_SHOWN])}",
            "Fill in what is named, in the admin under Sources.", count=len(lacking),
        )  # fmt: skip
    blind = [source.code for source in sources if not source.config.get("authserv")]
    if blind:
        yield Finding(
            "XL-E024", Level.INFO, f"No server is named that proves senders to {', '.join(blind[:_SHOWN])}",
            "Enter the name your mail server writes into Authentication-Results; until then mails only ask, "
            "except where a provider proves the sender itself.",
            count=len(blind),
        )  # fmt: skip
