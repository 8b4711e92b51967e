"""A page's end of a socket, spoken straight to the ASGI application (channels' own helper wants another server)."""

import json
from typing import Any
from urllib.parse import unquote, urlsplit

from asgiref.testing import ApplicationCommunicator

WAIT = 15.0


class Line:
    """One socket: connect, say, hear, hang up."""

    def __init__(self, application: Any, address: str, headers: list[tuple[bytes, bytes]]) -> None:
        parts = urlsplit(address)
        scope = {
            "type": "websocket", "path": unquote(parts.path), "query_string": parts.query.encode(), "headers": headers,
            "subprotocols": [],
        }  # fmt: skip
        self.wire = ApplicationCommunicator(application, scope)

    async def connect(self) -> bool:
        """Whether the server takes the line."""
        await self.wire.send_input({"type": "websocket.connect"})
        answer = await self.wire.receive_output(WAIT)
        return bool(answer["type"] == "websocket.accept")

    async def say(self, message: Any) -> None:
        """Send JSON, or a text as it is."""
        text = message if isinstance(message, str) else json.dumps(message)
        await self.wire.send_input({"type": "websocket.receive", "text": text})

    async def hear(self) -> dict[str, Any]:
        """The next message."""
        answer = await self.wire.receive_output(WAIT)
        assert answer["type"] == "websocket.send", answer
        found: dict[str, Any] = json.loads(answer["text"])
        return found

    async def hear_code(self) -> int:
        """The code the server hangs up with, whatever it said before."""
        answer = await self.wire.receive_output(WAIT)
        while answer["type"] == "websocket.send":
            answer = await self.wire.receive_output(WAIT)
        return int(answer["code"])

    async def silent(self, seconds: float = 0.5) -> bool:
        """Nothing comes for so long."""
        return bool(await self.wire.receive_nothing(timeout=seconds))

    async def hang_up(self) -> None:
        await self.wire.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wire.wait(WAIT)
