"""The bridge with a real broker and a real database: stops arrive, and no restart of anything loses or repeats one."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from exceptions_app import services
from exceptions_app.models import BridgeNode, ExceptionRecord, Signal
from tests.exceptions_app.bridge_fixtures import (
    Bridge,
    bridges,
    broker,
    changes,
    define,
    devices,
    held_by,
    listening,
    mqtt_source,
    ms,
    plant,
    said,
    wait_for,
)
from tests.mqtt_broker import Broker, Device
from tests.plant_fixtures import KolbeMini

__all__ = ["bridges", "broker", "devices", "plant"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

Bridges = Callable[..., Bridge]
Devices = Callable[..., Device]


def test_a_stop_opens_with_the_time_of_its_first_sample_and_running_again_clears_it(
    plant: KolbeMini, broker: Broker, bridges: Bridges, devices: Devices
) -> None:
    define(mqtt_source(plant, broker), plant, off_delay=0.5)
    bridges()
    listening()
    device = devices()
    device.send(*said("CNC-04", "RUNNING", ms()), retain=True)
    wait_for(lambda: held_by(1) == 1, "the bridge to hold the topic")

    stopped = ms()
    device.send(*said("CNC-04", "STOPPED", stopped))
    wait_for(lambda: changes() == ["opened"], "the stop")
    services.read_due_signals()

    exception = ExceptionRecord.objects.get()
    assert exception.type.code == "machine_downtime"
    assert exception.work_unit == plant.units["CNC-04"]
    assert exception.status == "open"
    assert exception.occurred_at == datetime.fromtimestamp(stopped / 1000, tz=UTC)
    assert not exception.occurred_estimated
    assert exception.cleared_at is None

    again = ms()
    device.send(*said("CNC-04", "RUNNING", again))
    wait_for(lambda: changes() == ["opened", "cleared"], "the all-clear")
    services.read_due_signals()

    exception.refresh_from_db()
    assert exception.cleared_at == datetime.fromtimestamp(again / 1000, tz=UTC)
    assert ExceptionRecord.objects.count() == 1


def test_a_broker_restarted_in_mid_stream_loses_no_stop(
    plant: KolbeMini, broker: Broker, bridges: Bridges, devices: Devices
) -> None:
    define(mqtt_source(plant, broker), plant, on_delay=0.5, off_delay=0.5)
    bridges()
    listening()
    device = devices()
    start = ms() - 60_000
    device.send(*said("CNC-04", "RUNNING", start - 1000))
    wait_for(lambda: held_by(1) == 1, "the bridge to hold the topic")

    for number in range(12):
        if number == 5:
            broker.stop()
            broker.start()
        at = start + number * 4000
        device.send(*said("CNC-04", "STOPPED", at))
        device.send(*said("CNC-04", "RUNNING", at + 2000))

    expected = ["opened", "cleared"] * 12
    wait_for(lambda: len(changes()) >= len(expected), "twelve stops and their ends")
    assert changes() == expected
    firsts = sorted(Signal.objects.filter(payload__change="opened").values_list("occurred_at", flat=True))
    assert len(set(firsts)) == 12


def test_a_bridge_killed_during_the_delay_goes_on_where_it_was_and_tells_once(
    plant: KolbeMini, broker: Broker, bridges: Bridges, devices: Devices
) -> None:
    define(mqtt_source(plant, broker), plant, on_delay=6.0)
    bridge = bridges()
    listening()
    device = devices()
    device.send(*said("CNC-04", "RUNNING", ms()))
    wait_for(lambda: held_by(1) == 1, "the bridge to hold the topic")
    stopped = ms()
    device.send(*said("CNC-04", "STOPPED", stopped))

    def pending() -> bool:
        states = BridgeNode.objects.get().state.get("states", {})
        return [one["phase"] for one in states.values()] == ["pending"]

    wait_for(pending, "the delay to be stored")
    bridge.kill()
    assert changes() == []

    second = bridges()
    wait_for(lambda: changes() == ["opened"], "the stop, told by the next bridge without another sample")
    told = Signal.objects.get(payload__change="opened")
    assert told.occurred_at == datetime.fromtimestamp(stopped / 1000, tz=UTC)

    second.kill()
    bridges()
    epoch = BridgeNode.objects.get().epoch
    wait_for(lambda: BridgeNode.objects.get().epoch > epoch, "the third bridge to take the node")
    device.send(*said("CNC-04", "STOPPED", ms()))
    device.send(*said("CNC-05", "STOPPED", ms() - 7000))
    wait_for(lambda: len(changes()) == 2, "another machine's stop")
    assert Signal.objects.filter(fields__work_unit="CNC-04").count() == 1


def test_two_bridges_share_the_nodes_and_one_takes_over_when_the_other_dies(
    plant: KolbeMini, broker: Broker, bridges: Bridges, devices: Devices
) -> None:
    define(mqtt_source(plant, broker), plant)
    units = ["CNC-04", "CNC-05", "CNC-06", "GRD-01", "GRD-02", "PRS-03"]
    first = bridges(slot=1)
    device = devices()
    for unit in units:
        device.send(*said(unit, "RUNNING", ms()), retain=True)
    wait_for(lambda: held_by(1) == 6, "the first bridge to hold every topic")
    bridges(slot=2)
    wait_for(lambda: (held_by(1), held_by(2)) == (3, 3), "an equal share")

    stopped = ms()
    for unit in units:
        device.send(*said(unit, "STOPPED", stopped))
    first.kill()

    wait_for(lambda: held_by(2) == 6, "the second bridge to take over")
    wait_for(lambda: len(changes()) == 6, "every machine's stop")
    assert changes() == ["opened"] * 6
    assert sorted(
        Signal.objects.filter(payload__change="opened").values_list("fields__work_unit", flat=True)
    ) == (sorted(units))


def test_a_bridge_that_is_asked_to_end_stores_what_it_heard_and_gives_its_nodes_back(
    plant: KolbeMini, broker: Broker, bridges: Bridges, devices: Devices
) -> None:
    define(mqtt_source(plant, broker), plant, on_delay=0, reorder_within=0)
    bridge = bridges()
    listening()
    device = devices()
    device.send(*said("CNC-04", "RUNNING", ms()))
    wait_for(lambda: held_by(1) == 1, "the bridge to hold the topic")
    bridge.stop()

    node = BridgeNode.objects.get()
    assert (node.owner, node.lease_until) == ("", None)
    assert [one["value"] for one in node.state["states"].values()] == ["running"]
    # the broker keeps for the session what is sent meanwhile
    stopped = ms()
    device.send(*said("CNC-04", "STOPPED", stopped))
    device.send(*said("CNC-04", "RUNNING", stopped + 2000))
    bridges()
    wait_for(lambda: changes() == ["opened", "cleared"], "what was sent while no bridge ran")


def test_what_cannot_be_read_is_counted_and_kept_once_an_hour_and_the_next_message_counts(
    plant: KolbeMini, broker: Broker, bridges: Bridges, devices: Devices
) -> None:
    define(mqtt_source(plant, broker), plant, on_delay=0)
    bridges()
    listening()
    device = devices()
    device.send(*said("CNC-04", "RUNNING", ms()))
    wait_for(lambda: held_by(1) == 1, "the bridge to hold the topic")
    for _ in range(5):
        device.send("plant/MACH/CNC-04/status", b"\xff\x00{broken")
    device.send(*said("CNC-04", "STOPPED", ms()))
    wait_for(lambda: changes() == ["opened"], "the stop after the broken messages")

    device.send(*said("CNC-99", "STOPPED", ms()))
    wait_for(
        lambda: BridgeNode.objects.filter(fault__contains="CNC-99: no work unit").exists(), "the unknown unit"
    )
    node = BridgeNode.objects.get(key__contains="CNC-04")
    assert node.counters["unreadable"] == 5
    assert "UTF-8" in node.fault
    kept = [row for row in Signal.objects.filter(channel="machine") if "raw" in row.payload]
    assert len(kept) in (1, 2)  # two when the hour turned
    assert "broken" in kept[0].payload["raw"]
    services.read_due_signals()
    items = ExceptionRecord.objects.filter(status="triage")
    assert [item.type.code for item in items] == ["unsorted"]
    assert json.dumps(kept[0].payload)
