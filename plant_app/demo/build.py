"""Writes the whole demo plant, once."""

import random
from datetime import timedelta

from django.db import transaction

from core import clock
from plant_app import models
from plant_app.demo import places
from plant_app.demo.floor import write_states, write_stock
from plant_app.demo.master import Plant, write_goods, write_people, write_places
from plant_app.demo.orders import write_deliveries, write_orders, write_purchases
from plant_app.demo.work import plan_jobs, write_operations
from plant_app.services.catalogue import load_catalogue

SEED = 118204


@transaction.atomic
def build_demo(*, seed: int = SEED) -> bool:
    """Write Kolbe Hydraulics as of the clock's now; the same seed gives the same plant. False when it is there already.

    Adds the shipped catalogue first. Where the enterprise exists nothing else is touched, whatever became of it since.
    """
    load_catalogue()
    if models.Enterprise.objects.filter(code=places.ENTERPRISE[0]).exists():
        return False
    now = clock.now()
    plant = Plant(
        now=now - timedelta(seconds=now.second, microseconds=now.microsecond),
        dice=random.Random(seed),  # noqa: S311 (a believable plant, not a secret)
    )
    write_places(plant)
    write_people(plant)
    write_goods(plant)
    jobs = plan_jobs(plant)
    orders = write_orders(plant, jobs)
    operations = write_operations(plant, jobs, orders)
    lots = write_stock(plant, jobs)
    write_purchases(plant)
    write_deliveries(plant, lots)
    write_states(plant, operations)
    return True
