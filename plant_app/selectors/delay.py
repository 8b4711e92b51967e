"""What a minute of delay costs, from ERP's own figures and nothing else.

ERP gives three: a work centre's cost per hour, an item's standard cost, a sales line's price. Nothing here guesses:
where a figure is missing (ERP sends none, or zero) the cost is unknown, never zero. No penalty clauses are mirrored, so
none are in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from plant_app.models import Operation, SalesOrderLine, WorkCentre

CENT = Decimal("0.01")


@dataclass(frozen=True)
class DelayCost:
    """Money per minute in the site's currency (None: unknown), and how it was reckoned or what is missing."""

    per_minute: Decimal | None
    source: str


def delay_cost(
    *,
    centre: WorkCentre | None,
    operation: Operation | None,
    lines: Sequence[SalesOrderLine],
    stands: bool,
) -> DelayCost:
    """Reckon a minute of delay as what the stood minute costs plus what it would have earned:

        machine rate / 60                                      while the work centre stands (`stands`)
      + sum over `lines` of open quantity x (price - standard cost)
        / (order quantity x run minutes per piece)             the margin the operation would have made in a minute

    `centre` is where it stands or would run, `operation` what waits, `lines` the open promises that wait for it. The
    idle minute is not in the standard cost, so nothing is counted twice. A known part is given where the other is
    missing, and the source says which.
    """
    parts: list[tuple[Decimal, str]] = []
    missing: list[str] = []
    if stands and centre is not None:
        if centre.cost_per_hour > 0:
            parts.append((centre.cost_per_hour / 60, f"{centre.name} {centre.cost_per_hour:.2f} per hour"))
        else:
            missing.append(f"no machine rate for {centre.name}")
    if operation is None:
        missing.append("no order waits")
    elif not lines:
        missing.append("no promise waits")
    else:
        margin, why = _margin(operation, lines)
        if margin is None:
            missing.append(why)
        else:
            parts.append((margin, why))
    if not parts:
        return DelayCost(None, f"unknown: {', '.join(missing) or 'nothing stands'}"[:160])
    total = sum((value for value, _ in parts), Decimal(0)).quantize(CENT, rounding=ROUND_HALF_UP)
    words = " + ".join(word for _, word in parts)
    return DelayCost(total, f"{words}; {', '.join(missing)}"[:160] if missing else words[:160])


def _margin(operation: Operation, lines: Sequence[SalesOrderLine]) -> tuple[Decimal | None, str]:
    """Margin per minute of `operation`, or None with what is missing."""
    minutes = operation.work_order.quantity * operation.run_minutes
    if minutes <= 0:
        return None, f"no run time for {operation}"
    margin = Decimal(0)
    for line in lines:
        if line.unit_price <= 0:
            return None, f"no price for {line}"
        if line.item.standard_cost <= 0:
            return None, f"no standard cost for {line.item.code}"
        margin += (line.quantity - line.delivered) * (line.unit_price - line.item.standard_cost)
    labels = ", ".join(str(line) for line in lines[:2]) + (
        f" and {len(lines) - 2} more" if len(lines) > 2 else ""
    )
    return max(Decimal(0), margin / minutes), f"margin of {labels} over {minutes:.0f} min"
