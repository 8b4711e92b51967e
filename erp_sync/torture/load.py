"""The postings of a torture: drawn from the seed, many work orders at once, several postings in each one's order.

Owns what is posted and what it must come to: nothing in it can be refused for a business reason. Must not know: what
breaks, how the ERP is asked afterwards.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from core import clock
from erp_sync.models import CodeMapping, ConnectionSite, ErpConnection
from erp_sync.services import posting_key, queue_posting
from erp_sync.torture import plant
from plant_app.models import Enterprise, Site

CONNECTION = "torture"
KIND = "tryton"
#: kind and how often it is drawn; some need another one before them in their order.
WEIGHTS = {
    "block": 18, "unblock": 8, "scrap_blocked": 10, "scrap": 10, "transfer": 18, "confirmation": 14, "cost": 8,
    "open": 8, "complete": 7, "date": 4,
}  # fmt: skip
PURCHASE_SHARE, LOOSE_SHARE = 0.08, 0.06
PER_ORDER = 12
AGAIN = 0.5  # seconds until a posting that could not be queued is tried again


@dataclass(frozen=True, slots=True)
class Draft:
    """One posting to be: `seq` is its place in the run, `chain` the order it keeps to (empty: none)."""

    seq: int
    kind: str
    key: str
    parts: tuple[object, ...]
    chain: str
    payload: dict[str, Any]


@dataclass(slots=True)
class _Order:
    """What one work order has come to so far."""

    number: str
    blocked: int = 0
    minutes: int = 0
    findings: list[str] = field(default_factory=list)
    dated: bool = False


def draw(seed: int, postings: int) -> list[Draft]:
    """The postings of a seed, in the order they are queued."""
    dice = Random(f"load {seed}")  # noqa: S311 - repeatable dice are the point
    orders = plant.ORDERS[: max(4, min(len(plant.ORDERS), postings // PER_ORDER))]
    states = [_Order(number) for number in orders]
    owners = [_owner(dice, states) for _ in range(postings)]
    last = {owner.number: place for place, owner in enumerate(owners) if isinstance(owner, _Order)}
    ending = {number for number in last if dice.random() < 0.5}
    found: list[Draft] = []
    for seq, owner in enumerate(owners):
        if isinstance(owner, _Order):
            final = owner.number in ending and last[owner.number] == seq
            kind, payload = _of_order(dice, owner, seed, seq, final=final)
            chain = owner.number
        else:
            kind, payload = _of_purchase(dice, owner, seq) if owner else _loose(dice)
            chain = owner
        parts = ("torture", seed, seq)
        found.append(Draft(seq, kind, posting_key(kind, *parts), parts, chain, payload))
    return found


def _owner(dice: Random, orders: list[_Order]) -> _Order | str:
    """A work order, a purchase order's number, or nobody."""
    roll = dice.random()
    if roll < PURCHASE_SHARE:
        return dice.choice(plant.PURCHASES)
    return "" if roll < PURCHASE_SHARE + LOOSE_SHARE else dice.choice(orders)


def _of_order(dice: Random, order: _Order, seed: int, seq: int, *, final: bool) -> tuple[str, dict[str, Any]]:
    base = {"site": plant.SITE, "work_order": order.number}
    amount = dice.randint(1, 5)
    # Nor does it close one; where a finding is left over it is completed instead.
    what = ("complete" if order.findings else "final") if final else _what(dice, order)
    move = base | {"item": plant.SEAL, "quantity": str(amount)}
    match what:
        case "block":
            order.blocked += amount
            return "movement.block", move | {"from_location": dice.choice((plant.RACK, plant.SHELF))}
        case "unblock" | "scrap_blocked":
            amount = min(amount, order.blocked)
            order.blocked -= amount
            if what == "unblock":
                return "movement.unblock", move | {"quantity": str(amount), "to_location": plant.RACK}
            return "movement.scrap", move | {
                "quantity": str(amount), "from_status": "blocked", "reason_code": "torn",
            }  # fmt: skip
        case "scrap":
            return "movement.scrap", move | {"from_location": plant.SHELF, "reason_code": "torn"}
        case "transfer":
            return "movement.transfer", move | _ends(dice)
        case "confirmation" | "final":
            order.minutes += 1  # no two of an order last equally long, so that each cycle tells whose it is
            done = {"yield_qty": "1", "machine_minutes": str(order.minutes)}
            if what == "final":
                return "confirmation", base | done | {
                    "operation": str(plant.OPERATIONS[-1]), "final": True, "total_yield": str(plant.ORDER_QUANTITY),
                }  # fmt: skip
            return "confirmation", base | done | {"operation": str(dice.choice(plant.OPERATIONS))}
        case "open":
            order.findings.append(posting_key("quality_event", "torture", seed, seq))
            return "quality_event", base | {"action": "open", "quantity": str(amount), "item": plant.CYLINDER}
        case "complete":
            return "quality_event", base | {
                "action": "complete", "quantity": str(amount), "disposition": "rework",
                "opened_by": order.findings.pop(0),
            }  # fmt: skip
        case "date":
            order.dated = True
            day = date.fromisoformat(plant.PLANNED_END) + timedelta(days=dice.randint(1, 200))
            return "change.date", base | {
                "target": "work_order", "number": order.number, "which": "planned_end",
                "old": plant.PLANNED_END, "new": day.isoformat(),
            }  # fmt: skip
        case _:
            return "cost", base | _money(dice)


