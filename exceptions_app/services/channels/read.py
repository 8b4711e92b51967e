"""Reads stored signals: claims the reading, interprets the message, gives it its record, in one transaction.

A form or an API call reads at once, hooks are read by the worker. What cannot be read is tried again with growing
pauses and after five tries becomes a triage item with its raw text; nothing a message contains can lose it.
"""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection, transaction

from core import clock, due
from core.wake import wake
from exceptions_app.lifecycle import Status
from exceptions_app.models import Interpretation, ReadingStatus, Signal, SignalReading
from exceptions_app.models.records import CORRELATES, ExceptionRecord
from exceptions_app.reading.pipeline import PIPELINE_VERSION, interpret
from exceptions_app.reading.types import Reading
from exceptions_app.services.channels.alerts import follow_alert, is_alert
from exceptions_app.services.channels.continuing import automatic, continue_conversation, continues
from exceptions_app.services.channels.edi_reading import is_edi
from exceptions_app.services.channels.edi_records import read_edi
from exceptions_app.services.channels.gathering import (
    gather,
    gathers,
    hold_conversation,
    newest_words,
    release_waiting,
    settle_edits,
    waits_for_words,
)
from exceptions_app.services.channels.index import current_index
from exceptions_app.services.channels.people import doubted, is_stranger
from exceptions_app.services.channels.report import context_of, raw_report, report_of
from exceptions_app.services.channels.signed import signed
from exceptions_app.services.channels.trust import distrust, question_key, questioned
from exceptions_app.services.learning.acceptance import who_looks
from exceptions_app.services.learning.advising import want_advice
from exceptions_app.services.learning.knowledge import knowledge_of
from exceptions_app.services.machine.notices import follow_notice, is_notice
from exceptions_app.services.records.moves import keep, locked
from exceptions_app.services.records.opening import Opened, clear_by_signal, open_or_join
from exceptions_app.services.records.story import announce, record_event
from exceptions_app.services.records.suppression import end_held
from exceptions_app.services.records.triage import promote

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
#: From this share on what says that it tells nothing new is believed, though nothing of it is open.
OLD_NEWS = 0.85
PATIENCE_SECONDS = 2.0
# PostgreSQL's words for "waited long enough": lock_not_available, query_canceled.
_TOO_SLOW = frozenset({"55P03", "57014"})


def read_signal(*, signal_id: int, patience_seconds: float | None = None) -> SignalReading:
    """Read one signal now, unless it has been read: interpretation, record, route and responses in one transaction.

    Returns its reading; `status` tells how far it got. With `patience_seconds` it gives up waiting after that long and
    leaves the rest to the worker (an API then answers 202). A failure is written on the reading and tried again later.
    Locks the reading, then the exception it joins.
    """
    try:
        with transaction.atomic():
            if patience_seconds is not None:
                _be_patient(patience_seconds)
            reading = _claimed(signal_id, skip=False)
            if reading is not None and reading.status == ReadingStatus.PENDING:
                _read(reading)
        if reading is not None:
            return reading
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") not in _TOO_SLOW:
            return _failed(signal_id, error)
        wake("signals")
    except Exception as error:  # noqa: BLE001 - the outer edge of reading: whatever a message does, it is not lost
        return _failed(signal_id, error)
    return SignalReading.objects.select_related("signal", "exception").get(signal_id=signal_id)


def read_due_signals(*, limit: int = 100) -> int:
    """Read waiting signals, oldest first, each in a transaction of its own; returns how many were looked at.

    Signals another worker is reading are skipped. Wakes itself again when the limit was reached.
    """
    waiting = list(
        SignalReading.objects.filter(status=ReadingStatus.PENDING, due_at__lte=clock.now())
        .order_by("due_at", "pk")
        .values_list("signal_id", flat=True)[:limit]
    )
    done = 0
    for signal_id in waiting:
        try:
            with transaction.atomic():
                reading = _claimed(signal_id, skip=True)
                if reading is None or reading.status != ReadingStatus.PENDING or _comes_later(reading):
                    continue
                _read(reading)
        except Exception as error:  # noqa: BLE001 - as above: one bad message never stops the others
            _failed(signal_id, error)
        done += 1
    if len(waiting) == limit:
        wake("signals")
    return done


def _comes_later(reading: SignalReading) -> bool:
    """Whether an earlier message of the same alert or machine signal waits still: its end must not be read first."""
    signal = reading.signal
    if not is_alert(signal):
        return False
    return SignalReading.objects.filter(
        status=ReadingStatus.PENDING, pk__lt=reading.pk, signal__source=signal.source_id,
        signal__conversation=signal.conversation,
    ).exists()  # fmt: skip


