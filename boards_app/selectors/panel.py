"""The desk's preview of one exception: enough to see whether to act, and the buttons to do it.

Composed of what the exception page shows in full.
"""

from collections.abc import Collection, Iterable
from typing import Any

from boards_app import wording
from boards_app.selectors.chips import acks_of
from boards_app.selectors.reported import reported
from core.clock import minutes_between
from decisions_app.selectors import OptionView, options_for
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord, Response
from plant_app.models import User
from plant_app.selectors import can, visible_site_ids

_UNDECIDED = (Status.OPEN, Status.ACKNOWLEDGED)


def clock_of(exception: Any) -> tuple[Any, str, str]:
    """The moment the page counts down to, with its title and the reason under it."""
    if exception.status in _UNDECIDED and exception.window_until is not None:
        verb = "Decide" if exception.status == Status.ACKNOWLEDGED else "Acknowledge and decide"
        return exception.window_until, f"{verb}: {_who(exception)}", exception.window_reason
    return exception.due_at, exception.next_step, ""


def _who(exception: ExceptionRecord) -> str:
    return str(exception.owner) if exception.owner else f"nobody on duty, {exception.owner_function.name}"


def option_lines(options: list[OptionView], exception: ExceptionRecord) -> list[dict[str, Any]]:
    """The options in one line each: name, promises that move, cost."""
    return [
        {
            "key": str(number) if number < 10 else "",
            "code": view.option.code,
            "name": view.option.name,
            "until": view.lapses_at,
            "why": view.lapse_why,
            "possible": view.possible,
            "expedited": view.option.expedited,
            "promises": f"{len(view.late_promises)} of {len(view.promises)}"
            if view.promises
            else "none wait",
            "cost": wording.money(view.cost, exception.site.currency)
            if view.cost or not view.cost_unknown
            else "unknown",
            "allowed": view.allowed,
            "url": f"/exceptions/{exception.ref}/?option={view.option.code}#decide",
        }
        for number, view in enumerate(options, start=1)
    ]


def links_of(exception: ExceptionRecord) -> list[str]:
    """What it hangs on, in short words."""
    found = []
    if exception.work_unit or exception.work_centre:
        found.append(str(exception.work_unit or exception.work_centre))
    if exception.work_order:
        step = f" op {exception.operation.number}" if exception.operation else ""
        found.append(f"{exception.work_order.number}{step}")
    elif exception.item:
        found.append(exception.item.code)
    if exception.lot:
        found.append(f"lot {exception.lot.code}")
    if exception.sales_line:
        found.append(f"SO {exception.sales_line.order.number}, {exception.sales_line.order.customer.name}")
    elif exception.customer:
        found.append(exception.customer.name)
    if exception.purchase_line:
        found.append(f"PO {exception.purchase_line}")
    return found


def panel_of(exception: Any, user: User, now: Any) -> dict[str, Any]:
    """Everything `boards_app/desk_panel.html` shows. A number of queries that depends on the type's options only."""
    undecided = exception.status in _UNDECIDED
    options = options_for(exception, user, now) if undecided else []
    responses: list[Response] = exception.live_responses
    mine = my_response(responses, user, visible_site_ids(user))
    required = [row for row in responses if row.required]
    until, title, reason = clock_of(exception)
    return {
        "exception": exception,
        "until": until if exception.is_live else None,
        "next_title": title,
        "next_text": reason,
        "links": links_of(exception),
        "said": reported(exception),
        "acks": acks_of(responses, now),
        "acknowledged": sum(1 for row in required if row.answered),
        "required": len(required),
        "age": minutes_between(exception.captured_at, now),
        "options": option_lines(options, exception),
        "delay": wording.per_minute(exception.delay_cost, exception.site.currency) or "unknown",
        "delay_why": exception.delay_cost_source.removeprefix("unknown: "),
        "mine": mine if mine is not None and not mine.answered and exception.is_live else None,
        "may_sort": exception.status == Status.TRIAGE and can(user, "exception.triage", exception.site_id),
        "may_decide": undecided and can(user, "exception.decide", exception.site_id),
        "may_reroute": exception.is_live
        and exception.status != Status.RESOLVED
        and (exception.owner_id == user.pk or can(user, "exception.reroute", exception.site_id)),
    }


def my_response(responses: Iterable[Response], user: User, sites: Collection[int]) -> Response | None:
    """The response that is this person's to give: theirs by name, else one of their function at their `sites` that
    nobody is asked for by name; unanswered ones first.
    """
    named = [row for row in responses if row.person_id == user.pk]
    loose = [
        row
        for row in responses
        if row.person_id is None and row.function_id == user.function_id and row.site_id in sites
    ]
    return min(
        [*named, *loose], key=lambda row: (row.answered, not row.required, not row.is_owner), default=None
    )
