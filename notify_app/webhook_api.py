"""The delivery log of webhooks over HTTP, and sending settled messages again: for administrators of the sites told of.

A message about a record belongs to the record's site, a test message to all of its endpoint's. Keys are never shown.
"""

from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api import KeysetPagination
from core.errors import NotFound
from notify_app import services
from notify_app.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookStatus
from plant_app.idempotency import HEADER, answer_once
from plant_app.models import User
from plant_app.permissions import MayDo, require
from plant_app.selectors import can, visible_site_ids

ACTION = "webhook.manage"
TAG = ["webhooks"]
_KEY = OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, description="A repeat gets the first answer.")


class WebhookTryOut(serializers.ModelSerializer[WebhookAttempt]):
    """One try, and what the receiver said."""

    class Meta:
        model = WebhookAttempt
        fields = ("number", "started_at", "finished_at", "status_code", "accepted", "problem", "excerpt")


class WebhookDeliveryOut(serializers.ModelSerializer[WebhookDelivery]):
    """One message to one endpoint, and where it stands."""

    endpoint_name = serializers.CharField(source="endpoint.name")
    exception = serializers.CharField(source="exception.ref", default=None, allow_null=True)
    replayed_by = serializers.CharField(source="replayed_by.username", default=None, allow_null=True)

    class Meta:
        model = WebhookDelivery
        fields = (
            "id", "message_id", "endpoint", "endpoint_name", "type", "exception", "status", "attempts", "created_at",
            "due_at", "expires_at", "delivered_at", "settled_at", "error", "replayed_at", "replayed_by",
        )  # fmt: skip


class WebhookDeliveryInFull(WebhookDeliveryOut):
    """A message with its text and every try."""

    body = serializers.CharField(help_text="the text as it is sent, JSON")
    tries = WebhookTryOut(many=True)

    class Meta(WebhookDeliveryOut.Meta):
        fields = (*WebhookDeliveryOut.Meta.fields, "body", "tries")  # type: ignore[assignment]


class ReplaySince(serializers.Serializer[Any]):
    """From when on what was given up is sent again."""

    since = serializers.DateTimeField(help_text="given up at or after this moment")


class Replayed(serializers.Serializer[Any]):
    """How many messages are sent again."""

    count = serializers.IntegerField()


class DeliveryFilter(filters.FilterSet):
    """`status=dead&endpoint=3&exception=EX-2026-000123&type=exception.decided`."""

    status = filters.MultipleChoiceFilter(choices=WebhookStatus.choices)
    endpoint = filters.NumberFilter(field_name="endpoint_id")
    exception = filters.CharFilter(field_name="exception__ref")
    type = filters.CharFilter()
    created = filters.IsoDateTimeFromToRangeFilter(field_name="created_at")

    class Meta:
        model = WebhookDelivery
        fields = ("status", "endpoint", "exception", "type")


def deliveries_for(user: Any) -> QuerySet[WebhookDelivery]:
    """Messages about records of the sites `user` administers, and test messages of endpoints that tell of no others."""
    mine = frozenset(pk for pk in visible_site_ids(user) if can(user, ACTION, pk))
    elsewhere = WebhookEndpoint.sites.through.objects.exclude(site__in=mine).values("webhookendpoint")
    whole = WebhookEndpoint.objects.filter(sites__in=mine).exclude(pk__in=elsewhere)
    return WebhookDelivery.objects.filter(
        Q(exception__site__in=mine) | Q(exception=None, endpoint__in=whole)
    ).select_related("endpoint", "exception", "replayed_by")


class DeliveriesView(ListAPIView[WebhookDelivery]):
    """The log, the newest first."""

    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = ACTION
    serializer_class = WebhookDeliveryOut
    pagination_class = KeysetPagination
    filterset_class = DeliveryFilter
    queryset = WebhookDelivery.objects.none()

    @extend_schema(operation_id="webhook_deliveries_list", tags=TAG)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        if getattr(self, "swagger_fake_view", False):
            return WebhookDelivery.objects.none()
        return deliveries_for(self.request.user)


class DeliveryView(APIView):
    """One message."""

    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = ACTION

    @extend_schema(
        operation_id="webhook_deliveries_retrieve", tags=TAG, responses={200: WebhookDeliveryInFull}
    )
    def get(self, request: Request, pk: int) -> Response:
        """One message with its text and the receiver's answers."""
        return Response(WebhookDeliveryInFull(_delivery(request, pk)).data)


class ReplayView(APIView):
    """One message again."""

    permission_classes = [IsAuthenticated, MayDo]
    action_required = ACTION

    @extend_schema(
        operation_id="webhook_deliveries_replay", tags=TAG, parameters=[_KEY], request=None,
        responses={200: WebhookDeliveryOut},
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        """Send a settled message again with its id and text, once per Idempotency-Key. 409 while it is being tried."""
        delivery, user = _delivery(request, pk), _administrator(request)
        return answer_once(
            request,
            lambda: Response(
                WebhookDeliveryOut(services.replay(delivery_id=delivery.pk, actor=user)).data
            ),
        )  # fmt: skip


class ReplayFailedView(APIView):
    """All that was given up again."""

    permission_classes = [IsAuthenticated, MayDo]
    action_required = ACTION

    @extend_schema(
        operation_id="webhook_endpoints_replay", tags=TAG, parameters=[_KEY], request=ReplaySince,
        responses={200: Replayed},
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        """Send everything an endpoint's receiver did not take since a moment again, in order.

        Needs the administrator's role at every site the endpoint hears of.
        """
        user = _administrator(request)
        endpoint = WebhookEndpoint.objects.filter(pk=pk, sites__in=visible_site_ids(user)).first()
        if endpoint is None:
            raise NotFound("webhooks.endpoint", "There is no such endpoint.")
        for site in endpoint.sites.all():
            require(user, ACTION, site)
        asked = ReplaySince(data=request.data)
        asked.is_valid(raise_exception=True)

        def run() -> Response:
            count = services.replay_failed(
                endpoint_id=endpoint.pk, since=asked.validated_data["since"], actor=user
            )
            return Response(Replayed({"count": count}).data)

        return answer_once(request, run)


def _administrator(request: Request) -> User:
    user = request.user
    if not isinstance(user, User):
        raise NotFound("webhooks.none", "There is no such message.")
    return user


def _delivery(request: Request, pk: int) -> WebhookDelivery:
    found = deliveries_for(request.user).filter(pk=pk).first()
    if found is None:
        raise NotFound("webhooks.none", "There is no such message.")
    return found
