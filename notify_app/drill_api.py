"""Fire drills over HTTP: the reports of the reader's sites, and beginning one."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import NotFound
from notify_app import services
from notify_app.drill_selectors import drill_of, drills_of
from notify_app.models import DrillLine, DrillPlan, DrillRun
from notify_app.services.drill_report import report_lines
from plant_app.idempotency import answer_once
from plant_app.models import User
from plant_app.permissions import MayDo, require
from plant_app.selectors import visible_site_ids


class DrillLineOut(serializers.ModelSerializer[DrillLine]):
    """One person told by one channel."""

    person = serializers.CharField(source="person.username", default=None, allow_null=True)
    function = serializers.CharField(source="function.code", default=None, allow_null=True)

    class Meta:
        model = DrillLine
        fields = (
            "person", "function", "role", "level", "reason", "channel", "told_at", "seen_at", "due_at",
            "answered_at", "answered_by", "status", "detail",
        )  # fmt: skip


class DrillOut(serializers.ModelSerializer[DrillRun]):
    """A drill without its lines."""

    line = serializers.CharField(source="plan.work_centre.code")
    type = serializers.CharField(source="plan.type.code")
    channel = serializers.CharField(source="plan.channel")
    exception = serializers.CharField(source="exception.ref", default=None, allow_null=True)
    failures = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = DrillRun
        fields = (
            "id", "line", "type", "channel", "status", "exception", "started_at", "handed_in_at", "ends_at",
            "finished_at", "failures",
        )  # fmt: skip


class DrillReport(DrillOut):
    """A drill with who was told when, by which channel, who answered."""

    lines = serializers.SerializerMethodField()

    class Meta(DrillOut.Meta):
        fields = (*DrillOut.Meta.fields, "lines")  # type: ignore[assignment]

    @extend_schema_field(DrillLineOut(many=True))
    def get_lines(self, run: DrillRun) -> Any:
        return DrillLineOut(report_lines(run), many=True).data


class DrillIn(serializers.Serializer[Any]):
    """Which plan to drill."""

    plan = serializers.IntegerField()


class DrillsView(ListAPIView[DrillRun]):
    """Drills of the reader's sites, the newest first; POST begins one."""

    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = "drill.view"
    action_required = "drill.run"
    serializer_class = DrillOut
    queryset = DrillRun.objects.none()

    @extend_schema(
        operation_id="drills_list", tags=["drills"],
        parameters=[OpenApiParameter("line", str, description="code of a work centre")],
    )  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return DrillRun.objects.none()
        return drills_of(self.request.user, line=self.request.query_params.get("line", ""))

    @extend_schema(operation_id="drills_begin", tags=["drills"], request=DrillIn, responses={201: DrillOut})
    def post(self, request: Request) -> Response:
        """Begin a drill now, once per Idempotency-Key."""
        asked = DrillIn(data=request.data)
        asked.is_valid(raise_exception=True)
        user = request.user
        plan = (
            DrillPlan.objects.filter(
                pk=asked.validated_data["plan"], work_centre__area__site__in=visible_site_ids(user)
            )
            .select_related("work_centre__area")
            .first()
        )
        if plan is None or not isinstance(user, User):
            raise NotFound("drills.plan", "There is no such drill.")
        require(user, "drill.run", plan.work_centre.area.site_id)
        return answer_once(
            request,
            lambda: Response(DrillOut(services.begin_drill(plan_id=plan.pk, actor=user)).data, status=201),
        )


class DrillView(APIView):
    """One drill with its report."""

    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = "drill.view"

    @extend_schema(operation_id="drills_retrieve", tags=["drills"], responses={200: DrillReport})
    def get(self, request: Request, pk: int) -> Response:
        return Response(DrillReport(drill_of(request.user, pk)).data)
