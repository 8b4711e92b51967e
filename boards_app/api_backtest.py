"""`GET /api/v1/rules/backtest/`: what publishing the draft would change, for a pipeline that wants to know first."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from boards_app.selectors.backtest import page_of
from routing_app.api import IsRuleAdministrator
from routing_app.backtest import ASPECTS
from routing_app.services import backtest
from routing_app.services.backtesting import LONGEST


class BacktestQuery(serializers.Serializer[Any]):
    months = serializers.IntegerField(default=3, min_value=1, max_value=LONGEST)
    aspect = serializers.ChoiceField(choices=list(ASPECTS.items()), required=False, default="")
    page = serializers.IntegerField(default=1, min_value=1)


class ChangedRecord(serializers.Serializer[Any]):
    case = serializers.IntegerField(help_text="Id of the stored routing case.")
    ref = serializers.CharField(help_text="The exception; empty where the case was no exception's.")
    at = serializers.DateTimeField()
    type = serializers.CharField()
    aspects = serializers.ListField(child=serializers.CharField(), help_text="In what it differs.")
    before = serializers.JSONField(help_text="What the published rules make of it.")
    after = serializers.JSONField(help_text="What the draft makes of it.")
    reroute_saved = serializers.BooleanField()
    reroute_caused = serializers.BooleanField()
    minutes_saved = serializers.FloatField()


class RoleLoad(serializers.Serializer[Any]):
    role = serializers.CharField()
    asked_before = serializers.IntegerField(help_text="Openings that asked the role for an answer.")
    asked_after = serializers.IntegerField()
    told_before = serializers.IntegerField(
        help_text="Openings that told the role, answers asked for included."
    )
    told_after = serializers.IntegerField()
    added = serializers.IntegerField()
    hours = serializers.DictField(
        child=serializers.IntegerField(), help_text="Added notices by hour of the plant's day, where any."
    )
    shifts = serializers.DictField(child=serializers.IntegerField(), help_text="The same by shift code.")


class BacktestAnswer(serializers.Serializer[Any]):
    version = serializers.IntegerField(help_text="The published version the draft is held against.")
    months = serializers.IntegerField()
    since = serializers.DateTimeField()
    stored = serializers.IntegerField(help_text="Openings stored in that time.")
    replayed = serializers.IntegerField(help_text="Of these the newest, at most 10,000.")
    changed = serializers.IntegerField()
    aspects = serializers.DictField(child=serializers.IntegerField())
    catch_all_before = serializers.IntegerField()
    catch_all_after = serializers.IntegerField()
    reroutes_saved = serializers.IntegerField()
    reroutes_caused = serializers.IntegerField()
    minutes_saved = serializers.FloatField()
    acknowledged_late = serializers.IntegerField(
        help_text="Acknowledged after the draft's limit, though within the published one."
    )
    load = RoleLoad(many=True)
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    results = ChangedRecord(many=True)


class BacktestView(APIView):
    """Replay stored cases against the draft."""

    permission_classes = [IsRuleAdministrator]

    @extend_schema(
        operation_id="rules_backtest",
        tags=["rules"],
        parameters=[
            OpenApiParameter(
                "months", int, description="How far back, in months of 30 days; 1 to 24, else 3."
            ),
            OpenApiParameter(
                "aspect", str, enum=list(ASPECTS), description="Only records that differ in this."
            ),
            OpenApiParameter("page", int, description="Page of the changed records, 50 each."),
        ],
        responses={200: BacktestAnswer},
    )
    def get(self, request: Request) -> Response:
        """The draft against the published rules on the openings of the last months, newest first."""
        asked = BacktestQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        found = backtest(months=given["months"])
        page = page_of(found, aspect=given["aspect"], number=given["page"])
        report, totals = found.report, page["totals"]
        return Response(
            {
                "version": found.version,
                "months": found.months,
                "since": found.since,
                "stored": found.stored,
                "replayed": report.replayed,
                "changed": len(report.changes),
                "aspects": {code: report.aspects[code] for code in ASPECTS},
                "catch_all_before": report.caught_before,
                "catch_all_after": report.caught_after,
                "reroutes_saved": totals.saved,
                "reroutes_caused": totals.caused,
                "minutes_saved": round(totals.minutes, 1),
                "acknowledged_late": totals.late,
                "load": [{**row, **_when(page, row["role"])} for row in page["load"]],
                "page": page["page"],
                "pages": page["pages"],
                "results": [_record(row) for row in page["rows"]],
            }
        )


def _when(page: dict[str, Any], role: str) -> dict[str, Any]:
    """A role's added notices by hour and by shift, only where there are any."""
    hours: list[dict[str, Any]] = next((row["hours"] for row in page["hours"] if row["role"] == role), [])
    shifts: list[dict[str, Any]] = next(
        (row["shifts"] for row in page["by_shift"] if row["role"] == role), []
    )
    return {
        "hours": {str(hour): cell["added"] for hour, cell in enumerate(hours) if cell["added"]},
        "shifts": {
            code: cell["added"] for code, cell in zip(page["shifts"], shifts, strict=False) if cell["added"]
        },
    }


def _record(row: dict[str, Any]) -> dict[str, Any]:
    effect = row["effect"]
    return {
        "case": row["case"],
        "ref": row["ref"],
        "at": row["at"],
        "type": row["type"],
        "aspects": row["aspects"],
        "before": row["before"].as_dict(),
        "after": row["after"].as_dict(),
        "reroute_saved": effect.saved,
        "reroute_caused": effect.caused,
        "minutes_saved": round(effect.minutes, 1),
    }
