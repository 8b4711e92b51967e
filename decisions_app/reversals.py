"""How each posting of a decision is taken back, and how each plant effect is: one line per kind, or why not.

Pure tables; that of the postings is the outbox's own. The doing is `services.undoing`'s and the outbox's. A test holds
every option of every shipped playbook against them.
"""

from dataclasses import dataclass

from erp_sync.reversals import REVERSALS


@dataclass(frozen=True)
class Way:
    """The way back in words. `whole` False: something stays, and `words` says what."""

    words: str
    whole: bool = True


# What ERP already has is taken back like this; what it does not have yet is simply called off.
POSTINGS: dict[str, Way] = {
    kind: Way(one.words, one.whole) for kind, one in REVERSALS.items() if kind != "reversal"
}
# What each effect leaves behind once its decision is taken back.
EFFECTS: dict[str, Way] = {
    "unit_down": Way("stays while the condition does", False),
    "unit_down_until": Way("the estimate takes the stated moment's place again"),
    "material_short": Way("stays while the condition does", False),
    "short_until": Way("short again until the next sure receipt"),
    "short_lifted": Way("short again"),
    "hold_lot": Way("stays while the condition does", False),
    "hold_lifted": Way("the quantity is held again"),
    "crew_short": Way("stays while the condition does", False),
    "crew_covered": Way("the people are missing again"),
    "crew_from": Way("missing again until the shift's end"),
    "tool_down": Way("stays while the condition does", False),
    "place_locked": Way("stays locked; only its release opens it", False),
    "pin_to_unit": Way("the operation is free to run elsewhere"),
    "not_before": Way("the operation may start again"),
    "promise_changed": Way("the promise before"),
    "quantity_changed": Way("the quantity before"),
    "order_cancelled": Way("the line is wanted again"),
    "supplier_promise": Way("the supplier's date before"),
}
