"""The words of a notice: what happened, what is asked of whom by when. Pure.

Short, in the plant's words, the reference first so that it can be said aloud; never more than a phone's lock screen
shows in the subject.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Story:
    """What a notice may say of an exception and the reader's part in it; moments aware, `zone` an IANA name."""

    ref: str
    title: str
    type_name: str
    place: str
    urgency: str
    occurred_at: datetime
    zone: str
    function: str = ""
    reason: str = "first"
    acknowledge_by: datetime | None = None
    note: str = ""
    owner: str = ""
    is_owner: bool = False


def local(moment: datetime, zone: str) -> str:
    """Clock time at the plant."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%H:%M")


def subject(story: Story) -> str:
    """One line: urgency where it matters, reference, title, what is asked."""
    prefix = {"critical": "Critical: ", "high": "Urgent: "}.get(story.urgency, "")
    return f"{prefix}{story.ref} {story.title}{_asked(story)}"[:200]


def _asked(story: Story) -> str:
    if story.reason == "inform":
        return " (for information)"
    if story.reason == "change":
        return ""
    if story.reason == "mention":
        return ", you are named"
    if story.acknowledge_by is None:
        return ""
    return f", acknowledge by {local(story.acknowledge_by, story.zone)}"


def body(story: Story) -> str:
    """The paragraph above the buttons."""
    lines = [f"{story.type_name} at {story.place}, since {local(story.occurred_at, story.zone)}."]
    if story.note:
        lines.append(story.note)
    lines.append(_part(story))
    return "\n".join(line for line in lines if line)


def _part(story: Story) -> str:
    owner = f"{story.owner} owns it." if story.owner else ""
    if story.reason == "inform":
        return f"For your information. {owner}".strip()
    if story.reason == "escalation":
        return f"A limit has passed without an answer, so it comes to you. {owner}".strip()
    if story.reason == "undecided":
        return f"It is still undecided at its limit, so it comes to you. {owner}".strip()
    if story.reason == "reroute":
        return f"It was passed on to you. {owner}".strip()
    if story.reason == "shift":
        return f"At the shift change it comes to you. {owner}".strip()
    if story.reason == "reminder":
        return f"A reminder: your answer is still missing. {owner}".strip()
    if story.reason == "change":
        return owner
    if story.reason == "mention":
        return "You were named in the talk on its page."
    if story.is_owner:
        return "You own it: acknowledge, then decide."
    return f"{story.function} is affected: please acknowledge. {owner}".strip()
