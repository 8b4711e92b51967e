"""What the pages of the floor share: a login or a paired screen looks, and a person stands in front of it.

`floor` wraps a view as `page` does for the desk. A screen shows its own site; who stands there is known by login or by
badge, and every button carries that name signed, so that what a tablet kept without a network is still theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from boards_app.selectors.scanned import scanned
from boards_app.views.frame import is_htmx, refusal
from core.api import PROBLEM_TYPE
from core.errors import DomainError, NotAllowed, NotFound
from core.languages import known, label
from plant_app.authentication import current_device
from plant_app.languages import speak
from plant_app.models import Device, Site, User
from plant_app.permissions import require
from plant_app.selectors import can, roles_of
from plant_app.services import choose_language

PERSON_KEY: Final = "station_person"
_SALT: Final = "boards.station-person"
#: How long what a tablet kept may still be sent in the name of whoever tapped it.
KEPT_SECONDS: Final = 3 * 24 * 3600
P = ParamSpec("P")


@dataclass(frozen=True)
class Viewer:
    """Who looks at a page of the floor: a person's login, a paired screen, or both."""

    user: User | None
    device: Device | None

    def sees(self, site: Site) -> bool:
        """Whether this page may be shown here."""
        if self.device is not None and self.device.site_id == site.pk:
            return True
        return self.user is not None and can(self.user, "plant.view", site)

    def opens_exceptions(self, site: Site) -> bool:
        """Whether a card may lead to the exception's own page."""
        return self.user is not None and can(self.user, "exception.view", site)


def floor(
    view: Callable[Concatenate[HttpRequest, Viewer, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Give `view` its viewer; a reader with neither login nor paired screen logs in first; refusals said in words."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        user = request.user if isinstance(request.user, User) else None
        viewer = Viewer(user, current_device(request))
        if viewer.user is None and viewer.device is None:
            if wants_json(request):
                return problem(NotAllowed("access.signed_out", _("You are signed out."), status=401))
            return redirect_to_login(request.get_full_path())
        try:
            return view(request, viewer, *args, **kwargs)
        except DomainError as error:
            return problem(error) if wants_json(request) else refusal(request, error)
        finally:
            timezone.deactivate()

    return cast("Callable[Concatenate[HttpRequest, P], HttpResponse]", never_cache(guarded))


def wants_json(request: HttpRequest) -> bool:
    """The request comes from the tablet's outbox or another script that reads JSON."""
    return not is_htmx(request) and "application/json" in request.headers.get("Accept", "")


def problem(error: DomainError) -> JsonResponse:
    """A refusal for the outbox, which shows `detail` beside what was not taken."""
    body: dict[str, Any] = {
        **error.extra,
        "type": f"urn:execlayer:problem:{error.code}",
        "title": label(error.message),
        "detail": f"{label(error.message)} {label(error.hint)}".strip(),
        "status": error.status,
        "code": error.code,
    }
    return JsonResponse(body, status=error.status, content_type=PROBLEM_TYPE)


def scan_answer(request: HttpRequest, site: Site) -> JsonResponse:
    """What the scanned `code` means at `site`, for js/scan.js. Raises NotFound for one that is not known there."""
    found = scanned(request.GET.get("code", ""), site)
    if found is None:
        raise NotFound("scan.unknown", _("That code is not known here."))
    return JsonResponse(
        {"kind": found.kind, "code": found.code, "words": found.words, "fields": found.fields}
    )


# --- who stands there ---------------------------------------------------------------------------------------
def remember_person(request: HttpRequest, person: User, device: Device, site: Site) -> None:
    """Keep who showed their badge at this screen. Raises NotAllowed for somebody without a role at the site."""
    if not roles_of(person, site):
        raise NotAllowed(
            "station.other_site",
            _("{person} has no access at {site}.").format(person=person, site=site),
            _("Ask the shift supervisor."),
        )
    request.session[PERSON_KEY] = {"person": person.pk, "device": device.pk}


def forget_person(request: HttpRequest) -> None:
    """The next one steps up."""
    request.session.pop(PERSON_KEY, None)


def person_at(request: HttpRequest, viewer: Viewer, site: Site) -> User | None:
    """Who stands at this screen now: the login, else whoever showed a badge. None while nobody has."""
    if viewer.user is not None and roles_of(viewer.user, site):
        return viewer.user
    kept = request.session.get(PERSON_KEY) or {}
    if viewer.device is None or kept.get("device") != viewer.device.pk:
        return None
    return User.objects.filter(pk=int(kept.get("person") or 0), is_active=True).first()


def speak_to(request: HttpRequest, person: User | None) -> None:
    """Answer whoever stands here in the language they chose at this screen, else their own, else the screen's."""
    kept = request.session.get(PERSON_KEY) or {}
    code = (
        known(str(kept.get("language", ""))) if person is not None and kept.get("person") == person.pk else ""
    )
    if code:
        translation.activate(code)
    else:
        speak(person)


def choose_at_screen(request: HttpRequest, viewer: Viewer, code: str) -> bool:
    """Keep a language for whoever showed a badge here: theirs from now on, the screen's stays. False for nobody."""
    kept = request.session.get(PERSON_KEY) or {}
    if viewer.user is not None or viewer.device is None:
        return False
    person = person_at(request, viewer, viewer.device.site)
    if person is None:
        return False
    choose_language(person=person, language=code)
    request.session[PERSON_KEY] = {**kept, "language": code}
    return True


def signed(person: User | None) -> str:
    """The name a form carries, so that sending it later does not change whose it was."""
    return signing.dumps(person.pk, salt=_SALT) if person is not None else ""


def person_of(request: HttpRequest, viewer: Viewer, site: Site, token: str) -> User | None:
    """Whose tap this is: the one the form was drawn for, else whoever stands there now.

    A name is only believed from the signature the server made itself, and no longer than three days.
    """
    if token:
        try:
            pk = signing.loads(token, salt=_SALT, max_age=KEPT_SECONDS)
        except signing.BadSignature:
            pk = None
        person = User.objects.filter(pk=pk, is_active=True).first() if pk else None
        if person is not None and roles_of(person, site):
            return person
    return person_at(request, viewer, site)


def somebody(person: User | None, action: str, site: Site) -> User:
    """The person, who must be known and allowed to do `action` at `site`. Raises NotAllowed."""
    if person is None:
        raise NotAllowed("station.who", _("Say who you are first."), _("Hold up your badge."))
    require(person, action, site)
    return person
