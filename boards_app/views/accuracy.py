"""How well the reader reads and what it was taught: two pages beside the triage desk, and their few buttons."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_POST

from boards_app.selectors.accuracy import accuracy_page, proposals, words_page
from boards_app.selectors.frame import Frame
from boards_app.selectors.triage import waiting
from boards_app.views.frame import done, page, show
from core.errors import InvalidInput, NotFound
from exceptions_app import services as exceptions
from plant_app.models import Site
from plant_app.permissions import require


@require_GET
@page
def accuracy(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Figures, charts and rules of the site in view."""
    site = _site(frame)
    return show(
        request, "boards_app/accuracy.html", frame, {**_about(frame, site), **accuracy_page(site, frame.user)}
    )


@require_GET
@page
def words(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Learnt names and plant words of the site in view."""
    site = _site(frame)
    return show(request, "boards_app/plant_words.html", frame, {**_about(frame, site), **words_page(site)})


@require_POST
@page
def rule(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Say who looks first at a type on a channel."""
    posted = request.POST
    set_ = exceptions.set_acceptance(
        site=_site(frame), type_code=posted.get("type", ""), channel=posted.get("channel", ""),
        mode=posted.get("mode", ""), actor=frame.user,
    )  # fmt: skip
    return done(request, f"{set_.type} by {set_.get_channel_display()}: {set_.get_mode_display().lower()}.")


@require_POST
@page
def settle(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """Put a plant word into use, or refuse it."""
    cue = exceptions.settle_cue(cue_id=pk, use=bool(request.POST.get("use")), actor=frame.user)
    return done(request, f"“{cue.phrase}”: {cue.get_status_display().lower()}.")


@require_POST
@page
def name(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """Withdraw a learnt name, or bring it back."""
    verb = request.POST.get("verb", "")
    if verb == "withdraw":
        row = exceptions.withdraw_name(alias_id=pk, actor=frame.user, note="by hand")
        return done(request, f"“{row.words}” means nothing any more.")
    if verb == "restore":
        row = exceptions.restore_name(alias_id=pk, actor=frame.user)
        return done(request, f"“{row.words}” is {row.code} again.")
    raise InvalidInput("request.verb", "There is no such button.")


def _site(frame: Frame) -> Site:
    site = frame.home
    if site is None:
        raise NotFound("plant.site", "You have no site.")
    require(frame.user, "exception.triage", site.pk)
    return site


def _about(frame: Frame, site: Site) -> dict[str, Any]:
    return {"site": site, "total": waiting(frame).count(), "proposals": proposals(site)}
