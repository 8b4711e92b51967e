"""MTConnect with an agent that speaks the protocol over HTTP: nothing of its buffer is lost or judged twice, and an
agent or device that is gone is never a machine down.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from exceptions_app import services
from exceptions_app.models import BridgeNode, ExceptionRecord, Signal, Source
from exceptions_app.services.machine.definitions import book_of, import_definitions
from tests.exceptions_app.bridge_fixtures import ROOT, changes, ms, plant, wait_for
from tests.exceptions_app.link_fixtures import Bridge, define_link, fault, knows, links, state_of
from tests.mtconnect_agent import Agent, Item, running_agent
from tests.plant_fixtures import KolbeMini

__all__ = ["links", "plant"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

Links = Callable[..., Bridge]
ITEMS = [
    Item(unit, f"{unit}-{name}", kind, name)
    for unit in ("CNC-04", "CNC-05")
    for name, kind in (("exec", "Execution"), ("avail", "Availability"), ("system", "Condition"))
]


@pytest.fixture
def agent() -> Iterator[Agent]:
    with running_agent(ITEMS) as running:
        yield running


def agent_source(plant: KolbeMini, agent: Agent, **config: Any) -> Source:
    return Source.objects.create(
        code="mtc", name="Machines", channel="machine", adapter="mtconnect", site=plant.rhf,
        config={"url": agent.url, "interval": 100, "heartbeat": 2, **config},
    )  # fmt: skip


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, tz=UTC)


def counted(name: str) -> int:
    return sum(node.counters.get(name, 0) for node in BridgeNode.objects.all())


@pytest.mark.parametrize(
    "config", [{"mode": "stream"}, {"mode": "poll"}, {"mode": "stream", "device": "CNC-04"}]
)
def test_a_stop_opens_at_the_agents_time_and_running_again_clears_it(
    plant: KolbeMini, agent: Agent, links: Links, config: dict[str, str]
) -> None:
    agent.say("CNC-04-exec", "ACTIVE")
    define_link(agent_source(plant, agent, **config), plant, metric="exec", operand="STOPPED, INTERRUPTED")
    links("bridge_mtconnect")
    knows("CNC-04", "ACTIVE")

    stopped = ms()
    agent.say("CNC-04-exec", "INTERRUPTED", stopped)
    wait_for(lambda: changes() == ["opened"], "the stop")
    services.read_due_signals()
    exception = ExceptionRecord.objects.get()
    assert exception.type.code == "machine_downtime"
    assert exception.work_unit == plant.units["CNC-04"]
    assert exception.occurred_at == moment(stopped)

    again = ms()
    agent.say("CNC-04-exec", "ACTIVE", again)
    wait_for(lambda: changes() == ["opened", "cleared"], "the all-clear")
    services.read_due_signals()
    exception.refresh_from_db()
    assert exception.cleared_at == moment(again)
    assert ExceptionRecord.objects.count() == 1
    assert counted("gaps") == 0


def test_a_condition_is_its_worst_until_the_last_of_its_faults_is_gone(
    plant: KolbeMini, agent: Agent, links: Links
) -> None:
    agent.say("CNC-04-system", "Normal")
    define_link(
        agent_source(plant, agent), plant, metric="CNC-04-system", topic="CNC-04", work_unit=plant.units["CNC-04"],
        operand="FAULT", on_delay=0, off_delay=0, reorder_within=0,
    )  # fmt: skip
    links("bridge_mtconnect")
    knows("CNC-04", "NORMAL")
    agent.say("CNC-04-system", "Warning", code="W1")
    knows("CNC-04", "WARNING")
    agent.say("CNC-04-system", "Fault", code="F1")
    agent.say("CNC-04-system", "Fault", code="F2")
    wait_for(lambda: changes() == ["opened"], "the fault")
    agent.say("CNC-04-system", "Normal", code="F1")
    agent.say("CNC-04-system", "Warning", code="W2")
    wait_for(
        lambda: BridgeNode.objects.get().state["mark"]["next"] == agent.state.next, "all of it to be stored"
    )
    assert changes() == ["opened"]
    agent.say("CNC-04-system", "Normal", code="F2")
    wait_for(lambda: changes() == ["opened", "cleared"], "the last fault to go")
    knows("CNC-04", "WARNING")
    agent.say("CNC-04-system", "Normal")
    knows("CNC-04", "NORMAL")


def test_an_unavailable_machine_is_no_data_and_never_a_stop(
    plant: KolbeMini, agent: Agent, links: Links
) -> None:
    agent.say("CNC-04-exec", "ACTIVE")
    define_link(
        agent_source(plant, agent), plant, metric="exec", operator="is_not", operand="ACTIVE", silence_after=4.0,
        topic="CNC-04", work_unit=plant.units["CNC-04"], on_delay=0.5,
    )  # fmt: skip
    links("bridge_mtconnect")
    knows("CNC-04", "ACTIVE")
    agent.say("CNC-04-exec", "UNAVAILABLE")
    wait_for(lambda: changes() == ["no_data"], "the silence")
    services.read_due_signals()
    item = ExceptionRecord.objects.get()
    assert (item.type.code, item.status, item.work_unit) == ("unsorted", "triage", plant.units["CNC-04"])

    agent.say("CNC-04-exec", "ACTIVE")
    wait_for(lambda: changes() == ["no_data", "data_back"], "the data to be back")
    services.read_due_signals()
    item.refresh_from_db()
    assert item.cleared_at is not None
    assert not ExceptionRecord.objects.filter(type__code="machine_downtime").exists()


def test_a_dead_agent_is_no_data_and_what_its_buffer_kept_is_judged_when_it_is_back(
    plant: KolbeMini, agent: Agent, links: Links
) -> None:
    agent.say("CNC-04-exec", "ACTIVE")
    define_link(agent_source(plant, agent), plant, metric="exec", topic="CNC-04", work_unit=plant.units["CNC-04"],
                silence_after=8.0, on_delay=3.0, off_delay=0)  # fmt: skip
    links("bridge_mtconnect")
    knows("CNC-04", "ACTIVE")
    stopped = ms()
    agent.say("CNC-04-exec", "STOPPED", stopped)
    wait_for(lambda: state_of("CNC-04").get("phase") == "pending", "the delay to be stored")
    agent.stop()
    agent.say("CNC-04-exec", "ACTIVE", stopped + 5000)
    agent.say("CNC-04-exec", "STOPPED", stopped + 6000)
    agent.say("CNC-04-exec", "ACTIVE", stopped + 7000)

    wait_for(lambda: changes() == ["no_data"], "the silence")
    services.read_due_signals()
    assert [item.type.code for item in ExceptionRecord.objects.all()] == ["unsorted"]
    assert fault()

    agent.start()
    wait_for(lambda: len(changes()) >= 4, "what the buffer kept")
    # one stop of five seconds; the second was over before its delay
    assert changes() == ["no_data", "data_back", "opened", "cleared"]
    assert Signal.objects.get(payload__change="opened").occurred_at == moment(stopped)
    assert Signal.objects.get(payload__change="cleared").occurred_at == moment(stopped + 5000)
    assert counted("gaps") == 0


def test_a_bridge_killed_during_the_delay_reads_on_where_it_was_and_tells_once(
    plant: KolbeMini, agent: Agent, links: Links
) -> None:
    agent.say("CNC-04-exec", "ACTIVE")
    agent.say("CNC-05-exec", "ACTIVE", ms() - 60_000)
    define_link(agent_source(plant, agent), plant, metric="exec", on_delay=6.0, off_delay=0)
    bridge = links("bridge_mtconnect")
    knows("CNC-04", "ACTIVE")
    knows("CNC-05", "ACTIVE")
    stopped = ms()
    agent.say("CNC-04-exec", "STOPPED", stopped)
    wait_for(lambda: state_of("CNC-04").get("phase") == "pending", "the delay to be stored")
    bridge.kill()
    assert changes() == []
    # a whole stop of the other machine while no bridge looks
    agent.say("CNC-05-exec", "STOPPED", stopped - 20_000)
    agent.say("CNC-05-exec", "ACTIVE", stopped - 5000)

    second = links("bridge_mtconnect")
    wait_for(lambda: len(changes()) == 3, "both stops, told by the next bridge")
    assert sorted(changes()) == ["cleared", "opened", "opened"]
    told = Signal.objects.filter(payload__change="opened").order_by("occurred_at")
    assert list(told.values_list("fields__work_unit", "occurred_at")) == [
        ("CNC-05", moment(stopped - 20_000)), ("CNC-04", moment(stopped)),
    ]  # fmt: skip
    second.kill()
    links("bridge_mtconnect")
    agent.say("CNC-04-exec", "ACTIVE")
    wait_for(lambda: len(changes()) == 4, "the all-clear")
    assert sorted(changes()) == ["cleared", "cleared", "opened", "opened"]
    assert counted("gaps") == 0


def test_an_overrun_buffer_begins_again_with_what_is_current(plant: KolbeMini, links: Links) -> None:
    with running_agent(ITEMS, size=16) as agent:
        agent.say("CNC-04-exec", "ACTIVE")
        define_link(agent_source(plant, agent, mode="poll"), plant, metric="exec", on_delay=0)
        bridge = links("bridge_mtconnect")
        knows("CNC-04", "ACTIVE")
        bridge.kill()
        for _ in range(40):
            agent.say("CNC-05-avail", "AVAILABLE")
        stopped = ms()
        agent.say("CNC-04-exec", "STOPPED", stopped)
        for _ in range(20):
            agent.say("CNC-05-avail", "AVAILABLE")  # pushes the stop itself out of the buffer
        links("bridge_mtconnect")
        wait_for(lambda: changes() == ["opened"], "the stop from what is current")
        assert Signal.objects.get(payload__change="opened").occurred_at == moment(stopped)
        wait_for(lambda: counted("gaps") >= 1, "the gap to be counted")


def test_a_buffer_that_runs_away_from_a_slow_reader_is_noticed(plant: KolbeMini, links: Links) -> None:
    with running_agent(ITEMS, size=16) as agent:
        agent.say("CNC-04-exec", "ACTIVE")
        define_link(agent_source(plant, agent, mode="poll", interval=1500), plant, metric="exec", on_delay=0)
        links("bridge_mtconnect")
        knows("CNC-04", "ACTIVE")
        agent.say("CNC-04-exec", "STOPPED")
        for _ in range(60):
            agent.say("CNC-05-avail", "AVAILABLE")
        wait_for(lambda: changes() == ["opened"], "the stop after OUT_OF_RANGE")
        agent.say("CNC-04-exec", "ACTIVE")
        wait_for(lambda: changes() == ["opened", "cleared"], "reading on after it")


@pytest.mark.parametrize("mode", ["stream", "poll"])
def test_an_agent_that_began_anew_is_read_from_the_start(
    plant: KolbeMini, agent: Agent, links: Links, mode: str
) -> None:
    agent.say("CNC-04-exec", "ACTIVE")
    define_link(agent_source(plant, agent, mode=mode), plant, metric="exec", on_delay=0)
    links("bridge_mtconnect")
    knows("CNC-04", "ACTIVE")
    agent.say("CNC-04-exec", "STOPPED")
    wait_for(lambda: changes() == ["opened"], "the stop")
    agent.lose()
    wait_for(lambda: state_of("CNC-04").get("bad"), "what is unavailable to be stale")
    assert changes() == ["opened"]
    agent.say("CNC-04-exec", "ACTIVE")
    wait_for(lambda: changes() == ["opened", "cleared"], "the all-clear under new numbers")
    marks = [node.state["mark"]["instance"] for node in BridgeNode.objects.filter(key="CNC-04")]
    assert marks == [agent.state.instance]


def test_two_bridges_share_the_devices_and_one_takes_over(
    plant: KolbeMini, agent: Agent, links: Links
) -> None:
    for unit in ("CNC-04", "CNC-05"):
        agent.say(f"{unit}-exec", "ACTIVE")
    define_link(agent_source(plant, agent), plant, metric="exec")
    first = links("bridge_mtconnect", slot=1)
    knows("CNC-04", "ACTIVE")
    knows("CNC-05", "ACTIVE")
    links("bridge_mtconnect", slot=2)

    def held(slot: int) -> int:
        return BridgeNode.objects.filter(owner__startswith=f"{slot}@").count()

    wait_for(lambda: (held(1), held(2)) == (1, 1), "an equal share")
    stopped = ms()
    for unit in ("CNC-04", "CNC-05"):
        agent.say(f"{unit}-exec", "STOPPED", stopped)
    first.kill()
    wait_for(lambda: held(2) == 2, "the second bridge to take over")
    wait_for(lambda: len(changes()) == 2, "both stops")
    assert changes() == ["opened"] * 2
    assert set(Signal.objects.values_list("fields__work_unit", flat=True)) == {"CNC-04", "CNC-05"}


def test_what_is_no_document_is_kept_for_a_person_and_reading_goes_on(
    plant: KolbeMini, agent: Agent, links: Links
) -> None:
    agent.say("CNC-04-exec", "ACTIVE")
    define_link(agent_source(plant, agent, mode="poll"), plant, metric="exec", on_delay=0)
    links("bridge_mtconnect")
    knows("CNC-04", "ACTIVE")
    agent.state.garbage = (
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><MTConnectStreams>&x;'
        b"</MTConnectStreams>"
    )
    agent.say("CNC-04-exec", "STOPPED")
    wait_for(lambda: "opened" in changes(), "the stop after the broken answer")
    kept = wait_for(
        lambda: [row for row in Signal.objects.all() if "raw" in row.payload], "the broken answer to be kept"
    )
    assert "document type" in kept[0].payload["why"]
    assert "ENTITY" in kept[0].payload["raw"]


def test_definitions_that_could_never_work_are_refused_beside_their_field(plant: KolbeMini) -> None:
    source = Source.objects.create(code="mtc", name="M", channel="machine", adapter="mtconnect", config={})
    for values, where in (({"metric": ""}, "metric"), ({"metric": "e", "topic": "a/{unit}"}, "topic")):
        with pytest.raises(ValidationError) as refused:
            define_link(source, plant, **values)
        assert set(refused.value.message_dict) == {where}


def test_the_worked_example_of_the_guide_can_be_taken_in(plant: KolbeMini) -> None:
    page = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
    table = page.split("\n### MTConnect\n", 1)[1].split("```csv\n", 1)[1].split("```", 1)[0]
    source = Source.objects.create(
        code="m", name="M", channel="machine", adapter="mtconnect", site=plant.rhf, config={}
    )
    done = import_definitions(source=source, text=table)
    assert (done.added, done.problems) == (2, [])
    assert len(book_of(source).definitions) == 2
