"""Tags of the frame around every page: the places in the side bar and phone bar, the page's zone and server time.

`{% load frame %}`. Reads the request's path and the context's `nav`; counts nothing itself.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.template.context import RequestContext
from django.utils import timezone

from boards_app import places
from core import clock
from core.languages import LANGUAGES

register = template.Library()


@register.simple_tag
def active_zone() -> str:
    """The IANA name of the zone this page shows its times in."""
    return timezone.get_current_timezone_name()


@register.simple_tag
def server_now() -> str:
    """The server's time for the page's clocks, so that a tablet with a wrong clock still counts right."""
    return clock.now().isoformat()


def _path(context: Any) -> str:
    request = context.get("request")
    if request is None:
        return ""
    if request.headers.get("HX-Request"):
        shown = request.headers.get("HX-Current-URL", "")
        return "/" + shown.split("://", 1)[-1].partition("/")[2].partition("?")[0]
    return str(request.path)


@register.simple_tag
def languages_here() -> tuple[tuple[str, str], ...]:
    """Code and name of every language there are labels in, each in its own words."""
    return LANGUAGES


@register.simple_tag(takes_context=True)
def page_address(context: RequestContext) -> str:
    """Where the reader is, with the query; of a fragment the page it goes into."""
    request = context.get("request")
    if request is None:
        return "/"
    shown = urlsplit(request.headers.get("HX-Current-URL", "") or request.get_full_path())
    return f"{shown.path or '/'}{f'?{shown.query}' if shown.query else ''}"


@register.inclusion_tag("components/nav.html", takes_context=True)
def main_nav(context: RequestContext) -> dict[str, Any]:
    """The side bar's places with their counts; fetches them itself when the page brought none."""
    nav = context.get("nav")
    return {"places": _places(context), "loaded": nav is not None, "live": (nav or {}).get("live", "")}


@register.inclusion_tag("components/phone_bar.html", takes_context=True)
def phone_bar(context: RequestContext) -> dict[str, Any]:
    """The same places under the thumb."""
    return {"places": _places(context, places.ON_PHONES)}


def _places(context: Any, only: Sequence[str] = ()) -> list[places.Shown]:
    hidden = () if getattr(context.get("user"), "is_staff", False) else ("rules",)
    return places.shown(_path(context), context.get("nav") or {}, hidden=hidden, only=only)
