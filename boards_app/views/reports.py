"""The monthly report: this month live, past ones as they were frozen, and the records behind each number."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from boards_app.selectors.frame import Frame
from boards_app.selectors.report import Scope, report
from boards_app.selectors.report_records import listed
from boards_app.views.frame import page, show
from core.errors import NotFound
from metrics_app.periods import Month
from plant_app.models import Site
from plant_app.permissions import require
from plant_app.selectors import can


@page
def latest(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The month that runs, live."""
    scope = _scope(frame)
    return _shown(request, frame, scope, scope.current)


@page
def month_report(request: HttpRequest, frame: Frame, year: int, month: int) -> HttpResponse:
    """One month: frozen once it is over and settled, live until then."""
    scope = _scope(frame)
    return _shown(request, frame, scope, _month(year, month, scope))


@page
def records(request: HttpRequest, frame: Frame, year: int, month: int) -> HttpResponse:
    """The records one number counts."""
    scope = _scope(frame)
    wanted = _month(year, month, scope)
    with timezone.override(scope.zone):
        found = listed(scope, wanted, request.GET.dict())
        context = {"listed": found, "month": wanted, "scope": scope, "frozen": scope.frozen(wanted)}
        return show(request, "boards_app/report_records.html", frame, context)


def _shown(request: HttpRequest, frame: Frame, scope: Scope, month: Month) -> HttpResponse:
    with timezone.override(scope.zone):
        return show(request, "boards_app/monthly.html", frame, {"report": report(scope, month)})


def _scope(frame: Frame) -> Scope:
    """The sites whose reports this reader may see; NotAllowed when there is none."""
    sites: list[Site] = [frame.site] if frame.site else list(frame.sites)
    allowed = [site for site in sites if can(frame.user, "report.view", site)]
    if not allowed:
        require(frame.user, "report.view", sites[0] if sites else None)
    return Scope(allowed[0] if len(allowed) == 1 else None, allowed)


def _month(year: int, month: int, scope: Scope) -> Month:
    if not 1 <= month <= 12 or not 2000 <= year <= 2200:
        raise NotFound("reports.no_month", "There is no such month.")
    wanted = Month(year, month)
    if wanted > scope.current:
        raise NotFound("reports.not_yet", "That month has not begun.")
    return wanted
