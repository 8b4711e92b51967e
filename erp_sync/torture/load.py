"""The postings of a torture: drawn from the seed, many work orders at once, several postings in each one's order.

Owns what is posted, what of it is taken back, and what all of it must come to: nothing in it can be refused for a
business reason. Must not know: how it is queued, what breaks, how the ERP is asked afterwards.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any, Literal

from erp_sync.services import posting_key
from erp_sync.torture import plant

#: kind and how often it is drawn; some need another one before them in their order.
WEIGHTS = {
    "block": 18, "unblock": 8, "scrap_blocked": 10, "scrap": 10, "transfer": 18, "confirmation": 14, "issue": 12,
    "cost": 8, "result": 10, "open": 8, "complete": 7, "date": 6,
}  # fmt: skip
PURCHASE_SHARE, LOOSE_SHARE = 0.08, 0.06
#: How often something is taken back where something can be, and how often by two at the same moment.
REVERSAL_SHARE, TWICE_SHARE = 0.25, 0.5
PER_ORDER = 12
REVERSAL = "reversal"
Asking = Literal["click", "decision"]
OFTENER: tuple[tuple[Asking, ...], ...] = (("click", "click"), ("click", "decision"))
ONCE: tuple[Asking, ...] = ("click",)


@dataclass(frozen=True, slots=True)
class Draft:
    """One posting to be: `seq` is its place in the run, `chain` the order it keeps to (empty: none).

    A reversal `reverses` the posting of that `seq`, once it is confirmed, and is asked for by all of `asked` at the
    same moment: one click, or a decision withdrawn. Its key is known when it is there (`feed.Posted`).
    """

    seq: int
    kind: str
    key: str
    parts: tuple[object, ...]
    chain: str
    payload: dict[str, Any]
    reverses: int | None = None
    asked: tuple[Asking, ...] = ()


@dataclass(slots=True)
class _Chain:
    """What keeps an order of its own (the loose ones keep none), and what of it may still be taken back."""

    name: str = ""
    may_go_back: list[Draft] = field(default_factory=list)


@dataclass(slots=True)
class _Order(_Chain):
    """What one work order has come to so far."""

    blocked: int = 0
    minutes: int = 0
    issued: int = 0
    findings: list[str] = field(default_factory=list)
    dated: bool = False


@dataclass(slots=True)
class _Purchase(_Chain):
    """What one purchase order's line has come to so far."""

    promised: str = plant.PLANNED_END


