"""What differs between two rule sets, in sentences. Pure; used for "3 unpublished changes" and for the version list.

Rules are matched by their code, so a moved or renamed rule is one change and not two.
"""

from dataclasses import dataclass
from typing import Any

from routing_app import words
from routing_app.clocks import Limits
from routing_app.ruleset import LadderSpec, RulesetSpec, RuleSpec
from routing_app.sentences import sentence


@dataclass(frozen=True, slots=True)
class Change:
    """`kind` is added, removed, changed, moved; `code` the rule's or `ladder:MNT`, `limits:tooling`, `others`."""

    kind: str
    code: str
    text: str
    before: str = ""
    after: str = ""

    def as_dict(self) -> dict[str, str]:
        return {
            "kind": self.kind,
            "code": self.code,
            "text": self.text,
            "before": self.before,
            "after": self.after,
        }


def changes(before: RulesetSpec | None, after: RulesetSpec) -> list[Change]:
    """Everything that publishing `after` in place of `before` would change; rules first, in their new order."""
    if before is None:
        count = len(after.rules)
        return [Change("added", "all", f"First version with {count} rule{'' if count == 1 else 's'}.")]
    return [
        *_rule_changes(before, after),
        *_ladder_changes(before, after),
        *_limit_changes(before, after),
    ]


def _content(rule: RuleSpec) -> dict[str, Any]:
    data = rule.as_dict()
    del data["number"]
    return data


def _rule_changes(before: RulesetSpec, after: RulesetSpec) -> list[Change]:
    old = {rule.code: rule for rule in before.rules}
    new = {rule.code: rule for rule in after.rules}
    moved = _moved(before, after)
    found: list[Change] = []
    for rule in after.rules:
        was = old.get(rule.code)
        if was is None:
            found.append(Change("added", rule.code, f"Rule “{rule.name}” is new.", after=sentence(rule)))
            continue
        if _content(was) != _content(rule):
            found.append(
                Change(
                    "changed", rule.code, _rule_text(was, rule), before=sentence(was), after=sentence(rule)
                )
            )
        if rule.code in moved:
            found.append(Change("moved", rule.code, f"Rule “{rule.name}” now stands {_place(rule, after)}."))
    found.extend(
        Change("removed", rule.code, f"Rule “{rule.name}” is gone.", before=sentence(rule))
        for rule in before.rules
        if rule.code not in new
    )
    return found


def _place(rule: RuleSpec, rules: RulesetSpec) -> str:
    """Where a rule stands, by its neighbour: numbers say nothing once rules came or went above it."""
    place = next(place for place, one in enumerate(rules.rules) if one.code == rule.code)
    return f"after “{rules.rules[place - 1].name}”" if place else "first"


def _rule_text(was: RuleSpec, rule: RuleSpec) -> str:
    if was.enabled != rule.enabled:
        return f"Rule “{rule.name}” is switched {'on' if rule.enabled else 'off'}."
    if was.name != rule.name:
        return f"Rule “{was.name}” is now called “{rule.name}”."
    fields = [
        name.replace("_", " ")
        for name in _content(rule).keys() | _content(was).keys()
        if _content(rule).get(name) != _content(was).get(name)
    ]
    return f"Rule “{rule.name}” changes: {', '.join(sorted(fields))}."


def _moved(before: RulesetSpec, after: RulesetSpec) -> set[str]:
    """Codes that left their place relative to the others: all that lie outside the longest run in common order."""
    old_place = {rule.code: place for place, rule in enumerate(before.rules)}
    shared = [rule.code for rule in after.rules if rule.code in old_place]
    best: list[list[str]] = []
    for code in shared:  # patience: keep the longest increasing run ending at each length
        place = old_place[code]
        length = next((n for n, run in enumerate(best) if old_place[run[-1]] > place), len(best))
        run = [*(best[length - 1] if length else []), code]
        if length == len(best):
            best.append(run)
        else:
            best[length] = run
    kept = set(best[-1]) if best else set()
    return {code for code in shared if code not in kept}


def _ladder_changes(before: RulesetSpec, after: RulesetSpec) -> list[Change]:
    old = {ladder.code: ladder for ladder in before.ladders}
    new = {ladder.code: ladder for ladder in after.ladders}
    found = []
    for code in sorted(old.keys() | new.keys()):
        was, now = old.get(code), new.get(code)
        if was == now:
            continue
        kind = "added" if was is None else "removed" if now is None else "changed"
        text = {"added": "is new", "removed": "is gone", "changed": "has other steps"}[kind]
        found.append(
            Change(kind, f"ladder:{code}", f"Ladder {code} {text}.", _ladder_text(was), _ladder_text(now))
        )
    return found


def _ladder_text(ladder: LadderSpec | None) -> str:
    if ladder is None:
        return ""
    steps = (
        f"{step.level}: {' + '.join(words.label_of(words.ROLES, role) for role in step.roles) or 'nobody'} "
        f"({f'{step.minutes} min' if step.minutes is not None else f'× {step.factor}'}"
        f"{f', {words.CHANNELS.get(step.channel, step.channel)}' if step.channel else ''})"
        for step in ladder.steps
    )
    return ", ".join(steps)


def _limit_changes(before: RulesetSpec, after: RulesetSpec) -> list[Change]:
    found = []
    for key in sorted(before.limits.keys() | after.limits.keys()):
        was, now = before.limits.get(key), after.limits.get(key)
        if was == now:
            continue
        type_code, band = key
        name = "any type" if type_code == words.ANY_TYPE else words.label_of(words.TYPES, type_code)
        kind = "added" if was is None else "removed" if now is None else "changed"
        found.append(
            Change(
                kind,
                f"limits:{type_code}",
                f"Limits of {name}, {band}, {kind}.",
                _limits_text(was),
                _limits_text(now),
            )
        )
    if dict(before.other_acknowledge) != dict(after.other_acknowledge):
        text = "The other functions' time to acknowledge changes."
        found.append(
            Change("changed", "others", text, _others_text(before), _others_text(after)),
        )
    return found


def _limits_text(limits: Limits | None) -> str:
    """ "acknowledge 10, decide 30, resolve 240 min"; empty for none."""
    given = (
        (f"{name} {minutes}" for name, minutes in limits.as_dict().items() if minutes is not None)
        if limits
        else ()
    )
    said = ", ".join(given)
    return f"{said} min" if said else ""


def _others_text(spec: RulesetSpec) -> str:
    said = ", ".join(
        f"{band} {spec.other_acknowledge[band]}" for band in words.BANDS if band in spec.other_acknowledge
    )
    return f"{said} min" if said else ""
