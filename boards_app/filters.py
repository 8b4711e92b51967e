"""What the desk's list can be narrowed by, on top of the API's own filters: a view, and words anywhere in a case."""

import django_filters as filters
from django.db.models import Exists, OuterRef, Q, QuerySet

from exceptions_app.filters import ExceptionFilter
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord, SignalReading

WORST, MINE, UNACKNOWLEDGED, TRIAGE, ERP = "worst", "mine", "unacknowledged", "triage", "erp"
VIEWS = (WORST, MINE, UNACKNOWLEDGED, TRIAGE, ERP)
_UNDECIDED = (Status.TRIAGE, Status.OPEN, Status.ACKNOWLEDGED)


class DeskFilter(ExceptionFilter):
    """`view=mine&type=machine_downtime&waiting=quality&q=CNC-04 vibration`."""

    view = filters.ChoiceFilter(choices=[(name, name) for name in VIEWS], method="by_view")

    def by_view(self, rows: QuerySet[ExceptionRecord], name: str, value: str) -> QuerySet[ExceptionRecord]:
        if value == MINE and self.request is not None:
            return rows.filter(owner=self.request.user, status__in=_UNDECIDED)
        if value == UNACKNOWLEDGED:
            return rows.filter(status__in=(Status.TRIAGE, Status.OPEN))
        if value == TRIAGE:
            return rows.filter(status=Status.TRIAGE)
        if value == ERP:
            return rows.filter(status=Status.RESOLVED)
        return rows

    def by_words(self, rows: QuerySet[ExceptionRecord], name: str, value: str) -> QuerySet[ExceptionRecord]:
        """Every word must be found somewhere: reference, title, place, order, item, lot, customer, person, report."""
        for word in value.split()[:8]:
            said = SignalReading.objects.filter(exception=OuterRef("pk"), signal__text__icontains=word)
            rows = rows.filter(
                Q(ref__icontains=word) | Q(title__icontains=word) | Q(type__name__icontains=word)
                | Q(work_unit__code__icontains=word) | Q(work_centre__name__icontains=word)
                | Q(work_order__number__icontains=word) | Q(sales_line__order__number__icontains=word)
                | Q(purchase_line__order__number__icontains=word) | Q(item__code__icontains=word)
                | Q(item__name__icontains=word) | Q(lot__code__icontains=word) | Q(customer__name__icontains=word)
                | Q(supplier__name__icontains=word) | Q(owner__display_name__icontains=word)
                | Q(reported_by__display_name__icontains=word) | Exists(said)
            )  # fmt: skip
        return rows
