"""A real MQTT broker of a test's own: Mosquitto on a free port, with its sessions kept on disk over a restart.

Without one a test is skipped by name, and fails in continuous integration, where nothing of this kind is skipped.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from execlayer.launcher.ports import free_port

FOUND = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Broker:
    """One Mosquitto, which can be stopped and started on the same port with the same sessions."""

    def __init__(self, folder: Path) -> None:
        if FOUND is None:
            if os.environ.get("CI"):
                pytest.fail("there is no Mosquitto on this machine")
            pytest.skip("no Mosquitto on this machine (make test installs it on Debian)")
        self.program = FOUND
        self.port = free_port()
        self.folder = folder
        user = "user root\n" if os.geteuid() == 0 else ""
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n{user}"
            f"persistence_location {folder}/\nmax_queued_messages 100000\nlog_type error\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.program, "-c", str(self.folder / "mosquitto.conf")], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, "Mosquitto ended while it started"
            time.sleep(0.05)
        pytest.fail("Mosquitto does not listen")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


def _published(info: paho.MQTTMessageInfo) -> bool:
    try:
        return info.is_published()
    except RuntimeError:  # queued while there is no connection
        info.rc = paho.MQTT_ERR_SUCCESS
        return False


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """A broker for as long as the block runs."""
    broker = Broker(folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


class Device:
    """A publisher that waits until the broker has each message, and hears what is sent to its topics."""

    def __init__(
        self, broker: Broker, name: str, listens: str = "", will: tuple[str, bytes] | None = None
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=True)
        if will is not None:
            self.client.will_set(will[0], will[1], qos=1)
        self.client.on_message = self._on_message
        self.client.on_connect = lambda client, *_: client.subscribe(listens, 1) if listens else None
        self.client.reconnect_delay_set(0.2, 1)
        self.client.connect("127.0.0.1", broker.port, keepalive=10)
        self.client.loop_start()

    def _on_message(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))

    def send(self, topic: str, payload: str | bytes, *, retain: bool = False, wait: bool = True) -> None:
        info = self.client.publish(topic, payload, qos=1, retain=retain)
        deadline = time.monotonic() + 60
        while wait and not _published(info):  # through a broker's restart too: the client sends it again
            assert time.monotonic() < deadline, "the broker never took the message"
            time.sleep(0.01)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def die(self) -> None:
        """Gone without a word: the broker sends the will."""
        sock = self.client.socket()
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)
        self.client.loop_stop()
