"""Postings as the API speaks of them: in and out. No rule lives here."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core import clock
from core.errors import InvalidInput
from erp_sync.kinds import KIND_NAMES
from erp_sync.models import Posting, PostingAttempt, PostingEdit
from erp_sync.services import BulkVerb, differences_of, standing_reversal, way_back, why_not_reversible
from erp_sync.services.withdrawing import REVERSAL

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


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

    currency = serializers.CharField(source="site.currency", help_text="of `value`")
    assignee = serializers.CharField(source="assignee.username", default="", help_text="who looks after it")

    class Meta:
        model = Posting
        fields = (
            "id", "business_key", "kind", "kind_name", "status", "status_at", "held_reason", "site", "connection",
            "origin_ref", "chain", "behind", "text", "reason_code", "occurred_at", "posting_date", "actor",
            "justification", "created_at", "due_at", "attempts", "erp_number", "erp_confirmed_at", "settled_at",
            "local_reason", "error_code", "error_message", "reversal_of", "withdrawn_at", "lag_seconds", "version",
            "value", "currency", "approval_reason", "approver_role", "buffered_until", "assignee",
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


class DifferenceOut(serializers.Serializer[Any]):
    """One value ERP has otherwise than the posting expects."""

    field = serializers.CharField()
    ours = serializers.CharField()
    theirs = serializers.CharField()


class PostingInFull(PostingOut):
    """One posting with what is sent, every try and every hand laid on it."""

    payload = serializers.JSONField(help_text="Canonical payload of the kind.")
    tries = AttemptOut(many=True)
    edits = EditOut(many=True)
    drift = serializers.SerializerMethodField(
        help_text="what ERP has otherwise, of a posting that stopped for it"
    )
    reversal = serializers.SerializerMethodField(help_text="id of the posting that takes this one back")
    way_back = serializers.SerializerMethodField(help_text="what taking it back means, as its connector says")
    no_way_back = serializers.SerializerMethodField(help_text="why it can't be taken back now; empty: it can")

    class Meta(PostingOut.Meta):
        fields = (
            *PostingOut.Meta.fields,
            "payload",
            "tries",
            "edits",
            "drift",
            "reversal",
            "way_back",
            "no_way_back",
        )  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    @extend_schema_field(DifferenceOut(many=True))
    def get_drift(self, posting: Posting) -> list[dict[str, str]]:
        return [asdict(one) for one in differences_of(posting)]

    def get_reversal(self, posting: Posting) -> int | None:
        standing = standing_reversal(posting)
        return standing.pk if standing is not None else None

    def get_way_back(self, posting: Posting) -> str:
        return way_back(posting).words

    def get_no_way_back(self, posting: Posting) -> str:
        return why_not_reversible(posting)[1]


class IntentIn(serializers.Serializer[Any]):
    """A posting that is only thought of. No reversal: that is made by `/reverse/` of what it takes back."""

    kind = serializers.ChoiceField(choices=list(KIND_NAMES.items()))
    site = serializers.CharField(help_text="Site code.")
    payload = serializers.DictField(help_text="Canonical payload of the kind; decimals as strings.")
    occurred_at = serializers.DateTimeField(help_text="The real-world moment it describes.")
    reason_code = serializers.CharField(max_length=40, required=False, default="")
    text = serializers.CharField(max_length=40, required=False, default="")
    needs_approval = serializers.BooleanField(required=False, default=False)

    def validate_kind(self, kind: str) -> str:
        if kind == REVERSAL:
            raise InvalidInput(
                "erp.use_reverse",
                "A reversal is not posted: what it takes back makes it, once.",
                "Ask for it at /api/v1/postings/<id>/reverse/.",
            )
        return kind

    def validate_occurred_at(self, moment: datetime) -> datetime:
        if not EARLIEST <= moment <= clock.now() + timedelta(days=1):
            raise serializers.ValidationError("It describes something that has happened, in this century.")
        return moment


class PostingIn(IntentIn):
    """A posting without a decision. No reversal: that is made by `/reverse/` of what it takes back."""

    reason = serializers.CharField(max_length=200, help_text="Why it is posted without a decision.")


class ProblemOut(serializers.Serializer[Any]):
    """One thing that is wrong, or doubtful."""

    field = serializers.CharField(
        allow_blank=True, help_text="member of the payload; empty: the posting as a whole"
    )
    code = serializers.CharField()
    message = serializers.CharField()


class StepOut(serializers.Serializer[Any]):
    """One request as it would be sent, without any secret."""

    method = serializers.CharField()
    address = serializers.CharField()
    body = serializers.JSONField(allow_null=True)
    note = serializers.CharField(allow_blank=True, help_text="what is only known once ERP has been asked")


class PreviewOut(serializers.Serializer[Any]):
    """What exactly would be sent, in its order; or in `words` why it can't be shown."""

    steps = StepOut(many=True)
    words = serializers.CharField(allow_blank=True)


