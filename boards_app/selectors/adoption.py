"""How far a site has adopted the product, since when, and what the next step of each capability would add.

The figures are counted from the site's own last thirty days; nothing is estimated.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min, Q

from boards_app import wording
from core import clock
from erp_sync.models import Posting, PostingEdit
from erp_sync.services.judging import SWITCHED_OFF
from exceptions_app.models import ExceptionRecord, Telling
from exceptions_app.services.responses.adopted import CAPTURE_ONLY
from metrics_app.compute import spread
from plant_app.models import AdoptionStep, Capability, ExceptionType, Level, Site
from plant_app.models.adoption import LEVELS
from plant_app.selectors import Standing, standing_of
from sequence_app.models import Recommendation

LOOK_BACK: Final = timedelta(days=30)
CASES: Final = 2000
#: What each level does, in a sentence.
DOES: Final[dict[tuple[str, str], str]] = {
    ("response", "capture"): "Reports become records with an owner and a clock. Nobody is told.",
    ("response", "routed"): "The owner is told, answers against the clock, and the ladder climbs.",
    ("response", "coordinated"): "Every affected function is told at once, each with its own clock.",
    ("write_back", "off"): "Nothing goes to ERP, and nobody is asked to key it.",
    (
        "write_back",
        "manual",
    ): "A list says what to key; its number is noted or found, and the lag is measured.",
    ("write_back", "approval"): "Each posting waits for a person's approval, then it is sent.",
    ("write_back", "live"): "Postings are sent as they are decided.",
    ("sequence", "off"): "ERP's own order of work holds.",
    ("sequence", "advising"): "A better order is shown with its reason; ERP's order stays the plan.",
    ("sequence", "confirming"): "The floor confirms or overrides, and what it confirms is the plan.",
}
ICONS: Final = {"response": "users", "write_back": "send", "sequence": "list-checks"}


@dataclass(frozen=True)
class Rung:
    """One level of a capability: whether it is reached, whether it is where the site stands."""

    code: str
    name: str
    does: str
    here: bool
    passed: bool


@dataclass(frozen=True)
class Ladder:
    """One capability of the site."""

    code: str
    name: str
    icon: str
    rungs: list[Rung]
    since: datetime | None
    by: str
    next: Rung | None
    adds: list[str]


@dataclass(frozen=True)
class Choice:
    """A level a type may have; the empty one is its site's."""

    code: str
    name: str
    on: bool


@dataclass(frozen=True)
class TypeRow:
    """One exception type with its own levels."""

    type: ExceptionType
    count: int
    response: list[Choice]
    write_back: list[Choice]


@dataclass(frozen=True)
class Page:
    """Everything the adoption page shows."""

    site: Site
    ladders: list[Ladder]
    types: list[TypeRow]
    steps: list[AdoptionStep]


def adoption_page(site: Site) -> Page:
    """The page of one site. A dozen queries."""
    now = clock.now()
    standing = standing_of(site)
    steps = list(AdoptionStep.objects.filter(site=site).select_related("type", "set_by", "site")[:60])
    latest = {step.capability: step for step in reversed(steps) if step.type_id is None}
    since = now - LOOK_BACK
    adds = {
        Capability.RESPONSE: _response(site, since, standing.site[Capability.RESPONSE]),
        Capability.WRITE_BACK: _write_back(site, since, standing.site[Capability.WRITE_BACK]),
        Capability.SEQUENCE: _sequence(site, since, standing.site[Capability.SEQUENCE]),
    }
    ladders = [
        _ladder(code, standing.site[code], latest.get(code), adds[Capability(code)])
        for code in Capability.values
    ]
    return Page(site=site, ladders=ladders, types=_types(site, since, standing), steps=steps)


def _ladder(code: str, here: Level, step: AdoptionStep | None, adds: list[str]) -> Ladder:
    levels = LEVELS[code]
    at = levels.index(here)
    rungs = [
        Rung(level.value, level.label, DOES[(code, level.value)], index == at, index < at)
        for index, level in enumerate(levels)
    ]
    return Ladder(
        code=code,
        name=Capability(code).label,
        icon=ICONS[code],
        rungs=rungs,
        since=step.since if step else None,
        by=str(step.set_by) if step and step.set_by else "",
        next=rungs[at + 1] if at + 1 < len(rungs) else None,
        adds=adds,
    )


def _types(site: Site, since: datetime, standing: Standing) -> list[TypeRow]:
    opened = Count("exceptions", filter=Q(exceptions__site=site, exceptions__captured_at__gte=since))
    rows = ExceptionType.objects.filter(active=True).annotate(opened=opened).order_by("-opened", "position")
    return [
        TypeRow(
            row, row.opened,
            _choices(Capability.RESPONSE, standing, row.pk), _choices(Capability.WRITE_BACK, standing, row.pk),
        )
        for row in rows
    ]  # fmt: skip


