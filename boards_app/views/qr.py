"""The page behind a printed code: a machine's report form for whoever stands in front of it with a phone.

Who reports is a login, a badge with its PIN, a paired screen, or, where the site allows it, nobody by name: reports of
nobody are limited, marked, and raise a question. What comes of a report is followed at a signed address.
"""

from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from boards_app.selectors.qr import CodeForm, code_form
from boards_app.selectors.scanned import take_scanned
from boards_app.selectors.tracking import followed, signal_of, tracking_token
from boards_app.views.floor import Viewer, person_of, problem, scan_answer, signed, wants_json
from core import clock, keys
from core.errors import DomainError, InvalidInput, NotAllowed
from exceptions_app import services as exceptions
from exceptions_app.models import ReadingStatus, SignalReading
from exceptions_app.services.channels.read import PATIENCE_SECONDS
from exceptions_app.uploads import enclosures_of
from plant_app.authentication import current_device
from plant_app.models import Site, UnitCode, User
from plant_app.permissions import require
from plant_app.selectors import can, roles_of
from plant_app.services import check_badge, code_of_token
from plant_app.throttling import address_of_request, limit

PERSON_KEY: Final = "qr_person"
LONGEST_TEXT: Final = 4000
TEN_MINUTES: Final = 600
BADGES_PER_ADDRESS: Final = 20


@never_cache
@require_safe
def page(request: HttpRequest, token: str) -> HttpResponse:
    """The form, or the question who stands there; a code that opens nothing says so."""
    try:
        code = code_of_token(token)
    except DomainError as error:
        return _refused(request, error)
    site = code.work_unit.work_centre.area.site
    with timezone.override(site.timezone):
        get_token(request)  # a report kept without a network needs the cookie later
        form = code_form(code)
        person = _person(request, site)
        context = _context(request, form, person)
        if not _may(request, site, person):
            return render(request, "boards_app/qr_who.html", context)
        return render(request, "boards_app/qr.html", context)


def _context(request: HttpRequest, form: CodeForm, person: User | None) -> dict[str, Any]:
    return {
        "form": form,
        "person": person,
        "by_login": isinstance(request.user, User) and request.user == person,
        "device": current_device(request),
        "as": signed(person),
        "key": keys.new_token(),
        "longest": LONGEST_TEXT,
    }


@require_POST
def report(request: HttpRequest, token: str) -> HttpResponse:
    """Take a report: stored first, read at once when that takes no long time; answered with where to follow it."""
    try:
        code = code_of_token(token)
        received, reading = _take(request, code)
    except DomainError as error:
        return problem(error) if wants_json(request) else _refused(request, error)
    track = f"/t/{tracking_token(received.signal)}/"
    if not wants_json(request):
        return HttpResponseRedirect(track)
    exception = reading.exception
    body = {
        "signal": received.signal.pk,
        "replayed": received.replayed,
        "exception": {"ref": exception.ref} if exception else None,
        "track": track,
    }
    return JsonResponse(body, status=202 if reading.status == ReadingStatus.PENDING else 201)


def _take(request: HttpRequest, code: UnitCode) -> tuple[exceptions.Received, SignalReading]:
    site = code.work_unit.work_centre.area.site
    person = _person(request, site, request.POST.get("as", ""))
    device = current_device(request)
    device = device if device is not None and device.site_id == site.pk else None
    if person is not None:
        require(person, "signal.report", site)
    elif device is None and not site.anonymous_reports:
        raise NotAllowed("codes.who", _("Say who you are first."), _("Hold up your badge, or sign in."))
    text, fields = _said(request, code, site)
    nobody = person is None and device is None
    if nobody:
        _spend(request, code)
    name = f"not named, at {code.work_unit.code}" if nobody else str(device or "")
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="anonymous" if nobody else "qr", site=site),
        external_id=(request.POST.get("external_id") or request.POST.get("key") or keys.new_token())[:200],
        text=text,
        fields=fields,
        payload={"printed_code": {"unit": code.work_unit.code, "key": code.key, "anonymous": nobody}},
        occurred_at=_moment(request),
        reporter=person,
        reporter_text="" if person else name,
        device=device,
        site=site,
        enclosures=enclosures_of(request.FILES),
    )
    reading = exceptions.read_signal(signal_id=received.signal.pk, patience_seconds=PATIENCE_SECONDS)
    return received, reading


