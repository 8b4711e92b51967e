"""The sequence page: read, follow, confirm, override."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from boards_app.selectors.frame import Frame
from boards_app.selectors.sequence import sequence_page
from boards_app.views.frame import done, page, show
from core.errors import NotFound
from plant_app.permissions import require
from sequence_app import services

KEYS: Final = (("j", "down"), ("k", "up"))
KEYS_ASKED: Final = (*KEYS, ("c", "confirm"), ("o", "override with reason"))


@page
def page_(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The order of work at one site, one work centre in full."""
    context = {**_read(request, frame), "keys": KEYS, "keys_rec": KEYS_ASKED}
    return show(request, "boards_app/sequence.html", frame, context)


@page
def live(request: HttpRequest, frame: Frame) -> HttpResponse:
    """The same, after something changed."""
    return render(request, "boards_app/_sequence.html", _read(request, frame))


def _read(request: HttpRequest, frame: Frame) -> dict[str, Any]:
    if frame.home is None:
        raise NotFound("sequence.no_site", "You work at no site yet.")
    require(frame.user, "sequence.view", frame.home)
    found = sequence_page(frame.home, request.GET.get("centre", ""))
    asked = found.proposal.asked.id if found.proposal else 0
    return {"sequence": found, "override_action": f"/sequence/recommendations/{asked}/override/"}


@require_POST
@page
def confirm(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """Publish what was recommended."""
    answered = services.confirm(recommendation_id=pk, actor=frame.user)
    return done(request, f"Confirmed: {answered.title}")


@require_POST
@page
def override(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """Keep the published order, and say why."""
    answered = services.override(
        recommendation_id=pk, actor=frame.user, reason=request.POST.get("reason", ""),
        note=request.POST.get("note", ""),
    )  # fmt: skip
    return done(request, f"The plan stays: {answered.get_override_reason_display().lower()}")
