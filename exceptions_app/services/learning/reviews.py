"""A person's word on a reading, written down and learnt from at once.

Owns reviews and their corrections: what was read beside what it is, field by field, and the names and cues that follow.
Called inside the transaction of the act itself (correcting, dismissing, merging), with the record locked. Must not
change any record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction

from core import clock
from core.errors import NotFound, TransitionRefused
from exceptions_app.models import (
    Correction,
    ExceptionRecord,
    Interpretation,
    LearnedAlias,
    Review,
    SignalReading,
    Verdict,
)
from exceptions_app.reading.normalise import key_of
from exceptions_app.reading.types import LINK_KINDS
from exceptions_app.services.learning.cues import notice_phrases
from exceptions_app.services.learning.names import NAMEABLE, learn_name, withdraw_name
from plant_app.models import User

CHATTER = "chatter"
#: Names a correction uses -> names a reading uses.
AS_READ = {"sales_line": "sales_order_line", "purchase_line": "purchase_order_line"}
_LONGEST = 200


@dataclass(frozen=True)
class Lesson:
    """What one act taught."""

    review: Review
    names: list[LearnedAlias] = field(default_factory=list)


def opening_reading(exception: ExceptionRecord) -> tuple[SignalReading, Interpretation] | None:
    """The signal that opened the record with its newest interpretation; None for a record without one. Two queries."""
    reading = exception.readings.select_related("signal__source").order_by("-opened", "pk").first()
    if reading is None:
        return None
    newest = reading.signal.interpretations.order_by("-created_at", "-pk").first()
    return (reading, newest) if newest is not None else None


def note_correction(
    *,
    exception: ExceptionRecord,
    fields: Mapping[str, Any],
    actor: User,
    via: str,
    was_triage: bool,
    words: Mapping[str, str] | None = None,
) -> Lesson | None:
    """Write down how the reading compares with the record as it stands now, and learn from what differs.

    `fields` as given to `correct`; `words` names the words of the message a person marked for a field. Names are learnt
    from marked words, or from the words a wrong name was read from; never from a code, and unmarked ones only where the
    sender is known. None for a record no signal opened. The caller holds the record's lock.
    """
    found = opening_reading(exception)
    if found is None:
        return None
    reading, read = found
    before = {str(one["name"]): one for one in read.fields}
    given = {AS_READ.get(name, name) for name in fields}
    names = ["type"] + [
        name
        for name in dict.fromkeys([*before, *given])
        if name in given
        or (name in LINK_KINDS and before[name].get("method") not in ("context", "form", "api"))
    ]
    rows = [_row(exception, name, before.get(name), read) for name in dict.fromkeys(names) if name != "uom"]
    links = [row.right for row in rows if row.field in LINK_KINDS]
    unchanged = all(row.right for row in rows)
    review = Review(
        verdict=Verdict.ACCEPTED if unchanged else Verdict.CORRECTED,
        true_type=exception.type.code,
        type_right=read.type_code == exception.type.code,
        links_right=all(links) if links else None,
        unchanged=unchanged,
        asked=was_triage,
    )
    _save(review, exception, reading, read, actor, via)
    for row in rows:
        _tie(row, review)
    Correction.objects.bulk_create(rows)
    lesson = Lesson(review)
    for row in rows:
        phrase = _phrase(row, reading, words or {}, before.get(row.field) or {})
        if phrase and row.field in NAMEABLE:
            learnt = learn_name(
                site=exception.site, words=phrase, kind=row.field, code=row.after, actor=actor, origin=row
            )
            if learnt is not None and learnt.origin_id == row.pk:
                lesson.names.append(learnt)
    if not review.type_right:
        notice_phrases(review=review, spans=_spans(read.fields))
    return lesson


def note_dismissal(*, exception: ExceptionRecord, actor: User, reason: str, via: str) -> Lesson | None:
    """A triage item was nothing to act on: its message counts as chatter from now on."""
    return _judged(exception, Verdict.DISMISSED, CHATTER, actor, reason, via)


def note_merge(
    *, exception: ExceptionRecord, into: ExceptionRecord, actor: User, reason: str, via: str
) -> Lesson | None:
    """A triage item belongs to an open record: its message is of that record's type."""
    return _judged(exception, Verdict.MERGED, into.type.code, actor, reason, via)


