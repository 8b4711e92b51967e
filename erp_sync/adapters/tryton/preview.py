"""What a posting would send to Tryton, shown before it goes: the calls that change something, in their order.

Owns the words for what Tryton alone knows yet (its ids, the state a document is in). Nothing is asked; a test holds
every kind against the calls really made. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from core import clock
from erp_sync import canonical
from erp_sync.adapters import port
from erp_sync.adapters.tryton.catalogue import UNITS
from erp_sync.adapters.tryton.client import Access
from erp_sync.adapters.tryton.documents import backdated
from erp_sync.adapters.tryton.results import FLOOR_FINDING, control_name
from erp_sync.adapters.tryton.reversals import returned
from erp_sync.canonical_base import Payload
from erp_sync.canonical_kinds import (
    Change,
    ChangeDate,
    Confirmation,
    Cost,
    InspectionResult,
    Issue,
    Movement,
    QualityEvent,
    Receipt,
    Return,
    Reversal,
)
from erp_sync.errors import ErpRejected

Call = tuple[str, str, Any, str]
Settings = Mapping[str, Any]
INTERNAL = "stock.shipment.internal"
AS_FOUND = "only the steps its state still needs"


def steps(
    access: Access, command: port.PostingCommand, payload: Payload, settings: Settings
) -> tuple[port.Step, ...]:
    """Every changing call of a command, ids shown as `<what>`. Raises ErpRejected `erp.mapping_missing`."""
    made: list[port.Step] = []
    for model, method, body, note in _KINDS[command.kind](command, payload, settings):
        address = f"{access.url.rstrip('/')}/{access.database}/rpc/ model.{model}.{method}"
        made.append(port.Step("POST", address, _plain(body), note))
    return tuple(made)


def _caption(command: port.PostingCommand) -> str:
    return f"{command.business_key} {command.text}".strip()[:120]


def _id(what: str, code: object) -> str:
    return f"<{what} {code}>"


def _blocked(site: str, settings: Settings) -> str:
    code = settings.get("blocked", {}).get(site)
    if not code:
        raise ErpRejected("erp.mapping_missing", f"no blocked location is mapped for site {site!r}")
    return _id("location", code)


def _line(payload: Movement, origin: str, target: str) -> dict[str, Any]:
    unit = payload.uom or "its own"
    line: dict[str, Any] = {
        "product": _id("item", payload.item),
        "quantity": payload.quantity,
        "unit": _id("unit", {ours: theirs for theirs, ours in UNITS.items()}.get(unit, unit)),
        "from_location": origin,
        "to_location": target,
    }
    if payload.lot:
        line["lot"] = _id("lot", payload.lot)
    return line


def _ends(kind: str, payload: Movement, settings: Settings) -> tuple[str, str]:
    held = _id("place that holds most of it in", payload.site)
    origin = _id("location", payload.from_location) if payload.from_location else ""
    target = _id("location", payload.to_location) if payload.to_location else ""
    match kind:
        case "movement.block":
            return origin or held, target or _blocked(payload.site, settings)
        case "movement.unblock":
            return origin or _blocked(payload.site, settings), target or _id("storage of", payload.site)
        case "movement.scrap":
            blocked = getattr(payload, "from_status", "") == "blocked"
            source = origin or (_blocked(payload.site, settings) if blocked else held)
            return source, _id("lost-and-found of", payload.site)
        case _:
            return origin or held, target


def _shipped(key: str, command: port.PostingCommand, line: dict[str, Any]) -> Iterator[Call]:
    day = backdated(command.posting_date, clock.now().date())
    shipment = {
        **day,
        **({"effective_start_date": day["effective_date"]} if day else {}),
        "reference": key,
        "from_location": line["from_location"],
        "to_location": line["to_location"],
        "planned_date": command.posting_date,
        "planned_start_date": command.posting_date,
        "moves": [["create", [line]]],
    }
    yield INTERNAL, "create", [shipment], ""
    yield INTERNAL, "wait", ["<shipment>"], ""
    yield INTERNAL, "assign_try", ["<shipment>"], "stops here where Tryton can't reserve the stock"
    yield INTERNAL, "do", ["<shipment>"], "between two warehouses it is packed and shipped before"


def _movement(command: port.PostingCommand, payload: Movement, settings: Settings) -> Iterator[Call]:
    yield from _shipped(
        command.business_key, command, _line(payload, *_ends(command.kind, payload, settings))
    )


def _receipt(command: port.PostingCommand, payload: Receipt, settings: Settings) -> Iterator[Call]:
    move = _id("open move of", f"{payload.purchase_order}/{payload.po_line}")
    change: dict[str, Any] = {"quantity": payload.quantity}
    if payload.lot:
        change["lot"] = _id("lot", payload.lot)
    shipment = {
        **backdated(command.posting_date, clock.now().date()),
        "reference": command.business_key,
        "supplier": _id("supplier of", payload.purchase_order),
        "warehouse": _id("warehouse", payload.site or f"of {payload.purchase_order}"),
        "warehouse_input": _id("input of", payload.site),
        "warehouse_storage": _id("storage of", payload.site),
        "planned_date": command.posting_date,
        "incoming_moves": [["add", [move]], ["write", [move], change]],
    }
    yield "stock.shipment.in", "create", [shipment], "a new lot is made before, where Tryton has none"
    yield "stock.shipment.in", "receive", ["<shipment>"], ""
    yield "stock.shipment.in", "do", ["<shipment>"], "put away as it came"


def _return(command: port.PostingCommand, payload: Return, settings: Settings) -> Iterator[Call]:
    source = _id("place that holds most of it in", payload.site)
    if payload.from_location:
        source = _id("location", payload.from_location)
    elif payload.from_status == "blocked":
        source = _blocked(payload.site, settings)
    line = _line(payload, source, _id("supplier's location of", payload.purchase_order))
    shipment = {
        **backdated(command.posting_date, clock.now().date()),
        "reference": command.business_key,
        "supplier": _id("supplier of", payload.purchase_order),
        "from_location": source,
        "to_location": line["to_location"],
        "planned_date": command.posting_date,
        "moves": [["create", [line]]],
    }
    yield "stock.shipment.in.return", "create", [shipment], "priced as the purchase line"
    for button in ("wait", "assign_try", "do"):
        yield "stock.shipment.in.return", button, ["<return>"], ""


def _note(command: port.PostingCommand, order: str, words: str) -> Call:
    message = f"{command.business_key} {command.text} {words}".replace("  ", " ")
    values = {"resource": _id("production", order), "message": message}
    return (
        "ir.note",
        "create",
        [values],
        "with what stood there before, to tell a lost answer from a lost request",
    )


def _issue(command: port.PostingCommand, payload: Issue, settings: Settings) -> Iterator[Call]:
    order = _id("production", payload.work_order)
    source = (
        _id("location", payload.from_location)
        if payload.from_location
        else "<storage of the order's warehouse>"
    )
    yield _note(command, payload.work_order, f"issue {payload.quantity:f} {payload.item}")
    changes: list[Any] = [["create", [_line(payload, source, "<production location>")]]]
    if payload.substitute_for:
        changes.append(["write", [_id("component", payload.substitute_for)], {"quantity": "<what is left>"}])
    yield "production", "write", [order, {"inputs": changes}], ""
    yield from _started(order)


def _started(order: str) -> Iterator[Call]:
    yield "production", "wait", [order], AS_FOUND
    yield "production", "assign_try", [order], AS_FOUND
    yield "production", "run", [order], AS_FOUND


def _confirmation(command: port.PostingCommand, payload: Confirmation, settings: Settings) -> Iterator[Call]:
    order = _id("production", payload.work_order)
    minutes = payload.setup_minutes + payload.machine_minutes + payload.other_minutes
    minutes = minutes or payload.labour_minutes
    work = _id("operation", payload.operation or "last")
    yield from _started(order)
    words = f"operation {payload.operation or '-'}: yield {payload.yield_qty:f}, scrap {payload.scrap_qty:f}"
    yield _note(command, payload.work_order, words)
    cycle = {"work": work, "duration": f"{minutes:f} min"}
    yield "production.work.cycle", "create", [cycle], "where the order has operations"
    yield "production.work.cycle", "run", ["<cycle>"], ""
    yield "production.work.cycle", "do", ["<cycle>"], ""
    if payload.final:
        total = payload.yield_qty if payload.total_yield is None else payload.total_yield
        output: dict[str, Any] = {"quantity": total}
        if payload.lot:
            output["lot"] = _id("lot", payload.lot)
        note = "from the order's last operation, with what was confirmed before added"
        yield "stock.move", "write", ["<output>", output], note
        if day := backdated(command.posting_date, clock.now().date()):
            yield "production", "write", [order, day], "the day it happened"
        yield "production", "do", [order], "from the order's last operation"


def _quality(command: port.PostingCommand, payload: QualityEvent, settings: Settings) -> Iterator[Call]:
    if payload.action == "complete":
        yield "quality.alert", "process", [_id("alert of", payload.opened_by)], AS_FOUND
        yield "quality.alert", "resolve", [_id("alert of", payload.opened_by)], AS_FOUND
        return
    control = settings.get("quality_control", FLOOR_FINDING)
    values: dict[str, Any] = {
        "reference": command.business_key,
        "control": _id("control", control),
        "points": {"<each point>": False},
    }
    if payload.work_order:
        values["origin"] = _id("production", payload.work_order)
    yield "quality.inspection", "create", [values], ""
    yield "quality.inspection", "process", ["<inspection>"], "fails, and Tryton raises its alert"


def _result(command: port.PostingCommand, payload: InspectionResult, settings: Settings) -> Iterator[Call]:
    control = control_name(payload.characteristic, settings, measured=payload.value is not None)
    value = payload.verdict == "accepted" if payload.value is None else payload.value
    values: dict[str, Any] = {
        "reference": command.business_key,
        "control": _id("control", control),
        "points": {"<its point>": value},
    }
    if payload.work_order:
        values["origin"] = _id("production", payload.work_order)
    yield "quality.inspection", "create", [values], ""
    yield "quality.inspection", "process", ["<inspection>"], "Tryton judges by the control's limits"


def _cost(command: port.PostingCommand, payload: Cost, settings: Settings) -> Iterator[Call]:
    accounts = settings.get("cost_accounts", {})
    mapped, clearing = accounts.get(payload.cost_class), accounts.get("clearing")
    if not mapped or not clearing:
        raise ErpRejected(
            "erp.mapping_missing", f"no account is mapped for cost class {payload.cost_class!r}"
        )
    amount = f"{payload.amount:f} {payload.currency}"
    lines = [
        {"account": _id("account", mapped), "debit": amount, "credit": "0"},
        {"account": _id("account", clearing), "debit": "0", "credit": amount},
    ]
    yield from _entry(command, lines)


def _entry(command: port.PostingCommand, lines: list[dict[str, Any]]) -> Iterator[Call]:
    entry = {
        "journal": "<general journal>",
        "period": _id("period of", command.posting_date.isoformat()),
        "date": command.posting_date,
        "description": _caption(command),
        "lines": [["create", lines]],
    }
    yield "account.move", "create", [entry], "another currency at Tryton's rate of the day"
    yield "account.move", "post", ["<entry>"], ""


def _amended(command: port.PostingCommand, payload: Change, quantity: Any) -> Iterator[Call]:
    head = "sale" if payload.target == "so_line" else "purchase"
    line = {
        "action": "line",
        "line": _id("line", f"{payload.number}/{payload.line}"),
        "quantity": quantity,
    }
    amendment = {
        head: _id(head, payload.number),
        "date": command.posting_date,
        "description": _caption(command),
        "lines": [["create", [line]]],
    }
    yield f"{head}.amendment", "create", [amendment], "item, unit and price as on the line"
    yield f"{head}.amendment", "validate_amendment", ["<amendment>"], ""


def _date(command: port.PostingCommand, payload: ChangeDate, settings: Settings) -> Iterator[Call]:
    stamp = "only if nobody else wrote it meanwhile"
    if payload.target == "work_order":
        field = "planned_start_date" if payload.which == "planned_start" else "planned_date"
        yield "production", "write", [_id("production", payload.number), {field: payload.new}], stamp
        return
    if payload.target == "po_line":
        values = {"delivery_date_edit": True, "delivery_date_store": payload.new}
        yield "purchase.line", "write", [_id("line", f"{payload.number}/{payload.line}"), values], stamp
    else:
        yield "sale.sale", "write", [_id("sale", payload.number), {"shipping_date": payload.new}], stamp
    yield from _amended(command, payload, "<as it is>")


def _quantity(command: port.PostingCommand, payload: Any, settings: Settings) -> Iterator[Call]:
    if payload.target != "work_order":
        yield from _amended(command, payload, payload.new)
        return
    values = {"quantity": payload.new, "inputs": "<in proportion>", "outputs": "<in proportion>"}
    order = _id("production", payload.number)
    yield (
        "production",
        "write",
        [order, values],
        "only if nobody else wrote it meanwhile; reservations go first",
    )


def _cancel(command: port.PostingCommand, payload: Change, settings: Settings) -> Iterator[Call]:
    if payload.target == "work_order":
        yield "production", "cancel", [_id("production", payload.number)], ""
    else:
        yield from _amended(command, payload, "<what is delivered>")


def _reversal(command: port.PostingCommand, payload: Reversal, settings: Settings) -> Iterator[Call]:
    kind, original = payload.reverses_kind, dict(payload.original)
    if kind in ("change.date", "change.quantity"):
        original["old"], original["new"] = original.get("new"), original.get("old")
    elif kind == "quality_event":
        original |= {"action": "complete", "opened_by": payload.reverses, "disposition": "raised_in_error"}
    elif kind == "cost":
        turned = [{"account": "<each of its accounts>", "debit": "<its credit>", "credit": "<its debit>"}]
        yield from _entry(command, turned)
        return
    elif kind == "inspection_result":
        yield "quality.inspection", "pending", [_id("inspection", payload.reverses)], "open again"
        return
    elif kind == "movement.receipt":
        original = returned(original)
        kind = "movement.return"
    elif kind.startswith("movement."):
        move = canonical.parse(kind, original)
        ends = (f"<where {payload.reverses} went>", f"<where {payload.reverses} came from>")
        assert isinstance(move, Movement)  # noqa: S101 - every movement kind is one
        yield from _shipped(command.business_key, command, _line(move, *ends))
        return
    yield from _KINDS[kind](command, canonical.parse(kind, original), settings)


_KINDS: dict[str, Callable[[port.PostingCommand, Any, Settings], Iterator[Call]]] = {
    "confirmation": _confirmation,
    "movement.issue": _issue,
    "movement.receipt": _receipt,
    "movement.return": _return,
    "movement.scrap": _movement,
    "movement.block": _movement,
    "movement.unblock": _movement,
    "movement.transfer": _movement,
    "quality_event": _quality,
    "inspection_result": _result,
    "cost": _cost,
    "change.date": _date,
    "change.quantity": _quantity,
    "change.cancel": _cancel,
    "reversal": _reversal,
}


def _plain(value: Any) -> Any:
    """JSON types only: what is shown is stored and sent to browsers."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
