"""What taking a posting back means, for every kind: one table.

Pure. `means` is what happens in ERP; `never` why there is nothing to take back, with what to do instead. Whether the
connected ERP can do it is its connector's word. Must not know: Django, how a reversal is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reversal:
    """`means`: what happens in ERP, in words; or `never`: why nothing does. `needs` are payload members it goes by."""

    means: str = ""
    never: str = ""
    needs: tuple[str, ...] = ()


REVERSALS: dict[str, Reversal] = {
    "confirmation": Reversal("The confirmation is cancelled: quantities and times count as not confirmed."),
    "movement.issue": Reversal("The issue is cancelled: the material is back where it was taken from."),
    "movement.receipt": Reversal("The receipt is cancelled: the goods are open on their order again."),
    "movement.scrap": Reversal("The write-off is cancelled: the stock is back in the status it had."),
    "movement.block": Reversal("The stock is unblocked."),
    "movement.unblock": Reversal("The stock is blocked again."),
    "movement.transfer": Reversal("The stock goes back to where it was."),
    "movement.return": Reversal("The return is cancelled: the goods are in stock again."),
    "quality_event": Reversal("The defect is deleted or closed as raised in error."),
    "inspection_result": Reversal("The result is withdrawn: the characteristic is open again."),
    "maintenance_notification": Reversal("The notification is completed as raised in error."),
    "cost": Reversal("An opposite entry is posted."),
    "change.date": Reversal("The date goes back to the one before.", needs=("old",)),
    "change.quantity": Reversal("The quantity goes back to the one before.", needs=("old",)),
    "change.cancel": Reversal(never="An order called off is not revived by a posting; order anew in ERP."),
    "operation.move": Reversal(
        "The operation goes back to the machine it was planned on.", needs=("from_unit",)
    ),
    "customer_answer": Reversal(never="What a customer was told stays told; send a newer answer."),
    "reversal": Reversal(never="A reversal is not reversed; decide the posting anew."),
}


def why_never(kind: str, payload: Mapping[str, Any]) -> str:
    """Why a posting of `kind` can't be taken back; empty when it can. A change must say what the value was before."""
    known = REVERSALS.get(kind)
    if known is None:
        return f"There is no posting kind {kind}."
    if known.never:
        return known.never
    lacking = [name for name in known.needs if payload.get(name) in (None, "")]
    return (
        f"It does not say what was before ({', '.join(lacking)}); decide the change back anew."
        if lacking
        else ""
    )