def _said(request: HttpRequest, code: UnitCode, site: Site) -> tuple[str, dict[str, Any]]:
    """The words and the answers; only answers the form offers, about this machine and no other."""
    text = request.POST.get("text", "").strip()[:LONGEST_TEXT]
    answers = {name: request.POST.get(name, "") for name in request.POST}
    fields = code_form(code).chosen(answers)
    text = take_scanned(
        request.POST.get("scanned", ""), site, fields, text, own=lambda unit: unit.pk == code.work_unit_id
    )
    if not text and not fields.get("type"):
        raise InvalidInput("codes.empty", _("Say what is wrong, or choose it."))
    return text, fields


def _spend(request: HttpRequest, code: UnitCode) -> None:
    """Count a report without a name. Raises TooMany (429) over the budget of its address or its code."""
    address = address_of_request(request)
    limit(scope="qr-address", who=address, limit=settings.ANONYMOUS_PER_ADDRESS, window_seconds=TEN_MINUTES)
    limit(scope="qr-code", who=str(code.pk), limit=settings.ANONYMOUS_PER_CODE, window_seconds=TEN_MINUTES)


def _moment(request: HttpRequest) -> datetime | None:
    try:
        said = parse_datetime(request.POST.get("occurred_at", ""))
    except ValueError:
        said = None
    return min(said, clock.now()) if said is not None and said.tzinfo is not None else None


# --- who stands there -----------------------------------------------------------------------------------------
@require_POST
def who(request: HttpRequest, token: str) -> HttpResponse:
    """A badge and its PIN; an empty badge steps down. Kept for this phone's session, at this site."""
    try:
        code = code_of_token(token)
        site = code.work_unit.work_centre.area.site
        badge = request.POST.get("badge", "").strip()
        if not badge:
            request.session.pop(PERSON_KEY, None)
            return HttpResponseRedirect(f"/r/{token}/")
        limit(
            scope="qr-badge", who=address_of_request(request), limit=BADGES_PER_ADDRESS,
            window_seconds=TEN_MINUTES,
        )  # fmt: skip
        device = current_device(request)
        person = check_badge(
            code=badge, pin=request.POST.get("pin", ""), device=device, pin_required=device is None
        )
        if not roles_of(person, site):
            raise NotAllowed(
                "codes.other_site", _("{person} has no access at {site}.").format(person=person, site=site)
            )
    except DomainError as error:
        return _refused(request, error, back=f"/r/{token}/")
    request.session[PERSON_KEY] = {"person": person.pk, "site": site.pk}
    return HttpResponseRedirect(f"/r/{token}/")


def _person(request: HttpRequest, site: Site, token: str = "") -> User | None:
    """The login, whoever showed a badge, or whoever the form was drawn for."""
    user = request.user if isinstance(request.user, User) else None
    found = person_of(request, Viewer(user, current_device(request)), site, token)
    if found is not None:
        return found
    kept = request.session.get(PERSON_KEY) or {}
    if kept.get("site") != site.pk:
        return None
    return User.objects.filter(pk=int(kept.get("person") or 0), is_active=True).first()


def _may(request: HttpRequest, site: Site, person: User | None) -> bool:
    device = current_device(request)
    if person is not None:
        return can(person, "signal.report", site)
    return site.anonymous_reports or (device is not None and device.site_id == site.pk)


# --- beside the form ------------------------------------------------------------------------------------------
@never_cache
@require_safe
def scan(request: HttpRequest, token: str) -> HttpResponse:
    """What a scanned order is, in words; for readers who may report here by name."""
    try:
        site = code_of_token(token).work_unit.work_centre.area.site
        if _person(request, site) is None and current_device(request) is None:
            raise NotAllowed("codes.who", _("Say who you are first."))
        return scan_answer(request, site)
    except DomainError as error:
        return problem(error)


@never_cache
@require_safe
def track(request: HttpRequest, token: str) -> HttpResponse:
    """What became of a report: reference, state in plain words, who is coming. Nothing else, and no login."""
    try:
        signal = signal_of(token)
    except DomainError as error:
        return _refused(request, error)
    seen = followed(signal)
    with timezone.override(seen.zone):
        return render(request, "boards_app/track.html", {"seen": seen, "token": token})


def _refused(request: HttpRequest, error: DomainError, *, back: str = "") -> HttpResponse:
    return render(request, "boards_app/qr_refused.html", {"error": error, "back": back}, status=error.status)
