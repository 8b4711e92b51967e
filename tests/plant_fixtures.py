"""`kolbe_mini`: a small plant every test may use; a corner of Kolbe Hydraulics, with somebody on duty at any hour.

Two sites, three areas, four work centres, eight units, 31 people, eight work orders. Names and numbers are those of
the demo plant. Everything is found by its code: `kolbe_mini.units["CNC-04"]`, `kolbe_mini.people["jonas.keller"]`.
`build_kolbe_mini()` is the same outside a fixture, for a test that first moves its clock.
"""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest

from core import clock
from decisions_app import services as decisions
from exceptions_app import services as exceptions
from plant_app import models
from plant_app.models import AccessRole, Duty, OperationStatus
from plant_app.services.catalogue import load_catalogue
from routing_app.services import load_default_rules
from tests import factories as make
from tests import groundwork

# username, function, duty, access role, area (None: the whole site)
RHF_PEOPLE = (
    ("piotr.nowak", "production", Duty.OPERATOR, AccessRole.OPERATOR, None),
    ("tomas.ruiz", "production", Duty.LINE_LEAD, AccessRole.RESPONDER, "MACH"),
    ("nils.ahrens", "production", Duty.LINE_LEAD, AccessRole.RESPONDER, "FORM"),
    ("katrin.weber", "production", Duty.SHIFT_SUPERVISOR, AccessRole.RESPONDER, None),
    ("jonas.keller", "maintenance", Duty.TECHNICIAN, AccessRole.RESPONDER, None),
    ("bernd.hauser", "maintenance", Duty.MAINTENANCE_LEAD, AccessRole.RESPONDER, None),
    ("priya.nair", "quality", Duty.INSPECTOR, AccessRole.RESPONDER, None),
    ("stefan.roth", "quality", Duty.QUALITY_ENGINEER, AccessRole.RESPONDER, None),
    ("daniel.okafor", "logistics", Duty.MATERIAL_HANDLER, AccessRole.RESPONDER, None),
    ("nadia.petrov", "logistics", Duty.LOGISTICS_LEAD, AccessRole.RESPONDER, None),
    ("lena.fischer", "procurement", Duty.BUYER, AccessRole.RESPONDER, None),
    ("oliver.brandt", "procurement", Duty.PURCHASING_LEAD, AccessRole.RESPONDER, None),
    ("ingrid.vogel", "planning", Duty.PLANNER, AccessRole.PLANNER, None),
    ("helena.kraus", "planning", Duty.PLANNING_LEAD, AccessRole.PLANNER, None),
    ("marta.silva", "customer_service", Duty.CSR, AccessRole.RESPONDER, None),
    ("elif.aksoy", "customer_service", Duty.CS_LEAD, AccessRole.RESPONDER, None),
    ("mateusz.zielinski", "engineering", Duty.ENGINEER, AccessRole.RESPONDER, None),
    ("claire.dubois", "engineering", Duty.ENGINEERING_LEAD, AccessRole.RESPONDER, None),
    ("henrik.larsen", "safety", Duty.SAFETY_DUTY, AccessRole.RESPONDER, None),
    ("anke.schulte", "production", Duty.AREA_MANAGER, AccessRole.RESPONDER, None),
    ("robert.kolbe", "production", Duty.PLANT_MANAGER, AccessRole.LEADER, None),
    ("susanne.adler", "production", Duty.OPERATIONS_DIRECTOR, AccessRole.LEADER, None),
)
GVL_PEOPLE = (
    ("maya.johnson", "production", Duty.SHIFT_SUPERVISOR, AccessRole.RESPONDER, None),
    ("carlos.mendez", "production", Duty.OPERATOR, AccessRole.OPERATOR, None),
    ("tyler.reed", "maintenance", Duty.TECHNICIAN, AccessRole.RESPONDER, None),
    ("grace.lee", "quality", Duty.INSPECTOR, AccessRole.RESPONDER, None),
    ("andre.walker", "logistics", Duty.MATERIAL_HANDLER, AccessRole.RESPONDER, None),
    ("dana.brooks", "planning", Duty.PLANNER, AccessRole.PLANNER, None),
    ("kim.parker", "customer_service", Duty.CSR, AccessRole.RESPONDER, None),
)
NAMES = {"tomas.ruiz": "Tomás Ruiz"}
# code, name, sourcing, group, cost, safety characteristic
ITEMS = (
    ("VB-220", "Valve body VB-220", "made", "bodies", 184, False),
    ("VB-310", "Block VB-310", "made", "bodies", 236, False),
    ("SH-77", "Spool housing SH-77", "made", "housings", 142, False),
    ("SP-12", "Spool SP-12", "made", "spools", 38, True),
    ("BR-40", "Bracket BR-40", "made", "brackets", 9, False),
    ("CAST-220", "Casting for VB-220", "bought", "castings", 61, False),
    ("CAST-310", "Casting for VB-310", "bought", "castings", 74, False),
    ("SB-12", "Blank SB-12", "bought", "blanks", 11, False),
    ("SK-118", "Seal kit SK-118", "bought", "seals", 7, False),
    ("SK-119", "Seal kit SK-119", "bought", "seals", 8, False),
    ("ST-40", "Steel strip ST-40", "bought", "steel", 3, False),
)
BOM = (
    ("VB-220", "CAST-220", 1), ("VB-220", "SK-118", 1), ("VB-310", "CAST-310", 1), ("SH-77", "CAST-220", 1),
    ("SP-12", "SB-12", 1), ("BR-40", "ST-40", 2),
)  # fmt: skip


