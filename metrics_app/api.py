"""The four metrics over HTTP: any range, split by any dimension; whole past months as they were frozen."""

from dataclasses import asdict
from datetime import date
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core import clock
from core.errors import InvalidInput, NotFound
from metrics_app.compute import DIMENSIONS, Spread
from metrics_app.periods import Month, midnight
from metrics_app.selectors import figures_between, frozen
from plant_app.models import AdoptionStep, Site
from plant_app.permissions import MayDo
from plant_app.selectors import visible_sites


class SpreadSerializer(serializers.Serializer[Any]):
    """Durations in minutes."""

    count = serializers.IntegerField()
    median = serializers.FloatField(allow_null=True)
    p90 = serializers.FloatField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)


class ShareSerializer(serializers.Serializer[Any]):
    """A share in percent."""

    count = serializers.IntegerField()
    passed = serializers.IntegerField()
    percent = serializers.FloatField(allow_null=True)


class AdoptionStepSerializer(serializers.Serializer[AdoptionStep]):
    """From `since` on a site, or one exception type there, has a capability at a level (empty: its site's)."""

    since = serializers.DateTimeField()
    site = serializers.CharField(source="site.code")
    type = serializers.CharField(source="type.code", default="")
    capability = serializers.CharField()
    before = serializers.CharField()
    level = serializers.CharField()


class MetricsSerializer(serializers.Serializer[Any]):
    """The four metrics of a range."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    zone = serializers.CharField()
    sites = serializers.ListField(child=serializers.CharField())
    frozen = serializers.BooleanField()
    version = serializers.IntegerField()
    resolution = SpreadSerializer()
    alignment = SpreadSerializer()
    posting_lag = SpreadSerializer()
    first_pass = ShareSerializer()
    posting_lag_by_kind = serializers.DictField(child=SpreadSerializer())
    posting_lag_by_hand = SpreadSerializer(help_text="keyed into ERP by people; not part of the posting lag")
    adoption = AdoptionStepSerializer(many=True, help_text="what was switched on or off in the range")
    unaligned = serializers.ListField(child=serializers.CharField())
    oldest_open = serializers.JSONField(allow_null=True)
    by = serializers.JSONField(required=False)


class MetricsView(APIView):
    """Exception resolution time, cross-functional alignment time, ERP posting lag, first-pass resolution rate."""

    permission_classes = (MayDo,)
    action_to_read = "report.view"

    @extend_schema(
        operation_id="metrics",
        parameters=[
            OpenApiParameter("site", OpenApiTypes.STR, description="site code; all visible sites without it"),
            OpenApiParameter(
                "from", OpenApiTypes.DATE, description="first plant-local day; this month's by default"
            ),
            OpenApiParameter("to", OpenApiTypes.DATE, description="last plant-local day; today by default"),
            OpenApiParameter("by", OpenApiTypes.STR, enum=list(DIMENSIONS)),
        ],
        responses={200: MetricsSerializer},
    )
    def get(self, request: Request) -> Response:
        """Figures of a range of plant-local days; a whole past month is answered as it was frozen."""
        sites, site = _sites(request)
        by = request.query_params.get("by", "")
        if by and by not in DIMENSIONS:
            raise InvalidInput("metrics.by", f"by is one of {', '.join(DIMENSIONS)}.")
        zone = sites[0].timezone
        today = clock.today(zone)
        first, last = _day(request, "from") or today.replace(day=1), _day(request, "to") or today
        if last < first:
            raise InvalidInput("metrics.range", "The range ends before it begins.")
        start, end = midnight(first, zone), midnight(date.fromordinal(last.toordinal() + 1), zone)
        month = Month(first.year, first.month)
        whole = first == month.first() and date.fromordinal(last.toordinal() + 1) == month.next().first()
        report = (
            frozen(month, site)
            if whole and (site is not None or len(sites) == Site.objects.count())
            else None
        )
        figures = report.figures if report is not None else figures_between(start, end, sites).as_dict()
        answer = {
            **figures,
            "start": start,
            "end": end,
            "zone": zone,
            "sites": [row.code for row in sites],
            "frozen": report is not None,
            "adoption": AdoptionStep.objects.filter(site__in=sites, since__gte=start, since__lt=end)
            .select_related("site", "type")
            .order_by("since", "pk"),
        }
        answer.setdefault("posting_lag_by_hand", asdict(Spread()))
        answer["by"] = figures["by"][by] if by else {}
        return Response(MetricsSerializer(answer).data)


def _sites(request: Request) -> tuple[list[Site], Site | None]:
    visible = list(visible_sites(request.user).order_by("pk"))
    code = request.query_params.get("site", "")
    chosen = [site for site in visible if site.code == code] if code else visible
    if not chosen:
        raise NotFound("metrics.site", "There is no such site.")
    return chosen, chosen[0] if code else None


def _day(request: Request, name: str) -> date | None:
    raw = request.query_params.get(name, "")
    if not raw:
        return None
    try:
        return date.fromisoformat(raw)
    except ValueError:
        raise InvalidInput("metrics.day", f"{name} is a date like 2026-11-01.") from None
