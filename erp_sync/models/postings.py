"""The outbox: intended ERP transactions, every try at one, every hand laid on a dead one.

The database itself refuses a move the lifecycle does not know, a second outcome of one try, a changed payload of a
settled posting, and deletion.
"""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from core import clock
from erp_sync import lifecycle
from erp_sync.kinds import KIND_NAMES
from erp_sync.models.connections import ErpConnection
from plant_app.models import Site

STATUS_CHOICES = [(status.value, status.value.capitalize()) for status in lifecycle.Status]
HELD_CHOICES = [
    (lifecycle.HeldReason.DRIFTED.value, "ERP has changed since"),
    (lifecycle.HeldReason.MAPPING_MISSING.value, "A code has no ERP counterpart"),
    (lifecycle.HeldReason.CIRCUIT_OPEN.value, "ERP does not answer"),
    (lifecycle.HeldReason.MANUAL.value, "To be keyed by hand"),
]
KIND_CHOICES = list(KIND_NAMES.items())
_NO_FAULT = sorted(reason.value for reason in lifecycle.NO_FAULT)
_SETTLED = sorted(status.value for status in lifecycle.SETTLED)


class PostingQuerySet(models.QuerySet["Posting"]):
    """Named filters, so that no screen spells a status list of its own."""

    def unsettled(self) -> "PostingQuerySet":
        """Still to come to rest."""
        return self.exclude(status__in=_SETTLED)

    def dead(self) -> "PostingQuerySet":
        """Something is wrong, and only a person gets these on."""
        return self.filter(
            Q(status=lifecycle.Status.REJECTED)
            | Q(status=lifecycle.Status.HELD) & ~Q(held_reason__in=_NO_FAULT)
        )

    def by_hand(self) -> "PostingQuerySet":
        """A person keys these into ERP, because write-back is not switched on further."""
        return self.filter(status=lifecycle.Status.HELD, held_reason=lifecycle.HeldReason.MANUAL)

    def live(self) -> "PostingQuerySet":
        """Without the books of a rehearsed past."""
        return self.exclude(connection__is_ledger=True)