def draw(seed: int, postings: int) -> list[Draft]:
    """The postings of a seed, in the order they are queued."""
    dice = Random(f"load {seed}")  # noqa: S311 - repeatable dice are the point
    numbers = plant.ORDERS[: max(4, min(len(plant.ORDERS), postings // PER_ORDER))]
    orders, loose = [_Order(number) for number in numbers], _Chain()
    purchases = [_Purchase(number) for number in plant.PURCHASES]
    owners = [_owner(dice, orders, purchases, loose) for _ in range(postings)]
    last = {owner.name: place for place, owner in enumerate(owners) if isinstance(owner, _Order)}
    ending = {number for number in last if dice.random() < 0.5}
    found: list[Draft] = []
    for seq, owner in enumerate(owners):
        final = owner.name in ending and last[owner.name] == seq
        back = None if final else _taken_back(dice, owner)
        if back is not None:
            asked = dice.choice(OFTENER) if dice.random() < TWICE_SHARE else ONCE
            found.append(Draft(seq, REVERSAL, "", (), owner.name, {}, back.seq, asked))
            continue
        match owner:
            case _Order():
                kind, payload = _of_order(dice, owner, seed, seq, final=final)
            case _Purchase():
                kind, payload = _of_purchase(dice, owner, seq)
            case _:
                kind, payload = _loose(dice)
        parts = ("torture", seed, seq)
        draft = Draft(seq, kind, posting_key(kind, *parts), parts, owner.name, payload)
        found.append(draft)
        if _can_go_back(draft):
            owner.may_go_back.append(draft)
    return found


def _owner(dice: Random, orders: list[_Order], purchases: list[_Purchase], loose: _Chain) -> _Chain:
    """A work order, a purchase order, or nobody."""
    roll = dice.random()
    if roll < PURCHASE_SHARE:
        return dice.choice(purchases)
    return loose if roll < PURCHASE_SHARE + LOOSE_SHARE else dice.choice(orders)


# --- taking back ------------------------------------------------------------------------------------------------
def _can_go_back(draft: Draft) -> bool:
    """Whether the ERP takes this back whatever comes between.

    Not a result of a work order: its inspection, open again, would keep the order from going on.
    """
    match draft.kind:
        case "confirmation" | "movement.issue":
            return False
        case "quality_event":
            return bool(draft.payload["action"] == "open")
        case "inspection_result":
            return "work_order" not in draft.payload
    return True


def _taken_back(dice: Random, owner: _Chain) -> Draft | None:
    """A posting of the owner's that is taken back now, and what that does to the owner; None for none."""
    able = [draft for draft in owner.may_go_back if _still(draft, owner)]
    if not able or dice.random() >= REVERSAL_SHARE:
        return None
    draft = dice.choice(able)
    owner.may_go_back.remove(draft)
    if isinstance(owner, _Purchase) and draft.kind == "change.date":
        owner.promised = draft.payload["old"]
    if isinstance(owner, _Order):
        amount = int(draft.payload.get("quantity", 0))
        if draft.kind == "movement.block":
            owner.blocked -= amount
        elif draft.kind == "movement.unblock" or draft.payload.get("from_status") == "blocked":
            owner.blocked += amount
        elif draft.kind == "quality_event":
            owner.findings.remove(draft.key)
    return draft


def _still(draft: Draft, owner: _Chain) -> bool:
    """Whether nothing since has used up, or changed, what this posting brought."""
    if isinstance(owner, _Purchase) and draft.kind == "change.date":
        return bool(draft.payload["new"] == owner.promised)
    if isinstance(owner, _Order) and draft.kind == "movement.block":
        return int(draft.payload["quantity"]) <= owner.blocked
    if isinstance(owner, _Order) and draft.kind == "quality_event":
        return draft.key in owner.findings
    return True


# --- what is posted ---------------------------------------------------------------------------------------------
def _of_order(dice: Random, order: _Order, seed: int, seq: int, *, final: bool) -> tuple[str, dict[str, Any]]:
    base = {"site": plant.SITE, "work_order": order.name}
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
        case "issue":
            order.issued += 1  # no two of an order of the same quantity, so that each input tells whose it is
            place = dice.choice((plant.RACK, plant.SHELF))
            return "movement.issue", move | {"quantity": str(order.issued), "from_location": place}
        case "confirmation" | "final":
            order.minutes += 1  # no two of an order last equally long, so that each cycle tells whose it is
            done = {"yield_qty": "1", "machine_minutes": str(order.minutes)}
            if what == "final":
                return "confirmation", base | done | {
                    "operation": str(plant.OPERATIONS[-1]), "final": True, "total_yield": str(plant.ORDER_QUANTITY),
                }  # fmt: skip
            return "confirmation", base | done | {"operation": str(dice.choice(plant.OPERATIONS))}
        case "result":
            return "inspection_result", _result(dice, order)
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
                "target": "work_order", "number": order.name, "which": "planned_end",
                "old": plant.PLANNED_END, "new": day.isoformat(),
            }  # fmt: skip
        case _:
            return "cost", base | _money(dice)


def _what(dice: Random, order: _Order) -> str:
    able = dict(WEIGHTS)
    if not order.blocked:
        del able["unblock"], able["scrap_blocked"]
    if order.findings:
        del able["confirmation"], able["issue"]  # Tryton starts no order with an open finding
    else:
        del able["complete"]
    if order.dated:
        del able["date"]
    return dice.choices(list(able), list(able.values()))[0]


def _result(dice: Random, order: _Order) -> dict[str, Any]:
    """A measured value or a bare verdict; of the order itself only where it passes, for a failed one stops it."""
    low, high = plant.BORE_LIMITS
    base: dict[str, Any] = {"site": plant.SITE, "item": plant.CYLINDER}
    if dice.random() < 0.4:
        base["work_order"] = order.name
    passes = "work_order" in base or dice.random() < 0.6
    base["verdict"] = "accepted" if passes else "rejected"
    if dice.random() < 0.3:
        return base | {"characteristic": "LOOKS"}
    # Never the very limit: Tryton compares its binary float with the decimal, and whether that passes is chance.
    value = low + (high - low) * dice.randint(1, 39) // 40 if passes else high + dice.randint(1, 40)
    return base | {"characteristic": plant.BORE, "value": f"{value / 1000:.3f}", "uom": "mm"}


def _of_purchase(dice: Random, order: _Purchase, seq: int) -> tuple[str, dict[str, Any]]:
    if dice.random() < 0.6:
        return "movement.receipt", {
            "site": plant.SITE, "item": plant.SEAL, "quantity": str(dice.randint(1, 9)),
            "purchase_order": order.name, "po_line": "10", "to_location": plant.SHELF,
        }  # fmt: skip
    # No two days alike, or the second change would change nothing.
    day = date.fromisoformat(plant.PLANNED_END) + timedelta(days=1 + seq)
    old, order.promised = order.promised, day.isoformat()
    return "change.date", {
        "site": plant.SITE, "target": "po_line", "number": order.name, "line": "10", "which": "promised",
        "old": old, "new": order.promised,
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
