"""The backtest page's figures: what a draft would change, joined with what became of the records.

Joins only what is stored: where a record ended, whether it was passed on and how long that took. Must not know how a
route is found; the replay is `routing_app`'s.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Max

from exceptions_app.models import EventKind, ExceptionEvent, ExceptionRecord
from routing_app import words
from routing_app.backtest import ASPECTS, NO_SHIFT, Change, Load, Report, Side
from routing_app.services import Backtest

PER_PAGE: Final = 50
_ORIGIN: Final = "exception:"
_IDS_AT_ONCE: Final = 5000


@dataclass(frozen=True)
class Fate:
    """What became of one record: the function it ended with, and the minutes until the last hand-over, if any."""

    ref: str
    title: str
    function: str
    reroutes: int
    passed_after: float | None
    acknowledged_after: float | None


@dataclass(frozen=True)
class Effect:
    """What the draft would have meant for one record, as far as its story can say."""

    saved: bool = False
    caused: bool = False
    minutes: float = 0.0
    late: bool = False


@dataclass(frozen=True)
class Totals:
    """Over every changed record: re-routes the draft would have spared or brought about, the minutes spared, and
    acknowledgements that came after the draft's limit though within the published one."""

    saved: int = 0
    caused: int = 0
    minutes: float = 0.0
    late: int = 0


def ref_of(origin: str) -> str:
    """The exception's reference in a case's origin; "" where it names none."""
    return origin.removeprefix(_ORIGIN) if origin.startswith(_ORIGIN) else ""


def fates_of(changes: Iterable[Change]) -> dict[str, Fate]:
    """What became of the records of `changes`, by reference. Two queries per 5,000 records."""
    refs = sorted({ref for change in changes if (ref := ref_of(change.origin))})
    found: dict[str, Fate] = {}
    for start in range(0, len(refs), _IDS_AT_ONCE):
        some = refs[start : start + _IDS_AT_ONCE]
        passed: dict[str, datetime] = dict(
            ExceptionEvent.objects.filter(
                exception__ref__in=some, exception__reroute_count__gt=0, data__owner=True,
                kind__in=(EventKind.REROUTED, EventKind.DECLINED),
            )
            .order_by()
            .values_list("exception__ref")
            .annotate(last=Max("at"))
        )  # fmt: skip
        rows = ExceptionRecord.objects.filter(ref__in=some, drill=False).values_list(
            "ref", "title", "owner_function__code", "reroute_count", "captured_at", "acknowledged_at"
        )
        for ref, title, function, reroutes, captured, acknowledged in rows:
            found[ref] = Fate(
                ref,
                title,
                function,
                reroutes,
                _minutes(captured, passed.get(ref)),
                _minutes(captured, acknowledged),
            )
    return found