def _what(dice: Random, order: _Order) -> str:
    able = dict(WEIGHTS)
    if not order.blocked:
        del able["unblock"], able["scrap_blocked"]
    if order.findings:
        del able["confirmation"]  # Tryton starts no order with an open finding
    else:
        del able["complete"]
    if order.dated:
        del able["date"]
    return dice.choices(list(able), list(able.values()))[0]


def _of_purchase(dice: Random, number: str, seq: int) -> tuple[str, dict[str, Any]]:
    if dice.random() < 0.6:
        return "movement.receipt", {
            "site": plant.SITE, "item": plant.SEAL, "quantity": str(dice.randint(1, 9)), "purchase_order": number,
            "po_line": "10", "to_location": plant.SHELF,
        }  # fmt: skip
    # No two days alike, or the second change would change nothing.
    day = date.fromisoformat(plant.PLANNED_END) + timedelta(days=1 + seq)
    return "change.date", {
        "site": plant.SITE, "target": "po_line", "number": number, "line": "10", "which": "promised",
        "new": day.isoformat(),
    }  # fmt: skip


def _loose(dice: Random) -> tuple[str, dict[str, Any]]:
    if dice.random() < 0.5:
        return "cost", {"site": plant.SITE, **_money(dice)}
    move = {"site": plant.SITE, "item": plant.SEAL, "quantity": str(dice.randint(1, 5))}
    return "movement.transfer", move | _ends(dice)


def _ends(dice: Random) -> dict[str, str]:
    ends = [plant.RACK, plant.SHELF]
    dice.shuffle(ends)
    return {"from_location": ends[0], "to_location": ends[1]}


def _money(dice: Random) -> dict[str, str]:
    return {
        "amount": f"{dice.randint(100, 99_999) / 100:.2f}", "currency": "EUR", "basis": "real",
        "cost_class": dice.choice(("downtime", "scrap", "rework")),
    }  # fmt: skip


def set_up(*, url: str, database: str, username: str, password_source: str, options: dict[str, Any]) -> Site:
    """The site and its connection, in an empty database of ours."""
    enterprise = Enterprise.objects.create(code="TORTURE", name="Torture Works")
    site = Site.objects.create(
        enterprise=enterprise, code=plant.SITE, name="Torture Works", timezone=plant.ZONE
    )
    erp = ErpConnection.objects.create(
        code=CONNECTION, name="Tryton under torture", kind=KIND, base_url=url, database=database,
        username=username, password_source=password_source,
        options={"cost_accounts": plant.COST_ACCOUNTS, **options},
    )  # fmt: skip
    ConnectionSite.objects.create(connection=erp, site=site)
    CodeMapping.objects.create(connection=erp, kind="blocked", ours=plant.SITE, theirs=plant.CAGE)
    return site


def queue(drafts: list[Draft], site: Site, *, stop: Callable[[], bool]) -> None:
    """Queue every draft, one transaction each. While the database is away it tries again, under the same key.

    Whether a commit whose answer was lost took effect need not be known: the same key gives the posting that is there.
    """
    for draft in drafts:
        while not stop():
            try:
                queue_posting(
                    kind=draft.kind, site=site, payload=draft.payload, occurred_at=clock.now(),
                    origin_ref=f"torture:{draft.seq}", key_parts=draft.parts, chain=draft.chain, text="torture",
                )  # fmt: skip
                break
            except (OperationalError, InterfaceError):
                connection.close()
                time.sleep(AGAIN)
    connection.close()