def _choices(capability: str, standing: Standing, type_id: int) -> list[Choice]:
    own = standing.types.get((capability, type_id))
    site = standing.site[capability]
    return [
        Choice("", f"As the site: {site.label.lower()}", own is None),
        *(Choice(level.value, level.label, own == level) for level in LEVELS[capability]),
    ]


def _response(site: Site, since: datetime, here: Level) -> list[str]:
    records = ExceptionRecord.objects.filter(site=site, captured_at__gte=since)
    count = records.count()
    found = [f"{count} {'record' if count == 1 else 'records'} in the last 30 days."]
    if not count:
        return found
    if here == Level.CAPTURE:
        unheard = Telling.objects.filter(exception__in=records, dropped=CAPTURE_ONLY)
        people = unheard.exclude(person=None).values("person").distinct().count()
        found.append(f"{unheard.count()} times somebody would have been told, {people} people in all.")
    elif here == Level.ROUTED:
        outcomes = records.exclude(route=None).order_by("-pk").values_list("route__outcome", flat=True)
        further = [_further(outcome) for outcome in outcomes[:CASES]]
        several = sum(1 for one in further if one)
        mean = sum(further) / len(further) if further else 0
        found.append(
            f"{several} of them concern further functions, {mean:.1f} on average, who hear of it from the owner or not."
        )
    else:
        aligned = [
            (row.aligned_at - row.occurred_at) / timedelta(minutes=1)
            for row in records.exclude(aligned_at=None).only("aligned_at", "occurred_at")
            if row.aligned_at is not None
        ]
        middle = spread(aligned).median
        if middle is not None:
            found.append(
                f"All functions had acknowledged {wording.span(middle)} after it began, in the median."
            )
    return found


def _further(outcome: dict[str, Any]) -> int:
    """Functions a stored route would have asked beside the owner."""
    asked = [*outcome.get("functions", []), *outcome.get("elsewhere", [])]
    return sum(1 for one in asked if one.get("required"))


def _write_back(site: Site, since: datetime, here: Level) -> list[str]:
    rows = Posting.objects.live().filter(site=site)
    lately = rows.filter(created_at__gte=since)
    if here == Level.OFF:
        kept = lately.filter(status="local", local_reason__startswith=SWITCHED_OFF).count()
        return [f"{kept} postings of the last 30 days would have been on the list to key."]
    if here == Level.MANUAL:
        keyed = lately.filter(status="local").exclude(erp_confirmed_at=None)
        waiting = rows.by_hand().aggregate(count=Count("pk"), oldest=Min("occurred_at"))
        found = [f"{waiting['count']} wait to be keyed{_age(waiting['oldest'])}."]
        middle = _median(keyed.values_list("erp_confirmed_at", "occurred_at"))
        if middle is not None:
            found.insert(
                0, f"{keyed.count()} were keyed in 30 days, {wording.span(middle)} after, in the median."
            )
        return found
    if here == Level.APPROVAL:
        said = PostingEdit.objects.filter(posting__in=lately, verb=PostingEdit.Verb.APPROVE)
        changed = lately.filter(edits__verb=PostingEdit.Verb.EDIT, edits__status_before="approval").distinct()
        found = [f"{said.count()} were approved in 30 days, {changed.count()} were changed before."]
        middle = _median(said.values_list("at", "posting__created_at"))
        if middle is not None:
            found.append(f"They waited {wording.span(middle)} for it, in the median; live they would not.")
        return found
    middle = _median(lately.filter(status="confirmed").values_list("erp_confirmed_at", "occurred_at"))
    if middle is None:
        return ["Nothing was posted in the last 30 days."]
    return [f"ERP had it {wording.span(middle)} after it happened, in the median of the last 30 days."]


def _age(oldest: datetime | None) -> str:
    return (
        f", the oldest {wording.coarse((clock.now() - oldest) / timedelta(minutes=1))} old" if oldest else ""
    )


def _median(pairs: Iterable[tuple[datetime | None, datetime]]) -> float | None:
    return spread((late - early) / timedelta(minutes=1) for late, early in pairs if late is not None).median


def _sequence(site: Site, since: datetime, here: Level) -> list[str]:
    if here == Level.OFF:
        stops = ExceptionRecord.objects.filter(site=site, captured_at__gte=since, contained_at__isnull=False)
        return [
            f"{stops.count()} exceptions of the last 30 days touched what can be run, and the order stayed."
        ]
    rows = Recommendation.objects.filter(site=site, created_at__gte=since).aggregate(
        count=Count("pk"),
        confirmed=Count("pk", filter=Q(status="confirmed")),
        overridden=Count("pk", filter=Q(status="overridden")),
    )
    if here == Level.ADVISING:
        return [
            f"{rows['count']} better orders were shown in 30 days; {rows['overridden']} were declined with a reason.",
            "Confirming makes one of them the plan with a tap.",
        ]
    return [f"{rows['confirmed']} of {rows['count']} recommendations of the last 30 days were confirmed."]
