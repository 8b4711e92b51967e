"""Orders and who they are for: customers, suppliers, sales, purchase and work orders with their operations.

Mirrored from ERP where ERP has it. Status of an operation is the floor's own knowledge, reported by people or machines.
"""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from core import clock
from plant_app.models.items import Item, Lot, MirrorMixin
from plant_app.models.masterchange import master_triggers
from plant_app.models.people import Skill, User
from plant_app.models.places import Site, WorkCentre, WorkUnit


class Customer(MirrorMixin):
    """Who orders; the tier weighs in urgency."""

    class Tier(models.TextChoices):
        A = "A", "A"
        B = "B", "B"
        C = "C", "C"

    code = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=120)
    tier = models.CharField(max_length=1, choices=Tier.choices, default=Tier.B)
    email = models.EmailField(blank=True)

    class Meta:
        triggers = master_triggers("code", "name")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Supplier(MirrorMixin):
    """Who delivers."""

    code = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=120)
    email = models.EmailField(blank=True)

    class Meta:
        triggers = master_triggers("code", "name")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class SalesOrder(MirrorMixin):
    """A customer's order; `po_number` is the customer's own number for it."""

    number = models.CharField(max_length=30, unique=True)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="sales_orders")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="sales_orders")
    po_number = models.CharField(max_length=40, blank=True)

    class Meta:
        triggers = master_triggers("number", "po_number")
        ordering = ("number",)

    def __str__(self) -> str:
        return self.number


class SalesOrderLine(MirrorMixin):
    """What is promised: requested by the customer, committed by us."""

    order = models.ForeignKey(SalesOrder, on_delete=models.CASCADE, related_name="lines")
    line = models.PositiveSmallIntegerField()
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="sales_lines")
    quantity = models.DecimalField(max_digits=15, decimal_places=3)
    delivered = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))
    unit_price = models.DecimalField(max_digits=14, decimal_places=4, default=Decimal(0))
    requested_at = models.DateTimeField()
    commit_at = models.DateTimeField()
    cancelled = models.BooleanField(default=False)

    class Meta:
        ordering = ("order", "line")
        constraints = [models.UniqueConstraint(fields=["order", "line"], name="sales_line_once")]

    def __str__(self) -> str:
        return f"{self.order.number}/{self.line}"


class PurchaseOrder(MirrorMixin):
    """Our order to a supplier."""

    number = models.CharField(max_length=30, unique=True)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="purchase_orders")
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="purchase_orders")

    class Meta:
        triggers = master_triggers("number")
        ordering = ("number",)

    def __str__(self) -> str:
        return self.number


class PurchaseOrderLine(MirrorMixin):
    """What is to arrive, and when the supplier says."""

    order = models.ForeignKey(PurchaseOrder, on_delete=models.CASCADE, related_name="lines")
    line = models.PositiveSmallIntegerField()
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="purchase_lines")
    quantity = models.DecimalField(max_digits=15, decimal_places=3)
    received = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))
    promised_at = models.DateTimeField()

    class Meta:
        ordering = ("order", "line")
        constraints = [models.UniqueConstraint(fields=["order", "line"], name="purchase_line_once")]

    def __str__(self) -> str:
        return f"{self.order.number}/{self.line}"


class WorkOrderStatus(models.TextChoices):
    """Where a work order stands."""

    PLANNED = "planned", "Planned"
    RELEASED = "released", "Released"
    RUNNING = "running", "Running"
    FINISHED = "finished", "Finished"
    CANCELLED = "cancelled", "Cancelled"


class WorkOrder(MirrorMixin):
    """An order to make a quantity of an item by a need-by moment."""

    number = models.CharField(max_length=30, unique=True)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="work_orders")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="work_orders")
    quantity = models.DecimalField(max_digits=15, decimal_places=3)
    status = models.CharField(
        max_length=10, choices=WorkOrderStatus.choices, default=WorkOrderStatus.RELEASED, db_index=True
    )
    sales_line = models.ForeignKey(
        SalesOrderLine, null=True, blank=True, on_delete=models.SET_NULL, related_name="work_orders"
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    priority = models.PositiveSmallIntegerField(default=50, help_text="0 first, 100 last")
    planned_start = models.DateTimeField()
    planned_end = models.DateTimeField()
    need_by = models.DateTimeField(db_index=True)
    produced_lot = models.ForeignKey(Lot, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        triggers = master_triggers("number", "status")
        ordering = ("number",)
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="work_order_quantity_positive")
        ]

    def __str__(self) -> str:
        return self.number


