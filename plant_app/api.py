"""Read access to the plant: lists and single rows, only of the sites the reader may see.

Every list is a keyset page with the same number of queries whatever its length. Nothing is written here.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import IsAuthenticated
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from core.api import KeysetPagination
from plant_app import filters, models, serializers
from plant_app.permissions import MayDo, MayView
from plant_app.selectors.access import visible_site_ids
from plant_app.selectors.effective import Target, overlays_in_force


class ByCode(KeysetPagination):
    ordering = "code"


class ByNumber(KeysetPagination):
    ordering = "number"


class ByUsername(KeysetPagination):
    ordering = "username"


class PlantViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Base of the read views: `within` narrows the rows to the reader's sites."""

    permission_classes = [IsAuthenticated, MayView]
    pagination_class: type[KeysetPagination] = ByCode
    lookup_field = "code"
    lookup_value_regex = "[^/]+"
    site_path: str | None = None  # where the row's site is; None: belongs to the whole company

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        return self.within(rows, visible_site_ids(self.request.user))

    def within(self, rows: QuerySet[Any], sites: frozenset[int]) -> QuerySet[Any]:
        return rows if self.site_path is None else rows.filter(**{f"{self.site_path}__in": sites})


class OverlaidViewSet(PlantViewSet):
    """Hands the overlays of all rows shown to the serializer at once."""

    pagination_class = ByNumber
    lookup_field = "number"

    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer[Any]:
        if args and args[0] is not None:
            rows = args[0] if kwargs.get("many") else [args[0]]
            known = overlays_in_force(self.overlaid(rows))
            kwargs["context"] = {**self.get_serializer_context(), "overlays": known}
        return super().get_serializer(*args, **kwargs)

    def overlaid(self, rows: Iterable[Any]) -> Iterable[Target]:
        return [line for row in rows for line in row.lines.all()]


@extend_schema_view(list=extend_schema(summary="Sites"), retrieve=extend_schema(summary="A site"))
class SiteViewSet(PlantViewSet):
    queryset = models.Site.objects.all()
    serializer_class = serializers.SiteSerializer
    site_path = "pk"


@extend_schema_view(list=extend_schema(summary="Areas"), retrieve=extend_schema(summary="An area"))
class AreaViewSet(PlantViewSet):
    queryset = models.Area.objects.select_related("site")
    serializer_class = serializers.AreaSerializer
    filterset_class = filters.AreaFilter
    site_path = "site"
    lookup_field = "pk"


@extend_schema_view(
    list=extend_schema(summary="Work centres"), retrieve=extend_schema(summary="A work centre")
)
class WorkCentreViewSet(PlantViewSet):
    queryset = models.WorkCentre.objects.select_related("area__site")
    serializer_class = serializers.WorkCentreSerializer
    filterset_class = filters.WorkCentreFilter
    site_path = "area__site"


@extend_schema_view(
    list=extend_schema(summary="Work units, with what each does now"),
    retrieve=extend_schema(summary="A work unit, with what it does now"),
)
class WorkUnitViewSet(PlantViewSet):
    queryset = models.WorkUnit.objects.select_related("work_centre__area__site").prefetch_related(
        Prefetch("states", models.WorkUnitState.objects.filter(until=None), to_attr="open_stretches")
    )
    serializer_class = serializers.WorkUnitSerializer
    filterset_class = filters.WorkUnitFilter
    site_path = "work_centre__area__site"


@extend_schema_view(list=extend_schema(summary="Items"), retrieve=extend_schema(summary="An item"))
class ItemViewSet(PlantViewSet):
    queryset = models.Item.objects.select_related("group")
    serializer_class = serializers.ItemSerializer
    filterset_class = filters.ItemFilter


_OPERATIONS = models.Operation.objects.select_related(
    "work_centre", "work_unit", "actual_unit", "plan__work_unit"
).prefetch_related(
    Prefetch("alternates", models.OperationAlternate.objects.select_related("work_unit").order_by("pk")),
    Prefetch("material_needs", models.MaterialNeed.objects.select_related("item", "lot").order_by("pk")),
)


@extend_schema_view(
    list=extend_schema(summary="Work orders with their operations"),
    retrieve=extend_schema(summary="A work order with its operations"),
)
class WorkOrderViewSet(OverlaidViewSet):
    queryset = models.WorkOrder.objects.select_related(
        "site", "item", "sales_line__order", "parent"
    ).prefetch_related(Prefetch("operations", _OPERATIONS))
    serializer_class = serializers.WorkOrderSerializer
    filterset_class = filters.WorkOrderFilter
    site_path = "site"

    def overlaid(self, rows: Iterable[Any]) -> Iterable[Target]:
        return rows


@extend_schema_view(
    list=extend_schema(summary="Sales orders with their lines"),
    retrieve=extend_schema(summary="A sales order with its lines"),
)
class SalesOrderViewSet(OverlaidViewSet):
    queryset = models.SalesOrder.objects.select_related("site", "customer").prefetch_related(
        Prefetch("lines", models.SalesOrderLine.objects.select_related("item"))
    )
    serializer_class = serializers.SalesOrderSerializer
    filterset_class = filters.SalesOrderFilter
    site_path = "site"


@extend_schema_view(
    list=extend_schema(summary="Purchase orders with their lines"),
    retrieve=extend_schema(summary="A purchase order with its lines"),
)
class PurchaseOrderViewSet(OverlaidViewSet):
    queryset = models.PurchaseOrder.objects.select_related("site", "supplier").prefetch_related(
        Prefetch("lines", models.PurchaseOrderLine.objects.select_related("item"))
    )
    serializer_class = serializers.PurchaseOrderSerializer
    filterset_class = filters.PurchaseOrderFilter
    site_path = "site"


@extend_schema_view(list=extend_schema(summary="Customers"), retrieve=extend_schema(summary="A customer"))
class CustomerViewSet(PlantViewSet):
    queryset = models.Customer.objects.all()
    serializer_class = serializers.CustomerSerializer
    filterset_class = filters.PartnerFilter


@extend_schema_view(list=extend_schema(summary="Suppliers"), retrieve=extend_schema(summary="A supplier"))
class SupplierViewSet(PlantViewSet):
    queryset = models.Supplier.objects.all()
    serializer_class = serializers.SupplierSerializer
    filterset_class = filters.PartnerFilter


@extend_schema_view(list=extend_schema(summary="Functions"), retrieve=extend_schema(summary="A function"))
class FunctionViewSet(PlantViewSet):
    queryset = models.Function.objects.all()
    serializer_class = serializers.FunctionSerializer


@extend_schema_view(
    list=extend_schema(summary="People of the reader's sites, with their duties there"),
    retrieve=extend_schema(summary="A person, with their duties at the reader's sites"),
)
class PersonViewSet(PlantViewSet):
    queryset = models.User.objects.filter(is_active=True).select_related("function", "home_site")
    serializer_class = serializers.PersonSerializer
    filterset_class = filters.PersonFilter
    pagination_class = ByUsername
    lookup_field = "username"
    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = "people.view"

    def within(self, rows: QuerySet[Any], sites: frozenset[int]) -> QuerySet[Any]:
        duties = models.DutyAssignment.objects.filter(site__in=sites)
        shown = duties.select_related("site", "function", "area", "shift").order_by("pk")
        here = Q(home_site__in=sites) | Q(pk__in=duties.values("person"))
        return rows.filter(here).prefetch_related(Prefetch("duties", shown, to_attr="seen_duties"))
