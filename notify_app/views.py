"""The page behind a message's link: reading it changes nothing, its buttons answer as the person told.

A link scanner, a prefetching mail program or a preview reads at most the page; only a posted form answers.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from core.errors import DomainError
from notify_app import services
from notify_app.models import Notice
from plant_app.languages import speak


@require_safe
def push_worker(request: HttpRequest) -> HttpResponse:
    """The service worker; served from the root, since a worker's place bounds what it may show."""
    response = render(request, "notify_app/push_worker.js", content_type="text/javascript")
    response["Cache-Control"] = "no-cache"
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """Show what happened and take the answer. A bad link answers 404 in words; nothing else is revealed."""
    try:
        notice = services.notice_of(token)
    except DomainError as error:
        return render(request, "notify_app/answer.html", {"error": error}, status=error.status)
    speak(notice.person)
    if request.method != "POST":
        return _page(request, notice)
    try:
        services.answer(
            notice=notice, what=request.POST.get("answer", ""), reason=request.POST.get("reason", "").strip()
        )
    except DomainError as error:
        return _page(request, notice, error)
    notice.refresh_from_db()
    return _page(request, notice, done=True)


def _page(
    request: HttpRequest, notice: Notice, error: DomainError | None = None, *, done: bool = False
) -> HttpResponse:
    context = {
        "notice": notice,
        "exception": notice.exception,
        "response": notice.response,
        "error": error,
        "done": done,
        "wanted": request.GET.get("do", ""),
    }
    return render(request, "notify_app/answer.html", context, status=error.status if error else 200)
