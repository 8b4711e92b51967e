"""The desk: the list with its filters, the preview of one row, acknowledging several at once, the side bar's counts."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_POST

from boards_app.filters import DeskFilter
from boards_app.selectors import desk as rows_of
from boards_app.selectors.follow_ups import follow_ups_link
from boards_app.selectors.frame import Frame, nav_for, site_groups
from boards_app.selectors.panel import my_response, panel_of
from boards_app.selectors.shelves import standing_shelves
from boards_app.selectors.strip import strip_of
from boards_app.views.frame import done, is_htmx, page, show
from core import clock
from core.errors import DomainError, InvalidInput
from exceptions_app import services as exceptions
from exceptions_app.selectors import exception_by_ref, visible_to, with_row
from plant_app.selectors import visible_site_ids

LOOKED_KEY = "desk_looked_at"
MOST_AT_ONCE = 50
KEYS = (("j", ""), ("k", "move"), ("↵", "open"), ("a", "acknowledge"), ("d", "decide"), ("r", "re-route"),
        ("x", "select several"), ("/", "search"))  # fmt: skip


@require_GET
@page
def desk(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Every live exception, worst first; with words to search for, ended ones too."""
    asked = request.GET.get("q", "").strip()
    if asked and (ref := _named(frame, asked)):
        return HttpResponseRedirect(f"/exceptions/{ref}/")
    params = {name: str(value) for name, value in request.GET.items() if name != "site"}
    narrowed = DeskFilter(params, queryset=rows_of.base(frame, ended=bool(asked)), request=request).qs
    seen = _seen(request)
    order = params.get("order", "")
    listing = rows_of.listing(narrowed, frame, number=request.GET.get("page"), seen=seen, order=order)
    context: dict[str, Any] = {
        "frame": frame,
        "listing": listing,
        "params": params,
        "asked": asked,
        "order": order,
        "refresh": rows_of.url_with({**params, "page": ""}, page=params.get("page"), seen=_iso(seen)),
        "query": _prefix(rows_of.url_with({**params, "page": ""})),
        "live": " ".join([*site_groups(frame), f"user.{frame.user.pk}"]),
        "keys": KEYS,
    }
    if is_htmx(request) and request.headers.get("HX-Target") == "rows":
        return render(request, "boards_app/desk_list.html", context)
    context |= {
        "facets": rows_of.facets(frame, params, listing.total),
        "strip": strip_of(frame),
        "views": [*rows_of.views_of(frame, params), follow_ups_link(frame)],
        "shelved": standing_shelves(frame),
    }
    if listing.first is not None:
        context |= panel_of(listing.first, frame.user, frame.now)
    return show(request, "boards_app/desk.html", frame, context)


@require_GET
@page
def strip(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The four metrics alone."""
    return render(request, "boards_app/desk_strip.html", {"strip": strip_of(frame), "live": "report"})


@require_GET
@page
def panel(request: HttpRequest, frame: Frame, ref: str) -> HttpResponse:
    """The preview of one row, in its own site's time."""
    exception = exception_by_ref(frame.user, ref)
    with timezone.override(exception.site.timezone):
        context = panel_of(exception, frame.user, frame.now)
        return render(request, "boards_app/desk_panel.html", {"frame": frame, **context})


@require_GET
@page
def nav(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The side bar's places with their counts."""
    return render(request, "boards_app/nav.html", {"nav": nav_for(frame)})


@require_POST
@page
def acknowledge_many(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Acknowledge the reader's part in each of the chosen exceptions; what can't be is said, the rest is done."""
    refs = list(dict.fromkeys(request.POST.getlist("ref")))[:MOST_AT_ONCE]
    if not refs:
        raise InvalidInput("desk.nothing_chosen", "Choose at least one exception.", "Press x on a row.")
    taken, refused = 0, []
    sites = visible_site_ids(frame.user)
    for exception in with_row(visible_to(frame.user).filter(ref__in=refs)).order_by("pk"):
        mine = my_response(exception.live_responses, frame.user, sites)
        try:
            if mine is None:
                raise InvalidInput("desk.nothing_to_answer", "you are not asked.")
            exceptions.acknowledge(response_id=mine.pk, actor=frame.user, via="desk")
            taken += 1
        except DomainError as error:
            refused.append(f"{exception.short_ref}: {error.message}")
    words = f"{taken} acknowledged." if taken else "Nothing was acknowledged."
    return done(request, " ".join([words, *refused[:3]]), level="warn" if refused else "ok")


def _named(frame: Frame, asked: str) -> str:
    """The reference when somebody typed one: whole, or its number."""
    word = asked.upper()
    if word.startswith("EX-"):
        found = visible_to(frame.user).filter(ref=word)
    elif word.isdigit() and 1 <= len(word) <= 6:
        found = visible_to(frame.user).filter(ref__endswith=f"-{int(word):06d}").order_by("-captured_at")
    else:
        return ""
    return found.values_list("ref", flat=True).first() or ""


def _seen(request: HttpRequest) -> datetime | None:
    """When the reader last looked: a refresh carries the page's own answer, a fresh page moves it on."""
    if request.GET.get("seen"):
        return _moment(request.GET["seen"])
    before = _moment(request.session.get(LOOKED_KEY, ""))
    if not is_htmx(request):
        request.session[LOOKED_KEY] = clock.now().isoformat()
    return before or clock.now()


def _moment(raw: str) -> datetime | None:
    try:
        found = parse_datetime(raw)
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _prefix(address: str) -> str:
    """The filters of an address as the page turner wants them: "type=x&"."""
    _, _, query = address.partition("?")
    return f"{query}&" if query else ""


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
