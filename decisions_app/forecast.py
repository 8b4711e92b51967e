"""What would follow from an option: when the work that waits would be done, which orders and promises move, the cost.

Estimates from the published plan and the option's values, in straight minutes of work; nothing is reserved or written.
Who must act and what ERP gets is `selectors`' business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max

from decisions_app.deciders import decision_cost
from decisions_app.inputs import amount, moment
from decisions_app.lapses import BRING_IN, INSPECTION, SAME_SITE
from decisions_app.models import Option
from decisions_app.outlook import Outlook, span
from decisions_app.posting_templates import Situation, expected_end, run_minutes
from decisions_app.posting_templates.money import downtime_cost
from decisions_app.posting_templates.situation import promises_only
from plant_app.models import Item, MaterialNeed, PlannedOperation, WorkCentre
from plant_app.selectors.floor import TO_COME

SHOWN = 4
NOISE = timedelta(minutes=1)


@dataclass(frozen=True)
class PromiseMove:
    """A promise and when it would be kept; `late` when after the commit."""

    label: str
    customer: str
    commit_at: datetime
    projected: datetime

    @property
    def late(self) -> bool:
        return self.projected > self.commit_at


@dataclass(frozen=True)
class Cost:
    """Money the option would cost, its parts in words, and what is not known."""

    total: Decimal
    parts: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def shifted(minutes: float) -> str:
    """A shift in minutes or hours."""
    whole = max(1, round(minutes))
    return f"{whole} min" if whole < 60 else f"{whole // 60} h {whole % 60:02d}"


class Forecast:
    """One option with its values, seen over the plan ahead of its record. `ends` is when the condition should end."""

    def __init__(self, option: Option, values: Mapping[str, Any], outlook: Outlook, ends: datetime) -> None:
        self.option, self.values, self.outlook, self.ends = option, values, outlook, ends
        self.exception, self.at = outlook.exception, outlook.at
        self.kind = self.exception.type.code
        self.situation = Situation(exception=self.exception, at=self.at, values=values)
        self.ready = self._ready()

    # --- when it would be done ----------------------------------------------------------------------------
    def _begins(self) -> datetime | None:
        """When the work that waits could go on; None where the option says nothing of it."""
        code, values = self.option.code, self.values
        if self.kind in {"material_shortage", "supplier_delay"}:
            arrives = moment(values, "arrival")
            staged = self.at + timedelta(minutes=SAME_SITE) if code == "substitute" else None
            return arrives or staged
        if self.kind == "labour_shortage":
            arrives = moment(values, "arrival")
            return arrives or self.at + timedelta(minutes=BRING_IN.get(code, 0))
        if self.kind == "quality_hold":
            if code == "rework":
                done = moment(values, "due")
                return done + timedelta(minutes=INSPECTION) if done else None
            arrives = moment(values, "arrival")
            return arrives or self.at + timedelta(minutes=INSPECTION) + self._made_anew()
        return None

    def _made_anew(self) -> timedelta:
        """Time to replace the quantity of a scrapped or returned lot; nothing where it is used as it is."""
        item = self.exception.item
        if self.option.code not in {"scrap", "return_to_supplier"} or item is None:
            return timedelta(0)
        if item.sourcing == Item.Sourcing.BOUGHT:
            return timedelta(days=item.lead_time_days)
        operation = self.outlook.operation
        if operation is None or operation.work_order.item_id != item.pk:
            return timedelta(0)
        steps = operation.work_order.operations.filter(number__lte=operation.number).exclude(
            status="cancelled"
        )
        return span(sum((step.run_minutes for step in steps), Decimal(0)) * amount(self.values, "quantity"))

    def _ready(self) -> datetime | None:
        """When the order that waits would be finished; None where nothing of ours waits."""
        if self.option.code in {"reject", "accept_with_change"} and not moment(self.values, "commit_at"):
            return None
        waiting = self.outlook.waiting
        stated = expected_end(self.situation)
        if stated is not None and promises_only(self.situation):
            return stated
        if stated is not None and self.outlook.operation is not None:
            return stated + self.outlook.rest
        if waiting is None:
            return None
        begins = moment(self.values, "not_before") or self._begins()
        if begins is None and self.kind == "order_change":
            return None
        planned = self._planned(waiting.pk)
        begins = max(begins if begins is not None else self.ends, planned or self.at, self.at)
        return begins + self.outlook.left + self.outlook.rest

    def _planned(self, operation_id: int) -> datetime | None:
        return (
            PlannedOperation.objects.filter(operation_id=operation_id).values_list("start", flat=True).first()
        )

    # --- promises and orders ----------------------------------------------------------------------------
    def promises(self) -> list[PromiseMove]:
        """Promises that wait, each with the date it would be kept on."""
        return [
            PromiseMove(str(line), line.order.customer.name, commit, self.ready or commit)
            for line, commit in self.outlook.promises
        ]

    def orders(self) -> list[str]:
        """Orders that move: the record's own against its plan, then those that wait because of this option."""
        found = [*self._own(), *self._on_unit(), *self._for_material(), *self._of_giver()]
        return list(dict.fromkeys(found))[:SHOWN]

    def _own(self) -> list[str]:
        waiting = self.outlook.waiting
        if self.kind == "order_change":
            return self._need_by()
        if waiting is None or self.ready is None:
            return []
        planned = PlannedOperation.objects.filter(operation__work_order=waiting.work_order_id).aggregate(
            end=Max("end")
        )["end"]
        if planned is None or self.ready - planned <= NOISE:
            return []
        late = shifted((self.ready - planned) / timedelta(minutes=1))
        return [f"{waiting.work_order.number} done {self._words(self.ready)}, {late} later"]

    def _need_by(self) -> list[str]:
        """A changed order: what its own orders are asked for instead."""
        commit, line = moment(self.values, "commit_at"), self.exception.sales_line
        if self.option.code == "reject" or line is None:
            return []
        wanted, found = amount(self.values, "quantity"), []
        moved = commit is not None and abs(commit - line.commit_at) > NOISE
        for order in line.work_orders.exclude(status__in=("finished", "cancelled")).order_by("pk"):
            words = [f"needed {self._words(commit)}" if moved and commit is not None else ""]
            if wanted and wanted != line.quantity:
                words.append(f"{wanted.normalize():f} instead of {line.quantity.normalize():f}")
            said = ", ".join(word for word in words if word)
            if said:
                found.append(f"{order.number} {said}")
        return found

    def _on_unit(self) -> list[str]:
        """What waits on the unit that is taken, or stays down."""
        unit = self.values.get("to_unit")
        rows = PlannedOperation.objects.filter(operation__status__in=TO_COME)
        if unit:
            minutes = amount(self.values, "setup") + run_minutes(
                self.exception, str(unit), amount(self.values, "quantity") or None
            )
            begins = moment(self.values, "start") or self.at
            return self._pushed(rows.filter(work_unit__code=unit, start__gt=self.at), begins + span(minutes))
        if self.kind in {"machine_downtime", "tooling"} and self.exception.work_unit_id is not None:
            until = moment(self.values, "expected_up_at") or self.ends
            return self._pushed(rows.filter(work_unit_id=self.exception.work_unit_id), until)
        return []

    def _for_material(self) -> list[str]:
        """Other orders that need the item (the lot) before it can be used, and those a substitute is taken from."""
        substitute = self.values.get("substitute")
        if substitute:
            needs = MaterialNeed.objects.filter(
                item__code=substitute, operation__status__in=TO_COME, operation__work_order__site=self.exception.site_id
            ).select_related("operation__work_order")  # fmt: skip
            return [f"{need.operation.work_order.number} needs {substitute} too" for need in needs[:SHOWN]]
        if self.kind not in {"material_shortage", "supplier_delay", "quality_hold"}:
            return []
        until = moment(self.values, "arrival") or (self._begins() if self.kind == "quality_hold" else None)
        out = self.outlook.run_out if self.kind != "quality_hold" else None
        if until is None:
            return []
        short = [
            need.operation_id
            for need in self.outlook.needs
            if need.operation.status in TO_COME and (out is None or need.operation.plan.start >= out.at)
        ]
        return self._pushed(PlannedOperation.objects.filter(operation__in=short), until)

    def _of_giver(self) -> list[str]:
        """The next work of the centre people come from."""
        code, until = self.values.get("from_centre"), moment(self.values, "until")
        if not code or until is None:
            return []
        rows = PlannedOperation.objects.filter(
            operation__work_centre__code=code, operation__status__in=TO_COME, start__lt=until
        ).select_related("operation__work_order")
        centre = WorkCentre.objects.filter(code=code).first()
        return [
            f"{row.operation.work_order.number} at {centre or code} with fewer hands"
            for row in rows.order_by("start")[:2]
        ]

    def _pushed(self, rows: Any, until: datetime) -> list[str]:
        if self.outlook.waiting is not None:
            rows = rows.exclude(operation__work_order=self.outlook.waiting.work_order_id)
        late = rows.filter(start__lt=until).select_related("operation__work_order").order_by("start")[:SHOWN]
        return [
            f"{row.operation.work_order.number} {shifted((until - row.start) / timedelta(minutes=1))} later"
            for row in late
        ]

    def _words(self, when: datetime) -> str:
        local = when.astimezone(ZoneInfo(self.exception.site.timezone))
        today = self.at.astimezone(ZoneInfo(self.exception.site.timezone)).date()
        if local.date() == today:
            return f"{local:%H:%M}"
        near = (local.date() - today).days < 7
        return f"{local:%a} {local.day} {local:%H:%M}" if near else f"{local.day} {local:%b %H:%M}"

    # --- money ------------------------------------------------------------------------------------------
    def cost(self) -> Cost:
        """What is entered, what the stop, the set-up, rework or scrap cost at ERP's rates; a missing rate is said."""
        centre, currency = self.exception.work_centre, self.exception.site.currency
        base = decision_cost(self.option, self.exception, self.values)
        parts, unknown = [(self._base_words(), base)] if base else [], []
        rate = centre.cost_per_hour if centre is not None else Decimal(0)
        stopped = "cost_downtime" in {posting.template for posting in self.option.postings.all()}
        setup = amount(self.values, "setup") if self.values.get("to_unit") else Decimal(0)
        if (stopped or setup) and rate <= 0:
            unknown.append(f"machine rate of {centre.name if centre else 'the work centre'}")
        else:
            if stopped:
                until = moment(self.values, "expected_up_at") or self.ends
                parts.append(
                    (f"stop until {self._words(until)}", downtime_cost(self.exception, max(until, self.at)))
                )
            if setup:
                parts.append((f"set-up {setup:.0f} min", setup / 60 * rate))
        item = self.exception.item
        if (
            self.option.code in {"scrap", "return_to_supplier"}
            and item is not None
            and item.standard_cost <= 0
        ):
            unknown.append(f"standard cost of {item.code}")
        money = [(words, value.quantize(Decimal("0.01"))) for words, value in parts]
        return Cost(
            total=sum((value for _, value in money), Decimal("0.00")),
            parts=[f"{words} {value} {currency}" for words, value in money if value],
            unknown=unknown,
        )

    def _base_words(self) -> str:
        item, quantity = self.exception.item, amount(self.values, "quantity")
        if self.option.code == "scrap" and item is not None:
            return f"{quantity.normalize():f} x {item.standard_cost.normalize():f}"
        if self.option.code == "rework":
            return f"{(quantity * amount(self.values, 'minutes_each')).normalize():f} min of rework"
        return "entered"
