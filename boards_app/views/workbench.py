"""The error workbench: groups of refused and held postings, and one hand laid on many at once.

What becomes of each chosen posting is `erp_sync.services.bulk`'s; the answer says of each what came of it.
"""

import json
from dataclasses import dataclass
from datetime import datetime
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
from erp_sync.lifecycle import Status
from erp_sync.models import Posting
from plant_app.models import User

TAKE: Final = "take"
#: Up to so many with the same answer are named one by one.
NAMED: Final = 5
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
    """What came of one posting of many; `changed` False where it was there already."""

    posting: Posting
    good: bool
    changed: bool
    words: str


@dataclass(frozen=True)
class Came:
    """Postings of which the same came."""

    words: str
    good: bool
    postings: list[Posting]

    @property
    def folded(self) -> bool:
        """Too many to be named one by one."""
        return len(self.postings) > NAMED


@dataclass(frozen=True)
class Choice:
    """What is laid a hand on: ids in order with the version the page showed (None: chosen as a group), and how many of
    the group stay."""

    versions: dict[int, int | None]
    left: int = 0


@require_POST
@page
def bulk(request: HttpRequest, frame: Frame) -> HttpResponse:
    """One verb for the chosen postings: send again, take on, give to somebody, cancel, settle by hand.

    Chosen are rows, or a group whole, as it was when the page was read. Refused as a whole for a missing reason or an
    empty choice; else each posting answers for itself, one that has changed since the page was read among them.
    """
    verb, _, who = request.POST.get("verb", "").partition(":")
    if verb not in _DONE:
        raise NotFound("erp.no_verb", "There is no such step.")
    reason = request.POST.get(f"reason-{verb.replace('_', '-')}", "").strip()
    assignee = frame.user if verb == TAKE else _assignee(who) if verb == services.BulkVerb.ASSIGN else None
    choice = _chosen(request, frame, assignee)
    found = selectors.of_ids(frame.user, list(choice.versions))
    stale = [pk for pk, one in found.items() if choice.versions[pk] not in (None, one.version)]
    done = services.bulk(
        verb=services.BulkVerb.ASSIGN if verb == TAKE else services.BulkVerb(verb),
        posting_ids=[pk for pk in choice.versions if pk in found and pk not in stale],
        actor=frame.user,
        reason=reason,
        assignee=assignee,
    )
    answers = [Answer(found[pk], False, False, STALE) for pk in stale]
    answers += [
        Answer(found[one.posting_id], one.done, one.changed, _said(verb, one, assignee)) for one in done
    ]
    shown = {
        "came": _came(answers),
        "done": sum(one.good and one.changed for one in answers),
        "same": sum(one.good and not one.changed for one in answers),
        "bad": sum(not one.good for one in answers),
        "gone": len(choice.versions) - len(found),
        "left": choice.left,
    }
    if not is_htmx(request):
        for came in _came(answers):
            said = messages.success if came.good else messages.error
            one = came.postings[0]
            said(
                request,
                f"{len(came.postings) if came.folded else one.text or one.business_key}: {came.words}",
            )
        return HttpResponseRedirect("/postings/errors/")
    response = render(request, "boards_app/_bulk_answers.html", shown)
    response["HX-Trigger"] = json.dumps({"changed": {}, "closeDialog": {}, "picked-done": {}})
    return response


def _came(answers: list[Answer]) -> list[Came]:
    """Refusals first; a few by name, many of the same kind together."""
    kinds: dict[tuple[bool, str], list[Posting]] = {}
    for answer in sorted(answers, key=lambda one: (one.good, one.changed)):
        kinds.setdefault((answer.good, answer.words), []).append(answer.posting)
    found: list[Came] = []
    for (good, words), postings in kinds.items():
        together = len(postings) > NAMED
        found += [
            Came(words, good, part) for part in ([postings] if together else [[one] for one in postings])
        ]
    return found


def _chosen(request: HttpRequest, frame: Frame, but: User | None) -> Choice:
    """What the page sends as chosen. Raises InvalidInput for none, or garbage."""
    group = request.POST.get("whole", "")
    if group:
        return _whole(group, frame, but)
    found: dict[int, int | None] = {}
    for raw in request.POST.getlist("posting"):
        pk, _, version = raw.partition(":")
        if not (pk.isascii() and pk.isdigit() and version.isascii() and version.isdigit()):
            raise InvalidInput("request.version", "The page did not say what it showed.", "Reload it.")
        found[int(pk)] = int(version)
    if not found:
        raise InvalidInput("erp.none_chosen", "Choose at least one posting.")
    return Choice(found)


def _whole(raw: str, frame: Frame, but: User | None) -> Choice:
    """A group named as `<moment it was read> <by> <group>`."""
    moment, _, rest = raw.partition(" ")
    by, _, group = rest.partition(" ")
    try:
        read_at = datetime.fromisoformat(moment)
    except ValueError:
        read_at = None
    if read_at is None or read_at.tzinfo is None:
        raise InvalidInput("request.version", "The page did not say what it showed.", "Reload it.")
    taken = selectors.whole(frame.user, sites_of(frame), by=by, group=group, read_at=read_at, but=but)
    return Choice(dict.fromkeys(taken.ids), taken.left)


def _assignee(raw: str) -> User:
    person = (
        User.objects.filter(pk=int(raw), is_active=True).first() if raw.isascii() and raw.isdigit() else None
    )
    if person is None:
        raise InvalidInput("erp.no_assignee", "Say who looks after them.")
    return person


def _said(verb: str, done: services.Done, assignee: User | None) -> str:
    """One answer in words."""
    if not done.done:
        return done.message
    if verb == "retry" and done.status == Status.APPROVAL:
        return "waits for approval"
    return _DONE[verb].format(who=assignee) if done.changed else "nothing to do, it was there already"


_DONE: Final = {
    "retry": "sent again now",
    "release": "goes now",
    "approve": "approved",
    "assign": "given to {who}",
    TAKE: "taken on",
    "cancel": "cancelled, ERP does not get it",
    "mark_local": "settled by hand",
}
