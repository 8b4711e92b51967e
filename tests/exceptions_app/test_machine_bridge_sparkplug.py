"""Sparkplug B through a real broker: births kept over a restart, a rebirth asked for, deaths that stop no machine."""

import json
from collections.abc import Callable

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
    wait_for,
)
from tests.exceptions_app.sparkplug_device import EdgeNode, field
from tests.mqtt_broker import Broker, Device
from tests.plant_fixtures import KolbeMini

__all__ = ["bridges", "broker", "devices", "plant"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

Bridges = Callable[..., Bridge]
Devices = Callable[..., Device]
NODE = ("RHF", "gw1", "CNC-04")


def by_alias(plant: KolbeMini, broker: Broker, **config: str) -> None:
    source = mqtt_source(plant, broker, "sparkplug", **config)
    define(
        source, plant, topic="RHF/gw1/{unit}", metric="Status/Running", time_path="", kind="bool", operand="false",
        on_delay=0.5, silence_after=3,
    )  # fmt: skip


def test_alias_only_data_after_a_restart_of_the_bridge_is_read_with_the_stored_map(
    plant: KolbeMini, broker: Broker, bridges: Bridges, devices: Devices
) -> None:
    by_alias(plant, broker)
    bridge = bridges()
    listening()
    edge, device = EdgeNode(*NODE), devices(listens="spBv1.0/RHF/NCMD/gw1")
    for message in edge.births(ms()):
        device.send(*message)
    wait_for(
        lambda: BridgeNode.objects.filter(online=True, birth__aliases__has_key="1").exists(), "the birth map"
    )
    bridge.stop()
    assert held_by(1) == 0

    bridges()
    wait_for(lambda: held_by(1) == 1, "the next bridge to hold the node")
    stopped = ms()
    device.send(*edge.data(stopped, running=False))
    wait_for(lambda: changes() == ["opened"], "the stop")

    assert Signal.objects.get(payload__change="opened").fields["work_unit"] == "CNC-04"
    assert device.heard == []  # nothing was missing, so no rebirth was asked for


def test_a_gap_asks_for_a_rebirth_once_and_the_birth_settles_it(
    plant: KolbeMini, broker: Broker, bridges: Bridges, devices: Devices
) -> None:
    by_alias(plant, broker)
    bridges()
    listening()
    edge, device = EdgeNode(*NODE), devices(listens="spBv1.0/RHF/NCMD/gw1")
    for message in edge.births(ms()):
        device.send(*message)
    wait_for(lambda: held_by(1) == 1, "the bridge to hold the node")
    for _ in range(4):
        device.send(*edge.data(ms(), running=True, skip=2))
    wait_for(lambda: device.heard, "a command")

    topic, command = device.heard[0]
    assert topic == "spBv1.0/RHF/NCMD/gw1"
    assert field(1, "Node Control/Rebirth") in command
    for message in edge.births(ms(), running=False):
        device.send(*message)
    wait_for(lambda: changes() == ["opened"], "the stop the birth told of")
    assert len(device.heard) == 1
    wait_for(lambda: BridgeNode.objects.get().counters.get("births", 0) == 2, "both births")
    assert BridgeNode.objects.get().counters["gaps"] == 4


def test_a_node_that_dies_is_no_data_and_no_stopped_machine_until_it_is_born_again(
    plant: KolbeMini, broker: Broker, bridges: Bridges, devices: Devices
) -> None:
    by_alias(plant, broker)
    bridges()
    listening()
    edge = EdgeNode(*NODE)
    device = devices("edge", will=edge.will())
    for message in edge.births(ms()):
        device.send(*message)
    wait_for(lambda: held_by(1) == 1, "the bridge to hold the node")
    device.die()
    wait_for(lambda: changes() == ["no_data"], "no data")
    services.read_due_signals()

    item = ExceptionRecord.objects.get()
    assert (item.type.code, item.status, item.work_unit) == ("unsorted", "triage", plant.units["CNC-04"])
    assert item.cleared_at is None

    for message in edge.births(ms()):
        devices("edge again").send(*message)
    wait_for(lambda: changes() == ["no_data", "data_back"], "data again")
    services.read_due_signals()
    item.refresh_from_db()
    assert item.cleared_at is not None
    assert ExceptionRecord.objects.count() == 1


def test_the_host_is_announced_and_again_after_another_worker_of_it_has_gone(
    plant: KolbeMini, broker: Broker, bridges: Bridges, devices: Devices
) -> None:
    by_alias(plant, broker, host_id="execlayer")
    watcher = devices("watcher", listens="spBv1.0/STATE/execlayer")

    def states() -> list[bool]:
        return [json.loads(body)["online"] for _, body in watcher.heard]

    first = bridges(slot=1)
    listening(1)
    wait_for(lambda: states()[-1:] == [True], "the announcement")
    bridges(slot=2)
    listening(2)
    first.kill()
    wait_for(lambda: False in states() and states()[-1] is True, "the correction by the other worker")
