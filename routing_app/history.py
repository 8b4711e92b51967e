"""Who changed what of the rule configuration, when: kept events as lines, grouped by what was saved at once.

Reads the event tables the triggers fill (pghistory), so bulk updates, imports and plain SQL are in it too. Must not
write. Versions are their own record and are not repeated here.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.apps import apps
from django.db import models
from django.db.models import Q

from plant_app.models import Function, Site, User
from routing_app import words
from routing_app.models import Ladder, Rule
from routing_app.ruleset import ConditionSpec
from routing_app.sentences import condition_sentence

#: Tracked table, and the field of its rows that names the thing they are a part of.
PARENTS: Final[dict[str, str]] = {
    "Rule": "",
    "RuleCondition": "rule",
    "RuleFunction": "rule",
    "Ladder": "",
    "LadderStep": "ladder",
    "ClockLimit": "",
    "OtherAcknowledgeLimit": "",
    "PublishingPolicy": "",
}
_SAID: Final = {"insert": "added", "update": "changed", "delete": "removed"}
_MOVES_SHOWN: Final = 2


@dataclass(slots=True)
class Line:
    """One change: what it is about, and per field what it was and is."""

    text: str
    fields: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """What one person saved at once. `who` is empty where no person was known, `source` then says what did it."""

    at: datetime
    who: str
    source: str
    lines: list[Line] = field(default_factory=list)
    moved: int = 0


def _event_model(name: str) -> Any:
    return apps.get_model("routing_app", f"{name}Event")


def history_of(obj: models.Model, *, most: int = 200) -> list[Entry]:
    """Every change of one rule, ladder or limit and of its parts, newest first."""
    name = type(obj).__name__
    wanted = {name: Q(pgh_obj_id=obj.pk)}
    wanted |= {
        part: Q(**{f"{parent}_id": obj.pk})
        for part, parent in PARENTS.items()
        if parent and parent == name.lower()
    }
    return _entries({part: _event_model(part).objects.filter(query) for part, query in wanted.items()}, most)


def whole_history(*, most: int = 300) -> list[Entry]:
    """The newest changes of everything a route depends on, also of what is gone by now."""
    return _entries({name: _event_model(name).objects.all() for name in PARENTS}, most)


def _entries(queries: dict[str, Any], most: int) -> list[Entry]:
    events: list[tuple[Any, str, Any]] = []
    for name, query in queries.items():
        newest = list(query.select_related("pgh_context").order_by("-pgh_id")[:most])
        events += [(event, name, before) for event, before in _with_before(name, newest)]
    events.sort(key=lambda one: (one[0].pgh_created_at, one[0].pgh_id), reverse=True)
    events = events[:most]
    names = _Names(events)
    grouped: dict[Any, Entry] = {}
    for event, name, before in events:
        said = event.pgh_context.metadata if event.pgh_context else {}
        key = event.pgh_context_id or (event.pgh_created_at, name)
        entry = grouped.setdefault(
            key, Entry(event.pgh_created_at, names.person(said.get("user")), str(said.get("source", "")))
        )
        line = names.line(name, event, before)
        if line is None:
            continue
        if [one[0] for one in line.fields] == ["order"]:
            entry.moved += 1
            if entry.moved > _MOVES_SHOWN:
                continue
        entry.lines.append(line)
    return [entry for entry in grouped.values() if entry.lines]


def _with_before(name: str, newest: list[Any]) -> Iterable[tuple[Any, Any]]:
    """Each event with the one before it of the same row."""
    kept: dict[int, list[Any]] = defaultdict(list)
    rows = {event.pgh_obj_id for event in newest}
    for event in _event_model(name).objects.filter(pgh_obj_id__in=rows).order_by("pgh_id"):
        kept[event.pgh_obj_id].append(event)
    for event in newest:
        earlier = [one for one in kept[event.pgh_obj_id] if one.pgh_id < event.pgh_id]
        yield event, earlier[-1] if earlier else None


class _Names:
    """What codes and ids are called, read once for a page."""

    def __init__(self, events: list[tuple[Any, str, Any]]) -> None:
        people = {
            event.pgh_context.metadata.get("user") for event, _, _ in events if event.pgh_context is not None
        }
        known = User.objects.filter(pk__in=[one for one in people if isinstance(one, int)])
        self.people = {user.pk: user.get_full_name() or user.username for user in known}
        self.named: dict[str, dict[int, str]] = {
            "rule": dict(Rule.objects.values_list("pk", "name")),
            "ladder": dict(Ladder.objects.values_list("pk", "code")),
            "site": dict(Site.objects.values_list("pk", "name")),
        }
        functions = dict(Function.objects.values_list("pk", "name"))
        self.named |= {"function": functions, "owner_function": functions}
        for event, name, _ in reversed(events):  # what is gone is called what it was called last
            if name in ("Rule", "Ladder"):
                label = event.name if name == "Rule" else event.code
                self.named[name.lower()].setdefault(event.pgh_obj_id, label)

    def person(self, pk: Any) -> str:
        return self.people.get(pk, "") if isinstance(pk, int) else ""

    def _subject(self, name: str, event: Any) -> str:
        if name in ("Rule", "RuleCondition", "RuleFunction"):
            pk = event.pgh_obj_id if name == "Rule" else event.rule_id
            rule = f"Rule “{event.name if name == 'Rule' else self.named['rule'].get(pk, 'now gone')}”"
            if name == "RuleCondition":
                said = condition_sentence(ConditionSpec(event.fact, event.operator, event.value))
                return f"{rule}: condition “{said}”"
            if name == "RuleFunction":
                function = self.named["function"].get(event.function_id, "a function now gone")
                return f"{rule}: {function} ({words.label_of(words.ROLES, event.role)})"
            return rule
        if name in ("Ladder", "LadderStep"):
            pk = event.pgh_obj_id if name == "Ladder" else event.ladder_id
            ladder = f"Ladder {event.code if name == 'Ladder' else self.named['ladder'].get(pk, 'now gone')}"
            return ladder if name == "Ladder" else f"{ladder}, level {event.level}"
        if name == "ClockLimit":
            kind = "any type" if event.type_code == words.ANY_TYPE else event.type_code.replace("_", " ")
            return f"Limits of {kind}, {event.urgency}"
        if name == "PublishingPolicy":
            return f"What {self.named['site'].get(event.site_id, 'a site')} asks before publishing"
        return f"Other functions' time to acknowledge, {event.urgency}"

    def line(self, name: str, event: Any, before: Any) -> Line | None:
        line = Line(f"{self._subject(name, event)} {_SAID.get(event.pgh_label, event.pgh_label)}.")
        if event.pgh_label != "update":
            return line
        if before is None:  # changed before anything was kept of it
            return line
        tracked = apps.get_model("routing_app", name)
        for one in tracked._meta.fields:
            was, now = getattr(before, one.attname), getattr(event, one.attname)
            if was != now:
                line.fields.append((str(one.verbose_name), self._shown(one, was), self._shown(one, now)))
        if [one[0] for one in line.fields] == ["order"]:
            line.text = (
                f"{self._subject(name, event)} moved {'down' if event.order > before.order else 'up'}."
            )
        return line if line.fields else None

    def _shown(self, one: Any, value: Any) -> str:
        if value is None or value == "":
            return "nothing"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if one.name in self.named and isinstance(value, int):
            return self.named[one.name].get(value, "one now gone")
        if isinstance(value, list):
            return ", ".join(words.label_of(words.ROLES, part) for part in value)
        return str(dict(one.flatchoices).get(value, value))
