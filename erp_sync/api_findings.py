"""What comparisons found, over HTTP: the list with owner and age, and the verbs. Parses, calls a service, renders."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api import KeysetPagination
from core.errors import NotFound
from erp_sync import services
from erp_sync.api import TAG, person_named, person_of
from erp_sync.filters import Listed
from erp_sync.findings import NEXT_STEP, in_words, visible_findings
from erp_sync.models import FindingCare, FindingKind, FindingStep
from erp_sync.serializers import VerbIn
from plant_app.idempotency import HEADER, answer_once
from plant_app.models import User
from plant_app.permissions import MayDo

_KEY = OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, description="A repeat gets the first answer.")


class FindingFilter(filters.FilterSet):
    """`settled=false&owner=none&kind=missing_there&connection=main`."""

    settled = filters.BooleanFilter(
        field_name="settled_at", lookup_expr="isnull", exclude=True, label="looked at and explained"
    )
    owner = filters.CharFilter(method="by_owner", label="username, or `none` for those nobody looks after")
    kind = filters.MultipleChoiceFilter(choices=FindingKind.choices)
    connection = Listed(field_name="connection__code")
    business_key = filters.CharFilter(field_name="business_key")

    class Meta:
        model = FindingCare
        fields = ("settled", "kind")

    def by_owner(self, rows: QuerySet[FindingCare], name: str, value: str) -> QuerySet[FindingCare]:
        return rows.filter(owner__isnull=True) if value == "none" else rows.filter(owner__username=value)


class FindingStepOut(serializers.ModelSerializer[FindingStep]):
    """One hand laid on a finding; `actor` is empty where a comparison found other values."""

    actor = serializers.CharField(source="actor.username", default="")

    class Meta:
        model = FindingStep
        fields = ("verb", "actor", "at", "remark", "before", "after")
        read_only_fields = fields


class FindingOut(serializers.ModelSerializer[FindingCare]):
    """One difference that stands, with both sides as last found."""

    connection = serializers.CharField(source="connection.code")
    posting = serializers.IntegerField(source="posting_id", allow_null=True, help_text="id of our posting")
    owner = serializers.CharField(source="owner.username", default="", help_text="who looks after it")
    settled_by = serializers.CharField(source="settled_by.username", default="")
    last_found_at = serializers.DateTimeField(source="last_run.started_at", default=None, allow_null=True)
    next_step = serializers.SerializerMethodField(help_text="what to do about it, in words")

    class Meta:
        model = FindingCare
        fields = (
            "id", "connection", "kind", "posting", "business_key", "erp_number", "ours", "theirs", "first_found_at",
            "last_found_at", "owner", "settled_at", "settled_by", "remark", "next_step", "version",
        )  # fmt: skip
        read_only_fields = fields

    def get_next_step(self, care: FindingCare) -> str:
        return "" if care.settled else NEXT_STEP[care.kind]


class FindingInFull(FindingOut):
    """With every hand laid on it."""

    steps = FindingStepOut(many=True)

    class Meta(FindingOut.Meta):
        fields = (*FindingOut.Meta.fields, "steps")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class FindingAssignIn(VerbIn):
    owner = serializers.CharField(allow_blank=True, help_text="username; empty: nobody")
    remark = serializers.CharField(max_length=300, required=False, default="")


class FindingRemarkIn(VerbIn):
    remark = serializers.CharField(max_length=300, help_text="what explains it")


class FindingReopenIn(VerbIn):
    remark = serializers.CharField(max_length=300, required=False, default="")


class FindingsView(ListAPIView[FindingCare]):
    """What comparisons of outbox and ERP found and still stands, newest first; settled ones for some days."""

    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = "posting.view"
    serializer_class = FindingOut
    pagination_class = KeysetPagination
    filterset_class = FindingFilter

    def get_queryset(self) -> QuerySet[FindingCare]:
        if getattr(self, "swagger_fake_view", False):
            return FindingCare.objects.none()
        return in_words(visible_findings(self.request.user)).order_by("-pk")

    @extend_schema(operation_id="findings_list", tags=TAG)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class FindingView(APIView):
    """One finding with its story."""

    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = "posting.view"

    @extend_schema(operation_id="findings_read", tags=TAG, responses={200: FindingInFull})
    def get(self, request: Request, pk: int) -> Response:
        return Response(_in_full(request, pk))


@dataclass(frozen=True)
class Verb:
    """A service, what it is asked with, and what it does in words."""

    act: Callable[..., Any]
    asks: type[serializers.Serializer[Any]]
    words: str


def _assign(*, care_id: int, actor: User, owner: str, remark: str, version: int | None) -> FindingCare:
    return services.assign_finding(
        care_id=care_id, actor=actor, owner=person_named(owner), remark=remark, version=version
    )


VERBS: dict[str, Verb] = {
    "assign": Verb(_assign, FindingAssignIn, "Give this finding to somebody who looks after it."),
    "settle": Verb(
        services.settle_finding,
        FindingRemarkIn,
        "Looked at and explained: it counts no longer, until a comparison finds other values.",
    ),
    "reopen": Verb(services.reopen_finding, FindingReopenIn, "Open this finding again."),
    "send-anew": Verb(
        services.send_anew,
        FindingRemarkIn,
        "ERP lost the document: post it once more under a key of its own, and settle the finding with that.",
    ),
}


def verb_view(verb: str) -> type[APIView]:
    """The view class of one verb, with its own request shape in the schema."""
    known = VERBS[verb]

    def post(self: APIView, request: Request, pk: int) -> Response:
        asked = known.asks(data=request.data)
        asked.is_valid(raise_exception=True)

        def run() -> Response:
            known.act(care_id=pk, actor=person_of(request), **asked.validated_data)
            return Response(_in_full(request, pk))

        return answer_once(request, run)

    documented = extend_schema(
        operation_id=f"findings_{verb.replace('-', '_')}",
        tags=TAG,
        request=known.asks,
        responses={200: FindingInFull},
        parameters=[_KEY],
        description=known.words,
    )(post)
    members = {
        "post": documented,
        "permission_classes": [IsAuthenticated, MayDo],
        "action_required": "posting.edit",
    }
    return type("Finding" + verb.title().replace("-", "") + "View", (APIView,), members)


def _in_full(request: Request, pk: int) -> Any:
    """One finding, also where it no longer stands."""
    care = in_words(visible_findings(request.user, standing=False)).filter(pk=pk).first()
    if care is None:
        raise NotFound("erp.no_finding", "There is no such finding.")
    return FindingInFull(care).data