def _minutes(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else max(0.0, (end - start) / timedelta(minutes=1))


def effect_of(change: Change, fate: Fate | None) -> Effect:
    """Spared: it was passed on to another function than the published rules say, and the draft names that one at
    once. Brought about: it stayed with the published owner, and the draft would have named another function.
    """
    if fate is None:
        return Effect()
    was, would = change.before.owner_function, change.after.owner_function
    saved = fate.reroutes > 0 and fate.function != was and fate.function == would
    caused = fate.reroutes == 0 and fate.function == was and was != would
    taken = fate.acknowledged_after
    old, new = change.before.limits["acknowledge"], change.after.limits["acknowledge"]
    late = taken is not None and old is not None and new is not None and new < taken <= old
    return Effect(saved, caused, (fate.passed_after or 0.0) if saved else 0.0, late)


def totals_of(changes: Sequence[Change], fates: dict[str, Fate]) -> Totals:
    """The effects of all changes added up; a record routed twice counts once, by its newest case."""
    effects = {
        change.origin: effect_of(change, fates.get(ref_of(change.origin))) for change in reversed(changes)
    }
    return Totals(
        saved=sum(one.saved for one in effects.values()),
        caused=sum(one.caused for one in effects.values()),
        minutes=sum(one.minutes for one in effects.values()),
        late=sum(one.late for one in effects.values()),
    )


def row_of(change: Change, fate: Fate | None) -> dict[str, Any]:
    """One changed record for the list: what was, what would be, what became of it."""
    effect = effect_of(change, fate)
    return {
        "case": change.pk,
        "ref": fate.ref if fate else "",
        "title": fate.title if fate else "",
        "at": change.at,
        "type": change.type,
        "aspects": list(change.aspects),
        "differences": differences(change),
        "before": change.before,
        "after": change.after,
        "effect": effect,
        "effect_words": _effect_words(effect),
    }


def _effect_words(effect: Effect) -> str:
    said = []
    if effect.saved:
        said.append(f"re-route saved, {effect.minutes:.0f} min")
    if effect.caused:
        said.append("would leave the function that kept it")
    if effect.late:
        said.append("acknowledged after the new limit")
    return "; ".join(said)


def differences(change: Change) -> list[dict[str, str]]:
    """Each differing thing in words: what, before, after."""
    before, after = change.before, change.after
    lines: list[dict[str, str]] = []

    def say(what: str, old: str, new: str) -> None:
        if old != new:
            lines.append({"what": what, "before": old or "none", "after": new or "none"})

    say("Rule", f"{before.rule_number} {before.rule_name}", f"{after.rule_number} {after.rule_name}")
    say("Owner", _owner(before), _owner(after))
    say("No longer told", ", ".join(_told(before, without=after)), "")
    say("Told too", "", ", ".join(_told(after, without=before)))
    say("Urgency", " → ".join(before.bands), " → ".join(after.bands))
    for name in ("acknowledge", "decide", "resolve", "contain"):
        say(f"{name.capitalize()} in", _minute_words(before.limits[name]), _minute_words(after.limits[name]))
    say("Others answer in", _minute_words(before.times[0][1]), _minute_words(after.times[0][1]))
    say("Ladder", _ladder(before), _ladder(after))
    say("Playbook", str(before.rest[0]), str(after.rest[0]))
    say("To triage", "yes" if before.rest[1] else "no", "yes" if after.rest[1] else "no")
    say("Proposed type", str(before.rest[2]), str(after.rest[2]))
    say("Marks", ", ".join(before.rest[3]), ", ".join(after.rest[3]))
    return [line for line in lines if line["what"] != "Rule" or before.rule_code != after.rule_code]


def _owner(side: Side) -> str:
    function, role, place, skill = side.owner
    name = words.label_of(words.FUNCTIONS, function)
    more = [words.label_of(words.ROLES, role), *([f"skill {skill}"] if skill else [])]
    return f"{name} ({', '.join(more)}){f' {words.PLACES[place]}' if place == words.OTHER_SITE else ''}"


def _told(side: Side, *, without: Side) -> list[str]:
    return [
        f"{words.label_of(words.FUNCTIONS, function)} ({words.label_of(words.ROLES, role)}, {need})"
        for function, role, need, _ in sorted(side.told - without.told)
    ]


def _minute_words(minutes: int | None) -> str:
    return "" if minutes is None else f"{minutes} min"


def _ladder(side: Side) -> str:
    return ", ".join(
        f"{' + '.join(words.label_of(words.ROLES, role) for role in level.roles)} at {level.after_minutes}"
        + (f", again {level.repeats} × {level.repeat_minutes} min" if level.repeats else "")
        for level in side.ladder
    )


def load_rows(report: Report) -> list[dict[str, Any]]:
    """Per role: notices before and after, by how many they differ, most changed first."""
    loads = (report.before, report.after)
    roles = {role for load in loads for counted in (load.asked, load.informed) for role in counted}
    rows = [_load_row(report, role) for role in roles]
    return sorted(rows, key=lambda row: (-abs(row["added"]), -row["told_after"], row["label"]))


def _load_row(report: Report, role: str) -> dict[str, Any]:
    asked = (report.before.asked[role], report.after.asked[role])
    told = (asked[0] + report.before.informed[role], asked[1] + report.after.informed[role])
    return {
        "role": role,
        "label": words.label_of(words.ROLES, role),
        "asked_before": asked[0],
        "asked_after": asked[1],
        "told_before": told[0],
        "told_after": told[1],
        "added": told[1] - told[0],
    }


def hour_rows(report: Report) -> list[dict[str, Any]]:
    """Per role whose load differs at some hour: the added notices of each hour of the plant's day."""
    return [
        {"role": role, "label": words.label_of(words.ROLES, role), "hours": [_cell(added[hour]) for hour in range(24)]}
        for role, added in _added(report.before.hours, report.after.hours)
    ]  # fmt: skip


def shift_rows(report: Report, shifts: Sequence[str]) -> list[dict[str, Any]]:
    """The same per shift code, in the order of `shifts`."""
    return [
        {"role": role, "label": words.label_of(words.ROLES, role), "shifts": [_cell(added[one]) for one in shifts]}
        for role, added in _added(report.before.shifts, report.after.shifts)
    ]  # fmt: skip


def shifts_of(before: Load, after: Load) -> list[str]:
    """Codes of the shifts anybody is told in; that of no shift comes last."""
    found = {shift for _, shift in (*before.shifts, *after.shifts)}
    return sorted(found, key=lambda code: (code == NO_SHIFT, code))


def _added(before: Counter[Any], after: Counter[Any]) -> list[tuple[str, Counter[Any]]]:
    found: dict[str, Counter[Any]] = {}
    for role, when in before.keys() | after.keys():
        added = after[role, when] - before[role, when]
        if added:
            found.setdefault(role, Counter())[when] = added
    return sorted(found.items())


def _cell(added: int) -> dict[str, Any]:
    return {"added": added, "words": f"{added:+d}" if added else "", "tone": "more" if added > 0 else "less"}


def page_of(found: Backtest, *, aspect: str = "", number: int = 1) -> dict[str, Any]:
    """Everything the page shows; `aspect` keeps the changes in one of ASPECTS, `number` is the page of the list."""
    report = found.report
    fates = fates_of(report.changes)
    listed = [one for one in report.changes if aspect in one.aspects] if aspect in ASPECTS else report.changes
    pages = max(1, -(-len(listed) // PER_PAGE))
    number = min(max(1, number), pages)
    shown = listed[(number - 1) * PER_PAGE : number * PER_PAGE]
    shifts = shifts_of(report.before, report.after)
    return {
        "found": found,
        "report": report,
        "totals": totals_of(report.changes, fates),
        "aspects": [
            {"code": code, "label": label, "count": report.aspects[code], "on": code == aspect}
            for code, label in ASPECTS.items()
        ],
        "owners": [
            {
                "before": words.label_of(words.ROLES, old),
                "after": words.label_of(words.ROLES, new),
                "count": count,
            }
            for (old, new), count in report.owners.most_common(12)
        ],
        "bands": [
            {"before": old, "after": new, "count": count} for (old, new), count in report.bands.most_common()
        ],
        "load": load_rows(report),
        "hours": hour_rows(report),
        "shifts": shifts,
        "by_shift": shift_rows(report, shifts),
        "rows": [row_of(one, fates.get(ref_of(one.origin))) for one in shown],
        "listed": len(listed),
        "aspect": aspect if aspect in ASPECTS else "",
        "page": number,
        "pages": pages,
        "earlier": number - 1 if number > 1 else None,
        "later": number + 1 if number < pages else None,
    }
