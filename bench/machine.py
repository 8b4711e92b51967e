"""Metric values decoded and debounced on one core, against bare protobuf decoding; and how soon a stop is stored while
that many values arrive through a real broker.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

from django.conf import settings
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench._product import plant
from bench.registry import Row, compare, figure
from core.models import Heartbeat
from exceptions_app.machine.book import Book, Definition
from exceptions_app.machine.conditions import Condition
from exceptions_app.machine.debounce import Rule
from exceptions_app.machine.nodes import Node, finder
from exceptions_app.machine.sparkplug import Session, address_of
from exceptions_app.machine.sparkplug_wire import Payload
from exceptions_app.machine.topics import Template
from exceptions_app.models import MachineSignal, Signal, Source
from execlayer.launcher.options import ROOT
from execlayer.launcher.ports import free_port
from plant_app.models import ExceptionType, Site, WorkUnit

NODES, METRICS, MESSAGES, ROUNDS = 10, 20, 10_000, 3
RATE, SECONDS = 10_000, 15
BOOLEAN = 11


@figure("machine values decoded and debounced")
def values_judged() -> Iterable[Row]:
    """Values per second: every metric is defined and judged, one in two hundred messages stops a machine."""
    stream = list(_stream(MESSAGES))
    ours: list[float] = []
    raw: list[float] = []
    for _ in range(ROUNDS):
        nodes = _nodes()
        began, told = time.perf_counter(), 0
        for number, (topic, body, at) in enumerate(stream):
            address = address_of(topic)
            if address is None:
                raise RuntimeError(f"{topic} is no data topic")
            node = nodes[address.key]
            session = node.session
            if session is None:
                raise RuntimeError("a node without a session")
            heard = session.hear(address, body, at + 20, node.watch)
            if heard.gap:
                raise RuntimeError(heard.gap)
            node.feed(heard.samples)
            if number % 50 == 0:  # a pulse: ten a second at this rate
                for one in nodes.values():
                    one.tick(at + 20)
                    told += len(one.told)
                    one.told.clear()
        ours.append(MESSAGES * METRICS / (time.perf_counter() - began))
        if told < MESSAGES / 400:
            raise RuntimeError(f"only {told} transitions were found")
        began = time.perf_counter()
        for _, body, _ in stream:
            for metric in Payload.FromString(body).metrics:
                _ = metric.boolean_value
        raw.append(MESSAGES * METRICS / (time.perf_counter() - began))
    yield compare("machine values judged, one core", "values/s", ours, "protobuf decoding alone", raw)


@figure("a machine's stop, from publishing to stored")
def stop_stored() -> Iterable[Row]:
    """Milliseconds until a transition is a row, while 10,000 values a second go through Mosquitto and one bridge."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        print("  no Mosquitto on this machine: not measured")
        return
    plant()
    with _broker(program) as port:
        source = _source(port)
        bridge = subprocess.Popen(
            [sys.executable, "manage.py", "bridge_mqtt", "--source", source.code], cwd=ROOT,
            env=dict(os.environ, DATABASE_URL=settings.DATABASE_URL, LOG_LEVEL="WARNING"),
        )  # fmt: skip
        try:
            _until(
                lambda: Heartbeat.objects.filter(name="bridge:bench-mqtt:1", detail__topics__gt=0).exists()
            )
            sent, seconds = _publish(port)
            _until(lambda: _heard() >= sent)
        finally:
            bridge.terminate()
            bridge.wait(30)
            source.active = False
            source.save(update_fields=["active"])
    rows = Signal.objects.filter(source=source, payload__change="opened")
    waits = [(row.received_at - row.occurred_at).total_seconds() * 1000 for row in rows if row.occurred_at]
    if len(waits) < 50:
        raise RuntimeError(f"only {len(waits)} stops were stored")
    cuts = quantiles(waits, n=20)
    yield Row(
        "values through broker and bridge", sent * METRICS / seconds, "values/s", "asked for", float(RATE)
    )
    yield Row("stop stored after publishing, p50", cuts[9], "ms", "allowed", 1000.0)
    yield Row("stop stored after publishing, p95", cuts[18], "ms", "allowed", 1000.0)


