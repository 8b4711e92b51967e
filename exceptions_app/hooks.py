"""The inbound webhook: signed, accepted at once, read by the worker.

Whatever a signed message contains is stored and answered 202; only who sent it can be refused.
"""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response as HttpResponse
from rest_framework.views import APIView

from core import clock
from core.errors import DomainError, InvalidInput, NotFound
from exceptions_app import services
from exceptions_app.channels.webhook import ADAPTER, BadSignature, parse, verify
from exceptions_app.models import Source
from plant_app.throttling import limit

MOST_BYTES = 1_000_000
PER_MINUTE = 1200


class SignatureRefused(DomainError):
    """The message is not provably the source's."""

    default_status = 401


class WebhookView(APIView):
    """`POST /hooks/<source-code>/`: one message of one source, signed by the Standard Webhooks scheme."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()

    @extend_schema(
        operation_id="hooks_receive", tags=["signals"], auth=[], request=OpenApiTypes.OBJECT,
        parameters=[
            OpenApiParameter("webhook-id", str, OpenApiParameter.HEADER, required=True),
            OpenApiParameter("webhook-timestamp", int, OpenApiParameter.HEADER, required=True),
            OpenApiParameter("webhook-signature", str, OpenApiParameter.HEADER, required=True),
        ],
        responses={202: OpenApiResponse(OpenApiTypes.OBJECT, description="Stored; it is read in a moment.")},
    )  # fmt: skip
    def post(self, request: Request, code: str) -> HttpResponse:
        source = (
            Source.objects.select_related("site").filter(code=code, adapter=ADAPTER.code, active=True).first()
        )
        if source is None:
            raise NotFound("hooks.unknown_source", "There is no such webhook.")
        budget = limit(scope="hook", who=source.code, limit=PER_MINUTE)
        vars(request._request)["rate_budget"] = budget
        body = read_body(request)
        try:
            message_id = verify(
                secret=source.secret, headers=dict(request.headers.items()), body=body, now=clock.now()
            )
        except BadSignature as refusal:
            raise SignatureRefused(
                "hooks.signature", str(refusal), "Sign id.timestamp.body with the key of this source."
            ) from None
        message = parse(body, request.content_type or "", source.mapping)
        received = services.receive_later(
            source=source,
            external_id=message.external_id or message_id[:200],
            text=message.text,
            fields=dict(message.fields),
            payload=message.payload,
            occurred_at=message.occurred_at,
            reporter_text=message.reporter,
        )
        headers = {
            "RateLimit-Limit": str(budget.limit),
            "RateLimit-Remaining": str(budget.remaining),
            "RateLimit-Reset": str(budget.reset),
        }
        return HttpResponse(
            {"signal": received.signal.pk, "replayed": received.replayed, "flag": received.flag},
            status=status.HTTP_202_ACCEPTED,
            headers=headers,
        )


def read_body(request: Request) -> bytes:
    """The raw bytes of a message; InvalidInput `hooks.too_large` (413) past MOST_BYTES."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > MOST_BYTES:
        raise InvalidInput("hooks.too_large", f"A message has at most {MOST_BYTES} bytes.", status=413)
    body: bytes = request._request.body
    if len(body) > MOST_BYTES:
        raise InvalidInput("hooks.too_large", f"A message has at most {MOST_BYTES} bytes.", status=413)
    return body
