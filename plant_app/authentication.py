"""Who is asking: bearer tokens for the API, the cookie of a paired tablet for pages.

Owns how credentials arrive. What they open lies in `access_rules`; making and ending them in `services.access`.
"""

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from plant_app.models import ApiToken, Device, User
from plant_app.services.access import device_for, token_for

DEVICE_COOKIE = "xl_device"
DEVICE_COOKIE_AGE = 400 * 24 * 3600  # the longest browsers keep one
KEYWORD = b"bearer"


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`; a token that opens nothing answers 401, none at all asks the next scheme."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != KEYWORD:
            return None
        if len(words) != 2:
            raise AuthenticationFailed(
                "The Authorization header must be: Bearer <token>.", code="token_malformed"
            )
        try:
            secret = words[1].decode("ascii")
        except UnicodeDecodeError as error:
            raise AuthenticationFailed("The token is not readable.", code="token_malformed") from error
        token = token_for(secret)
        if token is None:
            raise AuthenticationFailed("The token is unknown, ended or revoked.", code="token_invalid")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="execlayer"'


class BearerScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document names it."""

    target_class = "plant_app.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class DeviceMiddleware:
    """Puts `request.device` on every request: the paired tablet whose cookie came along, or None.

    Looked up on first use, so requests that never ask pay nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        vars(request)["device"] = SimpleLazyObject(lambda: current_device(request))
        return self.get_response(request)


def current_device(request: HttpRequest) -> Device | None:
    """The paired device behind a request; None without cookie or when it was unpaired. One query, once per request.

    Prefer this to `request.device` where None must be told by `is None`: a lazy None is only falsy.
    """
    if not hasattr(request, "_device"):
        secret = request.COOKIES.get(DEVICE_COOKIE, "")
        vars(request)["_device"] = device_for(secret) if secret else None
    return cast("Device | None", vars(request)["_device"])
