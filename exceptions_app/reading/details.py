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
from exceptions_app.reading.units import CARDINALS, UNIT_OF
from exceptions_app.reading.verdict import Verdict

_ROLE_FIELD = {
    "part": "quantity", "from": "quantity_from", "to": "requested_quantity",
    "total": "quantity_total", "good": "quantity_good", "scrap": "quantity_scrap", "left": "quantity_left",
    "received": "quantity_received",
}  # fmt: skip
#: Which role is the affected or missing amount, most telling first, by type; elsewhere a counted amount.
_AFFECTED = {
    "material_shortage": ("missing", "needed", "quantity", "part", "loose"),
    "quality_hold": ("quantity", "part", "loose", "missing", "left"),
    "supplier_delay": ("missing", "quantity", "part", "loose", "needed"),
    "customer_complaint": ("quantity", "loose", "missing", "part"),
    "order_change": ("quantity",),
}
_COUNTED = ("quantity", "part", "missing")
_DUE_FIELD = {
    "order_change": "requested_date", "supplier_delay": "new_date", "machine_downtime": "expected_up_at",
    "tooling": "expected_up_at", "material_shortage": "runs_out_at", "labour_shortage": "until",
    "customer_complaint": "answer_by", "engineering_change": "effective_at",
}  # fmt: skip
#: A date in these messages is what they are about; in the others a bare date may belong to anything.
_DATED = frozenset({"order_change", "supplier_delay", "engineering_change", "customer_complaint"})
_COMPLAINT_DEFECTS = frozenset({"DIM-SIZE", "SUR-SCRATCH", "FUN-TEST", "FUN-LEAK", "ASM-WRONG", "LBL-LABEL"})
_COUNT_WORDS = {"one": 1, "a": 1, "ein": 1, "jednego": 1, "two": 2, "dwoch": 2}
_MOST_PEOPLE = 60
_COUNT_OF = re.compile(
    r"(?<![\w.,:/-])(?P<count>[0-9]{1,2}|[^\W\d_]{2,12})(?![\w:%/]|[.,][0-9])(?=(?: (?P<noun>[^\W\d_]{2,20}))?)"
)
_ARTICLES = frozenset({"a", "an", "ein", "eine", "einem", "einen", "un", "una", "um", "uma", "one", "uno"})
_PREPOSITIONS = frozenset(
    {"for", "fuer", "fur", "para", "dla", "line", "linie", "linea", "linha", "linii", "linia", "per"}
)
#: Beginnings of words for people at work, in any of the languages.
_STAFF = (
    "operat",
    "operar",
    "bedien",
    "einricht",
    "schweiss",
    "welder",
    "setter",
    "fitter",
    "schlosser",
    "elektrik",
    "electric",
    "eletric",
    "soldador",
    "spawacz",
    "preparador",
    "ustawiacz",
    "mechani",
    "mecanic",
    "packer",
    "driver",
    "fahrer",
    "chofer",
    "kierowc",
    "worker",
    "arbeiter",
    "trabaj",
    "trabalh",
    "pracowni",
    "zeitarb",
    "leih",
    "eventual",
    "tempor",
    "agency",
    "personen",
    "persona",
    "pessoa",
    "osob",
    "compan",
    "colleg",
    "kolleg",
    "coleg",
    "student",
    "montador",
    "inspect",
    "inspekt",
    "technik",
    "tecnic",
    "laborant",
    "krankmeld",
    "absence",
    "ausfall",
    "ausfaelle",
)
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


