"""The composed read of one exception: what the page shows, for programs."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from boards_app.selectors.record.talk import comments_of
from boards_app.serializers import ExceptionInFull
from core import clock
from decisions_app.selectors import tasks_of
from erp_sync.models import Posting
from exceptions_app import selectors
from plant_app.permissions import MayView


class ExceptionView(APIView):
    """One exception in full."""

    permission_classes = [IsAuthenticated, MayView]

    @extend_schema(operation_id="exceptions_retrieve", tags=["exceptions"], responses={200: ExceptionInFull})
    def get(self, request: Request, ref: str) -> Response:
        """Everything about it: timeline (oldest first), responses, signals, decisions, tasks, postings, comments."""
        exception: Any = selectors.exception_by_ref(request.user, ref)
        exception.timeline = selectors.timeline(exception, newest_first=False)
        exception.everyone = selectors.response_board(exception)
        exception.signals = selectors.signals_of(exception)
        exception.taken = list(
            exception.decisions.select_related("option", "decided_by", "reversed_by").order_by("number")
        )
        exception.decision = next((one for one in reversed(exception.taken) if one.in_force), None)
        exception.work = list(tasks_of(exception))
        exception.postings = list(
            Posting.objects.filter(link__exception=exception).select_related("connection").order_by("pk")
        )
        exception.talk = comments_of(exception)
        rules = exception.route.version.number if exception.route else None
        context = {"now": clock.now(), "rules": rules, "request": request}
        return Response(ExceptionInFull(exception, context=context).data)
