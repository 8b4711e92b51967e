"""The API of what is learnt: root causes, follow-ups with their check, tasks called off, similar past records."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core import clock
from core.errors import InvalidInput, NotFound
from decisions_app import services
from decisions_app.api import ReasonSerializer
from decisions_app.models import RootCause, Task
from decisions_app.selectors import follow_ups_at
from decisions_app.similar import similar_to
from exceptions_app.selectors import exception_by_ref, visible_to
from plant_app.idempotency import answer_once
from plant_app.models import User
from plant_app.permissions import MayDo, MayView, require


class CauseSerializer(serializers.Serializer[Any]):
    """A root cause: a category of the type's list and words."""

    category = serializers.CharField(max_length=40)
    text = serializers.CharField(required=False, allow_blank=True, max_length=500)


class CauseOutSerializer(serializers.ModelSerializer[RootCause]):
    """The root cause as stated."""

    category = serializers.CharField(source="category.code")
    name = serializers.CharField(source="category.name")
    said_by = serializers.CharField(source="said_by.username")

    class Meta:
        model = RootCause
        fields = ("category", "name", "text", "said_by", "said_at")


class FollowUpSerializer(serializers.Serializer[Any]):
    """A follow-up to hand out."""

    title = serializers.CharField(max_length=120)
    function = serializers.CharField(max_length=40)
    person = serializers.CharField(required=False, allow_blank=True, max_length=150)
    due_at = serializers.DateTimeField()
    check_days = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=365)


class FollowUpOutSerializer(serializers.ModelSerializer[Task]):
    """A follow-up: owner, clock, and whether it helped."""

    ref = serializers.CharField(source="exception.ref")
    function = serializers.CharField(source="function.code")
    person = serializers.CharField(source="person.username", default=None, allow_null=True)

    class Meta:
        model = Task
        fields = (
            "id", "ref", "title", "function", "person", "due_at", "status", "done_at", "note", "check_days",
            "check_due_at", "check_result", "check_words", "checked_at", "reopened",
        )  # fmt: skip


class SimilarSerializer(serializers.Serializer[Any]):
    """A past record like this one and what it teaches."""

    ref = serializers.CharField(source="record.ref")
    title = serializers.CharField(source="record.title")
    captured_at = serializers.DateTimeField(source="record.captured_at")
    rank = serializers.IntegerField()
    same = serializers.ListField(child=serializers.CharField())
    options = serializers.ListField(child=serializers.CharField())
    cause = serializers.CharField()
    minutes = serializers.FloatField(allow_null=True, help_text="from capture to resolved")
    reopened = serializers.IntegerField()


class RootCauseView(APIView):
    """Why it happened."""

    permission_classes = (MayDo,)
    action_required = "exception.resolve"

    @extend_schema(
        operation_id="exceptions_root_cause", request=CauseSerializer, responses={200: CauseOutSerializer}
    )
    def post(self, request: Request, ref: str) -> Response:
        """State it, now or after the record has closed."""
        exception = exception_by_ref(request.user, ref)
        require(request.user, self.action_required, exception.site_id)
        body = CauseSerializer(data=request.data)
        body.is_valid(raise_exception=True)

        def run() -> Response:
            cause = services.state_cause(
                exception_id=exception.pk,
                category=body.validated_data["category"],
                text=body.validated_data.get("text", ""),
                actor=request.user,  # type: ignore[arg-type]
                via="api",
            )
            return Response(CauseOutSerializer(cause).data)

        return answer_once(request, run)


class RecordFollowUpView(APIView):
    """What is to be done so that it does not come back."""

    permission_classes = (MayDo,)
    action_required = "exception.resolve"

    @extend_schema(
        operation_id="exceptions_follow_up",
        request=FollowUpSerializer,
        responses={201: FollowUpOutSerializer},
    )
    def post(self, request: Request, ref: str) -> Response:
        """Hand out a follow-up; it lives on after the record has closed."""
        exception = exception_by_ref(request.user, ref)
        require(request.user, self.action_required, exception.site_id)
        body = FollowUpSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data

        def run() -> Response:
            task = services.add_task(
                exception_id=exception.pk,
                title=data["title"],
                function_code=data["function"],
                due_at=data["due_at"],
                blocking=False,
                actor=request.user,  # type: ignore[arg-type]
                person=_person(data.get("person", "")),
                check_days=data.get("check_days"),
            )
            return Response(FollowUpOutSerializer(task).data, status=201)

        return answer_once(request, run)


def _person(name: str) -> User | None:
    found = User.objects.filter(username=name, is_active=True).first() if name else None
    if name and found is None:
        raise InvalidInput("tasks.person", f"There is nobody called {name}.", field="person")
    return found


class FollowUpsView(APIView):
    """Follow-ups that are open or wait for their check."""

    permission_classes = (MayView,)

    @extend_schema(operation_id="follow_ups", responses={200: FollowUpOutSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Of every site the caller sees, soonest first."""
        rows = follow_ups_at(visible_to(request.user))[:500]
        return Response(FollowUpOutSerializer(rows, many=True).data)


class CallOffView(APIView):
    """A task that is not needed."""

    permission_classes = (MayDo,)
    action_required = "task.finish"

    @extend_schema(
        operation_id="tasks_call_off", request=ReasonSerializer, responses={200: FollowUpOutSerializer}
    )
    def post(self, request: Request, pk: int) -> Response:
        """End it undone, with the reason on record."""
        task = Task.objects.filter(pk=pk, exception__in=visible_to(request.user)).first()
        if task is None:
            raise NotFound("tasks.none", "There is no such task.")
        require(request.user, self.action_required, task.exception.site_id)
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)

        def run() -> Response:
            found = services.call_off_task(
                task_id=pk,
                actor=request.user,  # type: ignore[arg-type]
                reason=body.validated_data["reason"],
                via="api",
            )
            return Response(FollowUpOutSerializer(found).data)

        return answer_once(request, run)


class SimilarView(APIView):
    """Past records like this one."""

    permission_classes = (MayView,)

    @extend_schema(operation_id="exceptions_similar", responses={200: SimilarSerializer(many=True)})
    def get(self, request: Request, ref: str) -> Response:
        """The most alike first, with what was decided, why it had happened, how long it took and whether it held."""
        exception = exception_by_ref(request.user, ref)
        found = similar_to(exception, request.user, clock.now(), limit=10)  # type: ignore[arg-type]
        return Response(SimilarSerializer(found, many=True).data)