def _be_patient(seconds: float) -> None:
    milliseconds = f"{int(seconds * 1000)}ms"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
            [milliseconds, milliseconds],
        )


def _claimed(signal_id: int, *, skip: bool) -> SignalReading | None:
    return (
        SignalReading.objects.select_for_update(no_key=True, of=("self",), skip_locked=skip)
        .select_related("signal__source__site", "signal__site", "signal__reporter", "signal__device")
        .filter(signal_id=signal_id)
        .first()
    )


def _read(reading: SignalReading) -> None:
    signal = reading.signal
    if is_notice(signal):
        _settle(reading, follow_notice(signal=signal))
        return
    if is_edi(signal):
        _settle(reading, read_edi(signal))
        return
    said, chatting = signal.text, gathers(signal)
    edits: list[int] = []
    if chatting:
        hold_conversation(signal)
        signal.text, edits = newest_words(signal)
        if waits_for_words(reading):
            return
    context = context_of(signal)
    fields = dict(signal.fields)
    if signal.occurred_at is not None:
        fields.setdefault("occurred_at", signal.occurred_at)
    found = understood(signal, signal.text, context, fields)
    Interpretation.objects.create(
        signal=signal,
        type_code=found.type_code or "",
        intent=found.intent,
        confidence=found.confidence,
        type_confidence=found.type_confidence,
        needs_triage=found.needs_triage,
        triage_reasons=list(found.triage_reasons),
        fields=_kept_fields(found, as_said=said == signal.text),
        language=found.language,
        type_candidates=[[code, round(score, 3)] for code, score in found.type_candidates],
        pipeline_version=found.pipeline_version,
        reader_model=found.pipeline_version.partition("+")[2],
        occurred_at=found.occurred_at,
        created_at=clock.now(),
    )
    opened = None
    if chatting:
        opened = gather(
            signal, found, context, read=lambda text: understood(signal, text, context, {})
        )  # fmt: skip
    opened = opened or _follow(signal, found, context)
    _settle(reading, opened)
    if opened.opened and opened.exception is not None and opened.exception.status == Status.TRIAGE:
        want_advice(signal=signal, site=context.site, confidence=found.confidence)
    if chatting:
        settle_edits(signal, opened, before=said, edits=edits)
        release_waiting(signal)


def understood(signal: Signal, text: str, context: Any, fields: dict[str, Any]) -> Reading:
    """The text as read now, with who has to look first."""
    index = current_index()
    known = knowledge_of(index.version)
    model_version, model = known.model_of(context.site.code)
    found = interpret(
        text,
        master=index,
        context=context.reading,
        received_at=signal.received_at,
        fields=fields,
        packs=known.packs_of(context.site.code),
        model=model,
    )
    if model_version:
        found = replace(found, pipeline_version=f"{found.pipeline_version}+{model_version}"[:40])
    found = signed(signal, found, index, site_code=context.site.code)
    looked = who_looks(found, known, site_code=context.site.code, channel=signal.channel)
    return questioned(signal, doubted(signal, looked))


def _kept_fields(found: Reading, *, as_said: bool) -> list[dict[str, Any]]:
    """The fields as stored; those of an edited message point into words the stored text does not have."""
    fields = [field.as_json() for field in found.fields]
    return fields if as_said else [{**field, "start": 0, "end": 0} for field in fields]


def _follow(signal: Signal, found: Reading, context: Any) -> Opened:
    """What the message asks for: nothing, an all-clear, a new date, or a record."""
    if is_alert(signal):
        followed = follow_alert(signal=signal, found=found, report=report_of(signal, found, context))
        if followed is not None:
            return followed
    if automatic(signal):
        return Opened(None, "ignored")
    if continues(signal):
        joined = continue_conversation(signal=signal, found=found, report=report_of(signal, found, context))
        if joined is not None:
            return joined
    if found.intent in ("chatter", "planned") and not found.unconfirmed:
        return Opened(None, "ignored")
    report = report_of(signal, found, context)
    if is_stranger(signal):
        report.key = ""  # what a stranger says never touches a record people work on
    elif distrust(signal):
        report.key = question_key(report.key)
    # An all-clear whose machine is not sure lets nothing go, and is nothing to act on either.
    if found.intent == "recovery" and not found.still:
        standing = _standing(report.key, report.links.work_unit, report.type.code)
        if standing is None or found.needs_triage:
            end_held(key=report.key, at=found.occurred_at)
            return Opened(None, "ignored")
        cleared = found.value("cleared_at") or found.occurred_at
        return Opened(
            clear_by_signal(
                standing, signal=signal, actor=signal.reporter,
                at=cleared if hasattr(cleared, "tzinfo") else found.occurred_at, text=signal.text,  # type: ignore[arg-type]
            ),
            "cleared",
        )  # fmt: skip
    if found.intent in ("future", "repeat"):
        standing = _standing(report.key, report.links.work_unit, report.type.code)
        if standing is not None:
            return Opened(_expected(standing, signal, found), "joined")
        if found.intent == "future" or found.type_confidence >= OLD_NEWS:
            return Opened(None, "ignored")
        # It says it was told before, and nothing of it is open: perhaps it was not.
        report.triage = True
        report.triage_reasons = (*report.triage_reasons, "says it was reported before; nothing of it is open")
    opened = open_or_join(report)
    if opened.settles and opened.exception is not None:
        promote(opened.exception, report)
    return opened


