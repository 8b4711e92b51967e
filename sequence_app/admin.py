"""Sequences and recommendations in the admin, to read."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from sequence_app.models import Recommendation, SequenceVersion


@admin.register(SequenceVersion)
class SequenceVersionAdmin(ReadOnlyAdmin):
    """What was computed, why, how fast."""

    list_display = ("site", "number", "created_at", "milliseconds", "late_before", "late_after")
    list_filter = ("site",)


@admin.register(Recommendation)
class RecommendationAdmin(ReadOnlyAdmin):
    """What was proposed and what the floor said."""

    list_display = ("title", "work_centre", "status", "created_at", "decided_by", "override_reason", "note")
    list_filter = ("status", "override_reason", "site")
    search_fields = ("title", "reason")
