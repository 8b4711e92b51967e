"""Factories for everything in plant_app: the smallest valid row of each, for any app's tests.

Each factory makes what it needs around itself; pass the parts you care about. Moments come from `core.clock`.
"""

from datetime import time, timedelta
from decimal import Decimal

import factory
from factory.django import DjangoModelFactory

from core import clock, keys
from plant_app import models


def hours(count: float) -> factory.LazyFunction:
    """A moment `count` hours from the clock's now."""
    return factory.LazyFunction(lambda: clock.now() + timedelta(hours=count))


class EnterpriseFactory(DjangoModelFactory):
    class Meta:
        model = models.Enterprise
        django_get_or_create = ("code",)

    code = "KOLBE"
    name = "Kolbe Hydraulics"


class SiteFactory(DjangoModelFactory):
    class Meta:
        model = models.Site

    enterprise = factory.SubFactory(EnterpriseFactory)
    code = factory.Sequence(lambda n: f"S{n}")
    name = factory.LazyAttribute(lambda o: f"Site {o.code}")
    timezone = "Europe/Berlin"


class AreaFactory(DjangoModelFactory):
    class Meta:
        model = models.Area

    site = factory.SubFactory(SiteFactory)
    code = factory.Sequence(lambda n: f"A{n}")
    name = factory.LazyAttribute(lambda o: f"Area {o.code}")


class WorkCentreFactory(DjangoModelFactory):
    class Meta:
        model = models.WorkCentre

    area = factory.SubFactory(AreaFactory)
    code = factory.Sequence(lambda n: f"WC{n}")
    name = factory.LazyAttribute(lambda o: f"Work centre {o.code}")
    cost_per_hour = Decimal("90.00")


class WorkUnitFactory(DjangoModelFactory):
    class Meta:
        model = models.WorkUnit

    work_centre = factory.SubFactory(WorkCentreFactory)
    code = factory.Sequence(lambda n: f"U{n:03d}")
    name = factory.LazyAttribute(lambda o: f"Unit {o.code}")


class FunctionFactory(DjangoModelFactory):
    class Meta:
        model = models.Function
        django_get_or_create = ("code",)

    code = "production"
    name = factory.LazyAttribute(lambda o: o.code.replace("_", " ").capitalize())
    short = factory.LazyAttribute(lambda o: o.code[:2].upper())


class UserFactory(DjangoModelFactory):
    """A login nobody can use with a password: tests call `client.force_login`."""

    class Meta:
        model = models.User

    username = factory.Sequence(lambda n: f"person{n}")
    display_name = factory.LazyAttribute(lambda o: o.username.replace(".", " ").title())
    email = factory.LazyAttribute(lambda o: f"{o.username}@kolbe.example")
    password = "!no-password"


class TeamFactory(DjangoModelFactory):
    class Meta:
        model = models.Team

    site = factory.SubFactory(SiteFactory)
    function = factory.SubFactory(FunctionFactory)
    name = factory.Sequence(lambda n: f"Team {n}")


class ShiftFactory(DjangoModelFactory):
    class Meta:
        model = models.Shift

    site = factory.SubFactory(SiteFactory)
    code = factory.Sequence(lambda n: f"SH{n}")
    name = factory.LazyAttribute(lambda o: f"Shift {o.code}")
    start = time(6)
    end = time(14)
    weekdays = factory.LazyFunction(lambda: list(range(7)))


class DutyAssignmentFactory(DjangoModelFactory):
    class Meta:
        model = models.DutyAssignment

    person = factory.SubFactory(UserFactory)
    duty = models.Duty.TECHNICIAN
    function = factory.SubFactory(FunctionFactory)
    site = factory.SubFactory(SiteFactory)


class AbsenceFactory(DjangoModelFactory):
    class Meta:
        model = models.Absence

    person = factory.SubFactory(UserFactory)
    start = hours(-1)
    end = hours(8)


class SkillFactory(DjangoModelFactory):
    class Meta:
        model = models.Skill
        django_get_or_create = ("code",)

    code = "spindle"
    name = "Spindle repair"


