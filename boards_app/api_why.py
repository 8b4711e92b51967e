"""`GET /api/v1/exceptions/<ref>/why/`: why this owner, and why a person was told or not. Parses, asks, renders."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from boards_app.selectors.why import Answer
from boards_app.selectors.why_asked import answers_for
from exceptions_app import selectors
from plant_app.permissions import MayView


class WhyReason(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="What kind of reason; a code never changes its meaning.")
    words = serializers.CharField()
    held = serializers.BooleanField(help_text="Speaks for it rather than against it.")
    at = serializers.DateTimeField(allow_null=True)


class WhyOwner(serializers.Serializer[Any]):
    lead = serializers.CharField()
    reasons = WhyReason(many=True)


class WhyPerson(WhyOwner):
    username = serializers.CharField()
    name = serializers.CharField()
    told = serializers.BooleanField(help_text="A notice went out to them.")


class WhyAnswer(serializers.Serializer[Any]):
    ref = serializers.CharField()
    owner = WhyOwner()
    person = WhyPerson()


class WhyView(APIView):
    """Why this owner, why told, why not."""

    permission_classes = [IsAuthenticated, MayView]

    @extend_schema(
        operation_id="exceptions_why",
        tags=["exceptions"],
        parameters=[
            OpenApiParameter("person", str, description="Username; without it the one who asks."),
        ],
        responses={200: WhyAnswer},
    )
    def get(self, request: Request, ref: str) -> Response:
        """In words, from what was stored: the frozen route, its trace, rosters, tellings, notices, answers."""
        user: Any = request.user
        exception = selectors.exception_by_ref(user, ref)
        found = answers_for(exception, user, request.query_params.get("person", ""))
        person, about = found["person"], found["about"]
        return Response(
            {
                "ref": exception.ref,
                "owner": _answer(found["owner"]),
                "person": {
                    "username": person.username,
                    "name": str(person),
                    "told": bool(about.told),
                    **_answer(about),
                },
            }
        )


def _answer(answer: Answer) -> dict[str, Any]:
    return {"lead": answer.lead, "reasons": [line.as_dict() for line in answer.lines]}
