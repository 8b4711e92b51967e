"""Who is on: look at a shift; say away or back, name a cover, take a shift over, ask for and answer a swap."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from boards_app.selectors.frame import Frame
from boards_app.selectors.roster import who_page
from boards_app.views.frame import done, is_htmx, page, show
from core.errors import InvalidInput, NotFound
from plant_app import services
from plant_app.models import Shift, Site, User
from plant_app.permissions import require


@require_GET
@page
def who(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Everybody on duty in a shift; a refetch gets the page's inside alone."""
    require(frame.user, "people.view")
    raw = request.GET.get("day", "")
    try:
        day = date.fromisoformat(raw) if raw else None
    except ValueError:
        day = None
    context = who_page(
        frame, shift=request.GET.get("shift", ""), day=day, function=request.GET.get("function", "")
    )
    context["query"] = request.META.get("QUERY_STRING", "")
    if is_htmx(request):
        return render(request, "boards_app/_who.html", {"frame": frame, **context})
    return show(request, "boards_app/who.html", frame, context)


@require_POST
@page
def act(request: HttpRequest, frame: Frame, verb: str) -> HttpResponse:
    """One change of the calendar; who may make it is the services' word."""
    site = frame.home
    if site is None:
        raise NotFound("roster.no_site", _("You work at no site yet."))
    require(frame.user, "people.view", site)
    return done(request, _VERBS[verb](request, frame, site) if verb in _VERBS else _unknown())


def _unknown() -> str:
    raise NotFound("request.verb", _("There is no such button."))


def _away(request: HttpRequest, frame: Frame, site: Site) -> str:
    person = _person(request, "person") if request.POST.get("person") else frame.user
    cover = _person(request, "cover") if request.POST.get("cover") else None
    absence = services.say_away(
        person=person, site=site, actor=frame.user, start=_moment(request, "start", frame),
        end=_moment(request, "end", frame), cover=cover,
    )  # fmt: skip
    until = absence.end.astimezone(ZoneInfo(frame.zone))
    words = _("{person} is away until {time}. Open work passes on.")
    return words.format(person=person, time=format_date(until, "D H:i"))


def _back(request: HttpRequest, frame: Frame, site: Site) -> str:
    services.say_back(absence_id=_number(request, "absence"), site=site, actor=frame.user)
    return _("Back.")


def _cover(request: HttpRequest, frame: Frame, site: Site) -> str:
    cover = _person(request, "cover") if request.POST.get("cover") else None
    services.set_cover(absence_id=_number(request, "absence"), site=site, cover=cover, actor=frame.user)
    return _("{person} stands in.").format(person=cover) if cover else _("Nobody stands in.")


def _take(request: HttpRequest, frame: Frame, site: Site) -> str:
    shift, day = _stint(request, "shift", site)
    taker = _person(request, "taker") if request.POST.get("taker") else frame.user
    person = _person(request, "person")
    services.take_shift(taker=taker, person=person, site=site, shift=shift, day=day, actor=frame.user)
    return _("{taker} takes the shift of {person}.").format(taker=taker, person=person)


def _ask(request: HttpRequest, frame: Frame, site: Site) -> str:
    shift, day = _stint(request, "shift", site)
    back = _stint(request, "return", site) if request.POST.get("return") else (None, None)
    partner = _person(request, "partner")
    services.ask_swap(
        asker=frame.user, partner=partner, site=site, shift=shift, day=day, return_shift=back[0],
        return_day=back[1], actor=frame.user,
    )  # fmt: skip
    return _("{person} is asked.").format(person=partner)


def _accept(request: HttpRequest, frame: Frame, site: Site) -> str:
    services.answer_swap(swap_id=_number(request, "swap"), actor=frame.user, accept=True)
    return _("Swapped.")


def _refuse(request: HttpRequest, frame: Frame, site: Site) -> str:
    services.answer_swap(swap_id=_number(request, "swap"), actor=frame.user, accept=False)
    return _("Refused.")


def _withdraw(request: HttpRequest, frame: Frame, site: Site) -> str:
    services.withdraw_swap(swap_id=_number(request, "swap"), actor=frame.user)
    return _("Taken back.")


_VERBS = {
    "away": _away, "back": _back, "cover": _cover, "take": _take, "ask": _ask, "accept": _accept, "refuse": _refuse,
    "withdraw": _withdraw,
}  # fmt: skip


def _number(request: HttpRequest, name: str) -> int:
    raw = request.POST.get(name, "")
    if not raw.isdigit():
        raise InvalidInput("roster.not_said", f"Say which {name}.")
    return int(raw)


def _person(request: HttpRequest, name: str) -> User:
    found = User.objects.filter(pk=_number(request, name), is_active=True).first()
    if found is None:
        raise InvalidInput("roster.unknown_person", _("There is no such person."))
    return found


def _stint(request: HttpRequest, name: str, site: Site) -> tuple[Shift, date]:
    code, _colon, day = request.POST.get(name, "").partition(":")
    shift = Shift.objects.filter(site=site, code=code).first()
    try:
        when = date.fromisoformat(day)
    except ValueError:
        when = None
    if shift is None or when is None:
        raise InvalidInput("roster.no_such_shift", _("Say which shift."))
    return shift, when


def _moment(request: HttpRequest, name: str, frame: Frame) -> datetime | None:
    raw = request.POST.get(name, "").strip()
    if not raw:
        return None
    try:
        return datetime.fromisoformat(raw).replace(tzinfo=ZoneInfo(frame.zone))
    except ValueError:
        raise InvalidInput("roster.no_moment", _("That is no date and time.")) from None