def _nodes() -> dict[str, Node]:
    """Ten edge nodes, born, with every metric defined."""
    rule = Rule(
        Condition.of(kind="bool", operator="is", operand="false"), on_delay=0, off_delay=0, chatter_count=0
    )
    book = Book(
        tuple(
            Definition(number + 1, f"run-{number}", Template.of("bench/{edge}"), rule, "CNC-04", f"Line/Tag {number}")
            for number in range(METRICS)
        )
    )  # fmt: skip
    nodes = {}
    for number in range(NODES):
        key = f"bench/gw{number}"
        node = Node(key, finder(book, key, sparkplug=True), session=Session(key))
        topic, body = _birth(number)
        address = address_of(topic)
        if node.session is not None and address is not None:
            node.feed(node.session.hear(address, body, _BEGAN, node.watch).samples)
        nodes[key] = node
    return nodes


_BEGAN = 1_790_000_000_000


def _birth(number: int, at: int = _BEGAN) -> tuple[str, bytes]:
    payload = Payload(timestamp=at, seq=0)
    for metric in range(METRICS):
        payload.metrics.add(name=b"Line/Tag %d" % metric, alias=metric, datatype=BOOLEAN, boolean_value=True)
    return f"spBv1.0/bench/NBIRTH/gw{number}", payload.SerializeToString()


def _data(number: int, seq: int, at: int, stopped: bool) -> tuple[str, bytes]:
    payload = Payload(timestamp=at, seq=seq & 0xFF)
    for metric in range(METRICS):
        payload.metrics.add(alias=metric, timestamp=at, boolean_value=not (stopped and metric == 0))
    return f"spBv1.0/bench/NDATA/gw{number}", payload.SerializeToString()


def _stream(messages: int) -> Iterator[tuple[str, bytes, int]]:
    for number in range(messages):
        at = _BEGAN + 1000 + number * 2
        # a machine stands for ten messages of its node, then runs for a hundred and ninety
        stopped = number // NODES % 200 < 10
        topic, body = _data(number % NODES, number // NODES + 1, at, stopped)
        yield topic, body, at


def _publish(port: int) -> tuple[int, float]:
    """Send at the rate asked for; returns messages and seconds."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-plc")
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for number in range(NODES):
        client.publish(*_birth(number, int(time.time() * 1000)), qos=1).wait_for_publish(30)
    _until(lambda: _heard() >= NODES)
    every = METRICS / RATE
    total = int(SECONDS / every)
    began = time.perf_counter()
    for number in range(total):
        wait = began + number * every - time.perf_counter()
        if wait > 0.001:
            time.sleep(wait)
        stopped = number // NODES % 60 < 15
        info = client.publish(
            *_data(number % NODES, number // NODES + 1, int(time.time() * 1000), stopped), qos=1
        )
    info.wait_for_publish(60)
    seconds = time.perf_counter() - began
    client.disconnect()
    client.loop_stop()
    return total + NODES, seconds


def _heard() -> int:
    beat = Heartbeat.objects.filter(name="bridge:bench-mqtt:1").first()
    return int(beat.detail.get("messages", 0)) if beat is not None else 0


def _source(port: int) -> Source:
    source, _ = Source.objects.update_or_create(
        code="bench-mqtt",
        defaults={
            "name": "Bench", "channel": "machine", "adapter": "mqtt", "site": Site.objects.get(code="RHF"),
            "active": True, "config": {"host": "127.0.0.1", "port": port, "kind": "sparkplug"},
        },
    )  # fmt: skip
    unit, type_ = WorkUnit.objects.get(code="CNC-04"), ExceptionType.objects.get(code="machine_downtime")
    for number in range(METRICS):
        MachineSignal.objects.update_or_create(
            source=source, code=f"run-{number}",
            defaults={
                "topic": "bench/{edge}", "metric": f"Line/Tag {number}", "work_unit": unit, "kind": "bool",
                "operand": "false", "on_delay": 0, "off_delay": 0, "reopen_within": 0, "chatter_count": 0,
                "exception_type": type_,
            },
        )  # fmt: skip
    return source


@contextmanager
def _broker(program: str) -> Iterator[int]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        user = "user root\n" if os.geteuid() == 0 else ""
        conf = Path(folder) / "mosquitto.conf"
        conf.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 100000\n{user}"
        )
        broker = subprocess.Popen([program, "-c", str(conf)], stderr=subprocess.DEVNULL)
        try:
            _until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
            yield port
        finally:
            broker.terminate()
            broker.wait(20)


def _until(reached: Callable[[], bool], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not reached():
        if time.monotonic() > deadline:
            raise RuntimeError("the bridge did not come that far")
        time.sleep(0.1)
