"""The triage desk: its list, one item, and the acts: accept, nothing to do, part of another, take back.

Each act is one transaction of the product's own verbs and what the reader learns from it. A page that is out of date is
refused in words, so of two people who take the same item one does.
"""

import json
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from boards_app.selectors import triage as desk
from boards_app.selectors.accuracy import proposals
from boards_app.selectors.asking import Dialog
from boards_app.selectors.controls import Control
from boards_app.selectors.frame import Frame, site_groups
from boards_app.views.exception import ask
from boards_app.views.frame import done, is_htmx, page, show
from core.errors import InvalidInput, NotFound, TransitionRefused
from decisions_app import services as decisions
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord, Review, Verdict
from exceptions_app.selectors import exception_by_ref
from plant_app.models import User
from plant_app.permissions import require
from plant_app.selectors import can

VIA = "triage"
KEYS = (("j", ""), ("k", "move"), ("1–5", "take that one"), ("↵", "accept as shown"), ("e", "edit"),
        ("x", "nothing to do"), ("m", "merge"), ("u", "undo"))  # fmt: skip
#: What a correction may name on the desk; each stands in the form under its own name.
FIELDS = (
    "type", "work_unit", "work_centre", "area", "item", "lot", "work_order", "sales_line", "purchase_line", "customer",
    "supplier", "quantity",
)  # fmt: skip
REASONS = (
    ("Chatter", "Chatter, nothing happened"),
    ("Handled already", "Handled already"),
    ("Not for us", "Not for us"),
    ("A test", "A test"),
)


