"""Writes the demo's orders: work orders, what customers were promised, what suppliers promise, deliveries."""

from datetime import datetime, timedelta
from decimal import Decimal

from plant_app import models
from plant_app.demo import goods, stories
from plant_app.demo.master import Plant
from plant_app.demo.work import FINAL_GROUPS, Job

HOUR = timedelta(hours=1)


class Numbers:
    """Counting up, one step at a time."""

    def __init__(self, first: int, step: int = 1) -> None:
        self.next, self.step = first, step

    def __call__(self) -> str:
        number, self.next = self.next, self.next + self.step
        return str(number)


def write_orders(plant: Plant, jobs: list[Job]) -> dict[str, models.WorkOrder]:
    """Sales lines and the work orders that serve them or feed those that do; work orders by number."""
    sales = {story.number: _story_sale(plant, story) for story in stories.SALES}
    number = Numbers(40017840, 7)
    need_by: dict[str, datetime] = {}
    orders: dict[str, models.WorkOrder] = {}
    finals = [job for job in jobs if plant.families[job.item].group in FINAL_GROUPS]
    parts = [job for job in jobs if job not in finals]
    for job in [*finals, *parts]:
        slack = _slack(plant)
        line = sales.get(job.sales)
        parent: models.WorkOrder | None = None
        if line is not None:
            need_by[job.number] = max(line.commit_at - 2 * HOUR, job.end + HOUR / 2)
        elif job in finals and plant.dice.random() < 0.85:
            need_by[job.number] = job.end + slack
            line = _sale(plant, job, need_by[job.number], number())
        else:
            parent, parent_start = _parent(plant, job, finals, orders)
            need_by[job.number] = parent_start - HOUR / 2 if parent_start else job.end + slack + 24 * HOUR
        lot = None
        if job.lot:
            lot = models.Lot.objects.create(
                item=plant.items[job.item], code=job.lot, made_by=job.number, created_at=job.start
            )
        orders[job.number] = models.WorkOrder.objects.create(
            number=job.number, site=plant.sites[job.site], item=plant.items[job.item],
            quantity=Decimal(job.quantity), status="running" if job.at or job.good is not None else "released",
            sales_line=line, parent=parent, priority=20 if line and line.order.customer.tier == "A" else 50,
            planned_start=job.start, planned_end=job.end, need_by=need_by[job.number], produced_lot=lot,
        )  # fmt: skip
    return orders


def _slack(plant: Plant) -> timedelta:
    """Between the planned end and the moment it is needed: mostly ample, sometimes tight, seldom missed."""
    draw = plant.dice.random()
    if draw < 0.04:
        return -plant.dice.uniform(0.5, 3) * HOUR
    if draw < 0.2:
        return plant.dice.uniform(0.5, 4) * HOUR
    return plant.dice.uniform(8, 60) * HOUR


def _parent(
    plant: Plant, job: Job, finals: list[Job], orders: dict[str, models.WorkOrder]
) -> tuple[models.WorkOrder, datetime] | tuple[None, None]:
    """A final order of the same site that uses the part after it is ready, and when it does."""
    for final in finals:
        uses = any(code == job.item for code, _count in plant.bom[final.item])
        if uses and final.site == job.site and _first_use(final) > job.end + HOUR:
            return orders[final.number], _first_use(final)
    return None, None


def _first_use(final: Job) -> datetime:
    """When components go in: assembling, the second step."""
    return final.booked[min(1, len(final.booked) - 1)][1]


def _story_sale(plant: Plant, story: stories.Sale) -> models.SalesOrderLine:
    due = plant.now + story.hours * HOUR
    return _line(plant, "RHF", story.number, story.customer, story.item, story.quantity, story.price, due)


def _sale(plant: Plant, job: Job, need_by: datetime, number: str) -> models.SalesOrderLine:
    codes = [code for code in plant.customers if (code in goods.GVL_CUSTOMERS) == (job.site == "GVL")]
    price = int(plant.items[job.item].standard_cost * Decimal("1.7"))
    commit = need_by + plant.dice.uniform(2, 12) * HOUR
    return _line(plant, job.site, number, plant.dice.choice(codes), job.item, job.quantity, price, commit)


