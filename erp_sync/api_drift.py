"""Drift and comparisons over HTTP: what ERP believes against what is known here. Parses, reads, renders."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from erp_sync.api import TAG, site_of
from erp_sync.drift import Drift, DriftKind, drift
from plant_app.permissions import MayDo


class DriftPostingOut(serializers.Serializer[Any]):
    """A posting that explains a difference."""

    id = serializers.IntegerField(source="pk")
    business_key = serializers.CharField()
    kind = serializers.CharField()
    status = serializers.CharField()
    held_reason = serializers.CharField(allow_blank=True)


class DriftRowOut(serializers.Serializer[Any]):
    """One value ERP and this layer have differently."""

    kind = serializers.ChoiceField(choices=DriftKind.choices)
    target = serializers.CharField(help_text="item, lot, work_order, sales_line or purchase_line")
    target_id = serializers.IntegerField()
    subject = serializers.CharField()
    field = serializers.CharField()
    erp = serializers.CharField(allow_blank=True, help_text="what ERP believes, as last read")
    ours = serializers.CharField(allow_blank=True, help_text="what is in force here")
    uom = serializers.CharField(allow_blank=True)
    read_at = serializers.DateTimeField(allow_null=True)
    explained = serializers.BooleanField(
        help_text="postings on their way, or work under way, account for all of it"
    )
    stuck = serializers.BooleanField(help_text="one of them waits for a person")
    unsent = serializers.CharField(allow_blank=True, help_text="what no posting accounts for")
    next_report = serializers.BooleanField(
        help_text="that goes with the next report of the operation under way"
    )
    postings = DriftPostingOut(many=True)


class DriftOut(serializers.Serializer[Any]):
    """A site's differences, unexplained first."""

    unexplained = serializers.IntegerField()
    more = serializers.BooleanField(help_text="rows were left out")
    read = serializers.DictField(child=serializers.DateTimeField(allow_null=True))
    rows = DriftRowOut(many=True)


class DriftView(APIView):
    """What ERP believes of stock, order status, dates and quantities against what this layer knows."""

    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = "posting.view"

    @extend_schema(
        operation_id="drift_read",
        tags=TAG,
        parameters=[OpenApiParameter("site", str, required=True, description="code of the site")],
        responses={200: DriftOut},
        description="Each difference with the postings on their way (or stuck) that explain it.",
    )
    def get(self, request: Request) -> Response:
        site = site_of(request, request.query_params.get("site", ""), "posting.view")
        found: Drift = drift(site, request.user)
        return Response(DriftOut(found).data)
