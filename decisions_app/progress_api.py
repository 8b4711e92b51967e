"""Progress of work over HTTP: machines and people say what was begun, counted, stopped and finished."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import NotFound
from decisions_app import services
from plant_app.idempotency import answer_once
from plant_app.models import Operation, ProgressReport, WorkUnit
from plant_app.permissions import MayDo, require
from plant_app.selectors.access import can


class ProgressSerializer(serializers.Serializer[Any]):
    """What the floor says of an operation."""

    kind = serializers.ChoiceField(choices=ProgressReport.Kind.choices)
    good = serializers.DecimalField(max_digits=15, decimal_places=3, min_value=0, default=Decimal(0))
    scrap = serializers.DecimalField(max_digits=15, decimal_places=3, min_value=0, default=Decimal(0))
    at = serializers.DateTimeField(required=False)
    work_unit = serializers.CharField(required=False)
    version = serializers.IntegerField(required=False)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=20)


class ProgressOutSerializer(serializers.Serializer[Any]):
    """Where the operation stands, and the confirmation on its way to ERP, if it called for one."""

    operation = serializers.IntegerField(source="pk")
    status = serializers.CharField()
    good = serializers.DecimalField(max_digits=15, decimal_places=3)
    scrap = serializers.DecimalField(max_digits=15, decimal_places=3)
    version = serializers.IntegerField()


class ProgressView(APIView):
    """Progress of work: begun, counted, stopped, finished."""

    permission_classes = (MayDo,)
    action_required = "progress.report"

    @extend_schema(
        operation_id="operations_progress", request=ProgressSerializer, responses={200: ProgressOutSerializer}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Take the report; counts, stops and finishes confirm to ERP."""
        operation = Operation.objects.select_related("work_order__site").filter(pk=pk).first()
        if operation is None or not can(request.user, "plant.view", operation.work_order.site_id):
            raise NotFound("operation.not_found", "There is no such operation.")
        require(request.user, self.action_required, operation.work_order.site_id)
        body = ProgressSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        unit = None
        if data.get("work_unit"):
            unit = WorkUnit.objects.filter(
                code=data["work_unit"], work_centre__area__site_id=operation.work_order.site_id
            ).first()
            if unit is None:
                raise NotFound("operation.no_unit", "There is no such work unit at this site.")

        def run() -> Response:
            services.report_progress(
                operation_id=pk,
                kind=data["kind"],
                good=data["good"],
                scrap=data["scrap"],
                at=data.get("at"),
                person=request.user,  # type: ignore[arg-type]
                work_unit=unit,
                expected_version=data.get("version"),
                reason_code=data.get("reason", ""),
            )
            operation.refresh_from_db()
            return Response(ProgressOutSerializer(operation).data)

        return answer_once(request, run)
