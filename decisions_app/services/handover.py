"""Handover of a shift: a sheet per area, its notes, and the two signatures that freeze it.

The outgoing lead's signature freezes what the records said and the figures; the incoming lead's closes the sheet. Both
are one transaction under the sheet's lock, and the database refuses what comes after.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Min

from core import clock
from core.errors import InvalidInput, NotAllowed, NotFound, StaleVersion, TransitionRefused
from core.hints import hint
from decisions_app.handover import contents
from decisions_app.models import HandoverSheet
from plant_app.models import Duty, DutyAssignment, Site, User
from plant_app.selectors import ShiftBook, can

# Unsigned so long after the shift's end, it is late and the area manager's.
SIGNED_WITHIN: Final = timedelta(minutes=30)
# The outgoing lead may sign so long before the shift ends.
SIGNED_BEFORE: Final = timedelta(minutes=60)
# An outage longer than this leaves its shifts without a sheet: nobody could say any more what they left.
LOOKS_BACK: Final = timedelta(hours=12)
# The first sheets of a site are of a shift that goes on for longer than this.
FIRST_LASTS: Final = SIGNED_BEFORE
SIGNERS: Final = frozenset(
    {Duty.LINE_LEAD, Duty.SHIFT_SUPERVISOR, Duty.AREA_MANAGER, Duty.PLANT_MANAGER, Duty.MAINTENANCE_LEAD}
)
LOOK_FIRST: Final = 3
NOTES_LONGEST: Final = 4000
REMARKS_LONGEST: Final = 2000


def prepare_sheets() -> int:
    """Begin a sheet for every area and shift that runs, or ended in the last twelve hours; returns how many are new.

    A site's first sheets are those of the shift that runs when it begins, unless that one is nearly over: of what was
    before nobody could sign. Harmless when run twice or by two at once: a shift has one sheet. No lock.
    """
    now = clock.now()
    rows = []
    begun = dict(HandoverSheet.objects.order_by().values_list("site_id").annotate(Min("starts_at")))
    for site in Site.objects.prefetch_related("areas"):
        first = begun.get(site.pk)
        ends_after = now - LOOKS_BACK if first else now + FIRST_LASTS
        book = ShiftBook.of(site)
        today = now.astimezone(book.zone).date()
        for shift in book.shifts:
            for day in (today - timedelta(days=1), today):
                span = None if shift.office else book.on(shift, day)
                if span is None or not ends_after < span.end or span.start > now:
                    continue
                if first and span.start < first:
                    continue
                rows += [
                    HandoverSheet(
                        site=site, area=area, shift=shift, shift_name=shift.name, day=day, starts_at=span.start,
                        ends_at=span.end, due_at=span.end + SIGNED_WITHIN,
                    )
                    for area in site.areas.all()
                ]  # fmt: skip
    known = set(
        HandoverSheet.objects.filter(ends_at__gt=now - LOOKS_BACK).values_list("area_id", "shift_id", "day")
    )
    fresh = [one for one in rows if (one.area_id, one.shift_id, one.day) not in known]
    HandoverSheet.objects.bulk_create(fresh, ignore_conflicts=True)
    return len(fresh)


def may_sign(person: User, sheet: HandoverSheet) -> bool:
    """Whether `person` leads here: a lead's duty for this area or the whole site, and an access role that may sign."""
    if not can(person, "handover.sign", sheet.site_id):
        return False
    held = DutyAssignment.objects.filter(person=person, site=sheet.site_id, duty__in=SIGNERS)
    return any(area in (None, sheet.area_id) for area in held.values_list("area_id", flat=True))


def _locked(sheet_id: int) -> HandoverSheet:
    sheet = (
        HandoverSheet.objects.select_for_update(no_key=True, of=("self",))
        .select_related("site", "area", "shift", "outgoing", "incoming")
        .filter(pk=sheet_id)
        .first()
    )
    if sheet is None:
        raise NotFound("handover.not_found", "There is no such sheet.")
    return sheet


def _lead(person: User, sheet: HandoverSheet) -> None:
    if not may_sign(person, sheet):
        raise NotAllowed(
            "handover.not_a_lead", f"{person} leads no shift in {sheet.area.name}.",
            "A line lead, shift supervisor or area manager of the place signs.",
        )  # fmt: skip


def _shown(sheet: HandoverSheet) -> None:
    hint(f"site.{sheet.site_id}", f"area.{sheet.area_id}", kind="handover", id=sheet.pk)


