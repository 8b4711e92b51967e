"""The values of a message besides its links: amounts, times, reason, state, and references that are no master data.

Names them as the reading does (`quantity`, `requested_date`, `expected_up_at`, ...). Knows which type wants which.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from exceptions_app.reading.cues import Cue, Cues
from exceptions_app.reading.normalise import Text, fold
from exceptions_app.reading.packs import Pack
from exceptions_app.reading.quantities import Quantity
from exceptions_app.reading.times import Moment
from exceptions_app.reading.types import FieldReading, Intent, Method, Span, Value
from exceptions_app.reading.verdict import Verdict

_ROLE_FIELD = {
    "quantity": "quantity", "part": "quantity", "from": "quantity_from", "to": "requested_quantity",
    "total": "quantity_total", "good": "quantity_good", "scrap": "quantity_scrap", "left": "quantity_left",
    "received": "quantity_received",
}  # fmt: skip
_DUE_FIELD = {
    "order_change": "requested_date", "supplier_delay": "new_date", "machine_downtime": "expected_up_at",
    "tooling": "expected_up_at", "material_shortage": "runs_out_at", "labour_shortage": "until",
    "customer_complaint": "answer_by", "engineering_change": "effective_at",
}  # fmt: skip
#: A date in these messages is what they are about; in the others a bare date may belong to anything.
_DATED = frozenset({"order_change", "supplier_delay", "engineering_change", "customer_complaint"})
_COMPLAINT_DEFECTS = frozenset({"DIM-SIZE", "SUR-SCRATCH", "FUN-TEST", "FUN-LEAK", "ASM-WRONG", "LBL-LABEL"})
_COUNT_WORDS = {"one": 1, "a": 1, "ein": 1, "jednego": 1, "two": 2, "dwoch": 2}
_CHANGE_NO = re.compile(
    r"(?<!\w)(?:ecn|eco|ecr|pcn)[ :#-]{0,2}(?:no\.? |nr\.? )?(?:[a-z]{1,3}-)?[0-9]{2,8}(?![\w-])"
)
_CUSTOMER_PO = re.compile(
    r"(?<!\w)(?:po|p\.o\.|oc|order|bestellung|bestellnr|pedido|encomenda|zamowienie)\.? ?(?:no|nr|num)?\.?[ :#-]{0,2}"
    r"(?P<no>[a-z]{0,3}-?[0-9]{5,12}(?:[-/][0-9]{1,6})?)(?!\w)"
)


def dated_by_past(verdict: Verdict) -> bool:
    """Whether a past moment in the text is when this began."""
    return verdict.intent in ("report", "again", "planned") and verdict.type_code not in (
        "order_change",
        "supplier_delay",
    )


def wants_due(verdict: Verdict, due: Moment, cues: Cues) -> bool:
    """Whether a coming moment belongs to this matter."""
    if verdict.intent == "future" or verdict.type_code in _DATED:
        return True
    return due.bound or cues.intent("future") is not None


def due_field(verdict: Verdict, due: Moment) -> FieldReading:
    """The coming moment under the name its type gives it; a date where only a day was named."""
    name = _DUE_FIELD.get(verdict.type_code or "", "due_at")
    value: date | datetime = due.day or due.at
    return _field(name, value, due.span, "rule", 0.75 if due.approximate else 0.9)


def amounts(quantities: Sequence[Quantity], verdict: Verdict, cues: Cues) -> tuple[list[FieldReading], str]:
    """Amounts by name and the unit of the main one. What is affected or missing is `quantity`, never what is left."""
    fields: dict[str, FieldReading] = {}
    uom = ""
    for one in quantities:
        name = _ROLE_FIELD[one.role]
        if name not in fields:
            fields[name] = _field(name, one.value, one.span, "rule", 0.9)
        if one.uom and not uom:
            uom = one.uom
    total, rest = fields.get("quantity_total"), fields.get("quantity_received")
    if verdict.type_code == "labour_shortage":
        rest = fields.pop("quantity", None) if total else rest
        uom = "person" if "quantity" in fields or total else uom
    if total and rest and "quantity" not in fields and Decimal(str(total.value)) > Decimal(str(rest.value)):
        missing = Decimal(str(total.value)) - Decimal(str(rest.value))
        fields["quantity"] = _field("quantity", missing, total.span, "rule", 0.85)
    if verdict.type_code == "labour_shortage" and "quantity" not in fields:
        missing_people = _people(cues)
        if missing_people:
            fields["quantity"], uom = missing_people, "person"
    if verdict.type_code == "quality_hold" and "quantity" not in fields and "quantity_scrap" in fields:
        scrap = fields["quantity_scrap"]
        fields["quantity"] = _field("quantity", scrap.value, scrap.span, "rule", 0.85)
    return list(fields.values()), uom


def _people(cues: Cues) -> FieldReading | None:
    """How many are missing, where the cue itself says it: "faltan 2", "running 3 of 4", "two short"."""
    for cue in cues.types:
        if cue.role.type_code != "labour_shortage":
            continue
        counts = (
            [int(digits) for digits in re.findall(r"[0-9]{1,2}", cue.span.text)]
            if "{d}" in cue.phrase
            else []
        )
        counts = counts or [_COUNT_WORDS[word] for word in cue.phrase.split() if word in _COUNT_WORDS][:1]
        count = counts[1] - counts[0] if len(counts) == 2 else counts[0] if counts else 0
        if count > 0:
            return _field("quantity", Decimal(count), cue.span, "rule", 0.9)
    return None


def cause(cues: Cues, verdict: Verdict) -> list[FieldReading]:
    """The reason code by cue (`kind` of the change, for an order change), and the state of the machine."""
    fields = []
    type_code = verdict.type_code
    mine = [cue for cue in cues.reasons if cue.role.type_code == type_code]
    if type_code == "customer_complaint":
        mine += [
            cue
            for cue in cues.reasons
            if cue.role.type_code == "quality_hold" and cue.role.value in _COMPLAINT_DEFECTS
        ]
    best = max(mine, key=lambda cue: (len(cue.phrase), -cue.key_start), default=None)
    if verdict.intent == "planned":
        best = best if best and best.role.value.startswith("PLN") else None
        if best is None and verdict.cue:
            fields.append(_field("reason", "PLN-PM", verdict.cue.span, "cue", 0.8))
    if best:
        others = tuple(dict.fromkeys(cue.role.value for cue in mine if cue.role.value != best.role.value))
        name = "kind" if type_code == "order_change" else "reason"
        candidates = (best.role.value, *others) if others else ()
        fields.append(_field(name, best.role.value, best.span, "cue", 0.9, candidates))
    if type_code in ("machine_downtime", "material_shortage") and verdict.intent in (
        "report",
        "again",
        "planned",
    ):
        order = ("intermittent", "slow", "stopped")
        states = sorted(cues.states, key=lambda cue: (order.index(cue.role.value), cue.key_start))
        if states and type_code == "machine_downtime":
            fields.append(_field("state", states[0].role.value, states[0].span, "cue", 0.9))
        elif states and states[-1].role.value == "stopped":
            fields.append(_field("kind", "stopped_now", states[-1].span, "cue", 0.9))
    return fields


def references(text: Text, masked: str, verdict: Verdict, pack: Pack, known: set[str]) -> list[FieldReading]:
    """Numbers people name that are not master data: an engineering change, the customer's own order, a tool."""
    fields = []
    if verdict.type_code == "engineering_change" and (found := _CHANGE_NO.search(masked)):
        span = text.span(*found.span())
        fields.append(_field("change_no", re.sub(r"[ :#]+", "-", span.text.upper()), span, "pattern", 0.9))
    wants_po = verdict.type_code in ("order_change", "customer_complaint") and not known & {
        "sales_order", "sales_order_line", "purchase_order", "purchase_order_line",
    }  # fmt: skip
    if wants_po and (found := _CUSTOMER_PO.search(masked)):
        span = text.span(*found.span("no"))
        fields.append(_field("customer_po", span.text.upper(), span, "pattern", 0.85))
    if verdict.type_code == "tooling" and "tool" not in known:
        words = "|".join(re.escape(fold(word)) for word in pack.places["tool"])
        found = re.search(
            rf"(?<!\w)(?:{words}) (?:no\.? |nr\.? |# ?)?(?P<no>[a-z]{{0,4}}-?[0-9]{{2,6}}[a-z]?)(?![\w-]|[.,][0-9])",
            masked,
        )
        if found:
            span = text.span(*found.span("no"))
            fields.append(_field("tool", span.text.upper(), span, "pattern", 0.85))
    return fields


def type_field(verdict: Verdict, intent: Intent, cue: Cue | None) -> list[FieldReading]:
    """The type as a field, so its words can be highlighted like any other's."""
    if verdict.type_code is None or intent == "chatter":
        return []
    span = cue.span if cue else verdict.span or Span(0, 0, "")
    names = tuple(name for name, _ in verdict.candidates)
    method: Method = "cue" if cue else "model"
    return [
        _field("type", verdict.type_code, span, method, verdict.confidence, names if len(names) > 1 else ())
    ]


def _field(
    name: str, value: Value, span: Span, method: Method, confidence: float, candidates: tuple[str, ...] = ()
) -> FieldReading:
    return FieldReading(name, value, span.text, span.start, span.end, method, confidence, candidates)
