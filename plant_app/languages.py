"""Who is spoken to in which language: the person's own, else the screen's, else what the browser asks for.

Owns the order and the middleware that follows it on the pages whose labels are translated. The desk's tools for
administrators and every API stay in English: their words are part of what documents and programs rely on.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from core.languages import SOURCE, known, wished
from plant_app.authentication import current_device
from plant_app.models import User

LANGUAGE_COOKIE: Final = "xl_language"
LANGUAGE_COOKIE_AGE: Final = 400 * 24 * 3600  # the longest browsers keep one


def own_language(person: User | None) -> str:
    """The language somebody chose; "" for nobody, and for the source's, which is also what nobody chose yet."""
    code = known(person.language) if person is not None else ""
    return "" if code == SOURCE else code


def language_of(request: HttpRequest) -> str:
    """The language a page is shown in; see the module for the order. At most the two queries pages make anyway."""
    person = request.user if isinstance(request.user, User) else None
    chosen = own_language(person) or known(request.COOKIES.get(LANGUAGE_COOKIE, ""))
    if chosen:
        return chosen
    device = current_device(request)
    if person is None and device is not None:
        return known(device.site.language) or SOURCE
    return wished(request.headers.get("Accept-Language", "")) or SOURCE


def speak(person: User | None) -> None:
    """For the rest of this request: whoever holds a badge up is answered in their own language, if they chose one."""
    code = own_language(person)
    if code:
        translation.activate(code)


class LanguageMiddleware:
    """Shows the pages below `TRANSLATED_PATHS` in the reader's language and everything else in English."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        translated = _page_of(request).startswith(settings.TRANSLATED_PATHS)
        with translation.override(language_of(request) if translated else SOURCE):
            response = self.get_response(request)
            if translated:
                response.headers.setdefault("Content-Language", translation.get_language() or SOURCE)
            return response


def _page_of(request: HttpRequest) -> str:
    """The path of the page a request is for: a fragment speaks as the page it goes into."""
    shown = request.headers.get("HX-Current-URL", "")
    try:
        return (urlsplit(shown).path if shown else "") or request.path
    except ValueError:
        return request.path