def amounts(
    quantities: Sequence[Quantity], verdict: Verdict, cues: Cues, pack: Pack, masked: str, text: Text
) -> tuple[list[FieldReading], str]:
    """Amounts by name and the unit of the main one. What is affected or missing is `quantity`, never what is left."""
    fields: dict[str, FieldReading] = {}
    uom = ""
    type_code = verdict.type_code or ""
    for one in quantities:
        name = _ROLE_FIELD.get(one.role, "")
        if name and name != "quantity" and name not in fields:
            fields[name] = _field(name, one.value, one.span, "rule", 0.9)
    if type_code == "labour_shortage":
        missing = _short_of_people(quantities, fields, cues) or _people_named(masked, cues, pack, text)
        if missing:
            fields["quantity"], uom = missing, "person"
        return list(fields.values()), uom
    affected = _affected(quantities, type_code)
    if affected is not None:
        sure = 0.9 if affected.role in ("missing", "quantity", "part") else 0.8
        fields["quantity"] = _field("quantity", affected.value, affected.span, "rule", sure)
        uom = affected.uom
    total, rest = fields.get("quantity_total"), fields.get("quantity_received")
    if total and rest and affected is None and Decimal(str(total.value)) > Decimal(str(rest.value)):
        gap = Decimal(str(total.value)) - Decimal(str(rest.value))
        fields["quantity"] = _field("quantity", gap, total.span, "rule", 0.85)
    if type_code == "quality_hold" and "quantity" not in fields and "quantity_scrap" in fields:
        scrap = fields["quantity_scrap"]
        fields["quantity"] = _field("quantity", scrap.value, scrap.span, "rule", 0.85)
    if type_code == "order_change" and "requested_quantity" not in fields:
        wanted = next((one for one in quantities if one.role == "needed"), None)
        if wanted is not None:
            fields["requested_quantity"] = _field(
                "requested_quantity", wanted.value, wanted.span, "rule", 0.8
            )
    uom = uom or next((one.uom for one in quantities if one.uom and one.role != "left"), "")
    uom = uom or next((one.uom for one in quantities if one.uom), "")
    return list(fields.values()), uom


def _affected(quantities: Sequence[Quantity], type_code: str) -> Quantity | None:
    """The amount this is about: what is missing, else what is needed less what is there, else what is counted."""
    by_role: dict[str, Quantity] = {}
    for one in quantities:
        by_role.setdefault(one.role, one)
    left, needed = by_role.get("left"), by_role.get("needed")
    if (
        type_code == "material_shortage"
        and "missing" not in by_role
        and needed
        and left
        and left.value < needed.value
    ):
        return Quantity("needed", needed.value - left.value, needed.uom or left.uom, needed.span)
    for role in _AFFECTED.get(type_code, _COUNTED):
        if role in by_role:
            return by_role[role]
    return None


def _short_of_people(
    quantities: Sequence[Quantity], fields: dict[str, FieldReading], cues: Cues
) -> FieldReading | None:
    """Where the words say it outright: "running 3 of 4", "faltan 2"; of a total the rest, when told who is there."""
    told = _people(cues)
    if told:
        return told
    missing = next((one for one in quantities if one.role == "missing"), None)
    if missing is not None and missing.value <= _MOST_PEOPLE:
        return _field("quantity", missing.value, missing.span, "rule", 0.9)
    part = next((one for one in quantities if one.role in ("part", "received")), None)
    total = fields.pop("quantity_total", None)
    if part is not None and total is not None and Decimal(str(total.value)) > part.value:
        there = part.role == "received"
        return _field(
            "quantity",
            Decimal(str(total.value)) - part.value if there else part.value,
            total.span,
            "rule",
            0.8,
        )
    return None


def _people_named(masked: str, cues: Cues, pack: Pack, text: Text) -> FieldReading | None:
    """A small number, in figures or words, before people or before a word of absence; never "with one man"."""
    only = {fold(word) for word in pack.quantities["with_before"]}
    missing = {fold(word) for word in pack.quantities["missing_before"]}
    starts = [cue.span.start for cue in cues.types if cue.role.type_code == "labour_shortage"]
    best: tuple[int, int, int, int] | None = None
    for match in _COUNT_OF.finditer(masked):
        word, noun = match["count"], match["noun"] or ""
        count = int(word) if word.isdigit() else CARDINALS.get(word, 0)
        if not 0 < count <= _MOST_PEOPLE:
            continue
        before = masked[max(0, match.start() - 18) : match.start()].split()
        if before and (before[-1] in only or before[-1] in _PREPOSITIONS):
            continue
        people = UNIT_OF.get(noun) == "person" or any(part in noun for part in _STAFF)
        lacking = any(" ".join(before[-size:]) in missing for size in (1, 2, 3))
        absent = any(0 <= start - match.end("count") <= 16 for start in starts)
        rank = 3 * lacking + 2 * people + absent
        if word in _ARTICLES and not lacking:
            rank = 0
        if rank and (best is None or rank > best[0]):
            best = (rank, count, match.start("count"), match.end("noun") if people else match.end("count"))
    if best is None:
        return None
    return _field("quantity", Decimal(best[1]), text.span(best[2], best[3]), "rule", 0.85)


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
