"""The timeline: every event of an exception in one line, newest first, days apart; and what people said."""

from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext

from core.languages import label, small
from exceptions_app.attached import attached_to, in_words
from exceptions_app.models import EventKind, ExceptionEvent, ExceptionRecord
from exceptions_app.selectors import timeline

_ICONS: Final[dict[str, str]] = {
    EventKind.OPENED: "flag", EventKind.JOINED: "link-2", EventKind.ROUTED: "route", EventKind.REROUTED: "route",
    EventKind.TRIAGED: "mail", EventKind.CORRECTED: "pencil", EventKind.CONTAINED: "shield-check",
    EventKind.TOLD: "bell", EventKind.SEEN: "eye", EventKind.ACKNOWLEDGED: "check",
    EventKind.ACKNOWLEDGEMENT_LAPSED: "octagon-alert", EventKind.ON_THE_WAY: "footprints",
    EventKind.ARRIVED: "map-pin", EventKind.ACTING: "activity", EventKind.FINISHED: "check-check",
    EventKind.DECLINED: "ban", EventKind.TAKEN_OVER: "hand", EventKind.FUNCTION_ADDED: "user-plus",
    EventKind.SHIFT_CHANGED: "users",
    EventKind.FUNCTION_CHANGED: "pencil", EventKind.FUNCTION_REMOVED: "x", EventKind.REMINDED: "timer",
    EventKind.REPAIRED: "wrench",
    EventKind.ALIGNED: "users", EventKind.ESCALATED: "octagon-alert", EventKind.URGENCY_CHANGED: "arrow-up",
    EventKind.WINDOW_CHANGED: "hourglass", EventKind.DECIDED: "git-compare",
    EventKind.DECISION_REVERSED: "undo-2", EventKind.APPROVAL: "user-check", EventKind.CAUSE_SET: "info",
    EventKind.EFFECT_CHECKED: "rotate-ccw", EventKind.TASK_DONE: "square-check",
    EventKind.TASK_CHANGED: "clipboard-list", EventKind.COMMENTED: "message-square",
    EventKind.CLEARED: "circle-check", EventKind.RETURNED: "rotate-ccw", EventKind.RESOLVED: "check-check",
    EventKind.CLOSED: "archive", EventKind.REOPENED: "rotate-ccw", EventKind.CANCELLED: "ban",
    EventKind.RESTORED: "undo-2", EventKind.MERGED: "git-merge", EventKind.SPLIT: "split",
    EventKind.POSTING_QUEUED: "send", EventKind.POSTING_SETTLED: "check-check",
    EventKind.SEQUENCED: "list-ordered", EventKind.OVERRIDDEN: "hand",
}  # fmt: skip
_TONES: Final[dict[str, str]] = {
    EventKind.ESCALATED: "crit",
    EventKind.ACKNOWLEDGEMENT_LAPSED: "crit",
    EventKind.RETURNED: "warn",
    EventKind.REOPENED: "warn",
    EventKind.DECLINED: "warn",
}
# What an event means where its own words do not say it.
_LEADS: Final[dict[str, str]] = {
    EventKind.DECIDED: "decided:", EventKind.DECISION_REVERSED: "took the decision back:",
    EventKind.TASK_DONE: "finished:", EventKind.RESOLVED: "resolved it", EventKind.CANCELLED: "cancelled it:",
    EventKind.REOPENED: "opened it again:", EventKind.RESTORED: "restored it:", EventKind.CLEARED: "says it is gone",
    EventKind.CORRECTED: "corrected:", EventKind.TRIAGED: "sorted it:", EventKind.TOLD: "Told:",
    EventKind.SEEN: "has seen it:", EventKind.CONTAINED: "Contained:", EventKind.ESCALATED: "Escalated:",
    EventKind.POSTING_QUEUED: "For ERP:", EventKind.POSTING_SETTLED: "ERP:",
    EventKind.WINDOW_CHANGED: "Response window:", EventKind.URGENCY_CHANGED: "Urgency:", EventKind.ROUTED: "Routed:",
    EventKind.CLOSED: "Closed: every posting is settled",
    EventKind.MERGED: "Merged:", EventKind.SPLIT: "Split:", EventKind.REROUTED: "passed it on:",
    EventKind.DECLINED: "declined:", EventKind.RETURNED: "It is there again.",
    EventKind.ACKNOWLEDGEMENT_LAPSED: "The acknowledgement lapsed:",
}  # fmt: skip
_VIA: Final = {"link": "by mail link", "api": "over the API", "station": "at the station", "simulator": ""}
_REPORTS: Final = frozenset({EventKind.OPENED, EventKind.JOINED})
_QUIET: Final = frozenset({EventKind.SEEN})


def events_of(exception: ExceptionRecord, *, limit: int = 200) -> list[dict[str, Any]]:
    """Lines for `components/timeline.html`. Two queries."""
    zone = ZoneInfo(exception.site.timezone)
    lines: list[dict[str, Any]] = []
    day = None
    events = timeline(exception, limit=limit)
    brought = attached_to(event.signal_id for event in events if event.signal_id and event.kind in _REPORTS)
    for event in events:
        if event.kind in _QUIET:
            continue
        local = event.at.astimezone(zone)
        line = _line(event)
        if event.kind in _REPORTS and event.signal_id in brought:
            with_it = in_words(brought[event.signal_id])
            line["note"] = ", ".join(
                words
                for words in (line["note"], gettext("with {files}").format(files=with_it) if with_it else "")
                if words
            )
        if lines and event.kind == EventKind.TOLD and lines[-1].get("told") == f"{local:%Y-%m-%d %H:%M}":
            lines[-1]["text"] += f"; {event.text}"
            continue
        if event.kind == EventKind.TOLD:
            line["told"] = f"{local:%Y-%m-%d %H:%M}"
        if local.date() != day and day is not None:
            line["day"] = format_date(local, "l j F")
        day = local.date()
        lines.append(line)
    return lines


def _line(event: ExceptionEvent) -> dict[str, Any]:
    who = str(event.actor) if event.actor else ""
    lead, text = label(_LEADS.get(event.kind, "")), event.text
    if event.kind == EventKind.OPENED:
        who, text = "", _opened(event)
        lead = ""
    elif event.kind in {EventKind.POSTING_QUEUED, EventKind.POSTING_SETTLED}:
        who = ""
    elif event.kind == EventKind.COMMENTED:
        lead, text = "", f"“{event.text}”"
    elif not lead and not text:
        text = label(event.get_kind_display())
        text = small(text) if who else text
    if who and event.kind in {EventKind.ACKNOWLEDGED, EventKind.ON_THE_WAY, EventKind.ARRIVED, EventKind.ACTING,
                              EventKind.FINISHED}:  # fmt: skip
        function = str(event.data.get("function", "")).replace("_", " ")
        text = f"{small(label(event.get_kind_display()))}, {_function(function)}"
    if lead and not text:
        lead = lead.rstrip(":")
    return {
        "at": event.at,
        "icon": _ICONS.get(event.kind, "circle"),
        "tone": _TONES.get(event.kind, ""),
        "who": who,
        "text": " ".join(part for part in (lead, text) if part),
        "note": label(_VIA.get(event.via, "")),
    }


def _opened(event: ExceptionEvent) -> str:
    who = str(event.actor) if event.actor else event.actor_text
    return gettext("Opened from {who}’s report").format(who=who) if who else gettext("Opened")


def _function(code: str) -> str:
    """A function of an event, which keeps its code; a shipped one in the reader's language."""
    return small(label(code.capitalize())) if code else ""
