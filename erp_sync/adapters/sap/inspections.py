"""Inspection results recorded on a lot of SAP's quality management, one summarised result a characteristic.

Owns which lot and characteristic a result belongs to, its body, and its look-up: SAP takes one result a characteristic,
and the key stands first in its text. The published service can neither delete nor reopen a result. Must not know: the
outbox, HTTP.
"""

from __future__ import annotations

from decimal import Decimal

from erp_sync.adapters.port import Step
from erp_sync.adapters.sap import wire
from erp_sync.adapters.sap.client import INSPECTIONS
from erp_sync.adapters.sap.documents import Desk, Found, Job, stop_if_drifted
from erp_sync.adapters.sap.terms import Terms, caption, fit
from erp_sync.adapters.sap.wire import Row
from erp_sync.canonical_kinds import InspectionResult
from erp_sync.errors import ErpRejected

ENTITY = "A_InspectionResult"
LOT = "A_InspectionLot"
CHARACTERISTIC = "A_InspectionCharacteristic"
KEYS = ("InspectionLot", "InspPlanOperationInternalID", "InspectionCharacteristic")
NO_TAKING_BACK = "SAP's published inspection service takes no recorded result back; it is corrected in SAP"
#: The valuation of a result, unless the connection maps `verdict`.
VERDICTS = {"accepted": "A", "rejected": "R"}
#: The state a result is recorded in: finished, so that SAP values the lot by it.
CLOSED = "5"
WHOLE_LIMIT = 2**31 - 1


def body(terms: Terms, job: Job[InspectionResult], where: Row) -> Row:
    """The result as SAP takes it; `where` names lot, operation and characteristic."""
    payload, command = job.payload, job.command
    local = terms.local(command.occurred_at)
    made: Row = {name: where[name] for name in KEYS}
    made |= {
        "InspectionValuationResult": fit(
            "valuation", terms.mapped("verdict", payload.verdict) or VERDICTS[payload.verdict], 1
        ),
        "InspectionResultText": caption(job.key, command.text, 40),
        "InspectionStartDate": wire.date_out(local.date()),
        "InspectionStartTime": wire.time_out(local.time()),
        "InspectionEndDate": wire.date_out(local.date()),
        "InspectionEndTime": wire.time_out(local.time()),
    }
    if terms.option("close_inspection_results", True):
        made["InspectionResultStatus"] = CLOSED
    if payload.value is not None:
        made["InspResultFrmtdMeanValue"] = fit("measured value", format(payload.value, "f"), 22)
        made["InspResultValidValuesNumber"] = _count("inspected", payload.inspected or Decimal(1))
    elif payload.inspected is not None:
        made["InspResultValidValuesNumber"] = _count("inspected", payload.inspected)
    if payload.nonconforming is not None:
        made["InspRsltNonconformingValsNmbr"] = _count("nonconforming", payload.nonconforming)
    if payload.inspector:
        made["Inspector"] = fit("inspector", payload.inspector, 12)
    if terms.mapped("result_code", payload.verdict):
        group, code = terms.pair("result_code", payload.verdict)
        made |= {"CharacteristicAttributeCodeGrp": group, "CharacteristicAttributeCode": code}
    return made


def _count(what: str, number: Decimal) -> int:
    """Sample units, which SAP counts in whole ones."""
    if number != number.to_integral_value() or number > WHOLE_LIMIT:
        raise ErpRejected("sap.unit_digits", f"SAP counts {what} sample units in whole ones, not {number}")
    return int(number)


class InspectionHandler:
    """One result per posting, on the one open lot and the one characteristic it belongs to."""

    def find(self, desk: Desk, job: Job[InspectionResult]) -> Found | None:
        # Asked for by the lot, which every system can search by; the text is compared here.
        for lot in _lots(desk, job.payload):
            wanted = wire.equals(InspectionLot=str(lot["InspectionLot"]))
            for row in desk.client.rows(INSPECTIONS, ENTITY, filter=wanted):
                if str(row.get("InspectionResultText") or "").startswith(job.key):
                    return _found(desk, row)
        return None

    def drive(self, desk: Desk, job: Job[InspectionResult]) -> Found:
        payload = job.payload
        lot = _open_lot(desk, payload)
        spec = _characteristic(desk, payload, str(lot["InspectionLot"]))
        _same_unit(desk.terms, payload, spec)
        where = {name: str(spec[name]) for name in KEYS}
        there = desk.client.get(INSPECTIONS, wire.key(ENTITY, **where))
        if there is not None:
            what = f"characteristic {where['InspectionCharacteristic']} of lot {where['InspectionLot']}"
            recorded = str(there.get("InspectionValuationResult") or "").strip() or "a result"
            _refuse_second(payload, what, recorded)
        return _found(desk, desk.client.create(INSPECTIONS, ENTITY, body(desk.terms, job, where)))

    def preview(self, terms: Terms, job: Job[InspectionResult]) -> tuple[Step, ...]:
        operation, number = _mapped(terms, job.payload.characteristic)
        where = {
            "InspectionLot": job.payload.inspection_lot or "...",
            "InspPlanOperationInternalID": operation or "...",
            "InspectionCharacteristic": number or "...",
        }
        notes = (
            [] if job.payload.inspection_lot else ["the lot is the open one of the order, batch or material"]
        )
        if not number:
            notes.append("operation and characteristic as the lot's plan numbers them")
        return (Step("POST", f"{INSPECTIONS.root}/{ENTITY}", body(terms, job, where), "; ".join(notes)),)


