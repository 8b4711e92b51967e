"""Report an exception from the desk: words, and where known its type and place."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from boards_app.selectors.frame import Frame
from boards_app.views.frame import done, is_htmx, page, show
from core import clock, keys
from core.errors import InvalidInput, NotFound
from exceptions_app import services as exceptions
from plant_app.models import ExceptionType, Site, WorkCentre, WorkUnit
from plant_app.permissions import require

LONGEST = 4000
PATIENCE_SECONDS = 2.0


@require_http_methods(["GET", "POST"])
@page
def report(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Ask, or take the report in: stored first, then read; who reported is sent to the record."""
    if request.method == "POST":
        return _take(request, frame)
    sites = [frame.site] if frame.site else list(frame.sites)
    context = {
        "types": ExceptionType.objects.filter(active=True).exclude(code="unsorted"),
        "units": WorkUnit.objects.filter(work_centre__area__site__in=sites, active=True)
        .select_related("work_centre")
        .order_by(
            "work_centre__area__site", "work_centre__area__position", "work_centre__position", "position"
        ),
        "centres": WorkCentre.objects.filter(area__site__in=sites).select_related("area"),
        "sites": sites,
        "key": keys.new_token(),
        "longest": LONGEST,
        "in_dialog": is_htmx(request),
    }
    if is_htmx(request):
        return render(request, "boards_app/report_form.html", context)
    return show(request, "boards_app/report.html", frame, context)


def _take(request: HttpRequest, frame: Frame) -> HttpResponse:
    text = request.POST.get("text", "").strip()
    fields = {name: request.POST.get(name, "").strip() for name in ("type", "place")}
    if not text and not fields["type"]:
        raise InvalidInput("report.empty", "Say what happened.", "A few words are enough.")
    if len(text) > LONGEST:
        raise InvalidInput("report.long", f"At most {LONGEST} characters.", "The first lines matter most.")
    site = _site(frame, request.POST.get("site", ""))
    require(frame.user, "signal.report", site)
    place = fields.pop("place")
    if place:
        kind, _, code = place.partition(":")
        fields["work_centre" if kind == "centre" else "work_unit"] = code
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="form", site=site),
        external_id=request.POST.get("key") or f"form-{clock.now().timestamp()}-{frame.user.pk}",
        text=text,
        fields={name: value for name, value in fields.items() if value},
        reporter=frame.user,
        site=site,
    )
    reading = exceptions.read_signal(signal_id=received.signal.pk, patience_seconds=PATIENCE_SECONDS)
    if reading.exception is None:
        words = (
            "Stored; it is read in a moment."
            if reading.status == "pending"
            else "Noted; nothing to do follows."
        )
        return done(request, words, to="" if is_htmx(request) else "/", level="info")
    words = f"{reading.exception.ref} opened." if reading.opened else f"Joined {reading.exception.ref}."
    return done(request, words, to=f"/exceptions/{reading.exception.ref}/")


def _site(frame: Frame, code: str) -> Site:
    site = next((one for one in frame.sites if one.code == code), frame.home)
    if site is None:
        raise NotFound("report.site", "There is no site you report for.")
    return site
