"""What a test found, as a Tryton quality inspection of one point, and that inspection opened again.

Owns which control and point a characteristic is, and Tryton's verdict worked out before anything is written: its
control decides by its own limits, whatever the floor said. The inspection carries the key in its reference. Must not
know: the outbox, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from erp_sync.adapters.tryton.client import Row
from erp_sync.adapters.tryton.documents import Desk, Found, Job, moment, stop_if_drifted
from erp_sync.canonical_kinds import InspectionResult, Reversal
from erp_sync.errors import ErpRejected

INSPECTION = "quality.inspection"
FLOOR_FINDING = "Floor finding"
FIELDS = ("number", "state", "alerts", "_timestamp", "write_date", "create_date")
DECIDED = ("passed", "failed")
POINT_FIELDS = ("name", "type_", "tolerance_lower", "tolerance_upper")


def control_name(characteristic: str, settings: Any, *, measured: bool) -> str:
    """The control a characteristic is in Tryton: its mapping, or the one of floor findings for a bare verdict.

    Raises ErpRejected `erp.mapping_missing` for a measured one that is not mapped.
    """
    mapped = settings.get("characteristic", {}).get(characteristic)
    if mapped:
        return str(mapped)
    if measured:
        raise ErpRejected(
            "erp.mapping_missing", f"no control is mapped for characteristic {characteristic!r}"
        )
    return str(settings.get("quality_control", FLOOR_FINDING))


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a control with the value it gets, and what Tryton will make of it."""

    control: int
    name: str
    value: Any
    passes: bool


class InspectionResultHandler:
    """An inspection processed with the one value found; Tryton passes or fails it by the control's limits."""

    def find(self, desk: Desk, job: Job[InspectionResult]) -> Found | None:
        row = inspection(desk, job.key)
        return _found(row) if row else None

    def drive(self, desk: Desk, job: Job[InspectionResult], found: Found | None) -> Found:
        point = self._point(desk, job)
        if found is not None:
            # Not processed yet, and perhaps edited since: it has had no effect, so it is made anew.
            desk.client.delete(INSPECTION, found.record, timestamp=found.stamp)
        values: Row = {"reference": job.key, "control": point.control, "points": {point.name: point.value}}
        if job.payload.work_order:
            order = desk.catalogue.production(job.payload.work_order)
            values["origin"] = f"production,{order['id']}"
        desk.client.button(INSPECTION, "process", desk.client.create(INSPECTION, values))
        row = inspection(desk, job.key)
        if row is None or row["state"] not in DECIDED:
            raise ErpRejected("tryton.state", "Tryton did not process the inspection")
        return _found(row)

    def _point(self, desk: Desk, job: Job[InspectionResult]) -> Point:
        payload = job.payload
        name = control_name(
            payload.characteristic, desk.catalogue.settings, measured=payload.value is not None
        )
        control = desk.client.first("quality.control", [["name", "=", name]], ["name"])
        if control is None:
            raise ErpRejected("erp.mapping_missing", f"Tryton has no quality control {name!r}")
        rows = desk.client.search("quality.control.point", [["control", "=", control["id"]]], POINT_FIELDS)
        if len(rows) != 1:
            raise ErpRejected(
                "erp.mapping_missing",
                f"Tryton's control {name!r} has {len(rows)} points; a characteristic needs one of its own",
            )
        value = _value(payload, rows[0])
        passes = _passes(rows[0], value)
        theirs = "accepted" if passes else "rejected"
        if theirs != payload.verdict:
            what = f"characteristic {payload.characteristic} against the limits of {name!r}"
            stop_if_drifted(job, what, "verdict", payload.verdict, theirs)
        return Point(control["id"], rows[0]["name"], value, passes)


class Reopened:
    """A processed inspection taken back: open again, and to be judged anew."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        row = inspection(desk, job.payload.reverses)
        return _found(row, final="pending") if row and row["state"] == "pending" else None

    def drive(self, desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        row = inspection(desk, job.payload.reverses)
        if row is None:
            raise ErpRejected("erp.not_found", "Tryton no longer holds the inspection to take back")
        if row["state"] != "pending":
            desk.client.button(INSPECTION, "pending", row["id"], timestamp=row["_timestamp"])
        done = self.find(desk, job)
        if done is None:
            raise ErpRejected("tryton.state", f"Tryton leaves inspection {row['number']} in {row['state']!r}")
        return done


def inspection(desk: Desk, key: str) -> Row | None:
    """The inspection of a key."""
    return desk.client.first(INSPECTION, [["reference", "=", key]], FIELDS, order=[["id", "ASC"]])


def _found(row: Row, *, final: str = "") -> Found:
    done = row["state"] == final if final else row["state"] in DECIDED
    return Found(
        INSPECTION, row["id"], row["state"], row["number"], done, moment(row), stamp=row["_timestamp"]
    )


def _value(payload: InspectionResult, point: Row) -> Any:
    """The value as the point's type wants it. Raises ErpRejected `tryton.point_type` where it can't be that."""
    match point["type_"]:
        case "boolean":
            return payload.verdict == "accepted"
        case "numeric" if payload.value is not None:
            return payload.value
        case "float" if payload.value is not None:
            return float(payload.value)
        case "integer" if payload.value is not None and payload.value == int(payload.value):
            return int(payload.value)
    raise ErpRejected(
        "tryton.point_type",
        f"Tryton's point {point['name']!r} takes {point['type_']}, the result of {payload.characteristic} is "
        f"{'no number' if payload.value is None else payload.value}",
    )


def _passes(point: Row, value: Any) -> bool:
    """Tryton's own judgement: a yes, or a number within the limits that are set.

    Its limits are binary floats, compared exactly: a decimal 11.980 lies below a limit of 11.98, and fails there.
    """
    if point["type_"] == "boolean":
        return bool(value)
    low, high = (
        None if limit is None else float(limit)
        for limit in (point["tolerance_lower"], point["tolerance_upper"])
    )
    return not (low is not None and low > value) and not (high is not None and high < value)
