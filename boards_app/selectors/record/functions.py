"""The affected functions on one time axis: told, acknowledged, acting, over their limits; and why each is affected.

One pass over the responses; geometry is `boards_app.drawing`'s, wording short and in the plant's words.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from boards_app import drawing
from boards_app.selectors.chips import said_of
from core.clock import minutes_between
from core.languages import label
from exceptions_app.models import EventKind, ExceptionRecord, Response, ResponseStatus
from exceptions_app.rules.steps import clock_text
from exceptions_app.selectors import response_board


@dataclass
class Functions:
    """What the panel shows. `responses` are the live ones."""

    responses: list[Response]
    drawing: "drawing.Alignment | None" = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: int = 0
    required: int = 0
    waiting: str = ""
    target: int | None = None
    informed: list[str] = field(default_factory=list)
    passed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def others(self) -> bool:
        """Whether anybody but the owner is asked, so that there is something to change."""
        return any(not row.is_owner for row in self.responses)


def functions_of(exception: ExceptionRecord, now: datetime) -> Functions:
    """Lanes of every required function, worst first. Three queries."""
    everyone = response_board(exception)
    live = [row for row in everyone if row.status != ResponseStatus.DECLINED]
    required = [row for row in live if row.required]
    found = Functions(responses=live)
    found.required = len(required)
    found.acknowledged = sum(1 for row in required if row.answered)
    waiting = [named(row, exception) for row in required if not row.answered]
    found.waiting = _joined(waiting) if exception.is_live else ""
    limits = [row.limit_minutes for row in required]
    found.target = max(limits) if limits else None
    found.informed = [
        f"{label(row.function.name)}{f', {row.person}' if row.person else ''}"
        for row in live
        if not row.required
    ]
    found.passed = [
        {
            "function": label(row.function.name),
            "person": row.person,
            "at": row.declined_at,
            "reason": row.decline_reason,
            "removed": row.removed_at is not None,
        }
        for row in everyone
        if row.status == ResponseStatus.DECLINED
    ]
    shown = sorted(required, key=lambda row: (row.answered, row.acknowledge_due_at or now, row.pk))
    zone = ZoneInfo(exception.site.timezone)
    answers = [
        drawing.Answer(
            told_at=row.told_at or row.due_at,
            limit_at=row.acknowledge_due_at,
            acknowledged_at=row.acknowledged_at if row.answered else None,
            ended_at=row.done_at or _ended(exception),
        )
        for row in shown
    ]
    if answers:
        start = min(answer.told_at or now for answer in answers)
        until = now if exception.is_live else max(_ended(exception) or now, start + timedelta(minutes=1))
        found.drawing = drawing.alignment(start=start, now=until, answers=answers, zone=zone)
        lapses = _lapses(exception)
        found.rows = [
            {**_row(exception, row, zone, now, lapses.get(row.pk)), "lane": lane}
            for row, lane in zip(shown, found.drawing.lanes, strict=True)
        ]
    return found


def _ended(exception: ExceptionRecord) -> datetime | None:
    return exception.closed_at or exception.cancelled_at


def _lapses(exception: ExceptionRecord) -> dict[int, datetime]:
    """When a response's acknowledgement last lapsed. One query."""
    rows = exception.events.filter(kind=EventKind.ACKNOWLEDGEMENT_LAPSED).order_by("at", "pk")
    return {data["response"]: at for data, at in rows.values_list("data", "at") if "response" in data}


def _row(
    exception: ExceptionRecord, row: Response, zone: ZoneInfo, now: datetime, lapsed: datetime | None
) -> dict[str, Any]:
    at = row.told_at or row.due_at
    above, below = _above(row, zone), ""
    if row.answered and row.arrived_at:
        above = gettext("arrived {at}").format(at=f"{row.arrived_at.astimezone(zone):%H:%M}")
    elif row.answered and row.eta_at and not row.arrived_at:
        above = gettext("there about {at}").format(at=f"{row.eta_at.astimezone(zone):%H:%M}")
    if not row.answered and row.level > 1:
        latest = next((one for one in reversed(list(row.tellings.all())) if one.person_id), None)
        if latest is not None and latest.person_id != row.person_id:
            below = gettext("{at} passed to {who}").format(
                at=f"{latest.due_at.astimezone(zone):%H:%M}", who=latest.person
            )
    elif not row.answered and row.reminders:
        nudged = next((one for one in reversed(list(row.tellings.all())) if one.reason == "reminder"), None)
        if nudged is not None:
            below = gettext("reminded {at}").format(at=f"{nudged.due_at.astimezone(zone):%H:%M}")
    elif row.answered and row.lapses_at is not None and exception.is_live:
        reminded = gettext("reminded, ") if row.lapse_reminded_at is not None else ""
        below = reminded + gettext("lapses {at} unless acted on").format(
            at=clock_text(row.lapses_at, now=now, zone=str(zone))
        )
    if not row.answered and lapsed is not None:
        again = gettext("lapsed {at}, asked again").format(at=f"{lapsed.astimezone(zone):%H:%M}")
        below = again + (f"; {below}" if below else "")
    seen = said_of(row)
    if row.seen_at:
        seen = gettext("seen {at}").format(at=f"{row.seen_at.astimezone(zone):%H:%M}")
    return {
        "id": row.pk,
        "function": named(row, exception),
        "person": row.person,
        "said": gettext("owner") if row.is_owner and row.answered else seen if not row.answered else "",
        "due_at": row.acknowledge_due_at if not row.answered and exception.is_live else None,
        "limit_minutes": row.limit_minutes,
        "acknowledged_at": row.acknowledged_at if row.answered else None,
        "took": minutes_between(at, row.acknowledged_at) if row.acknowledged_at else None,
        "doing": said_of(row),
        "above": above,
        "below": below,
        "why": row.why,
    }


def _above(row: Response, zone: ZoneInfo) -> str:
    if row.answered:
        return ""
    at = f"{(row.told_at or row.due_at).astimezone(zone):%H:%M}"
    return gettext("told {at}").format(at=at) if row.told_at else gettext("due {at}").format(at=at)


def named(row: Response, exception: ExceptionRecord) -> str:
    """The function, with its site where that is another one."""
    name = label(row.function.name)
    return name if row.site_id == exception.site_id else f"{name}, {row.site.name}"


def _joined(names: list[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return gettext("{first} and {last}").format(first=", ".join(names[:-1]), last=names[-1])
