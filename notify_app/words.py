"""The words of a notice: what happened, what is asked of whom by when. Pure, but for the catalogue of labels.

Short, in the plant's words, the reference first so that it can be said aloud; never more than a phone's lock screen
shows in the subject.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext


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
    prefix = {"critical": gettext("Critical: "), "high": gettext("Urgent: ")}.get(story.urgency, "")
    return f"{prefix}{story.ref} {story.title}{_asked(story)}"[:200]


def _asked(story: Story) -> str:
    if story.reason == "inform":
        return gettext(" (for information)")
    if story.reason == "change":
        return ""
    if story.reason == "mention":
        return gettext(", you are named")
    if story.acknowledge_by is None:
        return ""
    return gettext(", acknowledge by {at}").format(at=local(story.acknowledge_by, story.zone))


def body(story: Story) -> str:
    """The paragraph above the buttons."""
    what = gettext("{type} at {place}, since {at}.").format(
        type=story.type_name, place=story.place, at=local(story.occurred_at, story.zone)
    )
    lines = [what]
    if story.note:
        lines.append(story.note)
    lines.append(_part(story))
    return "\n".join(line for line in lines if line)


def _part(story: Story) -> str:
    owner = gettext("{who} owns it.").format(who=story.owner) if story.owner else ""
    if story.reason == "inform":
        return _joined(gettext("For your information."), owner)
    if story.reason == "escalation":
        return _joined(gettext("A limit has passed without an answer, so it comes to you."), owner)
    if story.reason == "undecided":
        return _joined(gettext("It is still undecided at its limit, so it comes to you."), owner)
    if story.reason == "reroute":
        return _joined(gettext("It was passed on to you."), owner)
    if story.reason == "shift":
        return _joined(gettext("At the shift change it comes to you."), owner)
    if story.reason == "reminder":
        return _joined(gettext("A reminder: your answer is still missing."), owner)
    if story.reason == "change":
        return owner
    if story.reason == "mention":
        return gettext("You were named in the talk on its page.")
    if story.is_owner:
        return gettext("You own it: acknowledge, then decide.")
    asked = gettext("{function} is affected: please acknowledge.").format(function=story.function)
    return _joined(asked, owner)


def _joined(said: str, owner: str) -> str:
    return f"{said} {owner}".strip()
