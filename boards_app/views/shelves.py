"""The page of what is shelved: read, and end a shelf before its time."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from boards_app.selectors.frame import Frame
from boards_app.selectors.shelves import shelved_page
from boards_app.views.frame import done, is_htmx, page, show
from core.errors import NotFound
from exceptions_app import services
from exceptions_app.models import Shelf
from plant_app.permissions import require
from plant_app.selectors import visible_site_ids


@require_GET
@page
def shelved(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Every standing shelf with what it holds back; a refetch gets the list alone."""
    context = shelved_page(frame)
    if is_htmx(request):
        return render(request, "boards_app/_shelves.html", {"frame": frame, **context})
    return show(request, "boards_app/shelves.html", frame, context)


@require_POST
@page
def lift(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """End a shelf now."""
    shelf = Shelf.objects.filter(pk=pk, site__in=visible_site_ids(frame.user)).first()
    if shelf is None:
        raise NotFound("exceptions.shelf_not_found", "There is no such shelf.")
    require(frame.user, "exception.shelve", shelf.site_id)
    services.lift_shelf(shelf_id=pk, actor=frame.user)
    return done(request, "Off the shelf: what still stands comes up now.")
