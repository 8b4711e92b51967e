"""A real IMAP server for tests: pymap in a process of its own, with a certificate; and sources that poll it."""

import imaplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

from exceptions_app.models import Mailbox, Source
from tests.exceptions_app.mailing import AUTHSERV
from tests.plant_fixtures import KolbeMini

USER, PASSWORD = "floor", "seven presses"
_names = iter(range(1, 10_000))


def fresh_name() -> int:
    """A number no other folder or source of this run has."""
    return next(_names)


@dataclass
class Server:
    """A running mail server: its port, and the authority behind its certificate."""

    port: int
    ca: str

    def client(self) -> imaplib.IMAP4:
        found = imaplib.IMAP4("127.0.0.1", self.port, timeout=30)
        context = ssl.create_default_context(cadata=self.ca)
        context.check_hostname = False
        found.starttls(context)
        found.login(USER, PASSWORD)
        return found

    def deliver(self, folder: str, *mails: bytes) -> None:
        client = self.client()
        for raw in mails:
            kind, said = client.append(folder, "", "", raw)
            assert kind == "OK", said
        client.logout()

    def folder(self) -> str:
        name = f"box{fresh_name()}"
        client = self.client()
        assert client.create(name)[0] == "OK"
        client.logout()
        return name

    def seen(self, folder: str) -> list[bool]:
        """For each mail in a folder, whether it is marked as seen."""
        client = self.client()
        kind, _ = client.select(f'"{folder}"', readonly=True)
        if kind != "OK":
            return []
        _, data = client.fetch("1:*", "(FLAGS)")
        client.logout()
        return [rb"\Seen" in one for one in data if isinstance(one, bytes)]


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """A real mail server (pymap) in a process of its own, with a certificate for localhost."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    for number, pem in enumerate(certificate.cert_chain_pems):
        pem.write_to_path(str(folder / "cert.pem"), append=number > 0)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("pymap")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "--host", "127.0.0.1", "--port", str(port), "--cert", folder / "cert.pem", "--key",
             folder / "key.pem", "dict", "--demo-user", USER, "--demo-password", PASSWORD],
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait_for(port, process)
        yield Server(port=port, ca=authority.cert_pem.bytes().decode())
    finally:
        process.kill()
        process.wait(timeout=30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the mail server has ended"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError("the mail server does not answer")


def make_source(plant: KolbeMini, server: Server, **config: Any) -> Source:
    return Source.objects.create(
        code=f"mail-{fresh_name()}", name="Floor mail", channel="email", adapter="imap", site=plant.rhf,
        config={"host": "localhost", "port": server.port, "tls": "starttls", "ca": server.ca, "user": USER,
                "folder": server.folder(), "authserv": AUTHSERV, **config},
        secrets={"password": PASSWORD},
    )  # fmt: skip


def box_of(source: Source) -> Mailbox:
    return Mailbox.objects.get(source=source)
