"""What the plant's read API can be narrowed by. Codes, not ids, wherever a code exists."""

import django_filters as filters
from django.db.models import Q, QuerySet

from plant_app import models


class SearchFilter(filters.CharFilter):
    """Words in any of the columns named, without regard to case."""

    def __init__(self, *columns: str, **kwargs: object) -> None:
        self.columns = columns
        super().__init__(label=f"words in {', '.join(columns)}", **kwargs)

    def filter(self, qs: QuerySet, value: str) -> QuerySet:
        for word in (value or "").split():
            found = Q()
            for column in self.columns:
                found |= Q(**{f"{column}__icontains": word})
            qs = qs.filter(found)
        return qs


class AreaFilter(filters.FilterSet):
    site = filters.CharFilter(field_name="site__code")

    class Meta:
        model = models.Area
        fields = ("site", "code")


class WorkCentreFilter(filters.FilterSet):
    site = filters.CharFilter(field_name="area__site__code")
    area = filters.CharFilter(field_name="area__code")
    q = SearchFilter("code", "name")

    class Meta:
        model = models.WorkCentre
        fields = ("site", "area", "q")


class WorkUnitFilter(filters.FilterSet):
    site = filters.CharFilter(field_name="work_centre__area__site__code")
    area = filters.CharFilter(field_name="work_centre__area__code")
    work_centre = filters.CharFilter(field_name="work_centre__code")
    state = filters.MultipleChoiceFilter(
        choices=models.UnitState.choices, method="in_state", label="state now"
    )
    q = SearchFilter("code", "name")

    class Meta:
        model = models.WorkUnit
        fields = ("site", "area", "work_centre", "is_bottleneck", "active", "state", "q")

    def in_state(
        self, rows: "QuerySet[models.WorkUnit]", name: str, value: list[str]
    ) -> "QuerySet[models.WorkUnit]":
        if not value:
            return rows
        now = models.WorkUnitState.objects.filter(until=None, state__in=value)
        return rows.filter(pk__in=now.values("work_unit"))


class ItemFilter(filters.FilterSet):
    group = filters.CharFilter(field_name="group__code")
    q = SearchFilter("code", "name")

    class Meta:
        model = models.Item
        fields = ("group", "sourcing", "safety_characteristic", "q")


class WorkOrderFilter(filters.FilterSet):
    site = filters.CharFilter(field_name="site__code")
    item = filters.CharFilter(field_name="item__code")
    customer = filters.CharFilter(field_name="sales_line__order__customer__code")
    status = filters.MultipleChoiceFilter(choices=models.WorkOrderStatus.choices)
    work_centre = filters.CharFilter(method="on_work_centre", label="work centre of an operation")
    need_by = filters.IsoDateTimeFromToRangeFilter()

    class Meta:
        model = models.WorkOrder
        fields = ("site", "item", "customer", "status", "work_centre", "need_by")

    def on_work_centre(
        self, rows: "QuerySet[models.WorkOrder]", name: str, value: str
    ) -> "QuerySet[models.WorkOrder]":
        return rows.filter(
            pk__in=models.Operation.objects.filter(work_centre__code=value).values("work_order")
        )


class SalesOrderFilter(filters.FilterSet):
    site = filters.CharFilter(field_name="site__code")
    customer = filters.CharFilter(field_name="customer__code")

    class Meta:
        model = models.SalesOrder
        fields = ("site", "customer", "po_number")


class PurchaseOrderFilter(filters.FilterSet):
    site = filters.CharFilter(field_name="site__code")
    supplier = filters.CharFilter(field_name="supplier__code")

    class Meta:
        model = models.PurchaseOrder
        fields = ("site", "supplier")


class PartnerFilter(filters.FilterSet):
    q = SearchFilter("code", "name")


class PersonFilter(filters.FilterSet):
    site = filters.CharFilter(field_name="home_site__code")
    function = filters.CharFilter(field_name="function__code")
    duty = filters.ChoiceFilter(choices=models.Duty.choices, method="with_duty", label="duty held")
    q = SearchFilter("username", "display_name")

    class Meta:
        model = models.User
        fields = ("site", "function", "duty", "q")

    def with_duty(self, rows: "QuerySet[models.User]", name: str, value: str) -> "QuerySet[models.User]":
        return rows.filter(pk__in=models.DutyAssignment.objects.filter(duty=value).values("person"))
