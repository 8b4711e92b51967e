"""A message that continues a conversation: an answer to one of ours, or to one that became a record.

Finds the record it belongs to and lets it join as evidence, so that no second one is opened. What a channel says it
answers counts first (`reply_to`, a mail's references), then a record's reference in the words, where the sender has to
do with that record. Runs inside the reading's transaction; locks the record it joins.
"""

from collections.abc import Iterable

from django.conf import settings

from exceptions_app.channels.mail import threads
from exceptions_app.lifecycle import CORRELATES, Status
from exceptions_app.models import (
    Channel,
    EventKind,
    ExceptionLink,
    ExceptionRecord,
    SentMessage,
    Signal,
    SignalReading,
)
from exceptions_app.reading.types import Reading
from exceptions_app.services.channels.mail import MAIL
from exceptions_app.services.channels.trust import distrust
from exceptions_app.services.records.moves import locked
from exceptions_app.services.records.opening import Opened, Report, clear_by_signal, open_or_join
from exceptions_app.services.records.story import announce, record_event

_MOST_IDS = 60


def automatic(signal: Signal) -> str:
    """Why no person wrote this message (an out-of-office note, a bounce, a list), in words; empty where one did."""
    return str(_account(signal).get("automatic") or "")


def continues(signal: Signal) -> bool:
    """Whether it is worth looking for what this message continues: it answers something, or names a record."""
    return bool(_answered(signal) or (signal.sender_verified and threads.named_in(_words(signal))))


def continue_conversation(*, signal: Signal, found: Reading, report: Report) -> Opened | None:
    """Join the record this message continues; None when it continues none, or speaks surely of something else.

    An open record gets a line with the words and keeps its state, except for a sure all-clear of its own machine. What
    continues a closed one becomes a triage item linked to it, unless it says nothing (thanks). Locks the record.
    """
    record = _record_of(signal)
    if record is None:
        return None
    if record.status in CORRELATES or (record.status == Status.RESOLVED and not _reports(found)):
        return _join_or_leave(record, signal, found, report)
    if not _reports(found) and found.intent in ("chatter", "planned", "recovery", "future"):
        return Opened(None, "ignored")
    return _ask_about(record, report)


def said(signal: Signal) -> str:
    """What the sender says now: a mail's new words without subject and quotes, else the whole text."""
    return str(_account(signal).get("said") or "") or signal.text


def _account(signal: Signal) -> dict[str, object]:
    account = signal.payload.get(MAIL) if isinstance(signal.payload, dict) else None
    return account if isinstance(account, dict) else {}


def _words(signal: Signal) -> str:
    return f"{_account(signal).get('subject') or ''}\n{signal.text}"


def _reports(found: Reading) -> bool:
    return found.intent in ("report", "again") and found.type_code is not None


def _record_of(signal: Signal) -> ExceptionRecord | None:
    """The record the message belongs to, the surest way first; the one it was merged into where it was."""
    ids = _answered(signal)
    record = _by_ids(signal, ids) or _by_name(signal)
    for _ in range(5):
        if record is None or record.merged_into is None or record.status != Status.CANCELLED:
            break
        record = record.merged_into
    return record


def _answered(signal: Signal) -> list[str]:
    """Ids of the messages this one answers: the nearest first."""
    references = _account(signal).get("references")
    older = [str(one) for one in reversed(references)] if isinstance(references, list) else []
    return list(dict.fromkeys(one for one in (signal.reply_to, *older) if one))[:_MOST_IDS]


