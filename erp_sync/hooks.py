"""Where ERPs call with acknowledgements: `POST /hooks/erp/<connection>/`, signed, written before it is answered.

Owns reading the request and the answer. A call that fits no open posting is refused with a code, so that its sender
keeps it. Must not know: what an acknowledgement does.
"""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import InvalidInput
from erp_sync import services
from plant_app.throttling import limit

MOST_BYTES = 1_000_000
PER_MINUTE = 1200


class AcknowledgementView(APIView):
    """What became of postings an ERP was handed, said by the ERP: `{key, status, erp_number, time, code, message}`."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()

    @extend_schema(
        operation_id="hooks_erp", tags=["postings"], auth=[], request=OpenApiTypes.OBJECT,
        parameters=[
            OpenApiParameter("webhook-id", str, OpenApiParameter.HEADER, required=True),
            OpenApiParameter("webhook-timestamp", int, OpenApiParameter.HEADER, required=True),
            OpenApiParameter("webhook-signature", str, OpenApiParameter.HEADER, required=True),
        ],
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, description="Written, or said before.")},
    )  # fmt: skip
    def post(self, request: Request, code: str) -> Response:
        budget = limit(scope="hook", who=f"erp-{code}", limit=PER_MINUTE)
        vars(request._request)["rate_budget"] = budget
        taken = services.receive_call(code=code, headers=dict(request.headers.items()), body=_body(request))
        rows = [{"key": one.business_key, "status": one.status, "replayed": one.replayed} for one in taken]
        return Response({"postings": rows})


def _body(request: Request) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MOST_BYTES:
        raise InvalidInput("hooks.too_large", f"A call has at most {MOST_BYTES} bytes.", status=413)
    body: bytes = request._request.body
    return body
