"""What a card says of a machine: its state in words, who is coming, how far it is, its strip of the shift.

Takes rows somebody else has read and asks the database nothing. Must not know requests, permissions or HTML.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from boards_app import spoken, wording
from core.languages import label
from exceptions_app.lifecycle import CORRELATES
from exceptions_app.models import ExceptionRecord, Response, ResponseStatus
from exceptions_app.models.responses import ANSWERED
from plant_app.models import Item, Operation, UnitState, WorkUnitState
from plant_app.selectors import projected_end

#: States that ask for a person: their card is filled and counts the minutes.
WRONG: Final = frozenset({UnitState.DOWN, UnitState.HOLD, UnitState.MATERIAL, UnitState.SAFETY})
_COUNTING: Final = WRONG | {UnitState.SETUP, UnitState.FREE, UnitState.NO_DATA}
_STRIP: Final = {
    UnitState.RUNNING: "r", UnitState.SETUP: "s", UnitState.DOWN: "d", UnitState.MATERIAL: "m", UnitState.HOLD: "h",
    UnitState.SAFETY: "d", UnitState.PLANNED_STOP: "i", UnitState.FREE: "i", UnitState.NO_DATA: "n",
}  # fmt: skip
#: How near to its planned end counts as on time.
ON_TIME: Final = timedelta(minutes=5)
_FURTHEST: Final = (
    ResponseStatus.ACTING, ResponseStatus.ARRIVED, ResponseStatus.ON_THE_WAY, ResponseStatus.ACKNOWLEDGED,
    ResponseStatus.SEEN, ResponseStatus.DELIVERED, ResponseStatus.TOLD, ResponseStatus.DUE,
)  # fmt: skip


@dataclass(frozen=True)
class Coming:
    """Who answers, in words; `state` is here, coming, answered, told or nobody."""

    who: str
    words: str
    icon: str
    state: str


@dataclass(frozen=True)
class StripPart:
    """A stretch of the shift: the letter of its state and its share in percent."""

    kind: str
    share: float


def hour(moment: datetime, zone: str) -> str:
    """ "10:42" on the site's clock."""
    return f"{moment.astimezone(ZoneInfo(zone)):%H:%M}"


def short_item(item: Item) -> str:
    """As people call it on the floor: "body VB-220" of "Valve body VB-220"."""
    words = item.name.split()
    if item.code in words and words.index(item.code) > 0:
        return f"{words[words.index(item.code) - 1].lower()} {item.code}"
    return item.code


def order_words(operation: Operation) -> str:
    """ "WO-118204 body VB-220"."""
    return f"{operation.work_order.number} {short_item(operation.work_order.item)}"


def done_words(operation: Operation) -> str:
    """ "22 of 48"."""
    good, whole = wording.quantity(operation.good), wording.quantity(operation.work_order.quantity)
    return _("{done} of {whole}").format(done=good, whole=whole)


def done_share(operation: Operation) -> float:
    """Good pieces in percent of the order's."""
    return round(min(float(operation.good / operation.work_order.quantity) * 100, 100), 1)


def pace(operation: Operation, planned_end: datetime | None, now: datetime, zone: str) -> str:
    """ "on time", "6 min ahead", "25 min behind" against the published plan; else when the unit is free."""
    end = projected_end(operation, now)
    if planned_end is None:
        return _("free at {time}").format(time=hour(end, zone))
    off = end - planned_end
    if abs(off) <= ON_TIME:
        return _("on time")
    words = _("{time} behind") if off > timedelta(0) else _("{time} ahead")
    return words.format(time=spoken.coarse(abs(off) / timedelta(minutes=1)))


def state_words(
    state: str, stretch: WorkUnitState | None, exception: ExceptionRecord | None, zone: str
) -> str:
    """The line under a machine's name: "Down, spindle vibration", "Waits for castings", "No data since 10:31"."""
    plain = spoken.state("andon", state)
    if state == UnitState.NO_DATA:
        return (
            _("{state} since {time}").format(state=plain, time=hour(stretch.since, zone))
            if stretch
            else plain
        )
    if exception is None:
        return plain
    if state == UnitState.MATERIAL:
        return _("Waits for {item}").format(item=_plainly(exception.item.name)) if exception.item else plain
    tail = what_of(exception)
    return f"{plain}, {tail}" if tail and state in (UnitState.DOWN, UnitState.SAFETY) else plain


