"""What the bridges last stored of each signal and node, for the admin and the doctor. Reads rows, changes none.

At most as old as a bridge's interval for steady values (ten seconds); a change of state is stored at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exceptions_app.models import BridgeNode, MachineSignal

_WORDS = {"clear": "as it should be", "pending": "in its delay", "open": "stopped", "clearing": "coming back"}


@dataclass(frozen=True, slots=True)
class Live:
    """One signal of one work unit as last stored."""

    signal: int
    unit: str
    node: str
    phase: str
    value: Any
    at: datetime | None
    openings: int
    late: int
    shelved_until: datetime | None
    silent: bool
    stale: bool
    planned: bool

    @property
    def words(self) -> str:
        """How it stands, in a few words."""
        if self.silent:
            return "no data"
        if self.shelved_until is not None:
            return f"bad sensor, not listened to until {self.shelved_until:%H:%M} UTC"
        state = "stale" if self.stale else _WORDS.get(self.phase, self.phase)
        return f"{state}, planned stop" if self.planned else state


def live_signals(rows: Iterable[MachineSignal]) -> dict[int, list[Live]]:
    """Every work unit's state by definition. One query."""
    wanted = {row.pk: row.source_id for row in rows}
    found: dict[int, list[Live]] = {pk: [] for pk in wanted}
    nodes = BridgeNode.objects.filter(source__in=set(wanted.values())).order_by("key")
    for key, state in nodes.values_list("key", "state"):
        for live in _of_node(key, state):
            if live.signal in found:
                found[live.signal].append(live)
    return found


def live_of_node(node: BridgeNode) -> list[Live]:
    """Every signal of one node."""
    return _of_node(node.key, node.state)


def _of_node(key: str, state: dict[str, Any]) -> list[Live]:
    found = []
    for name, one in state.get("states", {}).items():
        definition, _, unit = name.partition(":")
        shelved = int(one.get("shelved_until") or 0)
        found.append(
            Live(
                signal=int(definition), unit=unit, node=key, phase=str(one.get("phase", "clear")),
                value=one.get("value"), at=_moment(one.get("at")), openings=len(one.get("openings", ())),
                late=int(one.get("late", 0)), shelved_until=_moment(shelved),
                silent=bool(one.get("silent")), stale=bool(one.get("bad")),
                planned=bool(one.get("suppressed")),
            )
        )  # fmt: skip
    return found


def _moment(ms: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(ms) / 1000, tz=UTC) if ms else None
    except (OverflowError, ValueError, OSError):
        return None
