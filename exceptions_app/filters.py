"""What lists of exceptions can be narrowed by, and how they may be ordered. Codes, not ids."""

import django_filters as filters
from django.db.models import Q, QuerySet

from exceptions_app.lifecycle import LIVE
from exceptions_app.models import ExceptionRecord
from exceptions_app.models.records import STATUS_CHOICES
from plant_app.models import Severity

URGENCIES = [(word, word.capitalize()) for word in ("critical", "high", "normal", "low")]


class Listed(filters.BaseInFilter, filters.CharFilter):
    """One or several codes, separated by commas."""


class ExceptionFilter(filters.FilterSet):
    """`status=open,acknowledged&type=tooling&site=RHF&owner=jonas.keller`; `status=live` is all that is work."""

    status = filters.CharFilter(method="by_status", label="status, several with commas, or `live`")
    type = Listed(field_name="type__code")
    site = Listed(field_name="site__code")
    area = Listed(field_name="area__code")
    work_centre = Listed(field_name="work_centre__code")
    work_unit = Listed(field_name="work_unit__code")
    work_order = filters.CharFilter(field_name="work_order__number")
    item = filters.CharFilter(field_name="item__code")
    customer = Listed(field_name="customer__code")
    severity = filters.MultipleChoiceFilter(choices=Severity.choices)
    urgency = filters.MultipleChoiceFilter(choices=URGENCIES)
    owner = filters.CharFilter(method="by_owner", label="owner's username, `me` or `nobody`")
    owner_function = Listed(field_name="owner_function__code")
    waiting = filters.CharFilter(method="by_waiting", label="function that has not acknowledged")
    captured = filters.IsoDateTimeFromToRangeFilter(field_name="captured_at")
    closed = filters.IsoDateTimeFromToRangeFilter(field_name="closed_at")
    drill = filters.BooleanFilter(label="fire drills only, or none")
    q = filters.CharFilter(method="by_words", label="reference or words of the title")

    class Meta:
        model = ExceptionRecord
        fields = ("status", "type", "site", "owner")

    def by_status(self, rows: QuerySet[ExceptionRecord], name: str, value: str) -> QuerySet[ExceptionRecord]:
        wanted = {word.strip() for word in value.split(",") if word.strip()}
        if "live" in wanted:
            wanted |= {status.value for status in LIVE}
        known = {status for status, _ in STATUS_CHOICES}
        return rows.filter(status__in=wanted & known)

    def by_owner(self, rows: QuerySet[ExceptionRecord], name: str, value: str) -> QuerySet[ExceptionRecord]:
        if value == "nobody":
            return rows.filter(owner=None)
        if value == "me" and self.request is not None:
            return rows.filter(owner=self.request.user)
        return rows.filter(owner__username=value)

    def by_waiting(self, rows: QuerySet[ExceptionRecord], name: str, value: str) -> QuerySet[ExceptionRecord]:
        return rows.filter(
            responses__function__code=value, responses__required=True,
            responses__status__in=("due", "told", "delivered", "seen"),
        ).distinct()  # fmt: skip

    def by_words(self, rows: QuerySet[ExceptionRecord], name: str, value: str) -> QuerySet[ExceptionRecord]:
        for word in value.split():
            rows = rows.filter(
                Q(ref__icontains=word) | Q(title__icontains=word) | Q(work_order__number__icontains=word)
            )
        return rows
