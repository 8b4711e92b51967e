"""What the simulation knows of the plant, and how it makes up the next piece of trouble from it.

Reads the demo's rows; draws everything from the random generator it is given, so a seed repeats a day.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exceptions_app.models import ExceptionRecord
from execlayer.simulation.scenarios import SCENARIOS, Scenario
from plant_app.models import (
    DutyAssignment,
    Lot,
    Operation,
    SalesOrderLine,
    Site,
    StockLayer,
    StockRow,
    User,
    WorkUnit,
)
from plant_app.selectors.duty import duty_holders


@dataclass(frozen=True)
class Trouble:
    """One thing that happens: who says what at which place."""

    scenario: Scenario
    text: str
    site: Site
    reporter: User
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass
class World:
    """A site's rows, read once."""

    site: Site
    dice: random.Random
    units: list[WorkUnit] = field(default_factory=list)
    running: dict[int, Operation] = field(default_factory=dict)
    lots: list[Lot] = field(default_factory=list)
    sales: list[SalesOrderLine] = field(default_factory=list)

    @classmethod
    def of(cls, site: Site, dice: random.Random) -> "World":
        """Read a site."""
        world = cls(site=site, dice=dice)
        world.units = list(
            WorkUnit.objects.filter(work_centre__area__site=site, active=True)
            .select_related("work_centre__area")
            .order_by("code")
        )
        operations = Operation.objects.filter(
            work_order__site=site, actual_unit__isnull=False, status__in=("running", "setup", "stopped")
        ).select_related("work_order__item", "actual_unit")
        world.running = {row.actual_unit_id: row for row in operations if row.actual_unit_id}
        stocked = StockRow.objects.filter(
            layer=StockLayer.ERP, status="free", quantity__gte=10, lot__isnull=False, location__site=site
        ).values("lot_id")
        world.lots = list(Lot.objects.filter(pk__in=stocked).select_related("item").order_by("code"))
        world.sales = list(
            SalesOrderLine.objects.filter(order__site=site, cancelled=False)
            .select_related("order__customer", "item")
            .order_by("order__number", "line")
        )
        return world

    def trouble(self, at: datetime) -> Trouble | None:
        """The next piece of trouble at `at`; None when the dice fall on something already open."""
        scenario = self.dice.choices(SCENARIOS, [entry.weight for entry in SCENARIOS])[0]
        unit = self.dice.choice(self.units)
        words: dict[str, Any] = {
            "unit": unit.code,
            "name": (unit.aliases or [unit.code])[0],
            "centre": unit.work_centre.name,
            "order": "",
            "item": "",
            "lot": "",
            "sales": "",
            "qty": self.dice.randint(2, 12),
        }
        if unit.pk in self.running:
            words["order"] = self.running[unit.pk].work_order.number
        if not self._fill(scenario, unit, words) or self._open(scenario, unit, words):
            return None
        reporter = self._reporter(scenario, unit, at)
        if reporter is None:
            return None
        return Trouble(
            scenario=scenario,
            text=self.dice.choice(scenario.texts).format(**words),
            site=self.site,
            reporter=reporter,
            fields=self._fields(scenario, unit, words),
        )

    def _fill(self, scenario: Scenario, unit: WorkUnit, words: dict[str, Any]) -> bool:
        if scenario.needs == "item":
            operation = self.running.get(unit.pk)
            needs = list(operation.material_needs.select_related("item")) if operation else []
            if not needs:
                return False
            words["item"] = self.dice.choice(needs).item.code
        if scenario.needs == "lot":
            if not self.lots:
                return False
            words["lot"] = self.dice.choice(self.lots).code
        if scenario.needs == "sales":
            if not self.sales:
                return False
            words["sales"] = self.dice.choice(self.sales).order.number
        return True

    def _fields(self, scenario: Scenario, unit: WorkUnit, words: dict[str, Any]) -> dict[str, Any]:
        """What the station's form adds by itself: the place, and what was tapped."""
        fields: dict[str, Any] = {"type": scenario.type}
        if scenario.needs in {"unit", "item"}:
            fields["work_unit"] = unit.code
        if scenario.needs == "centre":
            fields["work_centre"] = unit.work_centre.code
        if scenario.needs == "lot":
            fields |= {"lot": words["lot"], "quantity": str(words["qty"])}
        if scenario.needs == "item":
            fields["item"] = words["item"]
        if scenario.needs == "sales":
            line = next(row for row in self.sales if row.order.number == words["sales"])
            fields["sales_line"] = f"{line.order.number}/{line.line}"
        if scenario.reason:
            fields["reason"] = scenario.reason
        return fields

    def _open(self, scenario: Scenario, unit: WorkUnit, words: dict[str, Any]) -> bool:
        live = ExceptionRecord.objects.live().filter(site=self.site, type__code=scenario.type)
        if scenario.needs == "lot":
            return live.filter(lot__code=words["lot"]).exists()
        if scenario.needs == "item":
            return live.filter(item__code=words["item"]).exists()
        if scenario.needs == "sales":
            return live.filter(sales_line__order__number=words["sales"]).exists()
        if scenario.needs == "centre":
            return live.filter(work_centre=unit.work_centre).exists()
        return live.filter(work_unit=unit).exists()

    def _reporter(self, scenario: Scenario, unit: WorkUnit, at: datetime) -> User | None:
        duty = "csr" if scenario.needs == "sales" else "operator"
        holders = duty_holders(site=self.site, duty=duty, area=unit.work_centre.area, at=at)
        holders = holders or duty_holders(site=self.site, duty="shift_supervisor", at=at)
        return self.dice.choice(holders) if holders else None


def decider_for(site: Site, duties: list[str], at: datetime) -> User | None:
    """Somebody who may decide: the first of the duties held now, else anybody who ever holds one."""
    for duty in duties:
        holders = duty_holders(site=site, duty=duty, at=at)
        if holders:
            return holders[0]
    assignment = DutyAssignment.objects.filter(site=site, duty__in=duties).select_related("person").first()
    return assignment.person if assignment else None


def answers_for(asks: list[dict[str, Any]], dice: random.Random, reason: str) -> dict[str, Any]:
    """What somebody would enter for a finished task."""
    answers: dict[str, Any] = {}
    for ask in asks:
        if ask["kind"] == "reason":
            answers[ask["name"]] = reason or "UNK"
        elif ask["name"] == "scrap":
            answers[ask["name"]] = str(dice.choice((0, 0, 0, 1)))
        elif ask["name"] == "good":
            answers[ask["name"]] = str(dice.randint(0, 6))
        elif ask["kind"] in {"minutes", "quantity", "number", "money"}:
            answers[ask["name"]] = str(dice.randint(10, 45))
        else:
            answers[ask["name"]] = "done"
    return answers
