"""The button beside an EDI document on the exception page: parse, call one service, say what happened."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from boards_app.selectors.frame import Frame
from boards_app.views.frame import done, page
from core.errors import NotFound
from exceptions_app import services as exceptions
from exceptions_app.models import EdiDocument
from exceptions_app.selectors import visible_to
from plant_app.permissions import require


@require_POST
@page
def resend(request: HttpRequest, frame: Frame, ref: str, pk: int) -> HttpResponse:
    """Hand an answer over once more, under the same control number."""
    found = (
        EdiDocument.objects.filter(pk=pk, exception__ref=ref, exception__in=visible_to(frame.user))
        .select_related("exception")
        .first()
    )
    if found is None or found.exception is None:
        raise NotFound("edi.no_document", "There is no such document.")
    require(frame.user, "exception.triage", found.exception.site_id)
    document = exceptions.resend_edi(document_id=pk, actor=frame.user)
    return done(request, f"{document.kind} {document.number} goes to {document.partner} again.")
