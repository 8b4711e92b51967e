"""My inbox: what waits for my answer, what I am to do, what I own."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from boards_app.selectors.frame import Frame
from boards_app.selectors.inbox import OWNED, TO_ANSWER, TO_DO, inbox_of, on_duty
from boards_app.views.frame import is_htmx, page, show

TABS = (TO_ANSWER, TO_DO, OWNED)


@require_GET
@page
def inbox(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Cards on a phone, columns on a desk."""
    found = inbox_of(frame)
    tab = request.GET.get("tab", "")
    if tab not in TABS:
        tab = TO_ANSWER if found.waiting or not found.to_do else TO_DO
    context = {
        "inbox": found,
        "tab": tab,
        "duty": on_duty(frame),
        "live": f"user.{frame.user.pk}",
    }
    if is_htmx(request) and request.headers.get("HX-Target") == "inbox":
        return render(request, "boards_app/inbox_cards.html", {"frame": frame, **context})
    return show(request, "boards_app/inbox.html", frame, context)
