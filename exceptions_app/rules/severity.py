"""How bad an event is: one rule per exception type, from what the plant looks like around it.

Pure. Owns the thresholds of severity; must not know where a circumstance was found, nor urgency, which also weighs
time and customer. A circumstance that is not known never makes an event worse.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

LOW: Final = "low"
MEDIUM: Final = "medium"
HIGH: Final = "high"
CRITICAL: Final = "critical"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The plant around one exception. Minutes count from now; None is "not known"."""

    kind: str = ""
    bottleneck: bool | None = None
    line_stopped: bool | None = None
    has_alternate: bool | None = None
    next_start_min: float | None = None
    order_within_24h: bool | None = None
    window_min: float | None = None
    run_out_min: float | None = None
    shift_left_min: float | None = None
    stock_in_reach: bool | None = None
    safety_characteristic: bool | None = None
    shipped: bool | None = None
    customer_stopped: bool | None = None
    whole_lot: bool | None = None
    operation_running: bool | None = None
    grade: str = ""
    frozen_horizon: bool | None = None
    customer_tier: str = ""
    certificate_missing: bool | None = None
    blocks_operation: bool | None = None
    next_shift: bool | None = None
    effectivity: str = ""
    repeated: bool | None = None


Verdict = tuple[str, str]


def severity_of(type_code: str, around: Circumstances, *, default: str = MEDIUM) -> Verdict:
    """Severity and the reason for it in words. A type without a rule keeps its `default`."""
    rule = _RULES.get(type_code)
    return rule(around) if rule else (default, "as the type says")


def _downtime(around: Circumstances) -> Verdict:
    if around.line_stopped:
        return CRITICAL, "the whole line stands"
    if around.bottleneck and around.has_alternate is False and around.kind in {"stopped", ""}:
        return CRITICAL, "bottleneck without an approved alternate"
    if around.order_within_24h is False:
        return LOW, "no order on it in the next 24 h"
    if around.kind == "slow":
        return MEDIUM, "runs slow"
    if around.has_alternate:
        return MEDIUM, "an approved alternate exists"
    if around.next_start_min is not None and around.next_start_min <= 240:
        return HIGH, "the next order waits within 4 h"
    if around.operation_running:
        return HIGH, "an order stands on it"
    return MEDIUM, "stopped"


def _shortage(around: Circumstances) -> Verdict:
    out = 0.0 if around.kind == "stopped_now" else around.run_out_min
    if out is None:
        return MEDIUM, "run-out not known"
    if out <= 60 and not around.stock_in_reach:
        return CRITICAL if around.kind == "stopped_now" or out <= 0 else HIGH, "runs out within the hour"
    if around.shift_left_min is not None and out <= around.shift_left_min:
        return HIGH, "runs out this shift"
    if out <= 24 * 60:
        return MEDIUM, "runs out within 24 h"
    return LOW, "runs out later than 24 h"


def _quality(around: Circumstances) -> Verdict:
    if around.safety_characteristic:
        return CRITICAL, "safety or regulatory characteristic"
    if around.shipped and around.customer_stopped:
        return CRITICAL, "shipped to a customer who runs it"
    if around.shipped:
        return HIGH, "already shipped"
    if around.whole_lot:
        return HIGH, "the whole lot is suspect"
    if around.operation_running:
        return HIGH, "the process still makes it"
    return MEDIUM, "contained in the plant"


def _order_change(around: Circumstances) -> Verdict:
    if around.customer_stopped:
        return CRITICAL, "the customer's line is down"
    if around.grade == "error":
        return (CRITICAL, "error grade, tier A") if around.customer_tier == "A" else (HIGH, "error grade")
    if around.frozen_horizon:
        return HIGH, "inside the frozen horizon"
    if around.grade == "warning":
        return MEDIUM, "warning grade"
    return LOW, "no work touched yet"


def _labour(around: Circumstances) -> Verdict:
    if around.bottleneck or around.certificate_missing:
        return CRITICAL, "bottleneck or a required certificate uncovered"
    if around.next_shift:
        return LOW, "next shift, can still be covered"
    if around.blocks_operation:
        return HIGH, "an operation cannot start this shift"
    return MEDIUM, "slower with the crew that is there"


def _tooling(around: Circumstances) -> Verdict:
    return (
        _downtime(around)
        if around.operation_running or around.next_start_min is not None
        else (MEDIUM, "tool")
    )


def _supplier_delay(around: Circumstances) -> Verdict:
    return _shortage(around)


def _complaint(around: Circumstances) -> Verdict:
    if around.safety_characteristic or around.customer_stopped:
        return CRITICAL, "safety, or the customer stands"
    if around.repeated or around.whole_lot:
        return HIGH, "repeated, or more than one lot"
    return MEDIUM, "first of its kind"


def _safety(around: Circumstances) -> Verdict:
    return CRITICAL, "safety is always critical"


def _engineering(around: Circumstances) -> Verdict:
    if around.effectivity == "immediate":
        return (
            (CRITICAL, "at once, safety critical")
            if around.safety_characteristic
            else (HIGH, "effective at once")
        )
    return MEDIUM, "effective at a date"


_RULES: Final[Mapping[str, Callable[[Circumstances], Verdict]]] = {
    "machine_downtime": _downtime,
    "material_shortage": _shortage,
    "quality_hold": _quality,
    "order_change": _order_change,
    "labour_shortage": _labour,
    "tooling": _tooling,
    "supplier_delay": _supplier_delay,
    "customer_complaint": _complaint,
    "safety_stop": _safety,
    "engineering_change": _engineering,
}
