"""What goes wrong in a torture, and when: drawn from the seed before anything starts.

Time is counted in requests that reached the proxy, not in seconds, so that a seed means the same on a slow machine:
the n-th request (or the next that changes something) meets the same fate, after the n-th the same process is killed.
Which posting that request belongs to is the scheduler's doing. Must not know: sockets, processes.
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

#: On the line. `before` means that the ERP never sees the request, `late` that it comes after the sender has given up.
LINE = (
    "dropped_before", "dropped_after", "late_request", "late_answer", "reset", "bad_gateway", "garbage",
)  # fmt: skip
#: kill -9. `power` is everything at once: senders, broker, both databases and the ERP.
KILLS = ("sender", "broker", "database", "erp", "erp_database", "power")
REQUESTS_A_POSTING = 12
#: Share of the run's requests before and after which nothing breaks: enough is under way, and nothing is left over.
FIRST, LAST = 0.03, 0.75
ANY_REQUEST = 0.3  # of the faults on the line hit whatever comes, the others the next request that writes
PAUSES = (0.2, 3.0)  # seconds until a killed process comes back


@dataclass(frozen=True, slots=True, order=True)
class LineFault:
    """A fault on the line that is due from the `at`-th request on."""

    at: int
    kind: str
    writes_only: bool
    dice: float  # what remains to be drawn: how late, before or after the effect


@dataclass(frozen=True, slots=True, order=True)
class Kill:
    """A process killed once `at` requests came by, back after `pause` seconds."""

    at: int
    kind: str
    pause: float
    dice: float


@dataclass(slots=True)
class Plan:
    """All faults of a run, soonest first, and a count of those that really happened."""

    line: list[LineFault]
    kills: list[Kill]
    happened: Counter[str] = field(default_factory=Counter)
    stopped: bool = False

    def for_request(self, number: int, *, writes: bool) -> LineFault | None:
        """The fault this request meets; each is met once. Called by one thread only."""
        for index, fault in enumerate(self.line):
            if fault.at > number:
                return None
            if writes or not fault.writes_only:
                return self.line.pop(index)
        return None

    def put_back(self, fault: LineFault) -> None:
        """A fault that did not come to pass is met by the next request it fits. Called by the same thread."""
        if not self.stopped:
            self.line.insert(0, fault)

    def next_kill(self, requests: int) -> Kill | None:
        """The kill that is due after so many requests; each comes once."""
        return self.kills.pop(0) if self.kills and self.kills[0].at <= requests else None

    def stop(self) -> None:
        """Nothing breaks from now on."""
        self.stopped = True
        self.line.clear()
        self.kills.clear()


def draw(seed: int, postings: int) -> Plan:
    """The plan of a seed: every kind of fault at least once, more of each the more postings there are."""
    dice = Random(f"faults {seed}")  # noqa: S311 - repeatable dice are the point
    kinds = [kind for kind in LINE for _ in range(max(1, postings // 40))]
    kinds += [kind for kind in KILLS for _ in range(_how_often(kind, postings))]
    dice.shuffle(kinds)
    span = max(postings, 10) * REQUESTS_A_POSTING
    step = span * (LAST - FIRST) / len(kinds)
    line, kills = [], []
    for place, kind in enumerate(kinds):
        # Each anywhere in a stretch of its own: a heap of them at once would only prove that waiting works.
        at = int(span * FIRST + (place + dice.random()) * step)
        if kind in KILLS:
            kills.append(Kill(at, kind, dice.uniform(*PAUSES), dice.random()))
        else:
            line.append(LineFault(at, kind, dice.random() > ANY_REQUEST, dice.random()))
    return Plan(sorted(line), sorted(kills))


def _how_often(kind: str, postings: int) -> int:
    """A killed sender is the likeliest; each other costs its while of waiting."""
    share = {"sender": 250, "broker": 500, "database": 500, "erp": 500, "erp_database": 1000, "power": 1000}
    return max(1, postings // share[kind])