class Posting(models.Model):
    """One intended ERP transaction. It takes effect in ERP at most once per business key.

    Postings of one chain (a work order) go in the order of their ids, one at a time.
    """

    connection = models.ForeignKey(
        ErpConnection, null=True, blank=True, on_delete=models.PROTECT, related_name="postings"
    )
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="postings")
    business_key = models.CharField(
        max_length=16, editable=False, help_text="reference the ERP document carries"
    )
    kind = models.CharField(max_length=30, choices=KIND_CHOICES)
    status = models.CharField(max_length=10, choices=STATUS_CHOICES, default=lifecycle.Status.QUEUED.value)
    status_at = models.DateTimeField(default=clock.now, help_text="since when it has this status")
    held_reason = models.CharField(max_length=16, choices=HELD_CHOICES, blank=True)
    payload = models.JSONField(encoder=DjangoJSONEncoder)
    text = models.CharField(max_length=40, blank=True)
    reason_code = models.CharField(max_length=40, blank=True)
    occurred_at = models.DateTimeField(help_text="the real-world moment this posting describes")
    posting_date = models.DateField(help_text="plant-local day of that moment")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="postings"
    )
    origin_ref = models.CharField(
        max_length=80, blank=True, db_index=True, help_text="what it was decided in"
    )
    justification = models.CharField(
        max_length=200, blank=True, help_text="why it was made without a decision"
    )
    chain = models.CharField(max_length=60, blank=True, help_text="work order; empty: no order to keep")
    reversal_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversals"
    )
    withdrawn_at = models.DateTimeField(
        null=True, blank=True, help_text="cancelled or reversed as soon as it is known which"
    )
    withdrawn_code = models.CharField(max_length=40, blank=True, help_text="reason code of the reversal")
    version = models.PositiveIntegerField(
        default=0, help_text="raised by every change; a stale save is refused"
    )

    value = models.DecimalField(
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="what it is worth in the site's currency, where that is known when it is queued",
    )
    approval_reason = models.CharField(max_length=200, blank=True, help_text="why it waits for approval")
    approver_role = models.CharField(max_length=30, blank=True, help_text="access role that may approve it")
    buffered_until = models.DateTimeField(null=True, blank=True, help_text="goes with the others then")
    promise_at = models.DateTimeField(
        null=True, blank=True, help_text="earliest promise to a customer it bears on; drained first"
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="who looks after it while it is refused or held",
    )  # fmt: skip

    created_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(default=clock.now, help_text="the sender looks at it from here on")
    attempts = models.PositiveIntegerField(default=0, help_text="times it was sent")
    failures = models.PositiveIntegerField(default=0, help_text="tries in a row without a definite answer")
    claimed_at = models.DateTimeField(null=True, blank=True)
    claim_token = models.CharField(max_length=40, blank=True)
    unknown_since = models.DateTimeField(
        null=True, blank=True, help_text="last moment a request may have been sent"
    )

    erp_number = models.CharField(max_length=80, blank=True)
    erp_confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text="when ERP took it; of one keyed by hand, when it was keyed"
    )
    settled_at = models.DateTimeField(null=True, blank=True, db_index=True)
    handled_at = models.DateTimeField(
        null=True, blank=True, help_text="what its settling meant has been done"
    )
    local_reason = models.CharField(max_length=300, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)

    objects = PostingQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.UniqueConstraint(
                fields=["business_key", "connection"], name="posting_key_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in lifecycle.Status]),
                name="posting_status_known",
            ),
            models.CheckConstraint(
                condition=(Q(status="held") & ~Q(held_reason="")) | (~Q(status="held") & Q(held_reason="")),
                name="posting_held_says_why",
            ),
            models.CheckConstraint(
                condition=Q(status__in=_SETTLED, settled_at__isnull=False)
                | (~Q(status__in=_SETTLED) & Q(settled_at__isnull=True)),
                name="posting_settled_has_moment",
            ),
            models.CheckConstraint(
                condition=~Q(status="confirmed") | Q(erp_confirmed_at__isnull=False),
                name="posting_confirmed_has_moment",
            ),
            models.CheckConstraint(
                condition=~Q(status="local") | ~Q(local_reason=""), name="posting_local_says_why"
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(status__in=["queued", "sending", "unknown"]),
                name="posting_due",
            ),
            # The order in which a backlog drains: oldest promise first (nulls sort last), then due, then made.
            models.Index(
                fields=["connection", "promise_at", "due_at", "id"],
                condition=Q(status__in=["queued", "unknown"]),
                name="posting_drain",
            ),
            models.Index(
                fields=["connection"],
                condition=Q(status__in=["sending", "unknown"]) & ~Q(claim_token=""),
                name="posting_in_hand",
            ),
            models.Index(
                fields=["connection", "status"], condition=~Q(status__in=_SETTLED), name="posting_open"
            ),
            models.Index(
                fields=["connection", "chain", "id"],
                condition=~Q(status__in=_SETTLED) & ~Q(chain=""),
                name="posting_chain_open",
            ),
            models.Index(fields=["chain"], condition=~Q(chain=""), name="posting_chain"),
            models.Index(
                fields=["settled_at"],
                condition=Q(settled_at__isnull=False, handled_at__isnull=True),
                name="posting_unhandled",
            ),
            models.Index(fields=["site", "status", "-id"]),
        ]
        triggers: ClassVar = [
            pgtrigger.FSM(name="posting_lifecycle", field="status", transitions=list(lifecycle.edges())),
            pgtrigger.ReadOnly(
                name="posting_identity_fixed",
                fields=["connection", "site", "business_key", "kind", "occurred_at", "origin_ref", "chain"],
            ),
            pgtrigger.Protect(
                name="posting_settled_keeps_payload",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(
                    old__settled_at__isnull=False, old__payload__df=pgtrigger.F("new__payload")
                ),
            ),
            pgtrigger.Protect(name="posting_never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.business_key} {self.kind}"

    @property
    def settled(self) -> bool:
        """Nothing more will happen to it."""
        return self.settled_at is not None

    @property
    def in_erp(self) -> bool:
        """ERP has it, taken from us or keyed by hand."""
        return self.status == lifecycle.Status.CONFIRMED or (
            self.status == lifecycle.Status.LOCAL and self.erp_confirmed_at is not None
        )


class AttemptAction(models.TextChoices):
    """What a try was."""

    SEND = "send", "Sent"
    LOOK_UP = "look_up", "Looked up"


class AttemptOutcome(models.TextChoices):
    """What came of it; empty while it runs."""

    CONFIRMED = "confirmed", "Confirmed"
    REJECTED = "rejected", "Rejected"
    UNKNOWN = "unknown", "Unclear"
    RETRY = "retry", "Not reached"
    LOCAL = "local", "Not taken by this ERP"
    HELD = "held", "Stopped before sending"
    ABSENT = "absent", "Not found"
    LOST = "lost", "Sender ended meanwhile"


class PostingAttempt(models.Model):
    """One try at a posting: written before the call, completed once after it."""

    posting = models.ForeignKey(Posting, on_delete=models.PROTECT, related_name="tries")
    number = models.PositiveIntegerField()
    action = models.CharField(max_length=8, choices=AttemptAction.choices)
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=AttemptOutcome.choices, blank=True)
    request = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    response = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("posting", "number")
        constraints = [
            models.UniqueConstraint(fields=["posting", "number"], name="attempt_number_once"),
            models.CheckConstraint(
                condition=Q(outcome="", finished_at__isnull=True)
                | (~Q(outcome="") & Q(finished_at__isnull=False)),
                name="attempt_outcome_has_moment",
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="attempt_outcome_once",
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__outcome=""),
            ),
            pgtrigger.ReadOnly(
                name="attempt_request_fixed", fields=["posting", "number", "action", "started_at", "request"]
            ),
            pgtrigger.Protect(name="attempt_never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.posting.business_key} try {self.number}"


class PostingEdit(models.Model):
    """One hand laid on a posting: approve, retry, edit, cancel or settle by hand; by whom and why."""

    class Verb(models.TextChoices):
        APPROVE = "approve", "Approved"
        RETRY = "retry", "Sent again"
        EDIT = "edit", "Changed and sent again"
        CANCEL = "cancel", "Cancelled"
        MARK_LOCAL = "mark_local", "Settled by hand"
        KEYED = "keyed", "Keyed into ERP by hand"
        NOTE_NUMBER = "note_number", "ERP number noted"
        WITHDRAW = "withdraw", "Taken back"
        ASSIGN = "assign", "Taken on"
        RELEASE = "release", "Let go before its time"
        ACCEPT = "accept", "ERP's value accepted"

    posting = models.ForeignKey(Posting, on_delete=models.PROTECT, related_name="edits")
    verb = models.CharField(max_length=12, choices=Verb.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="posting_edits"
    )
    at = models.DateTimeField(default=clock.now)
    reason = models.CharField(max_length=300, blank=True)
    status_before = models.CharField(max_length=10)
    before = models.JSONField(default=dict, encoder=DjangoJSONEncoder, help_text="changed fields only")
    after = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        ordering = ("posting", "pk")
        triggers: ClassVar = [
            pgtrigger.Protect(name="posting_edit_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.posting.business_key} {self.get_verb_display()}"