def _refuse_second(payload: InspectionResult, what: str, recorded: str) -> None:
    """Somebody recorded a result there already, and SAP takes one only: having seen it changes nothing."""
    stop_if_drifted(payload, what, "result", recorded, "nothing recorded")
    raise ErpRejected("sap.result_exists", f"{what}: SAP holds {recorded} already and takes one result only")


def _named(payload: InspectionResult) -> dict[str, str]:
    """What a lot is searched by where the posting does not name it."""
    wanted: dict[str, str] = {}
    if payload.work_order:
        wanted["ManufacturingOrder"] = fit("order number", payload.work_order, 12)
    if payload.lot:
        wanted["Batch"] = fit("batch", payload.lot, 10)
    if payload.item:
        wanted["Material"] = fit("material", payload.item, 40)
    return wanted


def _lots(desk: Desk, payload: InspectionResult) -> list[Row]:
    """The lot a posting names, or every one of its order, batch and material, decided or not."""
    if payload.inspection_lot:
        number = fit("inspection lot", payload.inspection_lot, 12)
        found = desk.client.get(INSPECTIONS, wire.key(LOT, InspectionLot=number))
        return [found] if found is not None else []
    return list(desk.client.rows(INSPECTIONS, LOT, filter=wire.equals(**_named(payload))))


def _open_lot(desk: Desk, payload: InspectionResult) -> Row:
    """The one lot without a usage decision. Raises ErpRejected `erp.not_found`, `sap.several_lots`, or Drifted."""
    rows = _lots(desk, payload)
    known = payload.inspection_lot or ", ".join(f"{name} {value}" for name, value in _named(payload).items())
    if not rows:
        raise ErpRejected("erp.not_found", f"SAP has no inspection lot for {known}")
    live = [row for row in rows if not row.get("InspectionLotHasUsageDecision")]
    if not live:
        numbers = ", ".join(str(row["InspectionLot"]) for row in rows)
        stop_if_drifted(payload, f"inspection lot {numbers}", "lot_status", "decided", "open")
        live = rows[-1:]
    if len(live) > 1:
        numbers = ", ".join(str(row["InspectionLot"]) for row in live)
        raise ErpRejected("sap.several_lots", f"SAP has several open inspection lots for {known}: {numbers}")
    return live[0]


def _mapped(terms: Terms, characteristic: str) -> tuple[str, str]:
    """(operation's node, number) of a mapped characteristic, `NODE/NUMBER` or `NUMBER`; ("", "") when it is not."""
    found = terms.mapped("characteristic", characteristic)
    operation, _, number = found.rpartition("/")
    return fit("operation node", operation, 8), fit("characteristic", number, 4)


def _characteristic(desk: Desk, payload: InspectionResult, lot: str) -> Row:
    """The characteristic of a lot's plan: as mapped, else by master characteristic, number, or short text.

    Raises ErpRejected `erp.mapping_missing` unless exactly one fits.
    """
    rows = list(desk.client.rows(INSPECTIONS, CHARACTERISTIC, filter=wire.equals(InspectionLot=lot)))
    operation, number = _mapped(desk.terms, payload.characteristic)
    name = payload.characteristic.casefold()

    def fits(row: Row) -> bool:
        here = str(row.get("InspectionCharacteristic") or "").lstrip("0")
        if number:
            node = str(row.get("InspPlanOperationInternalID") or "").lstrip("0")
            return here == number.lstrip("0") and (not operation or node == operation.lstrip("0"))
        words = (row.get("InspectionSpecification"), row.get("InspectionSpecificationText"))
        return here == name.lstrip("0") or name in (str(one or "").strip().casefold() for one in words)

    found = [row for row in rows if fits(row)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ErpRejected(
            "erp.mapping_missing", f"characteristic {payload.characteristic!r} is none of lot {lot} in SAP"
        )
    numbers = ", ".join(f"{row[KEYS[1]]}/{row[KEYS[2]]}" for row in found)
    raise ErpRejected(
        "erp.mapping_missing",
        f"characteristic {payload.characteristic!r} fits several of lot {lot} in SAP: {numbers}; map it to one",
    )


def _same_unit(terms: Terms, payload: InspectionResult, spec: Row) -> None:
    """A value in another unit than the plan's would be another value: refused, never converted here."""
    planned = str(spec.get("InspectionSpecificationUnit") or "")
    if payload.value is not None and planned and terms.unit(payload.uom) != planned:
        raise ErpRejected(
            "sap.unit", f"SAP measures {payload.characteristic!r} in {planned}, the value is in {payload.uom}"
        )
    if payload.value is not None and spec.get("InspSpecIsQuantitative") is False:
        raise ErpRejected(
            "sap.qualitative", f"{payload.characteristic!r} is judged, not measured, in SAP: send no value"
        )


def _found(desk: Desk, row: Row) -> Found:
    return Found(
        document=ENTITY,
        number="/".join(str(row[name]) for name in KEYS),
        state="recorded",
        at=wire.moment_in(row.get("ChangedDateTime")),
    )
