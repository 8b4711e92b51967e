"""Report an exception from the desk or a phone: words, photos, a voice note, and where known its type and place.

Sent by the page's outbox (which reads JSON), by a script of the page, or by a plain form: one intake, three answers.
"""

from datetime import datetime

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from boards_app.selectors.frame import Frame
from boards_app.selectors.scanned import take_scanned
from boards_app.views.floor import problem, scan_answer, wants_json
from boards_app.views.frame import done, is_htmx, page, show
from core import clock, keys
from core.errors import DomainError, InvalidInput, NotFound
from exceptions_app import services as exceptions
from exceptions_app.uploads import enclosures_of
from plant_app.models import ExceptionType, Site, WorkCentre, WorkUnit
from plant_app.permissions import require

LONGEST = 4000
PATIENCE_SECONDS = 2.0


@require_http_methods(["GET", "POST"])
@page
def report(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Ask, or take the report in: stored first, then read; who reported is sent to the record."""
    if request.method == "POST":
        try:
            return _take(request, frame)
        except DomainError as error:
            if wants_json(request):
                return problem(error)
            raise
    sites = [frame.site] if frame.site else list(frame.sites)
    site = sites[0].code if sites else ""
    context = {
        "lookup": f"/report/scan/{site}/",
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


@page
def scan(request: HttpRequest, frame: Frame, site: str) -> HttpResponse:
    """What a scanned code is, in words, before it is sent."""
    try:
        return scan_answer(request, _site(frame, site))
    except DomainError as error:
        return problem(error)


def _take(request: HttpRequest, frame: Frame) -> HttpResponse:
    text = request.POST.get("text", "").strip()
    fields = {name: request.POST.get(name, "").strip() for name in ("type", "place")}
    if not text and not fields["type"] and not request.POST.get("scanned", "").strip():
        raise InvalidInput("report.empty", _("Say what happened."), _("A few words are enough."))
    if len(text) > LONGEST:
        raise InvalidInput(
            "report.long",
            _("At most {count} characters.").format(count=LONGEST),
            _("The first lines matter most."),
        )
    site = _site(frame, request.POST.get("site", ""))
    require(frame.user, "signal.report", site)
    place = fields.pop("place")
    if place:
        kind, _colon, code = place.partition(":")
        fields["work_centre" if kind == "centre" else "work_unit"] = code
    text = take_scanned(request.POST.get("scanned", ""), site, fields, text)
    if not text and not fields["type"]:
        raise InvalidInput("report.empty", _("Say what happened."), _("A few words are enough."))
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="form", site=site),
        external_id=_id(request) or f"form-{clock.now().timestamp()}-{frame.user.pk}",
        text=text,
        fields={name: value for name, value in fields.items() if value},
        occurred_at=_moment(request),
        reporter=frame.user,
        site=site,
        enclosures=enclosures_of(request.FILES),
    )
    reading = exceptions.read_signal(signal_id=received.signal.pk, patience_seconds=PATIENCE_SECONDS)
    if reading.exception is None:
        words = (
            _("Stored; it is read in a moment.")
            if reading.status == "pending"
            else _("Noted; nothing to do follows.")
        )
        if wants_json(request):
            status = 202 if reading.status == "pending" else 201
            return JsonResponse(
                {"signal": received.signal.pk, "exception": None, "words": words}, status=status
            )
        return done(request, words, to="" if is_htmx(request) else "/", level="info")
    exception = reading.exception
    words = (_("{ref} opened.") if reading.opened else _("Joined {ref}.")).format(ref=exception.ref)
    to = f"/exceptions/{exception.ref}/"
    if wants_json(request):
        said = {"ref": exception.ref, "title": exception.title, "next_step": exception.next_step, "url": to}
        return JsonResponse({"signal": received.signal.pk, "exception": said, "words": words}, status=201)
    return done(request, words, to=to)


def _id(request: HttpRequest) -> str:
    return request.POST.get("external_id") or request.POST.get("key") or ""


def _moment(request: HttpRequest) -> datetime | None:
    """When it was said, where the page kept it without a network; never the future, whatever a clock says."""
    try:
        said = parse_datetime(request.POST.get("occurred_at", ""))
    except ValueError:
        said = None
    return min(said, clock.now()) if said is not None and said.tzinfo is not None else None


def _site(frame: Frame, code: str) -> Site:
    site = next((one for one in frame.sites if one.code == code), frame.home)
    if site is None:
        raise NotFound("report.site", _("There is no site you report for."))
    return site
