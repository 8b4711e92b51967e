"""Handing replies to reporters over: claim (transaction), provider (none), outcome (transaction), as with notices.

A sender that dies between the provider's yes and our record of it leaves the reply in hand; after the lease it is sent
again unless a receipt said meanwhile that it had arrived. So a reporter may hear a sentence twice, never not at all:
whoever hears nothing reports again, which costs more than a repeated line. A mail keeps its Message-ID.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from smtplib import SMTPException, SMTPRecipientsRefused

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.urls import reverse

from core import clock, due
from core.transports import TransportError
from exceptions_app import services as exceptions
from exceptions_app.channels import twilio, whatsapp
from exceptions_app.models import Channel, ChannelUpdate, Signal, Source, UpdateKind
from exceptions_app.rules.reply_words import Facts, sentence
from exceptions_app.services.channels.mail import MAIL, lines, mail_headers
from notify_app.messengers import SENDERS, Later, Outgoing
from notify_app.models import ReplyAttempt, ReplyStatus, ReplyWhat, ReporterReply
from notify_app.services.replies import plan_replies

#: Few at a time: even when each takes as long as it may, the batch is done well within the lease.
BATCH = 5
#: With their pauses an hour and a half; after that it is no news any more.
MOST_ATTEMPTS = 16
LEASE = timedelta(minutes=2)
#: Seconds one run may take; the queue it runs in tells people, too. The next sweep goes on.
LONGEST_RUN = 30.0
#: A provider that is away is left alone by the rest of the run, and their replies for so long.
AWAY = timedelta(seconds=30)
#: A sentence older than this is no news; the board knows better.
STALE = timedelta(hours=2)
#: WhatsApp takes free words for a day after the person last wrote; a minute is left for the way.
WINDOW = timedelta(hours=23, minutes=59)
#: How long a receipt waits for the send to be recorded.
PATIENCE = timedelta(minutes=5)
IN_HAND = (ReplyStatus.QUEUED, ReplyStatus.SENDING)
MARK = "reply-"
_FORWARD = (
    ReplyStatus.QUEUED,
    ReplyStatus.SENDING,
    ReplyStatus.SENT,
    ReplyStatus.DELIVERED,
    ReplyStatus.READ,
)
_RECEIPTS = {
    "sent": ReplyStatus.SENT, "accepted": ReplyStatus.SENT, "queued": ReplyStatus.SENT,
    "sending": ReplyStatus.SENT, "delivered": ReplyStatus.DELIVERED, "read": ReplyStatus.READ,
    "played": ReplyStatus.READ, "failed": ReplyStatus.FAILED, "undelivered": ReplyStatus.FAILED,
}  # fmt: skip


@dataclass(frozen=True)
class Handed:
    """What one try came to: the provider's id, an error, or why nothing was sent."""

    reply: ReporterReply
    started_at: datetime
    text: str = ""
    provider_id: str = ""
    error: TransportError | None = None
    skipped: str = ""
    untried: bool = False


def send_replies(*, limit: int = 200) -> int:
    """Plan what reporters are to be told, note receipts, hand over what is due; returns replies tried.

    Safe to run many at once. The provider is called outside every transaction.
    """
    plan_replies(limit=limit)
    take_receipts(limit=limit)
    tried = 0
    away: set[int] = set()
    ends = time.monotonic() + LONGEST_RUN
    while tried < limit and time.monotonic() < ends:
        batch = _claim(min(BATCH, limit - tried))
        if not batch:
            break
        for reply in batch:
            source = reply.thread.signal.source_id
            if source in away:
                _record(Handed(reply, clock.now(), untried=True))
                continue
            handed = _hand_over(reply)
            if handed.error is not None and not handed.error.permanent:
                away.add(source)
            _record(handed)
        tried += len(batch)
    return tried


@transaction.atomic
def _claim(limit: int) -> list[ReporterReply]:
    now = clock.now()
    replies = due.claim(
        ReporterReply.objects.filter(status__in=IN_HAND, due_at__lte=now)
        .select_related("thread__signal__source", "exception__owner_function", "exception__type")
        .order_by("due_at", "pk"),
        limit,
    )
    for reply in replies:
        reply.status = ReplyStatus.SENDING
        reply.attempts += 1
        reply.due_at = now + LEASE
    ReporterReply.objects.bulk_update(replies, ["status", "attempts", "due_at"])
    return replies


