"""The composed answer of one exception: its row, story, responses, signals, decisions, tasks, postings and talk."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from boards_app.selectors.record.books import words_of
from decisions_app.models import Comment, Decision, Task
from erp_sync.models import Posting
from exceptions_app.models import ExceptionEvent, ExceptionRecord, SignalReading
from exceptions_app.serializers import AttachmentOut, ExceptionOut, PersonOut, ResponseOut


class EventOut(serializers.ModelSerializer[ExceptionEvent]):
    """One line of the story; `data` holds what a program needs of it."""

    actor = PersonOut(allow_null=True)

    class Meta:
        model = ExceptionEvent
        fields = ("kind", "at", "actor", "actor_text", "via", "text", "data", "signal_id")


class SignalReadOut(serializers.ModelSerializer[SignalReading]):
    """A signal of the exception; `readings` is what was read out of it, with words, offsets and confidence."""

    id = serializers.IntegerField(source="signal_id")
    channel = serializers.CharField(source="signal.channel")
    source = serializers.CharField(source="signal.source.code")  # type: ignore[assignment]
    reporter = PersonOut(source="signal.reporter", allow_null=True)
    reporter_text = serializers.CharField(source="signal.reporter_text")
    received_at = serializers.DateTimeField(source="signal.received_at")
    text = serializers.CharField(source="signal.text")
    readings = serializers.SerializerMethodField()

    class Meta:
        model = SignalReading
        fields = (
            "id", "channel", "source", "reporter", "reporter_text", "received_at", "text", "opened", "outcome",
            "readings",
        )  # fmt: skip

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_readings(self, reading: SignalReading) -> list[dict[str, Any]]:
        newest = getattr(reading.signal, "newest", [])
        return list(newest[0].fields) if newest else []


class DecisionOut(serializers.ModelSerializer[Decision]):
    """A decision taken; `reversed_at` when it was taken back."""

    option = serializers.CharField(source="option.code")
    option_name = serializers.CharField(source="option.name")
    decided_by = PersonOut()
    reversed_by = PersonOut(allow_null=True)
    in_force = serializers.BooleanField()

    class Meta:
        model = Decision
        fields = (
            "number", "option", "option_name", "inputs", "quantity", "cost", "decided_by", "decided_at", "reason",
            "emergency", "in_force", "reversed_at", "reversed_by", "reverse_reason",
        )  # fmt: skip


class TaskOut(serializers.ModelSerializer[Task]):
    """One piece of work."""

    function = serializers.CharField(source="function.code")
    person = PersonOut(allow_null=True)
    done_by = PersonOut(allow_null=True)

    class Meta:
        model = Task
        fields = (
            "id", "code", "title", "function", "role", "person", "due_at", "blocking", "clears", "asks", "status",
            "result", "done_at", "done_by", "note",
        )  # fmt: skip


class RecordPostingOut(serializers.ModelSerializer[Posting]):
    """A posting of the exception; `words` says it as people do, `lag_seconds` how long it took or has taken."""

    words = serializers.SerializerMethodField()
    connection = serializers.CharField(source="connection.code", default="")
    lag_seconds = serializers.SerializerMethodField()

    class Meta:
        model = Posting
        fields = (
            "id", "business_key", "kind", "words", "status", "status_at", "held_reason", "connection", "occurred_at",
            "erp_number", "erp_confirmed_at", "settled_at", "local_reason", "error_code", "error_message",
            "lag_seconds", "version",
        )  # fmt: skip

    def get_words(self, posting: Posting) -> str:
        return words_of(posting)

    def get_lag_seconds(self, posting: Posting) -> float:
        end = posting.erp_confirmed_at or posting.settled_at or self.context["now"]
        return round((end - posting.occurred_at).total_seconds(), 1)


class CommentOut(serializers.ModelSerializer[Comment]):
    """Words said to everyone."""

    author = PersonOut()
    mentions = serializers.SlugRelatedField(many=True, read_only=True, slug_field="name")  # type: ignore[var-annotated]
    photos = AttachmentOut(many=True)

    class Meta:
        model = Comment
        fields = ("author", "text", "at", "mentions", "photos")


class ExceptionInFull(ExceptionOut):
    """An exception with everything about it. `decision` is the newest one in force; `decisions` holds all."""

    route = serializers.SerializerMethodField()
    timeline = EventOut(many=True)
    responses = ResponseOut(source="everyone", many=True)
    signals = SignalReadOut(many=True)
    decision = DecisionOut(allow_null=True)
    decisions = DecisionOut(source="taken", many=True)
    tasks = TaskOut(source="work", many=True)
    postings = RecordPostingOut(many=True)
    comments = CommentOut(source="talk", many=True)
    merged_into = serializers.CharField(source="merged_into.ref", allow_null=True, default=None)
    recurrence_of = serializers.CharField(source="recurrence_of.ref", allow_null=True, default=None)

    class Meta(ExceptionOut.Meta):
        model = ExceptionRecord
        fields = (  # type: ignore[assignment]
            *ExceptionOut.Meta.fields, "route", "timeline", "responses", "signals", "decision", "decisions", "tasks",
            "postings", "comments", "merged_into", "recurrence_of",
        )  # fmt: skip

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_route(self, exception: ExceptionRecord) -> dict[str, Any] | None:
        """The rule that decided, by number, code and version."""
        case = exception.route
        if case is None:
            return None
        return {"rule_number": case.rule_number, "rule_code": case.rule_code, "urgency": case.urgency,
                "version": self.context["rules"]}  # fmt: skip
