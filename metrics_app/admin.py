"""Reports and adjustments to read, baselines to enter."""

from django.contrib import admin

from core.admin import ModelAdmin, ReadOnlyAdmin
from metrics_app.models import Adjustment, Baseline, MonthlyReport


@admin.register(MonthlyReport)
class MonthlyReportAdmin(ReadOnlyAdmin):
    """Frozen months."""

    list_display = ("site", "year", "month", "frozen_at", "definition_version")
    list_filter = ("site", "year")


@admin.register(Adjustment)
class AdjustmentAdmin(ReadOnlyAdmin):
    """What came late."""

    list_display = ("report", "metric", "frozen", "current", "count", "found_at")


@admin.register(Baseline)
class BaselineAdmin(ModelAdmin):
    """What it was like before."""

    list_display = ("name", "site", "start", "end", "resolution_median", "first_pass_percent", "source")