def _hand_over(reply: ReporterReply) -> Handed:
    started = clock.now()
    signal = reply.thread.signal
    if started - reply.created_at > STALE:
        return Handed(reply, started, skipped="two hours have passed, it is no news any more")
    text = _text(reply, started)
    try:
        if signal.channel == Channel.EMAIL:
            return Handed(reply, started, text, _send_mail(reply, signal, text))
        outgoing, why = _outgoing(reply, signal, text, started)
        if outgoing is None:
            return Handed(reply, started, skipped=why)
        return Handed(reply, started, text, SENDERS[signal.source.adapter](outgoing))
    except TransportError as error:
        return Handed(reply, started, error=error)


def _text(reply: ReporterReply, now: datetime) -> str:
    """The sentence; how many minutes it takes is counted now, not when it was planned."""
    if reply.what != ReplyWhat.COMING or reply.eta_at is None:
        return reply.body
    left = ceil((reply.eta_at - now).total_seconds() / 60)
    if not 1 <= left <= 600:
        return reply.body
    response = reply.exception.responses.select_related("function").filter(is_owner=True).first()
    function = response.function if response is not None else reply.exception.owner_function
    facts = Facts(
        ref=reply.exception.ref, title=reply.exception.title, function=function.code, function_name=function.name,
        minutes=left,
    )  # fmt: skip
    return sentence(ReplyWhat.COMING.value, facts, language_code=reply.thread.language)


def _outgoing(reply: ReporterReply, signal: Signal, text: str, now: datetime) -> tuple[Outgoing | None, str]:
    """What to hand to the messenger, or why nothing."""
    source = signal.source
    template = False
    if signal.channel == Channel.WHATSAPP and not _wrote_lately(signal, now):
        name = "template" if source.adapter == whatsapp.ADAPTER.code else "content_sid"
        if not source.config.get(name):
            return None, "a day has passed since the person wrote, and no template is named"
        template = True
    return (
        Outgoing(
            config=source.config, secrets=source.secrets, text=text, sender=signal.sender,
            conversation=signal.conversation, message_id=signal.external_id, mark=f"{MARK}{reply.pk}",
            template=template, receipts=_receipts_address(source),
        ),
        "",
    )  # fmt: skip


def _wrote_lately(signal: Signal, now: datetime) -> bool:
    return Signal.objects.filter(
        source=signal.source, sender=signal.sender, received_at__gt=now - WINDOW
    ).exists()


def _receipts_address(source: Source) -> str:
    if source.adapter != twilio.ADAPTER.code or source.config.get("receipts") is not True:
        return ""
    base = str(source.config.get("public_url") or settings.PUBLIC_URL).rstrip("/")
    return base + reverse("hook-twilio", args=[source.code])


def _send_mail(reply: ReporterReply, signal: Signal, text: str) -> str:
    """Answer a mail in its own conversation; returns our Message-ID, the same at every try."""
    headers = mail_headers(exception=reply.exception, what=f"answer-{reply.pk}", answers=signal)
    account = signal.payload.get(MAIL) if isinstance(signal.payload, dict) else None
    said = str((account or {}).get("subject") or reply.exception.title)
    subject = said if said.lower().startswith(("re:", "aw:")) else f"Re: {said}"
    own = lines(signal.source.config.get("own"))
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split())[:200], body=f"{text}\n", to=[signal.sender], headers=headers,
        reply_to=own[:1] or None,
    )  # fmt: skip
    try:
        message.send()
    except SMTPRecipientsRefused as error:
        raise TransportError(str(error)[:300], permanent=True) from None
    except (SMTPException, OSError) as error:
        raise TransportError(str(error)[:300]) from None
    return headers["Message-ID"].strip("<>")


