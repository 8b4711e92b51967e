"""EDI by file drop: whole files are taken from each source's folder, stored, and moved to where their answer says.

A file is moved only after what it says is stored, and storing the same file twice is one storing; so a machine that
stops anywhere leaves nothing lost and nothing doubled. Must not know what an order is.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exceptions_app.channels.edi import ADAPTER, folders
from exceptions_app.models import Source
from exceptions_app.services.channels.edi_intake import MOST_BYTES, Taken, take_interchange

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 2.0
_LOCK = ".execlayer.lock"


def take_files(*, limit: int = 200) -> int:
    """Take every whole file of every EDI source that has a folder; returns how many were stored. Safe to run twice at
    once: a folder another worker looks through is left to it. A folder that cannot be read is logged and tried again.
    """
    done = 0
    sources = Source.objects.select_related("site").filter(adapter=ADAPTER.code, active=True).order_by("pk")
    for source in sources:
        name = str(source.config.get("folder") or "")
        if not name:
            continue
        try:
            done += _look_through(source, Path(name), limit - done)
        except OSError as problem:
            logger.warning("EDI folder of %s: %s", source.code, problem)
        if done >= limit:
            break
    return done


def _look_through(source: Source, folder: Path, limit: int) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    done = 0
    with _alone(folder) as mine:
        if not mine:
            return 0
        for path in folders.taken(folder):  # left by a worker that was stopped
            done += _read(source, path)
        for path in folders.ready(folder, now=time.time(), settle_seconds=_settle_seconds(source)):
            if done >= limit:
                break
            taken = folders.take(path)
            if taken is not None:
                done += _read(source, taken)
    return done


def _read(source: Source, path: Path) -> int:
    """Store what one file says and move it on; of one that is too long only the beginning is kept beside the file."""
    with path.open("rb") as file:
        body = file.read(MOST_BYTES + 1)
    taken = take_interchange(source=source, body=body, via="file", name=path.name)
    if taken.faults:
        folders.finish(path, where=folders.REFUSED, note=words(path.name, taken))
    else:
        folders.finish(path, where=folders.DONE)
    return 1


def words(name: str, taken: Taken) -> str:
    """What `<name>.error.txt` says: what was taken, and every fault with its segment and what was expected."""
    row = taken.interchange
    lines = [name, ""]
    if row.taken:
        lines.append(f"{row.taken} of {row.taken + row.refused} messages were taken, {row.refused} refused.")
    else:
        lines.append("Nothing of it was taken.")
    lines += [
        "Somebody in the plant has been asked; send it again once it is right, under a new control number.",
        "",
    ]
    for fault in taken.faults:
        lines.append(f"{fault['code']}: {fault['message']}")
        if fault["segment"]:
            lines.append(f"  segment {fault['segment']}: {fault['text']}")
        if fault["expected"]:
            lines.append(f"  expected {fault['expected']}, found {fault['found'] or 'nothing'}")
    return "\n".join(lines) + "\n"


def _settle_seconds(source: Source) -> float:
    try:
        return max(0.0, min(3600.0, float(source.config.get("settle_seconds", SETTLE_SECONDS))))
    except (TypeError, ValueError):
        return SETTLE_SECONDS


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether this process is the one looking through the folder; the lock ends with the process, however it ends."""
    handle = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o640)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)
