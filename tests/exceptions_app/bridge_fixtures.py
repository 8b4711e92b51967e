"""What the tests of the bridge share: a committed plant, a source, bridges as processes, and waiting on progress."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from core import clock
from core.models import Heartbeat
from exceptions_app import services
from exceptions_app.models import BridgeNode, MachineSignal, Signal, Source
from exceptions_app.services.machine.definitions import check_definition
from routing_app.services import load_default_rules
from tests import warm
from tests.mqtt_broker import Broker, Device, running_broker
from tests.plant_fixtures import KolbeMini, build_kolbe_mini

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0


def wait_for(found: Callable[[], Any], what: str, within: float = PATIENCE) -> Any:
    """The first truthy answer; fails with `what` when there is none for a generous while."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        answer = found()
        if answer:
            return answer
        time.sleep(0.05)
    return pytest.fail(f"waited {within:.0f} s for {what}")


def ms() -> int:
    return int(clock.now().timestamp() * 1000)


class Bridge:
    """`manage.py bridge_mqtt`, or another bridge's command, as a process."""

    def __init__(self, command: str = "bridge_mqtt", slot: int = 1, lease: float = 3) -> None:
        parts = urlsplit(os.environ["DATABASE_URL"])
        url = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
        self.slot = slot
        self.process = warm.Command(command, "--slot", str(slot), "--lease", str(lease), url=url)

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(60) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path) as running:
        yield running


@pytest.fixture
def bridges() -> Iterator[Callable[..., Bridge]]:
    """Start bridges; what still runs at the end is ended."""
    started: list[Bridge] = []

    def start(**options: Any) -> Bridge:
        started.append(Bridge(**options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill()


@pytest.fixture
def devices(broker: Broker) -> Iterator[Callable[..., Device]]:
    made: list[Device] = []

    def make(name: str = "device", **options: Any) -> Device:
        made.append(Device(broker, name, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def plant(transactional_db: None) -> KolbeMini:
    """The small plant, committed, so that other processes see it."""
    built = build_kolbe_mini()
    load_default_rules()
    services.load_default_sources()
    return built


def mqtt_source(plant: KolbeMini, broker: Broker | None, kind: str = "json", **config: Any) -> Source:
    port = broker.port if broker is not None else 1883
    return Source.objects.create(
        code=f"mqtt-{kind}", name="Machines", channel="machine", adapter="mqtt", site=plant.rhf,
        config={"host": "127.0.0.1", "port": port, "kind": kind, **config},
    )  # fmt: skip


def define(source: Source, plant: KolbeMini, **values: Any) -> MachineSignal:
    row = MachineSignal(
        source=source, exception_type=plant.types["machine_downtime"],
        **{
            "code": "run", "topic": "plant/{area}/{unit}/status", "metric": "state", "time_path": "at",
            "kind": "state", "operand": "STOPPED, FAULT", "on_delay": 1.0, "off_delay": 1.0, "reopen_within": 0,
            "chatter_count": 0,
            **values,
        },
    )  # fmt: skip
    check_definition(row)
    row.save()
    return row


def said(unit: str, state: str, at: int) -> tuple[str, str]:
    """A plain JSON message of a unit: topic and payload."""
    return f"plant/MACH/{unit}/status", json.dumps({"state": state, "at": at})


def listening(slot: int = 1) -> None:
    """Wait until that bridge has subscribed, so that nothing sent from here on passes it by."""

    def subscribed() -> bool:
        beats = Heartbeat.objects.filter(name__startswith="bridge:", name__endswith=f":{slot}")
        return any(one.detail.get("topics") for one in beats)

    wait_for(subscribed, "the bridge to subscribe")


def held_by(slot: int) -> int:
    return BridgeNode.objects.filter(owner__startswith=f"{slot}@").count()


def changes(**where: Any) -> list[str]:
    """What has been told, in order."""
    rows = Signal.objects.filter(channel="machine", **where).order_by("pk")
    return [row.payload["change"] for row in rows if "change" in row.payload]
