"""Postings as the API speaks of them: in and out. No rule lives here."""

from typing import Any

from rest_framework import serializers

from erp_sync.kinds import KIND_NAMES
from erp_sync.models import Posting, PostingAttempt, PostingEdit


class PostingOut(serializers.ModelSerializer[Posting]):
    """One row of the list."""

    site = serializers.CharField(source="site.code")
    connection = serializers.CharField(source="connection.code", default="")
    kind_name = serializers.CharField(source="get_kind_display")
    actor = serializers.CharField(source="actor.username", default="")
    lag_seconds = serializers.SerializerMethodField(
        help_text="real-world moment to ERP's confirmation, or now"
    )
    behind = serializers.IntegerField(
        source="ahead_id",
        default=None,
        allow_null=True,
        help_text="posting of its work order it waits behind",
    )

    class Meta:
        model = Posting
        fields = (
            "id", "business_key", "kind", "kind_name", "status", "status_at", "held_reason", "site", "connection",
            "origin_ref", "chain", "behind", "text", "reason_code", "occurred_at", "posting_date", "actor",
            "justification", "created_at", "due_at", "attempts", "erp_number", "erp_confirmed_at", "settled_at",
            "local_reason", "error_code", "error_message", "reversal_of", "withdrawn_at", "lag_seconds", "version",
        )  # fmt: skip
        read_only_fields = fields

    def get_lag_seconds(self, posting: Posting) -> float | None:
        lag = getattr(posting, "lag", None)
        return None if lag is None else round(lag.total_seconds(), 1)


class AttemptOut(serializers.ModelSerializer[PostingAttempt]):
    class Meta:
        model = PostingAttempt
        fields = (
            "number",
            "action",
            "started_at",
            "finished_at",
            "outcome",
            "response",
            "error_code",
            "error",
        )
        read_only_fields = fields


class EditOut(serializers.ModelSerializer[PostingEdit]):
    actor = serializers.CharField(source="actor.username", default="")

    class Meta:
        model = PostingEdit
        fields = ("verb", "actor", "at", "reason", "status_before", "before", "after")
        read_only_fields = fields


class PostingInFull(PostingOut):
    """One posting with what is sent, every try and every hand laid on it."""

    payload = serializers.JSONField(help_text="Canonical payload of the kind.")
    tries = AttemptOut(many=True)
    edits = EditOut(many=True)

    class Meta(PostingOut.Meta):
        fields = (*PostingOut.Meta.fields, "payload", "tries", "edits")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class PostingIn(serializers.Serializer[Any]):
    """A posting without a decision."""

    kind = serializers.ChoiceField(choices=list(KIND_NAMES.items()))
    site = serializers.CharField(help_text="Site code.")
    payload = serializers.DictField(help_text="Canonical payload of the kind; decimals as strings.")
    occurred_at = serializers.DateTimeField(help_text="The real-world moment it describes.")
    reason = serializers.CharField(max_length=200, help_text="Why it is posted without a decision.")
    reason_code = serializers.CharField(max_length=40, required=False, default="")
    text = serializers.CharField(max_length=40, required=False, default="")
    needs_approval = serializers.BooleanField(required=False, default=False)


class VerbIn(serializers.Serializer[Any]):
    """`version` as last read: a posting changed since is refused and says by whom."""

    version = serializers.IntegerField(required=False, allow_null=True, default=None)


class ReasonIn(VerbIn):
    reason = serializers.CharField(max_length=300)


class RetryIn(VerbIn):
    reason = serializers.CharField(max_length=300, required=False, default="")


class EditIn(ReasonIn):
    payload = serializers.DictField(help_text="The whole payload as it shall be sent.")
    text = serializers.CharField(max_length=40, required=False)


class KeyedIn(VerbIn):
    erp_number = serializers.CharField(max_length=80)
    keyed_at = serializers.DateTimeField(required=False, default=None, help_text="now, where it is left out")


class LocalIn(ReasonIn):
    erp_number = serializers.CharField(max_length=80, required=False, default="")
