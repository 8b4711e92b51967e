"""How each kind of posting is taken back, or why it is not: one table over all kinds.

Pure. What ERP does not have yet is simply called off; this is for what it has. Whether the connected ERP can do it is
its connector's word. Must not know: Django, how a reversal is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reversal:
    """`words` for people: what happens in ERP, or with `never` what to do instead.

    `whole` False: something stays, and the words say what. `needs`: members of the payload it goes by.
    """

    words: str
    whole: bool = True
    never: bool = False
    needs: tuple[str, ...] = ()


REVERSALS: dict[str, Reversal] = {
    "movement.block": Reversal("the stock is freed again"),
    "movement.unblock": Reversal("the stock is blocked again"),
    "movement.issue": Reversal("the issue is cancelled, the goods are back in stock"),
    "movement.receipt": Reversal("the receipt is cancelled"),
    "movement.transfer": Reversal("the goods move back"),
    "movement.scrap": Reversal(
        "the scrap is cancelled; pieces already destroyed stay destroyed, so do this before", whole=False
    ),
    "movement.return": Reversal(
        "the return is cancelled; goods already shipped must be called back by a person", whole=False
    ),
    "confirmation": Reversal("the confirmation is cancelled, its counts are due again"),
    "quality_event": Reversal("the defect is completed as raised in error"),
    "inspection_result": Reversal("the result is withdrawn, its characteristic is to be tested again"),
    "maintenance_notification": Reversal(
        "the notification is completed as raised in error; ERP deletes none", whole=False
    ),
    "cost": Reversal("the opposite entry"),
    "change.date": Reversal("the date before, unless somebody has changed it since", needs=("old",)),
    "change.quantity": Reversal("the quantity before, unless somebody has changed it since", needs=("old",)),
    "change.cancel": Reversal(
        "the cancellation is cleared; what ERP has technically completed a person opens again", whole=False
    ),
    "operation.move": Reversal("the operation moves back", needs=("from_unit",)),
    "customer_answer": Reversal(
        "a newer answer, never silence: what a customer was told can't be unsaid", whole=False, never=True
    ),
    "reversal": Reversal("a reversal is not taken back: post again what it took back", never=True),
}


def why_never(kind: str, payload: Mapping[str, Any]) -> str:
    """Why a posting of `kind` can't be taken back, with what to do instead; empty when it can.

    A change must say what was before it, or nobody knows where to go back to.
    """
    known = REVERSALS.get(kind)
    if known is None:
        return f"there is no posting kind {kind}"
    if known.never:
        return known.words
    lacking = [name for name in known.needs if payload.get(name) in (None, "")]
    if lacking:
        return f"it does not say what was before ({', '.join(lacking)}): decide the change back anew"
    return ""
