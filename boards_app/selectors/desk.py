"""The desk: every live exception worst first, in three groups by how soon its clock ends, with what may narrow it.

The number of queries does not depend on the number of records. Wording of a row is here; its look is the template's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, DateTimeField, F, IntegerField, Q, QuerySet, Value, When
from django.utils.functional import cached_property

from boards_app import wording
from boards_app.filters import ERP, MINE, TRIAGE, UNACKNOWLEDGED, WORST
from boards_app.selectors.chips import chips_of
from boards_app.selectors.frame import Frame
from boards_app.selectors.risk import Books, Risk, books_of, risks_of
from core.clock import minutes_between
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord
from exceptions_app.models.records import LIVE
from exceptions_app.selectors import WAITING, clock_due, visible_to, with_row
from plant_app.selectors import current_shift

PAGE_SIZE = 50
SOON, THIS_SHIFT, LATER, ENDED = 0, 1, 2, 3
DELAY = "delay"
_UNDECIDED = (Status.TRIAGE, Status.OPEN, Status.ACKNOWLEDGED)


def base(frame: Frame, *, ended: bool = False) -> QuerySet[ExceptionRecord]:
    """What the reader may see at the chosen site; with `ended` closed and cancelled records too (for searching)."""
    rows = visible_to(frame.user)
    if frame.narrowed is not None:
        rows = rows.filter(site=frame.narrowed)
    return rows if ended else rows.filter(status__in=LIVE)


def ordered(rows: QuerySet[ExceptionRecord], frame: Frame, order: str = "") -> QuerySet[Any]:
    """Worst first: the group its clock puts it in, then urgency, then the sooner end; by cost of delay when asked,
    unknown costs last.
    """
    shift = current_shift(frame.home, frame.now) if frame.home else None
    shift_ends = shift.end if shift else frame.now + timedelta(hours=8)
    until = Case(
        When(
            status__in=(Status.OPEN, Status.ACKNOWLEDGED), window_until__isnull=False, then=F("window_until")
        ),
        default=clock_due(),
        output_field=DateTimeField(),
    )
    band = Case(
        When(~Q(status__in=LIVE), then=Value(ENDED)),
        When(until__lte=frame.now + timedelta(hours=1), then=Value(SOON)),
        When(until__lte=shift_ends, then=Value(THIS_SHIFT)),
        default=Value(LATER),
        output_field=IntegerField(),
    )
    found: QuerySet[Any] = with_row(rows).annotate(until=until).annotate(band=band)
    worst = ("band", "rank", F("until").asc(nulls_last=True), "-urgency_score", "captured_at", "pk")
    if order == DELAY:
        return found.order_by(F("delay_cost").desc(nulls_last=True), *worst)
    return found.order_by(*worst)


class _Known(Paginator):  # type: ignore[type-arg]
    """A paginator that was told how many there are."""

    known = 0

    @cached_property
    def count(self) -> int:
        return self.known


@dataclass
class Group:
    """Rows whose clocks end about the same time; `total` counts them on all pages."""

    words: str
    note: str
    total: int
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Listing:
    """One page of the list."""

    groups: list[Group]
    page: Page[Any]
    total: int
    first: ExceptionRecord | None


def listing(
    rows: QuerySet[ExceptionRecord], frame: Frame, *, number: Any, seen: datetime | None, order: str = ""
) -> Listing:
    """Page `number` of the filtered rows, grouped. `seen` is when the reader last looked. Six queries."""
    found = ordered(rows, frame, order)
    totals: dict[int, int] = dict(
        found.order_by()
        .values_list("band")
        .annotate(count=Count("pk", distinct=True))
        .values_list("band", "count")
    )
    waiting = rows.filter(status=Status.RESOLVED).count() if totals.get(LATER) else 0
    paginator = _Known(found, PAGE_SIZE)
    paginator.known = sum(totals.values())
    page = paginator.get_page(number)
    records = list(page.object_list)
    risks, books = risks_of(records), books_of(records)
    groups: list[Group] = []
    band = None
    if order == DELAY and records:
        groups.append(Group("By cost of delay", "dearest minute first", paginator.known))
    for record in records:
        if order != DELAY and record.band != band:
            band = record.band
            groups.append(_group(band, totals.get(band, 0), waiting))
        groups[-1].rows.append(row_of(record, frame, risks[record.pk], books.get(record.pk), seen))
    return Listing(groups, page, paginator.known, records[0] if records else None)


def _group(band: int, total: int, waiting: int) -> Group:
    if band == SOON:
        return Group("Window under 1 h", "decide before the next operation starts", total)
    if band == THIS_SHIFT:
        return Group("Later this shift", "", total)
    if band == ENDED:
        return Group("Closed and cancelled", "", total)
    verb = "waits" if waiting == 1 else "wait"
    return Group("Later", f"{waiting} {verb} for ERP" if waiting else "", total)


def row_of(
    record: Any, frame: Frame, risk: Risk, books: Books | None, seen: datetime | None
) -> dict[str, Any]:
    """One row as `components/exception_row.html` wants it."""
    words, note, bad = _at_risk(record, risk, books, frame.now)
    return {
        "ref": record.ref,
        "url": f"/exceptions/{record.ref}/",
        "panel_url": f"/exceptions/{record.ref}/panel/",
        "icon": record.type.icon,
        "title": record.title,
        "note": _note(record, frame.now),
        "until": record.until if record.is_live and not _rests(record) else None,
        "since": record.captured_at,
        "word": _word(record, books),
        "risk": words,
        "risk_note": note,
        "risk_bad": bad,
        "delay": wording.per_minute(record.delay_cost, record.site.currency),
        "delay_why": record.delay_cost_source,
        "chips": chips_of(record.live_responses, frame.now),
        "owner": str(record.owner) if record.owner else "Nobody on duty",
        "owner_words": record.owner_function.name,
        "new": seen is not None and record.captured_at > seen,
        "version": record.version,
    }


def _rests(record: ExceptionRecord) -> bool:
    """Nobody's clock runs: the condition is gone and only work behind the scenes is left."""
    return record.status == Status.DECIDED and record.cleared_at is not None


