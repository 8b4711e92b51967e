"""What has been done already for one database, so that a later start need not do it again.

Owns the fingerprint of a database and of the migrations on disk. Asks PostgreSQL directly; knows no model.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg

from execlayer.launcher import store
from execlayer.launcher.options import ROOT


class Progress:
    """`progress.json`: the steps finished for the database in use. Another database starts from nothing."""

    def __init__(self, path: Path, database_url: str) -> None:
        self._path = path
        self._database = identity(database_url)
        known = store.read(path)
        self._done: dict[str, Any] = known.get("done", {}) if known.get("database") == self._database else {}

    def done(self, step: str, fingerprint: str = "yes") -> bool:
        return self._done.get(step) == fingerprint

    def finish(self, step: str, fingerprint: str = "yes") -> None:
        self._done[step] = fingerprint
        store.write(self._path, {"database": self._database, "done": self._done})


def identity(database_url: str) -> str:
    """The same for the same database of the same cluster, whatever its address is today."""
    with psycopg.connect(database_url, connect_timeout=10) as connection:
        row = connection.execute(
            "select (select system_identifier from pg_control_system())::text, "
            "(select oid from pg_database where datname = current_database())::text"
        ).fetchone()
    return "/".join(row or ("",))


def migrations() -> str:
    """A fingerprint of every migration of ours and of the pinned packages that bring others."""
    digest = sha256((ROOT / "requirements" / "base.txt").read_bytes())
    for path in sorted(ROOT.glob("*/migrations/*.py")):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()