@require_GET
@page
def triage(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Everything that waits to be sorted, and the first of it (or `?item=`)."""
    require(frame.user, "exception.triage")
    rows, total = desk.listing(frame)
    context: dict[str, Any] = {
        "rows": rows, "total": total, "live": " ".join([*site_groups(frame), f"user.{frame.user.pk}"]), "keys": KEYS,
        "proposals": proposals(frame.home),
    }  # fmt: skip
    if is_htmx(request) and request.headers.get("HX-Target") == "rows":
        return render(request, "boards_app/triage_list.html", {"frame": frame, **context})
    asked = request.GET.get("item", "")
    chosen = next((row for row in rows if row["ref"] == asked), rows[0] if rows else None)
    if chosen is not None:
        chosen["selected"] = True
        exception = exception_by_ref(frame.user, str(chosen["ref"]))
        with timezone.override(exception.site.timezone):
            context["panel"] = _panel(request, frame, exception)
    return show(request, "boards_app/triage.html", frame, context)


@require_GET
@page
def item(request: HttpRequest, frame: Frame, ref: str) -> HttpResponse:
    """One item; `?type=` answers its first question and the others follow. Its bare address opens the desk."""
    if not is_htmx(request):
        return redirect(f"{reverse('triage')}?{urlencode({'item': ref})}")
    exception = exception_by_ref(frame.user, ref)
    require(frame.user, "exception.triage", exception.site_id)
    with timezone.override(exception.site.timezone):
        return HttpResponse(_panel(request, frame, exception))


def _panel(request: HttpRequest, frame: Frame, exception: Any) -> str:
    found = desk.item_of(exception, frame, chosen=request.GET.get("type", ""))
    may = {
        "merge": can(frame.user, "exception.merge", exception.site_id),
        "dismiss": can(frame.user, "exception.cancel", exception.site_id),
    }
    context = {"frame": frame, "item": found, "may": may}
    return render_to_string("boards_app/triage_item.html", context, request)


@require_POST
@page
def accept(request: HttpRequest, frame: Frame, ref: str) -> HttpResponse:
    """It is what the form says: sorted, routed, and learnt from."""
    exception = _waiting(frame, ref)
    posted = request.POST
    fields = _fields(posted, exception)
    words = {
        name.removeprefix("words-"): " ".join(value.split())
        for name, value in posted.items()
        if name.startswith("words-") and isinstance(value, str) and value.strip()
    }
    sorted_ = exceptions.correct(
        exception_id=exception.pk, fields=fields, actor=frame.user, via=VIA, expected_version=_version(posted),
        words=words,
    )  # fmt: skip
    said = f"{sorted_.ref} is with {sorted_.owner or 'whoever comes on duty'}, {sorted_.owner_function}."
    return _sorted(request, frame.user, sorted_, said)


@require_POST
@page
def dismiss(request: HttpRequest, frame: Frame, ref: str) -> HttpResponse:
    """Nothing to do: the record ends, its message counts as chatter."""
    exception = _waiting(frame, ref)
    require(frame.user, "exception.cancel", exception.site_id)
    reason = request.POST.get("reason", "").strip() or REASONS[0][0]
    with transaction.atomic():
        ended = decisions.cancel(
            exception_id=exception.pk, actor=frame.user, reason=reason, via=VIA, expected_version=_version(request.POST)
        )  # fmt: skip
        exceptions.note_dismissal(exception=ended, actor=frame.user, reason=reason, via=VIA)
    return _sorted(request, frame.user, ended, f"{ended.ref}: nothing to do. {reason}.")


@require_POST
@page
def merge(request: HttpRequest, frame: Frame, ref: str) -> HttpResponse:
    """It is part of a record that is open already."""
    exception = _waiting(frame, ref)
    require(frame.user, "exception.merge", exception.site_id)
    into = exception_by_ref(frame.user, request.POST.get("into", ""))
    reason = request.POST.get("reason", "").strip() or "The same thing"
    with transaction.atomic():
        exceptions.locked(exception_id=min(exception.pk, into.pk))
        exceptions.note_merge(exception=exception, into=into, actor=frame.user, reason=reason, via=VIA)
        decisions.merge(exception_id=exception.pk, into_id=into.pk, actor=frame.user, reason=reason, via=VIA)
    return _sorted(request, frame.user, exception, f"{exception.ref} is part of {into.ref} now.")


@require_POST
@page
def undo(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """Take the reader's own last act back: the record where that is possible, what it taught in any case."""
    review = Review.objects.select_related("exception").filter(pk=pk, by=frame.user).first()
    if review is None:
        raise NotFound("learning.review", "There is nothing of yours to take back.")
    ended = review.verdict in (Verdict.DISMISSED, Verdict.MERGED)
    with transaction.atomic():
        if ended:
            decisions.restore(
                exception_id=review.exception_id,
                actor=frame.user,
                reason="Taken back on the triage desk",
                via=VIA,
            )
        exceptions.take_back(review_id=review.pk, actor=frame.user, via=VIA)
    ref = review.exception.ref
    words = (
        f"{ref} waits to be sorted again."
        if ended
        else f"What {ref} taught is forgotten. The record stays open."
    )
    return done(request, words)


@require_GET
@page
def dialog(request: HttpRequest, frame: Frame, ref: str, name: str) -> HttpResponse:
    """Ask why there is nothing to do, or which record it is part of."""
    exception = _waiting(frame, ref)
    hidden = {"version": exception.version}
    if name == "dismiss":
        control = Control("reason", "Why", "radio", REASONS[0][0], required=True, choices=REASONS)
        question = Dialog(
            title=f"Nothing to do about {exception.short_ref}", url=f"/triage/{ref}/dismiss/", submit="Nothing to do",
            lead="It ends here and can be brought back. The reader learns that such a message asks for nothing.",
            controls=[control], hidden=hidden,
        )  # fmt: skip
    elif name == "merge":
        choices = tuple(
            (row["ref"], f"{row['ref']} {row['title']}") for row in desk.mergeable(exception, frame)
        )
        asked = request.GET.get("into", "")
        chosen = next((code for code, _ in choices if code == asked), choices[0][0] if choices else "")
        question = Dialog(
            title=f"Merge {exception.short_ref}", url=f"/triage/{ref}/merge/", submit="Merge",
            lead="Its message counts in the other record from now on. It can be taken out again.",
            controls=[
                Control("into", "Into", "text", chosen, required=True, choices=choices)
            ],
            hidden=hidden,
        )  # fmt: skip
    else:
        raise NotFound("dialog.unknown", "There is no such question.")
    return ask(request, question)


def _waiting(frame: Frame, ref: str) -> ExceptionRecord:
    """The item, as long as it waits. TransitionRefused `triage.sorted` says who was faster."""
    exception = exception_by_ref(frame.user, ref)
    require(frame.user, "exception.triage", exception.site_id)
    if exception.status != Status.TRIAGE:
        raise TransitionRefused("triage.sorted", desk.taken(exception), "Go on with the next one.", ref=ref)
    return exception


def _fields(posted: QueryDict, exception: ExceptionRecord) -> dict[str, str]:
    """What the form says: a typed value before a chosen one, nothing that is empty."""
    fields: dict[str, str] = {}
    for name in FIELDS:
        value = (posted.get(f"typed-{name}", "") or posted.get(name, "")).strip()
        if value:
            fields[name] = value
    if "type" not in fields:
        raise InvalidInput("exceptions.correction", "Say what it is: choose a type.", field="type")
    return fields


def _version(posted: QueryDict) -> int:
    raw = posted.get("version", "")
    if not raw.isdigit():
        raise InvalidInput("request.version", "The page is out of date.", "Reload it.")
    return int(raw)


def _sorted(request: HttpRequest, user: User, exception: ExceptionRecord, words: str) -> HttpResponse:
    """Say what was done, offer to take it back for a while, and let the list move on."""
    if not is_htmx(request):
        return done(request, words, to="/triage/")
    review = (
        Review.objects.filter(exception=exception, by=user)
        .exclude(verdict=Verdict.UNDONE)
        .order_by("-pk")
        .first()
    )
    names = (
        list(review.corrections.exclude(aliases=None).values_list("aliases__words", "after"))
        if review
        else []
    )
    learnt = ", ".join(f"“{said}” is {code}" for said, code in names)
    response = HttpResponse(status=204)
    response["HX-Trigger"] = json.dumps(
        {
            "sorted": {
                "ref": exception.ref, "words": words, "learnt": f"Learnt: {learnt}." if learnt else "",
                "undo": f"/triage/undo/{review.pk}/" if review else "", "url": f"/exceptions/{exception.ref}/",
            },
            "closeDialog": {},
            "changed": {},
        }
    )  # fmt: skip
    return response