def _by_ids(signal: Signal, ids: list[str]) -> ExceptionRecord | None:
    if not ids:
        return None
    if signal.channel == Channel.EMAIL:
        ref = threads.ref_in(ids, key=settings.SECRET_KEY.encode())
        if ref:
            return ExceptionRecord.objects.select_related("merged_into").filter(ref=ref).first()
    sent = SentMessage.objects.filter(source=signal.source, message_id__in=ids)
    found = {row.message_id: row.exception for row in sent.select_related("exception__merged_into")}
    known = SignalReading.objects.filter(signal__external_id__in=ids, exception__isnull=False)
    # Message-IDs are everybody's: an answer may come in by another mailbox. Other ids are the account's own.
    known = (
        known.filter(signal__channel=Channel.EMAIL)
        if signal.channel == Channel.EMAIL
        else known.filter(signal__source=signal.source)
    )
    for reading in known.select_related("signal", "exception__merged_into").order_by("-pk")[:_MOST_IDS]:
        if reading.exception is not None:
            found.setdefault(reading.signal.external_id, reading.exception)
    return next((found[one] for one in ids if one in found), None)


def _by_name(signal: Signal) -> ExceptionRecord | None:
    """The record whose reference stands in the words, where a proven sender has to do with it."""
    if not signal.sender_verified:
        return None
    refs = threads.named_in(_words(signal))
    for record in ExceptionRecord.objects.select_related("merged_into").filter(ref__in=refs).order_by("pk"):
        if _concerns(record, signal):
            return record
    return None


def _concerns(record: ExceptionRecord, signal: Signal) -> bool:
    """Whether the sender may see the record, or reported to it before."""
    if signal.reporter is not None:
        if ExceptionRecord.objects.for_user(signal.reporter).filter(pk=record.pk).exists():
            return True
        if record.reported_by_id == signal.reporter_id:
            return True
    return bool(signal.sender) and SignalReading.objects.filter(
        exception=record, signal__sender__iexact=signal.sender, signal__sender_verified=True
    ).exists()  # fmt: skip


def _join_or_leave(record: ExceptionRecord, signal: Signal, found: Reading, report: Report) -> Opened | None:
    exception = locked(record.pk)
    sure = not distrust(signal) and not report.triage and bool(report.key)
    if sure and report.key == exception.correlation_key and _reports(found):
        return None  # joins by its key, where a newer wish becomes a version
    if (
        sure
        and _reports(found)
        and report.key != exception.correlation_key
        and not _same_place(report, exception)
    ):
        return None  # an old mail answered to report something else
    if found.intent == "recovery" and sure and not found.still and _same_place(report, exception):
        at = found.occurred_at
        return Opened(
            clear_by_signal(exception.pk, signal=signal, actor=signal.reporter, at=at, text=said(signal)), "cleared"
        )  # fmt: skip
    _evidence(exception, signal)
    return Opened(exception, "joined")


def _same_place(report: Report, exception: ExceptionRecord) -> bool:
    unit = report.links.work_unit
    return unit is not None and unit.pk == exception.work_unit_id


def _evidence(exception: ExceptionRecord, signal: Signal) -> None:
    who = signal.reporter_text or signal.sender
    doubt = distrust(signal)
    data: dict[str, object] = {"answer": True}
    if doubt:
        data["doubt"] = doubt
        who = f"{who[:60]} (not verified)"
    words = said(signal) or ("sent something along" if signal.attachments.exists() else "(no words)")
    record_event(
        exception=exception, kind=EventKind.JOINED, actor=signal.reporter, actor_text=who, via=signal.channel,
        text=words, signal=signal, data=data,
    )  # fmt: skip
    announce(exception, kind=EventKind.JOINED)


def _ask_about(record: ExceptionRecord, report: Report) -> Opened:
    """A triage item of its own that names the record which is over."""
    report.triage = True
    report.triage_reasons = (*report.triage_reasons, f"continues {record.ref}, which is {record.status}")
    if not report.key or record.correlation_key == report.key:
        report.key = ""
    opened = open_or_join(report)
    if opened.exception is not None:
        _link(opened.exception, [record])
    return opened


def _link(exception: ExceptionRecord, others: Iterable[ExceptionRecord]) -> None:
    for other in others:
        if other.pk != exception.pk:
            ExceptionLink.objects.get_or_create(
                exception=exception, target="exception", target_id=other.pk,
                defaults={"label": other.ref, "effect": "this continues its conversation"},
            )  # fmt: skip
