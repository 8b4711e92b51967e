"""Corrections as regression cases: every corrected message read again by the current reader, and what comes of it.

Nothing is stored or opened. A field counts as unread where no word of the message says it (a person added it from
elsewhere): no reader can be blamed for that.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from django.db import transaction

from exceptions_app.models import Correction, Signal, Verdict
from exceptions_app.reading.pipeline import interpret
from exceptions_app.reading.types import LINK_KINDS, Reading
from exceptions_app.services.channels.index import current_index
from exceptions_app.services.channels.report import context_of
from exceptions_app.services.learning.knowledge import knowledge_of
from exceptions_app.services.learning.reviews import CHATTER
from plant_app.models import Site

MOST = 5000


@dataclass(frozen=True, slots=True)
class Case:
    """One field of one corrected message: what it is, what was read then, what is read now."""

    signal: str
    ref: str
    field: str
    should: str
    then: str
    now: str
    text: str


@dataclass
class Checked:
    """What came of all: counts by outcome, and the cases that are wrong now."""

    messages: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    broke: list[Case] = field(default_factory=list)
    still: list[Case] = field(default_factory=list)


@transaction.atomic
def check_corrections(*, site: Site | None = None, most: int = MOST) -> Checked:
    """Read every reviewed message again, newest first; returns `right`, `mended`, `still`, `broke`, `unread` counts.

    Two queries, and those of the surroundings of each message. Writes nothing.
    """
    rows = (
        Correction.objects.filter(review__undone_by=None)
        .exclude(review__verdict__in=(Verdict.UNDONE, Verdict.MERGED))
        .exclude(signal__text="")
        .filter(field__in=("type", *LINK_KINDS))
        .select_related("signal__source__site", "signal__site", "signal__reporter", "signal__device",
                        "review__exception")
        .order_by("-review_id", "pk")
    )  # fmt: skip
    if site is not None:
        rows = rows.filter(review__site=site)
    by_signal: dict[int, dict[str, Correction]] = defaultdict(dict)
    for row in rows:
        if row.signal_id not in by_signal and len(by_signal) >= most:
            break
        by_signal[row.signal_id].setdefault(row.field, row)
    found = Checked(messages=len(by_signal))
    for of_signal in by_signal.values():
        reading = _read(next(iter(of_signal.values())).signal)
        for row in of_signal.values():
            _compare(row, reading, found)
    return found


def _read(signal: Signal) -> Reading:
    context = context_of(signal)
    index = current_index()
    known = knowledge_of(index.version)
    _, model = known.model_of(context.site.code)
    return interpret(
        signal.text, master=index, context=context.reading, received_at=signal.received_at, fields=signal.fields,
        packs=known.packs_of(context.site.code), model=model,
    )  # fmt: skip


def _compare(row: Correction, reading: Reading, found: Checked) -> None:
    if row.field == "type":
        now = CHATTER if reading.intent in ("chatter", "repeat") else reading.type_code or ""
    else:
        one = reading.field(row.field)
        now = str(one.value) if one is not None and not one.candidates else ""
    then = CHATTER if row.field == "type" and row.after == CHATTER and row.right else row.before
    if now == row.after:
        found.counts["right" if row.right else "mended"] += 1
        return
    text = " ".join(row.signal.text.split())[:160]
    case = Case(str(row.signal), row.review.exception.ref, row.field, row.after, then, now, text)
    if row.right:
        found.counts["broke"] += 1
        found.broke.append(case)
    elif row.field != "type" and not row.words and not now:
        found.counts["unread"] += 1
    else:
        found.counts["still"] += 1
        found.still.append(case)
