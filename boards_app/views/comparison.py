"""Against ERP: what comparisons found, what ERP believes otherwise, and the button to compare now."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from boards_app.selectors import comparison as selectors
from boards_app.selectors.frame import Frame
from boards_app.selectors.postings import tabs
from boards_app.views.frame import done, page, show
from boards_app.views.postings import sites_of
from core.errors import NotFound
from erp_sync.services import ask_reconciliation
from plant_app.permissions import require
from plant_app.selectors import can


@page
def comparison(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The last comparison of each ERP, and the drift of each site."""
    return show(request, "boards_app/comparison.html", frame, _context(frame))


@page
def comparison_live(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The same, after a change."""
    return render(request, "boards_app/_comparison.html", _context(frame))


def _context(frame: Frame) -> dict[str, Any]:
    sites = sites_of(frame)
    found = selectors.compared(frame.user, sites)
    return {
        "frame": frame,
        "tabs": tabs(frame.user, sites, "comparison"),
        "compared": found,
        "drifts": selectors.differences(frame.user, sites),
        "waiting": any(one.waiting for one in found),
    }


@require_POST
@page
def compare(request: HttpRequest, frame: Frame, code: str) -> HttpResponse:
    """Ask for a comparison of one ERP; a worker does it, and the page follows."""
    sites = sites_of(frame)
    connection = selectors.connection_of(frame.user, sites, code)
    if connection is None:
        raise NotFound("erp.no_connection", "There is no such ERP connection.")
    if not any(can(frame.user, "posting.edit", site) for site in sites):
        require(frame.user, "posting.edit", sites[0])
    ask_reconciliation(connection=connection)
    return done(request, f"{connection.name} is being compared")
