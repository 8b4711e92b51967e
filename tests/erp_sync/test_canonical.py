"""The canonical payloads: what is read, what is refused, and that nothing is lost on the way."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from erp_sync import canonical
from erp_sync.canonical import Facts

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
GOOD: dict[str, dict[str, Any]] = {
    "confirmation": {
        "work_order": "100001", "operation": "10", "yield_qty": "9", "scrap_qty": "1", "reason_code": "DIM",
        "machine_minutes": "95.5", "start": "2026-11-22T07:00:00+01:00", "end": "2026-11-22T09:00:00+01:00",
        "final": True,
    },
    "movement.issue": {"work_order": "100001", "item": "RM-1", "quantity": "4", "substitute_for": "RM-2"},
    "movement.receipt": {"purchase_order": "45001", "po_line": "10", "item": "RM-1", "quantity": "48"},
    "movement.scrap": {"site": "RHE", "item": "RM-1", "lot": "L1", "quantity": "2", "reason_code": "DIM"},
    "movement.block": {"site": "RHE", "item": "RM-1", "lot": "L1", "quantity": "2.125"},
    "movement.unblock": {"site": "RHE", "item": "RM-1", "lot": "L1", "quantity": "2"},
    "movement.transfer": {"item": "RM-1", "quantity": "2", "from_location": "A", "to_location": "B"},
    "movement.return": {"item": "RM-1", "quantity": "2", "to": "supplier", "purchase_order": "45001"},
    "quality_event": {"action": "open", "quantity": "2", "lot": "L1", "defect_code": "DIM"},
    "inspection_result": {
        "characteristic": "BORE", "verdict": "rejected", "work_order": "100001", "operation": "10", "value": "12.031",
        "uom": "mm", "lower_limit": "11.98", "upper_limit": "12.02", "inspected": "5", "nonconforming": "2",
    },
    "maintenance_notification": {
        "action": "open", "work_unit": "PR-04", "breakdown": True, "start": "2026-11-22T07:00:00+01:00",
    },
    "cost": {"amount": "12.50", "currency": "EUR", "cost_class": "downtime", "basis": "real"},
    "change.date": {"target": "po_line", "number": "45001", "line": "10", "which": "promised", "new": "2027-01-05"},
    "change.quantity": {"target": "work_order", "number": "100001", "new": "12"},
    "change.cancel": {"target": "so_line", "number": "30001", "line": "10", "scope": "rest"},
    "operation.move": {"work_order": "100001", "operation": "10", "to_unit": "PR-05"},
    "customer_answer": {"customer": "C-1", "po_number": "4711", "channel": "mail", "lines": [{"line": 1}]},
    "reversal": {"reverses": "A" * 16, "reverses_kind": "movement.block", "reason_code": "ERR"},
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(canonical.KINDS))
def test_a_good_payload_of_each_kind_is_read_and_written_back_the_same(kind: str) -> None:
    assert canonical.validate(kind, GOOD[kind], Facts(now=NOW)) == []

    written = canonical.parse(kind, GOOD[kind]).to_json()

    assert {name: written[name] for name in GOOD[kind]} == GOOD[kind]
    assert canonical.parse(kind, written).to_json() == written


def problems(kind: str, facts: Facts | None = None, **change: Any) -> list[tuple[str, str, bool]]:
    payload = {**GOOD[kind], **change}
    return [(p.field, p.code, p.warn) for p in canonical.validate(kind, payload, facts or Facts(now=NOW))]


@pytest.mark.parametrize(
    ("kind", "change", "field", "code"),
    [
        ("confirmation", {"yield_qty": "-1"}, "yield_qty", "negative"),
        ("confirmation", {"machine_minutes": "121"}, "machine_minutes", "too_long"),
        ("confirmation", {"end": "2026-11-22T06:00:00+01:00"}, "end", "order"),
        ("confirmation", {"end": "2026-11-22T06:00:00"}, "end", "unreadable"),
        ("confirmation", {"end": "2026-11-22T11:00:00+01:00"}, "end", "future"),
        ("confirmation", {"reason_code": ""}, "reason_code", "missing"),
        ("confirmation", {"yield_qty": 9.5}, "yield_qty", "unreadable"),
        ("confirmation", {"final": "yes"}, "final", "unreadable"),
        ("confirmation", {"work_order": ""}, "work_order", "missing"),
        ("movement.block", {"quantity": "0"}, "quantity", "positive"),
        ("movement.block", {"quantity": "NaN"}, "quantity", "unreadable"),
        ("movement.block", {"qty": "1"}, "qty", "unknown"),
        ("movement.transfer", {"to_location": "A"}, "to_location", "same"),
        ("movement.scrap", {"reason_code": ""}, "reason_code", "missing"),
        ("movement.receipt", {"work_order": "100001"}, "purchase_order", "target"),
        ("movement.return", {"to": "moon"}, "to", "choice"),
        ("quality_event", {"action": "complete", "opened_by": "X"}, "disposition", "missing"),
        ("maintenance_notification", {"start": None}, "start", "missing"),
        ("maintenance_notification", {"action": "complete", "cause_code": "UNK"}, "cause_code", "missing"),
        ("cost", {"currency": "euro"}, "currency", "format"),
        ("cost", {"cost_class": "coffee"}, "cost_class", "choice"),
        ("change.date", {"new": "2026-11-20"}, "new", "past"),
        ("change.date", {"old": "2027-01-05"}, "new", "same"),
        ("change.date", {"line": ""}, "line", "missing"),
        ("change.quantity", {"new": "0"}, "new", "positive"),
    ],
)
def test_each_rule_names_its_field(kind: str, change: dict[str, Any], field: str, code: str) -> None:
    assert (field, code, False) in problems(kind, **change)


def test_a_little_over_the_open_quantity_is_a_warning_and_much_over_is_refused() -> None:
    assert problems("confirmation", Facts(now=NOW, open_quantity=Decimal("9.5"))) == [
        ("yield_qty", "over", True)
    ]
    assert problems("confirmation", Facts(now=NOW, open_quantity=Decimal(5))) == [
        ("yield_qty", "over", False)
    ]


def test_facts_around_a_posting_refuse_it() -> None:
    assert problems("confirmation", Facts(now=NOW, hold_open=True)) == [("final", "hold", False)]
    assert problems("confirmation", Facts(now=NOW, finally_confirmed=True)) == [
        ("work_order", "final", False)
    ]
    assert problems("movement.block", Facts(on_hand=Decimal(2))) == [("quantity", "short", False)]
    drifted = problems("change.date", Facts(now=NOW, erp_value="2027-01-02"), old="2027-01-01")
    assert drifted == [("old", "drifted", False)]


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(canonical.InvalidPayload) as refused:
        canonical.parse("movement.teleport", {})

    assert [problem.code for problem in refused.value.problems] == ["unknown"]
