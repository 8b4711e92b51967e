"""Which rows of master data a message is about: narrowed to the sender's site, cross-checked, completed from context.

A name several rows share stays open with its candidates. Says in words what does not fit; decides nothing about triage.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from exceptions_app.reading.master import MasterCode, MasterHit, MasterIndex, UnknownCode
from exceptions_app.reading.types import FieldReading, Method, ReadingContext

#: A code used for rows of several kinds means the first of these.
KIND_ORDER = (
    "work_unit", "work_centre", "area", "work_order", "sales_order_line", "sales_order", "purchase_order_line",
    "purchase_order", "lot", "item", "tool", "customer", "supplier", "person",
)  # fmt: skip
CONFIDENCE: dict[Method, float] = {
    "code": 0.99, "alias": 0.93, "name": 0.93, "number": 0.85, "code_loose": 0.75, "context": 0.9, "rule": 0.85,
}  # fmt: skip
CHECKED = 0.93
DOUBTFUL = 0.5
WORDS = {kind: kind.replace("_", " ") for kind in KIND_ORDER} | {"work_unit": "machine"}
#: Types in which the running order of the machine is part of the matter.
_AT_MACHINE = frozenset(
    {"machine_downtime", "quality_hold", "labour_shortage", "tooling", "material_shortage"}
)
_PRODUCT_OF_ORDER = frozenset(
    {"machine_downtime", "quality_hold", "labour_shortage", "tooling", "order_change"}
)


def read_links(
    hits: Sequence[MasterHit], unknown: Sequence[UnknownCode], context: ReadingContext
) -> tuple[list[FieldReading], list[str]]:
    """One field per kind named; several different rows of a kind stay candidates of one field."""
    reasons = [f"{one.span.text} is not a known {WORDS[one.kind]}" for one in unknown]
    by_kind: dict[str, list[tuple[MasterHit, tuple[MasterCode, ...]]]] = {}
    for hit in hits:
        rows = _narrow(hit, context)
        by_kind.setdefault(rows[0].kind, []).append((hit, rows))
    fields = []
    for kind, found in by_kind.items():
        first, rows = found[0]
        codes = list(dict.fromkeys(row.code for _, of_hit in found for row in of_hit))
        confidence = max(CONFIDENCE[hit.method] for hit, _ in found)
        if len(codes) > 1:
            confidence = DOUBTFUL
            if any(len(of_hit) > 1 for _, of_hit in found):
                reasons.append(f"{first.span.text} could be {' or '.join(codes)}")
        elif context.site_code and rows[0].site_code not in ("", context.site_code):
            reasons.append(f"{codes[0]} belongs to site {rows[0].site_code}")
        fields.append(
            FieldReading(
                kind, codes[0], first.span.text, first.span.start, first.span.end, first.method, confidence,
                tuple(codes) if len(codes) > 1 else (),
            )
        )  # fmt: skip
    return fields, reasons


def _narrow(hit: MasterHit, context: ReadingContext) -> tuple[MasterCode, ...]:
    """The rows meant: of the first kind, of the sender's site, then of the sender's own line."""
    kind = min((row.kind for row in hit.rows), key=lambda one: KIND_ORDER.index(one))
    rows = tuple(row for row in hit.rows if row.kind == kind)
    for wanted in (
        lambda row: row.site_code in ("", context.site_code),
        lambda row: row.code == context.work_unit,
        lambda row: bool(context.work_centre) and row.parent == context.work_centre,
    ):
        fitting = tuple(row for row in rows if wanted(row))
        if fitting and len(rows) > 1:
            rows = fitting
    return rows


def complete(
    fields: Sequence[FieldReading], type_code: str | None, master: MasterIndex, context: ReadingContext
) -> tuple[list[FieldReading], list[str]]:
    """Cross-check what was named, then add what follows from it or from where the message came from."""
    known = {field.name: field for field in fields}
    reasons = _cross_check(known, master, context)

    def code(kind: str) -> str:
        field = known.get(kind)
        return str(field.value) if field and not field.candidates else ""

    def add(kind: str, value: str) -> None:
        if value and kind not in known:
            known[kind] = FieldReading(kind, value, "", 0, 0, "context", CONFIDENCE["context"])

    place_named = any(kind in known for kind in ("work_unit", "work_centre", "area"))
    if not place_named and code("work_order") and type_code in _AT_MACHINE:
        units = [unit for unit, order in context.running_orders.items() if order == code("work_order")]
        add("work_unit", units[0] if len(units) == 1 else "")
    if not place_named:
        add("work_unit", context.work_unit)
    if "work_unit" in known:
        unit = master.lookup("work_unit", code("work_unit"))
        add("work_centre", unit.parent if unit else "")
    if not place_named:
        add("work_centre", context.work_centre)
    if type_code in _AT_MACHINE and not {"lot", "item"} & set(known):
        add("work_order", context.running_orders.get(code("work_unit"), ""))
    if code("lot"):
        lot = master.lookup("lot", code("lot"))
        add("item", lot.parent if lot else "")
    for line, order in (("sales_order_line", "sales_order"), ("purchase_order_line", "purchase_order")):
        row = master.lookup(line, code(line)) if code(line) else None
        add(order, row.parent if row else "")
    if type_code in _PRODUCT_OF_ORDER:
        add("item", context.item_of_order.get(code("work_order"), ""))
    return list(known.values()), reasons


def _cross_check(known: dict[str, FieldReading], master: MasterIndex, context: ReadingContext) -> list[str]:
    """A second fact that fits makes a loosely read code certain; one that does not is said in words."""
    reasons: list[str] = []
    unit, order = known.get("work_unit"), known.get("work_order")
    unit_code = str(unit.value) if unit and not unit.candidates else ""
    row = master.lookup("work_unit", unit_code) if unit_code else None
    at = unit_code or context.work_unit
    if order and not order.candidates and at:
        running = context.running_orders.get(at) == order.value
        released = context.open_orders.get(at)
        if running or (released and order.value in released):
            _confirm(known, ("work_order", "work_unit"))
        elif unit_code and released is not None:
            reasons.append(f"{order.value} is not at {unit_code}")
            _doubt(known, ("work_order", "work_unit"))
    if row and (row.code == context.work_unit or (row.parent and row.parent == context.work_centre)):
        _confirm(known, ("work_unit",))
    centre = known.get("work_centre")
    if row and centre and not centre.candidates and row.parent and row.parent != centre.value:
        if unit and unit.method == "code" and centre.method == "name":
            # "CNC-04 is making a grinding noise": a centre named like an ordinary word gives way to a machine's code.
            del known["work_centre"]
        else:
            reasons.append(f"{unit_code} is not in {centre.value}")
            _doubt(known, ("work_centre",))
    return reasons + _check_lot(known, master)


def _check_lot(known: dict[str, FieldReading], master: MasterIndex) -> list[str]:
    """A lot and an item named together belong together, or somebody has to look."""
    reasons: list[str] = []
    lot, item = known.get("lot"), known.get("item")
    lot_row = master.lookup("lot", str(lot.value)) if lot and not lot.candidates else None
    if lot_row and item and not item.candidates and lot_row.parent:
        if lot_row.parent == item.value:
            _confirm(known, ("lot", "item"))
        else:
            reasons.append(f"{lot_row.code} is a lot of {lot_row.parent}, not of {item.value}")
            _doubt(known, ("lot", "item"))
    return reasons


def _confirm(known: dict[str, FieldReading], kinds: Iterable[str]) -> None:
    for kind in kinds:
        field = known.get(kind)
        if field and not field.candidates and field.confidence < CHECKED:
            known[kind] = replace(field, confidence=CHECKED)


def _doubt(known: dict[str, FieldReading], kinds: Iterable[str]) -> None:
    for kind in kinds:
        field = known.get(kind)
        if field:
            known[kind] = replace(field, confidence=min(field.confidence, DOUBTFUL))
