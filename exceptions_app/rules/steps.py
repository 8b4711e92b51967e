"""The next step of an exception in one sentence: who does what until when.

Pure. Owns the wording; must not know rows. Times are shown in the site's own zone, with the day when it is not today.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

LONGEST = 160


@dataclass(frozen=True, slots=True)
class Waiting:
    """A required function that has not acknowledged yet."""

    name: str
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an exception stands, as far as its next step goes. `owner` is a person's name, if one is on duty."""

    status: str
    role: str
    owner: str = ""
    acknowledge_due_at: datetime | None = None
    decide_due_at: datetime | None = None
    resolve_due_at: datetime | None = None
    cleared: bool = False
    waiting: tuple[Waiting, ...] = ()


def clock_text(moment: datetime | None, *, now: datetime, zone: str) -> str:
    """ "10:24", or "Fri 20 Nov 10:24" when it is another day there; empty without a moment."""
    if moment is None:
        return ""
    local, today = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%a} {local.day} {local:%b %H:%M}"


def next_step(standing: Standing, *, now: datetime, zone: str) -> str:
    """The sentence; at most LONGEST characters."""

    def by(moment: datetime | None) -> str:
        text = clock_text(moment, now=now, zone=zone)
        return f" by {text}" if text else ""

    who = standing.owner or f"Nobody on duty as {standing.role}: whoever takes over"
    if standing.status == "triage":
        sentence = f"{who} sorts this report{by(standing.acknowledge_due_at)}"
    elif standing.status == "open":
        sentence = f"{who} acknowledges{by(standing.acknowledge_due_at)}"
    elif standing.status == "acknowledged":
        sentence = f"{who} decides{by(standing.decide_due_at)}{_waits(standing, by)}"
    elif standing.status == "decided":
        what = "confirms that it is resolved" if standing.cleared else "sees the decision through"
        sentence = f"{who} {what}{by(standing.resolve_due_at)}{_waits(standing, by)}"
    elif standing.status == "resolved":
        sentence = "ERP confirms the open postings, then it closes"
    else:
        sentence = ""
    return sentence[:LONGEST]


def _waits(standing: Standing, by: object) -> str:
    names = [one.name for one in standing.waiting]
    if not names:
        return ""
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"; {listed} still to acknowledge"
