"""Sites, areas, work centres and units of the demo plant. Pure data."""

from datetime import time

ENTERPRISE = ("KOLBE", "Kolbe Hydraulics")
# sites where a scanned code takes reports without a name, so that a newcomer can try one
ANONYMOUS = frozenset({"RHF"})
# code, name, zone, currency, language
SITES = (
    ("RHF", "Rheinfelden", "Europe/Berlin", "EUR", "en"),
    ("GVL", "Greenville", "America/New_York", "USD", "en"),
)
# site, code, name
AREAS = (
    ("RHF", "MACH", "Machining"),
    ("RHF", "FORM", "Forming"),
    ("RHF", "FIN", "Finishing"),
    ("RHF", "ASM", "Assembly"),
    ("GVL", "GMACH", "Machining"),
    ("GVL", "GASM", "Forming and assembly"),
)
# area, code, name, cost per hour, crew, unit prefix, first number, count, digits, words for a unit, bottleneck
CENTRES = (
    ("MACH", "MILL3", "3-axis milling", 92, 2, "CNC-", 1, 3, 2, ("mill", "machine", "Fräse"), False),
    ("MACH", "MILL5", "5-axis milling", 138, 2, "CNC-", 4, 3, 2, ("mill", "machine", "Fräse"), False),
    ("MACH", "TURN", "Turning", 84, 2, "TRN-", 1, 3, 2, ("lathe", "turning", "Drehmaschine"), False),
    ("MACH", "GRIND", "Grinding", 96, 2, "GRD-", 1, 2, 2, ("grinder", "Schleifmaschine"), True),
    ("MACH", "WASH", "Washing", 45, 1, "WSH-", 1, 1, 2, ("washer", "washing", "Waschanlage"), False),
    ("FORM", "SAW", "Sawing", 48, 1, "SAW-", 1, 2, 2, ("saw", "Säge"), False),
    ("FORM", "PRESS", "Presses", 78, 3, "PRS-", 1, 4, 2, ("press", "Presse"), False),
    ("FORM", "WELD", "Welding", 72, 3, "WLD-", 1, 3, 2, ("welder", "welding cell", "Schweißzelle"), False),
    ("FIN", "DEBUR", "Deburring", 52, 2, "DBR-", 1, 3, 2, ("deburring", "Entgraten"), False),
    ("FIN", "HEAT", "Heat treatment", 110, 1, "HT-", 1, 2, 2, ("oven", "furnace", "Ofen"), True),
    ("FIN", "COAT", "Coating", 88, 2, "COT-", 1, 2, 2, ("coating line", "Beschichtung"), False),
    ("FIN", "HONE", "Honing", 94, 2, "HON-", 1, 2, 2, ("honing", "Honmaschine"), False),
    ("ASM", "KIT", "Kitting", 42, 2, "KIT-", 1, 2, 2, ("kitting", "Kommissionierung"), False),
    ("ASM", "AL", "Assembly lines", 86, 6, "AL-", 1, 3, 1, ("line", "assembly line", "Linie"), False),
    ("ASM", "TEST", "Test & Pack", 74, 6, "TP-", 1, 4, 1, ("test bench", "test stand", "Prüfstand"), True),
    ("GMACH", "GMILL", "Milling", 118, 4, "G-CNC-", 1, 6, 2, ("mill", "machine"), False),
    ("GMACH", "GTURN", "Turning", 92, 3, "G-TRN-", 1, 4, 2, ("lathe", "turning"), False),
    ("GASM", "GPRESS", "Presses", 82, 2, "G-PRS-", 1, 3, 2, ("press",), False),
    ("GASM", "GAL", "Assembly lines", 90, 8, "G-AL-", 1, 4, 1, ("line", "assembly line"), False),
    ("GASM", "GTEST", "Test & Pack", 76, 4, "G-TP-", 1, 4, 1, ("test bench", "test stand"), True),
)
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
WORKDAYS = (0, 1, 2, 3, 4)
# site, code, name, start, end, weekdays, office
SHIFTS = (
    ("RHF", "E", "Early", time(6), time(14), EVERY_DAY, False),
    ("RHF", "L", "Late", time(14), time(22), EVERY_DAY, False),
    ("RHF", "N", "Night", time(22), time(6), EVERY_DAY, False),
    ("RHF", "O", "Office", time(7), time(17), WORKDAYS, True),
    ("GVL", "1", "First", time(6), time(14), EVERY_DAY, False),
    ("GVL", "2", "Second", time(14), time(22), EVERY_DAY, False),
    ("GVL", "O", "Office", time(7), time(17), WORKDAYS, True),
)
# code, site, name, kind
LOCATIONS = (
    ("RHF-STO", "RHF", "Warehouse W1", "storage"),
    ("RHF-W2", "RHF", "Warehouse W2, castings", "storage"),
    ("RHF-BLK", "RHF", "Blocked stock", "blocked"),
    ("RHF-MACH", "RHF", "Point of use, machining", "production"),
    ("RHF-ASM", "RHF", "Point of use, assembly", "production"),
    ("RHF-SHIP", "RHF", "Dispatch", "storage"),
    ("GVL-STO", "GVL", "Warehouse", "storage"),
    ("GVL-BLK", "GVL", "Blocked stock", "blocked"),
    ("GVL-PU", "GVL", "Point of use", "production"),
)
# site, area, work centre, name
DEVICES = (
    ("RHF", "MACH", "MILL5", "Tablet 5-axis milling"),
    ("RHF", "MACH", "GRIND", "Tablet grinding"),
    ("RHF", "FORM", "PRESS", "Tablet presses"),
    ("RHF", "ASM", "AL", "Tablet assembly lines"),
    ("RHF", "MACH", None, "Wall screen machining"),
    ("RHF", "ASM", None, "Wall screen assembly"),
    ("GVL", "GMACH", "GMILL", "Tablet milling"),
    ("GVL", "GASM", None, "Wall screen assembly"),
)
