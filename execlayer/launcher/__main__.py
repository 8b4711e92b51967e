"""`python -m execlayer.launcher`: the whole demo in the foreground until Ctrl-C. See `make run`."""

import fcntl
import os
import signal
import sys
from types import FrameType
from typing import IO

from execlayer.launcher import children
from execlayer.launcher.console import Console
from execlayer.launcher.demo import Demo
from execlayer.launcher.options import Options
from execlayer.launcher.postgres import ServerFailed
from execlayer.launcher.store import read
from execlayer.launcher.supervisor import PartFailed, Stopped


def main() -> int:
    try:
        options = Options.read(os.environ)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    options.home.mkdir(mode=0o711, parents=True, exist_ok=True)
    lock = take_lock(options)
    if lock is None:
        print(
            f"already running at {read(options.home / 'run.json').get('url', '?')} from {options.home}",
            file=sys.stderr,
        )
        return 3
    parent = os.getppid() if "--with-parent" in sys.argv[1:] else 0
    console = Console(options.home / "logs")
    demo = Demo(options, console)
    interrupts = 0

    def interrupted(number: int, frame: FrameType | None) -> None:
        nonlocal interrupts
        interrupts += 1
        demo.supervisor.request_stop()
        if interrupts > 2:  # the person insists
            for part in demo.supervisor.parts:
                if part.process is not None:
                    children.kill_group(part.process.pid)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    code = 0
    try:
        demo.bring_up()
        demo.bring_beside()
        while True:
            demo.supervisor.wait_for(lambda: _looked_after(demo, parent))
            console.say("the process that started this is gone")
            break
    except Stopped:
        pass
    except (PartFailed, ServerFailed, OSError) as error:
        console.say(f"failed: {error}")
        code = 1
    demo.take_down()
    lock.close()
    return code


def _looked_after(demo: Demo, parent: int) -> int | None:
    """A number when whoever started this is gone; until then the demo is tended."""
    if parent and os.getppid() != parent:
        return 1
    demo.tend()
    return None


def take_lock(options: Options) -> IO[str] | None:
    """The home's lock, held by the kernel for as long as we live; None when another run holds it."""
    lock = (options.home / "launcher.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


if __name__ == "__main__":
    sys.exit(main())