@dataclass
class KolbeMini:
    """The plant by code. `now` is the moment it was built, which all its dates are relative to."""

    now: datetime
    rhf: models.Site
    gvl: models.Site
    areas: dict[str, models.Area] = field(default_factory=dict)
    centres: dict[str, models.WorkCentre] = field(default_factory=dict)
    units: dict[str, models.WorkUnit] = field(default_factory=dict)
    shifts: dict[str, models.Shift] = field(default_factory=dict)
    functions: dict[str, models.Function] = field(default_factory=dict)
    people: dict[str, models.User] = field(default_factory=dict)
    types: dict[str, models.ExceptionType] = field(default_factory=dict)
    items: dict[str, models.Item] = field(default_factory=dict)
    locations: dict[str, models.StockLocation] = field(default_factory=dict)
    lots: dict[str, models.Lot] = field(default_factory=dict)
    customers: dict[str, models.Customer] = field(default_factory=dict)
    suppliers: dict[str, models.Supplier] = field(default_factory=dict)
    sales_lines: dict[str, models.SalesOrderLine] = field(default_factory=dict)
    purchase_lines: dict[str, models.PurchaseOrderLine] = field(default_factory=dict)
    deliveries: dict[str, models.Delivery] = field(default_factory=dict)
    orders: dict[str, models.WorkOrder] = field(default_factory=dict)
    operations: dict[str, models.Operation] = field(default_factory=dict)

    def holder(self, duty: str) -> models.User:
        """The Rheinfelden person who holds `duty`."""
        return next(self.people[name] for name, _f, held, _r, _a in RHF_PEOPLE if held == duty)


@groundwork.builds("kolbe_mini")
def build_kolbe_mini() -> KolbeMini:
    """Write the small plant as of the clock's now."""
    load_catalogue()
    enterprise = make.EnterpriseFactory()
    rhf = make.SiteFactory(enterprise=enterprise, code="RHF", name="Rheinfelden", timezone="Europe/Berlin")
    gvl = make.SiteFactory(
        enterprise=enterprise, code="GVL", name="Greenville", timezone="America/New_York", currency="USD"
    )
    plant = KolbeMini(now=clock.now(), rhf=rhf, gvl=gvl)
    plant.functions = {row.code: row for row in models.Function.objects.all()}
    plant.types = {row.code: row for row in models.ExceptionType.objects.all()}
    _places(plant)
    _people(plant)
    _items(plant)
    _partners(plant)
    _orders(plant)
    return plant


@pytest.fixture
def kolbe_mini(db: None, request: pytest.FixtureRequest) -> KolbeMini:
    """A small plant as of now."""
    return groundwork.give(request, "kolbe_mini")


@groundwork.builds("plant_at_work", on="kolbe_mini")
def put_to_work(plant: KolbeMini) -> KolbeMini:
    """Give the small plant rules, playbooks and sources."""
    load_default_rules()
    decisions.load_default_playbooks()
    exceptions.load_default_sources()
    return plant


@pytest.fixture
def plant_at_work(kolbe_mini: KolbeMini, request: pytest.FixtureRequest) -> KolbeMini:
    """The small plant, ready to work."""
    return groundwork.give(request, "plant_at_work", kolbe_mini)


