"""The API's verbs on exceptions that need tasks, plant state or postings: decide, resolve, clear, cancel, merge...

Parse, check the access role, call the service, answer with where the record stands now. Refusals leave as problem
documents; `Idempotency-Key` makes a repeat answer like the first.
"""

from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import NotFound
from decisions_app import services
from decisions_app.models import Task
from decisions_app.selectors import options_for
from exceptions_app.models import ExceptionRecord
from exceptions_app.selectors import exception_by_ref
from plant_app.idempotency import answer_once
from plant_app.permissions import MayDo, MayView, require


class StandingSerializer(serializers.Serializer[Any]):
    """Where a record stands after a verb."""

    ref = serializers.CharField()
    status = serializers.CharField()
    version = serializers.IntegerField()
    next_step = serializers.CharField()


class ReasonSerializer(serializers.Serializer[Any]):
    """A verb that only needs its reason."""

    reason = serializers.CharField(max_length=300)
    version = serializers.IntegerField(
        required=False, help_text="the version the page showed; a stale one is refused"
    )


class ResolveSerializer(ReasonSerializer):
    """Resolving by hand; the root cause may be stated with it."""

    cause = serializers.CharField(
        required=False, max_length=40, help_text="category of the root cause, needed where one is asked for"
    )
    cause_text = serializers.CharField(required=False, allow_blank=True, max_length=500)


class DecideSerializer(serializers.Serializer[Any]):
    """A decision."""

    option = serializers.CharField()
    inputs = serializers.DictField(required=False)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300)
    version = serializers.IntegerField(required=False)
    emergency = serializers.BooleanField(
        required=False,
        help_text="critical records only: beyond the limit, ratified afterwards; needs a reason",
    )


class ClearSerializer(serializers.Serializer[Any]):
    """When the condition went; now by default."""

    at = serializers.DateTimeField(required=False)
    version = serializers.IntegerField(required=False)


class MergeSerializer(serializers.Serializer[Any]):
    """The record this one becomes part of."""

    into = serializers.CharField(help_text="reference of the surviving record")
    reason = serializers.CharField(max_length=300)


class SplitSerializer(serializers.Serializer[Any]):
    """The signals that become a record of their own."""

    signals = serializers.ListField(child=serializers.IntegerField(), allow_empty=False)
    reason = serializers.CharField(max_length=300)


class ReverseSerializer(serializers.Serializer[Any]):
    """The decision taken back."""

    number = serializers.IntegerField()
    reason = serializers.CharField(max_length=300)
    version = serializers.IntegerField(required=False)


class TaskResultSerializer(serializers.Serializer[Any]):
    """What a task asked for."""

    result = serializers.DictField(required=False)
    note = serializers.CharField(required=False, allow_blank=True, max_length=200)


class OptionSerializer(serializers.Serializer[Any]):
    """An option with its estimated result."""

    code = serializers.CharField(source="option.code")
    name = serializers.CharField(source="option.name")
    when = serializers.CharField(source="option.when")
    inputs = serializers.JSONField(source="option.inputs")
    values = serializers.JSONField()
    lapses_at = serializers.DateTimeField(allow_null=True)
    lapse_why = serializers.CharField()
    expedited = serializers.BooleanField(
        source="option.expedited", help_text="buys time for money; not counted in the response window"
    )
    possible = serializers.BooleanField(help_text="false: cannot be done here at all, `lapse_why` says why")
    late_promises = serializers.SerializerMethodField()
    orders = serializers.ListField(child=serializers.CharField())
    cost = serializers.DecimalField(max_digits=15, decimal_places=2)
    cost_parts = serializers.ListField(child=serializers.CharField())
    cost_unknown = serializers.ListField(
        child=serializers.CharField(), help_text="figures ERP does not give; not in `cost`"
    )
    who = serializers.ListField(child=serializers.CharField())
    posts = serializers.ListField(child=serializers.CharField())
    allowed = serializers.BooleanField()
    why_not = serializers.CharField()
    approvers = serializers.ListField(
        child=serializers.CharField(), help_text="whose yes would let the caller take it; ask for it"
    )
    message = serializers.CharField(help_text="what the customer would be told")

    def get_late_promises(self, view: Any) -> list[str]:
        """Labels of the promises this option breaks."""
        return [promise.label for promise in view.late_promises]


def standing(exception: ExceptionRecord) -> Response:
    """The answer of every verb."""
    exception.refresh_from_db()
    return Response(StandingSerializer(exception).data)


class RecordVerb(APIView):
    """One verb on one record: subclasses name the action, the body and the service."""

    permission_classes = (MayDo,)
    action_required = "exception.decide"
    body: type[serializers.Serializer[Any]] = ReasonSerializer

    def run(self, exception: ExceptionRecord, data: Mapping[str, Any], request: Request) -> ExceptionRecord:
        """Call the service; returns the record to answer with."""
        raise NotFound("request.verb", "There is no such verb.")

    def post(self, request: Request, ref: str) -> Response:
        """Do it, once per Idempotency-Key."""
        exception = exception_by_ref(request.user, ref)
        require(request.user, self.action_required, exception.site_id)
        body = self.body(data=request.data)
        body.is_valid(raise_exception=True)
        return answer_once(request, lambda: standing(self.run(exception, body.validated_data, request)))


Run = Callable[[ExceptionRecord, Mapping[str, Any], Any], ExceptionRecord]


