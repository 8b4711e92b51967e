"""Correlation keys: the same matter, the same key."""

from datetime import date, datetime

import pytest

from exceptions_app.reading.correlation import correlation_key
from tests.exceptions_app.reading_plant import BERLIN

AT = datetime(2026, 11, 23, 23, 30, tzinfo=BERLIN)

KEYS = [
    ("machine_downtime", {"work_unit": "PRS-04", "work_order": "WO-1"}, {}, "down:RHF:work_unit=PRS-04"),
    ("machine_downtime", {"work_centre": "PRS-A"}, {}, "down:RHF:work_centre=PRS-A"),
    ("material_shortage", {"item": "SK-40", "work_order": "WO-1"}, {}, "short:RHF:item=SK-40"),
    ("quality_hold", {"lot": "L-1", "work_order": "WO-1"}, {"reason": "DIM-SIZE"}, "hold:RHF:lot=L-1:DIM"),
    ("quality_hold", {"work_order": "WO-1", "operation": "20"}, {}, "hold:RHF:work_order=WO-1/20:any"),
    ("order_change", {"sales_order_line": "SO-1/10", "sales_order": "SO-1"}, {},
    "change:RHF:sales_order_line=SO-1/10"),
    ("order_change", {"customer_po": "4500"}, {}, "change:RHF:customer_po=4500"),
    ("labour_shortage", {"work_centre": "PRS-A"}, {"shift": "N", "shift_day": date(2026, 11, 22), "skill": "WELD"},
     "crew:RHF:work_centre=PRS-A:2026-11-22/N:WELD"),
    ("labour_shortage", {"work_centre": "PRS-A"}, {}, "crew:RHF:work_centre=PRS-A:2026-11-23:any"),
    ("tooling", {"tool": "D-214", "work_unit": "PRS-04"}, {}, "tool:RHF:tool=D-214"),
    ("supplier_delay", {"purchase_order_line": "PO-1/1"}, {}, "late:RHF:purchase_order_line=PO-1/1"),
    ("customer_complaint", {"customer": "CU-1", "item": "HB"}, {"reason": "DIM-SIZE"},
    "claim:RHF:customer=CU-1:item=HB:DIM"),
    ("safety_stop", {"work_unit": "PRS-04"}, {"shift": "L"}, "safe:RHF:work_unit=PRS-04:2026-11-23/L"),
    ("engineering_change", {"change_no": "ECN-1", "item": "HB"}, {}, "eco:RHF:change_no=ECN-1:item=HB"),
    ("engineering_change", {"item": "HB"}, {}, "eco:RHF:item=HB"),
]  # fmt: skip


@pytest.mark.parametrize(("type_code", "links", "more", "expected"), KEYS, ids=[row[3] for row in KEYS])
def test_key(type_code: str, links: dict[str, str], more: dict[str, object], expected: str) -> None:
    assert correlation_key(type_code, links, "RHF", AT, **more) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("type_code", sorted({row[0] for row in KEYS}))
def test_nothing_linked_is_never_joined(type_code: str) -> None:
    assert correlation_key(type_code, {}, "RHF", AT, shift="N", reason="DIM-SIZE") == ""
    assert correlation_key(type_code, {"person": "P-1"}, "RHF", AT) == ""


def test_unread_type_is_never_joined() -> None:
    assert correlation_key(None, {"work_unit": "PRS-04"}, "RHF", AT) == ""
    assert correlation_key("coffee", {"work_unit": "PRS-04"}, "RHF", AT) == ""


def test_sites_keep_apart() -> None:
    links = {"work_unit": "PRS-04"}
    here, there = (correlation_key("machine_downtime", links, site, AT) for site in ("RHF", "LEX"))
    assert here != there
