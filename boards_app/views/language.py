"""The switch between the languages of the labels, and the labels of scripts."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST
from django.views.i18n import JavaScriptCatalog

from boards_app.views.floor import Viewer, choose_at_screen
from boards_app.views.frame import refusal
from core.errors import InvalidInput
from core.languages import known
from plant_app.authentication import current_device
from plant_app.languages import LANGUAGE_COOKIE, LANGUAGE_COOKIE_AGE
from plant_app.models import User
from plant_app.services import choose_language


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Show this screen's labels in `language`; for a login, remember it as theirs. Back to `next`.

    Whoever showed a badge at a paired screen keeps it for themselves; the screen's own language stays.

    An unknown language is refused with `language.unknown`; an address of another host leads to the first page.
    """
    code = known(request.POST.get("language", ""))
    if not code:
        return refusal(request, InvalidInput("language.unknown", _("There are no labels in that language.")))
    user = request.user if isinstance(request.user, User) else None
    if user is not None:
        choose_language(person=user, language=code)
    theirs = choose_at_screen(request, Viewer(user, current_device(request)), code)
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    if not theirs:
        response.set_cookie(
            LANGUAGE_COOKIE,
            code,
            max_age=LANGUAGE_COOKIE_AGE,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure(),
        )
    return response


_catalogue = JavaScriptCatalog.as_view(packages=["boards_app"])


@cache_control(max_age=600)
def words(request: HttpRequest, code: str) -> HttpResponseBase:
    """The labels scripts show, as a script; 404 for a language there are none in."""
    if known(code) != code:
        raise Http404
    with translation.override(code):
        return _catalogue(request)
