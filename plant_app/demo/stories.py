"""Work the demo always has on its machines, so that texts, mock-ups and simulated shifts can name it. Pure data."""

from typing import NamedTuple


class Running(NamedTuple):
    """On a unit now: `good` of `quantity` pieces done at step `step`. `sales` ties it to a line of SALES."""

    number: str
    item: str
    quantity: int
    step: int
    unit: str
    good: int
    sales: str = ""
    lot: str = ""


class Waiting(NamedTuple):
    """First in line on a unit, with every earlier step done."""

    number: str
    item: str
    quantity: int
    step: int
    unit: str
    sales: str = ""


class Sale(NamedTuple):
    """A customer's line. `hours` from now to the commit date."""

    number: str
    customer: str
    item: str
    quantity: int
    price: int
    hours: float


RUNNING = (
    Running("WO-118197", "VB-180", 80, 10, "CNC-01", 61),
    Running("WO-118211", "VB-310", 40, 10, "CNC-02", 14),
    Running("WO-118208", "EC-40", 120, 10, "CNC-03", 0),
    Running("WO-118204", "VB-220", 48, 30, "CNC-04", 22, "40017733"),
    Running("WO-118193", "SP-12", 160, 20, "CNC-05", 118),
    Running("WO-118219", "VB-220", 16, 30, "CNC-06", 14, "40017802"),
    Running("WO-118182", "SB-12", 600, 20, "TRN-01", 402),
    Running("WO-118185", "SL-30", 200, 10, "TRN-02", 90),
    Running("WO-118187", "SL-28", 160, 10, "TRN-03", 70),
    Running("WO-118190", "SH-77", 90, 50, "GRD-02", 36, lot="L26-4471"),
    Running("WO-118188", "VA-200", 60, 20, "AL-2", 22, "40017815"),
    Running("WO-118300", "BR-40", 800, 10, "PRS-04", 310),
    Running("WO-118301", "BR-50", 700, 10, "PRS-02", 255),
)
WAITING = (
    Waiting("WO-118226", "VB-220", 24, 30, "CNC-04", "40017791"),
    Waiting("WO-118243", "MB-60", 12, 20, "CNC-04"),
    Waiting("WO-118231", "VB-310", 30, 30, "CNC-06"),
    Waiting("WO-118234", "VB-180", 40, 30, "CNC-06"),
    Waiting("WO-118225", "SP-12", 200, 20, "CNC-05"),
    Waiting("WO-118221", "VB-180", 60, 10, "CNC-01"),
    Waiting("WO-118214", "VB-310", 36, 10, "CNC-02"),
    Waiting("WO-118230", "EC-42", 90, 10, "CNC-03"),
    Waiting("WO-118240", "SB-14", 400, 20, "TRN-01"),
    Waiting("WO-118236", "SL-30", 180, 10, "TRN-02"),
    Waiting("WO-118202", "SP-12", 120, 40, "GRD-01"),
    Waiting("WO-118229", "SH-77", 60, 50, "GRD-02"),
    Waiting("WO-118310", "BR-60", 500, 10, "PRS-04"),
)
SALES = (
    Sale("40017733", "ALS", "VB-220", 48, 640, 25),
    Sale("40017791", "ALS", "VB-220", 24, 640, 49),
    Sale("40017802", "NOR", "VB-220", 16, 655, 49),
    Sale("40017815", "HEL", "VA-200", 60, 890, 22),
)
# number, supplier, item, quantity, hours until promised
PURCHASES = (("4500231", "DICH", "SK-118", 400, 20), ("4500232", "GUSS", "CAST-220", 200, 72))
# lot, item, supplier
LOTS = (("L26-4388", "CAST-220", "GUSS"), ("L26-4502", "SK-118", "DICH"))
# item, lot, location, quantity
STOCK = (
    ("SK-118", "L26-4502", "RHF-ASM", 12),
    ("SK-118", "", "GVL-STO", 400),
    ("SK-119", "", "RHF-STO", 300),
    ("CAST-220", "L26-4388", "RHF-W2", 140),
)
# Units that stand for a planned reason, or have nothing to do.
PLANNED_STOP = {"GRD-01": "Wheel dressing"}
IDLE = ("WSH-01", "KIT-02", "WLD-03", "G-CNC-06", "G-AL-4")
