"""Inbound webhooks of mail providers: one address per source, checked by its keys, answered after the mail is stored.

Parses nothing itself. Only who sent a post can be refused; what it says is kept, and read by the worker.
"""

from django.http import HttpRequest
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response as HttpResponse
from rest_framework.views import APIView

from core.errors import InvalidInput, NotFound
from exceptions_app import services
from exceptions_app.channels.mail import providers
from exceptions_app.channels.mail.adapters import PROVIDERS
from exceptions_app.hooks import PER_MINUTE, SignatureRefused
from exceptions_app.models import Source
from plant_app.throttling import limit

#: A mail of 25 MB in base64, and its surroundings.
MOST_BYTES = 36_000_000
_CODES = [adapter.code for adapter in PROVIDERS]


class MailWebhookView(APIView):
    """`POST /hooks/email/<source-code>/`: the mails a provider received for us."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()

    @extend_schema(exclude=True)
    def head(self, request: Request, code: str) -> HttpResponse:
        """Some providers look whether the address is there before they save it."""
        return HttpResponse(status=status.HTTP_200_OK if _source(code) else status.HTTP_404_NOT_FOUND)

    @extend_schema(
        operation_id="hooks_receive_mail", tags=["signals"], auth=[], request=OpenApiTypes.OBJECT,
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, description="Stored; it is read in a moment.")},
    )  # fmt: skip
    def post(self, request: Request, code: str) -> HttpResponse:
        source = _source(code)
        if source is None:
            raise NotFound("hooks.unknown_source", "There is no such webhook.")
        budget = limit(scope="hook", who=source.code, limit=PER_MINUTE)
        vars(request._request)["rate_budget"] = budget
        _hold_body(request._request)
        try:
            mails = providers.receive(
                request._request,
                adapter=source.adapter,
                secrets=source.secrets,
                reader=services.mail_reader(source),
            )
        except providers.NotTheirs as refusal:
            raise SignatureRefused(
                "hooks.signature", str(refusal), "Check the keys of this source and at the provider."
            ) from None
        except providers.NoMail as wrong:
            raise InvalidInput("hooks.no_mail", str(wrong), status=422) from None
        received = [services.receive_mail(source=source, mail=mail, beside=beside) for mail, beside in mails]
        return HttpResponse(
            {
                "signals": [one.signal.pk for one in received],
                "replayed": all(one.replayed for one in received) and bool(received),
            }
        )


def _source(code: str) -> Source | None:
    return Source.objects.select_related("site").filter(code=code, adapter__in=_CODES, active=True).first()


def _hold_body(request: HttpRequest) -> None:
    """Read the body once, up to MOST_BYTES: attachments make it larger than Django's limit for other posts."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    body = request.read(MOST_BYTES + 1) if length.isdigit() and int(length) <= MOST_BYTES else None
    if body is None or len(body) > MOST_BYTES:
        raise InvalidInput("hooks.too_large", f"A post has at most {MOST_BYTES} bytes.", status=413)
    request._body = body
