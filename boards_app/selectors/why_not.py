"""Why somebody was not told: which of their duties was asked, who was on duty instead, which level was not reached.

The rosters are those kept with the events, the rules those the record was routed by. What the calendar says of an
absence or a shift is read as it stands now, and the words say so.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from boards_app.selectors.record.around import condition_words
from boards_app.selectors.why import Answer, Clockface, Line, tellings_lines
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionEvent, ExceptionRecord, Response
from exceptions_app.services.responses.layout import role_words
from notify_app.manners import OUTWARD
from notify_app.models import NoticeChannel
from notify_app.services.ways import ways_of
from plant_app.models import Absence, AccessGrant, DutyAssignment, Site, User
from plant_app.selectors import ShiftBook
from routing_app import words
from routing_app.comparing import prepare
from routing_app.engine import explain_rule
from routing_app.models import RoutingCase
from routing_app.outcome import Outcome
from routing_app.ruleset import RuleSpec
from routing_app.selectors import compiled, outcome_of

_RULES_SHOWN: Final = 4


def why_person(exception: ExceptionRecord, person: User, *, private: bool) -> Answer:
    """Whether and why `person` was told of `exception`; `private` shows their preferences, which are theirs alone."""
    lines, told = tellings_lines(exception, person)
    if not lines:
        lines = _why_not(exception, person) or [
            Line("unexplained", "Nothing that was stored explains it.", held=False)
        ]
        return Answer(f"{person} was not told of {exception.ref}.", tuple(lines), told=False)
    if private:
        lines += _preferences(exception, person)
    if told:
        lead = f"{person} was told of {exception.ref}."
    elif any(line.code == "waiting" for line in lines):
        lead = f"{person} is due to be told of {exception.ref}."
    else:
        lead = f"{person} was to be told of {exception.ref}, but no notice went out."
    return Answer(lead, tuple(lines), told=told)


def _preferences(exception: ExceptionRecord, person: User) -> list[Line]:
    """Channels that were not used, by the person's wishes and addresses as they are now."""
    ways = ways_of(person)
    manner, there = ways.manner(person), ways.available(person)
    wanted = manner.channels.get(exception.urgency, ())
    lines = []
    for channel in OUTWARD:
        label = NoticeChannel(channel).label
        if channel in wanted and channel not in there:
            lines.append(
                Line("no_address", f"{label}: wanted, but no address is kept for it now.", held=False)
            )
        elif channel in there and channel not in wanted:
            words_ = (
                f"{label}: not chosen at once for {exception.urgency} urgency, as the preferences are now."
            )
            lines.append(Line("preference", words_, held=False))
    if manner.quiet is not None:
        hours = f"{manner.quiet.begins:%H:%M} to {manner.quiet.ends:%H:%M}"
        lines.append(
            Line("quiet", f"Do not disturb {hours} yields from {manner.override} urgency on.", held=False)
        )
    return lines


def _why_not(exception: ExceptionRecord, person: User) -> list[Line]:
    responses = list(
        exception.responses.select_related("function", "site", "person").order_by("-is_owner", "pk")
    )
    sites = {exception.site_id: exception.site, **{one.site_id: one.site for one in responses}}
    if not person.is_superuser and not AccessGrant.objects.filter(user=person, site__in=sites).exists():
        names = ", ".join(site.name for site in sites.values())
        return [Line("no_access", f"{person} has no access to {names} now.", held=False)]
    rows = list(
        DutyAssignment.objects.filter(person=person, site__in=sites).select_related("shift", "area", "site")
    )
    if not rows:
        return [
            Line(
                "no_duty",
                f"{person} holds no duty at {exception.site.name} now; notices go to duties.",
                held=False,
            )
        ]
    lines: list[Line] = []
    if exception.status == Status.TRIAGE:
        lines.append(
            Line("triage", "It waits to be sorted; until then only whoever sorts it is told.", held=False)
        )
    outcome = outcome_of(exception.route) if exception.route else None
    events = list(exception.events.filter(data__has_key="presence").order_by("at", "pk"))
    for duty in dict.fromkeys(row.duty for row in rows):
        mine = [row for row in rows if row.duty == duty]
        found = _of_duty(exception, person, duty, mine, responses, outcome, events)
        lines += found or _not_asked(exception, duty)
    return lines


def _of_duty(
    exception: ExceptionRecord, person: User, duty: str, mine: list[DutyAssignment], responses: list[Response],
    outcome: Outcome | None, events: list[ExceptionEvent],
) -> list[Line]:  # fmt: skip
    """What became of one duty: asked for by a response, a ladder's level or for information."""
    lines: list[Line] = []
    at = Clockface(exception)
    for response in responses:
        if response.role == duty:
            asked = f"{response.function.name} was asked through its {role_words(duty)}"
            who = f": {response.person}" if response.person else ", and nobody was on duty"
            lines.append(Line("asked_other", f"{asked}{who}.", held=False))
        lines += [
            _level(response, rung, duty, at)
            for rung in response.ladder
            if duty in rung["roles"] and response.role != duty
        ]
    if outcome is not None and any(one.role == duty for one in outcome.informed_roles):
        lines.append(
            Line("informed_role", f"The {role_words(duty)} is informed of it by the route.", held=False)
        )
    if lines:
        lines += _rosters(person, duty, mine, responses, events, at, exception)
    return lines


