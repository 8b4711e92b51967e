"""The API of yeses: asked for on a record, answered by whoever holds the role, listed for who may answer."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import NotFound
from decisions_app import services
from decisions_app.api import DecideSerializer
from decisions_app.models import Approval
from decisions_app.services.asked import need_words
from exceptions_app.selectors import exception_by_ref, visible_to
from plant_app.idempotency import answer_once
from plant_app.permissions import MayDo, MayView, require


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    """A yes asked for: of which role, why, by when, and what came of it."""

    ref = serializers.CharField(source="exception.ref")
    option = serializers.CharField(source="option.code")
    option_name = serializers.CharField(source="option.name")
    person = serializers.CharField(source="person.username", default=None, allow_null=True)
    asked_by = serializers.CharField(source="asked_by.username")
    answered_by = serializers.CharField(source="answered_by.username", default=None, allow_null=True)
    decision = serializers.IntegerField(source="decision.number", default=None, allow_null=True)
    words = serializers.SerializerMethodField()

    class Meta:
        model = Approval
        fields = (
            "id", "ref", "number", "option", "option_name", "why", "words", "role", "person", "inputs", "cost",
            "reason", "asked_by", "asked_at", "due_at", "reminded", "status", "answered_by", "answered_at", "answer",
            "end_code", "decision",
        )  # fmt: skip

    def get_words(self, row: Approval) -> str:
        """Why it is asked, with the amount."""
        return need_words(row)


class AnswerSerializer(serializers.Serializer[Any]):
    """What is said with a yes (may be empty) or a no (must not be)."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=300)


class RecordApprovalsView(APIView):
    """The yeses of one record."""

    permission_classes = (MayDo,)
    action_required = "exception.decide"
    action_to_read = "exception.view"

    @extend_schema(operation_id="exceptions_approvals", responses={200: ApprovalSerializer(many=True)})
    def get(self, request: Request, ref: str) -> Response:
        """Every yes asked for on the record, newest first."""
        exception = exception_by_ref(request.user, ref)
        rows = exception.approvals.select_related("option", "asked_by", "answered_by", "person", "decision")
        return Response(ApprovalSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="exceptions_ask_approval",
        request=DecideSerializer,
        responses={201: ApprovalSerializer(many=True)},
    )
    def post(self, request: Request, ref: str) -> Response:
        """Ask for the yeses an option needs; it is decided when the last is given."""
        exception = exception_by_ref(request.user, ref)
        require(request.user, self.action_required, exception.site_id)
        body = DecideSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data

        def run() -> Response:
            rows = services.ask_approval(
                exception_id=exception.pk,
                option_code=data["option"],
                inputs=data.get("inputs") or {},
                actor=request.user,  # type: ignore[arg-type]
                reason=data.get("reason", ""),
                expected_version=data.get("version"),
                via="api",
            )
            return Response(ApprovalSerializer(rows, many=True).data, status=201)

        return answer_once(request, run)


class WaitingApprovalsView(APIView):
    """What waits for the caller's yes."""

    permission_classes = (MayView,)

    @extend_schema(operation_id="approvals_waiting", responses={200: ApprovalSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Requests the caller may answer now, the most urgent first."""
        rows = services.approvals_waiting_for(request.user)  # type: ignore[arg-type]
        return Response(ApprovalSerializer(rows, many=True).data)


class AnswerApprovalView(APIView):
    """Yes, no, or taken back."""

    permission_classes = (MayDo,)
    action_required = "exception.decide"

    @extend_schema(
        operation_id="approvals_answer", request=AnswerSerializer, responses={200: ApprovalSerializer}
    )
    def post(self, request: Request, pk: int, answer: str) -> Response:
        """`approve`, `refuse` (with a reason) or `withdraw`; what no longer stands as asked comes back `stale`."""
        row = Approval.objects.filter(pk=pk, exception__in=visible_to(request.user)).first()
        if row is None or answer not in ("approve", "refuse", "withdraw"):
            raise NotFound("approvals.none", "There is no such request.")
        require(request.user, self.action_required, row.exception.site_id)
        body = AnswerSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        words = body.validated_data.get("reason", "")
        user: Any = request.user

        def run() -> Response:
            if answer == "approve":
                found = services.approve(approval_id=pk, actor=user, note_text=words, via="api")
            elif answer == "refuse":
                found = services.refuse_approval(approval_id=pk, actor=user, reason=words, via="api")
            else:
                found = services.withdraw_approval(approval_id=pk, actor=user, via="api")
            return Response(ApprovalSerializer(found).data)

        return answer_once(request, run)