def verb(
    name: str, action: str, body: type[serializers.Serializer[Any]], summary: str, run: Run
) -> type[RecordVerb]:
    """A view class for one verb, documented in the schema."""

    def call(
        self: RecordVerb, exception: ExceptionRecord, data: Mapping[str, Any], request: Request
    ) -> ExceptionRecord:
        return run(exception, data, request.user)

    made = type(
        f"{name.title()}View",
        (RecordVerb,),
        {"action_required": action, "body": body, "run": call, "__doc__": summary},
    )
    describe = extend_schema(
        operation_id=f"exceptions_{name}", summary=summary, request=body, responses={200: StandingSerializer}
    )
    return extend_schema_view(post=describe)(made)


def _decide(exception: ExceptionRecord, data: Mapping[str, Any], user: Any) -> ExceptionRecord:
    decision = services.decide(
        exception_id=exception.pk,
        option_code=data["option"],
        inputs=data.get("inputs") or {},
        actor=user,
        reason=data.get("reason", ""),
        expected_version=data.get("version"),
        via="api",
        emergency=data.get("emergency", False),
    )
    return decision.exception


def _reverse(exception: ExceptionRecord, data: Mapping[str, Any], user: Any) -> ExceptionRecord:
    decision = services.reverse_decision(
        exception_id=exception.pk,
        number=data["number"],
        actor=user,
        reason=data["reason"],
        expected_version=data.get("version"),
        via="api",
    )
    return decision.exception


def _with_reason(service: Callable[..., ExceptionRecord]) -> Run:
    def run(exception: ExceptionRecord, data: Mapping[str, Any], user: Any) -> ExceptionRecord:
        return service(
            exception_id=exception.pk,
            actor=user,
            reason=data["reason"],
            expected_version=data.get("version"),
            via="api",
        )

    return run


def _resolve(exception: ExceptionRecord, data: Mapping[str, Any], user: Any) -> ExceptionRecord:
    return services.resolve(
        exception_id=exception.pk,
        actor=user,
        reason=data["reason"],
        expected_version=data.get("version"),
        via="api",
        cause=data.get("cause", ""),
        cause_text=data.get("cause_text", ""),
    )


def _clear(exception: ExceptionRecord, data: Mapping[str, Any], user: Any) -> ExceptionRecord:
    return services.clear(
        exception_id=exception.pk,
        actor=user,
        at=data.get("at"),
        expected_version=data.get("version"),
        via="api",
    )


def _restore(exception: ExceptionRecord, data: Mapping[str, Any], user: Any) -> ExceptionRecord:
    return services.restore(exception_id=exception.pk, actor=user, reason=data["reason"], via="api")


def _merge(exception: ExceptionRecord, data: Mapping[str, Any], user: Any) -> ExceptionRecord:
    into = exception_by_ref(user, data["into"])
    return services.merge(
        exception_id=exception.pk, into_id=into.pk, actor=user, reason=data["reason"], via="api"
    )


def _split(exception: ExceptionRecord, data: Mapping[str, Any], user: Any) -> ExceptionRecord:
    return services.split(
        exception_id=exception.pk, signal_ids=data["signals"], actor=user, reason=data["reason"], via="api"
    )


DecideView = verb("decide", "exception.decide", DecideSerializer, "Take an option", _decide)
ReverseView = verb("reverse", "exception.decide", ReverseSerializer, "Take a decision back", _reverse)
ResolveView = verb("resolve", "exception.resolve", ResolveSerializer, "Resolve by hand", _resolve)
ReopenView = verb("reopen", "exception.reopen", ReasonSerializer, "Open again", _with_reason(services.reopen))
CancelView = verb("cancel", "exception.cancel", ReasonSerializer, "Cancel", _with_reason(services.cancel))
RestoreView = verb("restore", "exception.cancel", ReasonSerializer, "Undo a cancel", _restore)
ClearView = verb("clear", "exception.clear", ClearSerializer, "Say the condition is gone", _clear)
MergeView = verb("merge", "exception.merge", MergeSerializer, "Merge into another record", _merge)
SplitView = verb("split", "exception.split", SplitSerializer, "Split signals off", _split)


class OptionsView(APIView):
    """What can be decided here, and what would follow."""

    permission_classes = (MayView,)

    @extend_schema(operation_id="exceptions_options", responses={200: OptionSerializer(many=True)})
    def get(self, request: Request, ref: str) -> Response:
        """Every option of the record's playbook with its estimated result."""
        exception = exception_by_ref(request.user, ref)
        views = options_for(exception, user=request.user)  # type: ignore[arg-type]
        return Response(OptionSerializer(views, many=True).data)


class TaskDoneView(APIView):
    """Finish a task."""

    permission_classes = (MayDo,)
    action_required = "task.finish"

    @extend_schema(
        operation_id="tasks_finish", request=TaskResultSerializer, responses={200: StandingSerializer}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Finish it with what it asks for."""
        task = Task.objects.select_related("exception").filter(pk=pk).first()
        if task is None:
            raise NotFound("tasks.none", "There is no such task.")
        exception = exception_by_ref(request.user, task.exception.ref)
        body = TaskResultSerializer(data=request.data)
        body.is_valid(raise_exception=True)

        def run() -> Response:
            services.complete_task(
                task_id=pk,
                actor=request.user,  # type: ignore[arg-type]
                result=body.validated_data.get("result"),
                note=body.validated_data.get("note", ""),
                via="api",
            )
            return standing(exception)

        return answer_once(request, run)
