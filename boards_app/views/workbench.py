"""The error workbench: groups of refused and held postings, and one hand laid on many at once.

What becomes of each chosen posting is `erp_sync.services.bulk`'s; the answer says of each what came of it.
"""

import json
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
from core.errors import InvalidInput, NotFound
from erp_sync import services
from erp_sync.models import Posting
from plant_app.models import User

TAKE: Final = "take"
STALE: Final = "It has changed since you read it; look at it again."


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


@require_POST
@page
def bulk(request: HttpRequest, frame: Frame) -> HttpResponse:
    """One verb for the chosen postings: send again, take on, give to somebody, cancel, settle by hand.

    Refused as a whole for a missing reason or an empty choice; else each posting answers for itself, one that has
    changed since the page was read among them.
    """
    verb, _, who = request.POST.get("verb", "").partition(":")
    if verb not in _DONE:
        raise NotFound("erp.no_verb", "There is no such step.")
    chosen = _chosen(request)
    reason = request.POST.get(f"reason-{verb.replace('_', '-')}", "").strip()
    assignee = frame.user if verb == TAKE else _assignee(who) if verb == services.BulkVerb.ASSIGN else None
    found = selectors.of_ids(frame.user, list(chosen))
    stale = [pk for pk, posting in found.items() if posting.version != chosen[pk]]
    done = services.bulk(
        verb=services.BulkVerb.ASSIGN if verb == TAKE else services.BulkVerb(verb),
        posting_ids=[pk for pk in chosen if pk in found and pk not in stale],
        actor=frame.user,
        reason=reason,
        assignee=assignee,
    )
    answers = [Answer(found[pk], False, STALE) for pk in stale]
    answers += [Answer(found[one.posting_id], one.done, _said(verb, one)) for one in done]
    good = sum(answer.good for answer in answers)
    if not is_htmx(request):
        for answer in answers:
            said = messages.success if answer.good else messages.error
            said(request, f"{answer.posting.text or answer.posting.business_key}: {answer.words}")
        return HttpResponseRedirect("/postings/errors/")
    shown = {"answers": answers, "good": good, "bad": len(answers) - good, "gone": len(chosen) - len(found)}
    response = render(request, "boards_app/_bulk_answers.html", shown)
    response["HX-Trigger"] = json.dumps({"changed": {}, "closeDialog": {}, "picked-done": {}})
    return response


def _chosen(request: HttpRequest) -> dict[int, int]:
    """Posting -> version the page showed, in the order chosen. Raises InvalidInput for none, too many, or garbage."""
    found: dict[int, int] = {}
    for raw in request.POST.getlist("posting"):
        pk, _, version = raw.partition(":")
        if not (pk.isascii() and pk.isdigit() and version.isascii() and version.isdigit()):
            raise InvalidInput("request.version", "The page did not say what it showed.", "Reload it.")
        found[int(pk)] = int(version)
    if not found:
        raise InvalidInput("erp.none_chosen", "Choose at least one posting.")
    return found


def _assignee(raw: str) -> User:
    person = (
        User.objects.filter(pk=int(raw), is_active=True).first() if raw.isascii() and raw.isdigit() else None
    )
    if person is None:
        raise InvalidInput("erp.no_assignee", "Say who looks after them.")
    return person


def _said(verb: str, done: services.Done) -> str:
    """One answer in words."""
    if not done.done:
        return done.message
    return _DONE[verb] if done.changed else "nothing to do, it was there already"


_DONE: Final = {
    "retry": "sent again now",
    "release": "goes now",
    "approve": "approved",
    "assign": "given to them",
    TAKE: "taken on",
    "cancel": "cancelled, ERP does not get it",
    "mark_local": "settled by hand",
}