def _standing(key: str, work_unit: Any, type_code: str) -> int | None:
    """The open record an all-clear is about: the one of its key, else the only one on that machine (never safety)."""
    rows = ExceptionRecord.objects.filter(status__in=CORRELATES).exclude(type__code="safety_stop")
    if key:
        found = rows.filter(correlation_key=key).values_list("pk", flat=True).first()
        if found is not None:
            return int(found)
    if work_unit is None:
        return None
    on_unit = list(rows.filter(work_unit=work_unit).values_list("pk", "type__code")[:10])
    same = [pk for pk, code in on_unit if code == type_code] or [
        pk for pk, code in on_unit if code == "machine_downtime"
    ]
    if len(same) == 1:
        return int(same[0])
    return int(on_unit[0][0]) if len(on_unit) == 1 else None


def _expected(exception_id: int, signal: Signal, found: Reading) -> ExceptionRecord:
    """ "Running again by 14:00", "as reported": the open record learns the date, if there is one, and nothing else."""
    exception = locked(exception_id)
    if found.due_at is not None and found.intent == "future":
        exception.details = {**exception.details, "expected_up_at": found.due_at.isoformat()}
        keep(exception, "details")
    record_event(
        exception=exception, kind="joined", actor=signal.reporter, actor_text=signal.reporter_text, via=signal.channel,
        text=signal.text, signal=signal,
        data={"expected_up_at": found.due_at.isoformat() if found.due_at else None},
    )  # fmt: skip
    announce(exception, kind="joined")
    return exception


def _settle(reading: SignalReading, opened: Opened) -> None:
    reading.status, reading.read_at, reading.error = ReadingStatus.READ, clock.now(), ""
    reading.exception, reading.opened, reading.outcome = opened.exception, opened.opened, opened.outcome
    reading.save(update_fields=["status", "read_at", "error", "exception", "opened", "outcome"])


def _failed(signal_id: int, error: Exception) -> SignalReading:
    """Write a failed try on the reading; after MOST_ATTEMPTS the message becomes a triage item with its raw text."""
    logger.warning("signal %s could not be read: %s", signal_id, error, exc_info=error)
    with transaction.atomic():
        reading = _claimed(signal_id, skip=False)
        if reading is None or reading.status != ReadingStatus.PENDING:
            return SignalReading.objects.select_related("signal", "exception").get(signal_id=signal_id)
        reading.attempts += 1
        reading.error = f"{type(error).__name__}: {error}"[:300]
        reading.due_at = clock.now() + timedelta(seconds=due.backoff_seconds(reading.attempts))
        reading.save(update_fields=["attempts", "error", "due_at"])
    if reading.attempts >= MOST_ATTEMPTS:
        _give_to_people(signal_id, reading.error)
        reading = SignalReading.objects.select_related("signal", "exception").get(signal_id=signal_id)
    return reading


def _give_to_people(signal_id: int, why: str) -> None:
    """Open a triage item from the raw text alone. Should even that fail, the reading stays due and is tried again."""
    try:
        with transaction.atomic():
            reading = _claimed(signal_id, skip=False)
            if reading is None or reading.status != ReadingStatus.PENDING:
                return
            Interpretation.objects.create(
                signal=reading.signal, needs_triage=True, triage_reasons=[f"could not be read: {why}"[:200]],
                pipeline_version=f"{PIPELINE_VERSION}-failed", created_at=clock.now(),
            )  # fmt: skip
            opened = open_or_join(raw_report(reading.signal, why=why))
            _settle(reading, opened)
            SignalReading.objects.filter(pk=reading.pk).update(status=ReadingStatus.FAILED, error=why[:300])
    except Exception:  # the doctor shows unread signals; the next sweep tries again
        logger.exception("signal %s could not even be given to people", signal_id)
