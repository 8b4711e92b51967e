"""The error workbench: groups of refused and held postings, and one hand laid on many at once.

Each chosen posting is its own service call in its own transaction; the answer says of each what came of it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST

from boards_app.selectors import postings as listing
from boards_app.selectors import workbench as selectors
from boards_app.selectors.frame import Frame
from boards_app.selectors.outage import names_told, open_alarms
from boards_app.views.frame import is_htmx, page, show
from boards_app.views.postings import sites_of
from core.errors import DomainError, InvalidInput, NotFound
from erp_sync import services
from erp_sync.models import Posting
from plant_app.models import User
from plant_app.permissions import require

MOST: Final = 500


@page
def errors(request: HttpRequest, frame: Frame) -> HttpResponse:
    """What ERP refused and what is held, grouped, with one group open."""
    return show(request, "boards_app/errors.html", frame, _context(request, frame))


@page
def errors_live(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The same, after a change."""
    return render(request, "boards_app/_errors.html", _context(request, frame))


def _context(request: HttpRequest, frame: Frame) -> dict[str, Any]:
    sites = sites_of(frame)
    return {
        "frame": frame,
        "bench": selectors.workbench(frame.user, sites, request.GET),
        "alarms": [(alarm, names_told(alarm)) for alarm in open_alarms(sites)],
        "tabs": listing.tabs(frame.user, sites, "errors"),
    }


@dataclass(frozen=True)
class Answer:
    """What came of one posting of many."""

    posting: Posting
    good: bool
    words: str
    cure: str = ""


@require_POST
@page
def bulk(request: HttpRequest, frame: Frame) -> HttpResponse:
    """One verb for the chosen postings: send again, take on, give to somebody, cancel, settle by hand.

    Refused as a whole for a missing reason or an empty choice; else each posting answers for itself.
    """
    verb, _, who = request.POST.get("verb", "").partition(":")
    if verb not in _VERBS:
        raise NotFound("erp.no_verb", "There is no such step.")
    chosen = _chosen(request)
    reason = request.POST.get(f"reason-{verb}", "").strip()
    if verb in _NEED_REASON and not reason:
        raise InvalidInput(
            "erp.reason_missing", "Say why.", "A reason is kept with every change made by hand."
        )
    given = _Given(frame.user, reason, _assignee(who) if verb == "assign" else None)
    found = selectors.of_ids(frame.user, [pk for pk, _version in chosen])
    answers = [_answer(verb, found[pk], version, given) for pk, version in chosen if pk in found]
    good = sum(answer.good for answer in answers)
    if not is_htmx(request):
        for answer in answers:
            said = messages.success if answer.good else messages.error
            said(
                request, f"{answer.posting.text or answer.posting.business_key}: {answer.words} {answer.cure}"
            )
        return HttpResponseRedirect(request.headers.get("Referer") or "/postings/errors/")
    shown = {"answers": answers, "good": good, "bad": len(answers) - good, "gone": len(chosen) - len(answers)}
    response = render(request, "boards_app/_bulk_answers.html", shown)
    response["HX-Trigger"] = json.dumps({"changed": {}, "closeDialog": {}, "picked-done": {}})
    return response


@dataclass(frozen=True)
class _Given:
    """What the form said besides which postings."""

    actor: User
    reason: str
    assignee: User | None


def _chosen(request: HttpRequest) -> list[tuple[int, int]]:
    """(posting, version) pairs of the form, each posting once. Raises InvalidInput for none, too many, or garbage."""
    found: dict[int, int] = {}
    for raw in request.POST.getlist("posting"):
        pk, _, version = raw.partition(":")
        if not (pk.isascii() and pk.isdigit() and version.isascii() and version.isdigit()):
            raise InvalidInput("request.version", "The page did not say what it showed.", "Reload it.")
        found[int(pk)] = int(version)
    if not found:
        raise InvalidInput("erp.none_chosen", "Choose at least one posting.")
    if len(found) > MOST:
        raise InvalidInput("erp.too_many", f"At most {MOST} postings at once.")
    return list(found.items())


def _assignee(raw: str) -> User:
    person = (
        User.objects.filter(pk=int(raw), is_active=True).first() if raw.isascii() and raw.isdigit() else None
    )
    if person is None:
        raise InvalidInput("erp.no_assignee", "Say who looks after them.")
    return person


def _answer(verb: str, posting: Posting, version: int, given: _Given) -> Answer:
    try:
        require(given.actor, "posting.edit", posting.site_id)
        return Answer(posting, True, _VERBS[verb](posting, version, given))
    except DomainError as error:
        return Answer(posting, False, error.message, error.hint)


def _retry(posting: Posting, version: int, given: _Given) -> str:
    services.retry(posting_id=posting.pk, actor=given.actor, reason=given.reason, version=version)
    return "sent again now"


def _cancel(posting: Posting, version: int, given: _Given) -> str:
    services.cancel(posting_id=posting.pk, reason=given.reason, actor=given.actor, version=version)
    return "cancelled, ERP does not get it"


def _mark_local(posting: Posting, version: int, given: _Given) -> str:
    services.mark_local(posting_id=posting.pk, reason=given.reason, actor=given.actor, version=version)
    return "settled by hand"


_NEED_REASON: Final = ("cancel", "mark-local")
_VERBS: Final[dict[str, Callable[[Posting, int, _Given], str]]] = {
    "retry": _retry,
    "cancel": _cancel,
    "mark-local": _mark_local,
}
