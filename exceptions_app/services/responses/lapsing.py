"""An acknowledgement nobody acts on: its function is reminded once, then it lapses and the function is asked anew.

Called by the sweep with the exception locked; returns unsaved tellings. Minutes are those frozen at the opening, one
for every function or its own. Whoever acts, or has done their part, is never asked again by this.
"""

from datetime import datetime
from typing import Final

from django.db.models import Q

from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord, Response, ResponseStatus, Telling, TellingReason
from exceptions_app.rules import ladder as ladders
from exceptions_app.rules.steps import clock_text
from exceptions_app.services.records.moves import keep, move
from exceptions_app.services.records.story import record_event
from exceptions_app.services.responses.adopted import stays_quiet
from exceptions_app.services.responses.layout import telling
from exceptions_app.services.responses.reminding import minutes_since
from exceptions_app.services.responses.tell import begin_again

# What people do about a record: after one of these an acknowledgement counts anew.
_ACTIONS: Final = (
    EventKind.TRIAGED, EventKind.CORRECTED, EventKind.ON_THE_WAY, EventKind.ARRIVED, EventKind.ACTING,
    EventKind.FINISHED, EventKind.TAKEN_OVER, EventKind.FUNCTION_ADDED, EventKind.DECIDED, EventKind.DECISION_REVERSED,
    EventKind.TASK_DONE, EventKind.TASK_CHANGED, EventKind.COMMENTED, EventKind.REROUTED,
)  # fmt: skip
_UNDECIDED: Final = (Status.TRIAGE, Status.OPEN, Status.ACKNOWLEDGED)


def lapse(exception: ExceptionRecord, response: Response, now: datetime) -> list[Telling] | None:
    """An acknowledgement that is due to be reminded of, or to lapse. The owner's takes the record back to open.

    Returns the reminder's tellings; None when it lapsed (everybody then to be told has been written). An action since
    starts the wait anew: anybody's for the owner, its own people's for another function. Never lapses unless its person
    had a quarter of the limit after the reminder.
    """
    minutes = ladders.lapse_minutes(exception.limits, response.function.code)
    since = _last_action(exception, response)
    response.remind_at, response.lapses_at = ladders.lapse(minutes, since)
    running = response.status == ResponseStatus.ACKNOWLEDGED and exception.status in _UNDECIDED
    if not running or response.lapses_at is None or response.remind_at is None or stays_quiet(response):
        response.remind_at = response.lapses_at = None
        return _kept(response)
    notice = response.lapses_at - response.remind_at
    reminded = response.lapse_reminded_at
    if reminded is not None and reminded < since:
        reminded = response.lapse_reminded_at = None
    if reminded is not None:
        response.remind_at, response.lapses_at = None, max(response.lapses_at, reminded + notice)
        if response.lapses_at > now:
            return _kept(response)
        _lapsed(exception, response, now, since)
        return None
    if response.remind_at > now:
        return _kept(response)
    response.lapse_reminded_at, response.remind_at = now, None
    response.lapses_at = max(response.lapses_at, now + notice)
    _kept(response)
    age = ladders.waited(minutes_since(since, now))
    until = clock_text(response.lapses_at, now=now, zone=exception.site.timezone)
    whose = "Acknowledged" if response.is_owner else f"{response.function.name} acknowledged"
    text = f"{whose}, and nothing has happened for {age}; at {until} it is asked again"
    record_event(
        exception=exception, kind=EventKind.REMINDED, actor_text="ladder", via="system", text=text,
        data={"response": response.pk, "function": response.function.code, "why": "no action",
              "owner": response.is_owner},
    )  # fmt: skip
    if response.person is None:
        return []
    return [
        telling(
            exception=exception, response=response, reason=TellingReason.REMINDER, level=response.level,
            role=response.role, person=response.person, at=now, text=text,
        )
    ]  # fmt: skip


def _kept(response: Response) -> list[Telling]:
    response.save(update_fields=["remind_at", "lapses_at", "lapse_reminded_at"])
    return []


def _last_action(exception: ExceptionRecord, response: Response) -> datetime:
    since = response.acknowledged_at or response.due_at
    acts = exception.events.filter(kind__in=_ACTIONS, actor__isnull=False, at__gt=since)
    if not response.is_owner:
        theirs = Q(actor__function=response.function_id) | Q(actor=response.person_id)
        acts = acts.filter(theirs | Q(data__response=response.pk))
    last = acts.order_by("-at").values_list("at", flat=True).first()
    return last or since


def _lapsed(exception: ExceptionRecord, response: Response, now: datetime, since: datetime) -> None:
    """Back to unacknowledged and unaligned: the duty is asked anew with its ladder. The owner's also opens the record
    again (or it is still to be sorted).
    """
    age = ladders.waited(minutes_since(since, now))
    who = str(response.acknowledged_by or response.person or response.function)
    text = f"{who} acknowledged and nothing happened for {age}"
    exception.aligned_at = None
    keep(exception, "aligned_at")
    record_event(
        exception=exception, kind=EventKind.ACKNOWLEDGEMENT_LAPSED, actor_text="ladder", via="system", text=text,
        data={"response": response.pk, "function": response.function.code, "by": who, "owner": response.is_owner},
    )  # fmt: skip
    fresh = begin_again(
        exception=exception, response=response, reason=TellingReason.REROUTE, text=f"{text}; please take it"
    )
    if not fresh.is_owner:
        return
    exception.acknowledge_due_at = fresh.acknowledge_due_at
    if exception.status == Status.ACKNOWLEDGED:
        move(exception=exception, to=Status.OPEN, also=("acknowledge_due_at",), acknowledged_at=None)
    else:
        keep(exception, "acknowledge_due_at")