@transaction.atomic
def take_back(*, review_id: int, actor: User, via: str = "desk") -> Review:
    """The review counts no more, and names learnt by it are withdrawn. Only its author; TransitionRefused when done.

    Nothing is deleted: a row of its own says so. What the act did to the record is undone by its own verb.
    """
    review = (
        Review.objects.select_related("signal", "exception__site")
        .filter(pk=review_id)
        .exclude(verdict=Verdict.UNDONE)
        .first()
    )
    if review is None or review.by_id != actor.pk:
        raise NotFound("learning.review", "There is nothing of yours to take back.")
    if Review.objects.filter(undoes=review).exists():
        raise TransitionRefused("learning.undone", "That is taken back already.")
    for alias in LearnedAlias.objects.filter(origin__review=review, active=True):
        withdraw_name(alias_id=alias.pk, actor=actor, note="taken back")
    return Review.objects.create(
        signal=review.signal, exception=review.exception, site_id=review.site_id, channel=review.channel,
        language=review.language, verdict=Verdict.UNDONE, read_type=review.read_type, undoes=review,
        pipeline_version=review.pipeline_version, reader_model=review.reader_model, by=actor, via=via[:20],
        at=clock.now(),
    )  # fmt: skip


def _judged(
    exception: ExceptionRecord, verdict: Verdict, true_type: str, actor: User, reason: str, via: str
) -> Lesson | None:
    found = opening_reading(exception)
    if found is None:
        return None
    reading, read = found
    review = Review(
        verdict=verdict, true_type=true_type, type_right=(read.type_code or CHATTER) == true_type, unchanged=False,
        reason=reason[:300],
    )  # fmt: skip
    if verdict == Verdict.DISMISSED:
        review.type_right = read.intent == CHATTER
    _save(review, exception, reading, read, actor, via)
    row = Correction(
        field="type", before=read.type_code, after=true_type, right=bool(review.type_right),
        confidence=read.type_confidence,
    )  # fmt: skip
    _tie(row, review)
    row.save()
    return Lesson(review)


def _save(
    review: Review,
    exception: ExceptionRecord,
    reading: SignalReading,
    read: Interpretation,
    actor: User,
    via: str,
) -> None:
    review.signal, review.exception, review.site = reading.signal, exception, exception.site
    review.channel, review.language = reading.signal.channel, read.language
    review.read_type = read.type_code
    review.pipeline_version, review.reader_model = read.pipeline_version, read.reader_model
    review.by, review.via, review.at = actor, via[:20], clock.now()
    review.save(force_insert=True)


def _tie(row: Correction, review: Review) -> None:
    row.review, row.signal, row.channel = review, review.signal, review.channel
    row.language, row.pipeline_version = review.language, review.pipeline_version
    row.by, row.at = review.by, review.at


def _row(
    exception: ExceptionRecord, name: str, read: Mapping[str, Any] | None, whole: Interpretation
) -> Correction:
    after = _stands(exception, name)
    if name == "type":
        before, words, confidence = whole.type_code, str((read or {}).get("words", "")), whole.type_confidence
    else:
        before, words = str((read or {}).get("value", "")), str((read or {}).get("words", ""))
        confidence = float((read or {}).get("confidence") or 0) if read else 0.0
    return Correction(
        field=name[:40], before=before[:_LONGEST], after=after[:_LONGEST], right=_same(before, after),
        words=words[:_LONGEST], method=str((read or {}).get("method", ""))[:12],
        confidence=confidence if read else None,
    )  # fmt: skip


def _stands(exception: ExceptionRecord, name: str) -> str:
    """The value the record has now, as a reading would write it."""
    rows: dict[str, Any] = {
        "type": exception.type.code,
        "reason": exception.reason.code if exception.reason else "",
        "sales_order_line": exception.sales_line or "",
        "purchase_order_line": exception.purchase_line or "",
        "sales_order": exception.sales_line.order.number if exception.sales_line else "",
        "purchase_order": exception.purchase_line.order.number if exception.purchase_line else "",
        "occurred_at": "" if exception.occurred_estimated else exception.occurred_at.isoformat(),
        "quantity": "" if exception.quantity is None else exception.quantity,
    }
    if name in rows:
        return str(rows[name])
    if name in ("area", "work_centre", "work_unit", "item", "lot", "customer", "supplier"):
        linked = getattr(exception, name)
        return str(linked.code) if linked else ""
    if name == "work_order":
        return exception.work_order.number if exception.work_order else ""
    value = exception.details.get(name, "")
    return "" if value is None else str(value)


def _same(before: str, after: str) -> bool:
    if before == after:
        return True
    try:
        return bool(before and after) and Decimal(before) == Decimal(after)
    except InvalidOperation:
        return False


def _phrase(
    row: Correction, reading: SignalReading, words: Mapping[str, str], read: Mapping[str, Any]
) -> str:
    """The words that name this field's row, as far as a person's act says so."""
    if not row.after:
        return ""
    marked = " ".join(words.get(row.field, "").split())
    text = key_of(reading.signal.text)
    if marked:
        return marked if key_of(marked) and key_of(marked) in text else ""
    signal = reading.signal
    known = signal.sender_verified or signal.reporter_id is not None or signal.source.trusted
    if row.right or not known or read.get("method") not in ("alias", "name"):
        return ""
    return row.words


def _spans(fields: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    return [(int(one.get("start") or 0), int(one.get("end") or 0)) for one in fields if one.get("end")]