def _places(plant: KolbeMini) -> None:
    for code, site, name in (
        ("MACH", plant.rhf, "Machining"), ("FORM", plant.rhf, "Forming"), ("GMACH", plant.gvl, "Machining"),
    ):  # fmt: skip
        plant.areas[code] = make.AreaFactory(site=site, code=code, name=name)
    for code, area, name in (
        ("MILL5", "MACH", "5-axis milling"), ("GRIND", "MACH", "Grinding"), ("PRESS", "FORM", "Presses"),
        ("GMILL", "GMACH", "Milling"),
    ):  # fmt: skip
        plant.centres[code] = make.WorkCentreFactory(area=plant.areas[area], code=code, name=name)
    for position, (code, centre, aliases, bottleneck) in enumerate((
        ("CNC-04", "MILL5", ["mill 4", "Fräse 4"], False), ("CNC-05", "MILL5", ["mill 5", "Fräse 5"], False),
        ("CNC-06", "MILL5", ["mill 6", "Fräse 6"], False), ("GRD-01", "GRIND", ["grinder 1"], False),
        ("GRD-02", "GRIND", ["grinder 2"], True), ("PRS-03", "PRESS", ["press 3", "Presse 3"], False),
        ("PRS-04", "PRESS", ["press 4", "Presse 4"], False), ("G-CNC-01", "GMILL", ["mill 1"], False),
    )):  # fmt: skip
        plant.units[code] = make.WorkUnitFactory(
            work_centre=plant.centres[centre], code=code, name=code, aliases=aliases, is_bottleneck=bottleneck,
            position=position,
        )  # fmt: skip
    for position, (code, site, name, start, end) in enumerate((
        ("E", plant.rhf, "Early", time(6), time(14)), ("L", plant.rhf, "Late", time(14), time(22)),
        ("N", plant.rhf, "Night", time(22), time(6)), ("G1", plant.gvl, "First", time(6), time(14)),
        ("G2", plant.gvl, "Second", time(14), time(22)),
    )):  # fmt: skip
        plant.shifts[code] = make.ShiftFactory(
            site=site, code=code, name=name, start=start, end=end, position=position
        )


def _people(plant: KolbeMini) -> None:
    rows = [(plant.rhf, *row) for row in RHF_PEOPLE] + [(plant.gvl, *row) for row in GVL_PEOPLE]
    users = [
        make.UserFactory.build(
            username=name, home_site=site, function=plant.functions[function],
            display_name=NAMES.get(name, name.replace(".", " ").title()),
        )
        for site, name, function, _duty, _role, _area in rows
    ]  # fmt: skip
    users += [
        make.UserFactory.build(username="sofia.brandt", home_site=plant.rhf, display_name="Sofia Brandt"),
        make.UserFactory.build(
            username="erp.integration", home_site=plant.rhf, display_name="ERP integration"
        ),
    ]
    plant.people = {user.username: user for user in models.User.objects.bulk_create(users)}
    models.DutyAssignment.objects.bulk_create(
        models.DutyAssignment(
            person=plant.people[name], duty=duty, function=plant.functions[function], site=site,
            area=plant.areas[area] if area else None,
        )
        for site, name, function, duty, _role, area in rows
    )  # fmt: skip
    grants = [(plant.people[name], site, role) for site, name, _function, _duty, role, _area in rows]
    for site in (plant.rhf, plant.gvl):
        grants.append((plant.people["sofia.brandt"], site, AccessRole.ADMINISTRATOR))
        grants.append((plant.people["erp.integration"], site, AccessRole.INTEGRATOR))
    models.AccessGrant.objects.bulk_create(
        models.AccessGrant(user=user, site=site, role=role) for user, site, role in grants
    )


