"""The life of a posting: its statuses and every allowed move, written once.

Pure. The database trigger that refuses any other move is generated from `edges()`; screens and docs read the same
table. `unknown` never goes to `cancelled`: what may have happened in an ERP can't be called off, only found out.
"""

from enum import StrEnum


class Status(StrEnum):
    """Where a posting stands."""

    APPROVAL = "approval"
    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    HELD = "held"
    LOCAL = "local"
    CANCELLED = "cancelled"


class HeldReason(StrEnum):
    """Why a posting is held."""

    DRIFTED = "drifted"
    MAPPING_MISSING = "mapping_missing"
    CIRCUIT_OPEN = "circuit_open"
    MANUAL = "manual"


MOVES: dict[Status, tuple[Status, ...]] = {
    Status.APPROVAL: (Status.QUEUED, Status.CANCELLED, Status.LOCAL),
    # To approval where a change of what is sent goes beyond a limit: an approval holds for what was approved.
    Status.QUEUED: (Status.SENDING, Status.HELD, Status.CANCELLED, Status.LOCAL, Status.APPROVAL),
    # Back to queued only where the request certainly never reached the ERP.
    Status.SENDING: (
        Status.CONFIRMED, Status.REJECTED, Status.UNKNOWN, Status.QUEUED, Status.HELD, Status.LOCAL,
    ),
    # To sending again only after a look-up found nothing late enough, or something half done.
    Status.UNKNOWN: (Status.CONFIRMED, Status.REJECTED, Status.SENDING, Status.LOCAL),
    Status.REJECTED: (Status.QUEUED, Status.CANCELLED, Status.LOCAL, Status.APPROVAL),
    Status.HELD: (Status.QUEUED, Status.CANCELLED, Status.LOCAL, Status.APPROVAL),
    Status.CONFIRMED: (),
    Status.LOCAL: (),
    Status.CANCELLED: (),
}  # fmt: skip

# Nothing more will happen to these; an exception closes when all of its postings are here.
SETTLED: frozenset[Status] = frozenset({Status.CONFIRMED, Status.LOCAL, Status.CANCELLED})
# The sender looks at these.
MOVING: frozenset[Status] = frozenset({Status.QUEUED, Status.SENDING, Status.UNKNOWN})
# Only a person gets these on.
DEAD: frozenset[Status] = frozenset({Status.REJECTED, Status.HELD})
# Held without a fault: the one goes on by itself, the other is keyed by a person because the plant wants it so.
NO_FAULT: frozenset[HeldReason] = frozenset({HeldReason.CIRCUIT_OPEN, HeldReason.MANUAL})
# Begun in an ERP, outcome not known yet: no sibling of the same chain may go beside them.
IN_FLIGHT: frozenset[Status] = frozenset({Status.SENDING, Status.UNKNOWN})


def edges() -> tuple[tuple[str, str], ...]:
    """Every allowed (from, to) pair, as the database trigger wants them."""
    return tuple((start.value, end.value) for start, ends in MOVES.items() for end in ends)


def allowed(start: str, end: str) -> bool:
    """Whether the move exists. Unknown words are simply not allowed."""
    return (start, end) in edges()


def mermaid() -> str:
    """The lifecycle as a Mermaid state diagram, for the documentation."""
    return "\n".join(["stateDiagram-v2", *(f"    {start} --> {end}" for start, end in edges())])
