"""Past months, lived through the services with a moved clock.

Each record's life to its close is one transaction, so nobody in the present ever meets it half lived; its postings go
to the in-process ledger at the moments they were due. Chronological, seeded, and safe to break off: a day already
lived is skipped by its signals' ids.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from core import clock
from core.errors import DomainError
from core.services import beat
from decisions_app import services as decisions
from decisions_app.models import Option, TaskStatus
from decisions_app.prefill import prefill
from erp_sync import services as erp
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord, ReadingStatus, Response
from execlayer.simulation.world import Trouble, World, answers_for, decider_for
from metrics_app.periods import Month
from metrics_app.services import freeze_month
from notify_app import services as notices
from plant_app.models import DutyAssignment, Site, User

logger = logging.getLogger(__name__)

HEARTBEAT = "history"
MONTHS_BACK = 3
PER_DAY = {"RHF": 3.2, "GVL": 1.2}
MINUTE = timedelta(minutes=1)
# Nobody lets a colleague wait longer than this on purpose, however long the limit is.
PATIENCE = 50.0
Say = Callable[[str], None]


@dataclass
class Told:
    """How far the filling got."""

    days: int = 0
    records: int = 0
    skipped: int = 0


def fill(
    *,
    seed: int = 118204,
    say: Say = logger.info,
    months_back: int = MONTHS_BACK,
    days_back: int | None = None,
) -> Told:
    """Live every day from the first of the month `months_back` ago to yesterday, at every site; freeze past months.

    `days_back` lives only that many last days instead. A second run with the same seed adds nothing.
    """
    sites = list(Site.objects.order_by("pk"))
    now = clock.now()
    told = Told()
    first = _month_back(Month.of(now, sites[0].timezone), months_back)
    today = clock.today(sites[0].timezone)
    begin = first.first() if days_back is None else today - timedelta(days=days_back)
    days = [begin + timedelta(days=offset) for offset in range((today - begin).days)]
    worlds = {site.pk: World.of(site, random.Random(seed + site.pk)) for site in sites}  # noqa: S311 (a demo's dice)
    beat(HEARTBEAT, done=False, through="", total=len(days))
    for index, day in enumerate(days):
        progress = index / max(1, len(days))
        for site in sites:
            _live_day(worlds[site.pk], day, seed, progress, told)
        if _last_of_month(day) and day < today.replace(day=1):
            _freeze(day, sites)
        told.days += 1
        beat(
            HEARTBEAT,
            done=False,
            through=day.isoformat(),
            days=index + 1,
            total=len(days),
            records=told.records,
        )
        if index % 7 == 6 or index + 1 == len(days):
            say(f"history: {index + 1} of {len(days)} days, {told.records} records")
    beat(
        HEARTBEAT,
        done=True,
        through=days[-1].isoformat() if days else "",
        total=len(days),
        records=told.records,
    )
    return told


def _month_back(month: Month, count: int) -> Month:
    for _ in range(count):
        month = month.previous()
    return month


def _last_of_month(day: date) -> bool:
    return (day + timedelta(days=1)).month != day.month


def _freeze(day: date, sites: list[Site]) -> None:
    month = Month(day.year, day.month)
    after = month.span(sites[0].timezone)[1] + timedelta(hours=13)
    with clock.rehearse(min(after, clock.now())):
        for site in sites:
            freeze_month(month=month, site=site)
        freeze_month(month=month, site=None)


def _live_day(world: World, day: date, seed: int, progress: float, told: Told) -> None:
    """A site's day: a few records at seeded moments, fewer on Sundays."""
    dice = random.Random(f"{seed}-{world.site.code}-{day.isoformat()}")  # noqa: S311 (a demo's dice)
    world.dice = dice
    mean = PER_DAY.get(world.site.code, 1.0) * (0.4 if day.weekday() == 6 else 1.0)
    count = sum(dice.random() < mean / 6 for _ in range(6))
    zone = ZoneInfo(world.site.timezone)
    moments = sorted(
        datetime.combine(day, time(dice.randint(6, 19), dice.randint(0, 59)), tzinfo=zone)
        for _ in range(count)
    )
    for number, moment in enumerate(moments):
        key = f"history-{world.site.code}-{day.isoformat()}-{number}"
        trouble = next((found for _ in range(5) if (found := world.trouble(moment)) is not None), None)
        if trouble is None:
            told.skipped += 1
            continue
        try:
            lived = _Life(trouble, moment, dice, pace=1.35 - 0.4 * progress).live(key)
        except DomainError as error:
            logger.warning("history: %s left out: %s", key, error)
            told.skipped += 1
            continue
        told.records += int(lived)


