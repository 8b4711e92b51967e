"""The top of the exception page: where it stands, whose it is, how long is left, and what the reader does next.

Reads what the record's row already loaded; of its own only the reader's roles and the newest weighing of its urgency.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext

from boards_app import spoken, wording
from boards_app.selectors.panel import clock_of
from core import clock
from core.clock import minutes_between
from core.languages import label
from decisions_app.models import Task
from decisions_app.selectors import OptionView
from decisions_app.services.causes import cause_wanted
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord, Response
from plant_app.models import Site, User
from plant_app.selectors import can
from routing_app.selectors import latest_evaluation
from routing_app.urgency import Input, live_inputs

UNDECIDED = (Status.OPEN, Status.ACKNOWLEDGED)
_ORDER = (Status.OPEN, Status.ACKNOWLEDGED, Status.DECIDED, Status.RESOLVED, Status.CLOSED)
_STAMPS = {
    Status.OPEN: "captured_at", Status.ACKNOWLEDGED: "acknowledged_at", Status.DECIDED: "decided_at",
    Status.RESOLVED: "resolved_at", Status.CLOSED: "closed_at",
}  # fmt: skip
_CLEARED = {
    "machine_downtime": ("Runs again since", "Condition still there"),
    "material_shortage": ("Material is there since", "Still missing"),
    "quality_hold": ("Dispositioned since", "Still on hold"),
    "labour_shortage": ("Crew complete since", "Still missing"),
}


def steps_of(exception: ExceptionRecord) -> list[dict[str, Any]]:
    """The status line: what has been, what is, what is to come."""
    if exception.status == Status.CANCELLED:
        return [
            {"words": gettext("Open"), "at": exception.captured_at, "done": True, "now": False},
            {"words": gettext("Cancelled"), "at": exception.cancelled_at, "done": True, "now": True},
        ]
    steps = []
    if exception.status == Status.TRIAGE:
        steps.append({"words": gettext("To sort"), "at": exception.captured_at, "done": True, "now": True})
    reached = _ORDER.index(Status(exception.status)) if exception.status in _ORDER else -1
    for place, status in enumerate(_ORDER):
        known = place <= reached
        steps.append(
            {
                "words": label(status.value.capitalize()),
                "at": getattr(exception, _STAMPS[status]) if known else None,
                "done": known,
                "now": place == reached,
            }
        )
    return steps


def condition_of(exception: ExceptionRecord) -> dict[str, Any] | None:
    """Whether what was reported is still so: a fact of its own beside the status."""
    if exception.status in {Status.TRIAGE, Status.CANCELLED}:
        return None
    gone, there = _CLEARED.get(exception.type.code, ("Cleared since", "Condition still there"))
    if exception.cleared_at is not None:
        return {"words": label(gone), "since": None, "at": exception.cleared_at, "gone": True}
    if exception.status == Status.CLOSED:
        return None
    return {"words": label(there), "since": exception.occurred_at, "gone": False}


def urgency_reason(exception: ExceptionRecord) -> str:
    """What weighs most in its urgency, in words: as weighed last, with the response window as it is now. One query."""
    floors, inputs = weighed(exception)
    if floors:
        return floors[0]
    said = [
        _input_words(one, exception)
        for one in sorted(inputs, key=lambda one: -one.points)[:2]
        if one.points > 0
    ]
    return ", ".join(word for word in said if word)


def weighed(exception: ExceptionRecord) -> tuple[list[str], list[Input]]:
    """Why its band is no lower, and the inputs of its urgency: of the newest evaluation, not of the opening; while it
    is live with the response window as it stands. One query.
    """
    if exception.route is None:
        return [], []
    outcome = latest_evaluation(exception.route).outcome
    floors = [str(one["because"]) for one in outcome.get("urgency_floors", ())]
    stored = outcome.get("urgency_inputs", ())
    if not exception.is_live:
        return floors, [Input.from_dict(one) for one in stored]
    until = exception.window_until
    left = None if until is None else minutes_between(clock.now(), until)
    return floors, live_inputs(stored, left)


def _input_words(one: Input, exception: ExceptionRecord) -> str:
    if one.code == "window" and exception.is_live and exception.window_until is not None:
        return f"{label(one.label)} {_until(exception.window_until, exception.site)}"
    number, _, unit = one.value.partition(" ")
    try:
        value = f"{float(number):.0f} {unit}".strip()
    except ValueError:
        value = one.value.replace("_", " ")
    return f"{one.label} {value}".strip()


def _until(moment: datetime, site: Site) -> str:
    """A moment: unlike minutes left it stays true on an open page. How far it is over once it has passed."""
    now = clock.now()
    if moment <= now:
        return spoken.left_words(minutes_between(now, moment))
    local = moment.astimezone(ZoneInfo(site.timezone))
    far = local.date() != now.astimezone(local.tzinfo).date()
    return label("until %(at)s") % {"at": format_date(local, "D j M H:i" if far else "H:i")}


def head_of(exception: Any) -> dict[str, Any]:
    """Header, status line and window."""
    until, _title, reason = clock_of(exception)
    return {
        "steps": steps_of(exception),
        "condition": condition_of(exception),
        "owner_words": label(exception.owner_function.name),
        "urgency_reason": urgency_reason(exception),
        "clock": until if exception.is_live else None,
        "delay": wording.per_minute(exception.delay_cost, exception.site.currency) or gettext("unknown"),
        "delay_why": exception.delay_cost_source.removeprefix("unknown: "),
        "window_words": reason or exception.next_step,
        "window_label": "" if reason else gettext("Next step"),
    }


def next_of(
    exception: Any, user: User, mine: Response | None, tasks: list[Task], options: list[OptionView]
) -> dict[str, Any]:
    """The reader's own next step: the one primary button of the page, and what else they may do now."""
    waits = mine is not None and not mine.answered and mine.required
    open_tasks = [task for task in tasks if task.status == "open" and task.person_id == user.pk]
    may_decide = exception.status in UNDECIDED and any(view.allowed for view in options)
    deciding = exception.status in UNDECIDED and can(user, "exception.decide", exception.site_id)
    step: dict[str, Any] = {"title": "", "text": exception.next_step, "kind": "watch"}
    if exception.status == Status.TRIAGE and can(user, "exception.triage", exception.site_id):
        step |= {"kind": "sort", "title": gettext("Say what it is.")}
    elif waits:
        asked = (
            gettext("Acknowledge for {function}.").format(function=label(mine.function.name)) if mine else ""
        )
        step |= {"kind": "acknowledge", "title": asked}
    elif exception.status == Status.ACKNOWLEDGED and may_decide:
        step |= {"kind": "decide", "title": gettext("Decide.")}
    elif open_tasks:
        step |= {"kind": "task", "title": f"{open_tasks[0].title}.", "task": open_tasks[0]}
    elif deciding and may_decide:
        step |= {"kind": "decide", "title": gettext("Decide.")}
    elif (
        exception.status == Status.DECIDED
        and exception.cleared_at is None
        and can(user, "exception.clear", exception.site_id)
    ):
        step |= {"kind": "clear", "title": gettext("Say when the condition is gone.")}
    elif (
        exception.status == Status.RESOLVED
        and can(user, "exception.resolve", exception.site_id)
        and cause_wanted(exception)
    ):
        step |= {"kind": "cause", "title": gettext("State the root cause.")}
    step["mine"] = mine if exception.is_live else None
    return step
