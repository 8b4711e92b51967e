"""The machines of the gallery's board, one in every state."""

from datetime import timedelta
from typing import Any

from tests.ui.gallery_moment import NOW


def units() -> list[dict[str, Any]]:
    def unit(name: str, state: str, words: str, note: str, minutes: int = 0, **more: Any) -> dict[str, Any]:
        strip = [
            {"kind": "r", "share": 55},
            {"kind": {"down": "d", "hold": "h", "material": "m"}.get(state, "s"), "share": 4},
            {"kind": "f", "share": 41},
        ]
        since = NOW - timedelta(minutes=minutes, seconds=5) if minutes else None
        now = {"order": "WO-118197 body VB-180", "figure": "12:05"}
        after = {"order": "WO-118221 body VB-180", "figure": "12:30"}
        return {
            "id": name,
            "name": name,
            "url": "#",
            "state": state,
            "words": words,
            "note": note,
            "since": since,
            "now": now,
            "next": after,
            "strip": strip,
            **more,
        }

    return [
        unit("CNC-01", "running", "Running", "61 of 80, on time"),
        unit(
            "CNC-02",
            "material",
            "Waits for castings",
            "Pallet VB-310 not found in W2",
            17,
            coming={"who": "Daniel Okafor", "words": "on his way, 5 min"},
        ),
        unit("CNC-03", "setup", "Changeover", "12 of 25 min, fixture F-09", 12),
        unit(
            "CNC-04",
            "down",
            "Down, spindle vibration",
            "EX-4217, WO-118204, 22 of 48",
            28,
            late="Customer service 3 min over",
            coming={"icon": "map-pin", "who": "Jonas Keller", "words": "here since 10:27"},
            now=None,
            next={"order": "Ingrid Vogel decides by 11:00", "ask": True},
        ),
        unit("CNC-05", "running", "Running", "118 of 160, 6 min ahead"),
        unit(
            "CNC-06",
            "running",
            "Running",
            "14 of 16, free at 11:00",
            next={"order": "WO-118204, confirm", "figure": "11:25", "ask": True},
        ),
        unit(
            "TRN-01",
            "safety",
            "Locked, guard open",
            "Nobody starts it before the release",
            4,
            coming={"icon": "map-pin", "who": "Sofia Brandt", "words": "here since 10:40"},
        ),
        unit("TRN-02", "running", "Running again", "Cleared 10:05, one task open"),
        unit("TRN-03", "no_data", "No data since 10:31", "Last known: running", 11),
        unit("GRD-01", "planned_stop", "Planned stop to 12:00", "Wheel dressing, maintenance plan"),
        unit(
            "GRD-02",
            "hold",
            "Quality hold",
            "Groove depth, 36 pcs, lot L26-4471",
            6,
            coming={"who": "Priya Nair", "words": "on her way, 4 min"},
        ),
        unit("WSH-01", "free", "Free, no order", "Pump seal replaced 09:58", 44, now=None),
    ]