def _line(
    plant: Plant,
    site: str,
    number: str,
    customer: str,
    item: str,
    quantity: int,
    price: int,
    commit: datetime,
) -> models.SalesOrderLine:
    order = models.SalesOrder.objects.create(
        number=number, site=plant.sites[site], customer=plant.customers[customer],
        po_number=f"{customer}-{int(number) % 100000:05d}",
    )  # fmt: skip
    return models.SalesOrderLine.objects.create(
        order=order, line=10, item=plant.items[item], quantity=Decimal(quantity), unit_price=Decimal(price),
        requested_at=commit - plant.dice.choice((0, 0, 0, 24, 48)) * HOUR, commit_at=commit,
    )  # fmt: skip


def write_purchases(plant: Plant) -> None:
    """What is on its way: the two the stories speak of, and two orders a supplier."""
    rows: list[tuple[str, str, list[tuple[str, int, float]]]] = [
        (number, supplier, [(item, quantity, hours)])
        for number, supplier, item, quantity, hours in stories.PURCHASES
    ]
    number = Numbers(4500240, 3)
    for supplier in plant.suppliers:
        supplied = [code for code, _n, _g, _u, _c, by, _d in goods.BOUGHT if by == supplier]
        for _order in range(2 if supplied else 0):
            picked = plant.dice.sample(supplied, min(len(supplied), plant.dice.randint(1, 3)))
            lines: list[tuple[str, int, float]] = [
                (code, plant.dice.randrange(50, 500, 10), plant.dice.uniform(-20, 260)) for code in picked
            ]
            rows.append((number(), supplier, lines))
    for code, supplier, lines in rows:
        order = models.PurchaseOrder.objects.create(
            number=code, site=plant.sites["RHF"], supplier=plant.suppliers[supplier]
        )
        models.PurchaseOrderLine.objects.bulk_create(
            models.PurchaseOrderLine(
                order=order, line=(place + 1) * 10, item=plant.items[item], quantity=Decimal(quantity),
                promised_at=plant.now + hours * HOUR,
            )
            for place, (item, quantity, hours) in enumerate(lines)
        )  # fmt: skip


def write_deliveries(plant: Plant, lots: dict[str, list[models.Lot]]) -> None:
    """Shipments of the last days, with the lots that went out, and those planned for the next two."""
    number = Numbers(80012010, 4)
    made = sorted(code for code in plant.families if plant.families[code].group in (*FINAL_GROUPS, "bodies"))
    past = Numbers(40017400, 11)
    for _shipment in range(12):
        item = plant.dice.choice([code for code in made if code in lots])
        customer = plant.dice.choice([code for code in plant.customers if code not in goods.GVL_CUSTOMERS])
        shipped = plant.now - plant.dice.uniform(4, 120) * HOUR
        quantity = plant.dice.randrange(4, 40, 2)
        price = int(plant.items[item].standard_cost * Decimal("1.7"))
        line = _line(plant, "RHF", past(), customer, item, quantity, price, shipped + 4 * HOUR)
        models.SalesOrderLine.objects.filter(pk=line.pk).update(delivered=line.quantity)
        delivery = models.Delivery.objects.create(
            number=number(), site=plant.sites["RHF"], customer=line.order.customer, planned_at=shipped,
            shipped_at=shipped,
        )  # fmt: skip
        models.DeliveryLine.objects.create(
            delivery=delivery, sales_line=line, lot=plant.dice.choice(lots[item]), quantity=line.quantity
        )
    soon = models.SalesOrderLine.objects.filter(delivered=0, commit_at__lt=plant.now + 48 * HOUR).order_by(
        "pk"
    )
    for line in soon.select_related("order__customer", "order__site")[:20]:
        delivery = models.Delivery.objects.create(
            number=number(),
            site=line.order.site,
            customer=line.order.customer,
            planned_at=line.commit_at - HOUR,
        )
        models.DeliveryLine.objects.create(delivery=delivery, sales_line=line, quantity=line.quantity)
