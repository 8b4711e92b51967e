"""Whatever people, machines and the clock do, in whatever order: no live record is without owner, clock and next step.

A random walk over several records by every verb a person has, with time passing and sweeps between. After each step
the whole state is checked; a refusal must carry a code and leave every row as it was. The walk is the same on every
run; `WALKS=200 pytest ...` takes longer ones.
"""

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core import clock
from core.errors import DomainError
from decisions_app import services as decisions
from decisions_app.models import Option, Task
from erp_sync import services as erp_services
from exceptions_app import lifecycle
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import CORRELATES, LIVE
from exceptions_app.models import ExceptionEvent, ExceptionRecord, Response, SignalReading, Telling
from exceptions_app.selectors import WAITING
from exceptions_app.services.records.links import Links
from exceptions_app.services.responses.watchdog import broken
from notify_app import services as notices
from plant_app.models import Absence
from routing_app.services import load_default_rules
from tests.plant_fixtures import KolbeMini, build_kolbe_mini

MORNING = datetime(2026, 11, 17, 9, 14, tzinfo=UTC)
CODE = re.compile(r"[a-z_]+(\.[a-z_0-9]+)+")
TABLES = (
    "exceptions_app_exceptionrecord", "exceptions_app_response", "exceptions_app_telling",
    "exceptions_app_exceptionevent", "exceptions_app_signalreading", "exceptions_app_shelf", "decisions_app_decision",
    "decisions_app_task", "erp_sync_posting", "plant_app_constraint", "plant_app_overlay",
)  # fmt: skip
#: Status reached in one call from another: a chain of allowed edges.
CHAIN = 4
THINGS: tuple[dict[str, str], ...] = (
    {"type": "machine_downtime", "work_unit": "PRS-04"}, {"type": "machine_downtime", "work_unit": "GRD-02"},
    {"type": "material_shortage", "item": "SK-118", "work_unit": "CNC-04"},
    {"type": "quality_hold", "work_unit": "CNC-04", "reason": "DIM-SIZE", "qty_suspect": "36"},
    {"type": "order_change", "so_line": "40017733/10", "kind": "QTY-UP", "new_value": "60"},
    {"type": "labour_shortage", "work_centre": "MILL5", "missing": "1", "kind": "ABS-UNPLANNED"},
    {"type": "safety_stop", "work_unit": "CNC-06"}, {},
)  # fmt: skip
PEOPLE = (
    "ingrid.vogel", "katrin.weber", "jonas.keller", "bernd.hauser", "stefan.roth", "marta.silva", "piotr.nowak",
    "susanne.adler", "sofia.brandt",
)  # fmt: skip
ANSWERS = ("acknowledge", "on_my_way", "arrived", "act", "finish")
FUNCTIONS = ("production", "maintenance", "quality", "planning", "procurement", "logistics", "nonsense")

records = st.integers(0, 5)
numbers = st.integers(0, 7)
people = st.sampled_from(PEOPLE)
functions = st.sampled_from(FUNCTIONS)
reasons = st.sampled_from(("somebody else can do it better", "not our machine", " "))


def reach(start: str, end: str) -> bool:
    """Whether the lifecycle leads from one status to another in one call's worth of moves."""
    found = {start}
    for _ in range(CHAIN):
        found |= {after for before, after in lifecycle.edges() if before in found}
    return end in found


