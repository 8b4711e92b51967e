"""`python -m execlayer.torture HOME POSTINGS SEED`: one run inside the surroundings `manage.py torture_erp` made.

A process of its own, because settings are read before a run knows where its database will be. Leaves `result.json`.
"""

import signal
import sys
from pathlib import Path
from types import FrameType

import django

from execlayer.launcher import store
from execlayer.launcher.postgres import ServerFailed
from execlayer.launcher.supervisor import PartFailed, Stopped

FAILED, NO_REGISTRY, INTERRUPTED = 2, 3, 130


def main() -> int:
    home, postings, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    django.setup()
    from execlayer.torture.run import Torture  # models can be imported only now

    torture = Torture(home, postings=postings, seed=seed)

    def interrupted(number: int, frame: FrameType | None) -> None:
        torture.rig.supervisor.request_stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        store.write(home / "result.json", torture.count())
    except Stopped:
        return INTERRUPTED
    except (PartFailed, ServerFailed) as error:
        torture.rig.console.say(f"failed: {error}")
        return NO_REGISTRY if "registry cannot be reached" in str(error) else FAILED
    finally:
        torture.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
