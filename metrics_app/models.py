"""Months as they were reported: figures frozen with their definition version, and what changed since."""

from typing import ClassVar

import pgtrigger
from django.db import models

from core import clock
from plant_app.models import Site


class MonthlyReport(models.Model):
    """A past month's figures for a site (none: all sites). Frozen: never restated, only adjusted beside."""

    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="monthly_reports"
    )
    year = models.PositiveSmallIntegerField()
    month = models.PositiveSmallIntegerField()
    figures = models.JSONField()
    definition_version = models.PositiveSmallIntegerField()
    frozen_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-year", "-month", "site")
        constraints = [
            models.UniqueConstraint(
                fields=["site", "year", "month"], name="one_report_per_month", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(month__gte=1, month__lte=12), name="report_month_valid"
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="report_frozen", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.site or 'All sites'} {self.year}-{self.month:02d}"


class Adjustment(models.Model):
    """Late data found for a frozen month: what the figure would be now. Appended, never edited."""

    report = models.ForeignKey(MonthlyReport, on_delete=models.PROTECT, related_name="adjustments")
    metric = models.CharField(max_length=20)
    frozen = models.FloatField(null=True)
    current = models.FloatField(null=True)
    count = models.IntegerField(default=0, help_text="records counted now, less those counted then")
    found_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-found_at", "-pk")
        triggers: ClassVar = [
            pgtrigger.Protect(name="adjustment_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.report}: {self.metric} {self.frozen} now {self.current}"


class Baseline(models.Model):
    """What it was like before: entered, imported or counted, for before and after."""

    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="baselines")
    name = models.CharField(max_length=80)
    start = models.DateField()
    end = models.DateField()
    resolution_median = models.FloatField(null=True, blank=True, help_text="minutes")
    alignment_median = models.FloatField(null=True, blank=True, help_text="minutes")
    posting_lag_median = models.FloatField(null=True, blank=True, help_text="minutes")
    first_pass_percent = models.FloatField(null=True, blank=True)
    source = models.CharField(max_length=120, blank=True, help_text="where the figures come from")
    types = models.JSONField(
        default=dict,
        blank=True,
        help_text="type -> {per_month, hours_per_month}, where a census counted them",
    )
    origin_ref = models.CharField(max_length=80, blank=True, help_text="the census it was counted by")

    class Meta:
        ordering = ("-end",)

    def __str__(self) -> str:
        return self.name
