"""Which functions are asked, over the API: add one, have one acknowledge or only inform it, take one off.

Parses, calls a service, renders. The rights lie with the services: the record's owner, or whoever may re-route there.
"""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response as HttpResponse
from rest_framework.views import APIView

from core.errors import NotFound
from exceptions_app import selectors, services
from exceptions_app.models import Response
from exceptions_app.serializers import ResponseOut
from plant_app.idempotency import answer_once
from plant_app.models import User
from plant_app.permissions import MayDo

_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="A repeat gets the first answer."
)
VIA = "api"
TELL = "Where response was capture only when the record opened, nobody is told; true: they are."


class FunctionIn(serializers.Serializer[Any]):
    """Body of `functions`: one more function to ask."""

    function = serializers.CharField(max_length=30, help_text="Code of a function, such as quality.")
    required = serializers.BooleanField(  # type: ignore[assignment]  # the field's own name
        default=True, help_text="Must acknowledge; false: is only informed."
    )
    reason = serializers.CharField(max_length=120)
    tell = serializers.BooleanField(default=False, help_text=TELL)


class RequireIn(serializers.Serializer[Any]):
    """Body of `require`."""

    required = serializers.BooleanField(  # type: ignore[assignment]  # the field's own name
        help_text="Must acknowledge; false: is only informed."
    )
    reason = serializers.CharField(max_length=120)
    version = serializers.IntegerField(required=False, allow_null=True, default=None)
    tell = serializers.BooleanField(default=False, help_text=TELL)


class RemoveIn(serializers.Serializer[Any]):
    """Body of `remove`."""

    reason = serializers.CharField(max_length=120)
    version = serializers.IntegerField(required=False, allow_null=True, default=None)


def _person(request: Request) -> User:
    if not isinstance(request.user, User):
        raise NotFound("exceptions.not_found", "There is no such exception.")
    return request.user


class FunctionsView(APIView):
    """Ask one more function; one that is there already is returned, made required where it was only informed."""

    permission_classes = [IsAuthenticated, MayDo]
    action_required = "exception.respond"

    @extend_schema(
        operation_id="exceptions_functions", tags=["exceptions"], request=FunctionIn, parameters=[_KEY],
        responses={200: ResponseOut},
    )  # fmt: skip
    def post(self, request: Request, ref: str) -> HttpResponse:
        asked = FunctionIn(data=request.data)
        asked.is_valid(raise_exception=True)
        data, user = asked.validated_data, _person(request)

        def answer() -> HttpResponse:
            exception = selectors.exception_by_ref(user, ref)
            fresh = services.add_function(
                exception_id=exception.pk, function_code=data["function"], required=data["required"], actor=user,
                why=data["reason"], via=VIA, tell=data["tell"],
            )  # fmt: skip
            return HttpResponse(ResponseOut(fresh).data)

        return answer_once(request, answer)


class _OneFunction(APIView):
    permission_classes = [IsAuthenticated, MayDo]
    action_required = "exception.respond"

    def change(self, request: Request, pk: int, work: Callable[[User], Response]) -> HttpResponse:
        user = _person(request)
        if not Response.objects.filter(pk=pk, exception__in=selectors.visible_to(user)).exists():
            raise NotFound("exceptions.response_not_found", "There is no such response.")
        return answer_once(request, lambda: HttpResponse(ResponseOut(work(user)).data))


class RequireView(_OneFunction):
    """Have a function acknowledge, on a clock that begins now, or only inform it."""

    @extend_schema(
        operation_id="responses_require", tags=["responses"], request=RequireIn, parameters=[_KEY],
        responses={200: ResponseOut},
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> HttpResponse:
        asked = RequireIn(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        return self.change(
            request, pk,
            lambda user: services.set_required(
                response_id=pk, required=data["required"], actor=user, why=data["reason"], via=VIA,
                expected_version=data["version"], tell=data["tell"],
            ),
        )  # fmt: skip


class RemoveView(_OneFunction):
    """Take a function off the list. Its response stays, declined, with `removed_at` and the reason."""

    @extend_schema(
        operation_id="responses_remove", tags=["responses"], request=RemoveIn, parameters=[_KEY],
        responses={200: ResponseOut},
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> HttpResponse:
        asked = RemoveIn(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        return self.change(
            request, pk,
            lambda user: services.remove_function(
                response_id=pk, actor=user, reason=data["reason"], via=VIA, expected_version=data["version"]
            ),
        )  # fmt: skip