def _items(plant: KolbeMini) -> None:
    for code, name, sourcing, group, cost, safety in ITEMS:
        plant.items[code] = make.ItemFactory(
            code=code, name=name, sourcing=sourcing, group=make.ItemGroupFactory(code=group),
            standard_cost=Decimal(cost), safety_characteristic=safety,
        )  # fmt: skip
    for parent, component, quantity in BOM:
        make.BomLineFactory(
            parent=plant.items[parent], component=plant.items[component], quantity=Decimal(quantity)
        )
    make.ItemAlternateFactory(item=plant.items["SK-118"], substitute=plant.items["SK-119"])
    kinds = models.StockLocation.Kind
    for code, site, kind in (
        ("RHF-STO", plant.rhf, kinds.STORAGE), ("RHF-BLK", plant.rhf, kinds.BLOCKED),
        ("RHF-PU", plant.rhf, kinds.PRODUCTION), ("GVL-STO", plant.gvl, kinds.STORAGE),
        ("GVL-BLK", plant.gvl, kinds.BLOCKED),
    ):  # fmt: skip
        plant.locations[code] = make.StockLocationFactory(site=site, code=code, kind=kind)
    for code, item, supplier in (
        ("L26-4471", "SH-77", ""), ("L26-4388", "CAST-220", "GUSS"), ("L26-4502", "SK-118", "DICHT"),
        ("L26-4301", "VB-220", ""),
    ):  # fmt: skip
        plant.lots[code] = make.LotFactory(
            code=code,
            item=plant.items[item],
            supplier_code=supplier,
            created_at=plant.now - timedelta(days=2),
        )
    for item, lot, location, quantity in (
        ("SH-77", "L26-4471", "RHF-PU", 36), ("CAST-220", "L26-4388", "RHF-STO", 140),
        ("SK-118", "L26-4502", "RHF-PU", 12), ("SK-118", "L26-4502", "GVL-STO", 400), ("SK-119", None, "RHF-STO", 300),
        ("SB-12", None, "RHF-STO", 800), ("ST-40", None, "RHF-STO", 2000), ("CAST-310", None, "RHF-STO", 60),
        ("VB-220", "L26-4301", "RHF-STO", 20),
    ):  # fmt: skip
        make.StockRowFactory(
            item=plant.items[item], lot=plant.lots[lot] if lot else None, location=plant.locations[location],
            quantity=Decimal(quantity),
        )  # fmt: skip


def _partners(plant: KolbeMini) -> None:
    for code, name, tier in (
        ("ALS", "Alstrand Rail", "A"), ("NOR", "Norrland Forest Machines", "B"), ("MER", "Merino Agri", "C"),
    ):  # fmt: skip
        plant.customers[code] = make.CustomerFactory(code=code, name=name, tier=tier)
    for code, name in (("GUSS", "Gusswerk Hallein"), ("DICHT", "Dichtwerk")):
        plant.suppliers[code] = make.SupplierFactory(code=code, name=name)
    for number, customer, item, quantity, price, hours in (
        ("40017733", "ALS", "VB-220", 48, 640, 25), ("40017791", "ALS", "VB-220", 24, 640, 49),
        ("40017802", "NOR", "VB-220", 24, 655, 49), ("40017810", "MER", "SP-12", 160, 92, 30),
    ):  # fmt: skip
        order = make.SalesOrderFactory(number=number, site=plant.rhf, customer=plant.customers[customer])
        plant.sales_lines[number] = make.SalesOrderLineFactory(
            order=order, line=10, item=plant.items[item], quantity=Decimal(quantity), unit_price=Decimal(price),
            requested_at=plant.now + timedelta(hours=hours), commit_at=plant.now + timedelta(hours=hours),
        )  # fmt: skip
    for number, supplier, item, quantity, hours in (
        ("4500231", "DICHT", "SK-118", 400, 20), ("4500232", "GUSS", "CAST-220", 200, 72),
    ):  # fmt: skip
        order = make.PurchaseOrderFactory(number=number, site=plant.rhf, supplier=plant.suppliers[supplier])
        plant.purchase_lines[number] = make.PurchaseOrderLineFactory(
            order=order, line=10, item=plant.items[item], quantity=Decimal(quantity),
            promised_at=plant.now + timedelta(hours=hours),
        )  # fmt: skip
    for number, sales, lot, shipped in (
        ("80000101", "40017791", "L26-4301", -20),
        ("80000102", "40017733", None, 0),
    ):
        line = plant.sales_lines[sales]
        plant.deliveries[number] = make.DeliveryFactory(
            number=number, site=plant.rhf, customer=line.order.customer,
            planned_at=plant.now + timedelta(hours=shipped or 24),
            shipped_at=plant.now + timedelta(hours=shipped) if shipped else None,
        )  # fmt: skip
        make.DeliveryLineFactory(
            delivery=plant.deliveries[number], sales_line=line, lot=plant.lots[lot] if lot else None,
            quantity=Decimal(4) if lot else line.quantity,
        )  # fmt: skip


