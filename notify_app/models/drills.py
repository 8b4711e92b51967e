"""Fire drills: when each line is drilled, what came of each drill, and who was told, by what, and answered.

A drill's rows are its report: they are written when it ends and stay as they are.
"""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.models import ExceptionRecord
from plant_app.models import ExceptionType, Function, WorkCentre, WorkUnit


class DrillChannel(models.TextChoices):
    """How the drill's signal comes in."""

    WEBHOOK = "webhook", "Signed webhook, over the network"
    STATION = "station", "As from the line's station"


class DrillPlan(models.Model):
    """A line's drill and its schedule: every so many days at a local time."""

    work_centre = models.ForeignKey(WorkCentre, on_delete=models.CASCADE, related_name="drill_plans")
    type = models.ForeignKey(ExceptionType, on_delete=models.PROTECT, related_name="+")
    work_unit = models.ForeignKey(
        WorkUnit, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="the machine it is about; empty: the line",
    )  # fmt: skip
    channel = models.CharField(max_length=10, choices=DrillChannel.choices, default=DrillChannel.WEBHOOK)
    every_days = models.PositiveSmallIntegerField(default=28, validators=[MinValueValidator(1)])
    at = models.TimeField(help_text="local time at the plant")
    minutes = models.PositiveSmallIntegerField(
        default=60, validators=[MinValueValidator(1)],
        help_text="how long people have; whoever has not answered then has failed",
    )  # fmt: skip
    active = models.BooleanField(default=True)
    next_at = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="empty: the next time it is that hour"
    )

    class Meta:
        ordering = ("work_centre", "pk")

    def __str__(self) -> str:
        return f"{self.work_centre}: {self.type}"


class DrillStatus(models.TextChoices):
    """Where a drill stands."""

    STARTING = "starting", "Signal not yet handed in"
    RUNNING = "running", "Running"
    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"
    MISSED = "missed", "Missed"


class DrillRun(models.Model):
    """One drill of one line. `failures` are sentences; with none it has passed."""

    plan = models.ForeignKey(DrillPlan, on_delete=models.PROTECT, related_name="runs")
    key = models.CharField(max_length=60, unique=True, help_text="the signal's id")
    status = models.CharField(max_length=10, choices=DrillStatus.choices, default=DrillStatus.STARTING)
    exception = models.ForeignKey(
        ExceptionRecord, null=True, blank=True, on_delete=models.PROTECT, related_name="drill_runs"
    )
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="empty: the schedule",
    )  # fmt: skip
    started_at = models.DateTimeField(default=clock.now)
    handed_in_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(help_text="over then, whoever has answered")
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True, help_text="why the signal could not be handed in")
    failures = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ("-started_at", "-pk")
        indexes = [
            models.Index(
                fields=["ends_at"], condition=Q(status__in=("starting", "running")), name="drill_run_open"
            )
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=DrillStatus.values), name="drill_status_known")
        ]

    def __str__(self) -> str:
        return f"{self.plan}, {self.started_at:%Y-%m-%d %H:%M}"


class DrillLine(models.Model):
    """One person (or a role nobody held) told by one channel, as it was when the drill ended."""

    run = models.ForeignKey(DrillRun, on_delete=models.PROTECT, related_name="lines")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    function = models.ForeignKey(Function, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=30, blank=True)
    level = models.PositiveSmallIntegerField(default=1)
    reason = models.CharField(max_length=20, blank=True, help_text="why they were told")
    channel = models.CharField(max_length=20, blank=True)
    told_at = models.DateTimeField(null=True, blank=True, help_text="handed over by the channel")
    seen_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, help_text="an answer was due then")
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=20, blank=True)
    detail = models.CharField(max_length=300, blank=True, help_text="what the channel said, or what failed")

    class Meta:
        ordering = ("run", "level", "pk")
        triggers: ClassVar = [
            pgtrigger.Protect(name="drill_report_stays", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.person or self.role} by {self.channel or 'nothing'}"
