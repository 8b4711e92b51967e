"""Attachments over HTTP, for callers with a token; people open them from a record's page."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from exceptions_app.attached import attachment_for
from exceptions_app.file_answers import file_answer
from plant_app.permissions import MayDo


class AttachmentView(APIView):
    """`GET /api/v1/attachments/<id>/`: the bytes as they are kept; `?small=1` a photo's small version."""

    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = "exception.view"

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        return JSONRenderer(), "application/json"  # of refusals; a file is what it is, whatever was asked for

    @extend_schema(
        operation_id="attachments_retrieve", tags=["signals"],
        parameters=[OpenApiParameter("small", bool, description="A photo's small version.")],
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, description="The file.")},
    )  # fmt: skip
    def get(self, request: Request, pk: int) -> HttpResponse:
        wanted = request.query_params.get("small", "").lower() in {"1", "true", "yes"}
        return file_answer(request._request, attachment_for(request.user, pk), small=wanted)
