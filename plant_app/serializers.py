"""JSON of the plant: what the read API says of places, items, orders and people.

Codes name things, ids are given beside them for links. Values in force (overlay before ERP) stand beside ERP's own;
the view hands the overlays of a whole page over in the context, so no row asks on its own.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from plant_app import models
from plant_app.selectors.effective import effective_commit, effective_need_by, effective_promise

Row = Mapping[str, Any]


class SiteSerializer(serializers.ModelSerializer[models.Site]):
    class Meta:
        model = models.Site
        fields = ("id", "code", "name", "timezone", "currency", "language")


class AreaSerializer(serializers.ModelSerializer[models.Area]):
    site = serializers.CharField(source="site.code")

    class Meta:
        model = models.Area
        fields = ("id", "code", "name", "site", "position")


class WorkCentreSerializer(serializers.ModelSerializer[models.WorkCentre]):
    site = serializers.CharField(source="area.site.code")
    area = serializers.CharField(source="area.code")
    aliases = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = models.WorkCentre
        fields = ("id", "code", "name", "site", "area", "aliases", "cost_per_hour", "crew")


class UnitStateSerializer(serializers.ModelSerializer[models.WorkUnitState]):
    class Meta:
        model = models.WorkUnitState
        fields = ("state", "since", "note")


class WorkUnitSerializer(serializers.ModelSerializer[models.WorkUnit]):
    site = serializers.CharField(source="work_centre.area.site.code")
    area = serializers.CharField(source="work_centre.area.code")
    work_centre = serializers.CharField(source="work_centre.code")
    aliases = serializers.ListField(child=serializers.CharField())
    now = serializers.SerializerMethodField()

    class Meta:
        model = models.WorkUnit
        fields = (
            "id",
            "code",
            "name",
            "site",
            "area",
            "work_centre",
            "aliases",
            "is_bottleneck",
            "active",
            "now",
        )

    @extend_schema_field(UnitStateSerializer(allow_null=True))
    def get_now(self, unit: models.WorkUnit) -> Any:
        stretches: list[models.WorkUnitState] = vars(unit).get("open_stretches", [])
        return UnitStateSerializer(stretches[0]).data if stretches else None


class ItemSerializer(serializers.ModelSerializer[models.Item]):
    group = serializers.CharField(source="group.code")
    aliases = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = models.Item
        fields = (
            "id", "code", "name", "group", "uom", "standard_cost", "sourcing", "safety_characteristic",
            "lead_time_days", "aliases",
        )  # fmt: skip


class CustomerSerializer(serializers.ModelSerializer[models.Customer]):
    class Meta:
        model = models.Customer
        fields = ("id", "code", "name", "tier")


class SupplierSerializer(serializers.ModelSerializer[models.Supplier]):
    class Meta:
        model = models.Supplier
        fields = ("id", "code", "name")


class FunctionSerializer(serializers.ModelSerializer[models.Function]):
    class Meta:
        model = models.Function
        fields = ("id", "code", "name", "short", "position")


class DutySerializer(serializers.ModelSerializer[models.DutyAssignment]):
    site = serializers.CharField(source="site.code")
    function = serializers.CharField(source="function.code")
    area = serializers.CharField(source="area.code", default=None, allow_null=True)
    shift = serializers.CharField(source="shift.code", default=None, allow_null=True)

    class Meta:
        model = models.DutyAssignment
        fields = ("duty", "function", "site", "area", "shift", "on_call")


class PersonSerializer(serializers.ModelSerializer[models.User]):
    """Who somebody is and what for; never how to reach them at home, never why they are away."""

    name = serializers.CharField(source="__str__")
    function = serializers.CharField(source="function.code", default=None, allow_null=True)
    site = serializers.CharField(source="home_site.code", default=None, allow_null=True)
    duties = DutySerializer(many=True, source="seen_duties")

    class Meta:
        model = models.User
        fields = ("id", "username", "name", "function", "site", "duties")


class ItemRefSerializer(serializers.ModelSerializer[models.Item]):
    class Meta:
        model = models.Item
        fields = ("code", "name", "uom")


class AlternateSerializer(serializers.ModelSerializer[models.OperationAlternate]):
    work_unit = serializers.CharField(source="work_unit.code")

    class Meta:
        model = models.OperationAlternate
        fields = ("work_unit", "setup_minutes", "run_factor", "approved")


class MaterialSerializer(serializers.ModelSerializer[models.MaterialNeed]):
    item = serializers.CharField(source="item.code")
    lot = serializers.CharField(source="lot.code", default=None, allow_null=True)

    class Meta:
        model = models.MaterialNeed
        fields = ("item", "lot", "quantity", "issued")


class PlanSerializer(serializers.ModelSerializer[models.PlannedOperation]):
    work_unit = serializers.CharField(source="work_unit.code")

    class Meta:
        model = models.PlannedOperation
        fields = ("work_unit", "position", "start", "end", "pinned", "origin")


class OperationSerializer(serializers.ModelSerializer[models.Operation]):
    work_centre = serializers.CharField(source="work_centre.code")
    work_unit = serializers.CharField(source="work_unit.code", default=None, allow_null=True)
    actual_unit = serializers.CharField(source="actual_unit.code", default=None, allow_null=True)
    plan = PlanSerializer(allow_null=True, default=None)
    alternates = AlternateSerializer(many=True)
    materials = MaterialSerializer(many=True, source="material_needs")

    class Meta:
        model = models.Operation
        fields = (
            "id", "number", "name", "work_centre", "work_unit", "actual_unit", "status", "setup_minutes",
            "run_minutes", "good", "scrap", "planned_start", "planned_end", "started_at", "finished_at", "version",
            "plan", "alternates", "materials",
        )  # fmt: skip


class WorkOrderSerializer(serializers.ModelSerializer[models.WorkOrder]):
    site = serializers.CharField(source="site.code")
    item = ItemRefSerializer()
    sales_line = serializers.CharField(source="sales_line.__str__", default=None, allow_null=True)
    parent = serializers.CharField(  # type: ignore[assignment]  # the field shadows DRF's own attribute of the class
        source="parent.number", default=None, allow_null=True
    )
    need_by = serializers.SerializerMethodField(help_text="in force: decided here, else ERP's")
    need_by_erp = serializers.DateTimeField(source="need_by")
    operations = OperationSerializer(many=True)

    class Meta:
        model = models.WorkOrder
        fields = (
            "id", "number", "site", "item", "quantity", "status", "priority", "planned_start", "planned_end",
            "need_by", "need_by_erp", "sales_line", "parent", "operations",
        )  # fmt: skip

    def get_need_by(self, order: models.WorkOrder) -> datetime:
        return effective_need_by(order, self.context.get("overlays"))


class SalesLineSerializer(serializers.ModelSerializer[models.SalesOrderLine]):
    item = ItemRefSerializer()
    commit_at = serializers.SerializerMethodField(help_text="in force: decided here, else ERP's")
    commit_at_erp = serializers.DateTimeField(source="commit_at")

    class Meta:
        model = models.SalesOrderLine
        fields = (
            "id", "line", "item", "quantity", "delivered", "unit_price", "requested_at", "commit_at", "commit_at_erp",
            "cancelled",
        )  # fmt: skip

    def get_commit_at(self, line: models.SalesOrderLine) -> datetime:
        return effective_commit(line, self.context.get("overlays"))


class SalesOrderSerializer(serializers.ModelSerializer[models.SalesOrder]):
    site = serializers.CharField(source="site.code")
    customer = CustomerSerializer()
    lines = SalesLineSerializer(many=True)

    class Meta:
        model = models.SalesOrder
        fields = ("id", "number", "site", "customer", "po_number", "lines")


class PurchaseLineSerializer(serializers.ModelSerializer[models.PurchaseOrderLine]):
    item = ItemRefSerializer()
    promised_at = serializers.SerializerMethodField(help_text="in force: decided here, else ERP's")
    promised_at_erp = serializers.DateTimeField(source="promised_at")

    class Meta:
        model = models.PurchaseOrderLine
        fields = ("id", "line", "item", "quantity", "received", "promised_at", "promised_at_erp")

    def get_promised_at(self, line: models.PurchaseOrderLine) -> datetime:
        return effective_promise(line, self.context.get("overlays"))


class PurchaseOrderSerializer(serializers.ModelSerializer[models.PurchaseOrder]):
    site = serializers.CharField(source="site.code")
    supplier = SupplierSerializer()
    lines = PurchaseLineSerializer(many=True)

    class Meta:
        model = models.PurchaseOrder
        fields = ("id", "number", "site", "supplier", "lines")
