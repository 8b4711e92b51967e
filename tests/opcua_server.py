"""A real OPC UA server (asyncua) as a process, told by lines what its variables say; and its handle in tests.

`python tests/opcua_server.py '{"port": …, "nodes": ["CNC-04.State"], "own": {…files…}}'` reads JSON lines:
{"node", "value", "at" (ms), "status"}; it answers each with a line, the first one when it serves.
"""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

URI = "http://machines.test/"


class OpcServer:
    """The process; `kill` and `start` again on the same port, with every value forgotten."""

    def __init__(self, port: int, nodes: list[str], **options: Any) -> None:
        self.port, self.options = port, {"port": port, "nodes": nodes, **options}
        self.process: subprocess.Popen[str] | None = None

    @property
    def endpoint(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}/machines"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), json.dumps(self.options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        assert self._answer() == "serving"

    def say(self, node: str, value: Any, at: int | None = None, status: str = "Good") -> None:
        """Set a variable; `at` in ms is its source time."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(
            json.dumps({"node": node, "value": value, "at": at, "status": status}) + "\n"
        )
        assert self._answer() == "done"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _answer(self) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


async def serve(options: dict[str, Any]) -> None:
    """Until standard input ends."""
    from asyncua import Server, ua

    server = Server(user_manager=_Users() if options.get("user") else None)
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{options['port']}/machines")
    if options.get("certificate"):
        server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        await server.set_application_uri(options["application_uri"])
        await server.load_certificate(options["certificate"])
        await server.load_private_key(options["private_key"])
    for number in range(options.get("namespaces", 0)):
        await server.register_namespace(f"http://other-{number}.test/")
    index = await server.register_namespace(URI)
    found = {}
    for name in options["nodes"]:
        start = ua.DataValue(
            ua.Variant("", ua.VariantType.String), ua.StatusCode(ua.StatusCodes.BadWaitingForInitialData),
            SourceTimestamp=datetime(2001, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        found[name] = await server.nodes.objects.add_variable(
            ua.NodeId(name, index), name, "", ua.VariantType.String
        )
        await server.write_attribute_value(found[name].nodeid, start)
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: lines.put_nowait(sys.stdin.readline()))
    async with server:
        print("serving", flush=True)  # noqa: T201 - its answer
        while line := await lines.get():
            said = json.loads(line)
            at = datetime.fromtimestamp(said["at"] / 1000, tz=UTC) if said["at"] else datetime.now(UTC)
            value = ua.DataValue(
                ua.Variant(said["value"], ua.VariantType.String),
                ua.StatusCode(getattr(ua.StatusCodes, said["status"])),
                SourceTimestamp=at,
            )
            await server.write_attribute_value(found[said["node"]].nodeid, value)
            print("done", flush=True)  # noqa: T201 - its answer


class _Users:
    """Only this one may."""

    def get_user(
        self, iserver: Any, username: str | None = None, password: Any = None, certificate: Any = None
    ) -> Any:
        from asyncua.server.user_managers import User, UserRole

        given = password.decode() if isinstance(password, bytes) else password
        return User(role=UserRole.User) if (username, given) == ("bridge", "s3cret") else None


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
