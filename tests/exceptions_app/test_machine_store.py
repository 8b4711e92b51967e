"""What the bridge writes: fenced by the lease, once per transition, and read in order into records."""

import re
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core import clock
from exceptions_app import services
from exceptions_app.machine.book import Binding
from exceptions_app.machine.nodes import Node, Told, finder
from exceptions_app.machine.samples import Change, Transition
from exceptions_app.machine.topics import read_json
from exceptions_app.models import BridgeNode, ExceptionRecord, MachineSignal, Signal, SignalReading, Source
from exceptions_app.services.machine import leases
from exceptions_app.services.machine.definitions import (
    COLUMNS,
    book_of,
    definition_of,
    import_definitions,
    sentence_of,
)
from exceptions_app.services.machine.store import Batch, Fault, NodeWrite, write_batch
from plant_app.models import UnitState
from plant_app.services.live import set_unit_state
from tests.exceptions_app.bridge_fixtures import define, mqtt_source
from tests.exceptions_app.conftest import MORNING
from tests.plant_fixtures import KolbeMini

ROOT = Path(__file__).parents[2]
NOW = int(MORNING.timestamp() * 1000)


@pytest.fixture
def source(plant: KolbeMini) -> Source:
    return mqtt_source(plant, None)


def claimed(source: Source, owner: str = "1@a", slot: int = 1) -> leases.Held:
    leases.add_nodes(source=source, keys=["plant/MACH/CNC-04/status"])
    (held,) = leases.claim_nodes(source=source, owner=owner, slot=slot, limit=5, lease_seconds=10)
    return held


def told(row: MachineSignal, change: Change, first: int = NOW - 60_000, **values: Any) -> Told:
    transition = Transition(
        change, first=first, occurred=values.pop("occurred", first), confirmed=NOW, **values
    )
    return Told(Binding(definition_of(row), "CNC-04"), transition)


def write(
    source: Source, held: leases.Held, *news: Told, owner: str = "1@a", faults: Any = ()
) -> frozenset[int]:
    node = NodeWrite(
        pk=held.pk, key=held.key, epoch=held.epoch, state={"signals": [], "states": {}}, counters={"late": 1},
        heard_at=NOW, online=True, seq=-1, bd_seq=-1, told=list(news), faults=list(faults), fault="",
    )  # fmt: skip
    return write_batch(Batch(source, owner, [node]))


def test_a_transition_written_twice_is_one_signal_and_one_record(plant: KolbeMini, source: Source) -> None:
    row, held = define(source, plant, text="{unit} stopped: {value}"), claimed(source)
    for _ in range(2):
        assert write(source, held, told(row, Change.OPENED, value="fault")) == frozenset()
    services.read_due_signals()

    signal = Signal.objects.get()
    assert signal.external_id == f"n{held.pk}/run/CNC-04/{NOW - 60_000}/opened"
    exception = ExceptionRecord.objects.get()
    assert (exception.status, exception.type.code) == ("open", "machine_downtime")
    assert exception.occurred_at == MORNING - timedelta(seconds=60)


def test_a_worker_whose_lease_went_to_another_writes_nothing(plant: KolbeMini, source: Source) -> None:
    row, held = define(source, plant), claimed(source)
    with clock.travel(MORNING + timedelta(seconds=11)):
        (taken,) = leases.claim_nodes(source=source, owner="2@b", slot=2, limit=5, lease_seconds=10)
        assert taken.epoch == held.epoch + 1
        assert write(source, held, told(row, Change.OPENED)) == frozenset({held.pk})
        assert Signal.objects.count() == 0
        assert BridgeNode.objects.get().counters == {}
        assert write(source, held) == frozenset({held.pk})
        assert leases.renew_nodes(source=source, owner="1@a", lease_seconds=10) == frozenset()
        assert write(source, taken, told(row, Change.OPENED), owner="2@b") == frozenset()
    assert Signal.objects.count() == 1


