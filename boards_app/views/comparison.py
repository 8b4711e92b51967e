"""Against ERP: what comparisons found and whose it is, what ERP believes otherwise, and the button to compare now."""

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from boards_app.selectors import comparison as selectors
from boards_app.selectors.frame import Frame
from boards_app.selectors.postings import tabs
from boards_app.views.frame import done, page, show
from boards_app.views.postings import sites_of
from core.errors import InvalidInput, NotFound
from erp_sync.services import (
    ask_reconciliation,
    assign_finding,
    reopen_finding,
    send_anew,
    settle_finding,
)
from plant_app.models import User
from plant_app.permissions import require
from plant_app.selectors import can


@page
def comparison(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The last comparison of each ERP, and the drift of each site."""
    return show(request, "boards_app/comparison.html", frame, _context(frame))


@page
def comparison_live(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The same, after a change."""
    return render(request, "boards_app/_comparison.html", _context(frame))


def _context(frame: Frame) -> dict[str, Any]:
    sites = sites_of(frame)
    found = selectors.compared(frame.user, sites)
    return {
        "frame": frame,
        "tabs": tabs(frame.user, sites, "comparison"),
        "compared": found,
        "drifts": selectors.differences(frame.user, sites),
        "waiting": any(one.waiting for one in found),
    }


@require_POST
@page
def compare(request: HttpRequest, frame: Frame, code: str) -> HttpResponse:
    """Ask for a comparison of one ERP; a worker does it, and the page follows."""
    sites = sites_of(frame)
    connection = selectors.connection_of(frame.user, sites, code)
    if connection is None:
        raise NotFound("erp.no_connection", "There is no such ERP connection.")
    if not any(can(frame.user, "posting.edit", site) for site in sites):
        require(frame.user, "posting.edit", sites[0])
    ask_reconciliation(connection=connection)
    return done(request, f"{connection.name} is being compared")


@page
def finding(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """One finding with its story and what may be done about it, for the dialog."""
    full = selectors.finding_of(frame.user, sites_of(frame), pk)
    if full is None:
        raise NotFound("erp.no_finding", "There is no such finding.")
    return render(request, "boards_app/finding.html", {"full": full, "row": full.row})


@require_POST
@page
def care(request: HttpRequest, frame: Frame, pk: int, verb: str) -> HttpResponse:
    """Take a finding on, give it, settle it with a remark, open it again, send anew what ERP lost."""
    act = _VERBS.get(verb)
    if act is None:
        raise NotFound("erp.no_verb", "There is no such step.")
    try:
        version = int(request.POST.get("version", ""))
    except ValueError:
        raise InvalidInput("request.version", "The page did not say what it showed.", "Reload it.") from None
    return done(request, act(pk, frame.user, version, request))


def _take(pk: int, user: User, version: int, request: HttpRequest) -> str:
    assign_finding(care_id=pk, owner=user, actor=user, version=version)
    return "You look after it"


def _give(pk: int, user: User, version: int, request: HttpRequest) -> str:
    wanted = request.POST.get("owner", "")
    known = wanted.isdecimal() and len(wanted) < 19
    person = User.objects.filter(pk=int(wanted), is_active=True).first() if known else None
    if wanted and person is None:
        raise InvalidInput("erp.assignee", "There is no such person.")
    assign_finding(care_id=pk, owner=person, actor=user, version=version)
    return f"{person} looks after it" if person is not None else "Nobody looks after it now"


def _settle(pk: int, user: User, version: int, request: HttpRequest) -> str:
    settle_finding(care_id=pk, remark=request.POST.get("remark", ""), actor=user, version=version)
    return "Settled, it counts no longer"


def _reopen(pk: int, user: User, version: int, request: HttpRequest) -> str:
    reopen_finding(care_id=pk, remark=request.POST.get("remark", ""), actor=user, version=version)
    return "It is open again"


def _anew(pk: int, user: User, version: int, request: HttpRequest) -> str:
    _care, posting = send_anew(care_id=pk, remark=request.POST.get("remark", ""), actor=user, version=version)
    return f"Posted anew under {posting.business_key}"


_VERBS: Final[dict[str, Callable[[int, User, int, HttpRequest], str]]] = {
    "take": _take,
    "give": _give,
    "settle": _settle,
    "reopen": _reopen,
    "anew": _anew,
}
