"""The API's way to say something on a record: words as JSON, or words and photos as multipart."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from decisions_app import services
from decisions_app.api import RecordVerb, StandingSerializer, standing
from exceptions_app.selectors import exception_by_ref
from exceptions_app.uploads import enclosures_of
from plant_app.idempotency import answer_once
from plant_app.permissions import require


class CommentSerializer(serializers.Serializer[Any]):
    """Words for everyone."""

    text = serializers.CharField(max_length=2000)


class CommentUpload(serializers.Serializer[Any]):
    """The same as multipart, with photos; these alone say something, too."""

    text = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    photo = serializers.ListField(
        child=serializers.FileField(), required=False, help_text="Any part name counts."
    )


class CommentView(RecordVerb):
    """Say something to everyone."""

    action_required = "exception.comment"
    parser_classes = (JSONParser, MultiPartParser)

    @extend_schema(
        operation_id="exceptions_comment", summary="Say something to everyone",
        request={"application/json": CommentSerializer, "multipart/form-data": CommentUpload},
        responses={200: StandingSerializer},
    )  # fmt: skip
    def post(self, request: Request, ref: str) -> Response:
        """Words, photos, or both, once per Idempotency-Key.

        Photos are drawn anew and limited as a report's; one that can't be kept says why in the record's `comments`.
        Neither words nor photos answer 400 `talk.empty`.
        """
        exception = exception_by_ref(request.user, ref)
        require(request.user, self.action_required, exception.site_id)
        uploaded = (request.content_type or "").startswith("multipart/")
        body: serializers.Serializer[Any] = (
            CommentUpload(data={"text": request.POST.get("text", "")})
            if uploaded
            else CommentSerializer(data=request.data)
        )
        body.is_valid(raise_exception=True)

        def say() -> Response:
            services.comment(
                exception_id=exception.pk, author=request.user,  # type: ignore[arg-type]
                text=body.validated_data["text"], via="api",
                photos=enclosures_of(request.FILES) if uploaded else (),
            )  # fmt: skip
            return standing(exception)

        return answer_once(request, say)
