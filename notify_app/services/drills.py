"""Fire drills: begun by their schedule or by somebody, handed in through a real channel, ended with a report.

From the signal to every told person a drill goes the way of any report: read, routed, told, escalated. Its source is
marked, so the record is: it joins nothing, contains nothing, posts nothing and counts nowhere. When all have answered,
or the time is over, the report is written once and the record cancelled.
"""

import json
import logging
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from core import clock, due
from core.errors import NotFound, TransitionRefused
from core.hints import hint
from core.wake import wake
from exceptions_app import services as exceptions
from exceptions_app.channels.webhook import new_secret, sign
from exceptions_app.lifecycle import CORRELATES, Status
from exceptions_app.models import Channel, EventKind, ExceptionRecord, ReadingStatus, SignalReading, Source
from exceptions_app.models.responses import ResponseStatus
from notify_app.models import DrillChannel, DrillLine, DrillPlan, DrillRun, DrillStatus
from notify_app.services.drill_report import failures_of, lines_of, nothing_pending
from plant_app.models import Site, User

logger = logging.getLogger(__name__)

OPEN = (DrillStatus.STARTING, DrillStatus.RUNNING)
#: Later than this after its hour a drill is not begun any more: it would ring people at an hour nobody chose.
LATE = timedelta(hours=1)
PATIENCE = 10.0  # seconds for handing the signal in
_MAPPING = {
    "text": "message",
    "external_id": "id",
    "type": "kind",
    "work_centre": "line",
    "work_unit": "machine",
}
# What a report of the type needs besides its place to be sure of itself.
_FIELDS = {"machine_downtime": {"state": "stopped"}, "labour_shortage": {"missing": "1"}}


def drill_source(site: Site) -> Source:
    """The site's own source of drills: a signed webhook whose every message is one."""
    source, _ = Source.objects.get_or_create(
        code=f"drill-{site.code.lower()}",
        defaults={
            "name": f"Fire drills {site.name}"[:80], "channel": Channel.WEBHOOK, "adapter": "webhook", "site": site,
            "secret": new_secret(), "mapping": _MAPPING, "drill": True,
        },
    )  # fmt: skip
    return source


def next_time(plan: DrillPlan, after: datetime) -> datetime:
    """When the plan's next drill begins: its hour at the plant, `every_days` on from `after` if it has been held."""
    zone = ZoneInfo(plan.work_centre.area.site.timezone)
    day = after.astimezone(zone).date()
    if plan.next_at is not None:
        day = max(day, (plan.next_at.astimezone(zone) + timedelta(days=plan.every_days)).date())
    found = datetime.combine(day, plan.at, zone)
    return found if found > after else datetime.combine(day + timedelta(days=1), plan.at, zone)


@transaction.atomic
def begin_drill(*, plan_id: int, actor: User | None = None) -> DrillRun:
    """Begin a drill now; its signal is handed in after commit by the worker.

    NotFound `drills.plan`; TransitionRefused `drills.running` while the line's last one is not over. Locks the plan.
    """
    plan = DrillPlan.objects.select_for_update(no_key=True).filter(pk=plan_id).first()
    if plan is None:
        raise NotFound("drills.plan", "There is no such drill.")
    if plan.runs.filter(status__in=OPEN).exists():
        raise TransitionRefused(
            "drills.running", f"{plan} is being drilled already.", "Wait until it is over."
        )
    now = clock.now()
    run = DrillRun.objects.create(
        plan=plan, key=f"drill-{plan.pk}-{now:%Y%m%d%H%M%S%f}", started_by=actor, started_at=now,
        ends_at=now + timedelta(minutes=plan.minutes),
    )  # fmt: skip
    wake("drills")
    return run


def run_drills(*, limit: int = 50) -> int:
    """Begin what is due, hand in what has begun, end what is over; returns how many steps were taken.

    What is more than an hour late is not begun: it is recorded as missed, and made up once at its hour.
    """
    return _begin_due(limit) + _hand_in_all(limit) + _end_all(limit)


def _begin_due(limit: int) -> int:
    now = clock.now()
    for plan in DrillPlan.objects.filter(active=True, next_at=None).select_related("work_centre__area__site"):
        DrillPlan.objects.filter(pk=plan.pk, next_at=None).update(next_at=next_time(plan, now))
    begun = 0
    while begun < limit:
        with transaction.atomic():
            waiting = DrillPlan.objects.filter(active=True, next_at__lte=now).select_related(
                "work_centre__area__site"
            )
            rows = due.claim(waiting.order_by("next_at", "pk"), 1)
            if not rows:
                return begun
            plan = rows[0]
            if plan.next_at is not None and now - plan.next_at > LATE:
                _miss(plan, now, "nothing ran here at its hour")
            elif plan.runs.filter(status__in=OPEN).exists():
                _miss(plan, now, "the last drill of this line was still running")
            else:
                begin_drill(plan_id=plan.pk)
                plan.next_at = next_time(plan, now)
            plan.save(update_fields=["next_at"])
        begun += 1
    return begun


