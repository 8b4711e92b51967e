"""How well messages are read, over HTTP: per week, type and channel, by people's own word."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import InvalidInput, NotFound
from exceptions_app.services.learning.accuracy import WEEKS, Cell, Tally, accuracy_of
from plant_app.permissions import MayDo
from plant_app.selectors import visible_sites

MOST_WEEKS = 104


class TallyOut(serializers.Serializer[Any]):
    """Counts of judged readings."""

    count = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="accepted as read")
    type_asked = serializers.IntegerField()
    type_right = serializers.IntegerField()
    links_asked = serializers.IntegerField()
    links_right = serializers.IntegerField()
    dismissed = serializers.IntegerField()


class WeekOut(TallyOut):
    """A week, by its Monday, plant-local."""

    week = serializers.DateField()


class CellOut(TallyOut):
    """A type as read, on a channel; `mode` says who looks first, `ready` that it may be let open by itself."""

    type = serializers.CharField()
    channel = serializers.CharField()
    mode = serializers.CharField()
    ready = serializers.BooleanField()


class AccuracyOut(serializers.Serializer[Any]):
    """The reader's accuracy at a site."""

    site = serializers.CharField()
    since = serializers.DateTimeField()
    whole = TallyOut()
    weeks = WeekOut(many=True)
    cells = CellOut(many=True)
    mend = CellOut(allow_null=True, help_text="the type and channel where most was put right")


class AccuracyView(APIView):
    """Share of readings accepted unchanged, of types and of links that were right."""

    permission_classes = (MayDo,)
    action_to_read = "report.view"

    @extend_schema(
        operation_id="accuracy",
        parameters=[
            OpenApiParameter("site", OpenApiTypes.STR, description="site code; your first without it"),
            OpenApiParameter("weeks", OpenApiTypes.INT, description=f"how many weeks, {WEEKS} by default"),
        ],
        responses=AccuracyOut,
    )
    def get(self, request: Request) -> Response:
        """Figures of one site."""
        sites = visible_sites(request.user).order_by("code")
        code = request.query_params.get("site", "")
        site = sites.filter(code=code).first() if code else sites.first()
        if site is None:
            raise NotFound("plant.site", "There is no such site.")
        raw = request.query_params.get("weeks", str(WEEKS))
        if not raw.isdigit() or not 1 <= int(raw) <= MOST_WEEKS:
            raise InvalidInput("request.weeks", f"weeks is a number from 1 to {MOST_WEEKS}.")
        found = accuracy_of(site, weeks=int(raw))
        body = {
            "site": site.code,
            "since": found.since,
            "whole": _tally(found.whole),
            "weeks": [{"week": monday, **_tally(tally)} for monday, tally in found.weeks],
            "cells": [_cell(cell) for cell in found.cells],
            "mend": _cell(found.mend) if found.mend else None,
        }
        return Response(AccuracyOut(body).data)


def _tally(tally: Tally) -> dict[str, int]:
    return dict(vars(tally))


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "type": cell.type_code, "channel": cell.channel, "mode": cell.mode, "ready": cell.ready, **_tally(cell.tally)
    }  # fmt: skip
