"""The triage desk: what waits to be sorted, oldest clock first, and one item with its questions and ranked answers.

Says why the reader was unsure in plain words and what may be meant; the number of queries depends on neither the number
of items nor that of candidates. What an answer does lies in the views and services.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.db.models import F, Prefetch

from boards_app import wording
from boards_app.selectors.attached import Group, attached
from boards_app.selectors.frame import Frame
from boards_app.selectors.reported import CORRECTS, FIELDS, UNSURE, Reported, reported
from core.clock import minutes_between
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord, Interpretation, Signal, SignalReading
from exceptions_app.models.records import LIVE
from exceptions_app.reading.packs import shipped_packs
from exceptions_app.reading.phrases import unread
from exceptions_app.reading.pipeline import NEEDED
from exceptions_app.selectors import visible_to, with_row
from exceptions_app.services.learning.advising import advice_on
from exceptions_app.services.learning.names import NAMEABLE
from exceptions_app.services.learning.suggest import COLUMNS, Suggestion, links_for, neighbours, types_for
from plant_app.models import ExceptionType, WorkUnit
from plant_app.selectors import can

MOST = 100
CHANNEL_ICONS: Final = {
    "station": "tablet-smartphone", "form": "qr-code", "api": "cable", "webhook": "cable", "email": "mail",
    "whatsapp": "message-square", "sms": "message-square", "chat": "message-square", "edi": "file-text",
    "machine": "cog", "system": "server",
}  # fmt: skip
# Beginnings of the reader's reasons -> what a person on the desk reads.
_PLAIN: Final = (
    ("not sure enough", "The reader is not sure enough of what it read."),
    ("no type word", "No word in it says what kind of problem it is."),
    ("nobody could tell what it is", "Nothing in it says what kind of problem it is."),
    ("empty message", "There are no words in it."),
    ("the sender is not trusted", "The sender is not one who may open records."),
    ("the message could not be parsed", "Its structure could not be read."),
    ("could not be read", "The reader failed on it; this is the raw message."),
    ("says both running and stopped", "It says both that it runs and that it stands."),
    ("an all-clear that does not say", "It says something is fine again, but not what."),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One candidate of a question: `key` is the digit that takes it; `on` the one shown as chosen."""

    value: str
    words: str
    note: str
    key: str
    on: bool
    share: float

    @property
    def percent(self) -> float:
        """Its weight among the answers, for a bar."""
        return round(100 * self.share)


@dataclass
class Question:
    """One thing that is not sure. `active` is the one digits answer; `phrases` may be taught as a name for it."""

    name: str
    posts: str
    label: str
    why: str
    answers: list[Answer] = field(default_factory=list)
    active: bool = False
    doubtful: bool = True
    phrases: list[str] = field(default_factory=list)


@dataclass
class Item:
    """One triage item as its panel shows it."""

    exception: Any
    said: Reported
    groups: list[Group]
    why: list[str]
    questions: list[Question]
    same: list[dict[str, str]]
    sender: str
    channel: str
    icon: str
    verified: bool
    language: str
    types: list[tuple[str, str]]
    units: list[tuple[str, str]]
    chosen: str
    taken: str = ""

    @property
    def asked(self) -> list[str]:
        """The fields questions post; what else may be edited leaves them out."""
        return [question.posts for question in self.questions]


def waiting(frame: Frame) -> Any:
    """Everything the reader may see that waits to be sorted: over its limit first, then the oldest."""
    rows = visible_to(frame.user).filter(status=Status.TRIAGE)
    if frame.narrowed is not None:
        rows = rows.filter(site=frame.narrowed)
    return rows


def listing(frame: Frame) -> tuple[list[dict[str, Any]], int]:
    """Rows of the list and how many there are in all. Five queries."""
    found = waiting(frame)
    opened = Prefetch(
        "readings",
        SignalReading.objects.select_related("signal__source", "signal__reporter").order_by("-opened", "pk"),
        to_attr="told",
    )
    ordered = with_row(found).prefetch_related(opened).order_by(
        F("acknowledge_due_at").asc(nulls_last=True), "rank", "captured_at", "pk"
    )  # fmt: skip
    rows = [_row(record, frame) for record in ordered[:MOST]]
    return rows, found.count() if len(rows) == MOST else len(rows)


