"""The webhooks as the API's documentation describes them. Shapes only; `services.webhooks` writes the bodies."""

from typing import Any

from drf_spectacular.utils import OpenApiWebhook, extend_schema
from rest_framework import serializers

from exceptions_app.models import EventKind
from exceptions_app.models.records import STATUS_CHOICES
from notify_app.webhooks import message
from plant_app.models import Severity


class WebhookEventPart(serializers.Serializer[Any]):
    """What happened."""

    id = serializers.IntegerField(help_text="Rises within one record; also its order.")
    kind = serializers.ChoiceField(choices=EventKind.choices)
    via = serializers.CharField(allow_blank=True, help_text="station, inbox, link, api, system")
    details = serializers.DictField(
        help_text="Codes and numbers of the event: function, level, option, posting..."
    )


class WebhookExceptionState(serializers.Serializer[Any]):
    """The record as it stood when the message was written, moments after the event."""

    ref = serializers.CharField()
    url = serializers.CharField(help_text="Its page, for people.")
    title = serializers.CharField()
    type = serializers.CharField()
    status = serializers.ChoiceField(choices=STATUS_CHOICES)
    severity = serializers.ChoiceField(choices=Severity.choices)
    urgency = serializers.CharField()
    version = serializers.IntegerField()
    site = serializers.CharField()
    area = serializers.CharField(allow_null=True)
    work_centre = serializers.CharField(allow_null=True)
    work_unit = serializers.CharField(allow_null=True)
    owner_function = serializers.CharField()
    parent = serializers.CharField(  # type: ignore[assignment]  # the base class has a `parent` of its own
        allow_null=True, help_text="Null also where the endpoint may not know it."
    )
    merged_into = serializers.CharField(allow_null=True)
    occurred_at = serializers.DateTimeField()
    captured_at = serializers.DateTimeField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    aligned_at = serializers.DateTimeField(allow_null=True)
    contained_at = serializers.DateTimeField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    cleared_at = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    window_until = serializers.DateTimeField(allow_null=True)


class WebhookExceptionData(serializers.Serializer[Any]):
    """The event and its record."""

    event = WebhookEventPart()
    exception = WebhookExceptionState()


class WebhookExceptionEvent(serializers.Serializer[Any]):
    """One event of one record."""

    type = serializers.ChoiceField(choices=[message.type_of(kind.value) for kind in message.PUBLISHED])
    timestamp = serializers.DateTimeField(help_text="When it happened.")
    data = WebhookExceptionData()  # type: ignore[assignment]  # the base class has a `data` of its own


class WebhookTestData(serializers.Serializer[Any]):
    """Who was asked to be tried."""

    endpoint = serializers.CharField()
    sites = serializers.ListField(child=serializers.CharField())


class WebhookTest(serializers.Serializer[Any]):
    """A test message, sent from the admin."""

    type = serializers.ChoiceField(choices=[message.TEST])
    timestamp = serializers.DateTimeField()
    data = WebhookTestData()  # type: ignore[assignment]  # the base class has a `data` of its own


_SIGNED = (
    "Standard Webhooks scheme: `webhook-id` (the same at every try), `webhook-timestamp` (seconds, of the "
    "try) and `webhook-signature` (`v1,` and base64 of HMAC-SHA256 over id.timestamp.body; one per key in force)."
)


def _described(operation_id: str, summary: str, body: type[serializers.Serializer[Any]]) -> Any:
    return extend_schema(
        operation_id=operation_id, summary=summary, description=_SIGNED, request=body, tags=["webhooks"],
        responses={"2XX": None, "410": None, "429": None}, auth=[],
    )  # fmt: skip


exception_event = OpenApiWebhook(
    name="exceptionEvent",
    decorator=_described("webhook_exception_event", "An event of an exception", WebhookExceptionEvent),
)
webhook_test = OpenApiWebhook(
    name="webhookTest", decorator=_described("webhook_test", "A test message", WebhookTest)
)
