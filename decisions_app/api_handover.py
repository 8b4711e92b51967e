"""Handover sheets over the API: the list, one sheet with its sections and figures, notes, the two signatures.

A signature stands for the person whose token it is. Refusals leave as problem documents.
"""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core import clock
from core.errors import NotFound
from decisions_app import services
from decisions_app.models import HandoverSheet
from decisions_app.services.handover import as_it_stands
from plant_app.models import User
from plant_app.permissions import MayDo
from plant_app.selectors import visible_site_ids

MOST = 100


class SheetOut(serializers.ModelSerializer[HandoverSheet]):
    """A sheet in a list."""

    site = serializers.CharField(source="site.code")
    area = serializers.CharField(source="area.code")
    shift = serializers.CharField(source="shift.code")
    outgoing = serializers.CharField(source="outgoing.username", default=None, allow_null=True)
    incoming = serializers.CharField(source="incoming.username", default=None, allow_null=True)
    late = serializers.SerializerMethodField()

    class Meta:
        model = HandoverSheet
        fields = (
            "id", "site", "area", "shift", "day", "starts_at", "ends_at", "due_at", "late", "outgoing", "outgoing_at",
            "incoming", "incoming_at", "notes", "look_first", "remarks", "version",
        )  # fmt: skip

    def get_late(self, sheet: HandoverSheet) -> bool:
        """Unsigned beyond its time."""
        return not sheet.complete and sheet.due_at <= clock.now()


class WholeSheetOut(SheetOut):
    """A sheet with what it says: frozen once signed, else as the records stand."""

    sections = serializers.SerializerMethodField()
    figures = serializers.SerializerMethodField()

    class Meta(SheetOut.Meta):
        fields = (*SheetOut.Meta.fields, "sections", "figures")  # type: ignore[assignment]

    def get_sections(self, sheet: HandoverSheet) -> list[dict[str, Any]]:
        """[{key, title, rows: [{what, detail, who, until, ref, level}]}]"""
        sections: list[dict[str, Any]] = self.context["drawn"][0]
        return sections

    def get_figures(self, sheet: HandoverSheet) -> dict[str, Any]:
        """Counts, pieces and minutes of the shift."""
        figures: dict[str, Any] = self.context["drawn"][1]
        return figures


class NotesIn(serializers.Serializer[Any]):
    """What the outgoing shift wants to say."""

    notes = serializers.CharField(max_length=4000, allow_blank=True)
    look_first = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=3, required=False
    )
    version = serializers.IntegerField(required=False)


class RemarksIn(serializers.Serializer[Any]):
    """What the incoming lead remarks."""

    remarks = serializers.CharField(max_length=2000, allow_blank=True, required=False)


class SheetApi(APIView):
    """Base: a sheet of a site the reader may see."""

    permission_classes = [IsAuthenticated, MayDo]
    action_required = "handover.sign"
    action_to_read = "plant.view"

    def sheet(self, request: Request, pk: int) -> HandoverSheet:
        found = (
            HandoverSheet.objects.filter(pk=pk, site__in=visible_site_ids(request.user))
            .select_related("site", "area", "shift", "outgoing", "incoming")
            .first()
        )
        if found is None:
            raise NotFound("handover.not_found", "There is no such sheet.")
        return found

    def user(self, request: Request) -> User:
        if not isinstance(request.user, User):
            raise NotFound("handover.not_found", "There is no such sheet.")
        return request.user

    def answer(self, request: Request, pk: int) -> Response:
        sheet = self.sheet(request, pk)
        return Response(WholeSheetOut(sheet, context={"drawn": as_it_stands(sheet, clock.now())}).data)


class SheetsView(SheetApi):
    """The sheets of the reader's sites."""

    @extend_schema(
        summary="Handover sheets, newest first, a hundred at most",
        parameters=[
            OpenApiParameter("area", str),
            OpenApiParameter("unsigned", bool, description="Only those that want a signature."),
        ],
        responses=SheetOut(many=True),
    )
    def get(self, request: Request) -> Response:
        rows = HandoverSheet.objects.filter(site__in=visible_site_ids(request.user)).select_related(
            "site", "area", "shift", "outgoing", "incoming"
        )
        if request.query_params.get("area"):
            rows = rows.filter(area__code=request.query_params["area"])
        if request.query_params.get("unsigned") in ("true", "1"):
            rows = rows.filter(incoming_at=None)
        return Response(SheetOut(rows[:MOST], many=True).data)


class SheetView(SheetApi):
    """One sheet."""

    @extend_schema(summary="A handover sheet with its sections and figures", responses=WholeSheetOut)
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(request, pk)


class NotesView(SheetApi):
    """Notes of the outgoing shift."""

    @extend_schema(summary="Write a sheet's notes", request=NotesIn, responses=WholeSheetOut)
    def post(self, request: Request, pk: int) -> Response:
        body = NotesIn(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        services.write_notes(
            sheet_id=self.sheet(request, pk).pk, actor=self.user(request), notes=given["notes"],
            look_first=given.get("look_first", []), expected_version=given.get("version"),
        )  # fmt: skip
        return self.answer(request, pk)


class SignOutgoingView(SheetApi):
    """The outgoing lead signs."""

    @extend_schema(summary="Sign a sheet as the outgoing lead", request=None, responses=WholeSheetOut)
    def post(self, request: Request, pk: int) -> Response:
        services.sign_outgoing(sheet_id=self.sheet(request, pk).pk, person=self.user(request), by="token")
        return self.answer(request, pk)


class SignIncomingView(SheetApi):
    """The incoming lead signs."""

    @extend_schema(summary="Sign a sheet as the incoming lead", request=RemarksIn, responses=WholeSheetOut)
    def post(self, request: Request, pk: int) -> Response:
        body = RemarksIn(data=request.data)
        body.is_valid(raise_exception=True)
        services.sign_incoming(
            sheet_id=self.sheet(request, pk).pk, person=self.user(request),
            remarks=body.validated_data.get("remarks", ""), by="token",
        )  # fmt: skip
        return self.answer(request, pk)
