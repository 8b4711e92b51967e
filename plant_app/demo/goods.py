"""Items, bills of material and routings of the demo plant, and who buys and supplies. Pure data."""

from dataclasses import dataclass

# group code -> name
GROUPS = {
    "valves": "Valves", "cylinders": "Cylinders", "pumps": "Pumps", "bodies": "Valve bodies", "manifolds": "Manifolds",
    "spools": "Spools", "sleeves": "Sleeves", "housings": "Housings", "caps": "End caps", "rods": "Piston rods",
    "brackets": "Brackets", "blanks": "Blanks", "castings": "Castings", "bars": "Bars and tubes", "seals": "Seals",
    "springs": "Springs", "solenoids": "Solenoids", "bearings": "Bearings", "fasteners": "Fasteners",
    "steel": "Steel strip", "packaging": "Packaging", "consumables": "Consumables",
}  # fmt: skip

# Operation: number, name, work centre at Rheinfelden, set-up minutes, run minutes per piece, skill
Step = tuple[int, str, str, float, float, str]


@dataclass(frozen=True)
class Family:
    """Items that differ in size only. `needs` names components by pattern, {s} is the size."""

    prefix: str
    name: str
    group: str
    sizes: tuple[int, ...]
    cost: float
    step_cost: float
    needs: tuple[tuple[str, float], ...] = ()
    steps: tuple[Step, ...] = ()
    safety: tuple[int, ...] = ()


_VALVE_SIZES = (160, 180, 200, 220, 240, 260, 310, 340)
_SPOOL_SIZES = (8, 10, 12, 14, 16, 18)
_SLEEVE_SIZES = (24, 26, 28, 30, 32, 34)
_ASSEMBLY: tuple[Step, ...] = (
    (10, "Kit", "KIT", 10, 1.2, ""), (20, "Assemble", "AL", 20, 6.5, ""),
    (30, "Test and pack", "TEST", 15, 4.0, "PRESSURE"),
)  # fmt: skip

