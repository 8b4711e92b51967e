"""What came with a report, opened from a page: shown, played or saved; only by who may see the report."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from boards_app.views.frame import refusal
from core.errors import DomainError
from exceptions_app.attached import attachment_for
from exceptions_app.file_answers import file_answer


@require_safe
@login_required
def whole(request: HttpRequest, pk: int) -> HttpResponse:
    """The photo, voice note or file itself."""
    return _answer(request, pk, small=False)


@require_safe
@login_required
def small(request: HttpRequest, pk: int) -> HttpResponse:
    """A photo's small version."""
    return _answer(request, pk, small=True)


def _answer(request: HttpRequest, pk: int, *, small: bool) -> HttpResponse:
    try:
        return file_answer(request, attachment_for(request.user, pk), small=small)
    except DomainError as error:
        return refusal(request, error)