class GoesOut(serializers.Serializer[Any]):
    """How it would go if it were posted now."""

    status = serializers.CharField(help_text="queued, approval, held (to be keyed by hand) or local")
    reason = serializers.CharField(allow_blank=True, help_text="why it would wait or stay here")
    value = serializers.DecimalField(14, 2, allow_null=True)
    currency = serializers.CharField()
    value_unknown = serializers.CharField(allow_blank=True, help_text="why its value is not known")
    approver_role = serializers.CharField(allow_blank=True)
    buffered_until = serializers.DateTimeField(allow_null=True)


class CheckOut(serializers.Serializer[Any]):
    """The answer of a check; nothing was written. `goes` and `preview` are null while there are problems."""

    ok = serializers.BooleanField()
    connection = serializers.CharField(allow_blank=True)
    problems = ProblemOut(many=True)
    warnings = ProblemOut(many=True)
    goes = GoesOut(allow_null=True)
    preview = PreviewOut(allow_null=True)
    way_back = serializers.CharField(allow_blank=True, help_text="how it would be taken back")
    no_way_back = serializers.CharField(allow_blank=True, help_text="why it could not be taken back")


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


class ReverseIn(ReasonIn):
    reason_code = serializers.CharField(max_length=40, required=False, default="")


class AssignIn(VerbIn):
    assignee = serializers.CharField(allow_blank=True, help_text="username; empty: nobody")
    reason = serializers.CharField(max_length=300, required=False, default="")


class BulkIn(serializers.Serializer[Any]):
    """One verb for many postings: those of `ids`, or those a `filter` of the list finds; at most 500."""

    verb = serializers.ChoiceField(choices=[verb.value for verb in BulkVerb])
    ids = serializers.ListField(child=serializers.IntegerField(), required=False, allow_empty=False)
    filter = serializers.DictField(
        child=serializers.CharField(),
        required=False,
        help_text="as in the list's query, for example status: dead",
    )
    reason = serializers.CharField(max_length=300, required=False, default="")
    assignee = serializers.CharField(
        required=False, default="", help_text="username, for `assign`; empty: nobody"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("ids" in attrs) == bool(attrs.get("filter")):
            raise serializers.ValidationError("Name the postings by ids, or by a filter.")
        return attrs


class DoneOut(serializers.Serializer[Any]):
    """What became of one posting: done, with its status now, or refused with why."""

    posting_id = serializers.IntegerField()
    business_key = serializers.CharField(allow_blank=True)
    done = serializers.BooleanField()
    changed = serializers.BooleanField(help_text="false: it was there already")
    status = serializers.CharField(allow_blank=True)
    code = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True)


class BulkOut(serializers.Serializer[Any]):
    done = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = DoneOut(many=True)


class ReleaseIn(serializers.Serializer[Any]):
    connection = serializers.CharField(help_text="code of the connection")
    reason = serializers.CharField(max_length=300, required=False, default="")


class ReleaseOut(serializers.Serializer[Any]):
    released = serializers.IntegerField()
    left = serializers.IntegerField(help_text="how many still wait: at most 500 go at once")
