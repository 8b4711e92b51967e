"""Pages of the shift handover: the sheets of now, the one looked at, past ones, and whose turn it is to sign."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from boards_app.selectors.frame import Frame
from core.errors import NotFound
from decisions_app.models import HandoverSheet
from decisions_app.services.handover import SIGNED_BEFORE, as_it_stands, may_sign
from exceptions_app.services.responses.layout import role_words
from notify_app.models import NoticeChannel
from plant_app.models import Duty
from plant_app.selectors import duty_holders, visible_site_ids

PAST: Final = timedelta(days=30)
MOST: Final = 60
# figure of a sheet, its words, whether more than none deserves a look
FIGURES: Final = (
    ("opened", "opened", False), ("closed", "closed", False), ("open", "open now", False),
    ("unacknowledged", "not acknowledged", True), ("good", "good pieces", False), ("scrap", "scrap", True),
    ("stops", "stops", False), ("down_minutes", "min down", True), ("overrides", "overrides", False),
)  # fmt: skip


@dataclass(frozen=True)
class SheetRow:
    """A sheet in a list: where it stands in words, and its next action."""

    sheet: HandoverSheet
    state: str
    level: str
    next_action: str
    told: str = ""


def sheets_page(frame: Frame, *, area: str = "", everything: bool = False) -> dict[str, Any]:
    """Sheets that still want a signature, and those of the last thirty days. A handful of queries."""
    rows = _visible(frame).filter(starts_at__gt=frame.now - PAST)
    areas = sorted(set(rows.values_list("area__code", "area__name")))
    if area:
        rows = rows.filter(area__code=area)
    open_ones = [
        _row(one, frame.now) for one in rows.filter(incoming_at=None).order_by("due_at", "area")[:MOST]
    ]
    past = [_row(one, frame.now) for one in rows.filter(incoming_at__isnull=False)[:MOST]]
    return {
        "open": [one for one in open_ones if one.level != "soon"],
        "coming": [one for one in open_ones if one.level == "soon"], "past": past, "areas": areas, "area": area,
        "live": " ".join(f"site.{pk}" for pk in sorted(_sites(frame))),
    }  # fmt: skip


def sheet_page(frame: Frame, pk: int) -> dict[str, Any]:
    """One sheet: frozen as signed, else as the records stand. Some twenty-five queries while it is drawn."""
    sheet = sheet_of(frame, pk)
    drawn, figures = as_it_stands(sheet, frame.now)
    sections = [{**one, "rows": [_timed(row) for row in one["rows"]]} for one in drawn]
    return {
        "sheet": sheet, "row": _row(sheet, frame.now), "sections": sections,
        "figures": [
            {"value": figures[name], "words": words, "look": look and figures[name] not in (0, "0")}
            for name, words, look in FIGURES
            if name in figures  # a sheet signed before a figure was counted does not have it
        ],
        "may_sign": may_sign(frame.user, sheet), "early": frame.now < sheet.ends_at - SIGNED_BEFORE,
        "points": [*sheet.look_first, "", "", ""][:3],
        "live": f"site.{sheet.site_id}",
    }  # fmt: skip


def _timed(row: dict[str, Any]) -> dict[str, Any]:
    """A frozen line keeps its moment as text; the page shows it in the site's time."""
    return {**row, "at": datetime.fromisoformat(row["until"]) if row["until"] else None}


def sheet_of(frame: Frame, pk: int) -> HandoverSheet:
    """A sheet of a site the reader may see. NotFound `handover.not_found`."""
    found = (
        HandoverSheet.objects.filter(pk=pk, site__in=visible_site_ids(frame.user))
        .select_related("site", "area", "shift", "outgoing", "incoming")
        .first()
    )
    if found is None:
        raise NotFound("handover.not_found", "There is no such sheet.")
    return found


def _sites(frame: Frame) -> frozenset[int]:
    return frozenset([frame.site.pk]) if frame.site else frozenset(site.pk for site in frame.sites)


def _visible(frame: Frame) -> QuerySet[HandoverSheet]:
    return (
        HandoverSheet.objects.filter(site__in=_sites(frame))
        .select_related("site", "area", "shift", "outgoing", "incoming")
        .prefetch_related("notices__person")
    )


def _row(sheet: HandoverSheet, now: datetime) -> SheetRow:
    if sheet.complete:
        return SheetRow(sheet, "Signed by both", "ok", "")
    if now >= sheet.due_at:
        managers = duty_holders(site=sheet.site, duty=Duty.AREA_MANAGER, at=now, area=sheet.area)
        whose = ", ".join(str(one) for one in managers[:2]) or "the area manager, nobody on duty"
        what = "the incoming lead's signature" if sheet.frozen else "both signatures"
        return SheetRow(sheet, "Overdue", "crit", f"{whose} sees to {what}", _told(sheet))
    if sheet.frozen:
        words = "The incoming lead reads it and signs"
        return SheetRow(sheet, "Waits for the incoming lead", "warn", words, _told(sheet))
    if now < sheet.ends_at - SIGNED_BEFORE:
        return SheetRow(sheet, "Shift runs", "soon", "Notes can be written")
    return SheetRow(sheet, "Waits for the outgoing lead", "warn", "The outgoing lead signs", _told(sheet))


def _told(sheet: HandoverSheet) -> str:
    """Who has heard that it is not signed, and when; where nobody held the duty, that."""
    zone = ZoneInfo(sheet.site.timezone)
    rows = [one for one in sheet.notices.all() if one.channel == NoticeChannel.IN_APP]
    said = [
        f"{one.person or f'nobody as {role_words(one.role)}'} {one.created_at.astimezone(zone):%H:%M}"
        for one in sorted(rows, key=lambda one: one.pk)
    ]
    return f"Told: {', '.join(said)}" if said else ""