MADE = (
    Family("VB-", "Valve body", "bodies", _VALVE_SIZES, 118, 0.3, (("CAST-{s}", 1),), (
        (10, "Rough mill", "MILL3", 25, 4.5, ""), (20, "Deburr", "DEBUR", 8, 1.5, ""),
        (30, "Finish mill", "MILL5", 25, 6.0, ""), (40, "Hone bores", "HONE", 15, 3.0, ""),
        (50, "Wash", "WASH", 5, 0.6, ""),
    )),
    Family("MB-", "Manifold", "manifolds", (40, 60, 80, 120), 96, 1.2, (("BAR-60", 0.8), ("PLG-14", 6)), (
        (10, "Saw", "SAW", 5, 1.5, ""), (20, "Mill", "MILL5", 35, 11.0, ""), (30, "Deburr", "DEBUR", 8, 3.0, ""),
        (40, "Wash", "WASH", 5, 0.8, ""),
    )),
    Family("SP-", "Spool", "spools", _SPOOL_SIZES, 26, 0.9, (("SB-{s}", 1),), (
        (20, "Mill flats", "MILL5", 20, 2.0, ""), (30, "Harden", "HEAT", 40, 0.5, ""),
        (40, "Grind", "GRIND", 20, 1.8, ""), (50, "Wash", "WASH", 5, 0.3, ""),
    ), (18,)),
    Family("SB-", "Blank", "blanks", _SPOOL_SIZES, 8, 0.3, (("BAR-20", 0.2),), (
        (10, "Saw", "SAW", 5, 0.4, ""), (20, "Turn", "TURN", 20, 0.6, ""),
    )),
    Family("SL-", "Sleeve", "sleeves", _SLEEVE_SIZES, 21, 0.5, (("TUB-{s}", 0.3),), (
        (10, "Turn", "TURN", 20, 1.4, ""), (20, "Hone", "HONE", 15, 1.6, ""), (30, "Wash", "WASH", 5, 0.3, ""),
    )),
    Family("SH-", "Spool housing", "housings", (70, 77, 84, 90), 132, 0.2, (("CST-SH{s}", 1),), (
        (10, "Mill", "MILL3", 25, 5.0, ""), (30, "Turn", "TURN", 20, 3.5, ""),
        (50, "Grind groove", "GRIND", 15, 4.0, ""), (60, "Wash", "WASH", 5, 0.6, ""),
    )),
    Family("EC-", "End cap", "caps", (36, 40, 42, 48, 56), 14, 0.2, (("BAR-60", 0.15),), (
        (10, "Mill", "MILL3", 25, 2.2, ""), (20, "Deburr", "DEBUR", 6, 0.8, ""), (30, "Coat", "COAT", 30, 0.5, ""),
    )),
    Family("PR-", "Piston rod", "rods", (20, 25, 32, 40), 44, 1.1, (("BAR-20", 0.9),), (
        (10, "Saw", "SAW", 5, 0.8, ""), (20, "Turn", "TURN", 20, 3.0, ""), (30, "Coat", "COAT", 30, 1.0, ""),
        (40, "Grind", "GRIND", 15, 2.4, ""),
    )),
    Family("BR-", "Bracket", "brackets", (30, 40, 50, 60), 7, 0.1, (("ST-40", 2),), (
        (10, "Press", "PRESS", 30, 0.5, ""), (20, "Weld", "WELD", 15, 1.2, "WELD"), (30, "Coat", "COAT", 30, 0.3, ""),
    )),
    Family("VA-", "Directional valve", "valves", _VALVE_SIZES, 395, 1.1,
           (("VB-{s}", 1), ("SP-12", 1), ("SK-118", 1), ("SOL-24", 2), ("SPR-12", 2), ("SCR-M8", 8), ("PK-20", 1)),
           _ASSEMBLY, (340,)),
    Family("PV-", "Proportional valve", "valves", (25, 32, 40, 50, 63, 80), 540, 2.0,
           (("VB-220", 1), ("SP-14", 1), ("SL-30", 1), ("SK-120", 1), ("SOL-48", 1), ("SPR-16", 2), ("PK-20", 1)),
           _ASSEMBLY),
    Family("CY-", "Cylinder", "cylinders", (40, 50, 63, 80, 100, 125), 310, 1.6,
           (("PR-32", 1), ("EC-40", 2), ("SK-124", 1), ("BR-40", 1), ("SCR-M10", 8), ("PK-60", 1)), _ASSEMBLY),
    Family("PU-", "Pump", "pumps", (16, 22, 28, 45, 63, 71), 690, 2.4,
           (("SH-77", 1), ("SL-28", 2), ("SK-116", 1), ("7008-CD", 2), ("SCR-M8", 12), ("PK-60", 1)), _ASSEMBLY),
)  # fmt: skip

