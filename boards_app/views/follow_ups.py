"""The page of follow-ups: what is still to be done so that the same thing does not come back, and whether it helped."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from boards_app.selectors.follow_ups import follow_ups_page
from boards_app.selectors.frame import Frame
from boards_app.views.frame import is_htmx, page, show


@require_GET
@page
def follow_ups(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The list, overdue first; a refetch gets the list alone."""
    context = follow_ups_page(
        frame, whose=request.GET.get("whose", ""), function=request.GET.get("function", "")
    )
    if is_htmx(request):
        return render(request, "boards_app/_follow_ups.html", {"frame": frame, **context})
    return show(request, "boards_app/follow_ups.html", frame, context)