class _Life:
    """One record from its report to its close, at believable intervals; `pace` above 1 is slower."""

    def __init__(self, trouble: Trouble, moment: datetime, dice: random.Random, *, pace: float) -> None:
        self.trouble = trouble
        self.at = moment
        self.dice = dice
        self.pace = pace

    def live(self, key: str) -> bool:
        """Live it; False when it had been lived before, or would run into the present."""
        with transaction.atomic():
            exception = self._report(key)
            if exception is None:
                return False
            self._answer(exception)
            self._decide(exception)
            self._work(exception)
            self._end(exception)
            # The ledger is no network, so its answers may belong to the same transaction.
            with clock.rehearse(self.at + self._wait(2, 20)):
                erp.send_due(limit=50)
                decisions.handle_settled(limit=50)
        return True

    def _wait(self, low: float, high: float) -> timedelta:
        return self.dice.triangular(low, high, low + (high - low) / 4) * self.pace * MINUTE

    def _report(self, key: str) -> ExceptionRecord | None:
        with clock.rehearse(self.at):
            received = exceptions.receive_signal(
                source=exceptions.source_of(kind="station", site=self.trouble.site),
                external_id=key,
                text=self.trouble.text,
                fields=self.trouble.fields,
                occurred_at=self.at - self._wait(0, 6),
                reporter=self.trouble.reporter,
                site=self.trouble.site,
            )
            if received.replayed and received.reading.status != ReadingStatus.PENDING:
                return None
            reading = exceptions.read_signal(signal_id=received.signal.pk)
            if reading.exception is None or not reading.opened or reading.exception.status != Status.OPEN:
                raise DomainError("history.not_opened", f"{self.trouble.text!r} opened nothing to live on.")
            exception = ExceptionRecord.objects.get(pk=reading.exception.pk)
            decisions.contain(exception_id=exception.pk)
        with clock.rehearse(self.at + timedelta(seconds=2)):
            notices.take_tellings()
            notices.record_told()
        return exception

    def _answer(self, exception: ExceptionRecord) -> None:
        """Every function says yes in its own time; now and then the owner is late and the ladder goes on."""
        answers: list[tuple[datetime, int]] = []
        for response in exception.responses.exclude(status="declined").order_by("pk"):
            late = response.is_owner and self.dice.random() < 0.16 * self.pace
            if late:
                minutes = response.limit_minutes * self.dice.uniform(1.1, 1.8)
            else:
                limit = min(float(response.limit_minutes), PATIENCE)
                minutes = limit * min(0.95, self.dice.triangular(0.1, 0.8, 0.3) * self.pace)
            answers.append((self.at + minutes * MINUTE, response.pk))
        for moment, pk in sorted(answers):
            with clock.rehearse(moment):
                exceptions.escalate_due()
                notices.take_tellings()
                notices.record_told()
                response = Response.objects.select_related("person", "function", "site").get(pk=pk)
                if response.status in {"declined", "done"} or response.answered:
                    continue
                exceptions.acknowledge(response_id=pk, actor=_answerer(response), via="inbox")
                self.at = max(self.at, moment)

    def _decide(self, exception: ExceptionRecord) -> None:
        codes = [code for code, _ in self.trouble.scenario.options]
        weights = [weight for _, weight in self.trouble.scenario.options]
        wanted = self.dice.choices(codes, weights)[0]
        options = {row.code: row for row in Option.objects.filter(playbook__type=exception.type, active=True)}
        self.at += self._wait(3, 35)
        for code in dict.fromkeys([wanted, *codes]):
            option = options.get(code)
            if option is None:
                continue
            with clock.rehearse(self.at):
                exception.refresh_from_db()
                actor = decider_for(exception.site, option.deciders, self.at)
                inputs = _inputs(option, prefill(option, exception, self.at), self.at)
                if actor is None or inputs is None:
                    continue
                try:
                    with transaction.atomic():
                        decisions.decide(
                            exception_id=exception.pk,
                            option_code=code,
                            inputs=inputs,
                            actor=actor,
                            via="desk",
                        )
                    return
                except DomainError:
                    continue
        raise DomainError("history.undecided", f"No option of {exception.type} could be taken.")

    def _work(self, exception: ExceptionRecord) -> None:
        """The blocking tasks, one after the other, the one that clears last."""
        tasks = list(
            exception.tasks.filter(status=TaskStatus.OPEN, blocking=True)
            .select_related("person", "function")
            .order_by("clears", "due_at", "pk")
        )
        for task in tasks:
            self.at += self._wait(3, 45)
            actor = task.person or _of_function(exception.site, task.function_id)
            with clock.rehearse(self.at):
                reason = exception.reason.code if exception.reason else self.trouble.scenario.reason
                decisions.complete_task(
                    task_id=task.pk,
                    actor=actor,
                    result=answers_for(task.asks, self.dice, reason),
                    via="inbox",
                )

    def _end(self, exception: ExceptionRecord) -> None:
        """Whatever is still open ends by hand; follow-ups are done too, so that the past owes nothing."""
        self.at += self._wait(1, 8)
        with clock.rehearse(self.at):
            for task in exception.tasks.filter(status=TaskStatus.OPEN).select_related("person"):
                actor = task.person or _of_function(exception.site, task.function_id)
                decisions.complete_task(
                    task_id=task.pk, actor=actor, result=answers_for(task.asks, self.dice, "")
                )
            exception.refresh_from_db()
            if exception.status in {Status.ACKNOWLEDGED, Status.DECIDED, Status.OPEN}:
                owner = exception.owner or _of_function(exception.site, exception.owner_function_id)
                decisions.resolve(exception_id=exception.pk, actor=owner, reason="Back to normal", via="desk")


def _answerer(response: Response) -> User:
    return response.person or _of_function(response.site, response.function_id)


def _of_function(site: Site, function_id: int) -> User:
    here = DutyAssignment.objects.filter(site=site).select_related("person")
    # Where a site has nobody of a function, its planner answers for it.
    assignment = here.filter(function_id=function_id).first() or here.filter(duty="planner").first()
    if assignment is None:
        raise DomainError("history.nobody", "Nobody of that function exists.")
    return assignment.person


def _inputs(option: Option, values: dict[str, Any], at: datetime) -> dict[str, Any] | None:
    """Prefilled values with the words only a person can add; None where something needed has no believable value."""
    for entry in option.inputs:
        if not entry.get("required") or values.get(entry["name"]) not in (None, ""):
            continue
        if entry["kind"] == "text":
            values[entry["name"]] = "checked at the machine"
        elif entry["kind"] == "datetime":
            values[entry["name"]] = (at + timedelta(hours=2)).isoformat()
        elif entry["kind"] in {"minutes", "number"}:
            values[entry["name"]] = "10"
        elif entry["kind"] == "reason":
            values[entry["name"]] = "UNK"
        elif entry["kind"] == "work_centre":
            values[entry["name"]] = "another line"
        else:
            return None
    return values
