"""The sequence over HTTP: the order of work, and the floor's answer to a recommendation."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import InvalidInput, NotFound
from plant_app.idempotency import answer_once
from plant_app.models import WorkCentre
from plant_app.permissions import MayDo
from plant_app.selectors import visible_site_ids
from sequence_app import selectors, services


class QueueRowSerializer(serializers.Serializer[Any]):
    """An operation's place."""

    operation = serializers.IntegerField(source="planned.operation_id")
    work_order = serializers.CharField(source="planned.operation.work_order.number")
    number = serializers.IntegerField(source="planned.operation.number")
    item = serializers.CharField(source="planned.operation.work_order.item.code")
    work_unit = serializers.CharField(source="planned.work_unit.code")
    position = serializers.IntegerField(source="planned.position")
    start = serializers.DateTimeField(source="planned.start")
    end = serializers.DateTimeField(source="planned.end")
    status = serializers.CharField(source="planned.operation.status")
    need_by = serializers.DateTimeField(allow_null=True)
    late = serializers.BooleanField()
    reason = serializers.CharField()


class RecommendationSerializer(serializers.Serializer[Any]):
    """A proposed change."""

    id = serializers.IntegerField(source="pk")
    work_centre = serializers.CharField(source="work_centre.code")
    title = serializers.CharField()
    reason = serializers.CharField()
    changes = serializers.JSONField()
    effect = serializers.JSONField()
    status = serializers.CharField()
    created_at = serializers.DateTimeField()
    override_reason = serializers.CharField()
    note = serializers.CharField()


class SequenceSerializer(serializers.Serializer[Any]):
    """The order of work of one work centre."""

    work_centre = serializers.CharField(source="centre.code")
    rows = QueueRowSerializer(many=True)
    recommendation = RecommendationSerializer(allow_null=True)


class OverrideSerializer(serializers.Serializer[Any]):
    """The floor's no."""

    reason = serializers.CharField(help_text="a reason code, for example MAT")
    note = serializers.CharField(required=False, allow_blank=True, max_length=200)


class SequenceView(APIView):
    """The published order of work."""

    permission_classes = (MayDo,)
    action_to_read = "sequence.view"

    @extend_schema(
        operation_id="sequence",
        parameters=[OpenApiParameter("work_centre", OpenApiTypes.STR, required=True)],
        responses={200: SequenceSerializer},
    )
    def get(self, request: Request) -> Response:
        """The order of one work centre, by its code."""
        code = request.query_params.get("work_centre", "")
        if not code:
            raise InvalidInput("sequence.work_centre", "Name a work centre.", "Add ?work_centre=CODE.")
        centre = (
            WorkCentre.objects.select_related("area__site")
            .filter(code=code, area__site__in=visible_site_ids(request.user))
            .first()
        )
        if centre is None:
            raise NotFound("sequence.work_centre", "There is no such work centre.")
        found = selectors.queues(centre.area.site, work_centre=centre, most=100)
        queue = found[0] if found else selectors.CentreQueue(centre=centre)
        return Response(SequenceSerializer(queue).data)


class ConfirmView(APIView):
    """Yes."""

    permission_classes = (MayDo,)
    action_required = "sequence.confirm"

    @extend_schema(
        operation_id="recommendations_confirm", request=None, responses={200: RecommendationSerializer}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Publish what was recommended."""
        user: Any = request.user
        return answer_once(
            request,
            lambda: Response(
                RecommendationSerializer(services.confirm(recommendation_id=pk, actor=user)).data
            ),
        )


class OverrideView(APIView):
    """No, and why."""

    permission_classes = (MayDo,)
    action_required = "sequence.override"

    @extend_schema(
        operation_id="recommendations_override",
        request=OverrideSerializer,
        responses={200: RecommendationSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Keep the published order, with a reason."""
        body = OverrideSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user: Any = request.user
        return answer_once(
            request,
            lambda: Response(
                RecommendationSerializer(
                    services.override(
                        recommendation_id=pk,
                        actor=user,
                        reason=body.validated_data["reason"],
                        note=body.validated_data.get("note", ""),
                    )
                ).data
            ),
        )
