"""The banner of an ERP that is away, for pages of people and for boards on the floor."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from boards_app.selectors.frame import Frame
from boards_app.selectors.outage import outages
from boards_app.views.floor import Viewer, floor
from boards_app.views.frame import page
from core.errors import NotFound
from plant_app.models import Site


@page
def banner(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The banner again, after a change."""
    sites = [frame.site] if frame.site else list(frame.sites)
    return render(request, "components/outage.html", {"outages": outages(sites)})


@floor
def on_the_floor(request: HttpRequest, viewer: Viewer, code: str) -> HttpResponse:
    """The same for a board: what is reported goes on being kept."""
    site = Site.objects.filter(code=code).first()
    if site is None or not viewer.sees(site):
        raise NotFound("boards.no_area", "There is no such site.")
    timezone.activate(site.timezone)
    return render(request, "components/outage.html", {"outages": outages([site]), "floor": site})