def test_a_lease_that_holds_is_taken_by_nobody_but_a_later_process_of_the_same_slot(
    plant: KolbeMini, source: Source
) -> None:
    held = claimed(source)
    assert leases.claim_nodes(source=source, owner="2@b", slot=2, limit=5, lease_seconds=10) == []
    (again,) = leases.claim_nodes(source=source, owner="1@later", slot=1, limit=5, lease_seconds=10)
    assert (again.pk, again.epoch) == (held.pk, held.epoch + 1)
    leases.release_nodes(owner="1@later", nodes=[again.pk])
    (free,) = leases.claim_nodes(source=source, owner="2@b", slot=2, limit=5, lease_seconds=10)
    assert free.pk == held.pk


def test_two_signals_of_one_machine_are_one_record_that_ends_with_the_last_of_them(
    plant: KolbeMini, source: Source
) -> None:
    run, fault, held = define(source, plant), define(source, plant, code="fault"), claimed(source)
    write(source, held, told(run, Change.OPENED), told(fault, Change.OPENED, first=NOW - 50_000))
    services.read_due_signals()
    exception = ExceptionRecord.objects.get()
    write(source, held, told(fault, Change.CLEARED, first=NOW - 50_000, occurred=NOW - 20_000))
    services.read_due_signals()
    exception.refresh_from_db()
    assert exception.cleared_at is None
    write(source, held, told(run, Change.CLEARED, occurred=NOW - 10_000))
    services.read_due_signals()
    exception.refresh_from_db()
    assert exception.cleared_at == MORNING - timedelta(seconds=10)


def test_an_end_is_not_read_before_its_beginning(plant: KolbeMini, source: Source) -> None:
    row, held = define(source, plant), claimed(source)
    write(source, held, told(row, Change.OPENED), told(row, Change.CLEARED, occurred=NOW - 5000))
    first = SignalReading.objects.order_by("pk")[0]
    SignalReading.objects.filter(pk=first.pk).update(due_at=MORNING + timedelta(seconds=4))
    services.read_due_signals()
    assert list(SignalReading.objects.order_by("pk").values_list("status", flat=True)) == [
        "pending",
        "pending",
    ]
    with clock.travel(MORNING + timedelta(seconds=5)):
        services.read_due_signals()
        services.read_due_signals()
    assert ExceptionRecord.objects.get().cleared_at == MORNING - timedelta(seconds=5)


def test_a_bad_sensor_is_a_question_for_people_and_takes_no_machine_out_of_the_plan(
    plant: KolbeMini, source: Source
) -> None:
    row, held = define(source, plant), claimed(source)
    until = NOW + 3_600_000
    write(source, held, told(row, Change.SHELVED, until=until))
    write(source, held, told(row, Change.SHELVED, first=NOW - 1000, until=until))
    services.read_due_signals()

    item = ExceptionRecord.objects.get()
    assert (item.status, item.type.code, item.work_unit) == ("triage", "unsorted", plant.units["CNC-04"])
    assert item.owner_function_id is not None
    assert Signal.objects.filter(reading__exception=item).count() == 2
    assert plant.units["CNC-04"].states.get(until=None).state == UnitState.RUNNING
    write(source, held, told(row, Change.UNSHELVED, first=until))
    services.read_due_signals()
    item.refresh_from_db()
    assert item.cleared_at is not None


def test_an_unreadable_message_is_kept_with_a_question(plant: KolbeMini, source: Source) -> None:
    define(source, plant)
    held = claimed(source)
    fault = Fault("not JSON", "plant/MACH/CNC-04/status", "{bro\\x00ken", NOW)
    write(source, held, faults=[fault])
    write(source, held, faults=[fault])
    services.read_due_signals()
    signal = Signal.objects.get()
    assert signal.payload["raw"] == "{bro\\x00ken"
    assert ExceptionRecord.objects.get().status == "triage"