def _word(record: ExceptionRecord, books: Books | None) -> str:
    if record.status == Status.RESOLVED:
        return "ERP" if books is not None and books.open else "Cause"
    if record.status == Status.DECIDED:
        return "Cleared"
    return wording.look("exception", record.status).words


def _note(record: ExceptionRecord, now: datetime) -> str:
    age = wording.gone(minutes_between(record.captured_at, now))
    return ", ".join(part for part in (record.short_ref, age, record.next_step) if part)


def _at_risk(
    record: ExceptionRecord, risk: Risk, books: Books | None, now: datetime
) -> tuple[str, str, bool]:
    if books is not None and books.since is not None:
        age = wording.gone(minutes_between(books.since, now))
        if books.dead:
            return "Refused", age, True
        if books.unclear:
            return "Asking ERP", age, False
        if record.status == Status.RESOLVED:
            return f"{books.open} to post", age, False
    if record.status == Status.TRIAGE and not risk.lines:
        return "Unknown", "to read", False
    if not risk.lines:
        return "None", "", False
    count = len(risk.lines)
    return (
        f"{count} promise{'' if count == 1 else 's'}",
        wording.money(risk.value, record.site.currency),
        False,
    )


# --- narrowing ----------------------------------------------------------------------------------------------
def url_with(params: Mapping[str, str], **changes: str | None) -> str:
    """The list's address with `changes` made (None takes one out); a change starts on the first page."""
    kept = {name: value for name, value in params.items() if value and name not in {"page", "seen", *changes}}
    kept |= {name: value for name, value in changes.items() if value}
    return f"/?{urlencode(kept)}" if kept else "/"


