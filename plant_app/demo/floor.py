"""Writes the demo's stock and what every machine does now and did this shift."""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

from plant_app import models
from plant_app.demo import stories
from plant_app.demo.master import Plant
from plant_app.demo.orders import Numbers
from plant_app.demo.work import Job
from plant_app.models import OperationStatus, ProgressReport, UnitState
from plant_app.selectors.floor import ON_UNIT

BACK = timedelta(hours=9)


def write_stock(plant: Plant, jobs: list[Job]) -> dict[str, list[models.Lot]]:
    """Lots and stock: enough for what is planned nearly everywhere; returns lots by item."""
    lots: dict[str, list[models.Lot]] = defaultdict(list)
    number = Numbers(4100)
    rows: dict[tuple[str, str, str], Decimal] = {}

    def lot_of(item: str, supplier: str = "") -> models.Lot:
        code = f"L26-{number()}"
        age = timedelta(hours=plant.dice.uniform(20, 400))
        lot = models.Lot(
            item=plant.items[item], code=code, supplier_code=supplier, created_at=plant.now - age
        )
        lots[item].append(lot)
        return lot

    told = {item for item, _lot, _location, _quantity in stories.STOCK}
    needed = _needed(plant, jobs)
    for code, item in sorted(plant.items.items()):
        for site, store in (("RHF", "RHF-STO"), ("GVL", "GVL-STO")):
            if code in told and site == "RHF":
                continue
            need = needed[site, code]
            if item.sourcing == models.Item.Sourcing.BOUGHT:
                if site == "GVL" and not need:
                    continue
                cast = item.group.code == "castings"
                amount = Decimal(
                    int(float(need) * plant.dice.uniform(1.1, 2.2)) + plant.dice.randrange(40, 200, 20)
                )
                place = "RHF-W2" if cast and site == "RHF" else store
                if cast or item.group.code == "seals":
                    half = (amount / 2).to_integral_value()
                    rows[code, lot_of(code, "GUSS" if cast else "DICH").code, place] = half
                    rows[code, lot_of(code, "HALL" if cast else "DICH").code, place] = amount - half
                else:
                    rows[code, "", place] = amount
            elif need or site == "RHF":
                amount = Decimal(
                    int(float(need) * plant.dice.uniform(1.0, 1.6)) + plant.dice.randrange(4, 40, 2)
                )
                rows[code, lot_of(code).code, store] = amount
    for lot_code, named, supplier in stories.LOTS:
        lots[named].append(
            models.Lot(
                item=plant.items[named],
                code=lot_code,
                supplier_code=supplier,
                created_at=plant.now - BACK * 5,
            )
        )
    for named, lot_code, place, quantity in stories.STOCK:
        rows[named, lot_code, place] = Decimal(quantity)
    blocked = lot_of("CAST-340", "GUSS")
    rows["CAST-340", blocked.code, "RHF-BLK"] = Decimal(18)
    written = models.Lot.objects.bulk_create([row for found in lots.values() for row in found])
    by_code = {row.code: row for row in written}
    for made in models.Lot.objects.filter(made_by__startswith="WO-"):
        by_code[made.code] = made
        rows[_code_of(plant, made), made.code, "RHF-MACH"] = Decimal(36)
    models.StockRow.objects.bulk_create(
        models.StockRow(
            item=plant.items[named], lot=by_code[lot_code] if lot_code else None, location=plant.locations[place],
            status="blocked" if plant.locations[place].kind == "blocked" else "free", quantity=amount,
            updated_at=plant.now,
        )
        for (named, lot_code, place), amount in rows.items()
    )  # fmt: skip
    return dict(lots)


def _code_of(plant: Plant, lot: models.Lot) -> str:
    return next(code for code, item in plant.items.items() if item.pk == lot.item_id)


def _needed(plant: Plant, jobs: list[Job]) -> dict[tuple[str, str], Decimal]:
    needed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for job in jobs:
        if job.at == 0 and job.good is None:
            for code, count in plant.bom[job.item]:
                needed[job.site, code] += count * job.quantity
    return needed


def write_states(plant: Plant, operations: dict[str, list[models.Operation]]) -> None:
    """The open stretch of every unit, what came before it this shift, and the reports behind running work."""
    on_unit = {
        row.actual_unit.code: row
        for rows in operations.values()
        for row in rows
        if row.status in ON_UNIT and row.actual_unit is not None
    }
    stretches: list[models.WorkUnitState] = []
    reports: list[ProgressReport] = []
    for code, unit in plant.units.items():
        operation = on_unit.get(code)
        state, since, note = _now(plant, code, operation)
        stretches += _before(plant, unit, since)
        stretches.append(models.WorkUnitState(work_unit=unit, state=state, since=since, note=note))
        if operation is not None:
            reports += _reports(plant, operation)
    models.WorkUnitState.objects.bulk_create(stretches)
    ProgressReport.objects.bulk_create(reports)


def _now(plant: Plant, code: str, operation: models.Operation | None) -> tuple[str, datetime, str]:
    if operation is not None and operation.started_at is not None:
        if operation.status == OperationStatus.SETUP:
            return UnitState.SETUP, operation.started_at, ""
        if operation.status == OperationStatus.STOPPED:
            return UnitState.PLANNED_STOP, plant.now - timedelta(minutes=5), "No shift"
        ready = operation.started_at + timedelta(minutes=float(operation.setup_minutes))
        return UnitState.RUNNING, ready, ""
    if code in stories.PLANNED_STOP:
        return UnitState.PLANNED_STOP, plant.now - timedelta(minutes=40), stories.PLANNED_STOP[code]
    return UnitState.FREE, plant.now - timedelta(minutes=plant.dice.randrange(20, 120)), ""


def _before(plant: Plant, unit: models.WorkUnit, until: datetime) -> list[models.WorkUnitState]:
    """Earlier stretches of the shift: mostly running, with changeovers and short stops between."""
    found = []
    moment, running = plant.now - BACK, True
    while moment < until:
        minutes = plant.dice.uniform(60, 200) if running else plant.dice.uniform(8, 30)
        end = min(moment + timedelta(minutes=minutes), until)
        other = plant.dice.choice((UnitState.SETUP, UnitState.SETUP, UnitState.PLANNED_STOP, UnitState.FREE))
        found.append(
            models.WorkUnitState(
                work_unit=unit, state=UnitState.RUNNING if running else other, since=moment, until=end
            )
        )
        moment, running = end, not running
    return found


def _reports(plant: Plant, operation: models.Operation) -> list[ProgressReport]:
    kinds = ProgressReport.Kind
    begun = operation.started_at or plant.now
    common = {"operation": operation, "work_unit": operation.actual_unit, "created_at": plant.now}
    rows = [ProgressReport(kind=kinds.SETUP, at=begun, **common)]
    if operation.status != OperationStatus.SETUP:
        ready = begun + timedelta(minutes=float(operation.setup_minutes))
        rows.append(ProgressReport(kind=kinds.START, at=ready, **common))
        rows.append(ProgressReport(kind=kinds.COUNT, at=plant.now, good=operation.good, **common))
    if operation.status == OperationStatus.STOPPED:
        rows.append(ProgressReport(kind=kinds.STOP, at=plant.now, **common))
    return rows
