"""What a driver hands over and what comes out: one value of one signal, and one change worth telling.

Times are whole milliseconds since 1970. Plain tuples and frozen data; how a value travelled is not known here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

Value = bool | int | float | str | None


class Sample(NamedTuple):
    """One value: `node` is who reports it (a topic, an edge node, a server), `signal` its name there.

    `at` is the source's own time, `received` ours; a source without a clock gives the same for both. `good` is false
    for a value its source does not vouch for. A value of None is no value, whatever the quality says.
    """

    node: str
    signal: str
    value: Value
    at: int
    received: int
    good: bool = True


class Change(StrEnum):
    """What a transition says."""

    OPENED = "opened"
    REOPENED = "reopened"
    CLEARED = "cleared"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    NO_DATA = "no_data"
    DATA_BACK = "data_back"


@dataclass(frozen=True, slots=True)
class Transition:
    """One confirmed change. `first` identifies it: the time stamp of the sample it began with, as the source gave it,
    so that the same change found twice has the same identity. `occurred` is that moment by our clock, `confirmed` when
    the delay was over; `until` is the end of shelving.
    """

    change: Change
    first: int
    occurred: int
    confirmed: int
    value: Value = None
    occurrences: int = 1
    until: int = 0
