"""What people taught the reader: their judgements, names and cues learnt from them, trained models, who opens unasked.

A review is one person's word on one reading, a correction one field of it; both are append-only and kept for ever: they
are the accuracy figures, the training rows and the regression cases. What is learnt leaves a mark where master data
does (`MasterChange`), so every process knows it with the very next message. Must not know how anything is read.
"""

from typing import Any, ClassVar

import pgtrigger
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.models.records import ExceptionRecord
from exceptions_app.models.signals import Channel, Signal
from plant_app.models import ExceptionType, Site
from plant_app.models.masterchange import master_triggers

#: Types that a person looks at whatever a policy says: they change what a customer was promised.
ALWAYS_ASKED = frozenset({"order_change"})


class Verdict(models.TextChoices):
    """What a person said about a reading."""

    ACCEPTED = "accepted", "Right as read"
    CORRECTED = "corrected", "Put right"
    DISMISSED = "dismissed", "Nothing to do"
    MERGED = "merged", "Part of another record"
    UNDONE = "undone", "Taken back"


class Review(models.Model):
    """One person's judgement of one reading. `read_type` is what was read, `true_type` what it is ("chatter": nothing).

    `right` are the figures of the three questions; None where the question does not arise.
    """

    signal = models.ForeignKey(Signal, on_delete=models.PROTECT, related_name="reviews")
    exception = models.ForeignKey(ExceptionRecord, on_delete=models.PROTECT, related_name="reviews")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=12, choices=Channel.choices)
    language = models.CharField(max_length=5, blank=True)
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    read_type = models.CharField(max_length=30, blank=True)
    true_type = models.CharField(max_length=30, blank=True)
    type_right = models.BooleanField(null=True)
    links_right = models.BooleanField(null=True)
    unchanged = models.BooleanField(default=False)
    asked = models.BooleanField(default=True, help_text="the reading had been given to people first")
    pipeline_version = models.CharField(max_length=40, blank=True)
    reader_model = models.CharField(max_length=40, blank=True)
    undoes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="undone_by"
    )
    reason = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    via = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        ordering = ("-at", "-pk")
        indexes = [models.Index(fields=["site", "channel", "true_type", "-at"], name="review_by_type")]
        constraints = [
            models.CheckConstraint(condition=Q(verdict__in=Verdict.values), name="review_verdict_known"),
            models.CheckConstraint(
                condition=Q(verdict="undone", undoes__isnull=False) | Q(~Q(verdict="undone"), undoes=None),
                name="review_undoes_another",
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="review_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.exception.ref}: {self.get_verdict_display()}"


class Correction(models.Model):
    """One field of a review: what was read, what a person says, and the words it hangs on."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="corrections")
    signal = models.ForeignKey(Signal, on_delete=models.PROTECT, related_name="corrections")
    field = models.CharField(max_length=40)
    before = models.CharField(max_length=200, blank=True)
    after = models.CharField(max_length=200, blank=True)
    right = models.BooleanField(default=False, help_text="read as it is")
    words = models.CharField(max_length=200, blank=True)
    method = models.CharField(max_length=12, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    channel = models.CharField(max_length=12, choices=Channel.choices)
    language = models.CharField(max_length=5, blank=True)
    pipeline_version = models.CharField(max_length=40, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-at", "-pk")
        constraints = [models.UniqueConstraint(fields=["review", "field"], name="correction_once_per_field")]
        triggers: ClassVar = [
            pgtrigger.Protect(name="correction_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.field}: {self.before or 'nothing'} -> {self.after or 'nothing'}"


class LearnedAlias(models.Model):
    """What a site's people call something: `key` (the words, folded) means the row `code` of `kind`, at this site only.

    Every change leaves a mark in `MasterChange`, so every process builds its index anew before the next message.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="learned_aliases")
    words = models.CharField(max_length=60)
    key = models.CharField(max_length=60, editable=False)
    kind = models.CharField(max_length=20)
    code = models.CharField(max_length=60)
    active = models.BooleanField(default=True)
    origin = models.ForeignKey(
        Correction, null=True, blank=True, on_delete=models.PROTECT, related_name="aliases"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(default=clock.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "learnt name"
        ordering = ("site", "key")
        constraints = [
            models.UniqueConstraint(
                fields=["site", "key"], condition=Q(active=True), name="one_meaning_per_learned_name"
            )
        ]
        triggers: ClassVar = master_triggers("key", "kind", "code", "active", "site_id")

    def __str__(self) -> str:
        return f"“{self.words}” is {self.code}"


class CueStatus(models.TextChoices):
    """Whether a cue is read by."""

    PROPOSED = "proposed", "Proposed"
    CONFIRMED = "confirmed", "In use"
    REJECTED = "rejected", "Refused"


class PlantCue(models.Model):
    """The plant dictionary: a phrase of this site that speaks for a type, or stands for another phrase (abbreviation).

    Proposed ones come from corrections in which the phrase keeps recurring; only a person puts one into use.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="plant_cues")
    phrase = models.CharField(max_length=60)
    key = models.CharField(max_length=60, editable=False)
    type = models.ForeignKey(ExceptionType, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    stands_for = models.CharField(
        max_length=60, blank=True, help_text="an abbreviation: the phrase it means the same as"
    )
    strong = models.BooleanField(default=False, help_text="enough on its own to tell the type")
    status = models.CharField(max_length=10, choices=CueStatus.choices, default=CueStatus.PROPOSED)
    count = models.PositiveIntegerField(default=0, help_text="corrections it stands in")
    examples = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = "plant word"
        ordering = ("site", "status", "key")
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="plant_cue_once"),
            models.CheckConstraint(condition=Q(status__in=CueStatus.values), name="plant_cue_status_known"),
            models.CheckConstraint(
                condition=Q(type__isnull=False) | ~Q(stands_for=""), name="plant_cue_means_something"
            ),
        ]
        triggers: ClassVar = master_triggers("key", "type_id", "stands_for", "strong", "status", "site_id")

    def __str__(self) -> str:
        return f"“{self.phrase}”: {self.stands_for or self.type}"


class ModelStatus(models.TextChoices):
    """What became of a trained reader."""

    TRAINING = "training", "Being trained"
    TOO_FEW = "too_few", "Too few corrections"
    NOT_BETTER = "not_better", "Not better than the one in use"
    FAILED = "failed", "Could not be trained"
    PROMOTED = "promoted", "In use"
    RETIRED = "retired", "Was in use"


class ReaderModel(models.Model):
    """One trained reader of a site with what it was measured at. `figures` = {held_out, shipped: {before, after}, ...}.

    At most one of a site is in use; none in use means the shipped reader.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="reader_models")
    version = models.CharField(max_length=40, unique=True)
    status = models.CharField(max_length=10, choices=ModelStatus.choices, default=ModelStatus.TRAINING)
    rows = models.PositiveIntegerField(default=0, help_text="corrections learnt from")
    held_out = models.PositiveIntegerField(
        default=0, help_text="corrections it was judged by, never learnt from"
    )
    figures = models.JSONField(default=dict, blank=True)
    data = models.BinaryField(default=bytes, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    note = models.CharField(max_length=300, blank=True)
    trained_at = models.DateTimeField(default=clock.now)
    promoted_at = models.DateTimeField(null=True, blank=True)
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="empty: by the nightly comparison",
    )  # fmt: skip

    class Meta:
        verbose_name = "trained reader"
        ordering = ("-trained_at", "-pk")
        constraints = [
            models.UniqueConstraint(
                fields=["site"], condition=Q(status="promoted"), name="one_reader_in_use_per_site"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ModelStatus.values), name="reader_model_status_known"
            ),
        ]
        triggers: ClassVar = master_triggers("status")

    def __str__(self) -> str:
        return self.version


class Acceptance(models.TextChoices):
    """Who looks first."""

    SHIPPED = "shipped", "As shipped"
    ASK = "ask", "A person first, always"
    OPEN = "open", "Opens by itself"


class AcceptancePolicy(models.Model):
    """Whether readings of a type on a channel of a site open by themselves.

    "Opens by itself" waives doubt about the type down to `least` (0 to 1); it never waives a missing or contradictory
    link, an unverified sender, or the person an order change needs.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="acceptance_policies")
    type = models.ForeignKey(ExceptionType, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=12, choices=Channel.choices)
    mode = models.CharField(max_length=8, choices=Acceptance.choices, default=Acceptance.SHIPPED)
    least = models.FloatField(default=0.6, help_text="how sure the reading must be, 0 to 1")
    changed_at = models.DateTimeField(default=clock.now)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = "acceptance rule"
        verbose_name_plural = "acceptance rules"
        ordering = ("site", "type", "channel")
        constraints = [
            models.UniqueConstraint(fields=["site", "type", "channel"], name="one_acceptance_rule"),
            models.CheckConstraint(condition=Q(mode__in=Acceptance.values), name="acceptance_mode_known"),
            models.CheckConstraint(
                condition=Q(least__gte=0) & Q(least__lte=1), name="acceptance_least_is_share"
            ),
        ]
        triggers: ClassVar = master_triggers("site_id", "type_id", "channel", "mode", "least")

    def __str__(self) -> str:
        return f"{self.type} by {self.get_channel_display()}: {self.get_mode_display()}"

    def clean(self) -> None:
        """An order change is never opened unasked."""
        super().clean()
        kind: Any = self.type if self.type_id else None
        if self.mode == Acceptance.OPEN and kind is not None and kind.code in ALWAYS_ASKED:
            raise ValidationError({"mode": "Order changes always need a person."})