@transaction.atomic
def write_notes(
    *, sheet_id: int, actor: User, notes: str, look_first: Sequence[str], expected_version: int | None = None
) -> HandoverSheet:
    """Write the notes and up to three things to look at first. Leads of the place, until the outgoing lead signs.

    NotAllowed `handover.not_a_lead`; TransitionRefused `handover.frozen`; InvalidInput `handover.too_long`;
    StaleVersion `handover.stale` when somebody else wrote meanwhile. Locks the sheet.
    """
    sheet = _locked(sheet_id)
    _lead(actor, sheet)
    if sheet.frozen:
        raise TransitionRefused("handover.frozen", f"{sheet.outgoing} has signed; the notes are fixed.")
    if expected_version is not None and expected_version != sheet.version:
        raise StaleVersion(
            "handover.stale", "Somebody else wrote on this sheet meanwhile.", "Look at it and write again.",
            version=sheet.version,
        )  # fmt: skip
    points = [point.strip()[:200] for point in look_first if point.strip()][:LOOK_FIRST]
    if len(notes) > NOTES_LONGEST:
        raise InvalidInput("handover.too_long", f"Notes have {NOTES_LONGEST} characters at most.")
    sheet.notes, sheet.look_first, sheet.version = notes.strip(), points, sheet.version + 1
    sheet.save(update_fields=["notes", "look_first", "version"])
    _shown(sheet)
    return sheet


@transaction.atomic
def sign_outgoing(*, sheet_id: int, person: User, by: str = "login") -> HandoverSheet:
    """The outgoing lead signs: sections and figures are drawn now and frozen. Again by the same person changes nothing.

    `by` says how the person was known (login, badge). NotAllowed `handover.not_a_lead`; TransitionRefused
    `handover.too_early` (more than an hour before the shift ends), `handover.signed`. Locks the sheet.
    """
    sheet = _locked(sheet_id)
    _lead(person, sheet)
    if sheet.frozen:
        if sheet.outgoing_id == person.pk:
            return sheet
        raise TransitionRefused("handover.signed", f"{sheet.outgoing} has signed for the outgoing shift.")
    now = clock.now()
    if now < sheet.ends_at - SIGNED_BEFORE:
        raise TransitionRefused(
            "handover.too_early", "The shift still runs for more than an hour.", "Sign when it ends."
        )
    sections, figures = contents(sheet, now)
    sheet.content = {"sections": sections, "drawn_at": now.isoformat()}
    sheet.figures = figures
    sheet.outgoing, sheet.outgoing_at, sheet.outgoing_by = person, now, by[:10]
    sheet.save(update_fields=["content", "figures", "outgoing", "outgoing_at", "outgoing_by"])
    _shown(sheet)
    return sheet


@transaction.atomic
def sign_incoming(*, sheet_id: int, person: User, remarks: str = "", by: str = "login") -> HandoverSheet:
    """The incoming lead signs what the outgoing one left, with remarks; from then on nothing of it changes.

    Again by the same person changes nothing. NotAllowed `handover.not_a_lead`; TransitionRefused
    `handover.outgoing_first`, `handover.signed`; InvalidInput `handover.same_person`, `handover.too_long`. Locks the
    sheet.
    """
    sheet = _locked(sheet_id)
    _lead(person, sheet)
    if sheet.complete:
        if sheet.incoming_id == person.pk:
            return sheet
        raise TransitionRefused("handover.signed", f"{sheet.incoming} has signed for the incoming shift.")
    if not sheet.frozen:
        raise TransitionRefused("handover.outgoing_first", "The outgoing lead signs first.")
    if sheet.outgoing_id == person.pk:
        raise InvalidInput("handover.same_person", "Two people hand over: the incoming lead signs.")
    if len(remarks) > REMARKS_LONGEST:
        raise InvalidInput("handover.too_long", f"Remarks have {REMARKS_LONGEST} characters at most.")
    sheet.incoming, sheet.incoming_at, sheet.incoming_by = person, clock.now(), by[:10]
    sheet.remarks = remarks.strip()
    sheet.save(update_fields=["incoming", "incoming_at", "incoming_by", "remarks"])
    _shown(sheet)
    return sheet


def as_it_stands(sheet: HandoverSheet, now: datetime) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Sections and figures to show: the frozen ones once signed, else drawn now."""
    if sheet.frozen:
        return sheet.content["sections"], sheet.figures
    return contents(sheet, now)