# code, name, group, unit, cost, supplier, lead time in days
BOUGHT: tuple[tuple[str, str, str, str, float, str, int], ...] = (
    *((f"CAST-{s}", f"Casting for VB-{s}", "castings", "pcs", 34 + s * 0.12, "GUSS", 15) for s in _VALVE_SIZES),
    *((f"CST-SH{s}", f"Casting for SH-{s}", "castings", "pcs", 42 + s * 0.1, "HALL", 15) for s in (70, 77, 84, 90)),
    *((f"TUB-{s}", f"Precision tube {s} mm", "bars", "m", 9 + s * 0.2, "STAH", 8) for s in _SLEEVE_SIZES),
    *((f"BAR-{s}", f"Round bar {s} mm", "bars", "m", 4 + s * 0.3, "STAH", 6) for s in (20, 30, 40, 60)),
    *((f"SK-{n}", f"Seal kit {n}", "seals", "pcs", 5 + (n - 110) * 0.35, "DICH", 10) for n in range(110, 126)),
    *((f"SPR-{s}", f"Spring {s} mm", "springs", "pcs", 0.6 + s * 0.05, "FEDE", 12)
      for s in (8, 10, 12, 14, 16, 18, 20)),
    *((f"SOL-{s}", f"Solenoid {s} V", "solenoids", "pcs", 22 + s * 0.2, "MAGN", 20) for s in (12, 24, 48, 110, 230)),
    *((f"{n}-CD", f"Spindle bearing {n}-CD", "bearings", "pcs", 36 + i * 28, "WALZ", 14)
      for i, n in enumerate((7004, 7006, 7008, 7010, 7012, 7014))),
    *((f"SCR-M{s}", f"Screw M{s}", "fasteners", "pcs", 0.05 * s, "SCHR", 4) for s in (5, 6, 8, 10, 12, 16)),
    *((f"PLG-{s}", f"Plug {s} mm", "fasteners", "pcs", 0.3 + s * 0.02, "SCHR", 4) for s in (8, 10, 12, 14, 18)),
    *((f"ST-{s}", f"Steel strip {s} mm", "steel", "kg", 2.2 + s * 0.01, "STAH", 6) for s in (20, 30, 40, 60)),
    *((f"PK-{s}", f"Box {s} kg", "packaging", "pcs", 0.8 + s * 0.04, "PACK", 3) for s in (10, 20, 40, 60)),
    ("OIL-46", "Hydraulic oil ISO 46", "consumables", "l", 3.1, "OELW", 3),
    ("OIL-68", "Hydraulic oil ISO 68", "consumables", "l", 3.3, "OELW", 3),
    ("PNT-BK", "Coating, black", "consumables", "kg", 11.5, "LACK", 7),
    ("PNT-GY", "Coating, grey", "consumables", "kg", 10.9, "LACK", 7),
)  # fmt: skip
SUBSTITUTES = (
    ("SK-118", "SK-119"),
    ("SK-120", "SK-121"),
    ("SPR-12", "SPR-14"),
    ("SCR-M8", "SCR-M10"),
    ("ST-40", "ST-60"),
)

# code, name, tier
CUSTOMERS = (
    ("ALS", "Alstrand Rail", "A"), ("NOR", "Norrland Forest Machines", "B"), ("MER", "Merino Agri", "C"),
    ("BAU", "Baumeister Krane", "A"), ("HEL", "Helvetic Presses", "A"), ("TUR", "Turan Construction", "B"),
    ("OST", "Ostsee Marine", "B"), ("LOM", "Lombarda Macchine", "B"), ("ATL", "Atlas Lift", "B"),
    ("PIN", "Pinewood Loaders", "B"), ("CAR", "Carolina Tractor", "A"), ("DEL", "Delmarva Pumps", "C"),
    ("RID", "Ridgeline Mining", "B"), ("SOU", "Southern Press Works", "C"),
)  # fmt: skip
GVL_CUSTOMERS = ("PIN", "CAR", "DEL", "RID", "SOU")
# code, name
SUPPLIERS = (
    ("GUSS", "Gusswerk Donautal"), ("HALL", "Hallein Guss"), ("DICH", "Dichtwerk"), ("STAH", "Stahlkontor Basel"),
    ("FEDE", "Federn Brugger"), ("MAGN", "Magnetica"), ("WALZ", "Wälzlager Schwab"), ("SCHR", "Schrauben Ott"),
    ("PACK", "Packhaus"), ("OELW", "Oelwerke Rhein"), ("LACK", "Lackfabrik Ems"), ("CFD", "Carolina Foundry"),
)  # fmt: skip

# How each work centre at Rheinfelden is called at Greenville; steps without one are left out there.
GVL_CENTRES = {
    "MILL3": "GMILL", "MILL5": "GMILL", "TURN": "GTURN", "PRESS": "GPRESS", "AL": "GAL", "TEST": "GTEST",
}  # fmt: skip
