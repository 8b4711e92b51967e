"""Items, their structure, lots and stock.

Stock has two layers kept as separate rows: what ERP says, and this layer's own overlay of what is known but not yet
posted (a blocked lot). Effective = ERP + overlay, so a pull never wipes a hold and drift can be seen.
"""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from core import clock
from plant_app.models.masterchange import master_triggers
from plant_app.models.places import Site


class MirrorMixin(models.Model):
    """A row ERP is the master of: its identity and version there, and when it was last read."""

    erp_id = models.CharField(max_length=60, blank=True, db_index=True)
    erp_version = models.CharField(max_length=60, blank=True)
    erp_synced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class ItemGroup(models.Model):
    """A family of items routing rules and reports speak of."""

    code = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=80)

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.name


class Item(MirrorMixin):
    """A material: bought or made."""

    class Sourcing(models.TextChoices):
        MADE = "made", "Made"
        BOUGHT = "bought", "Bought"

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    group = models.ForeignKey(ItemGroup, on_delete=models.PROTECT, related_name="items")
    uom = models.CharField(max_length=10, default="pcs", help_text="base unit of measure")
    standard_cost = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    sourcing = models.CharField(max_length=10, choices=Sourcing.choices, default=Sourcing.BOUGHT)
    safety_characteristic = models.BooleanField(default=False)
    lead_time_days = models.PositiveSmallIntegerField(default=0)
    aliases = models.JSONField(default=list, blank=True)

    class Meta:
        triggers = master_triggers("code", "name", "aliases")
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class BomLine(models.Model):
    """Quantity of a component in one base unit of the parent."""

    parent = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="bom_lines")
    component = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="used_in")
    quantity = models.DecimalField(max_digits=15, decimal_places=4)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["parent", "component"], name="bom_component_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="bom_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.component.code} in {self.parent.code}"


class ItemAlternate(models.Model):
    """An approved substitute for an item."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="alternates")
    substitute = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="substitutes_for")
    approved = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "substitute"], name="item_alternate_once")]

    def __str__(self) -> str:
        return f"{self.substitute.code} for {self.item.code}"


class Lot(MirrorMixin):
    """A material lot."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="lots")
    code = models.CharField(max_length=40)
    supplier_code = models.CharField(max_length=40, blank=True, help_text="supplier, when it was received")
    made_by = models.CharField(
        max_length=40, blank=True, help_text="work order number, when it was made here"
    )
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        triggers = master_triggers("code")
        ordering = ("-created_at",)
        constraints = [models.UniqueConstraint(fields=["item", "code"], name="lot_code_once_per_item")]

    def __str__(self) -> str:
        return self.code


class StockLocation(models.Model):
    """A place stock lies in."""

    class Kind(models.TextChoices):
        STORAGE = "storage", "Storage"
        BLOCKED = "blocked", "Blocked stock"
        PRODUCTION = "production", "Point of use"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="stock_locations")
    code = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.STORAGE)
    erp_id = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ("site", "code")

    def __str__(self) -> str:
        return self.code


class StockStatus(models.TextChoices):
    """What may be done with stock."""

    FREE = "free", "Free"
    QUALITY = "quality", "In inspection"
    BLOCKED = "blocked", "Blocked"


class StockLayer(models.TextChoices):
    """Whose value a row holds."""

    ERP = "erp", "ERP"
    OVERLAY = "overlay", "Not yet in ERP"


class StockRow(models.Model):
    """Quantity of an item (lot) at a location in a status, in one layer; overlay rows may be negative.

    `origin_ref` names what put an overlay row there (an exception's containment); it is removed when ERP confirms.
    """

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="stock")
    lot = models.ForeignKey(Lot, null=True, blank=True, on_delete=models.CASCADE, related_name="stock")
    location = models.ForeignKey(StockLocation, on_delete=models.CASCADE, related_name="stock")
    status = models.CharField(max_length=10, choices=StockStatus.choices, default=StockStatus.FREE)
    layer = models.CharField(max_length=10, choices=StockLayer.choices, default=StockLayer.ERP)
    quantity = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))
    origin_ref = models.CharField(max_length=80, blank=True)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "lot", "location", "status", "layer", "origin_ref"],
                name="stock_row_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(layer="overlay") | Q(origin_ref=""), name="stock_origin_only_on_overlay"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.item.code} {self.status} at {self.location.code}"
