"""Looking at processes the way the kernel sees them (Linux)."""

import os
import time
from collections.abc import Callable
from pathlib import Path

PROC = Path("/proc")


def parents() -> dict[int, int]:
    """pid -> parent pid of every living process; a zombie is dead."""
    found = {}
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            found[int(entry.name)] = int(fields[1])
    return found


def below(pid: int) -> dict[int, str]:
    """Every process under `pid`, children's children too: pid -> its command line."""
    known = parents()
    found: dict[int, str] = {}
    layer = {pid}
    while layer:
        layer = {child for child, parent in known.items() if parent in layer}
        for child in layer:
            found[child] = command(child)
    return found


def command(pid: int) -> str:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def alive(known: dict[int, str]) -> dict[int, str]:
    """Those of `known` that still run the same program."""
    living = parents()
    return {pid: words for pid, words in known.items() if pid in living and command(pid) == words}


def mentioning(folder: Path) -> dict[int, str]:
    """Every process whose command line, working folder or environment names `folder`, but us."""
    needle = str(folder).encode()
    found = {}
    for pid in parents():
        if pid == os.getpid():
            continue
        try:
            texts = [(PROC / str(pid) / name).read_bytes() for name in ("cmdline", "environ")]
            texts.append(str((PROC / str(pid) / "cwd").readlink()).encode())
        except OSError:
            continue
        if any(needle in text for text in texts):
            found[pid] = command(pid)
    return found


def until(probe: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for `probe` to become true; fails naming `what` when the time is up."""
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.2)
