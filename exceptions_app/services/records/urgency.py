"""Urgency, limits and the response window of an open exception, as they change after its opening.

Evaluated with the rule version the exception opened with. Up at once, down slowly; a running limit is never lengthened.
The caller holds the exception's lock.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from core import clock
from core.wake import wake
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionEvent, ExceptionRecord
from exceptions_app.models.records import CORRELATES
from exceptions_app.services.records.around import look_around
from exceptions_app.services.records.moves import keep
from exceptions_app.services.records.story import record_event
from exceptions_app.services.responses.asking import ask_newly_affected
from plant_app.models import User
from routing_app.services import reevaluate

# Smaller differences than this are the same moment told twice.
SAME_MOMENT = timedelta(seconds=1)
# Urgency is looked at again at least this often, and when the window gets this short: there its points rise.
HOURLY = timedelta(hours=1)
STEPS = tuple(timedelta(minutes=minutes) for minutes in (1440, 480, 240, 60, 15, 0))


def set_urgency(
    *,
    exception: ExceptionRecord,
    urgency: str,
    score: float,
    actor: User | None = None,
    via: str = "",
    reason: str = "",
) -> ExceptionEvent | None:
    """Change the computed band of a locked exception; None when nothing changes. A running limit is never lengthened.

    Does not shorten limits by itself: the caller that raised urgency sets the new clocks through `set_limits`.
    """
    if exception.urgency == urgency and abs(exception.urgency_score - score) < 0.05:
        return None
    before = exception.urgency
    exception.urgency, exception.urgency_score = urgency, score
    keep(exception, "urgency", "urgency_score")
    if before == urgency:
        return None
    return record_event(
        exception=exception, kind=EventKind.URGENCY_CHANGED, actor=actor, via=via, text=reason,
        data={"from": before, "to": urgency, "score": score},
    )  # fmt: skip


def set_limits(*, exception: ExceptionRecord, limits: dict[str, int | None]) -> None:
    """Shorten the running clocks of a locked exception to `limits` (minutes from capture); longer ones are ignored."""
    start = exception.captured_at
    changed = {"limits"}
    for name, field in (
        ("acknowledge", "acknowledge_due_at"), ("decide", "decide_due_at"), ("resolve", "resolve_due_at"),
    ):  # fmt: skip
        minutes = limits.get(name)
        current = getattr(exception, field)
        if minutes is None or current is None:
            continue
        due = start + timedelta(minutes=minutes)
        if due < current:
            setattr(exception, field, due)
            exception.limits[name] = minutes
            changed.add(field)
    if "decide_due_at" in changed and exception.next_escalation_at is not None:
        exception.next_escalation_at = exception.decide_due_at
        changed.add("next_escalation_at")
    if "acknowledge_due_at" in changed:
        # The owner's own clock follows; its ladder stays frozen.
        exception.responses.filter(is_owner=True, acknowledged_at__isnull=True).update(
            acknowledge_due_at=exception.acknowledge_due_at
        )
    keep(exception, *changed)


def reconsider(*, exception: ExceptionRecord, facts: dict[str, object]) -> bool:
    """Evaluate changed facts (by catalogue code) with the frozen rules; adopts urgency and shorter limits, and asks
    functions that are affected only now. True when the urgency changed. The owner stays: people already act on it.
    """
    if exception.route is None or exception.status not in CORRELATES:
        return False
    routed = reevaluate(case=exception.route, facts=facts)
    if not routed.changed:
        return False
    outcome = routed.outcome
    changed = set_urgency(
        exception=exception,
        urgency=outcome.urgency,
        score=float(outcome.urgency_score),
        reason=_because(facts),
    )
    if changed is not None:
        set_limits(exception=exception, limits=outcome.limits.as_dict())
    if exception.status != Status.TRIAGE:
        ask_newly_affected(exception=exception, outcome=outcome)
    return changed is not None


def _because(facts: dict[str, object]) -> str:
    minutes = facts.get("window_min")
    return f"Response window now {minutes:.0f} min" if isinstance(minutes, int | float) else "Facts changed"


def set_window(
    *, exception: ExceptionRecord, until: datetime | None, reason: str = "", at: datetime | None = None,
    actor_text: str = "plan",
) -> bool:  # fmt: skip
    """Write when the best standard response lapses, and let urgency follow; False when that was already known.

    Called on a locked exception when the plan or the options move the moment. An ended exception keeps its last window.
    The version stays: a clock that moves is nothing a page could have overwritten.
    """
    if exception.status not in CORRELATES:
        return False
    before, moment = exception.window_until, at or clock.now()
    if before == until or (before and until and abs(before - until) < SAME_MOMENT):
        if until is not None and reason[:160] != exception.window_reason:
            exception.window_reason = reason[:160]
            exception.save(update_fields=["window_reason"])
        return False
    exception.window_until, exception.window_reason = until, reason[:160]
    exception.save(update_fields=["window_until", "window_reason"])
    record_event(
        exception=exception, kind=EventKind.WINDOW_CHANGED, actor_text=actor_text, via="system", text=reason,
        data={"from": before.isoformat() if before else None, "to": until.isoformat() if until else None},
    )  # fmt: skip
    reconsider(exception=exception, facts={"window_min": _minutes_left(until, moment)})
    return True


def look_again(*, exception: ExceptionRecord, at: datetime | None = None) -> bool:
    """Weigh a locked, open exception anew, as time alone has changed it; True when its urgency changed.

    Facts that time moves (window, slack to the promise, run-out, answer due) go through the rules it opened with; a
    running limit is only ever shortened. Says when to look again: in an hour, or when the window's points rise.
    """
    moment = at or clock.now()
    if exception.status not in CORRELATES:
        return False
    around = look_around(exception, moment)
    facts: dict[str, object] = {**around.facts, "window_min": _minutes_left(exception.window_until, moment)}
    changed = reconsider(
        exception=exception, facts={name: value for name, value in facts.items() if value is not None}
    )
    exception.window_check_at = next_look(exception.window_until, moment)
    exception.save(update_fields=["window_check_at"])
    return changed


def next_look(until: datetime | None, at: datetime) -> datetime:
    """When time alone may change the urgency: within the hour, sooner where the window reaches a step of its score."""
    hour = at + HOURLY
    if until is None:
        return hour
    return min([hour, *(until - step for step in STEPS if until - step > at)])


def ask_window(*, exception: ExceptionRecord) -> None:
    """What is known of a locked exception has changed: its window is reckoned anew within seconds."""
    exception.window_check_at = None
    exception.save(update_fields=["window_check_at"])
    wake("windows")


def set_delay_cost(*, exception: ExceptionRecord, per_minute: Decimal | None, source: str) -> bool:
    """Keep what a minute of delay costs (site's currency; None: unknown) and how that was reckoned, on a locked
    exception; False when that was already known. No event: it follows from what is known, nobody did it.
    """
    if (exception.delay_cost, exception.delay_cost_source) == (per_minute, source[:160]):
        return False
    exception.delay_cost, exception.delay_cost_source = per_minute, source[:160]
    exception.save(update_fields=["delay_cost", "delay_cost_source"])
    return True


def _minutes_left(until: datetime | None, at: datetime) -> float | None:
    return None if until is None else max(0.0, (until - at) / timedelta(minutes=1))