def _plainly(name: str) -> str:
    """A name inside a sentence: "casting for VB-310", but "SK-118 seal kit" as it is."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def what_of(exception: ExceptionRecord) -> str:
    """What is wrong, without the place the card already names: "spindle vibration"."""
    head, comma, tail = exception.title.partition(", ")
    if exception.type.code == "tooling":
        return head  # its title names the tool first and the place after it
    if ": " in head:
        return exception.title.partition(": ")[2]
    if comma and tail:
        return tail
    if exception.reason is not None:
        reason = label(exception.reason.name)
        return reason[:1].lower() + reason[1:]
    return "" if exception.work_unit is not None else head


def most_pressing(exceptions: Sequence[ExceptionRecord], state: str) -> ExceptionRecord | None:
    """The exception a card stands for: the worst that is not over; a resolved one is not shown on a running unit."""
    live = [row for row in exceptions if row.status in CORRELATES and row.cleared_at is None]
    if live:
        return live[0]
    return exceptions[0] if exceptions and state in WRONG else None


def coming(exception: ExceptionRecord, now: datetime, zone: str) -> Coming | None:
    """Who is furthest on their way to it. Needs `live_responses`, as `with_row` loads them."""
    rows: list[Response] = [row for row in live_responses(exception) if row.status != ResponseStatus.DONE]
    if not rows:
        return None
    best = min(rows, key=lambda row: (_FURTHEST.index(ResponseStatus(row.status)), not row.is_owner))
    if best.status in (ResponseStatus.ACTING, ResponseStatus.ARRIVED):
        since = best.arrived_at or best.acting_at or best.acknowledged_at or now
        return Coming(
            str(best.person), _("here since {time}").format(time=hour(since, zone)), "map-pin", "here"
        )
    if best.status == ResponseStatus.ON_THE_WAY:
        return Coming(str(best.person), _("on the way") + _eta(best, now), "footprints", "coming")
    if best.status == ResponseStatus.ACKNOWLEDGED:
        if best.eta_at is not None:
            return Coming(str(best.person), _("coming") + _eta(best, now), "footprints", "coming")
        at = best.acknowledged_at or now
        return Coming(
            str(best.person), _("has it since {time}").format(time=hour(at, zone)), "check", "answered"
        )
    owner = next((row for row in rows if row.is_owner), best)
    if owner.person is None:
        return Coming(label(owner.function.name), _("has nobody on duty"), "user-x", "nobody")
    said = _("told {time}").format(time=hour(owner.told_at, zone)) if owner.told_at else _("is being told")
    return Coming(str(owner.person), said, "bell", "told")


def _eta(response: Response, now: datetime) -> str:
    if response.eta_at is None:
        return ""
    minutes = (response.eta_at - now) / timedelta(minutes=1)
    return f", {spoken.left(minutes)}" if minutes > 0 else _(", should be here")


def live_responses(exception: ExceptionRecord) -> list[Response]:
    """The responses `with_row` prefetched."""
    return list(getattr(exception, "live_responses", ()))


def waiting_for(exception: ExceptionRecord) -> list[Response]:
    """Required functions that have not acknowledged."""
    return [row for row in live_responses(exception) if row.required and row.status not in ANSWERED]


def late_words(exception: ExceptionRecord, now: datetime) -> str:
    """ "Customer service 3 min over", and how many others; empty while nobody is over their limit."""
    over = [
        row
        for row in waiting_for(exception)
        if row.acknowledge_due_at is not None and row.acknowledge_due_at < now
    ]
    if not over:
        return ""
    worst = min(over, key=lambda row: row.acknowledge_due_at or now)
    minutes = ((worst.acknowledge_due_at or now) - now) / timedelta(minutes=1)
    said = f"{label(worst.function.name)} {spoken.left_words(minutes)}"
    return _("{late}, {count} more").format(late=said, count=len(over) - 1) if len(over) > 1 else said


def strip(
    stretches: Iterable[WorkUnitState], start: datetime, end: datetime, now: datetime
) -> list[StripPart]:
    """The shift so far as shares of the whole shift; what nobody knows is `n`, what is to come `f`."""
    whole = (end - start) / timedelta(minutes=1)
    parts: list[StripPart] = []

    def add(kind: str, length: timedelta) -> None:
        share = length / timedelta(minutes=1) / whole * 100
        if share <= 0:
            return
        if parts and parts[-1].kind == kind:
            parts[-1] = StripPart(kind, round(parts[-1].share + share, 2))
        else:
            parts.append(StripPart(kind, round(share, 2)))

    at = start
    for stretch in stretches:
        begin, until = max(stretch.since, at), min(stretch.until or now, now)
        add("n", begin - at)
        add(_STRIP.get(UnitState(stretch.state), "n"), until - begin)
        at = max(at, until)
    add("n", min(now, end) - at)
    add("f", end - now)
    return parts


def counts_minutes(state: str) -> bool:
    """Whether a card in this state shows how long it lasts."""
    return state in _COUNTING


def setup_words(operation: Operation, since: datetime, now: datetime) -> str:
    """ "12 of 25 min"; over it "33 min, 25 min planned"."""
    gone = max(0, int((now - since) / timedelta(minutes=1)))
    planned = operation.setup_minutes
    if planned <= Decimal(0):
        return spoken.span(gone)
    if gone <= planned:
        return _("{done} of {whole}").format(done=gone, whole=f"{planned:.0f} min")
    return _("{time}, {planned} min planned").format(time=spoken.span(gone), planned=f"{planned:.0f}")


def note_of(
    *, state: str, stretch: WorkUnitState | None, before: WorkUnitState | None, operation: Operation | None,
    exception: ExceptionRecord | None, planned_end: datetime | None, now: datetime, zone: str,
) -> str:  # fmt: skip
    """The second line of a card: what it is about, how far it is, what was known last."""
    if exception is not None and state in WRONG:
        said: list[Any] = [f"EX-{exception.short_ref}"]
        if state == UnitState.HOLD:
            said.append(what_of(exception) or exception.title)
        elif exception.work_order is not None:
            said.append(exception.work_order.number)
        if operation is not None and state != UnitState.HOLD:
            said.append(done_words(operation))
        return ", ".join(said)
    if exception is not None and state != UnitState.NO_DATA:
        plain = spoken.inside(wording.look("andon", state).words)
        return f"EX-{exception.short_ref}, {plain}{f' {done_words(operation)}' if operation else ''}"
    if state == UnitState.NO_DATA:
        if before is None:
            return ""
        return _("Last known: {state}").format(state=spoken.inside(wording.look("andon", before.state).words))
    if state == UnitState.SETUP and operation is not None and stretch is not None:
        return setup_words(operation, stretch.since, now)
    if state == UnitState.RUNNING and operation is not None:
        return f"{done_words(operation)}, {pace(operation, planned_end, now, zone)}"
    return stretch.note if stretch else ""
