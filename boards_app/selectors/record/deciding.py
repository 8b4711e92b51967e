"""The decision panel: options side by side with their effects, the inputs each asks for, what was decided before.

Effects are `decisions_app.selectors.options_for`'s; this puts them in words and finds the one to start with.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext

from boards_app import spoken, wording
from boards_app.selectors.controls import Choices, Control, controls_of
from core.clock import minutes_between
from core.languages import label
from decisions_app.inputs import read_inputs
from decisions_app.models import Decision, Option, Trigger
from decisions_app.posting_templates import BUILDERS, Situation
from decisions_app.selectors import OptionView, PromiseMove, options_for, sentence
from decisions_app.wording import message_of
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord
from plant_app.models import User

_WHEN = {
    Trigger.DECIDE: "on deciding",
    Trigger.TASK: "when its task is done",
    Trigger.CLEAR: "when the condition is gone",
    Trigger.CONTAIN: "on opening",
}


@dataclass
class Deciding:
    """What the panel shows."""

    views: list[OptionView] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    forms: list[dict[str, Any]] = field(default_factory=list)
    picked: OptionView | None = None
    decisions: list[Decision] = field(default_factory=list)
    open: bool = False


def deciding_of(exception: ExceptionRecord, user: User, now: datetime, wanted: str = "") -> Deciding:
    """Options for an undecided record (or one whose quantity is only partly decided), decisions taken so far."""
    decisions = list(
        exception.decisions.select_related("option", "decided_by", "reversed_by").order_by("-number")
    )
    found = Deciding(decisions=decisions)
    in_force = [one for one in decisions if one.in_force]
    partly = exception.status == Status.ACKNOWLEDGED and bool(in_force)
    if exception.status not in {Status.OPEN, Status.ACKNOWLEDGED}:
        return found
    found.views = options_for(exception, user, now)
    if partly:
        found.views = [view for view in found.views if view.option.by_quantity]
    found.open = bool(found.views)
    found.picked = _pick(found.views, wanted, now)
    choices = Choices(exception)
    for number, view in enumerate(found.views, start=1):
        picked = view is found.picked
        found.columns.append(_column(view, number, picked, exception, now))
        found.forms.append(
            {
                "code": view.option.code,
                "name": label(view.option.name),
                "when": label(view.option.when),
                "why_not": view.why_not,
                "approvers": view.approvers,
                "message": view.message,
                "picked": picked,
                "controls": controls_of(view.option.inputs, view.values, choices),
            }
        )
    return found


def _pick(views: list[OptionView], wanted: str, now: datetime) -> OptionView | None:
    """The option asked for; else, of those the reader may take in time, the one that keeps most promises for least."""
    named = next((view for view in views if view.option.code == wanted), None)
    if named is not None or not views:
        return named
    possible = [view for view in views if view.possible and _possible(view, now)] or views
    mine = [view for view in possible if view.allowed] or possible
    return min(mine, key=lambda view: (len(view.late_promises), view.cost, views.index(view)))


def _possible(view: OptionView, now: datetime) -> bool:
    return view.lapses_at is None or view.lapses_at > now


def _column(
    view: OptionView, number: int, picked: bool, exception: ExceptionRecord, now: datetime
) -> dict[str, Any]:
    zone = ZoneInfo(exception.site.timezone)
    lapses, soon = _lapse_words(view, now, zone)
    return {
        "code": view.option.code,
        "name": label(view.option.name),
        "key": str(number) if number < 10 else "",
        "picked": picked,
        "possible": view.possible,
        "lapses": gettext("expedited, {until}").format(until=lapses) if view.option.expedited else lapses,
        "lapses_soon": soon,
        "promises": _promise_words(view.promises),
        "promise_lines": [_promise_line(one, now, zone) for one in view.late_promises[:4]],
        "orders": "; ".join(view.orders),
        "cost": _cost_words(view, exception.site.currency),
        "cost_lines": _cost_lines(view),
        "who": ". ".join(view.who),
        "postings": view.posts,
    }


def _cost_words(view: OptionView, currency: str) -> str:
    """The sum; "Unknown" where ERP gives none of its figures, "at least" where it lacks one."""
    if not view.cost_unknown:
        return wording.money(view.cost, currency)
    if not view.cost:
        return gettext("Unknown")
    return gettext("At least {amount}").format(amount=wording.money(view.cost, currency))


def _cost_lines(view: OptionView) -> str:
    missing = ", ".join(view.cost_unknown)
    unknown = [gettext("not known: {figures}").format(figures=missing)] if view.cost_unknown else []
    return "; ".join([*(view.cost_parts if len(view.cost_parts) > 1 else []), *unknown])


def _lapse_words(view: OptionView, now: datetime, zone: ZoneInfo) -> tuple[str, bool]:
    if view.lapses_at is None:
        if not view.possible:
            return gettext("not possible: {why}").format(why=view.lapse_why), False
        return view.lapse_why or gettext("no end known"), False
    left = minutes_between(now, view.lapses_at)
    at = _short(view.lapses_at, now, zone)
    if left <= 0:
        late = gettext("late since {at}").format(at=at)
        return f"{late}: {view.lapse_why}".rstrip(": "), True
    words = gettext("possible until {at}").format(at=at)
    if left < 600:
        words = gettext("possible for {time}, until {at}").format(time=spoken.left(left), at=at)
    words = f"{words}, {view.lapse_why}" if view.lapse_why else words
    return words, left < wording.SOON_MINUTES


def _promise_words(promises: list[PromiseMove]) -> str:
    late = sum(1 for one in promises if one.late)
    if not promises:
        return gettext("None waits")
    if not late:
        return (
            gettext("Kept")
            if len(promises) == 1
            else gettext("All {number} kept").format(number=len(promises))
        )
    return gettext("{late} of {number} late").format(late=late, number=len(promises))


def _promise_line(one: PromiseMove, now: datetime, zone: ZoneInfo) -> str:
    moves = gettext("{before} to {after}").format(
        before=_short(one.commit_at, now, zone), after=_short(one.projected, now, zone)
    )
    return f"{one.label} {one.customer}: {moves}"


def _short(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    return (
        format_date(local, "D j H:i")
        if abs((local.date() - today).days) < 7
        else format_date(local, "d M H:i")
    )


def form_of_task(
    asks: list[dict[str, Any]], exception: ExceptionRecord, values: Mapping[str, Any]
) -> list[Control]:
    """The controls of a task's questions."""
    return controls_of(asks, values, Choices(exception))


def told_of(exception: ExceptionRecord, option: Option, raw: Mapping[str, Any]) -> str:
    """What the customer would be told if this option were taken with these inputs; empty where nothing is."""
    return message_of(option, exception, read_inputs(option.inputs, raw, zone=exception.site.timezone))


def intended_of(
    exception: ExceptionRecord, option: Option, raw: Mapping[str, Any], now: datetime
) -> list[dict[str, Any]]:
    """What ERP would get if this option were taken with these inputs now, in order, each with its moment to be sent.

    InvalidInput `decisions.inputs` for what cannot be read. Writes nothing.
    """
    values = read_inputs(option.inputs, raw, zone=exception.site.timezone)
    rows = []
    for template in option.postings.order_by("position", "pk"):
        guess = {"good": "0", **values}
        situation = Situation(exception=exception, at=now, values=guess, settings=template.settings)
        intended = BUILDERS[template.template](situation)
        if intended is None:
            continue
        rows.append(
            {
                "words": sentence(intended),
                "when": label(_WHEN.get(Trigger(template.trigger), "")),
                "approval": template.needs_approval,
                "kind": intended.kind,
                "payload": sorted(intended.payload.items()),
                "guessed": template.trigger != Trigger.DECIDE,
            }
        )
    return rows
