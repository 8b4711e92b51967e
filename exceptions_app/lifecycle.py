"""The life of an exception: its statuses and every allowed move, written once.

Pure. The database trigger that refuses any other move is generated from `edges()`, the pages draw their status line
from `Status`, and docs print `mermaid()`.
"""

from enum import StrEnum


class Status(StrEnum):
    """Where an exception stands."""

    TRIAGE = "triage"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    DECIDED = "decided"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


# The moves a person or service may ask for. Leaving `cancelled` restores the status before it (unmerge, undo).
MOVES: dict[Status, tuple[Status, ...]] = {
    Status.TRIAGE: (Status.OPEN, Status.CANCELLED),
    Status.OPEN: (Status.ACKNOWLEDGED, Status.RESOLVED, Status.CANCELLED),
    Status.ACKNOWLEDGED: (Status.DECIDED, Status.OPEN, Status.RESOLVED, Status.CANCELLED),
    Status.DECIDED: (Status.RESOLVED, Status.ACKNOWLEDGED, Status.CANCELLED),
    Status.RESOLVED: (Status.CLOSED, Status.OPEN),
    Status.CLOSED: (Status.OPEN,),
    Status.CANCELLED: (Status.TRIAGE, Status.OPEN, Status.ACKNOWLEDGED, Status.DECIDED),
}

# Open for correlation: a new stop never joins a record that only waits for ERP.
CORRELATES: frozenset[Status] = frozenset({Status.TRIAGE, Status.OPEN, Status.ACKNOWLEDGED, Status.DECIDED})
# Still somebody's work, with an owner, a clock and a next step.
LIVE: frozenset[Status] = CORRELATES | {Status.RESOLVED}
ENDED: frozenset[Status] = frozenset({Status.CLOSED, Status.CANCELLED})


def edges() -> tuple[tuple[str, str], ...]:
    """Every allowed (from, to) pair, as the database trigger wants them."""
    return tuple((start.value, end.value) for start, ends in MOVES.items() for end in ends)


def allowed(start: str, end: str) -> bool:
    """Whether the move exists. Unknown words are simply not allowed."""
    return (start, end) in edges()


def mermaid() -> str:
    """The lifecycle as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {start} --> {end}" for start, end in edges()]
    return "\n".join(lines)
