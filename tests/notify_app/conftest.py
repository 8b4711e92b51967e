"""A real mail server that keeps what it is given, and can be told to refuse, to stall, to hang up, to be away."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.decisions_app.conftest import plant, report  # noqa: F401  (the same plant, the same way to report)
from tests.notify_app.webhook_receiver import Receiver


@dataclass
class Mailbox:
    """What has arrived; `refuse` holds addresses the server does not know.

    `later`: mails it asks to be sent later; `stall`: it takes the words and never says so; `hang_up`: mails it takes
    and drops the line after.
    """

    mails: list[EmailMessage] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)
    controller: Controller | None = None
    later: int = 0
    stall: bool = False
    hang_up: int = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refuse:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.later:
            self.later -= 1
            return "451 too busy, come again"
        if self.stall:
            await asyncio.sleep(600)  # until whoever waits hangs up, which ends this, too
            return "451 too late"
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        if self.hang_up:
            self.hang_up -= 1
            server.transport.abort()
        return "250 kept"

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == address]


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    box.controller = controller
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = ""
    yield box
    if controller.server is not None:
        controller.stop()


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """Another system that hears webhooks, on this machine, which has to be allowed."""
    settings.WEBHOOK_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    one = Receiver()
    yield one
    one.close()