def test_the_book_knows_units_by_their_topic_level_and_what_stands_as_planned(
    plant: KolbeMini, source: Source
) -> None:
    define(source, plant)
    define(source, plant, code="off", active=False)
    set_unit_state(work_unit=plant.units["CNC-05"], state=UnitState.SETUP)
    book = book_of(source)
    assert [one.code for one in book.definitions] == ["run"]
    assert [one.unit for one in book.on_topic("plant/MACH/cnc-04/status")] == ["CNC-04"]
    assert book.on_topic("plant/MACH/XYZ/status") == []
    assert book.strangers(["plant", "MACH", "XYZ", "status"]) == ["XYZ"]
    assert book.strangers(["plant", "MACH", "CNC-04", "status"]) == []
    assert book.on_topic("plant/MACH/G-CNC-01/status") == []  # another site's
    assert book.planned == frozenset({"CNC-05"})


def test_definitions_are_imported_all_or_none_and_changed_by_their_code(
    plant: KolbeMini, source: Source
) -> None:
    table = (
        "code;topic;metric;work_unit;kind;operator;operand;on_delay;exception_type;reason\n"
        "run-4;plant/cnc4;state;CNC-04;state;is;STOPPED, FAULT;12,5;machine_downtime;\n"
        "temp-5;plant/cnc5;temp;cnc-05;number;above;80;5;;\n"
    )
    done = import_definitions(source=source, text=table)
    assert (done.added, done.changed, done.problems) == (2, 0, [])
    row = MachineSignal.objects.get(code="run-4")
    assert (row.on_delay, row.work_unit, row.exception_type.code) == (
        12.5,
        plant.units["CNC-04"],
        "machine_downtime",
    )
    assert sentence_of(row).startswith(
        "When state of plant/cnc4 is STOPPED or FAULT for 12.5 s, CNC-04 has a machine downtime;"
    )
    done = import_definitions(source=source, text=table.replace("12,5", "20"))
    assert (done.added, done.changed) == (0, 2)
    bad = import_definitions(
        source=source,
        text="code,topic,operand,kind,operator,work_unit,on_delay\nok,a/b,RUN,state,is,CNC-04,30\n"
        "x,a/#,RUN,state,is,CNC-04,1\ny,a/b,hot,number,above,CNC-04,1\nz,a/b,RUN,state,is,,1\nq,a/b,R,state,is,NOPE,x\n",
    )
    assert [line for line, _ in bad.problems] == [3, 4, 5, 6]
    assert not MachineSignal.objects.filter(code="ok").exists()
    assert import_definitions(source=source, text="topic,colour\na,b\n").problems == [
        (1, "unknown columns: colour")
    ]


def test_the_worked_example_of_the_documentation_works(plant: KolbeMini, source: Source) -> None:
    section = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8").partition("## Machine data")[2]
    section = section.partition("\n## ")[0]
    table, payload = (
        textwrap.dedent(re.search(rf"( *)```{kind}\n(.*?)```", section, re.DOTALL)[2])  # type: ignore[index]
        for kind in ("csv", "json")
    )
    assert import_definitions(source=source, text=table).problems == []
    topic = "plant/MACH/CNC-04/status"
    node = Node(topic, finder(book_of(source), topic, sparkplug=False))
    node.paths = list(dict.fromkeys(one.definition.paths for one in book_of(source).on_topic(topic)))
    node.feed(read_json(topic, payload.encode(), node.paths, NOW - 20_000))
    node.tick(NOW)
    (found,) = node.told
    assert (found.binding.unit, found.transition.change) == ("CNC-04", Change.OPENED)
    write(source, claimed(source), *node.told)
    services.read_due_signals()
    exception = ExceptionRecord.objects.get()
    assert (exception.work_unit, exception.status) == (plant.units["CNC-04"], "open")
    assert exception.occurred_at.isoformat() == "2026-11-17T09:13:40+00:00"
    for column in COLUMNS:  # every setting there is has its word in the documentation
        assert column in section or column in ("code", "topic", "active", "text", "reason", "exception_type")
