"""EDI over HTTP: one interchange a request, answered with its acknowledgement.

The sender proves itself by the webhook signature, a bearer token or HTTP Basic, whichever the source has a key for.
What it then sends is stored and answered, whatever it says; a refused interchange is answered 422 with every segment
that is wrong.
"""

import base64
import binascii
import hmac
from typing import Any

from django.http import HttpResponse as PlainResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response as HttpResponse
from rest_framework.views import APIView

from core import clock
from core.errors import NotFound
from exceptions_app import services
from exceptions_app.channels.edi import ADAPTER
from exceptions_app.channels.edi.answers import ENCODING
from exceptions_app.channels.webhook import BadSignature, verify
from exceptions_app.hooks import PER_MINUTE, SignatureRefused, read_body
from exceptions_app.models import Source
from plant_app.throttling import limit

_RAW = {"application/edi-x12": "x12", "application/edifact": "edifact", "application/edi-consent": ""}


class AnyAnswer(DefaultContentNegotiation):
    """An interchange is taken whatever its sender would like to read; a type we cannot write gets JSON."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class EdiView(APIView):
    """`POST /hooks/edi/<source-code>/`: the body is one X12 or EDIFACT interchange as it is."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()
    content_negotiation_class = AnyAnswer

    @extend_schema(
        operation_id="hooks_edi", tags=["signals"], auth=[],
        request={"application/edi-x12": OpenApiTypes.BINARY, "application/edifact": OpenApiTypes.BINARY},
        responses={
            202: OpenApiResponse(OpenApiTypes.OBJECT, description="Taken: what was, and the 997 or CONTRL."),
            422: OpenApiResponse(OpenApiTypes.OBJECT, description="Refused, with every segment that is wrong."),
        },
    )  # fmt: skip
    def post(self, request: Request, code: str) -> HttpResponse | PlainResponse:
        source = (
            Source.objects.select_related("site").filter(code=code, adapter=ADAPTER.code, active=True).first()
        )
        if source is None:
            raise NotFound("hooks.unknown_source", "There is no such EDI address.")
        budget = limit(scope="hook", who=source.code, limit=PER_MINUTE)
        vars(request._request)["rate_budget"] = budget
        body = read_body(request)
        prove(source, request, body)
        taken = services.take_interchange(source=source, body=body, via="http")
        row, told = taken.interchange, taken.acknowledgement
        status = 202 if row.taken else 422
        wanted = (request.headers.get("accept") or "").split(",")[0].split(";")[0].strip().lower()
        if told is not None and wanted in _RAW:
            kind = "application/edi-x12" if told.syntax == "x12" else "application/edifact"
            return PlainResponse(told.body.encode(ENCODING, "replace"), status=status, content_type=kind)
        answer = {
            "interchange": row.control, "partner": row.partner, "taken": row.taken, "refused": row.refused,
            "replayed": taken.replayed, "faults": taken.faults, "acknowledgement": told.body if told else "",
        }  # fmt: skip
        return HttpResponse(answer, status=status)


def prove(source: Source, request: Request, body: bytes) -> None:
    """The sender is who the source says; SignatureRefused (401) in plain words, and nothing about the keys."""
    given = request.headers.get("authorization") or ""
    scheme, _, rest = given.partition(" ")
    token = str(source.secrets.get("token") or "")
    name, password = (str(source.secrets.get(one) or "") for one in ("username", "password"))
    if request.headers.get("webhook-signature"):
        key = str(source.secrets.get("signing") or source.secret)
        try:
            verify(secret=key, headers=dict(request.headers.items()), body=body, now=clock.now())
        except BadSignature as refusal:
            raise SignatureRefused(
                "hooks.signature", str(refusal), "Sign id.timestamp.body with the key of this source."
            ) from None
        return
    if scheme.lower() == "bearer" and token and hmac.compare_digest(token.encode(), rest.strip().encode()):
        return
    if scheme.lower() == "basic" and password and _same(rest, f"{name}:{password}"):
        return
    raise SignatureRefused(
        "hooks.credentials", "The sender could not be told: no signature, token or password that fits.",
        "Use the key of this source as signature, bearer token or HTTP Basic.",
    )  # fmt: skip


def _same(encoded: str, wanted: str) -> bool:
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, wanted.encode())
