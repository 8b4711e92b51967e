"""Handover sheets in the browser: the list, one sheet to read and print, its notes, the two signatures."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from boards_app.selectors.frame import Frame
from boards_app.selectors.handover import sheet_of, sheet_page, sheets_page
from boards_app.views.frame import done, is_htmx, page, show
from core.errors import NotFound
from decisions_app.services import sign_incoming, sign_outgoing, write_notes
from plant_app.models import User
from plant_app.permissions import require
from plant_app.services import check_badge


@require_GET
@page
def sheets(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Sheets to sign and past ones; a refetch gets the lists alone."""
    require(frame.user, "plant.view")
    context = sheets_page(frame, area=request.GET.get("area", ""))
    if is_htmx(request):
        return render(request, "boards_app/_handovers.html", {"frame": frame, **context})
    return show(request, "boards_app/handovers.html", frame, context)


@require_GET
@page
def sheet(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """One sheet, to read, sign and print."""
    return show(request, "boards_app/handover.html", frame, sheet_page(frame, pk))


@require_POST
@page
def act(request: HttpRequest, frame: Frame, pk: int, verb: str) -> HttpResponse:
    """Write the notes, or sign: as oneself, or with badge and PIN at a screen somebody else is signed in on."""
    found = sheet_of(frame, pk)
    here = f"/handover/{found.pk}/"
    if verb == "notes":
        version = request.POST.get("version", "")
        write_notes(
            sheet_id=found.pk, actor=frame.user, notes=request.POST.get("notes", ""),
            look_first=request.POST.getlist("look_first"),
            expected_version=int(version) if version.isdigit() else None,
        )  # fmt: skip
        return done(request, "Kept.", to=here)
    if verb not in ("outgoing", "incoming"):
        raise NotFound("request.verb", "There is no such button.")
    person, by = _signer(request, frame)
    if verb == "outgoing":
        sign_outgoing(sheet_id=found.pk, person=person, by=by)
    else:
        sign_incoming(sheet_id=found.pk, person=person, remarks=request.POST.get("remarks", ""), by=by)
    return done(request, f"Signed by {person}.", to=here)


def _signer(request: HttpRequest, frame: Frame) -> tuple[User, str]:
    badge = request.POST.get("badge", "").strip()
    if not badge:
        return frame.user, "login"
    # A badge's number alone proves nothing at a screen somebody else is signed in on.
    return check_badge(code=badge, pin=request.POST.get("pin", ""), pin_required=True), "badge"
