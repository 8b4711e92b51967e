"""What the tests of bridges to servers and agents share: the bridge as a process, and its definitions."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.models import Heartbeat
from exceptions_app.models import BridgeNode, MachineSignal, Source
from exceptions_app.services.machine.definitions import check_definition
from tests.exceptions_app.bridge_fixtures import Bridge, wait_for
from tests.plant_fixtures import KolbeMini


@pytest.fixture
def links() -> Iterator[Callable[..., Bridge]]:
    """Start bridges; what still runs at the end is ended."""
    started: list[Bridge] = []

    def start(command: str, **options: Any) -> Bridge:
        started.append(Bridge(command, **options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill()


def define_link(source: Source, plant: KolbeMini, **values: Any) -> MachineSignal:
    row = MachineSignal(
        source=source, exception_type=plant.types["machine_downtime"],
        **{
            "code": "run", "topic": "{unit}", "kind": "state", "operand": "STOPPED, FAULT", "on_delay": 1.0,
            "off_delay": 0.5, "reopen_within": 0, "chatter_count": 0,
            **values,
        },
    )  # fmt: skip
    check_definition(row)
    row.save()
    return row


def state_of(node: str) -> dict[str, Any]:
    """The stored state of a node's only signal; empty while there is none."""
    row = BridgeNode.objects.filter(key=node).first()
    states = row.state.get("states", {}) if row is not None else {}
    return dict(next(iter(states.values()), {}))


def knows(node: str, value: str) -> None:
    """Wait until the bridge has stored that value of the node as a good one."""
    wait_for(
        lambda: (state_of(node).get("value"), state_of(node).get("bad")) == (value.casefold(), False),
        f"{node} to be known as {value}, not {state_of(node)}",
    )


def fault() -> str:
    """What trouble the bridge says it has."""
    return " ".join(
        str(one.detail.get("fault", "")) for one in Heartbeat.objects.filter(name__startswith="bridge:")
    )