class QualificationFactory(DjangoModelFactory):
    class Meta:
        model = models.Qualification

    person = factory.SubFactory(UserFactory)
    skill = factory.SubFactory(SkillFactory)


class AccessGrantFactory(DjangoModelFactory):
    class Meta:
        model = models.AccessGrant

    user = factory.SubFactory(UserFactory)
    site = factory.SubFactory(SiteFactory)
    role = models.AccessRole.RESPONDER


class DeviceFactory(DjangoModelFactory):
    class Meta:
        model = models.Device

    site = factory.SubFactory(SiteFactory)
    name = factory.Sequence(lambda n: f"Tablet {n}")
    digest = factory.LazyFunction(lambda: keys.digest(keys.new_token()))


class ItemGroupFactory(DjangoModelFactory):
    class Meta:
        model = models.ItemGroup
        django_get_or_create = ("code",)

    code = "bodies"
    name = factory.LazyAttribute(lambda o: o.code.capitalize())


class ItemFactory(DjangoModelFactory):
    class Meta:
        model = models.Item

    code = factory.Sequence(lambda n: f"IT-{n}")
    name = factory.LazyAttribute(lambda o: f"Item {o.code}")
    group = factory.SubFactory(ItemGroupFactory)
    standard_cost = Decimal("12.5000")


class BomLineFactory(DjangoModelFactory):
    class Meta:
        model = models.BomLine

    parent = factory.SubFactory(ItemFactory, sourcing=models.Item.Sourcing.MADE)
    component = factory.SubFactory(ItemFactory)
    quantity = Decimal(1)


class ItemAlternateFactory(DjangoModelFactory):
    class Meta:
        model = models.ItemAlternate

    item = factory.SubFactory(ItemFactory)
    substitute = factory.SubFactory(ItemFactory)


class LotFactory(DjangoModelFactory):
    class Meta:
        model = models.Lot

    item = factory.SubFactory(ItemFactory)
    code = factory.Sequence(lambda n: f"L26-{4400 + n}")


class StockLocationFactory(DjangoModelFactory):
    class Meta:
        model = models.StockLocation

    site = factory.SubFactory(SiteFactory)
    code = factory.Sequence(lambda n: f"LOC{n}")
    name = factory.LazyAttribute(lambda o: f"Location {o.code}")


class StockRowFactory(DjangoModelFactory):
    class Meta:
        model = models.StockRow

    item = factory.SubFactory(ItemFactory)
    location = factory.SubFactory(StockLocationFactory)
    quantity = Decimal(100)


class CustomerFactory(DjangoModelFactory):
    class Meta:
        model = models.Customer

    code = factory.Sequence(lambda n: f"C{n}")
    name = factory.LazyAttribute(lambda o: f"Customer {o.code}")


class SupplierFactory(DjangoModelFactory):
    class Meta:
        model = models.Supplier

    code = factory.Sequence(lambda n: f"V{n}")
    name = factory.LazyAttribute(lambda o: f"Supplier {o.code}")


class SalesOrderFactory(DjangoModelFactory):
    class Meta:
        model = models.SalesOrder

    number = factory.Sequence(lambda n: f"40010{n:03d}")
    site = factory.SubFactory(SiteFactory)
    customer = factory.SubFactory(CustomerFactory)
    po_number = factory.LazyAttribute(lambda o: f"PO-{o.number[-4:]}")


class SalesOrderLineFactory(DjangoModelFactory):
    class Meta:
        model = models.SalesOrderLine

    order = factory.SubFactory(SalesOrderFactory)
    line = factory.Sequence(lambda n: n + 1)
    item = factory.SubFactory(ItemFactory)
    quantity = Decimal(10)
    unit_price = Decimal("100.0000")
    requested_at = hours(48)
    commit_at = hours(48)


class PurchaseOrderFactory(DjangoModelFactory):
    class Meta:
        model = models.PurchaseOrder

    number = factory.Sequence(lambda n: f"45010{n:03d}")
    site = factory.SubFactory(SiteFactory)
    supplier = factory.SubFactory(SupplierFactory)


