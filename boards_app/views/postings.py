"""ERP postings: the list, one of them, and the hand a person lays on it."""

from collections.abc import Callable
from typing import Any, Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from boards_app.selectors import posting as one_posting
from boards_app.selectors import posting_fields
from boards_app.selectors import postings as selectors
from boards_app.selectors.frame import Frame
from boards_app.views.frame import done, page, show, typed_moment
from core import clock
from core.errors import InvalidInput, NotFound
from erp_sync import services
from erp_sync.filters import PostingFilter
from erp_sync.lifecycle import DEAD, NO_FAULT, HeldReason, Status
from erp_sync.models import Posting
from erp_sync.services.releasing import waits_for_slot
from metrics_app.periods import midnight
from plant_app.models import Site, User
from plant_app.permissions import require
from plant_app.selectors import can

PER_PAGE: Final = 50
CARDS: Final = 20


@page
def listed(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Postings by state and kind, with how the ERPs are doing."""
    return show(request, "boards_app/postings.html", frame, _list(request, frame))


@page
def live(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The list again, after a change."""
    return render(request, "boards_app/_postings.html", _list(request, frame))


def _list(request: HttpRequest, frame: Frame) -> dict[str, Any]:
    sites = sites_of(frame)
    found = selectors.health(frame.user, sites, midnight(clock.today(frame.zone), frame.zone))
    rows = PostingFilter(request.GET, selectors.rows_of(frame.user, sites)).qs
    if request.GET.get("status") == "dead":
        rows = rows.order_by("status_at", "pk")
    page_obj = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    states, kinds = selectors.facets(request.GET, found)
    query = request.GET.copy()
    query.pop("page", None)
    return {
        "frame": frame,
        "tabs": selectors.tabs(frame.user, sites, "list"),
        "health": found,
        "rows": [selectors.as_row(posting) for posting in page_obj],
        "page_obj": page_obj,
        "states": states,
        "kinds": kinds,
        "kind_on": next((facet.words for facet in kinds if facet.on), ""),
        "query": f"{query.urlencode()}&" if query else "",
        "filtered": bool(query),
        "address": request.GET.urlencode(),
    }


def sites_of(frame: Frame) -> list[Site]:
    """The sites whose postings this reader may see; NotAllowed when there is none."""
    sites = [frame.site] if frame.site else list(frame.sites)
    allowed = [site for site in sites if can(frame.user, "posting.view", site)]
    if not allowed:
        require(frame.user, "posting.view", sites[0] if sites else None)
    return allowed


@page
def one(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """One posting: what is sent, every try, every hand laid on it, what may be done."""
    return show(request, "boards_app/posting.html", frame, _one(frame, pk))


@page
def one_live(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """The same, after a change."""
    return render(request, "boards_app/_posting.html", _one(frame, pk))


@page
def change(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """Its fields as a form, for the workbench's dialog."""
    return render(request, "boards_app/posting_change.html", _one(frame, pk))


def _one(frame: Frame, pk: int) -> dict[str, Any]:
    full = _full(frame, pk)
    return {"full": full, "posting": full.posting, "preview": full.preview}


def _full(frame: Frame, pk: int) -> one_posting.InFull:
    full = one_posting.in_full(frame.user, pk)
    if full is None:
        raise NotFound("erp.no_posting", "There is no such posting.")
    return full


@page
def by_hand(request: HttpRequest, frame: Frame) -> HttpResponse:
    """What a person keys into ERP, longest waiting first, with what to key and where to note its number."""
    return show(request, "boards_app/by_hand.html", frame, _by_hand(request, frame))


@page
def by_hand_live(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The list again, after a change."""
    return render(request, "boards_app/_by_hand.html", _by_hand(request, frame))


def _by_hand(request: HttpRequest, frame: Frame) -> dict[str, Any]:
    sites = sites_of(frame)
    rows = selectors.rows_of(frame.user, sites).by_hand().order_by("occurred_at", "pk")
    page_obj = Paginator(rows, CARDS).get_page(request.GET.get("page"))
    return {
        "frame": frame,
        "tabs": selectors.tabs(frame.user, sites, "by_hand"),
        "cards": [one_posting.card_of(posting, frame.user) for posting in page_obj],
        "page_obj": page_obj,
        "query": "",
        "address": request.GET.urlencode(),
    }


@require_POST
@page
def operate(request: HttpRequest, frame: Frame, pk: int, verb: str) -> HttpResponse:
    """Approve, let go, send again, change, accept a drift, cancel, settle, take back; a stale page is refused."""
    full = _full(frame, pk)
    act = _VERBS.get(verb)
    if act is None:
        raise NotFound("erp.no_verb", "There is no such step.")
    require(frame.user, _RIGHTS.get(verb, "posting.edit"), full.posting.site_id)
    words = act(full.posting, frame.user, request)
    return done(request, words)


def _version(request: HttpRequest) -> int:
    try:
        return int(request.POST.get("version", ""))
    except ValueError:
        raise InvalidInput("request.version", "The page did not say what it showed.", "Reload it.") from None


def _approve(posting: Posting, user: User, request: HttpRequest) -> str:
    left = services.approve(posting_id=posting.pk, actor=user, version=_version(request))
    return _went(left, _("Approved, it goes to ERP now"))


def _retry(posting: Posting, user: User, request: HttpRequest) -> str:
    left = services.retry(
        posting_id=posting.pk, actor=user, reason=request.POST.get("reason", ""), version=_version(request)
    )
    return _went(left, _("ERP is asked first") if left.status == "unknown" else _("It is sent again now"))


def _edit(posting: Posting, user: User, request: HttpRequest) -> str:
    left = services.edit_and_retry(
        posting_id=posting.pk, payload=posting_fields.edited(posting, request.POST.dict()), actor=user,
        reason=request.POST.get("reason", ""), version=_version(request),
    )  # fmt: skip
    return _went(left, _("Changed, it is sent again now"))


def _cancel(posting: Posting, user: User, request: HttpRequest) -> str:
    services.cancel(
        posting_id=posting.pk, reason=request.POST.get("reason", ""), actor=user, version=_version(request)
    )
    return _("Cancelled, ERP does not get it")


def _keyed(posting: Posting, user: User, request: HttpRequest) -> str:
    services.note_keyed(
        posting_id=posting.pk, erp_number=request.POST.get("erp_number", ""), actor=user,
        keyed_at=typed_moment(request.POST.get("keyed_at", ""), posting.site.timezone), version=_version(request),
    )  # fmt: skip
    return _("Noted as keyed")


def _mark_local(posting: Posting, user: User, request: HttpRequest) -> str:
    services.mark_local(
        posting_id=posting.pk, reason=request.POST.get("reason", ""), actor=user,
        erp_number=request.POST.get("erp_number", "").strip(), version=_version(request),
    )  # fmt: skip
    return _("Settled by hand")


def _release(posting: Posting, user: User, request: HttpRequest) -> str:
    services.release(posting_id=posting.pk, actor=user, version=_version(request))
    return _("It goes now")


def _take(posting: Posting, user: User, request: HttpRequest) -> str:
    services.assign_one(posting_id=posting.pk, assignee=user, actor=user, version=_version(request))
    return _("You look after it")


def _accept_drift(posting: Posting, user: User, request: HttpRequest) -> str:
    left = services.accept_drift(
        posting_id=posting.pk, actor=user, reason=request.POST.get("reason", ""), version=_version(request)
    )
    return _went(left, _("ERP's value is taken, it is sent again now"))


def _reverse(posting: Posting, user: User, request: HttpRequest) -> str:
    left = services.reverse(posting_id=posting.pk, reason=request.POST.get("reason", ""), actor=user)
    if left.status == Status.CONFIRMED:
        return _("It is taken back already")
    if left.status in DEAD and left.held_reason not in NO_FAULT:
        return _("Its reversal waits for a person: edit it or send it again")
    return _went(left, _("Taken back: the reversal is on its way"))


def _went(left: Posting, now: str) -> str:
    """What became of a posting, in words; `now` says it of one that goes at once."""
    if left.status == Status.APPROVAL:
        return _("Waits for approval")
    if left.status == Status.HELD and left.held_reason == HeldReason.MANUAL:
        return _("To be keyed by hand")
    if left.status == Status.LOCAL:
        return _("It is only noted here, ERP does not get it")
    return _("It is sent later, together with others") if waits_for_slot(left) else now


#: What a verb needs besides seeing the posting; `posting.edit` where none is named.
_RIGHTS: Final = {"approve": "posting.approve", "reverse": "posting.reverse"}
_VERBS: Final[dict[str, Callable[[Posting, User, HttpRequest], str]]] = {
    "release": _release,
    "take": _take,
    "accept-drift": _accept_drift,
    "reverse": _reverse,
    "approve": _approve,
    "retry": _retry,
    "edit": _edit,
    "cancel": _cancel,
    "keyed": _keyed,
    "mark-local": _mark_local,
}
