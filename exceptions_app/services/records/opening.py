"""From a reading to a record: join the open one, reopen the one just resolved, or open a new one with its owner.

Owns what a signal does to the records. Opening and routing are one transaction, so no exception ever exists without an
owner, a clock and a next step. Two signals with the same key that race give one record: the database refuses the
second, which then joins. Must not know how a text was read.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection, transaction

from core import clock
from core.wake import wake
from exceptions_app.lifecycle import CORRELATES, Status
from exceptions_app.models import EventKind, ExceptionEvent, ExceptionLink, ExceptionRecord, Signal
from exceptions_app.rules.severity import severity_of
from exceptions_app.rules.titles import Subject, title_of
from exceptions_app.services.records import story
from exceptions_app.services.records.around import Around, look_around
from exceptions_app.services.records.facts import REPEATS, facts_of, repeats_of
from exceptions_app.services.records.links import Links, summary
from exceptions_app.services.records.moves import (
    keep,
    locked,
    mark_cleared,
    mark_returned,
    release_key,
    step_of,
)
from exceptions_app.services.records.reopening import reopen_record
from exceptions_app.services.records.suppression import covering, hold_back
from exceptions_app.services.records.urgency import ask_window, reconsider
from exceptions_app.services.records.wishes import renew_wish
from exceptions_app.services.responses.assign import plan_route, routed_event, write_route
from exceptions_app.services.responses.tell import tell_change
from plant_app.models import ExceptionType, ReasonCode, User, WorkUnit
from plant_app.selectors import ShiftBook
from routing_app.services import route

RECURRING = 3
_SEVERITIES = ("low", "medium", "high", "critical")
# Details that say how it stands, and the values that beat what was said before.
_STATES = frozenset({"state", "kind"})
_WORSE = frozenset({"stopped", "stopped_now"})
SHORT_NAME = 18
OLDEST_CREDIBLE = timedelta(hours=24)
CLOCK_SKEW = timedelta(minutes=5)
_TRIES = 5
#: How the title of a drill begins: every notice, list, board and page shows the title.
DRILL = "Drill: "


@dataclass
class Report:
    """One understood (or not understood) message, ready to become or join a record."""

    signal: Signal
    type: ExceptionType
    links: Links
    key: str = ""
    text: str = ""
    place: str = ""
    what: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    reason: ReasonCode | None = None
    quantity: Decimal | None = None
    uom: str = ""
    occurred_at: datetime | None = None
    occurred_estimated: bool = True
    confidence: float = 1.0
    triage: bool = False
    triage_reasons: tuple[str, ...] = ()
    recurrence: bool = False
    unconfirmed: bool = False
    reported_by: User | None = None
    shifts: ShiftBook | None = None


@dataclass(frozen=True)
class Opened:
    """What a signal did: `opened`, `joined`, `reopened`, `cleared`, `held` (with the greater stop that covers it, if
    that is why) or `ignored` (then without a record).

    `settles` is true when a sure report joined a record that still waited for triage.
    """

    exception: ExceptionRecord | None
    outcome: str
    settles: bool = False

    @property
    def opened(self) -> bool:
        return self.outcome == "opened"


@transaction.atomic(savepoint=False)
def open_or_join(report: Report) -> Opened:
    """Give the report its record. Locks the record it joins; a new one is inserted with its whole route.

    Same key still open: joined (an occurrence and an event; the earliest credible time wins). Resolved or cleared
    within the type's reopen minutes: reopened. Later, or closed: a new record that names the earlier one.
    """
    if report.signal.source.drill:
        # Nothing joins a drill, a drill joins nothing, and no shelf keeps it from being held.
        return Opened(_open(replace(report, key=""), None), "opened")
    for _ in range(_TRIES):
        earlier = _earlier(report)
        if earlier is not None:
            done = _continue(earlier, report)
            if done is not None:
                return done
        held = hold_back(signal=report.signal, type_=report.type, links=report.links, key=report.key)
        if held is not None:
            return Opened(held.parent, "held")
        try:
            with transaction.atomic():
                return Opened(_open(report, earlier), "opened")
        except IntegrityError as error:
            # Somebody opened the same key in this moment; anything else is ours to report.
            if "one_open_exception_per_key" not in str(error):
                raise
    raise RuntimeError(f"{report.key} could neither be opened nor joined")


def _earlier(report: Report) -> ExceptionRecord | None:
    """The record of the same key a signal may belong to: an open one, else the newest ended one."""
    if not report.key:
        return None
    rows = ExceptionRecord.objects.filter(correlation_key=report.key).exclude(status=Status.CANCELLED)
    rows = rows.only("ref", "status", "correlation_key")
    found = list(rows.order_by("-captured_at", "-pk")[:RECURRING])
    return next((row for row in found if row.status in CORRELATES), found[0] if found else None)


def continue_record(earlier: ExceptionRecord, report: Report) -> Opened:
    """Give a report to the record it is known to belong to (an alert's key, a conversation), whatever was read in it.

    Joins it, or reopens it within the type's reopen minutes; a record that has ended gets a successor that names it.
    Locks the record.
    """
    continued = _continue(earlier, replace(report, key=earlier.correlation_key))
    if continued is not None:
        return continued
    return open_or_join(report)


def _continue(earlier: ExceptionRecord, report: Report) -> Opened | None:
    """Join, mark as returned or reopen the earlier record; None when the report needs one of its own."""
    if earlier.status == Status.CLOSED:
        return None
    exception = locked(earlier.pk)
    if exception.correlation_key != report.key:
        return None
    now = clock.now()
    within = timedelta(minutes=exception.type.reopen_minutes)
    if exception.status in CORRELATES:
        if exception.cleared_at is None:
            _join(exception, report)
            settles = exception.status == Status.TRIAGE and not report.triage
            return Opened(exception, "joined", settles=settles)
        if now - exception.cleared_at <= within:
            mark_returned(
                exception=exception, actor=report.reported_by, via=report.signal.channel, signal=report.signal,
                text="It is there again",
            )  # fmt: skip
            _join(exception, report)
            wake("containment")
            return Opened(exception, "joined")
        release_key(exception=exception)
        return None
    if exception.status == Status.RESOLVED:
        ended = exception.cleared_at or exception.resolved_at or now
        if now - ended <= within:
            reopen_record(
                exception=exception, actor=report.reported_by, via=report.signal.channel, signal=report.signal,
                reason=f"Came back {int((now - ended) / timedelta(minutes=1))} min after it was over",
            )  # fmt: skip
            return Opened(exception, "reopened")
    return None


def _join(exception: ExceptionRecord, report: Report) -> None:
    """Another signal of the same thing: an occurrence, evidence, perhaps an earlier beginning or a newer wish."""
    changed: set[str] = set()
    told, estimated = credible(report)
    if not estimated and (told < exception.occurred_at or exception.occurred_estimated):
        exception.occurred_at = min(told, exception.occurred_at)
        exception.occurred_estimated = False
        changed |= {"occurred_at", "occurred_estimated"}
    data: dict[str, Any] = {"links": {}, "occurred_at": told.isoformat()}
    text = report.text
    newer = renew_wish(exception, report.details)
    if newer is not None:
        text, data["supersedes"] = newer
        changed.add("details")
    news = {
        name: value
        for name, value in report.details.items()
        if name not in exception.details or (name in _STATES and value in _WORSE)
    }
    if news:
        exception.details = {**exception.details, **news}
        changed.add("details")
    if report.quantity is not None and exception.quantity is None:
        exception.quantity, exception.uom = report.quantity, report.uom
        changed |= {"quantity", "uom"}
    if report.reason is not None and exception.reason_id is None:
        exception.reason = report.reason
        changed.add("reason")
    if changed:
        keep(exception, *changed)
        ask_window(exception=exception)
    if news:
        worsen(exception)
    story.record_event(
        exception=exception, kind=EventKind.JOINED, actor=report.reported_by,
        actor_text=report.signal.reporter_text, via=report.signal.channel, text=text, data=data, signal=report.signal,
    )  # fmt: skip
    if newer is not None:
        tell_change(exception=exception, text=text)
    story.announce(exception, kind=EventKind.JOINED)


def worsen(exception: ExceptionRecord) -> None:
    """News may make it worse (it runs out soon; now the line stands): severity rises, urgency follows; never back."""
    around = look_around(exception, clock.now())
    severity, because = severity_of(
        exception.type.code, around.circumstances, default=exception.type.default_severity
    )
    if _SEVERITIES.index(severity) <= _SEVERITIES.index(exception.severity):
        return
    exception.severity = severity
    exception.details = {**exception.details, "severity_because": because}
    keep(exception, "severity", "details")
    facts = facts_of(exception, around=around, repeats={})
    reconsider(exception=exception, facts=facts)


def clear_by_signal(
    exception_id: int, *, signal: Signal, actor: User | None, at: datetime, text: str
) -> ExceptionRecord:
    """An all-clear from the floor: the condition is gone, the record stays open; once is enough. Locks it."""
    exception = locked(exception_id)
    if exception.status in CORRELATES and exception.cleared_at is None:
        mark_cleared(
            exception=exception, actor=actor, actor_text=signal.reporter_text, via=signal.channel, signal=signal,
            at=max(at, exception.occurred_at), text=text,
        )  # fmt: skip
        exception.contain_due_at = clock.now()  # what it put into the plant is lifted by whoever put it there
        exception.save(update_fields=["contain_due_at"])
        wake("containment")
    else:
        story.record_event(
            exception=exception, kind=EventKind.JOINED, actor=actor, actor_text=signal.reporter_text,
            via=signal.channel, text=text, signal=signal,
        )  # fmt: skip
    story.announce(exception, kind=EventKind.CLEARED)
    return exception


def credible(report: Report) -> tuple[datetime, bool]:
    """When it happened and whether that is only the time of receipt: a day back at most, never in the future."""
    received = report.signal.received_at
    told = report.occurred_at
    if told is None or report.occurred_estimated:
        return received, True
    if received - OLDEST_CREDIBLE <= told <= received + CLOCK_SKEW:
        return min(told, received), False
    return received, True


def _open(report: Report, earlier: ExceptionRecord | None) -> ExceptionRecord:
    """Insert a new record with its route, responses, tellings and first events."""
    now = clock.now()
    occurred_at, estimated = credible(report)
    exception = ExceptionRecord(
        type=report.type,
        status=Status.TRIAGE if report.triage else Status.OPEN,
        details=report.details,
        reason=report.reason,
        quantity=report.quantity,
        uom=report.uom,
        correlation_key=report.key,
        recurrence_of=earlier,
        channel=report.signal.channel,
        reported_by=report.reported_by,
        confidence=report.confidence,
        occurred_at=occurred_at,
        occurred_estimated=estimated,
        captured_at=report.signal.received_at,
    )
    report.links.put_on(exception)
    exception.drill = report.signal.source.drill
    if report.unconfirmed:
        exception.details = {**exception.details, "unconfirmed": True}
    repeats = repeats_of(exception) if earlier is not None else dict.fromkeys(REPEATS, 1)
    exception.recurring = repeats["repeats_7d"] >= RECURRING
    around = look_around(exception, now, shifts=report.shifts)
    settle(exception, around, text=report.text, what=report.what, place=report.place)
    exception.ref = next_ref(now)
    routed = route(
        facts=facts_of(exception, around=around, repeats=repeats),
        origin_ref=f"{'drill' if exception.drill else 'exception'}:{exception.ref}",
    )
    triage_role = report.type.triage_role if report.triage else ""
    layout = plan_route(exception, routed, role=triage_role, shifts=report.shifts)
    if exception.drill:
        exception.contain_due_at = None
    exception.next_step = step_of(exception, layout.responses)
    exception.save(force_insert=True)
    write_route(layout)
    ExceptionEvent.objects.bulk_create(
        [_opened_event(exception, report, earlier), routed_event(exception, routed, layout)]
    )
    _further_links(exception)
    story.announce(
        exception, kind=EventKind.OPENED, people=[telling.person_id for telling in layout.tellings]
    )
    return exception


def settle(
    exception: ExceptionRecord, around: Around, *, text: str = "", what: str = "", place: str = ""
) -> None:
    """Set what follows from type, links and surroundings: severity, window, shift, title. In memory only."""
    exception.severity, because = severity_of(
        exception.type.code, around.circumstances, default=exception.type.default_severity
    )
    exception.details = {**exception.details, "severity_because": because}
    exception.window_until, exception.window_reason = around.window_until, around.window_reason
    if around.shift is not None:
        exception.shift_code, exception.shift_day = around.shift.shift.code, around.shift.day
    title = title_of(exception.type.code, subject_of(exception, text=text, what=what, place=place))
    exception.title = f"{DRILL}{title}"[:160] if exception.drill else title


def subject_of(exception: ExceptionRecord, *, text: str = "", what: str = "", place: str = "") -> Subject:
    """The words a title is made of; `place` is what the reporter called it."""
    where = exception.work_centre or exception.area
    named = place or (
        _short_name(exception.work_unit) if exception.work_unit else (where.name if where else "")
    )
    details = exception.details
    line = exception.purchase_line if exception.type.code == "supplier_delay" else exception.sales_line
    return Subject(
        place=named,
        what=what or (exception.reason.name.lower() if exception.reason else ""),
        kind=str(details.get("state") or details.get("kind") or ""),
        item=exception.item.name if exception.item else "",
        lot=exception.lot.code if exception.lot else "",
        order_line=str(line) if line else "",
        customer=exception.customer.name if exception.customer else "",
        supplier=exception.supplier.name if exception.supplier else "",
        tool=str(details.get("tool", "")),
        change_no=str(details.get("change_no", "")),
        quantity=exception.quantity,
        uom=exception.uom or (exception.item.uom if exception.item else ""),
        text=text,
    )


def _short_name(unit: WorkUnit) -> str:
    """A machine's name where it is short enough for a title, else its code."""
    return unit.name if len(unit.name) <= SHORT_NAME else unit.code


def _opened_event(
    exception: ExceptionRecord, report: Report, earlier: ExceptionRecord | None
) -> ExceptionEvent:
    data: dict[str, Any] = {
        "links": summary(exception),
        "type": exception.type.code,
        "severity": exception.severity,
        "confidence": round(report.confidence, 3),
        "status": exception.status,
    }
    if earlier is not None:
        data["recurrence_of"] = earlier.ref
    if report.triage_reasons:
        data["triage_reasons"] = list(report.triage_reasons)
    return story.event(
        exception=exception, kind=EventKind.OPENED, actor=report.reported_by,
        actor_text=report.signal.reporter_text, via=report.signal.channel, text=report.text, data=data,
        signal=report.signal,
    )  # fmt: skip


def _further_links(exception: ExceptionRecord) -> None:
    """Orders a changed promise touches are listed beside the one link a record has."""
    if exception.drill:
        return
    stopped = exception.work_unit if exception.type.code == "machine_downtime" else None
    under = covering(stopped) if stopped is not None else None
    if under is not None:
        ExceptionLink.objects.create(
            exception=exception,
            target="exception",
            target_id=under.pk,
            label=under.ref,
            effect="under this stop",
        )
    if exception.type.code != "order_change" or exception.sales_line is None:
        return
    ExceptionLink.objects.bulk_create(
        ExceptionLink(
            exception=exception,
            target="work_order",
            target_id=order.pk,
            label=order.number,
            effect="makes this line",
        )
        for order in exception.sales_line.work_orders.all()
    )


def next_ref(now: datetime) -> str:
    """The next human reference: EX-<year>-<6 digits>, from a sequence (gaps are harmless, waiting is not)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('exception_ref_seq')")
        number = cursor.fetchone()[0]
    return f"EX-{now.year}-{number:06d}"
