"""Several messages of one person within a minute are one report: "press 4 down", a photo, "hyd leak".

Decides, when a messenger's message is read, whether it belongs to what the same person just said in the same
conversation. A picture without words waits a moment for them. Opens nothing by itself but the picture nobody explained.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import connection

from core import clock
from exceptions_app.lifecycle import CORRELATES, Status
from exceptions_app.models import (
    AttachmentKind,
    ChannelUpdate,
    ExceptionRecord,
    Signal,
    SignalReading,
    UpdateKind,
)
from exceptions_app.models.signals import ReadingStatus
from exceptions_app.reading.types import Reading
from exceptions_app.services.channels.continuing import continue_conversation
from exceptions_app.services.channels.messaging import record_edit
from exceptions_app.services.channels.people import MESSENGERS, STRANGER, is_stranger
from exceptions_app.services.channels.report import raw_report, report_of
from exceptions_app.services.records.moves import locked
from exceptions_app.services.records.opening import Opened, clear_by_signal, continue_record, open_or_join
from exceptions_app.services.records.triage import promote
from exceptions_app.services.records.unsorted import CODE as UNSORTED

WINDOW = timedelta(seconds=60)
#: How long a picture waits for its words; less than the minute after which an unread signal is an error.
PATIENCE = timedelta(seconds=45)
MOST_GATHERED = 10
_LINKS = ("work_unit", "work_order", "lot", "item", "sales_line", "purchase_line", "customer")


def gathers(signal: Signal) -> bool:
    """Whether the message comes from a messenger, where people say one thing in several messages."""
    return signal.source.adapter in MESSENGERS and bool(signal.conversation and signal.sender)


def hold_conversation(signal: Signal) -> None:
    """Readers of one conversation take turns until the transaction ends, or two messages would open two records."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"conversation/{signal.source_id}/{signal.conversation}/{signal.sender}"],
        )


def newest_words(signal: Signal) -> tuple[str, list[int]]:
    """The message as it reads after its edits, and which edits those are; the row keeps what came first."""
    edits = list(
        ChannelUpdate.objects.filter(
            source=signal.source_id,
            target=signal.external_id,
            kind=UpdateKind.EDIT,
            sender__in=("", signal.sender),
        ).order_by("said_at", "pk")
    )
    text = edits[-1].text if edits and edits[-1].text else signal.text
    return text, [edit.pk for edit in edits]


def settle_edits(signal: Signal, opened: Opened, *, before: str, edits: list[int]) -> None:
    """The `edits` a message has just been read with are settled, and told where it has a record.

    Not any that came meanwhile: they were not read, so the worker tells them.
    """
    if opened.exception is not None and before != signal.text:
        record_edit(exception=locked(opened.exception.pk), signal=signal, before=before, after=signal.text)
    ChannelUpdate.objects.filter(pk__in=edits, settled_at__isnull=True).update(
        settled_at=clock.now(), outcome="read in its newest form"
    )


def is_wordless(signal: Signal) -> bool:
    """A picture, voice note or file without a caption."""
    return not signal.text.strip() and signal.attachments.exists()


def waits_for_words(reading: SignalReading) -> bool:
    """Put a wordless message off while its words may still come and nothing it belongs to is open."""
    signal = reading.signal
    ready_at = signal.received_at + PATIENCE
    if signal.reply_to or clock.now() >= ready_at or not is_wordless(signal) or _standing(signal) is not None:
        return False
    reading.due_at = ready_at
    reading.save(update_fields=["due_at"])
    return True


def release_waiting(signal: Signal) -> None:
    """What waited for this message is due now."""
    SignalReading.objects.filter(
        status=ReadingStatus.PENDING,
        signal__source=signal.source_id,
        signal__conversation=signal.conversation,
        signal__sender=signal.sender,
        due_at__gt=clock.now(),
        attempts=0,
    ).exclude(signal=signal).update(due_at=clock.now())


def gather(
    signal: Signal, found: Reading, context: Any, *, read: Callable[[str], Reading]
) -> Opened | None:  # fmt: skip
    """Give a message to the record its neighbours in the conversation made, or None when it stands for itself.

    Wordless ones always join. Words join unless they name another thing or another kind of trouble; they are then read
    together with what was said before by `read`, which may settle an item that waited for triage. Locks that record.
    """
    if signal.reply_to:  # what it answers is surer than what was said just before
        joined = continue_conversation(signal=signal, found=found, report=report_of(signal, found, context))
        if joined is not None:
            return joined
    standing = _standing(signal)
    if is_wordless(signal):
        return _wordless(signal, standing, context)
    if standing is None or (found.intent in ("chatter", "planned") and not found.unconfirmed):
        return None
    exception, earlier = standing
    own = report_of(signal, found, context)
    if any(
        getattr(own.links, name) and getattr(exception, f"{name}_id") not in (None, getattr(own.links, name).pk)
        for name in _LINKS
    ):  # fmt: skip
        return None
    if found.intent == "recovery":
        if is_stranger(signal) or found.still:
            return None
        cleared = clear_by_signal(
            exception.pk, signal=signal, actor=signal.reporter, at=found.occurred_at, text=signal.text
        )  # fmt: skip
        return Opened(cleared, "cleared")
    in_triage = exception.status == Status.TRIAGE
    if not in_triage and own.type.code not in (UNSORTED, exception.type.code):
        return None
    whole = read("\n".join(one.text for one in [*earlier, signal] if one.text.strip()))
    report = report_of(signal, whole, context)
    if not in_triage and report.type.code != exception.type.code:
        report = own
    if report.key and report.key != exception.correlation_key and _taken(report.key, exception):
        return None
    opened = continue_record(exception, report)
    if opened.settles and opened.exception is not None and report.key:
        promote(opened.exception, report)
    return opened


def _standing(signal: Signal) -> tuple[ExceptionRecord, list[Signal]] | None:
    """The open record the person's messages of this minute made, and those messages, oldest first."""
    rows = list(
        SignalReading.objects.select_related("signal", "exception")
        .filter(
            signal__source=signal.source_id,
            signal__conversation=signal.conversation,
            signal__sender=signal.sender,
            signal__received_at__gte=signal.received_at - WINDOW,
            signal__received_at__lte=signal.received_at + WINDOW,
            exception__status__in=CORRELATES,
        )
        .exclude(signal=signal)
        .order_by("-signal__received_at", "-signal_id")[:MOST_GATHERED]
    )
    if not rows or rows[0].exception is None:
        return None
    exception = rows[0].exception
    return exception, [row.signal for row in reversed(rows) if row.exception_id == exception.pk]


def _taken(key: str, exception: ExceptionRecord) -> bool:
    return (
        ExceptionRecord.objects.filter(correlation_key=key, status__in=CORRELATES)
        .exclude(pk=exception.pk)
        .exists()
    )


def _wordless(signal: Signal, standing: tuple[ExceptionRecord, list[Signal]] | None, context: Any) -> Opened:
    kinds = {one.kind for one in signal.attachments.all()}
    what = (
        "A photo"
        if kinds == {AttachmentKind.PHOTO}
        else "A voice note"
        if kinds == {AttachmentKind.VOICE}
        else "A file"
    )
    who = signal.reporter_text or str(signal.reporter or "") or "somebody"
    reasons = (f"{what.lower()} without words", *((STRANGER,) if is_stranger(signal) else ()))
    report = replace(
        raw_report(signal, why=""), text=f"{what} from {who}, without words", triage_reasons=reasons
    )  # fmt: skip
    if standing is not None:
        return continue_record(standing[0], report)
    return open_or_join(report)
