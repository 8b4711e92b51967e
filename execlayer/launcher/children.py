"""Child processes that never outlive their parent.

Owns how a process is started (own group, death signal, dropped rights) and ended. Knows nothing of what it runs.
Start children from the main thread only: Linux sends the death signal when the starting *thread* ends.
"""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

PR_SET_PDEATHSIG = 1
FAST_SHUTDOWN = signal.SIGINT  # PostgreSQL's word for: roll back, flush, end
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(signal_number: int = signal.SIGTERM, *, parent: int | None = None) -> None:
    """Ask the kernel to signal this process when its parent ends (Linux; elsewhere nothing happens)."""
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(signal_number))
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal_number)  # it ended before we asked


def unprivileged() -> dict[str, Any]:
    """Popen arguments for a program that refuses to run as root; empty for an ordinary user."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return {"user": 65534, "group": 65534, "extra_groups": []}
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | str = "/",
    output: int | IO[Any] = subprocess.PIPE,
    death: int = signal.SIGTERM,
    rights: Mapping[str, Any] | None = None,
    pass_fds: Sequence[int] = (),
    nice: int = 0,
) -> subprocess.Popen[str]:
    """Start `argv` in its own process group, with stderr joined to `output`; `death` is sent if we are killed."""
    parent = os.getpid()

    def prepare() -> None:  # runs after the rights are dropped, which would clear the death signal
        die_with_parent(death, parent=parent)
        if nice:
            os.nice(nice)

    return subprocess.Popen(
        list(argv),
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
        preexec_fn=prepare,
        pass_fds=tuple(pass_fds),
        **(rights or {}),
    )


def stop(
    process: subprocess.Popen[str], *, with_signal: int = signal.SIGTERM, patience: float = 10.0
) -> None:
    """Ask once, wait `patience` seconds, then end whatever is left of the process group."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            process.send_signal(with_signal)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    kill_group(process.pid)
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)


def kill_group(group: int) -> None:
    """SIGKILL to every process of a group; none left is fine."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
