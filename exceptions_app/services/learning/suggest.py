"""What an unsure message may be about: ranked candidates for its type and for each link, each with why.

Ranks what the reader stored, what messages like this one turned out to be (history, by shared words weighted by how
rare they are), what this sender reports otherwise, and what stands where the sender stands. Reads only; a bounded
number of queries; a candidate is a row of the plant, never a code made to fit.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q

from core import clock
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord, Interpretation, ReadingAdvice, Signal, SignalReading
from exceptions_app.reading.normalise import key_of
from exceptions_app.reading.types import TYPE_CODES
from exceptions_app.services.channels.index import current_index
from plant_app.models import WorkUnit

MOST = 5
LOOK_BACK = timedelta(days=365)
MOST_HISTORY = 400
_WORD = re.compile(r"[^\W_]{2,}")
#: Link kinds that can be told from history, and where a record keeps their code.
COLUMNS = {
    "work_unit": "exception__work_unit__code",
    "work_centre": "exception__work_centre__code",
    "area": "exception__area__code",
    "item": "exception__item__code",
    "lot": "exception__lot__code",
    "work_order": "exception__work_order__number",
    "customer": "exception__customer__code",
    "supplier": "exception__supplier__code",
}
#: A language model's advice weighs like a clear word; people still choose.
ADVISED = 0.8
_ENDED_UNSEEN = (Status.TRIAGE, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One candidate: its code, its name, why it is one, and its weight among the others of its field (0 to 1)."""

    value: str
    name: str
    why: str
    weight: float


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An earlier message, how much it shares with this one (0 to 1), and what it turned out to be."""

    likeness: float
    ref: str
    same_sender: bool
    type_code: str
    codes: dict[str, str]


def neighbours(exception: ExceptionRecord, signal: Signal) -> list[Neighbour]:
    """Earlier messages of the site that became records, most alike first; this sender's too. One query."""
    rows = list(
        SignalReading.objects.filter(
            exception__site=exception.site_id, signal__received_at__gte=clock.now() - LOOK_BACK
        )
        .exclude(exception=exception)
        .exclude(exception__status__in=_ENDED_UNSEEN)
        .exclude(exception__type__code="unsorted")
        .order_by("-pk")
        .values(
            "signal__text", "signal__sender", "signal__reporter_id", "exception__ref", "exception__type__code",
            *COLUMNS.values(),
        )[:MOST_HISTORY]
    )  # fmt: skip
    mine = set(_WORD.findall(key_of(signal.text)))
    bags = [set(_WORD.findall(key_of(row["signal__text"]))) for row in rows]
    seen = Counter(word for bag in bags for word in bag)
    worth = {word: math.log(1 + (len(rows) + 1) / (1 + seen[word])) for word in {*seen, *mine}}
    found = []
    for row, bag in zip(rows, bags, strict=True):
        both = sum(worth[word] for word in mine & bag)
        either = sum(worth[word] for word in mine | bag)
        sender = bool(
            (signal.reporter_id and row["signal__reporter_id"] == signal.reporter_id)
            or (signal.sender and row["signal__sender"] == signal.sender)
        )
        likeness = both / either if either else 0.0
        if likeness > 0.08 or sender:
            codes = {kind: row[column] for kind, column in COLUMNS.items() if row[column]}
            found.append(
                Neighbour(likeness, row["exception__ref"], sender, row["exception__type__code"], codes)
            )
    return sorted(found, key=lambda one: (-one.likeness, not one.same_sender))[:40]


def types_for(
    read: Interpretation,
    near: Iterable[Neighbour],
    *,
    proposed: str = "",
    advice: ReadingAdvice | None = None,
) -> list[Suggestion]:
    """Candidates for the type, most likely first: read, then what messages like it were. No query."""
    weights: dict[str, float] = defaultdict(float)
    why: dict[str, str] = {}
    scores = [(str(code), float(score)) for code, score in read.type_candidates if code in TYPE_CODES]
    total = sum(score for _, score in scores) or 1.0
    for code, score in scores:
        weights[code] += score / total
        why.setdefault(code, "its words say so")
    if read.type_code in TYPE_CODES:
        weights[read.type_code] += 0.2 + read.type_confidence
        why.setdefault(read.type_code, "read so")
    for one in near:
        if one.type_code in TYPE_CODES and one.likeness > 0.08:
            weights[one.type_code] += one.likeness
            why.setdefault(one.type_code, f"like {one.ref}")
    if proposed in TYPE_CODES:
        weights[proposed] += 0.3
        why.setdefault(proposed, "a rule proposes it")
    if advice is not None and advice.type_code in TYPE_CODES:
        weights[advice.type_code] += ADVISED
        why.setdefault(advice.type_code, f"the language model rests on “{advice.words[:60]}”")
    return _ranked(weights, why, {})


def links_for(
    kinds: Collection[str],
    *,
    exception: ExceptionRecord,
    signal: Signal,
    read: Interpretation,
    near: Iterable[Neighbour],
    advice: ReadingAdvice | None = None,
) -> dict[str, list[Suggestion]]:
    """Candidates per kind of link, most likely first, five at most each. At most one query besides the index."""
    index = current_index()
    weights: dict[str, dict[str, float]] = {kind: defaultdict(float) for kind in kinds}
    why: dict[str, dict[str, str]] = {kind: {} for kind in kinds}

    def add(kind: str, code: str, weight: float, because: str) -> None:
        if kind in weights and code and index.lookup(kind, code) is not None:
            weights[kind][code] += weight
            why[kind].setdefault(code, because)

    for field in read.fields:
        kind, words = str(field["name"]), str(field.get("words", ""))
        named = f"“{words}”" if words else "named"
        codes = field.get("candidates") or [field.get("value", ""), *(field.get("also") or [])]
        for place, code in enumerate(codes):
            add(kind, str(code), 2.0 - 0.1 * place, named if place == 0 else "named in it too")
    for one in near:
        for kind, code in one.codes.items():
            if one.likeness > 0.08:
                add(kind, code, one.likeness, f"like {one.ref}")
            if one.same_sender:
                add(kind, code, 0.12, "this sender's")
    for kind, code in (advice.links if advice is not None else {}).items():
        add(kind, str(code), ADVISED, "the language model chose it")
    if "work_unit" in weights:
        for code in _standing_near(exception, signal):
            add("work_unit", code, 0.15, "at the sender's place")
    return {kind: _ranked(weights[kind], why[kind], _names(index, kind, weights[kind])) for kind in kinds}


def _standing_near(exception: ExceptionRecord, signal: Signal) -> list[str]:
    """Machines of the work centre the message came from, else of the one named. One query at most."""
    device = signal.device
    centre = (device.work_centre_id if device else None) or exception.work_centre_id
    area = (device.area_id if device else None) or exception.area_id
    if centre is None and area is None:
        return []
    where = Q(work_centre=centre) if centre else Q(work_centre__area=area)
    rows = WorkUnit.objects.filter(where, active=True).order_by("code").values_list("code", flat=True)
    return list(rows[:8])


def _names(index: Any, kind: str, codes: Iterable[str]) -> dict[str, str]:
    rows = {code: index.lookup(kind, code) for code in codes}
    return {code: row.name for code, row in rows.items() if row is not None}


def _ranked(weights: dict[str, float], why: dict[str, str], names: dict[str, str]) -> list[Suggestion]:
    total = sum(weights.values()) or 1.0
    order = sorted(weights, key=lambda code: (-weights[code], code))
    return [
        Suggestion(code, names.get(code, ""), why.get(code, ""), round(weights[code] / total, 3))
        for code in order
    ][:MOST]
