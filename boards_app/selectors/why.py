"""Why this owner, and why somebody was told or not: answered from what was stored, in words.

Reads the frozen route and its trace, the presence kept with each event, tellings, notices and their attempts. What is
read from the roster or the preferences as they are now says so. Nothing is guessed: what nothing stored explains is
said to be unexplained.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from boards_app.selectors.record.around import condition_words
from exceptions_app.models import EventKind, ExceptionEvent, ExceptionRecord, Response, Telling
from exceptions_app.models.responses import TellingReason
from exceptions_app.services.responses.layout import role_words
from notify_app.models import Notice, NoticeStatus
from plant_app.models import User
from routing_app.ruleset import RulesetSpec
from routing_app.sentences import sentence

_MOVES: Final = (EventKind.REROUTED, EventKind.DECLINED, EventKind.TAKEN_OVER)
_REASONS: Final[dict[str, str]] = {
    TellingReason.FIRST: "its function has to answer",
    TellingReason.ESCALATION: "nobody had acknowledged by the limit of the level below",
    TellingReason.LADDER: "the ladder tells this level from the start",
    TellingReason.UNDECIDED: "nothing was decided by the limit",
    TellingReason.REROUTE: "it was passed on",
    TellingReason.SHIFT: "whoever had it went off duty",
    TellingReason.REMINDER: "it was still unanswered",
    TellingReason.INFORM: "for information, no answer is asked",
    TellingReason.CHANGE: "something changed",
}


@dataclass(frozen=True)
class Line:
    """One reason. `code` never changes its meaning; `held` says whether it speaks for the thing asked about."""

    code: str
    words: str
    held: bool = True
    at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "words": self.words, "held": self.held, "at": self.at}


@dataclass(frozen=True)
class Answer:
    """A sentence and its reasons."""

    lead: str
    lines: tuple[Line, ...]
    told: bool | None = None


class Clockface:
    """Times of one site as people there say them."""

    def __init__(self, exception: ExceptionRecord) -> None:
        self.zone = ZoneInfo(exception.site.timezone)
        self.day = exception.captured_at.astimezone(self.zone).date()

    def __call__(self, moment: datetime) -> str:
        """14:05, with the day where it is another than the opening's."""
        local = moment.astimezone(self.zone)
        return f"{local:%H:%M}" if local.date() == self.day else f"{local.day} {local:%b %H:%M}"


# --- why this owner -------------------------------------------------------------------------------------------
def why_owner(exception: ExceptionRecord) -> Answer:
    """By which rule, among whom, and by which moves since. Four queries."""
    at = Clockface(exception)
    who = str(exception.owner) if exception.owner else "Nobody on duty"
    role = role_words(exception.owner_role)
    lead = f"{who} owns it for {exception.owner_function.name} as {role}."
    lines: list[Line] = []
    routed = exception.events.filter(kind=EventKind.ROUTED).order_by("-at", "-pk").first()
    case = exception.route
    if case is not None:
        spec = RulesetSpec.from_dict(case.version.snapshot)
        rule = next((one for one in spec.rules if one.code == case.rule_code), None)
        words = f"Rule {case.rule_number} of version {case.version.number}"
        lines.append(Line("rule", f"{words}: {sentence(rule)}" if rule else f"{words}, {case.rule_code}."))
        tried: list[dict[str, Any]] = case.trace.get("rules", [])
        decided = next((one for one in tried if one["number"] == case.rule_number), None)
        lines += [
            Line("condition", condition_words(one), one["result"] == "yes")
            for one in (decided["conditions"] if decided else ())
        ]
        missed = [
            one
            for one in case.trace.get("rules", ())
            if one["kind"] != "add" and one["result"] == "not matched"
        ]
        other = len(case.trace.get("other_case", ()))
        lines.append(
            Line(
                "earlier_rules",
                f"{len(missed)} rules before it were tried and did not hold, {other} are about other cases.",
                held=False,
            )
        )
    if routed is not None:
        lines += _chosen(routed, at)
    for event in exception.events.filter(kind__in=_MOVES).select_related("actor").order_by("at", "pk"):
        if event.data.get("owner") or event.kind == EventKind.TAKEN_OVER:
            by = str(event.actor) if event.actor else event.actor_text
            lines.append(
                Line(
                    "moved",
                    f"{at(event.at)} {event.get_kind_display().lower()} by {by}: {event.text}",
                    at=event.at,
                )
            )
    return Answer(lead, tuple(lines))