def _miss(plan: DrillPlan, now: datetime, because: str) -> None:
    """Record a drill that was not held, with why, and make it up once: the next time it is its hour, in memory.

    Several missed in one outage are one row that counts them.
    """
    due_at = plan.next_at or now
    times = 1 + (now - due_at) // timedelta(days=plan.every_days)
    plan.next_at = None  # the rhythm goes on from when it is made up
    plan.next_at = next_time(plan, now)
    zone = ZoneInfo(plan.work_centre.area.site.timezone)
    again = plan.next_at.astimezone(zone)
    often = f", {times} times in a row" if times > 1 else ""
    words = (
        f"Not held{often}: {because}. It is made up on {again:%a} {again.day} {again:%b} at {again:%H:%M}."
    )
    run, _ = DrillRun.objects.get_or_create(
        key=f"missed-{plan.pk}-{due_at:%Y%m%d%H%M%S}",
        defaults={
            "plan": plan, "status": DrillStatus.MISSED, "started_at": due_at, "finished_at": now,
            "ends_at": due_at + timedelta(minutes=plan.minutes), "failures": [words],
        },
    )  # fmt: skip
    hint(f"site.{plan.work_centre.area.site_id}", kind="drill", run=run.pk)


def _hand_in_all(limit: int) -> int:
    """Nothing of it inside a transaction: the channel is a real one. The signal's id makes a second try harmless."""
    waiting = DrillRun.objects.filter(status=DrillStatus.STARTING).select_related(
        "plan__work_centre__area__site", "plan__type", "plan__work_unit"
    )
    done = 0
    for run in list(waiting.order_by("pk")[:limit]):
        problem = _hand_in(run)
        changes = (
            {"error": problem[:200]}
            if problem
            else {"error": "", "status": DrillStatus.RUNNING, "handed_in_at": clock.now()}
        )
        DrillRun.objects.filter(pk=run.pk, status=DrillStatus.STARTING).update(**changes)
        done += not problem
    return done


def _hand_in(run: DrillRun) -> str:
    """Give the signal to its channel; why that failed, in words, empty when it did not."""
    plan, site = run.plan, run.plan.work_centre.area.site
    source = drill_source(site)
    fields = {"type": plan.type.code, "work_centre": plan.work_centre.code, **_FIELDS.get(plan.type.code, {})}
    if plan.work_unit is not None:
        fields["work_unit"] = plan.work_unit.code
    text = f"Fire drill: {plan.type.name.lower()} at {plan.work_unit or plan.work_centre}"
    if plan.channel == DrillChannel.STATION:
        exceptions.receive_signal(
            source=source, external_id=run.key, text=text, fields=fields, site=site, channel=Channel.STATION
        )
        wake("signals")
        return ""
    named = {
        "kind": fields.pop("type"),
        "line": fields.pop("work_centre"),
        "machine": fields.pop("work_unit", ""),
    }
    body = json.dumps({"id": run.key, "message": text, **named, **fields}).encode()
    now = int(clock.now().timestamp())
    headers = {
        "content-type": "application/json",
        "webhook-id": run.key,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(secret=source.secret, message_id=run.key, timestamp=now, body=body),
    }
    address = f"{settings.PUBLIC_URL}/hooks/{source.code}/"
    try:
        answer = httpx.post(address, content=body, headers=headers, timeout=PATIENCE)
    except httpx.HTTPError as error:
        return f"{address} did not take it: {error or type(error).__name__}"
    return "" if answer.status_code == 202 else f"{address} answered {answer.status_code}"


def _end_all(limit: int) -> int:
    done = 0
    for pk in list(
        DrillRun.objects.filter(status__in=OPEN).order_by("pk").values_list("pk", flat=True)[:limit]
    ):
        with transaction.atomic():
            done += _end(pk)
    return done


def exception_of(run: DrillRun) -> tuple[ExceptionRecord | None, bool]:
    """The record a drill's signal opened, and whether the signal has been read."""
    reading = (
        SignalReading.objects.filter(signal__source__drill=True, signal__external_id=run.key)
        .select_related("exception")
        .first()
    )
    if reading is None:
        return None, False
    return reading.exception, reading.status == ReadingStatus.READ


def _end(pk: int) -> bool:
    """Write the report of a drill that is over and cancel its record; False while it goes on. Locks run and record."""
    rows = DrillRun.objects.filter(pk=pk, status__in=OPEN).select_related("plan__work_centre__area__site")
    claimed = due.claim(rows, 1)
    if not claimed:
        return False
    run, now = claimed[0], clock.now()
    opened, read = exception_of(run)
    exception = exceptions.locked(opened.pk) if opened is not None else None
    if exception is not None and run.exception_id is None:
        run.exception = exception
        run.save(update_fields=["exception"])
    if now < run.ends_at and not (exception is not None and _all_answered(exception)):
        return False
    run.failures = failures_of(run, exception, read=read, now=now)
    run.status = DrillStatus.FAILED if run.failures else DrillStatus.PASSED
    run.finished_at = now
    run.save(update_fields=["failures", "status", "finished_at"])
    if exception is not None:
        DrillLine.objects.bulk_create(lines_of(run, exception))
        _call_off(exception, run)
    hint(f"site.{run.plan.work_centre.area.site_id}", kind="drill", run=run.pk)
    return True


def _all_answered(exception: ExceptionRecord) -> bool:
    waiting = exception.responses.filter(required=True, acknowledged_at=None).exclude(
        Q(status=ResponseStatus.DECLINED) & Q(is_owner=False)
    )
    return not waiting.exists() and nothing_pending(exception)


def _call_off(exception: ExceptionRecord, run: DrillRun) -> None:
    if Status(exception.status) not in CORRELATES:
        return
    exceptions.move(exception=exception, to=Status.CANCELLED)
    exceptions.record_event(
        exception=exception, kind=EventKind.CANCELLED, actor_text="fire drill", via="system",
        text=f"The drill is over: {run.get_status_display().lower()}", data={"drill": run.pk},
    )  # fmt: skip
    exceptions.announce(exception, kind=EventKind.CANCELLED)
