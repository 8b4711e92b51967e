"""What a site has switched on, since when, and what the next step would add; administrators take the step here."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from boards_app.selectors.adoption import adoption_page
from boards_app.selectors.asking import Dialog
from boards_app.selectors.controls import Control
from boards_app.selectors.frame import Frame
from boards_app.views.exception import ask
from boards_app.views.frame import done, is_htmx, page, show
from core.errors import InvalidInput, NotFound, TransitionRefused
from exceptions_app.services import take_step
from plant_app.models import Capability, ExceptionType, Level, Site
from plant_app.permissions import require
from plant_app.selectors import can


def _site(frame: Frame) -> Site:
    site = frame.site or frame.home
    if site is None:
        raise NotFound("adoption.no_site", "You work at no site yet.")
    return site


@require_GET
@page
def adoption(request: HttpRequest, frame: Frame) -> HttpResponse:
    """One site's capabilities and their levels."""
    site = _site(frame)
    require(frame.user, "adoption.view", site)
    context = {
        "adoption": adoption_page(site),
        "may_set": can(frame.user, "adoption.set", site),
        "frame": frame,
    }
    if is_htmx(request):
        return render(request, "boards_app/_adoption.html", context)
    return show(request, "boards_app/adoption.html", frame, context)


def _confirm(request: HttpRequest, refused: TransitionRefused) -> HttpResponse:
    """What the step brings about, and the same step again with its confirmation: in the page's dialog, or as a page."""
    asked = ("site", "capability", "level", "type")
    question = Dialog(
        title="Take this step?",
        url="/adoption/set/",
        submit="Take it all the same",
        lead=refused.message,
        controls=[Control("note", "Why, for the record", "text", "", required=False)],
        hidden={**{name: request.POST.get(name, "") for name in asked}, "confirm": refused.extra["confirm"]},
    )
    answer = ask(request, question)
    if is_htmx(request):
        answer["HX-Retarget"], answer["HX-Reswap"] = "#dialog-body", "innerHTML"
        answer["HX-Trigger"] = '{"changed": {}}'  # a choice not taken shows again what holds
    return answer


@require_POST
@page
def switch(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Take one step for the site, or for one type there."""
    code = request.POST.get("site", "")
    site = next((one for one in frame.sites if one.code == code), None)
    if site is None:
        raise NotFound("adoption.no_site", "There is no such site.")
    require(frame.user, "adoption.set", site)
    type_code = request.POST.get("type", "")
    type_ = ExceptionType.objects.filter(code=type_code, active=True).first() if type_code else None
    if type_code and type_ is None:
        raise InvalidInput("adoption.type", "There is no such exception type.")
    capability, level = request.POST.get("capability", ""), request.POST.get("level", "")
    try:
        step = take_step(
            site=site, capability=capability, level=level, type_=type_, actor=frame.user,
            note=request.POST.get("note", ""), confirm=request.POST.get("confirm", ""),
        )  # fmt: skip
    except TransitionRefused as refused:
        if refused.code != "adoption.confirm":
            raise
        return _confirm(request, refused)
    if step is None:
        return done(request, "It stands like this already.", level="info")
    what = f"{type_.name}, {Capability(capability).label.lower()}" if type_ else Capability(capability).label
    return done(request, f"{what}: {Level(level).label.lower() if level else 'as the site'} from now on")
