"""A responder's inbox: answers that wait, then tasks and what is under way, then what they own.

Constant in queries. Cards hold only words and addresses; the look is the template's.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from boards_app import spoken, wording
from boards_app.selectors.frame import Frame
from boards_app.selectors.posting_approvals import to_approve
from boards_app.selectors.record.approvals import waiting_for
from core.clock import minutes_between
from core.languages import label
from decisions_app.models import Task
from decisions_app.selectors import open_tasks_for
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord, Response, ResponseStatus, Signal
from exceptions_app.selectors import WAITING, inbox, visible_to, with_row
from notify_app.selectors import flood_of
from plant_app.models import User
from plant_app.selectors import current_shift

_UNDECIDED = (Status.OPEN, Status.ACKNOWLEDGED)
_NEXT = {
    ResponseStatus.ACKNOWLEDGED: ("on-my-way", gettext_noop("On my way"), "footprints"),
    ResponseStatus.ON_THE_WAY: ("arrived", gettext_noop("Arrived"), "map-pin"),
    ResponseStatus.ARRIVED: ("act", gettext_noop("I act"), "activity"),
    ResponseStatus.ACTING: ("finish", gettext_noop("My part is done"), "check-check"),
}
_URGENT = frozenset({"critical", "high"})
TO_ANSWER, TO_DO, OWNED = "answer", "do", "own"


@dataclass
class Inbox:
    """What one person has before them. `away` are responses of the function nobody is asked for yet."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    going: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    approvals: list[dict[str, Any]] = field(default_factory=list)
    postings: list[dict[str, Any]] = field(default_factory=list)
    informed: list[dict[str, Any]] = field(default_factory=list)
    owned: list[dict[str, Any]] = field(default_factory=list)
    flood: int = 0
    groups: list[dict[str, Any]] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        """Answers that wait, grouped or not."""
        return len(self.answers) + sum(len(group["cards"]) for group in self.groups)

    @property
    def flood_words(self) -> str:
        """What the reader is told while it lasts."""
        words = _(
            "{count} new in 10 minutes. Urgent ones stand first; the others are grouped, and their mail waits."
        )
        return words.format(count=self.flood)

    @property
    def to_do(self) -> int:
        return len(self.going) + len(self.tasks) + len(self.approvals) + len(self.postings)


def inbox_of(frame: Frame) -> Inbox:
    """Everything of `frame.user`. Ten queries. In a flood what is not urgent is grouped, so that the rest is seen."""
    user, now = frame.user, frame.now
    found = Inbox()
    responses = inbox(user)
    totals = _totals(responses)
    asks = _asks(responses)
    for response in responses:
        if response.status in WAITING and response.required:
            found.answers.append(_card(response, now, totals, asks))
        elif response.required:
            found.going.append(_going(response, now))
        else:
            found.informed.append(_line(response.exception, now))
    found.approvals = waiting_for(user)
    found.postings = to_approve(user)
    found.tasks = [_task(task, user, now) for task in open_tasks_for(user)[:100]]
    found.flood = flood_of(user.pk, now)
    if found.flood:
        found.answers, found.groups = _grouped(found.answers)
    owned = with_row(visible_to(user).live().filter(owner=user))  # type: ignore[attr-defined]
    found.owned = [_owned(row) for row in owned.order_by("rank", "due_at", "pk")[:100]]
    return found


def _totals(responses: list[Response]) -> dict[int, tuple[int, int]]:
    """(answered, required) by exception id. One query."""
    counts: dict[int, tuple[int, int]] = {}
    rows = Response.objects.filter(
        exception__in={row.exception_id for row in responses}, required=True
    ).exclude(status=ResponseStatus.DECLINED)
    for exception_id, status in rows.values_list("exception_id", "status"):
        answered, required = counts.get(exception_id, (0, 0))
        counts[exception_id] = (answered + (status not in WAITING), required + 1)
    return counts


def _asks(responses: list[Response]) -> dict[int, str]:
    """The first words reported, by exception id. One query."""
    waiting = {row.exception_id for row in responses if row.status in WAITING}
    said: dict[int, str] = {}
    rows = Signal.objects.filter(reading__exception__in=waiting).order_by("received_at")
    for exception_id, text in rows.values_list("reading__exception_id", "text"):
        if text:
            said.setdefault(exception_id, text)
    return said


def _card(
    response: Response, now: datetime, totals: dict[int, tuple[int, int]], asks: dict[int, str]
) -> dict[str, Any]:
    exception = response.exception
    left = minutes_between(now, response.acknowledge_due_at) if response.acknowledge_due_at else None
    soon = wording.limit_soon(response.limit_minutes)
    state = "" if left is None or left >= soon else "late" if left <= 0 else "over"
    answered, required = totals.get(exception.pk, (0, 0))
    return {
        "id": response.pk,
        "ref": exception.ref,
        "url": f"/exceptions/{exception.ref}/",
        "title": exception.title,
        "note": _about(exception),
        "ask": _ask(response, asks.get(exception.pk, "")),
        "due_at": response.acknowledge_due_at,
        "limit_minutes": response.limit_minutes,
        "state": state,
        "window": exception.window_until if exception.status in _UNDECIDED else None,
        "window_why": exception.window_reason,
        "foot": _foot(response, answered, required, now),
        "acknowledge_url": f"/responses/{response.pk}/acknowledge/",
        "way_url": f"/responses/{response.pk}/on-my-way/",
        "decline_url": f"/responses/{response.pk}/dialogs/decline/",
        "urgency": exception.urgency,
        "icon": exception.type.icon,
        "group": f"{label(exception.type.name)}, {exception.work_centre or exception.area or exception.site}",
    }