class Plant(RuleBasedStateMachine):
    """The verbs of people, machines and sweeps over the records of one small plant."""

    plant: ClassVar[KolbeMini]

    def __init__(self) -> None:
        super().__init__()
        self.frame = transaction.atomic()
        self.frame.__enter__()
        self.at = MORNING
        self.count = 0
        self.seen: dict[int, str] = {}
        self.events: list[int] = []
        self.last_event = ""

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.frame.__exit__(None, None, None)

    # --- helpers -----------------------------------------------------------------------------------------------
    def who(self, name: str) -> Any:
        return self.plant.people[name]

    def record(self, number: int) -> ExceptionRecord | None:
        rows = list(ExceptionRecord.objects.order_by("pk"))
        return rows[number % len(rows)] if rows else None

    def response(self, record: int, number: int) -> Response | None:
        exception = self.record(record)
        rows = list(Response.objects.filter(exception=exception).select_related("person").order_by("pk"))
        return rows[number % len(rows)] if rows else None

    def try_(self, work: Callable[[], Any]) -> None:
        """Do it now; a refusal has a code and changes nothing."""
        before = prints()
        refusal: DomainError | None = None
        with clock.travel(self.at):
            try:
                with transaction.atomic():
                    work()
            except DomainError as error:
                refusal = error
        if refusal is None:
            return
        assert CODE.fullmatch(refusal.code), refusal.code
        assert refusal.message
        assert prints() == before, f"{refusal.code} changed something"

    def on(self, number: int, work: Callable[[ExceptionRecord], Any]) -> None:
        exception = self.record(number)
        if exception is not None:
            self.try_(lambda: work(exception))

    @initialize()
    def begin(self) -> None:
        """A stop told twice, held parts, and something nobody understands."""
        for thing in (THINGS[0], THINGS[0], THINGS[3], {}):
            self.report(thing, "piotr.nowak")

    # --- signals -----------------------------------------------------------------------------------------------
    @rule(thing=st.sampled_from(THINGS), reporter=people)
    def report(self, thing: dict[str, str], reporter: str) -> None:
        if ExceptionRecord.objects.count() >= 8 and not thing.get("type"):
            return
        self.count += 1

        def send() -> None:
            received = exceptions.receive_signal(
                source=exceptions.source_of(kind="station", site=self.plant.rhf), external_id=f"walk-{self.count}",
                text="" if thing else "there is something odd over there, please look", fields=thing,
                reporter=self.who(reporter), site=self.plant.rhf,
            )  # fmt: skip
            exceptions.read_signal(signal_id=received.signal.pk)
            decisions.contain_due()

        self.try_(send)

    # --- answers -----------------------------------------------------------------------------------------------
    @rule(
        record=records,
        number=numbers,
        verb=st.sampled_from(("acknowledge", "on_my_way", "arrived", "act", "finish")),
    )
    def answer(self, record: int, number: int, verb: str) -> None:
        response = self.response(record, number)
        if response is not None:
            actor = response.person or self.who("ingrid.vogel")
            self.try_(lambda: getattr(exceptions, verb)(response_id=response.pk, actor=actor, via="walk"))

    @rule(record=records, who=people)
    def everybody_acknowledges(self, record: int, who: str) -> None:
        exception = self.record(record)
        for response in exception.responses.filter(required=True) if exception else ():
            self.try_(lambda pk=response.pk: exceptions.acknowledge(  # type: ignore[misc]
                response_id=pk, actor=self.who("ingrid.vogel"), via="walk"))  # fmt: skip

    @rule(record=records, number=numbers, reason=reasons)
    def decline(self, record: int, number: int, reason: str) -> None:
        response = self.response(record, number)
        if response is not None:
            actor = response.person or self.who("sofia.brandt")
            self.try_(
                lambda: exceptions.decline(response_id=response.pk, actor=actor, via="walk", reason=reason)
            )

    @rule(record=records, number=numbers, who=people)
    def take_over(self, record: int, number: int, who: str) -> None:
        response = self.response(record, number)
        if response is not None:
            self.try_(lambda: exceptions.take_over(response_id=response.pk, actor=self.who(who)))

    @rule(record=records, who=people, function=functions, reason=reasons, stale=st.booleans())
    def reroute(self, record: int, who: str, function: str, reason: str, stale: bool) -> None:
        self.on(record, lambda row: exceptions.reroute(
            exception_id=row.pk, actor=self.who(who), function_code=function, reason=reason,
            expected_version=row.version - 1 if stale else row.version))  # fmt: skip

    @rule(record=records, who=people, function=functions, required=st.booleans())
    def add_function(self, record: int, who: str, function: str, required: bool) -> None:
        self.on(record, lambda row: exceptions.add_function(
            exception_id=row.pk, function_code=function, required=required, actor=self.who(who), why="x"))  # fmt: skip

    @rule(
        record=records,
        number=numbers,
        who=people,
        what=st.sampled_from(("must", "inform", "off")),
        reason=reasons,
    )
    def change_function(self, record: int, number: int, who: str, what: str, reason: str) -> None:
        response = self.response(record, number)
        if response is None:
            return
        if what == "off":
            self.try_(lambda: exceptions.remove_function(
                response_id=response.pk, actor=self.who(who), reason=reason))  # fmt: skip
        else:
            self.try_(lambda: exceptions.set_required(
                response_id=response.pk, required=what == "must", actor=self.who(who), why=reason))  # fmt: skip

    # --- deciding and ending -----------------------------------------------------------------------------------
    @rule(record=records, number=numbers, who=people, hours=st.integers(1, 60))
    def decide(self, record: int, number: int, who: str, hours: int) -> None:
        exception = self.record(record)
        if exception is None:
            return
        options = list(Option.objects.filter(playbook__type=exception.type, active=True).order_by("pk"))
        if not options:
            return
        option = options[number % len(options)]
        self.try_(lambda: decisions.decide(
            exception_id=exception.pk, option_code=option.code, inputs=self.inputs(option.inputs, hours),
            actor=self.who(who), reason="in time"))  # fmt: skip

    def inputs(self, specs: list[dict[str, Any]], hours: int) -> dict[str, Any]:
        later = (self.at + timedelta(hours=hours)).isoformat()
        kinds = {"datetime": later, "bool": "yes", "text": "as said", "unit": "PRS-03", "item": "SK-119"}
        return {
            spec["name"]: (spec.get("choices") or [kinds.get(spec.get("kind", "text"), "12")])[0]
            for spec in specs
            if spec.get("required")
        }

    @rule(record=records, number=numbers, who=people)
    def reverse(self, record: int, number: int, who: str) -> None:
        self.on(record, lambda row: decisions.reverse_decision(
            exception_id=row.pk, number=number % 3 + 1, actor=self.who(who), reason="wrong"))  # fmt: skip

    @rule(record=records, number=numbers)
    def finish_task(self, record: int, number: int) -> None:
        exception = self.record(record)
        tasks = list(Task.objects.filter(exception=exception).order_by("-status", "pk")) if exception else []
        if tasks:
            task = tasks[number % len(tasks)]
            actor = task.person or self.who("ingrid.vogel")
            self.try_(lambda: decisions.complete_task(
                task_id=task.pk, actor=actor, result=self.inputs(task.asks, 1)))  # fmt: skip

    @rule(record=records)
    def finish_every_task(self, record: int) -> None:
        exception = self.record(record)
        for task in list(Task.objects.filter(exception=exception, status="open")) if exception else ():
            actor = task.person or self.who("ingrid.vogel")
            self.try_(lambda task=task, actor=actor: decisions.complete_task(  # type: ignore[misc]
                task_id=task.pk, actor=actor, result=self.inputs(task.asks, 1)))  # fmt: skip

    @rule(record=records, who=people, reason=reasons,
          verb=st.sampled_from(("resolve", "reopen", "cancel", "restore", "clear")))  # fmt: skip
    def end(self, record: int, who: str, reason: str, verb: str) -> None:
        more = {} if verb == "clear" else {"reason": reason}
        self.on(
            record, lambda row: getattr(decisions, verb)(exception_id=row.pk, actor=self.who(who), **more)
        )

    @rule(first=records, second=records, who=people)
    def merge(self, first: int, second: int, who: str) -> None:
        into = self.record(second)
        if into is not None:
            self.on(first, lambda row: decisions.merge(
                exception_id=row.pk, into_id=into.pk, actor=self.who(who), reason="the same"))  # fmt: skip

    @rule(record=records, back=st.booleans())
    def split(self, record: int, back: bool) -> None:
        actor = self.who("ingrid.vogel")
        if back:
            self.on(record, lambda row: decisions.undo_split(exception_id=row.pk, actor=actor, reason=""))
            return

        def apart(row: ExceptionRecord) -> None:
            ids = list(
                SignalReading.objects.filter(exception=row).order_by("pk").values_list("signal_id", flat=True)
            )
            decisions.split(exception_id=row.pk, signal_ids=ids[1:], actor=actor, reason="two things")

        self.on(record, apart)

    @rule(record=records, thing=st.sampled_from(THINGS[:5]))
    def sort(self, record: int, thing: dict[str, str]) -> None:
        fields = {name: thing[name] for name in ("type", "work_unit", "item") if name in thing}
        self.on(record, lambda row: exceptions.correct(
            exception_id=row.pk, fields=fields, actor=self.who("ingrid.vogel"), via="walk"))  # fmt: skip

    @rule(unit=st.sampled_from(("PRS-04", "GRD-02")), hours=st.integers(0, 4))
    def shelve(self, unit: str, hours: int) -> None:
        links = Links(site=self.plant.rhf, work_unit=self.plant.units[unit])
        self.try_(lambda: exceptions.shelve(
            links=links, type_=self.plant.types["machine_downtime"], ends_at=self.at + timedelta(hours=hours),
            reason="known", author=self.who("ingrid.vogel"), people_too=True))  # fmt: skip

    @rule(who=people, hours=st.integers(1, 30))
    def away(self, who: str, hours: int) -> None:
        Absence.objects.create(
            person=self.who(who), start=self.at, end=self.at + timedelta(hours=hours), created_at=self.at
        )

    # --- time --------------------------------------------------------------------------------------------------
    @precondition(lambda self: self.count)
    @rule(minutes=st.sampled_from((1, 9, 20, 45, 90, 300, 1500)))
    def time_passes(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)
        with clock.travel(self.at):
            exceptions.release_held()
            exceptions.read_due_signals()
            decisions.contain_due()
            exceptions.escalate_due()
            erp_services.send_due()
            decisions.handle_settled()
            notices.take_tellings()
            notices.record_told()
            assert exceptions.watch().repaired == 0
            due = Response.objects.filter(next_level_at__lte=self.at, status__in=WAITING, required=True)
            assert not due.filter(exception__status__in=CORRELATES).exists()
            assert not ExceptionRecord.objects.filter(
                status__in=CORRELATES, next_escalation_at__lte=self.at
            ).exists()

    # --- what always holds -------------------------------------------------------------------------------------
    @invariant()
    def nothing_is_forgotten(self) -> None:
        assert list(broken().values_list("ref", "status", "next_step")) == []
        for exception in ExceptionRecord.objects.filter(status__in=LIVE).prefetch_related("responses"):
            owners = [row for row in exception.responses.all() if row.is_owner]
            assert len(owners) == 1, exception.ref
            owner = owners[0]
            assert owner.status != "declined", exception.ref
            assert owner.required, exception.ref
            assert (owner.person_id, owner.function_id) == (exception.owner_id, exception.owner_function_id)
            if exception.status in ("acknowledged", "decided") and owner.answered:
                assert owner.acknowledged_at is not None
            if exception.status == "open":
                assert not owner.answered, exception.ref
            if exception.aligned_at is not None and exception.status != "triage":
                waiting = [row.function_id for row in exception.responses.all() if row.required
                           and not row.answered and row.status != "declined"]  # fmt: skip
                assert waiting == [], exception.ref

    @invariant()
    def what_is_over_asks_nobody(self) -> None:
        over = Response.objects.exclude(exception__status__in=LIVE)
        assert not over.filter(next_level_at__isnull=False).exists()
        assert not over.filter(remind_at__isnull=False).exists()
        assert not over.filter(lapses_at__isnull=False).exists()

    @invariant()
    def one_answer_is_in_force(self) -> None:
        for exception in ExceptionRecord.objects.filter(status__in=LIVE):
            standing = list(exception.decisions.filter(reversed_at=None).select_related("option"))
            assert len(standing) <= 1 or all(one.option.by_quantity for one in standing), exception.ref

    @invariant()
    def the_story_only_grows(self) -> None:
        rows = list(ExceptionEvent.objects.order_by("pk").values_list("pk", flat=True))
        assert rows[: len(self.events)] == self.events
        self.events = rows

    @invariant()
    def only_along_the_lifecycle(self) -> None:
        now = dict(ExceptionRecord.objects.values_list("pk", "status"))
        for pk, before in self.seen.items():
            assert now[pk] == before or reach(before, now[pk]), (before, now[pk])
        self.seen = now


