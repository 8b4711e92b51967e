"""Shapes of the exceptions API: what comes in, what goes out. No queries beyond what the selectors loaded."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from exceptions_app.models import Attachment, Channel, ExceptionRecord, Response, SignalReading
from exceptions_app.services.records.links import summary
from plant_app.models import Duty, User


class SignalIn(serializers.Serializer[Any]):
    """One message for `POST /signals/`."""

    channel = serializers.ChoiceField(choices=Channel.choices, default=Channel.API)
    external_id = serializers.CharField(
        max_length=200, help_text="Your own id of this message; a repeat gets the first answer."
    )
    text = serializers.CharField(
        required=False, allow_blank=True, default="", trim_whitespace=False, max_length=100_000
    )
    fields = serializers.DictField(
        required=False, default=dict, help_text="Known answers by name: type, work_unit, item, quantity, ..."
    )  # type: ignore[assignment]
    occurred_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    reporter = serializers.CharField(required=False, allow_blank=True, default="", max_length=120)
    site = serializers.CharField(max_length=20, help_text="Code of the site.")


class SignalUpload(serializers.Serializer[Any]):
    """`POST /signals/` as multipart: the message as a JSON document, and files beside it."""

    signal = serializers.CharField(help_text="The JSON document a message without files would be.")
    attachment = serializers.ListField(
        child=serializers.FileField(),
        required=False,
        help_text="Photos, voice notes, files; any part name counts.",
    )


class AttachmentOut(serializers.ModelSerializer[Attachment]):
    """One piece that came with a signal; `url` opens it once it is kept, `why` says why one is not."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Attachment
        fields = ("id", "kind", "name", "content_type", "size", "status", "why", "url")

    def get_url(self, row: Attachment) -> str:
        return reverse("api-attachment", args=[row.pk]) if row.shown else ""


class PersonOut(serializers.ModelSerializer[User]):
    """A person, as short as it gets."""

    name = serializers.CharField(source="__str__")

    class Meta:
        model = User
        fields = ("username", "name")


class ResponseOut(serializers.ModelSerializer[Response]):
    """One function's part in an exception."""

    exception = serializers.CharField(source="exception.ref")
    function = serializers.CharField(source="function.code")
    site = serializers.CharField(source="site.code")
    person = PersonOut(allow_null=True)

    class Meta:
        model = Response
        fields = (
            "id", "exception", "function", "site", "role", "person", "required", "is_owner", "status", "why", "due_at",
            "acknowledge_due_at", "told_at", "delivered_at", "seen_at", "acknowledged_at", "on_the_way_at", "eta_at",
            "arrived_at", "acting_at", "done_at", "declined_at", "decline_reason", "removed_at", "limit_minutes",
            "level", "next_level_at", "remind_at", "reminders", "lapses_at",
        )  # fmt: skip


class ChipOut(serializers.ModelSerializer[Response]):
    """A function as a list row shows it."""

    function = serializers.CharField(source="function.code")
    person = serializers.CharField(source="person.username", allow_null=True, default=None)

    class Meta:
        model = Response
        fields = ("id", "function", "person", "status", "required", "is_owner", "acknowledge_due_at")


class OwnerOut(serializers.Serializer[Any]):
    """Who owns it: always a function and a duty, and a person while one is on duty."""

    function = serializers.CharField()
    role = serializers.ChoiceField(choices=Duty.choices)
    person = PersonOut(allow_null=True)


class ExceptionOut(serializers.ModelSerializer[ExceptionRecord]):
    """An exception as lists and answers show it."""

    type = serializers.CharField(source="type.code")
    type_name = serializers.CharField(source="type.name")
    site = serializers.CharField(source="site.code")
    owner = serializers.SerializerMethodField()
    links = serializers.SerializerMethodField()
    functions = serializers.SerializerMethodField()

    class Meta:
        model = ExceptionRecord
        fields = (
            "ref", "status", "type", "type_name", "title", "site", "severity", "urgency", "urgency_score", "version",
            "owner", "next_step", "links", "functions", "quantity", "uom", "details", "channel", "confidence",
            "recurring", "occurred_at", "occurred_estimated", "captured_at", "acknowledged_at", "aligned_at",
            "contained_at", "decided_at", "cleared_at", "resolved_at", "closed_at", "cancelled_at",
            "acknowledge_due_at", "decide_due_at", "resolve_due_at", "window_until", "window_reason", "delay_cost",
            "delay_cost_source", "drill", "reroute_count", "reopen_count", "lapsed_levels",
        )  # fmt: skip

    @extend_schema_field(OwnerOut)
    def get_owner(self, exception: ExceptionRecord) -> dict[str, Any]:
        person = exception.owner
        return {
            "function": exception.owner_function.code,
            "role": exception.owner_role,
            "person": {"username": person.username, "name": str(person)} if person else None,
        }

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_links(self, exception: ExceptionRecord) -> dict[str, Any]:
        return summary(exception)

    @extend_schema_field(ChipOut(many=True))
    def get_functions(self, exception: ExceptionRecord) -> Any:
        rows = getattr(exception, "live_responses", None)
        if rows is None:
            rows = exception.responses.exclude(status="declined").select_related("function", "person")
        return ChipOut(rows, many=True).data


class SignalOut(serializers.ModelSerializer[SignalReading]):
    """A signal and how far its reading got."""

    id = serializers.IntegerField(source="signal_id")
    external_id = serializers.CharField(source="signal.external_id")
    source = serializers.CharField(source="signal.source.code")  # type: ignore[assignment]
    channel = serializers.CharField(source="signal.channel")
    received_at = serializers.DateTimeField(source="signal.received_at")
    exception = serializers.CharField(source="exception.ref", allow_null=True, default=None)
    attachments = AttachmentOut(source="signal.attachments", many=True)

    class Meta:
        model = SignalReading
        fields = (
            "id",
            "external_id",
            "source",
            "channel",
            "received_at",
            "status",
            "outcome",
            "read_at",
            "exception",
            "attachments",
        )


class SignalAnswer(serializers.Serializer[Any]):
    """What `POST /signals/` answers."""

    signal = SignalOut()
    exception = ExceptionOut(allow_null=True)
    replayed = serializers.BooleanField()
    flag = serializers.CharField(
        allow_blank=True,
        help_text="`exceptions.signal_body_differs`: same id, other content; the first one stands.",
    )


class AnswerIn(serializers.Serializer[Any]):
    """Body of a response's verbs. `eta` or `eta_minutes` where the person is coming."""

    eta = serializers.DateTimeField(required=False, allow_null=True, default=None)
    eta_minutes = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=10_080
    )
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=160)


class RerouteIn(serializers.Serializer[Any]):
    """Body of `reroute`."""

    function = serializers.CharField(max_length=30)
    role = serializers.ChoiceField(choices=Duty.choices, required=False, allow_blank=True, default="")
    person = serializers.CharField(required=False, allow_blank=True, default="", help_text="A username.")
    reason = serializers.CharField(max_length=160)
    version = serializers.IntegerField(required=False, allow_null=True, default=None)
    tell = serializers.BooleanField(
        default=False,
        help_text="Where response was capture only when the record opened, nobody is told; true: they are.",
    )
