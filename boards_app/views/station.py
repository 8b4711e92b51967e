"""The station: what an operator sees and does at a work centre. Reads, and hands every tap to the service that owns it.

Taps come from the tablet's outbox as JSON with a UUID of their own: the same one twice has one effect, whenever the
second arrives.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from boards_app import spoken
from boards_app.selectors.capture import LOOKS, tiles
from boards_app.selectors.outage import away
from boards_app.selectors.scanned import take_scanned
from boards_app.selectors.station import centre_of, station, version_to_expect
from boards_app.views.floor import (
    Viewer,
    floor,
    forget_person,
    person_at,
    person_of,
    remember_person,
    scan_answer,
    signed,
    somebody,
    speak_to,
)
from boards_app.views.frame import done
from core import clock
from core.errors import InvalidInput, NotAllowed, NotFound
from decisions_app import services as decisions
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord, ReadingStatus
from exceptions_app.services.channels.read import PATIENCE_SECONDS
from exceptions_app.uploads import DOCUMENT, enclosures_of
from plant_app.models import Operation, Site, User, WorkCentre
from plant_app.permissions import require
from plant_app.services.access import Answer, check_badge, remember_answer
from sequence_app import services as sequence
from sequence_app.models import Recommendation

VIA: Final = "station"
LONGEST_BODY: Final = 64 * 1024


@floor
def page(request: HttpRequest, viewer: Viewer, code: str) -> HttpResponse:
    """The whole station."""
    context = _context(request, viewer, code)
    context["away"] = away(context["station"].site)
    return render(request, "boards_app/station.html", context)


@floor
def live(request: HttpRequest, viewer: Viewer, code: str) -> HttpResponse:
    """What of a station follows the plant; fetched again after every hint and every reconnect."""
    return render(request, "boards_app/_station.html", _context(request, viewer, code))


@floor
def erp(request: HttpRequest, viewer: Viewer, code: str) -> HttpResponse:
    """The line about an ERP that is away, after it went or came back."""
    centre = _centre(viewer, code)
    site = centre.area.site
    timezone.activate(site.timezone)
    speak_to(request, person_at(request, viewer, site))
    return render(request, "components/erp_away.html", {"centre": centre, "away": away(site)})


def _context(request: HttpRequest, viewer: Viewer, code: str) -> dict[str, Any]:
    centre = _centre(viewer, code)
    site = centre.area.site
    timezone.activate(site.timezone)
    person = person_at(request, viewer, site)
    speak_to(request, person)
    shown = station(centre, request.GET.get("unit", ""))
    action = f"/stations/{centre.code}/recommendations/{shown.asked.id}/" if shown.asked else ""
    return {
        "station": shown,
        "scan_address": f"/stations/{centre.code}/scan/",
        "confirm_action": action,
        "override_action": f"{action}override/",
        "tiles": tiles(centre, shown.unit, shown.job.operation if shown.job else None),
        "person": person,
        "token": signed(person),
        "paired": viewer.device is not None,
        "by_login": viewer.user is not None,
        "opens_exceptions": viewer.opens_exceptions(site),
    }


def _centre(viewer: Viewer, code: str) -> WorkCentre:
    centre = centre_of(code)
    if centre is None or not viewer.sees(centre.area.site):
        raise NotFound("stations.no_centre", _("There is no such station."))
    return centre


# --- taps ---------------------------------------------------------------------------------------------------
@require_POST
@floor
def report(request: HttpRequest, viewer: Viewer, code: str) -> HttpResponse:
    """Report a problem: stored as a signal under the tablet's own id, read at once when that takes no long time.

    A paired screen may report without anybody known; a login needs the role for it.
    """
    centre = _centre(viewer, code)
    site = centre.area.site
    tap = _tap(request)
    person = person_of(request, viewer, site, tap.token)
    speak_to(request, person)
    if person is not None:
        require(person, "signal.report", site)
    elif viewer.device is None:
        raise NotAllowed("station.who", _("Say who you are first."))
    fields = _fields(tap.body.get("fields"), centre)
    text = str(tap.body.get("text") or "").strip()
    scan = str(tap.body.get("scanned") or "")
    text = take_scanned(scan, site, fields, text, own=lambda unit: unit.work_centre_id == centre.pk)
    if not text and not fields.get("type"):
        raise InvalidInput("station.empty", _("Say what is wrong, or choose it."))
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="station", site=site), external_id=tap.id, text=text, fields=fields,
        occurred_at=tap.at, reporter=person, reporter_text="" if person else str(viewer.device or ""),
        device=viewer.device, site=site, enclosures=enclosures_of(tap.files),
    )  # fmt: skip
    reading = exceptions.read_signal(signal_id=received.signal.pk, patience_seconds=PATIENCE_SECONDS)
    exception = (
        ExceptionRecord.objects.filter(pk=reading.exception_id).first() if reading.exception_id else None
    )
    pending = reading.status == ReadingStatus.PENDING
    body = {
        "signal": received.signal.pk,
        "replayed": received.replayed,
        "exception": _standing(exception) if exception else None,
    }
    return JsonResponse(body, status=202 if pending else 201)


def _fields(given: Any, centre: WorkCentre) -> dict[str, Any]:
    """The answers a form may give: short words only, and never about another place."""
    if not isinstance(given, Mapping):
        return {}
    fields = {
        str(name)[:40]: value[:300] if isinstance(value, str) else value
        for name, value in given.items()
        if isinstance(value, str | int | float | bool)
    }
    if fields.get("type") and fields["type"] not in LOOKS:
        raise InvalidInput("station.type", _("That kind of trouble can't be reported here."))
    unit = fields.get("work_unit")
    if unit and not centre.work_units.filter(code=unit).exists():
        raise InvalidInput("station.unit", _("{unit} does not stand here.").format(unit=unit))
    return fields


@floor
def scan(request: HttpRequest, viewer: Viewer, code: str) -> HttpResponse:
    """What a scanned code is, in words, before it is sent."""
    return scan_answer(request, _centre(viewer, code).area.site)


@require_POST
@floor
def progress(request: HttpRequest, viewer: Viewer, code: str) -> HttpResponse:
    """Start, count, stop or finish an operation of this centre. A count somebody else overtook is refused in words."""
    centre = _centre(viewer, code)
    site = centre.area.site
    tap = _tap(request)
    person = _known(request, viewer, site, tap.token, "progress.report")

    def take() -> dict[str, Any]:
        operation = Operation.objects.filter(
            pk=_whole(tap.body, "operation") or 0, work_centre=centre
        ).first()
        if operation is None:
            raise NotFound("operation.not_found", _("There is no such operation here."))
        unit = centre.work_units.filter(code=str(tap.body.get("work_unit") or "")).first()
        made, posting = decisions.report_progress(
            operation_id=operation.pk, kind=str(tap.body.get("kind") or ""), good=_amount(tap.body, "good"),
            scrap=_amount(tap.body, "scrap"), at=tap.at or clock.now(), person=person, work_unit=unit,
            expected_version=version_to_expect(operation, _whole(tap.body, "version"), person),
            reason_code=str(tap.body.get("reason_code") or "")[:40],
        )  # fmt: skip
        return {"report": made.pk, "kind": made.kind, "posting": posting.pk if posting else None}

    return _once(request, tap, person, take)


@require_POST
@floor
def clear(request: HttpRequest, viewer: Viewer, code: str) -> HttpResponse:
    """ "It runs again": the condition of an exception at this centre is gone."""
    centre = _centre(viewer, code)
    site = centre.area.site
    tap = _tap(request)
    person = _known(request, viewer, site, tap.token, "exception.clear")

    def take() -> dict[str, Any]:
        exception = ExceptionRecord.objects.filter(
            ref=str(tap.body.get("ref") or ""), site=site, area=centre.area
        ).first()
        if exception is None:
            raise NotFound("exceptions.not_found", _("There is no such exception here."))
        at = max(tap.at, exception.occurred_at) if tap.at else None
        cleared = decisions.clear(exception_id=exception.pk, actor=person, at=at, via=VIA)
        return {"exception": _standing(cleared)}

    return _once(request, tap, person, take)


# --- the floor's answer to a recommendation -----------------------------------------------------------------
@require_POST
@floor
def confirm(request: HttpRequest, viewer: Viewer, code: str, pk: int) -> HttpResponse:
    """Yes: the recommended order becomes the plan."""
    person = _answering(request, viewer, code, pk, "sequence.confirm")
    sequence.confirm(recommendation_id=pk, actor=person)
    return done(request, _("Confirmed, the plan follows it"))


@require_POST
@floor
def override(request: HttpRequest, viewer: Viewer, code: str, pk: int) -> HttpResponse:
    """No, and why."""
    person = _answering(request, viewer, code, pk, "sequence.override")
    answered = sequence.override(
        recommendation_id=pk, actor=person, reason=request.POST.get("reason", ""),
        note=request.POST.get("note", ""),
    )  # fmt: skip
    return done(
        request,
        _("The plan stays: {reason}").format(reason=spoken.inside(answered.get_override_reason_display())),
    )


def _answering(request: HttpRequest, viewer: Viewer, code: str, pk: int, action: str) -> User:
    centre = _centre(viewer, code)
    if not Recommendation.objects.filter(pk=pk, work_centre=centre).exists():
        raise NotFound("sequence.recommendation", _("There is no such recommendation here."))
    site = centre.area.site
    return _known(request, viewer, site, request.POST.get("as", ""), action)


def _known(request: HttpRequest, viewer: Viewer, site: Site, token: str, action: str) -> User:
    """Who tapped, known and allowed, and answered in their language from here on."""
    person = person_of(request, viewer, site, token)
    speak_to(request, person)
    return somebody(person, action, site)


# --- who stands there ---------------------------------------------------------------------------------------
@require_POST
@floor
def person(request: HttpRequest, viewer: Viewer, code: str) -> HttpResponse:
    """A badge is held up (and a PIN tapped) at a paired screen; an empty one steps down."""
    centre = _centre(viewer, code)
    if viewer.device is None:
        raise NotAllowed("station.not_paired", _("This screen is not paired."), _("Sign in instead."))
    badge = request.POST.get("badge", "").strip()
    if not badge:
        forget_person(request)
        return done(request, _("Nobody is signed on here"), to=f"/stations/{centre.code}/")
    found = check_badge(code=badge, pin=request.POST.get("pin", ""), device=viewer.device)
    remember_person(request, found, viewer.device, centre.area.site)
    speak_to(request, found)
    unit = request.POST.get("unit", "")
    return done(
        request,
        _("{person} is here").format(person=found),
        to=f"/stations/{centre.code}/{f'?unit={unit}' if unit else ''}",
    )


# --- what a tap carries -------------------------------------------------------------------------------------
class _Tap:
    """One tap: its own id, when it was made, in whose name, what it says, and the photos and sounds beside it."""

    def __init__(
        self,
        id_: str,
        at: datetime | None,
        token: str,
        body: dict[str, Any],
        files: "MultiValueDict[str, UploadedFile]",
    ) -> None:
        self.id, self.at, self.token, self.body, self.files = id_, at, token, body, files


def _tap(request: HttpRequest) -> _Tap:
    """Read a tap. Raises InvalidInput for a body nobody can read or an id that is no UUID."""
    beside = request.content_type == "multipart/form-data"
    said_raw: str | bytes = request.POST.get(DOCUMENT, "") if beside else request.body
    if len(said_raw) > LONGEST_BODY:
        raise InvalidInput("station.too_long", _("That is too long."), status=413)
    try:
        body = json.loads(said_raw or b"{}")
        id_ = str(UUID(str(body.get("external_id") or request.headers.get("Idempotency-Key") or "")))
        said = body.get("occurred_at")
        at = parse_datetime(said) if isinstance(said, str) else None
    except (ValueError, AttributeError) as error:
        raise InvalidInput(
            "station.unreadable", _("The tablet sent something that can't be read.")
        ) from error
    if at is not None and at.tzinfo is None:
        at = None
    # a tablet whose clock runs ahead has not seen the future
    return _Tap(id_, min(at, clock.now()) if at else None, str(body.get("as") or ""), body, request.FILES)


def _once(request: HttpRequest, tap: _Tap, person: User, take: Callable[[], dict[str, Any]]) -> HttpResponse:
    """Answer a tap at most once per person and id."""
    answer = remember_answer(
        scope=f"{person.pk}:station:{request.path}", key=tap.id, body=tap.body,
        produce=lambda: Answer(200, take()),
    )  # fmt: skip
    return JsonResponse({**answer.body, "replayed": answer.replayed}, status=answer.status)


def _standing(exception: ExceptionRecord) -> dict[str, Any]:
    return {
        "ref": exception.ref,
        "title": exception.title,
        "status": exception.status,
        "next_step": exception.next_step,
    }


def _whole(body: Mapping[str, Any], name: str) -> int | None:
    try:
        return int(str(body.get(name)))
    except ValueError:
        return None


def _amount(body: Mapping[str, Any], name: str) -> Decimal:
    raw = str(body.get(name) or "0").replace(",", ".")
    try:
        amount = Decimal(raw)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InvalidInput("station.quantity", _("{count} is not a count.").format(count=raw))
    return amount