def facets(frame: Frame, params: Mapping[str, str], total: int) -> list[dict[str, Any]]:
    """Filter chips with how many each choice would leave. Five queries."""
    rows = base(frame).order_by()
    on = {name for name in ("type", "area", "waiting", "customer", "owner") if params.get(name)}
    found: list[dict[str, Any]] = [
        {"words": "Open" if not on else "Shown", "count": total, "on": not on, "url": url_with(params, type=None,
         area=None, waiting=None, customer=None, owner=None, q=None)}
    ]  # fmt: skip
    waiting = rows.filter(responses__required=True, responses__status__in=WAITING)
    for name, words, pairs in (
        ("type", "Type", _counted(rows, "type__code", "type__name")),
        ("area", "Area", _counted(rows.exclude(area=None), "area__code", "area__name")),
        (
            "waiting",
            "Function waiting",
            _counted(waiting, "responses__function__code", "responses__function__name"),
        ),
        ("customer", "Customer", _counted(rows.exclude(customer=None), "customer__code", "customer__name")),
        ("owner", "Owner", _owners(rows, frame)),
    ):
        if pairs or params.get(name):
            found.append(_facet(name, words, pairs, params))
    if len(frame.sites) > 1:
        found.append(_site_facet(frame, params))
    found.append(_order_facet(params))
    return found


def _counted(rows: QuerySet[ExceptionRecord], code: str, name: str) -> list[tuple[str, str, int | None]]:
    counted = rows.values_list(code, name).annotate(count=Count("pk", distinct=True)).order_by("-count", name)
    return [(value, words, count) for value, words, count in counted[:30]]


def _owners(rows: QuerySet[ExceptionRecord], frame: Frame) -> list[tuple[str, str, int | None]]:
    pairs = _counted(rows.exclude(owner=None), "owner__username", "owner__display_name")
    mine = next((count for code, _, count in pairs if code == frame.user.username), 0)
    rest = [(code, words or code, count) for code, words, count in pairs if code != frame.user.username]
    return [("me", "Mine", mine), ("nobody", "Nobody on duty", None), *rest]


def _facet(
    name: str, words: str, pairs: list[tuple[str, str, int | None]], params: Mapping[str, str]
) -> dict[str, Any]:
    chosen = params.get(name, "")
    known = next((label for code, label, _ in pairs if code == chosen), chosen)
    return {
        "words": f"{words}: {known}" if chosen else words,
        "on": bool(chosen),
        "clear": url_with(params, **{name: None}) if chosen else "",
        "options": [
            {
                "words": label,
                "count": count,
                "on": code == chosen,
                "url": url_with(params, **{name: None if code == chosen else code}),
            }
            for code, label, count in pairs
        ],
    }


def _order_facet(params: Mapping[str, str]) -> dict[str, Any]:
    """What the list is sorted by."""
    delay = params.get("order") == DELAY
    return {
        "words": "Sort: delay" if delay else "Sort",
        "on": delay,
        "clear": "",
        "options": [
            {"words": words, "count": None, "on": on, "url": url_with(params, order=value)}
            for words, value, on in (
                ("Worst first", None, not delay),
                ("Cost of delay", DELAY, delay),
            )
        ],
    }


def _site_facet(frame: Frame, params: Mapping[str, str]) -> dict[str, Any]:
    here = frame.site.name if frame.site else "All sites"
    choices = [(site.code, site.name, frame.site == site) for site in frame.sites]
    choices.append(("all", "All sites", frame.site is None))
    options = [
        {"words": words, "count": None, "on": on, "url": url_with(params, site=code, area=None)}
        for code, words, on in choices
    ]
    return {"words": here, "on": True, "options": options}


def views_of(frame: Frame, params: Mapping[str, str]) -> list[dict[str, Any]]:
    """The views in the side bar with their counts. One query."""
    rows = base(frame)
    mine = Q(owner=frame.user, status__in=_UNDECIDED)
    counts = rows.aggregate(
        worst=Count("pk"),
        mine=Count("pk", filter=mine),
        unacknowledged=Count("pk", filter=Q(status__in=(Status.TRIAGE, Status.OPEN))),
        triage=Count("pk", filter=Q(status=Status.TRIAGE)),
        erp=Count("pk", filter=Q(status=Status.RESOLVED)),
    )
    chosen = params.get("view") or WORST
    return [
        {
            "url": url_with({}, view=None if name == WORST else name),
            "icon": icon,
            "words": words,
            "count": counts[name],
            "on": name == chosen,
        }
        for name, icon, words in (
            (WORST, "hourglass", "Worst first"),
            (MINE, "circle-dot", "My decisions"),
            (UNACKNOWLEDGED, "bell", "Unacknowledged"),
            (TRIAGE, "mail", "To sort"),
            (ERP, "refresh-cw", "Waiting for ERP"),
        )
    ]
