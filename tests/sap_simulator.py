"""The simulated S/4HANA under a real HTTP server in a thread of the test."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from erp_sync.simulators.sap.web import Simulator
from execlayer.launcher.ports import listen


@contextmanager
def serving(sim: Simulator) -> Iterator[str]:
    """The simulator under uvicorn in a thread."""
    sock = listen("127.0.0.1", 21_700)
    server = uvicorn.Server(uvicorn.Config(sim, log_level="error", access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        sock.close()
