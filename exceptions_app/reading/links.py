"""Which rows of master data a message is about: narrowed to the sender's site, cross-checked, completed from context.

A name several rows share stays open with its candidates. Says in words what does not fit; decides nothing about triage.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
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
    "tail": 0.82,
}  # fmt: skip
CHECKED = 0.93
DOUBTFUL = 0.5
WORDS = {kind: kind.replace("_", " ") for kind in KIND_ORDER} | {"work_unit": "machine"}
_TAIL_FOR = {
    "supplier_delay": ("purchase_order",), "order_change": ("sales_order", "work_order"),
    "customer_complaint": ("sales_order", "lot"),
}  # fmt: skip
_FINE_AFTER = re.compile(
    r"^[^,]{0,50}?\b(?:(?:is|are|looks?|seems?|runs?|still) (?:ok|okay|fine|good|running|not affected|unaffected)"
    r"|not affected|unaffected|can (?:be used|run|continue|go on)|is enough|are enough|keeps? running|runs? normally"
    r"|(?:ist|sind|laeuft|laufen|lauft) (?:ok|okay|i\.?o\.?|gut|weiter"
    r"|normal|nicht betroffen)|nicht betroffen|reicht|reichen"
    r"|kann (?:verwendet|weiter)|(?:esta|estan|sigue|siguen) (?:bien"
    r"|ok|funcionando|corriendo|normal)|no (?:esta )?afectad[oa]s?"
    r"|se puede usar|alcanza|(?:esta|estao|segue|continua) (?:bem"
    r"|ok|a funcionar|a rodar|rodando|normal)|nao afetad[oa]s?"
    r"|pode ser usad[oa]|chega para|(?:jest|sa|dziala|chodzi|pracuje) (?:ok"
    r"|dobrze|dobra|dobre|normalnie|dalej)|wystarczy"
    r"|bez problemow|nie dotyczy|mozna uzyc)\b"
)
_FINE_BEFORE = re.compile(
    r"\b(?:not|only not|except|except for|apart from|nicht|ausser|no|excepto|salvo|menos|exceto|nie|oprocz|poza"
    r"|(?:runs|continues|laeuft|corre|roda) (?:fine )?on)(?: (?:the"
    r"|der|die|das|el|la|o|a|lot|charge|lote|on|an|en|na))? $"
)
#: Types in which the running order of the machine is part of the matter.
_AT_MACHINE = frozenset(
    {"machine_downtime", "quality_hold", "labour_shortage", "tooling", "material_shortage"}
)
_PRODUCT_OF_ORDER = frozenset(
    {"machine_downtime", "quality_hold", "labour_shortage", "tooling", "order_change"}
)


def read_links(
    hits: Sequence[MasterHit], unknown: Sequence[UnknownCode], context: ReadingContext, text: str = ""
) -> tuple[list[FieldReading], list[str]]:
    """One field per kind named; a name several rows share stays open with its candidates. `text` is folded."""
    reasons = [f"{one.span.text} is not a known {WORDS[one.kind]}" for one in unknown]
    by_kind: dict[str, list[tuple[MasterHit, tuple[MasterCode, ...]]]] = {}
    for hit in hits:
        rows = _narrow(hit, context)
        by_kind.setdefault(rows[0].kind, []).append((hit, rows))
    fields = []
    for kind, every in by_kind.items():
        found = _told_apart(every, by_kind, text)
        first, rows = found[0]
        sure = list(dict.fromkeys(of_hit[0].code for _, of_hit in found if len(of_hit) == 1))
        codes = list(dict.fromkeys(row.code for _, of_hit in found for row in of_hit))
        confidence = max(CONFIDENCE[hit.method] for hit, _ in found)
        open_ = len(sure) < len(codes)
        if open_:
            confidence = DOUBTFUL
            reasons.append(f"{first.span.text} could be {' or '.join(codes)}")
        elif len(codes) > 1:
            confidence = min(CONFIDENCE[hit.method] for hit, _ in found)
        elif context.site_code and rows[0].site_code not in ("", context.site_code):
            reasons.append(f"{codes[0]} belongs to site {rows[0].site_code}")
        fields.append(
            FieldReading(
                kind, codes[0], first.span.text, first.span.start, first.span.end, first.method, confidence,
                tuple(codes) if open_ else (), () if open_ else tuple(codes[1:]),
            )
        )  # fmt: skip
    return fields, reasons


def settle_tails(hits: Sequence[MasterHit], type_code: str | None) -> list[MasterHit]:
    """Bare short numbers stand for an order only where the matter is about such orders, and for one of them alone."""
    wanted = _TAIL_FOR.get(type_code or "", ("work_order", "lot"))
    kept = []
    for hit in hits:
        if hit.method != "tail":
            kept.append(hit)
            continue
        rows = tuple(row for row in hit.rows if row.kind in wanted)
        if len({row.code for row in rows}) == 1:
            kept.append(replace(hit, rows=rows[:1]))
    return kept


def _told_apart(
    found: list[tuple[MasterHit, tuple[MasterCode, ...]]],
    by_kind: Mapping[str, Sequence[tuple[MasterHit, tuple[MasterCode, ...]]]],
    text: str,
) -> list[tuple[MasterHit, tuple[MasterCode, ...]]]:
    """A name of several is settled by what else is named: one of them by code, or the place it stands in.

    What is named only to say it is not concerned goes, as long as something else of the kind is left.
    """
    if len(found) == 1 and len(found[0][1]) == 1:
        return found
    exact = {rows[0].code for _, rows in found if len(rows) == 1}
    centres = {row.code for _, rows in by_kind.get("work_centre", ()) if len(rows) == 1 for row in rows}
    kept: list[tuple[MasterHit, tuple[MasterCode, ...]]] = []
    for hit, rows in found:
        fitting = tuple(row for row in rows if row.code in exact)
        if len(rows) > 1 and fitting:
            continue
        if len(rows) > 1 and centres:
            here = tuple(row for row in rows if row.parent in centres)
            rows = here or rows
        kept.append((hit, rows))
    concerned = [(hit, rows) for hit, rows in kept if not _spared(hit, text)]
    return concerned or kept or found


def _spared(hit: MasterHit, text: str) -> bool:
    """Whether the words beside it say it is all right."""
    after = text[hit.span.end : hit.span.end + 90]
    clause = re.split(r"[.;!?\n](?:\s|$)|,(?= ?(?:but|aber|pero|mas|ale)\b)", after, maxsplit=1)[0]
    before = text[max(0, hit.span.start - 40) : hit.span.start]
    return bool(_FINE_AFTER.search(clause) or _FINE_BEFORE.search(before))


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