# number, item, quantity, sales order, need-by in hours, operations:
#   (number, name, centre, unit, setup, run, status, good, start in hours, alternates)
_DONE, _RUN, _READY, _WAIT = (
    OperationStatus.FINISHED, OperationStatus.RUNNING, OperationStatus.READY, OperationStatus.WAITING,
)  # fmt: skip
_ORDERS = (
    ("WO-118204", "VB-220", 48, "40017733", 24, (
        (10, "Rough mill", "MILL5", "CNC-05", 20, 4, _DONE, 48, -12, ()),
        (30, "Finish mill", "MILL5", "CNC-04", 25, 6, _RUN, 22, -2.5, ("CNC-06",)),
        (40, "Grind bores", "GRIND", "GRD-02", 15, 3, _WAIT, 0, 4, ("GRD-01",)),
    )),
    ("WO-118226", "VB-220", 24, "40017791", 48, ((30, "Finish mill", "MILL5", "CNC-04", 25, 6, _READY, 0, 3, ()),)),
    ("WO-118219", "VB-220", 16, "40017802", 8, ((30, "Finish mill", "MILL5", "CNC-06", 25, 6, _RUN, 14, -1.5, ()),)),
    ("WO-118231", "VB-310", 30, None, 72, ((20, "Mill block", "MILL5", "CNC-06", 40, 8, _READY, 0, 1, ()),)),
    ("WO-118193", "SP-12", 160, "40017810", 22, ((20, "Mill flats", "MILL5", "CNC-05", 20, 2, _RUN, 118, -4, ()),)),
    ("WO-118190", "SH-77", 90, None, 30, ((50, "Grind groove", "GRIND", "GRD-02", 15, 4, _RUN, 36, -3, ("GRD-01",)),)),
    ("WO-118300", "BR-40", 500, None, 16, (
        (10, "Press", "PRESS", "PRS-04", 30, 0.5, _RUN, 120, -1, ("PRS-03",)),
    )),
    ("WO-200001", "VB-220", 20, None, 36, ((30, "Finish mill", "GMILL", "G-CNC-01", 25, 6, _RUN, 4, -1, ()),)),
)  # fmt: skip


def _orders(plant: KolbeMini) -> None:
    positions: dict[str, int] = {}
    for number, item, quantity, sales, need_by, operations in _ORDERS:
        site = plant.gvl if number.startswith("WO-2") else plant.rhf
        order = make.WorkOrderFactory(
            number=number, site=site, item=plant.items[item], quantity=Decimal(quantity),
            status=models.WorkOrderStatus.RUNNING if any(row[6] == _RUN for row in operations) else "released",
            sales_line=plant.sales_lines[sales] if sales else None,
            produced_lot=plant.lots["L26-4471"] if item == "SH-77" else None,
            planned_start=plant.now + timedelta(hours=operations[0][8]),
            planned_end=plant.now + timedelta(hours=need_by - 2), need_by=plant.now + timedelta(hours=need_by),
        )  # fmt: skip
        plant.orders[number] = order
        for row in operations:
            operation = _operation(plant, order, row)
            if row[6] != _DONE:
                positions[row[3]] = positions.get(row[3], -1) + 1
                make.PlannedOperationFactory(
                    operation=operation, work_unit=plant.units[row[3]], position=positions[row[3]],
                    start=operation.planned_start, end=operation.planned_end,
                )  # fmt: skip
        first = plant.operations[f"{number}/{operations[0][0]}"]
        for line in order.item.bom_lines.all():
            make.MaterialNeedFactory(
                operation=first, item=line.component, quantity=line.quantity * quantity, lot=None
            )
    running = {row[3]: row[8] for order in _ORDERS for row in order[5] if row[6] == _RUN}
    for code, unit in plant.units.items():
        make.WorkUnitStateFactory(
            work_unit=unit, state=models.UnitState.RUNNING if code in running else models.UnitState.FREE,
            since=plant.now + timedelta(hours=running.get(code, -6)),
        )  # fmt: skip


def _operation(plant: KolbeMini, order: models.WorkOrder, row: tuple) -> models.Operation:
    number, name, centre, unit, setup, run, status, good, start, alternates = row
    begin = plant.now + timedelta(hours=start)
    minutes = setup + run * float(order.quantity)
    operation = make.OperationFactory(
        work_order=order, number=number, name=name, work_centre=plant.centres[centre], work_unit=plant.units[unit],
        setup_minutes=Decimal(setup), run_minutes=Decimal(str(run)), status=status, good=Decimal(good),
        planned_start=begin, planned_end=begin + timedelta(minutes=minutes),
        actual_unit=plant.units[unit] if status in {_RUN, _DONE} else None,
        started_at=begin if status in {_RUN, _DONE} else None,
        finished_at=begin + timedelta(minutes=minutes) if status == _DONE else None,
        confirmed_good=Decimal(good) if status == _DONE else Decimal(0),
        confirmed_until=begin + timedelta(minutes=minutes) if status == _DONE else None,
    )  # fmt: skip
    for alternate in alternates:
        make.OperationAlternateFactory(operation=operation, work_unit=plant.units[alternate])
    plant.operations[f"{order.number}/{number}"] = operation
    return operation
