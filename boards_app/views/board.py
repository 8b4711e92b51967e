"""Area boards: the list of them, one board, and the part of it that follows the plant."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from boards_app.selectors.areas import area_lines
from boards_app.selectors.board import TILES, AreaBoard, area_board, areas_of
from boards_app.selectors.frame import Frame
from boards_app.selectors.outage import outages
from boards_app.views.floor import Viewer, floor
from boards_app.views.frame import page, show
from core.errors import NotFound

STATES = frozenset(state.value for state in TILES)


@page
def boards(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Every area of the sites in view: what its machines do now, its board and its stations."""
    return show(request, "boards_app/boards.html", frame, _listed(frame))


@page
def boards_live(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The list again, after a change."""
    return render(request, "boards_app/_boards.html", _listed(frame))


@page
def stations(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Every work centre of the sites in view, to open its station."""
    return show(request, "boards_app/stations.html", frame, _listed(frame))


@page
def stations_live(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The list again, after a change."""
    return render(request, "boards_app/_stations.html", _listed(frame))


def _listed(frame: Frame) -> dict[str, object]:
    lines = area_lines([frame.site] if frame.site else list(frame.sites))
    groups = " ".join(f"area.{line.area.pk}" for line in lines)
    return {"lines": lines, "live": groups, "frame": frame, "many_sites": frame.site is None}


@floor
def board(request: HttpRequest, viewer: Viewer, code: str) -> HttpResponse:
    """One area on a wall or a tablet."""
    found = _board(request, viewer, code)
    shown = {"board": found, "paired": viewer.device is not None, "outages": outages([found.area.site])}
    return render(request, "boards_app/board.html", shown)


@floor
def board_live(request: HttpRequest, viewer: Viewer, code: str) -> HttpResponse:
    """What of a board follows the plant; pages fetch it again after every hint and every reconnect."""
    return render(request, "boards_app/_board.html", {"board": _board(request, viewer, code)})


def _board(request: HttpRequest, viewer: Viewer, code: str) -> AreaBoard:
    area = next((row for row in areas_of(code) if viewer.sees(row.site)), None)
    if area is None:
        raise NotFound("boards.no_area", _("There is no such area."))
    timezone.activate(area.site.timezone)
    only = request.GET.get("state", "")
    return area_board(
        area, only=only if only in STATES else "", to_exceptions=viewer.opens_exceptions(area.site)
    )
