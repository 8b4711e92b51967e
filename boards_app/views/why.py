"""Why this owner, why somebody was told or not: asked on the exception page, answered in its dialog. Reads only."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from boards_app.selectors.frame import Frame
from boards_app.selectors.why_asked import answers_for
from boards_app.views.exception import in_its_time
from boards_app.views.frame import is_htmx, page


@require_GET
@page
@in_its_time
def why(request: HttpRequest, frame: Frame, found: Any) -> HttpResponse:
    """The owner's reasons and those of one person (`?person=`, else the reader)."""
    context = answers_for(found, frame.user, request.GET.get("person", ""))
    template = "boards_app/why.html" if is_htmx(request) else "boards_app/why_page.html"
    return render(request, template, {"exception": found, "frame": frame, **context})