def prints() -> list[str]:
    """One figure a table: any changed, added or removed row changes it."""
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT coalesce(sum(hashtextextended(t::text, 0)), 0)::text || count(*) FROM {table} t"  # noqa: S608
                for table in TABLES
            )
        )
        return [row[0] for row in cursor.fetchall()]


@pytest.fixture
def built(db: None) -> Iterator[KolbeMini]:
    """The small plant on a working morning."""
    with clock.travel(MORNING):
        plant = build_kolbe_mini()
        load_default_rules()
        decisions.load_default_playbooks()
        exceptions.load_default_sources()
        yield plant


def test_no_sequence_of_calls_leaves_a_record_without_owner_clock_and_next_step(built: KolbeMini) -> None:
    Plant.plant = built
    steps: list[int] = []
    ended = Plant.teardown

    def teardown(self: Plant) -> None:
        steps.append(len(self.events))
        assert not Telling.objects.filter(taken_at=None, dropped="", due_at__lt=MORNING).exists()
        ended(self)

    Plant.teardown = teardown  # type: ignore[method-assign]
    try:
        run_state_machine_as_test(
            Plant,
            settings=settings(
                max_examples=int(os.environ.get("WALKS", "8")), stateful_step_count=40, deadline=None,
                derandomize=True, database=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
    finally:
        Plant.teardown = ended  # type: ignore[method-assign]
    # the walks went somewhere
    assert sum(steps) > 100
