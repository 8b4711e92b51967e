"""What people say on a record's page: a comment with its photos, and whom one may name while writing it."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from boards_app.selectors.frame import Frame
from boards_app.selectors.record.talk import namable
from boards_app.views.exception import in_its_time
from boards_app.views.frame import done, page
from decisions_app import services as decisions
from exceptions_app.uploads import enclosures_of
from plant_app.permissions import require


@require_POST
@page
@in_its_time
def comment(request: HttpRequest, frame: Frame, found: Any) -> HttpResponse:
    """Say something to everyone, with photos if there are any."""
    require(frame.user, "exception.comment", found.site_id)
    decisions.comment(
        exception_id=found.pk, author=frame.user, text=request.POST.get("text", ""), via="desk",
        photos=enclosures_of(request.FILES),
    )  # fmt: skip
    return done(request, gettext("Said to everyone here."))


@require_GET
@page
@in_its_time
def names(request: HttpRequest, frame: Frame, found: Any) -> HttpResponse:
    """People and functions whose name begins like `q`, for the list under an @."""
    require(frame.user, "exception.comment", found.site_id)
    return JsonResponse({"names": namable(found, request.GET.get("q", ""))})
