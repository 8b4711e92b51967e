"""What lists of postings can be narrowed by. Codes, not ids."""

import django_filters as filters
from django.db.models import QuerySet

from core import clock
from erp_sync.kinds import KIND_NAMES
from erp_sync.lifecycle import Status
from erp_sync.models import Posting
from erp_sync.models.postings import STATUS_CHOICES, PostingQuerySet


class Listed(filters.BaseInFilter, filters.CharFilter):
    """One or several codes, separated by commas."""


class PostingFilter(filters.FilterSet):
    """`status=rejected,held&kind=cost&site=RHF&origin_ref=exception:4217`; `status=open` is all that is unsettled,
    `status=dead` all a person must get on, `status=collected` what waits to go with others."""

    status = filters.CharFilter(method="by_status", label="status, several with commas, or `open`, or `dead`")
    kind = filters.MultipleChoiceFilter(choices=list(KIND_NAMES.items()))
    site = Listed(field_name="site__code")
    connection = Listed(field_name="connection__code")
    held_reason = Listed(field_name="held_reason")
    error_code = Listed(field_name="error_code")
    assignee = filters.CharFilter(
        method="by_assignee", label="username, or `none` for those nobody looks after"
    )
    origin_ref = filters.CharFilter(field_name="origin_ref")
    chain = filters.CharFilter(field_name="chain", label="work order")
    business_key = filters.CharFilter(field_name="business_key")
    erp_number = filters.CharFilter(field_name="erp_number")
    occurred = filters.IsoDateTimeFromToRangeFilter(field_name="occurred_at")

    class Meta:
        model = Posting
        fields = ("status", "kind", "site", "origin_ref")

    def by_status(self, rows: PostingQuerySet, name: str, value: str) -> QuerySet[Posting]:
        wanted = {word.strip() for word in value.split(",") if word.strip()}
        found = rows.filter(status__in=wanted & {status for status, _label in STATUS_CHOICES})
        if "open" in wanted:
            found |= rows.unsettled()
        if "dead" in wanted:
            found |= rows.dead()
        if "by_hand" in wanted:
            found |= rows.by_hand()
        if "collected" in wanted:
            found |= rows.filter(status=Status.QUEUED, buffered_until__gt=clock.now())
        return found

    def by_assignee(self, rows: PostingQuerySet, name: str, value: str) -> QuerySet[Posting]:
        return (
            rows.filter(assignee__isnull=True) if value == "none" else rows.filter(assignee__username=value)
        )
