"""Urgency, limits and the response window of an open exception, as they change after its opening.

Evaluated with the rule version the exception opened with. Up at once, down slowly; a running limit is never lengthened.
The caller holds the exception's lock.
"""

from datetime import datetime, timedelta

from core import clock
from exceptions_app.models import EventKind, ExceptionEvent, ExceptionRecord
from exceptions_app.models.records import CORRELATES
from exceptions_app.services.records.moves import keep
from exceptions_app.services.records.story import record_event
from plant_app.models import User
from routing_app.services import reevaluate

# Smaller differences than this are the same moment told twice.
SAME_MOMENT = timedelta(seconds=1)


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
    """Evaluate changed facts (by catalogue code) with the frozen rules; adopts urgency and shorter limits. True when
    the urgency changed. The route itself stays: people already act on it.
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
    """
    if exception.status not in CORRELATES:
        return False
    before, moment = exception.window_until, at or clock.now()
    if before == until or (before and until and abs(before - until) < SAME_MOMENT):
        return False
    exception.window_until, exception.window_reason = until, reason[:160]
    keep(exception, "window_until", "window_reason")
    record_event(
        exception=exception, kind=EventKind.WINDOW_CHANGED, actor_text=actor_text, via="system", text=reason,
        data={"from": before.isoformat() if before else None, "to": until.isoformat() if until else None},
    )  # fmt: skip
    minutes = None if until is None else max(0.0, (until - moment) / timedelta(minutes=1))
    reconsider(exception=exception, facts={"window_min": minutes})
    return True