def _chosen(routed: ExceptionEvent, at: Clockface) -> list[Line]:
    """Who of those on duty was asked when it was routed, from the roster kept with the event."""
    role = str(routed.data.get("owner_role", ""))
    presence: dict[str, list[str]] = routed.data.get("presence", {})
    rosters = {key: names for key, names in presence.items() if key.startswith(f"{role}@") and "#" not in key}
    chosen = routed.data.get("owner")
    place, names = next(((key, listed) for key, listed in rosters.items() if chosen in listed), ("", []))
    said = role_words(role)
    if not chosen:
        return [Line("nobody", f"{at(routed.at)} nobody was on duty as {said}.", held=False, at=routed.at)]
    people = _names(names or [chosen])
    who, loads = people[chosen], presence.get(f"{place}#load", [])
    if len(names) == 1:
        words = f"{who} was the only one on duty as {said}."
    elif loads:
        open_now = ", ".join(
            f"{people.get(name, name)} {load}" for name, _, load in (one.rpartition(":") for one in loads)
        )
        words = f"{who} was asked among equals on duty as {said}, by what each had open: {open_now}."
    elif names and names[0] == chosen:
        words = f"{who} came first of {len(names)} on duty as {said}: {_listed(people, names)}."
    elif names:
        words = f"{who} was chosen of {len(names)} on duty as {said}: {_listed(people, names)}."
    else:
        words = f"{who} was chosen; who else was on duty was not kept."
    return [Line("chosen", f"{at(routed.at)} {words}", at=routed.at)]


def _names(usernames: list[str]) -> dict[str, str]:
    found = {person.username: str(person) for person in User.objects.filter(username__in=usernames)}
    return {name: found.get(name, name) for name in usernames}


def _listed(people: dict[str, str], names: list[str]) -> str:
    shown = ", ".join(people[name] for name in names[:6])
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown


# --- why told, why not ----------------------------------------------------------------------------------------
def tellings_lines(exception: ExceptionRecord, person: User) -> tuple[list[Line], bool]:
    """Every telling of a person with what became of its notices, and whether any reached them. Three queries."""
    at = Clockface(exception)
    notices: dict[int, list[Notice]] = {}
    for notice in (
        Notice.objects.filter(exception=exception, person=person)
        .prefetch_related("deliveries")
        .order_by("pk")
    ):
        notices.setdefault(notice.telling_id, []).append(notice)
    lines: list[Line] = []
    told = False
    rows = Telling.objects.filter(exception=exception, person=person)
    for row in rows.select_related("response__function", "response__site").order_by("created_at", "pk"):
        mine = notices.get(row.pk, [])
        role = f" as {role_words(row.role)}" if row.role else ""
        why = _REASONS.get(row.reason, row.get_reason_display().lower())
        words = f"{at(row.due_at)} due to be told{role}, level {row.level}: {why}{_because(row.response)}."
        if row.text:
            words += f" “{row.text}”"
        lines.append(Line(f"telling.{row.reason}", words, not row.dropped, row.due_at))
        if row.dropped:
            lines.append(
                Line("dropped", f"It was not needed any more: {row.dropped}.", held=False, at=row.taken_at)
            )
        elif row.taken_at is None:
            lines.append(Line("waiting", "It has not been sent yet.", held=False))
        for notice in mine:
            told = told or notice.sent_at is not None
            lines.append(_notice_line(notice, at))
    return lines, told


def _because(response: Response | None) -> str:
    if response is None or not response.why:
        return ""
    owns = "owns it" if response.is_owner else "is affected"
    return f"; {response.function.name} {owns} by {response.why}"


def _notice_line(notice: Notice, at: Clockface) -> Line:
    """What became of one notice, in the provider's words where it said any."""
    channel = notice.get_channel_display()
    words = f"{channel}: {notice.get_status_display().lower()}"
    if notice.sent_at is not None:
        words += f" {at(notice.sent_at)}"
    if notice.seen_at is not None:
        words += f", seen {at(notice.seen_at)}"
    if notice.answered_at is not None:
        words += f", answered {at(notice.answered_at)}{f' ({notice.answer})' if notice.answer else ''}"
    if notice.status == NoticeStatus.HELD and notice.held_for:
        words += f" for {notice.held_for}, until {at(notice.due_at)}"
    if notice.error:
        words += f": {notice.error}"
    tries = list(notice.deliveries.all())
    if len(tries) > 1 or (tries and not tries[-1].delivered):
        words += f"; {len(tries)} tr{'y' if len(tries) == 1 else 'ies'}, last answer “{tries[-1].detail}”"
    failed = notice.status in {NoticeStatus.FAILED, NoticeStatus.DROPPED, NoticeStatus.HELD}
    return Line("notice", f"{words}.", held=not failed, at=notice.sent_at)
