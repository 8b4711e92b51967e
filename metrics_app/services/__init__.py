"""Every verb of the metrics: build a month, freeze the past ones, note late data, keep a baseline; import from here."""

from metrics_app.services.baselines import keep_baseline
from metrics_app.services.months import build_month, freeze_month, freeze_months, note_late_data

__all__ = ["build_month", "freeze_month", "freeze_months", "keep_baseline", "note_late_data"]
