"""What every page shares: who looks and from where, refusals in words, answers to buttons.

`page` wraps a view: logged in, never cached, times in the site's zone, every DomainError said in the reader's words.
"""

import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from boards_app.selectors.frame import Frame, frame_for, nav_for
from core.api import PROBLEM_TYPE
from core.errors import DomainError, InvalidInput
from core.languages import label
from exceptions_app.selectors import Tally
from plant_app.models import User

SITE_KEY = "site"
P = ParamSpec("P")


def page(
    view: Callable[Concatenate[HttpRequest, Frame, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Give `view` its frame; log in first, forbid caching, say refusals in words."""

    @wraps(view)
    def framed(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        frame = frame_of(request)
        with timezone.override(frame.zone):
            try:
                return view(request, frame, *args, **kwargs)
            except DomainError as error:
                return refusal(request, error)

    return cast("Callable[Concatenate[HttpRequest, P], HttpResponse]", never_cache(login_required(framed)))


def frame_of(request: HttpRequest) -> Frame:
    """The frame of a logged-in request; `?site=CODE` (or `all`) is remembered for the session."""
    user = cast("User", request.user)
    wanted = request.GET.get("site") or request.session.get(SITE_KEY, "")
    frame = frame_for(user, wanted)
    chosen = frame.site.code if frame.site else "all"
    if "site" in request.GET and request.session.get(SITE_KEY) != chosen:
        request.session[SITE_KEY] = chosen
    return frame


def is_htmx(request: HttpRequest) -> bool:
    """The request comes from a script of the page, which swaps or toasts the answer."""
    return request.headers.get("HX-Request") == "true"


def show(
    request: HttpRequest,
    template: str,
    frame: Frame,
    context: dict[str, Any] | None = None,
    *,
    counts: Tally | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render a whole page with its side bar."""
    nav = nav_for(frame, counts)
    views = (context or {}).get("views")
    if views:
        nav["views"] = views
    return render(request, template, {"frame": frame, "nav": nav, **(context or {})}, status=status)


def refusal(request: HttpRequest, error: DomainError) -> HttpResponse:
    """A refused step in words: a problem document for scripts, else a message on the page the reader came from."""
    if is_htmx(request):
        body = {
            **error.extra,
            "type": f"urn:execlayer:problem:{error.code}",
            "title": label(error.message),
            "detail": _detail(error),
            "status": error.status,
            "code": error.code,
        }
        return JsonResponse(body, status=error.status, content_type=PROBLEM_TYPE)
    if request.method == "POST":
        messages.error(request, f"{label(error.message)} {_detail(error)}".strip())
        return HttpResponseRedirect(_back(request))
    template = "404.html" if error.status == 404 else "403.html"
    return render(
        request, template, {"error": error}, status=error.status if error.status in {403, 404} else 400
    )


def done(request: HttpRequest, words: str, *, to: str = "", level: str = "ok") -> HttpResponse:
    """A step was taken: scripts get a toast and the page refetches what it shows, others are sent back (or to `to`).

    A script is sent to another page only when `to` is given.
    """
    if not is_htmx(request):
        messages.success(request, words)
        return HttpResponseRedirect(to or _back(request))
    response = HttpResponse(status=204)
    if to:
        messages.success(request, words)
        response["HX-Redirect"] = to
        return response
    triggers = {"toast": {"level": level, "text": words}, "closeDialog": {}, "changed": {}}
    response["HX-Trigger"] = json.dumps(triggers)
    return response


def _detail(error: DomainError) -> str:
    """The cure, and for forms every field that is wrong."""
    wrong = error.extra.get("errors")
    lines = [f"{words}." for words in wrong.values()] if isinstance(wrong, dict) else []
    return " ".join([*lines, label(error.hint)]).strip()


def _back(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.headers.get("Referer", "")
    hosts = {request.get_host()}
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=hosts, require_https=request.is_secure())
    return wanted if wanted and safe else "/"


def typed_moment(raw: str, zone: str) -> datetime | None:
    """A moment typed in the site's own time; None for nothing. Raises InvalidInput `request.moment`."""
    if not raw.strip():
        return None
    try:
        found = parse_datetime(raw.strip())
    except ValueError:
        found = None
    if found is None:
        raise InvalidInput("request.moment", _("That is not a date and time."))
    return found.replace(tzinfo=ZoneInfo(zone)) if found.tzinfo is None else found