class PurchaseOrderLineFactory(DjangoModelFactory):
    class Meta:
        model = models.PurchaseOrderLine

    order = factory.SubFactory(PurchaseOrderFactory)
    line = factory.Sequence(lambda n: n + 1)
    item = factory.SubFactory(ItemFactory)
    quantity = Decimal(100)
    promised_at = hours(24)


class WorkOrderFactory(DjangoModelFactory):
    class Meta:
        model = models.WorkOrder

    number = factory.Sequence(lambda n: f"WO-117{n:03d}")
    site = factory.SubFactory(SiteFactory)
    item = factory.SubFactory(ItemFactory, sourcing=models.Item.Sourcing.MADE)
    quantity = Decimal(48)
    planned_start = hours(0)
    planned_end = hours(8)
    need_by = hours(24)


class OperationFactory(DjangoModelFactory):
    class Meta:
        model = models.Operation

    work_order = factory.SubFactory(WorkOrderFactory)
    number = factory.Sequence(lambda n: (n % 90 + 1) * 10)
    name = "Finish mill"
    work_centre = factory.SubFactory(
        WorkCentreFactory,
        area=factory.SubFactory(AreaFactory, site=factory.SelfAttribute("...work_order.site")),
    )
    setup_minutes = Decimal(25)
    run_minutes = Decimal(6)
    planned_start = factory.SelfAttribute("work_order.planned_start")
    planned_end = factory.SelfAttribute("work_order.planned_end")


class OperationAlternateFactory(DjangoModelFactory):
    class Meta:
        model = models.OperationAlternate

    operation = factory.SubFactory(OperationFactory)
    work_unit = factory.SubFactory(WorkUnitFactory)
    setup_minutes = Decimal(25)


class MaterialNeedFactory(DjangoModelFactory):
    class Meta:
        model = models.MaterialNeed

    operation = factory.SubFactory(OperationFactory)
    item = factory.SubFactory(ItemFactory)
    quantity = Decimal(48)


class DeliveryFactory(DjangoModelFactory):
    class Meta:
        model = models.Delivery

    number = factory.Sequence(lambda n: f"80010{n:03d}")
    site = factory.SubFactory(SiteFactory)
    customer = factory.SubFactory(CustomerFactory)
    planned_at = hours(20)


class DeliveryLineFactory(DjangoModelFactory):
    class Meta:
        model = models.DeliveryLine

    delivery = factory.SubFactory(DeliveryFactory)
    sales_line = factory.SubFactory(SalesOrderLineFactory)
    quantity = Decimal(10)


class WorkUnitStateFactory(DjangoModelFactory):
    class Meta:
        model = models.WorkUnitState

    work_unit = factory.SubFactory(WorkUnitFactory)
    state = models.UnitState.RUNNING
    since = hours(-2)


class ConstraintFactory(DjangoModelFactory):
    class Meta:
        model = models.Constraint

    kind = models.ConstraintKind.UNIT_DOWN
    site = factory.SubFactory(SiteFactory)
    starts_at = hours(0)
    origin_ref = factory.Sequence(lambda n: f"exception:{n}")


class PlannedOperationFactory(DjangoModelFactory):
    class Meta:
        model = models.PlannedOperation

    operation = factory.SubFactory(OperationFactory)
    work_unit = factory.SubFactory(WorkUnitFactory)
    position = factory.Sequence(lambda n: n)
    start = hours(0)
    end = hours(4)


class ExceptionTypeFactory(DjangoModelFactory):
    class Meta:
        model = models.ExceptionType
        django_get_or_create = ("code",)

    code = "machine_downtime"
    name = factory.LazyAttribute(lambda o: o.code.replace("_", " ").capitalize())
    owner_function = factory.SubFactory(FunctionFactory, code="maintenance")


class ReasonCodeFactory(DjangoModelFactory):
    class Meta:
        model = models.ReasonCode

    type = factory.SubFactory(ExceptionTypeFactory)
    code = factory.Sequence(lambda n: f"R-{n}")
    name = factory.LazyAttribute(lambda o: f"Reason {o.code}")
