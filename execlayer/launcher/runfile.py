"""`run.json`: the addresses, logins and ERP state of the running demo, for scripts and people."""

import json
import threading
from pathlib import Path
from typing import Any

from execlayer.launcher import store


class RunFile:
    """Written anew on every change; the ERP's part may change from another thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._content: dict[str, Any] = {}

    def begin(self, url: str, erp: str) -> None:
        nothing = {"url": "", "database": "", "username": "", "password": "", "ready": False}
        self._change(url=url, ready=False, logins=[], erp={"kind": erp, **nothing})

    def logins(self, path: Path) -> None:
        """Take over the list the demo plant's set-up wrote."""
        self._change(logins=json.loads(path.read_text(encoding="utf-8")))

    def known_logins(self) -> list[dict[str, Any]]:
        return list(self._content.get("logins", []))

    def ready(self, *, is_ready: bool = True) -> None:
        self._change(ready=is_ready)

    def erp(self, **changes: Any) -> None:
        self._change(erp={**self._content.get("erp", {}), **changes})

    def _change(self, **changes: Any) -> None:
        with self._lock:
            self._content.update(changes)
            store.write(self.path, self._content)