def _grouped(cards: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Cards that stand alone, and those of a kind and place that may wait behind one line."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for card in cards:
        if card["urgency"] not in _URGENT:
            kinds.setdefault(card["group"], []).append(card)
    groups = [
        {"words": words, "icon": alike[0]["icon"], "cards": alike}
        for words, alike in kinds.items()
        if len(alike) > 1
    ]
    hidden = {card["id"] for group in groups for card in group["cards"]}
    return [card for card in cards if card["id"] not in hidden], groups


def _about(exception: ExceptionRecord) -> str:
    parts = [
        str(exception.customer) if exception.customer else "",
        exception.work_order.number if exception.work_order else "",
        str(exception.work_centre or exception.area or ""),
    ]
    return ", ".join(part for part in parts if part) or exception.site.name


def _ask(response: Response, text: str) -> str:
    if response.is_owner:
        what = _("Take this and see it through.")
    else:
        what = _("Say that {function} knows and acts.").format(function=spoken.inside(response.function.name))
    short = text if len(text) <= 140 else f"{text[:140].rsplit(' ', 1)[0]}…"
    return f"{what} “{short}”" if short else what


def _foot(response: Response, answered: int, required: int, now: datetime) -> str:
    parts = []
    if required > 1:
        said = _("{answered} of {required} functions have acknowledged.")
        parts.append(said.format(answered=answered, required=required))
    if response.next_level_at is not None and response.next_level_at > now:
        at = response.next_level_at.astimezone(ZoneInfo(response.exception.site.timezone))
        parts.append(_("At {time} it goes one level up.").format(time=f"{at:%H:%M}"))
    if response.person_id is None:
        parts.append(_("Nobody is asked by name yet."))
    return " ".join(parts)


def _line(exception: ExceptionRecord, now: datetime) -> dict[str, Any]:
    return {
        "ref": exception.ref,
        "url": f"/exceptions/{exception.ref}/",
        "icon": exception.type.icon,
        "title": exception.title,
        "note": f"{exception.short_ref}, {spoken.gone(minutes_between(exception.captured_at, now))}, "
        f"{exception.next_step}",
    }


def _going(response: Response, now: datetime) -> dict[str, Any]:
    since = {
        ResponseStatus.ON_THE_WAY: response.on_the_way_at,
        ResponseStatus.ARRIVED: response.arrived_at,
        ResponseStatus.ACTING: response.acting_at,
    }.get(ResponseStatus(response.status), response.acknowledged_at)
    said = spoken.state("response", response.status)
    age = f", {spoken.gone(minutes_between(since, now))}" if since else ""
    verb, words, icon = _NEXT.get(ResponseStatus(response.status), ("", "", ""))
    step_url = f"/responses/{response.pk}/{verb}/" if verb else ""
    return {
        **_line(response.exception, now),
        "id": response.pk,
        "note": f"{response.exception.short_ref}, {_('you: {state}').format(state=said)}{age}",
        "step_url": step_url,
        "step_words": words,
        "step_icon": icon,
        "finish_url": f"/responses/{response.pk}/finish/" if verb and verb != "finish" else "",
    }


def _task(task: Task, user: User, now: datetime) -> dict[str, Any]:
    late = task.due_at < now
    return {
        "id": task.pk,
        "ref": task.exception.ref,
        "url": f"/exceptions/{task.exception.ref}/#tasks",
        "icon": task.exception.type.icon,
        "title": task.title,
        "note": f"{task.exception.short_ref} {task.exception.title}",
        "due_at": task.due_at,
        "late": late,
        "mine": task.person_id == user.pk,
        "asks": bool(task.asks),
        "finish_url": f"/tasks/{task.pk}/finish/",
        "take_url": "" if task.person_id == user.pk else f"/tasks/{task.pk}/take/",
        "dialog_url": f"/tasks/{task.pk}/dialog/",
    }


def _owned(row: Any) -> dict[str, Any]:
    return {
        "ref": row.ref,
        "url": f"/exceptions/{row.ref}/",
        "icon": row.type.icon,
        "title": row.title,
        "note": f"{row.short_ref}, {row.next_step}",
        "due_at": row.due_at,
        "status": row.status,
    }


def on_duty(frame: Frame) -> str:
    """ "Quality, on duty to 14:00"."""
    function = label(frame.user.function.name) if frame.user.function else ""
    shift = current_shift(frame.home, frame.now) if frame.home else None
    until = ""
    if shift:
        end = shift.end.astimezone(ZoneInfo(frame.zone))
        until = _("{shift} shift to {time}").format(shift=label(shift.shift.name), time=f"{end:%H:%M}")
    return ", ".join(part for part in (function, until) if part)
