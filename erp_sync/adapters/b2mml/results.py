"""Test results as B2MML says them: a defect found, and the result of an inspection with value, limits and verdict.

Owns which field stands where in a TestResult. The schema has no place for limits beside a measured value, so they are
measurements of their own, under our names for them. Must not know: other messages, folders, HTTP.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from core import clock
from erp_sync.adapters.b2mml import xml
from erp_sync.adapters.b2mml.parts import Said, scope, value

#: What the schema's EvaluatedCriterionResult says of a verdict of ours.
VERDICTS = {"accepted": "Passed", "rejected": "Failed"}
_LIMITS = ("lower_limit", "upper_limit")
_COUNTS = ("inspected", "nonconforming")


def write(said: Said) -> Element:
    """ProcessTestResult (or Cancel) of a quality event or an inspection result."""
    root, data = xml.message(f"{said.verb}TestResult", said.bod_id, clock.now(), said.verb)
    result = xml.add(data, "TestResult")
    xml.add(result, "ID", said.ident)
    if said.command.text:
        xml.add(result, "Description", said.command.text)
    xml.add(result, "EvaluationDate", said.command.occurred_at.isoformat())
    scope(result, said)
    tested = said.get("lot") or said.get("inspection_lot") or said.get("item") or said.get("work_order")
    xml.add(result, "TestableObjectID", tested)
    if said.kind == "inspection_result":
        _inspection(result, said)
    else:
        xml.add(result, "EvaluatedCriterionResult", said.get("disposition") or "Failed")
        _measured(result, {"kind": said.kind, **said.payload}, "site", "disposition")
    return root


def _inspection(result: Element, said: Said) -> None:
    if said.get("inspection_lot"):
        xml.add(result, "OperationsTestRequirementID", said.get("inspection_lot"))
    xml.add(result, "EvaluatedCriterionResult", VERDICTS.get(said.get("verdict"), said.get("verdict")))
    measured = xml.add(result, "PropertyMeasurement")
    xml.add(measured, "ID", said.get("characteristic"))
    xml.add(measured, "MeasurementDate", said.command.occurred_at.isoformat())
    unit = said.get("uom")
    if said.get("value"):
        value(measured, said.get("value"), kind="decimal", unit=unit)
    else:
        value(measured, said.get("verdict"))
    for name in _LIMITS + _COUNTS:
        if said.get(name):
            held = xml.add(result, "PropertyMeasurement")
            xml.add(held, "ID", name)
            value(held, said.get(name), kind="decimal", unit=unit if name in _LIMITS else "")
    placed = ("site", "inspection_lot", "characteristic", "value", "uom", *_LIMITS, *_COUNTS)
    _measured(result, {"kind": said.kind, **said.payload}, *placed)


def _measured(result: Element, fields: dict[str, object], *placed: str) -> None:
    for name, held in fields.items():
        if name not in placed and held not in (None, ""):
            measured = xml.add(result, "PropertyMeasurement")
            xml.add(measured, "ID", name)
            value(measured, held)