def _row(record: Any, frame: Frame) -> dict[str, Any]:
    signal: Signal | None = record.told[0].signal if record.told else None
    channel = signal.channel if signal is not None else record.channel
    text = " ".join((signal.text if signal is not None else "").split())
    sender = _sender(signal)
    age = wording.gone(minutes_between(record.captured_at, frame.now))
    more = len(record.told) - 1
    return {
        "ref": record.ref,
        "url": f"/triage/?item={record.ref}",
        "panel_url": f"/triage/{record.ref}/",
        "icon": CHANNEL_ICONS.get(channel, "message-square"),
        "text": text[:160] or record.title,
        "guess": record.type.name if record.type.code != "unsorted" else "",
        "note": ", ".join(part for part in (sender, age, f"+{more}" if more > 0 else "") if part),
        "until": record.acknowledge_due_at,
        "since": record.captured_at,
        "owner": str(record.owner) if record.owner else "Nobody on duty",
    }


def _sender(signal: Signal | None) -> str:
    if signal is None:
        return ""
    return str(signal.reporter or signal.reporter_text or signal.sender or signal.source)


def item_of(exception: Any, frame: Frame, *, chosen: str = "") -> Item:
    """The panel of one item; `chosen` is a type already answered. About twenty queries, whatever there is."""
    said = reported(exception)
    first = next((one for one in said.signals if one.opened), said.signals[0] if said.signals else None)
    signal = first.signal if first is not None else None
    read: Interpretation | None = (getattr(signal, "newest", []) or [None])[0] if signal is not None else None
    types = list(
        ExceptionType.objects.filter(active=True).exclude(code="unsorted").values_list("code", "name")
    )
    item = Item(
        exception=exception, said=said, groups=attached(exception), why=_why(exception, said), questions=[],
        same=_same(exception, frame), sender=_sender(signal), channel=signal.get_channel_display() if signal else "",
        icon=CHANNEL_ICONS.get(signal.channel if signal else "", "message-square"),
        verified=bool(signal and (signal.sender_verified or signal.reporter_id or signal.device_id)),
        language=read.language if read else "", types=types, units=_units(exception), chosen="", taken=taken(exception),
    )  # fmt: skip
    if signal is not None and read is not None and exception.status == Status.TRIAGE:
        _ask(item, signal, read, chosen, dict(types))
    return item


def _ask(item: Item, signal: Signal, read: Interpretation, chosen: str, types: Mapping[str, str]) -> None:
    """The questions: the type first, then every link that is doubtful or that the type needs and nothing names."""
    exception = item.exception
    near = neighbours(exception, signal)
    advice = advice_on(signal)
    proposed = str((exception.route.outcome if exception.route else {}).get("proposes_type") or "")
    ranked = [one for one in types_for(read, near, proposed=proposed, advice=advice) if one.value in types]
    if chosen not in types:
        chosen = ""
    item.chosen = chosen or (ranked[0].value if ranked else "")
    type_doubt = not chosen and (
        exception.type.code == "unsorted" or read.type_confidence < UNSURE or not read.type_code
    )
    named = {str(one["name"]): one for one in read.fields}
    shown = [Suggestion(one.value, types[one.value], one.why, one.weight) for one in ranked]
    if chosen and chosen not in {one.value for one in shown}:
        shown = [Suggestion(chosen, types[chosen], "chosen", 1.0), *shown[:4]]
    asked = [
        Question("type", "type", "What it is", _because(named.get("type"), type_doubt), doubtful=type_doubt)
    ]
    kinds = _doubtful_links(read, named, item.chosen)
    answers = links_for(kinds, exception=exception, signal=signal, read=read, near=near, advice=advice)
    phrases = _phrases(signal, read) if NAMEABLE & set(kinds) else []
    asked += [
        Question(
            kind, CORRECTS.get(kind, kind), f"Which {FIELDS.get(kind, kind).lower()}",
            _because(named.get(kind), True),
            phrases=phrases if kind in NAMEABLE and not _named(named.get(kind)) else [],
        )
        for kind in kinds
    ]  # fmt: skip
    active = next(
        (one for one in asked if one.doubtful and (one.name == "type" or answers.get(one.name))), asked[0]
    )
    active.active = True
    for question in asked:
        options = shown if question.name == "type" else answers[question.name]
        on = item.chosen if question.name == "type" else (options[0].value if options else "")
        question.answers = [
            Answer(
                one.value, one.name or one.value, _note(one), str(place) if question.active else "", one.value == on,
                one.weight,
            )
            for place, one in enumerate(options, start=1)
        ]  # fmt: skip
    item.questions = asked


def _units(exception: ExceptionRecord) -> list[tuple[str, str]]:
    """The site's machines, to be typed. One query."""
    rows = WorkUnit.objects.filter(work_centre__area__site=exception.site_id, active=True).order_by("code")
    return list(rows.values_list("code", "name")[:500])


