"""The functions of an exception in short: letters for a row, lines for a panel. Reads no database."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from boards_app import spoken, wording
from core.clock import minutes_between
from core.languages import label
from exceptions_app.models import Response


def state_of(response: Response, now: datetime) -> str:
    """ "" once acknowledged (or asked for nothing), else wait, soon or over."""
    if response.answered or not response.required:
        return ""
    if response.acknowledge_due_at is None:
        return "wait"
    left = minutes_between(now, response.acknowledge_due_at)
    if left <= 0:
        return "over"
    return "soon" if left < wording.limit_soon(response.limit_minutes) else "wait"


def chips_of(responses: Iterable[Response], now: datetime) -> list[dict[str, Any]]:
    """Chips of the functions that must acknowledge: who has first, then the nearest limit last."""
    order = {"": 0, "wait": 1, "soon": 2, "over": 3}
    rows = [(state_of(row, now), row) for row in responses if row.required]
    rows.sort(key=lambda pair: (order[pair[0]], not pair[1].is_owner, pair[1].pk))
    return [{"function": row.function, "state": state, "title": _title(row, state)} for state, row in rows]


def _title(response: Response, state: str) -> str:
    who = response.person or gettext("nobody on duty")
    return f"{label(response.function.name)}: {who}, {spoken.answer(state)}"


def said_of(response: Response) -> str:
    """How far a function got, in the words after its person's name."""
    return label(wording.look("response", response.status).words)


def acks_of(responses: Iterable[Response], now: datetime) -> list[dict[str, Any]]:
    """The same as lines for a narrow panel, the one that needs somebody first."""
    order = {"over": 0, "soon": 1, "wait": 2, "": 3}
    rows = [(state_of(row, now), row) for row in responses if row.required]
    rows.sort(key=lambda pair: (order[pair[0]], pair[1].acknowledge_due_at or now, pair[1].pk))
    return [
        {
            "function": label(row.function.name),
            "person": row.person,
            "said": said_of(row),
            "due_at": row.acknowledge_due_at,
            "limit_minutes": row.limit_minutes,
            "acknowledged_at": row.acknowledged_at if row.answered else None,
            "state": state,
        }
        for state, row in rows
    ]
