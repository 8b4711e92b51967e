"""Correcting what was read: a person names type and links, the record is routed anew, a triage item becomes open.

Owns corrections and splitting; neither counts against first pass. Must not know how a text was read.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.dateparse import parse_datetime

from core import clock
from core.errors import InvalidInput, NotAllowed, TransitionRefused
from exceptions_app.lifecycle import CORRELATES, Status
from exceptions_app.models import EventKind, ExceptionRecord, SignalReading
from exceptions_app.services.channels.report import key_of
from exceptions_app.services.learning.reviews import note_correction
from exceptions_app.services.records.around import look_around
from exceptions_app.services.records.facts import facts_of
from exceptions_app.services.records.links import Links, complete, from_codes, summary
from exceptions_app.services.records.moves import keep, locked, move
from exceptions_app.services.records.opening import Report, open_or_join, settle
from exceptions_app.services.records.story import announce, event
from exceptions_app.services.responses.answers import align
from exceptions_app.services.responses.assign import apply_route, routed_event
from plant_app.models import ExceptionType, ReasonCode, User
from plant_app.selectors import can
from routing_app.services import route

#: Fields a correction may name besides links; everything else goes to the capture fields.
_LINKS = frozenset(
    {"area", "work_centre", "work_unit", "work_order", "item", "lot", "sales_line", "purchase_line", "customer",
     "supplier", "tool"}
)  # fmt: skip


@transaction.atomic
def correct(
    *,
    exception_id: int,
    fields: Mapping[str, Any],
    actor: User,
    via: str = "desk",
    expected_version: int | None = None,
    words: Mapping[str, str] | None = None,
) -> ExceptionRecord:
    """Set type, links, quantity, reason or capture fields by a person's word, and route anew where that matters.

    `fields`: `type`, `reason`, `quantity`, `uom`, `occurred_at`, links by code (`work_unit`, `item`, `lot`,
    `sales_line` as order/line, ...), and any capture field. A triage item with a type becomes open. The reader learns
    from it; `words` names, by field, the words of the message that say it ("the old lady" for a machine). NotAllowed
    `exceptions.not_allowed`, InvalidInput `exceptions.correction` for what names nothing, TransitionRefused
    `exceptions.over` or `exceptions.key_taken` (merge instead), StaleVersion. Locks the exception.
    """
    exception = locked(exception_id, expected_version)
    if not can(actor, "exception.triage", exception.site_id):
        raise NotAllowed("exceptions.not_allowed", "You may not correct this.", "Ask a planner.")
    if exception.status not in CORRELATES:
        raise TransitionRefused(
            "exceptions.over", f"{exception.ref} is {exception.status}.", "Reopen it first."
        )
    before = {"type": exception.type.code, **summary(exception)}
    links = _put(exception, fields)
    if exception.status == Status.TRIAGE and exception.type.code == "unsorted":
        raise InvalidInput("exceptions.correction", "Say what it is: a triage item needs a type.")
    was_triage = exception.status == Status.TRIAGE
    _route_anew(exception, links, actor=actor, via=via, before=before, changed=dict(fields))
    note_correction(
        exception=exception, fields=fields, actor=actor, via=via, was_triage=was_triage, words=words
    )
    return exception


def promote(exception: ExceptionRecord, report: Report) -> None:
    """A sure report of the same thing settles a triage item: it takes the report's type and links and becomes open.

    The caller holds the lock.
    """
    before = {"type": exception.type.code, **summary(exception)}
    exception.type, exception.confidence = report.type, report.confidence
    exception.reason = report.reason or exception.reason
    exception.quantity = report.quantity if report.quantity is not None else exception.quantity
    exception.details = {**exception.details, **report.details}
    report.links.put_on(exception)
    _route_anew(
        exception,
        report.links,
        actor=report.reported_by,
        via=report.signal.channel,
        before=before,
        changed={},
    )


def _put(exception: ExceptionRecord, fields: Mapping[str, Any]) -> Links:
    """Write a correction onto the record in memory; returns its links, completed."""
    if "type" in fields:
        type_ = ExceptionType.objects.filter(code=fields["type"], active=True).first()
        if type_ is None:
            raise InvalidInput("exceptions.correction", f"There is no type {fields['type']}.", field="type")
        if type_.pk != exception.type_id:
            exception.reason = None
        exception.type = type_
    named = {name: str(value) for name, value in fields.items() if name in _LINKS and value}
    links = from_codes(named)
    for name in named:
        if not getattr(links, name):
            raise InvalidInput(
                "exceptions.correction", f"{named[name]} is not a known {name.replace('_', ' ')}.", field=name
            )
    for name in sorted(_LINKS - {"tool"}):
        if name in fields and not fields[name]:
            setattr(exception, name, None)
    if links.work_unit is not None and "work_unit" in fields:
        exception.work_centre = exception.area = None
        exception.operation = None
    _values(exception, fields)
    for name in ("area", "work_centre", "work_unit", "work_order", "operation", "item", "lot", "sales_line",
                 "purchase_line", "customer", "supplier"):  # fmt: skip
        if getattr(links, name) is None:
            setattr(links, name, getattr(exception, name))
    links.site = exception.site
    links.tool = links.tool or str(exception.details.get("tool", ""))
    complete(links, type_code=exception.type.code)
    if links.area is not None and links.area.site_id != exception.site_id:
        raise InvalidInput("exceptions.correction", "That place belongs to another site.", field="area")
    links.put_on(exception)
    return links


def _values(exception: ExceptionRecord, fields: Mapping[str, Any]) -> None:
    if "reason" in fields:
        exception.reason = ReasonCode.objects.filter(type=exception.type, code=fields["reason"]).first()
        if exception.reason is None and fields["reason"]:
            raise InvalidInput(
                "exceptions.correction", f"{fields['reason']} is no reason of this type.", field="reason"
            )
    if "quantity" in fields:
        try:
            exception.quantity = (
                Decimal(str(fields["quantity"])) if fields["quantity"] not in (None, "") else None
            )
        except InvalidOperation:
            raise InvalidInput("exceptions.correction", "That is not a quantity.", field="quantity") from None
    if "uom" in fields:
        exception.uom = str(fields["uom"])[:10]
    if fields.get("occurred_at"):
        moment = fields["occurred_at"]
        found = moment if isinstance(moment, datetime) else parse_datetime(str(moment))
        if found is None or found.tzinfo is None or found > clock.now():
            raise InvalidInput(
                "exceptions.correction", "That is not a moment that has passed.", field="occurred_at"
            )
        exception.occurred_at, exception.occurred_estimated = found, False
    rest = {
        name: value
        for name, value in fields.items()
        if name not in _LINKS and name not in {"type", "reason", "quantity", "uom", "occurred_at"}
    }
    exception.details = {**exception.details, **rest}


def _route_anew(
    exception: ExceptionRecord, links: Links, *, actor: User | None, via: str, before: dict[str, Any],
    changed: dict[str, Any],
) -> ExceptionRecord:  # fmt: skip
    """Settle, route and save a corrected record; the limits that run are never lengthened on one that was open."""
    now = clock.now()
    was = exception.status
    around = look_around(exception, now)
    settle(exception, around)
    exception.confidence = max(exception.confidence, 1.0 if changed else exception.confidence)
    key = key_of(
        type_code=exception.type.code, links=links, site=exception.site, occurred_at=exception.occurred_at,
        reason=exception.reason.code if exception.reason else "", details=exception.details, shift=around.shift,
    )  # fmt: skip
    if exception.drill:
        key = ""
    other = (
        ExceptionRecord.objects.correlating().filter(correlation_key=key).exclude(pk=exception.pk).first()
        if key
        else None
    )
    if other is not None:
        raise TransitionRefused(
            "exceptions.key_taken", f"{other.ref} is already open for the same thing.", f"Merge it into {other.ref}.",
            ref=other.ref,
        )  # fmt: skip
    exception.correlation_key = key
    limits_before = (exception.decide_due_at, exception.resolve_due_at)
    owner_before = exception.owner_function_id
    exception.status = Status.OPEN if was == Status.TRIAGE else was
    routed = route(facts=facts_of(exception, around=around), origin_ref=f"exception:{exception.ref}")
    layout, fields = apply_route(exception, routed)
    exception.status = was
    if was != Status.TRIAGE:
        for name, earlier in zip(("decide_due_at", "resolve_due_at"), limits_before, strict=True):
            current = getattr(exception, name)
            setattr(exception, name, min(current, earlier) if earlier and current else current)
        exception.next_escalation_at = exception.decide_due_at if was != Status.DECIDED else None
    fields |= {
        "type", "reason", "quantity", "uom", "details", "title", "severity", "window_until", "window_reason",
        "correlation_key", "confidence", "occurred_at", "occurred_estimated", "area", "work_centre", "work_unit",
        "work_order", "operation", "item", "lot", "sales_line", "purchase_line", "customer", "supplier",
    }  # fmt: skip
    exception.contained_at = None
    fields.add("contained_at")
    try:
        with transaction.atomic():
            if was == Status.TRIAGE:
                move(exception=exception, to=Status.OPEN, also=fields)
            elif was == Status.ACKNOWLEDGED and owner_before != exception.owner_function_id:
                move(exception=exception, to=Status.OPEN, also=fields, acknowledged_at=None)
            else:
                keep(exception, *fields, responses=layout.responses)
    except IntegrityError:
        raise TransitionRefused(
            "exceptions.key_taken", "Another record of the same thing was opened meanwhile.", "Merge the two."
        ) from None
    after = {"type": exception.type.code, **summary(exception)}
    lines = [
        event(
            exception=exception, kind=EventKind.TRIAGED if was == Status.TRIAGE else EventKind.CORRECTED, actor=actor,
            via=via, text=f"{exception.type.name}: {exception.title}"[:300],
            data={"before": before, "after": after, "fields": sorted(changed)},
        ),
        routed_event(exception, routed, layout),
    ]  # fmt: skip
    for line in lines:
        line.save()
    owner = layout.owner
    if owner.answered and exception.status == Status.OPEN:
        exception.owner = owner.person
        move(
            exception=exception,
            to=Status.ACKNOWLEDGED,
            acknowledged_at=owner.acknowledged_at or now,
            also=("owner",),
        )
    if exception.aligned_at is not None and any(
        one.required and not one.answered for one in layout.responses
    ):
        exception.aligned_at = None
        keep(exception, "aligned_at")
    else:
        align(exception)
    announce(
        exception, kind=EventKind.TRIAGED if was == Status.TRIAGE else EventKind.CORRECTED,
        people=[telling.person_id for telling in layout.tellings],
    )  # fmt: skip
    return exception


@transaction.atomic
def open_from_signals(*, signal_ids: list[int], actor: User, split_from: ExceptionRecord) -> ExceptionRecord:
    """Open a record of its own from signals that had joined another (locked) one, with that record's type and links.

    Without a correlation key, since the key stays with the record it came from. The readings point to the new record
    from now on. InvalidInput `exceptions.no_signals`.
    """
    readings = list(
        SignalReading.objects.select_for_update(no_key=True, of=("self",))
        .select_related("signal__reporter", "signal__source")
        .filter(signal_id__in=signal_ids)
        .order_by("signal__received_at", "pk")
    )
    if not readings:
        raise InvalidInput("exceptions.no_signals", "Name the signals to take out.")
    first = readings[0].signal
    links = Links(
        **{
            name: getattr(split_from, name)
            for name in (
                "site",
                "area",
                "work_centre",
                "work_unit",
                "work_order",
                "operation",
                "item",
                "lot",
                "sales_line",
                "purchase_line",
                "customer",
                "supplier",
            )
        }
    )
    opened = open_or_join(
        Report(
            signal=first,
            type=split_from.type,
            links=links,
            text=first.text,
            details=dict(first.fields),
            reason=split_from.reason,
            quantity=split_from.quantity,
            uom=split_from.uom,
            occurred_at=first.occurred_at,
            occurred_estimated=first.occurred_at is None,
            confidence=split_from.confidence,
            reported_by=first.reporter or actor,
        )
    )
    if opened.exception is None:
        raise InvalidInput("exceptions.no_signals", "These signals open nothing.")
    SignalReading.objects.filter(pk__in=[reading.pk for reading in readings]).update(
        exception=opened.exception
    )
    return opened.exception