def _doubtful_links(read: Interpretation, named: Mapping[str, Any], type_code: str) -> list[str]:
    kinds = [
        name
        for name, one in named.items()
        if name in FIELDS and (one.get("candidates") or one.get("also") or float(one.get("confidence") or 0) < UNSURE)
        and (name in COLUMNS or name in CORRECTS)
    ]  # fmt: skip
    needed = NEEDED.get(type_code, ())
    sure = [
        kind for kind in needed if kind in named and kind not in kinds and not named[kind].get("candidates")
    ]
    if needed and not sure and not set(kinds) & set(needed):
        kinds.append(next((kind for kind in needed if kind in COLUMNS or kind in CORRECTS), ""))
    return [kind for kind in dict.fromkeys(kinds) if kind][:4]


def _named(one: Mapping[str, Any] | None) -> bool:
    return bool(one and one.get("words"))


def _because(one: Mapping[str, Any] | None, doubt: bool) -> str:
    """What the question hangs on, in a few words."""
    if one is None:
        return "not said" if doubt else ""
    words = str(one.get("words") or "")
    if one.get("candidates") or one.get("also"):
        several = "speaks for several" if one.get("name") == "type" else "could be several"
        return f"“{words}” {several}" if words else several
    sure = f"{round(100 * float(one.get('confidence') or 0))} %"
    return f"“{words}”, {sure}" if words else sure


def _note(one: Suggestion) -> str:
    code = one.value if one.name and one.name != one.value and not one.value.islower() else ""
    return ", ".join(part for part in (code, one.why) if part)


def _phrases(signal: Signal, read: Interpretation) -> list[str]:
    spans = [(int(one.get("start") or 0), int(one.get("end") or 0)) for one in read.fields]
    return [span.text for span in unread(signal.text, spans, shipped_packs(), most=4)]


def _why(exception: ExceptionRecord, said: Reported) -> list[str]:
    """Why a person is asked, in sentences, once each. One query."""
    event = (
        exception.events.filter(kind=EventKind.OPENED).order_by("pk").values_list("data", flat=True).first()
    )
    reasons = [*said.triage_reasons, *((event or {}).get("triage_reasons") or [])]
    return list(dict.fromkeys(_plain(str(reason)) for reason in reasons)) or ["Nobody has looked at it yet."]


def _plain(reason: str) -> str:
    for start, words in _PLAIN:
        if reason.startswith(start):
            return words
    if reason.startswith("only a weak word for "):
        return f"Only a weak word speaks for {reason[21:]}."
    if reason.startswith("reads as "):
        return f"It {reason}."
    return f"{reason[:1].upper()}{reason[1:]}."


def _same(exception: ExceptionRecord, frame: Frame) -> list[dict[str, str]]:
    """Open records it may well be part of. One query."""
    return [row for row in mergeable(exception, frame) if row["alike"]][:3]


def mergeable(exception: ExceptionRecord, frame: Frame) -> list[dict[str, str]]:
    """Open records of the last days it could be merged into, the most alike first. One query."""
    rows = (
        visible_to(frame.user)
        .filter(site=exception.site_id, captured_at__gte=frame.now - timedelta(days=7), status__in=LIVE)
        .exclude(pk=exception.pk)
        .exclude(status=Status.TRIAGE)
        .order_by("-captured_at")
        .values_list("ref", "title", "work_unit_id", "work_centre_id", "type_id")[:80]
    )
    scored = []
    for ref, title, unit, centre, type_id in rows:
        score = (
            3 * (unit is not None and unit == exception.work_unit_id)
            + 2 * (centre is not None and centre == exception.work_centre_id)
            + (type_id == exception.type_id)
        )
        scored.append((score, ref, title))
    scored.sort(key=lambda one: -one[0])
    return [
        {"ref": ref, "title": title, "alike": "yes" if score >= 2 else ""}
        for score, ref, title in scored[:60]
    ]


def taken(exception: ExceptionRecord) -> str:
    """Who sorted it meanwhile; empty while it waits. One query where it does not."""
    if exception.status == Status.TRIAGE:
        return ""
    event = (
        exception.events.filter(kind__in=(EventKind.TRIAGED, EventKind.CANCELLED, EventKind.MERGED))
        .select_related("actor")
        .order_by("-pk")
        .first()
    )
    who = str(event.actor or event.actor_text or "another report") if event else "somebody"
    return f"{exception.ref} is sorted: {who} did it."


def may_sort(frame: Frame) -> bool:
    """Whether the desk is a page of this reader's."""
    return can(frame.user, "exception.triage")