class OperationStatus(models.TextChoices):
    """What the floor says of an operation."""

    WAITING = "waiting", "Waiting"
    READY = "ready", "Ready"
    SETUP = "setup", "Changeover"
    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"
    FINISHED = "finished", "Finished"
    CANCELLED = "cancelled", "Cancelled"


class Operation(models.Model):
    """A step of a work order on a work centre; minutes are per operation (setup) and per piece (run)."""

    work_order = models.ForeignKey(WorkOrder, on_delete=models.CASCADE, related_name="operations")
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=80)
    work_centre = models.ForeignKey(WorkCentre, on_delete=models.PROTECT, related_name="operations")
    work_unit = models.ForeignKey(
        WorkUnit, null=True, blank=True, on_delete=models.PROTECT, related_name="operations",
        help_text="the unit ERP planned it on",
    )  # fmt: skip
    setup_minutes = models.DecimalField(max_digits=8, decimal_places=1, default=Decimal(0))
    run_minutes = models.DecimalField(max_digits=8, decimal_places=3, help_text="per piece")
    setup_family = models.CharField(max_length=30, blank=True)
    skill = models.ForeignKey(
        Skill, null=True, blank=True, on_delete=models.SET_NULL, related_name="operations"
    )
    status = models.CharField(
        max_length=10, choices=OperationStatus.choices, default=OperationStatus.WAITING, db_index=True
    )
    planned_start = models.DateTimeField()
    planned_end = models.DateTimeField()
    actual_unit = models.ForeignKey(
        WorkUnit, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    good = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))
    scrap = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    confirmed_good = models.DecimalField(
        max_digits=15, decimal_places=3, default=Decimal(0), help_text="already sent towards ERP"
    )
    confirmed_scrap = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))
    confirmed_until = models.DateTimeField(
        null=True, blank=True, help_text="times up to here are already sent"
    )
    version = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("work_order", "number")
        constraints = [models.UniqueConstraint(fields=["work_order", "number"], name="operation_once")]
        indexes = [models.Index(fields=["work_centre", "status"])]

    def __str__(self) -> str:
        return f"{self.work_order.number} op {self.number}"


class OperationAlternate(models.Model):
    """Another work unit the operation may run on, with its own setup and speed (factor 1.2 = 20 % slower)."""

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="alternates")
    work_unit = models.ForeignKey(WorkUnit, on_delete=models.CASCADE, related_name="alternate_for")
    setup_minutes = models.DecimalField(max_digits=8, decimal_places=1, default=Decimal(0))
    run_factor = models.DecimalField(max_digits=5, decimal_places=2, default=Decimal(1))
    approved = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["operation", "work_unit"], name="operation_alternate_once")
        ]

    def __str__(self) -> str:
        return f"{self.operation} on {self.work_unit.code}"


class MaterialNeed(models.Model):
    """A component an operation reserves."""

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="material_needs")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="needs")
    lot = models.ForeignKey(Lot, null=True, blank=True, on_delete=models.SET_NULL, related_name="needs")
    quantity = models.DecimalField(max_digits=15, decimal_places=3)
    issued = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "item", "lot"], name="material_need_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.item.code} for {self.operation}"


class Delivery(MirrorMixin):
    """A shipment to a customer."""

    number = models.CharField(max_length=30, unique=True)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="deliveries")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="deliveries")
    planned_at = models.DateTimeField()
    shipped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = master_triggers("number")
        ordering = ("-planned_at",)
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return self.number


class DeliveryLine(models.Model):
    """A sales line's quantity on a delivery, with its lot."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="lines")
    sales_line = models.ForeignKey(SalesOrderLine, on_delete=models.PROTECT, related_name="delivery_lines")
    lot = models.ForeignKey(
        Lot, null=True, blank=True, on_delete=models.PROTECT, related_name="delivery_lines"
    )
    quantity = models.DecimalField(max_digits=15, decimal_places=3)

    def __str__(self) -> str:
        return f"{self.delivery.number}: {self.quantity}"


class ProgressReport(models.Model):
    """What somebody or a machine said of an operation: started, stopped, counted, finished."""

    class Kind(models.TextChoices):
        SETUP = "setup", "Changeover begun"
        START = "start", "Started"
        STOP = "stop", "Stopped"
        COUNT = "count", "Counted"
        FINISH = "finish", "Finished"

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="progress")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    work_unit = models.ForeignKey(
        WorkUnit, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    good = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))
    scrap = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))
    at = models.DateTimeField()
    person = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-at",)

    def __str__(self) -> str:
        return f"{self.operation} {self.kind}"