@transaction.atomic
def _record(handed: Handed) -> None:
    """Write down what a try came to. Locks the reply; a receipt that was faster is not taken back."""
    error, now = handed.error, clock.now()
    reply = (
        ReporterReply.objects.select_for_update(no_key=True, of=("self",))
        .select_related("thread__signal__source", "exception")
        .get(pk=handed.reply.pk)
    )
    if handed.skipped:
        reply.status, reply.why = ReplyStatus.SKIPPED, handed.skipped
        reply.save(update_fields=["status", "why"])
        return
    if handed.untried:
        reply.status, reply.attempts, reply.due_at = ReplyStatus.QUEUED, reply.attempts - 1, now + AWAY
        reply.save(update_fields=["status", "attempts", "due_at"])
        return
    _log(reply, handed.started_at, error)
    if error is None:
        signal = reply.thread.signal
        reply.provider_id = handed.provider_id[:200]
        reply.sent_at, reply.why = now, ""
        reply.body = handed.text or reply.body  # as it went out, minutes counted
        if reply.status in IN_HAND:
            reply.status = ReplyStatus.SENT
        if reply.provider_id and signal.channel != Channel.EMAIL:
            exceptions.remember_sent(
                source=signal.source, message_id=reply.provider_id, exception=reply.exception, signal=signal,
                what=reply.what,
            )  # fmt: skip
    elif error.permanent or reply.attempts >= MOST_ATTEMPTS:
        reply.status, reply.why = ReplyStatus.FAILED, str(error)[:200]
    else:
        wait = error.after if isinstance(error, Later) and error.after is not None else None
        pause = (
            due.backoff_seconds(reply.attempts, first=5, ceiling=600) if wait is None else min(wait, 3600.0)
        )
        reply.status, reply.why = ReplyStatus.QUEUED, str(error)[:200]
        reply.due_at = now + timedelta(seconds=pause)
    reply.save(update_fields=["status", "why", "provider_id", "sent_at", "due_at", "body"])


def _log(
    reply: ReporterReply, started_at: datetime, error: TransportError | None, *, detail: str = ""
) -> None:
    ReplyAttempt.objects.create(
        reply=reply,
        number=reply.tries.count() + 1,
        started_at=started_at,
        finished_at=clock.now(),
        delivered=error is None,
        permanent=bool(error and error.permanent),
        detail=(detail or str(error or "accepted by the provider"))[:300],
    )


def take_receipts(*, limit: int = 200) -> int:
    """Note what providers say became of our messages; returns receipts looked at. Only ever forwards.

    A receipt is matched by the provider's id or by the mark we sent along. One that fits nothing waits a little for its
    message to be recorded and is then settled as none of ours. Locks the receipt, then the reply.
    """
    looked = 0
    while looked < limit:
        with transaction.atomic():
            rows = due.claim(
                ChannelUpdate.objects.filter(
                    kind=UpdateKind.RECEIPT, settled_at__isnull=True, due_at__lte=clock.now()
                ).order_by("received_at", "pk"),
                1,
            )
            if not rows:
                break
            receipt = rows[0]
            reply = _reply_of(receipt)
            if reply is not None:
                _note(reply, receipt)
                receipt.settled_at, receipt.outcome = clock.now(), "noted"
            elif clock.now() - receipt.received_at > PATIENCE:
                receipt.settled_at, receipt.outcome = clock.now(), "not for a message of ours"
            else:
                receipt.due_at = clock.now() + timedelta(seconds=15)
            receipt.save(update_fields=["settled_at", "outcome", "due_at"])
        looked += 1
    return looked


def _reply_of(receipt: ChannelUpdate) -> ReporterReply | None:
    replies = ReporterReply.objects.select_for_update(no_key=True, of=("self",)).filter(
        thread__signal__source=receipt.source
    )
    found = replies.filter(provider_id=receipt.target).first() if receipt.target else None
    number = receipt.text.removeprefix(MARK)
    if found is None and receipt.text.startswith(MARK) and number.isascii() and number.isdigit():
        found = replies.filter(pk=int(number[:18])).first()
    return found


def _note(reply: ReporterReply, receipt: ChannelUpdate) -> None:
    status = _RECEIPTS.get(receipt.state)
    if status is None:
        return
    now = clock.now()
    reply.provider_id = reply.provider_id or receipt.target
    if status == ReplyStatus.FAILED:
        if reply.status in (ReplyStatus.DELIVERED, ReplyStatus.READ, ReplyStatus.FAILED):
            return
        why = receipt.problem or "the provider could not deliver it"
        reply.status, reply.why = ReplyStatus.FAILED, why[:200]
        _log(reply, receipt.received_at, TransportError(why, permanent=True))
    elif reply.status in _FORWARD and _FORWARD.index(status) > _FORWARD.index(ReplyStatus(reply.status)):
        reply.status = status
        reply.sent_at = reply.sent_at or now
        if status in (ReplyStatus.DELIVERED, ReplyStatus.READ):
            reply.delivered_at = reply.delivered_at or now
    reply.save(update_fields=["status", "why", "provider_id", "sent_at", "delivered_at"])