def _level(response: Response, rung: dict[str, Any], duty: str, at: Clockface) -> Line:
    """A ladder's level that names the duty: reached, still to come, or stopped short of."""
    level, due = int(rung["level"]), response.due_at + timedelta(minutes=int(rung["after_minutes"]))
    begin = f"The {role_words(duty)} is level {level} of {response.function.name}’s ladder, due {at(due)}"
    if response.level >= level:
        return Line("level_reached", f"{begin}; that level was told.", at=due)
    if response.acknowledged_at is not None and response.acknowledged_at <= due:
        by = response.acknowledged_by or response.person
        stopped = f"{begin}; {by} had acknowledged {at(response.acknowledged_at)}."
        return Line("level_not_needed", stopped, held=False, at=due)
    if response.next_level_at is None:
        words_ = f"{begin}; the ladder stands at level {response.level} and climbs no further."
        return Line("level_stopped", words_, held=False, at=due)
    return Line("level_to_come", f"{begin}, if nobody acknowledges before.", held=False, at=due)


def _rosters(
    person: User, duty: str, mine: list[DutyAssignment], responses: Iterable[Response], events: list[ExceptionEvent],
    at: Clockface, exception: ExceptionRecord,
) -> list[Line]:  # fmt: skip
    """Who held the duty each time somebody was looked for; the first time says why it was not this person."""
    lines: list[Line] = []
    sites = {one.site.code: one.site for one in responses} | {exception.site.code: exception.site}
    for event in events:
        for key, names in event.data.get("presence", {}).items():
            name, _, code = key.partition("@")
            if name != duty or code not in sites:
                continue
            others = User.objects.filter(username__in=names).exclude(pk=person.pk).order_by("username")
            listed = ", ".join(str(one) for one in others[:6]) or "nobody"
            said = f"{at(event.at)} on duty as {role_words(duty)}"
            if person.username in names:
                place = names.index(person.username) + 1
                line = f"{said}: {person}, number {place} of {len(names)}; the others {listed}."
                lines.append(Line("on_duty", line, at=event.at))
            else:
                lines.append(Line("not_on_duty", f"{said}: {listed}, not {person}.", held=False, at=event.at))
                lines += _calendar(person, mine, sites[code], event.at, exception)
            return lines
    return lines


def _calendar(
    person: User, mine: list[DutyAssignment], site: Site, moment: datetime, exception: ExceptionRecord
) -> list[Line]:
    """What the calendar, as it is now, says of that moment."""
    lines: list[Line] = []
    away = (
        Absence.objects.filter(person=person, start__lte=moment, end__gt=moment)
        .select_related("cover")
        .first()
    )
    if away is not None:
        cover = f", {away.cover} stood in" if away.cover else ""
        lines.append(Line("absent", f"The calendar has {person} away then{cover}.", held=False))
    book = ShiftBook.of(site)
    for row in mine:
        if row.site_id != site.pk:
            continue
        if row.area_id is not None and exception.area_id is not None and row.area_id != exception.area_id:
            lines.append(Line("other_area", f"By the roster now that duty is for {row.area}.", held=False))
        elif row.shift is not None and book.runs(row.shift, moment) is None:
            said = (
                f"By the roster now that duty is held in the shift {row.shift.name}, which did not run then."
            )
            lines.append(Line("off_shift", said, held=False))
        elif row.on_call:
            lines.append(
                Line("on_call", "On call: asked only when nobody is on shift for the duty.", held=False)
            )
    return lines


def _not_asked(exception: ExceptionRecord, duty: str) -> list[Line]:
    """A duty the route does not name: the rules that would have, and why they did not speak."""
    case = exception.route
    lead = Line("duty_not_named", f"The route asks for no {role_words(duty)}.", held=False)
    if case is None:
        return [lead]
    rules = compiled(case.version)
    prepared = prepare(case.facts)
    lines = [lead]
    for rule in rules.rules:
        if duty not in _roles(rule.spec, rules.ladders) or len(lines) > _RULES_SHOWN:
            continue
        lines.append(_silent(rule.spec, explain_rule(rule, prepared), case))
    return lines


def _roles(rule: RuleSpec, ladders: Any) -> set[str]:
    climbed = ladders.get(rule.ladder)
    found = {rule.owner_role, *(one.role for one in rule.functions)}
    if climbed is not None:
        found |= {role for step in climbed.steps for role in step.roles}
    if rule.lead_follows:
        found.add(words.LEAD_OF.get(rule.owner_function, ""))
    return found


def _silent(rule: RuleSpec, line: dict[str, Any], case: RoutingCase) -> Line:
    name = f"Rule {rule.number}, {rule.name}, names that duty"
    failed = next((one for one in line["conditions"] if one["result"] != "yes"), None)
    if failed is not None:
        return Line("rule_silent", f"{name} but did not hold: {condition_words(failed)}.", held=False)
    if rule.number > case.rule_number:
        return Line(
            "rule_not_reached", f"{name}, but rule {case.rule_number} had decided before it.", held=False
        )
    return Line("rule_spoke", f"{name} and held.", held=True)
