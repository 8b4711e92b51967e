"""A small plant for reading messages: plain rows, no database."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from exceptions_app.reading.master import MasterCode, MasterIndex
from exceptions_app.reading.pipeline import interpret
from exceptions_app.reading.types import Reading, ReadingContext

BERLIN = ZoneInfo("Europe/Berlin")
#: A Monday morning.
RECEIVED = datetime(2026, 11, 23, 9, 42, tzinfo=BERLIN)
SITE = ReadingContext(site_code="RHF", timezone="Europe/Berlin")

ROWS = (
    MasterCode("area", "PRESS", "Press shop", site_code="RHF"),
    MasterCode("work_centre", "PRS-A", "Press line A", aliases=("line A", "Linie A", "línea A", "linha A", "linii A"),
               site_code="RHF", parent="PRESS"),
    MasterCode("work_centre", "AL-2", "Assembly line 2", site_code="RHF"),
    MasterCode("work_unit", "PRS-04", "Press 4", site_code="RHF", parent="PRS-A",
               aliases=("Presse 4", "prensa 4", "prasa 4", "the Schuler")),
    MasterCode("work_unit", "PRS-05", "Press 5", site_code="RHF", parent="PRS-A", aliases=("Presse 5",)),
    MasterCode("work_unit", "CNC-04", "CNC 4", site_code="RHF", parent="MILL"),
    MasterCode("work_unit", "SAW-1", "Old saw", site_code="RHF"),
    MasterCode("work_unit", "SAW-2", "Old saw", site_code="RHF"),
    MasterCode("work_unit", "OVN-07", "Oven 7", site_code="LEX"),
    MasterCode("work_order", "WO-118204", site_code="RHF"),
    MasterCode("work_order", "WO-118211", site_code="RHF"),
    MasterCode("item", "SK-40", "Seal kit 40", aliases=("seal kits", "seal kit")),
    MasterCode("item", "HB-250", "Hydraulic block 250"),
    MasterCode("item", "FIRE-1", "Fire valve"),
    MasterCode("lot", "L-77120", parent="HB-250"),
    MasterCode("sales_order", "SO-55120"),
    MasterCode("sales_order_line", "SO-55120/10", parent="SO-55120"),
    MasterCode("purchase_order", "PO-88031"),
    MasterCode("purchase_order_line", "PO-88031/1", parent="PO-88031"),
    MasterCode("customer", "CU-100", "Hansen Trailers", aliases=("Hansen",)),
    MasterCode("customer", "CU-200", "Müller Hydraulik GmbH"),
    MasterCode("supplier", "SU-20", "Rhein Stahl"),
    MasterCode("person", "P-31", "Ana Ruiz"),
)  # fmt: skip
MASTER = MasterIndex(ROWS, version="1")


def read(text: str, context: ReadingContext = SITE, **more: Any) -> Reading:
    """Read a message received at RECEIVED on the site; every offset is checked on the way."""
    reading = interpret(text, master=MASTER, context=context, received_at=RECEIVED, **more)
    for field in reading.fields:
        assert text[field.start : field.end] == field.words, field
    return reading


def local(moment: datetime | None) -> str:
    """A moment as people at the site read it."""
    return "" if moment is None else moment.astimezone(BERLIN).strftime("%m-%d %H:%M")
