"""Sequences computed, what they recommend to change, and what the floor said to it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from plant_app.models import Operation, Site, WorkCentre, WorkUnit


class SequenceVersion(models.Model):
    """One computed order of work for a site, with what caused it and the rule settings used."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="sequences")
    number = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=clock.now)
    causes = models.JSONField(default=list)
    parameters = models.JSONField(default=dict)
    milliseconds = models.FloatField(default=0)
    left_out = models.JSONField(
        default=list, help_text="operations without a place: [{operation, label, why}]"
    )
    late_before = models.PositiveIntegerField(default=0, help_text="promises late by the published plan")
    late_after = models.PositiveIntegerField(default=0, help_text="promises late by this one")

    class Meta:
        ordering = ("-number",)
        constraints = [
            models.UniqueConstraint(fields=["site", "number"], name="sequence_number_once_per_site")
        ]

    def __str__(self) -> str:
        return f"{self.site.code} sequence {self.number}"


class SequenceRow(models.Model):
    """Where a version puts an operation; `binding` is what its start waits for, `reason` the same in words."""

    version = models.ForeignKey(SequenceVersion, on_delete=models.CASCADE, related_name="rows")
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="+")
    work_unit = models.ForeignKey(WorkUnit, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField()
    start = models.DateTimeField()
    end = models.DateTimeField()
    setup_minutes = models.FloatField(default=0)
    need_by = models.DateTimeField(help_text="when this operation must end for its order to be in time")
    binding = models.CharField(max_length=14)
    reason = models.CharField(max_length=120, blank=True)
    pinned = models.BooleanField(default=False)

    class Meta:
        ordering = ("work_unit", "position")
        constraints = [models.UniqueConstraint(fields=["version", "operation"], name="sequence_row_once")]
        indexes = [models.Index(fields=["version", "work_unit", "position"])]

    def __str__(self) -> str:
        return f"{self.operation} at {self.position} on {self.work_unit.code}"

    @property
    def late(self) -> bool:
        """Ends after it must."""
        return self.end > self.need_by


class RecommendationStatus(models.TextChoices):
    """What became of a recommendation."""

    PROPOSED = "proposed", "Proposed"
    CONFIRMED = "confirmed", "Confirmed"
    OVERRIDDEN = "overridden", "Overridden"
    SUPERSEDED = "superseded", "Superseded"
    EXPIRED = "expired", "Expired"


class OverrideReason(models.TextChoices):
    """Why the floor said no; one tap, words only for `OTH`."""

    MAT = "MAT", "Material not at the machine"
    MATQ = "MATQ", "Material doubtful"
    TOOL = "TOOL", "Tool or fixture not ready"
    PRG = "PRG", "Program or drawing missing"
    OPR = "OPR", "Right person absent"
    SETUP = "SETUP", "Combine set-ups"
    RUN = "RUN", "Finish the running lot"
    MACH = "MACH", "Unit cannot hold it today"
    QUAL = "QUAL", "Trial, hold or inspection pending"
    CUST = "CUST", "Customer promise known here"
    DOWN = "DOWN", "Next step blocked or full"
    SAFE = "SAFE", "Safety"
    PHYS = "PHYS", "Already started or staged"
    DATA = "DATA", "Rests on wrong data"
    BOSS = "BOSS", "Told by somebody"
    OTH = "OTH", "Other"


class Recommendation(models.Model):
    """A proposed change of one work centre's order of work, with its reason and its effect on promises.

    `changes` = [{operation, label, from_unit, to_unit, from_start, to_start, from_position, to_position, why}], the
    first being the headline; `effect` = {late_before, late_after, promises: [{label, before, after, commit}]}.
    """

    version = models.ForeignKey(SequenceVersion, on_delete=models.CASCADE, related_name="recommendations")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="recommendations")
    work_centre = models.ForeignKey(WorkCentre, on_delete=models.CASCADE, related_name="recommendations")
    title = models.CharField(max_length=160)
    reason = models.CharField(max_length=240, blank=True)
    changes = models.JSONField(default=list)
    effect = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64, help_text="the same proposal is not made twice")
    status = models.CharField(
        max_length=12, choices=RecommendationStatus.choices, default=RecommendationStatus.PROPOSED
    )
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    override_reason = models.CharField(max_length=6, choices=OverrideReason.choices, blank=True)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["work_centre"],
                condition=Q(status="proposed"),
                name="one_open_recommendation_per_centre",
            ),
            models.CheckConstraint(
                condition=Q(status__in=RecommendationStatus.values), name="recommendation_status_known"
            ),
        ]

    def __str__(self) -> str:
        return self.title
