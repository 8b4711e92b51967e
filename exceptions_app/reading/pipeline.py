"""From one message to one reading: the steps in order, deterministic and without a model.

Composes the other modules of this package; knows no Django, no storage and no clock of its own. Nothing here raises on
what a message contains: what cannot be read becomes a reason for triage.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from exceptions_app.reading import details
from exceptions_app.reading.classify import TypeScorer, score_by_cues
from exceptions_app.reading.decide import decide
from exceptions_app.reading.evidence import evidence_of, tells
from exceptions_app.reading.links import WORDS, complete, read_links, settle_tails
from exceptions_app.reading.master import MasterIndex
from exceptions_app.reading.model import Model, shipped_model
from exceptions_app.reading.normalise import Text
from exceptions_app.reading.packs import PackSet, shipped_packs
from exceptions_app.reading.quantities import read_quantities
from exceptions_app.reading.times import Moment
from exceptions_app.reading.types import (
    LINK_KINDS,
    TYPE_CODES,
    FieldReading,
    Method,
    Reading,
    ReadingContext,
    Value,
)
from exceptions_app.reading.verdict import Verdict, judge

PIPELINE_VERSION = "words-3"
#: Below this a person looks first.
ACCEPT = 0.8

#: Per type what must be linked: one of these.
NEEDED: dict[str, tuple[str, ...]] = {
    "machine_downtime": ("work_unit", "work_centre", "area"),
    "material_shortage": ("item",),
    "quality_hold": ("lot", "work_order", "sales_order_line", "purchase_order_line"),
    "order_change": ("sales_order_line", "sales_order", "customer_po"),
    "labour_shortage": ("work_centre", "work_unit", "area"),
    "tooling": ("tool", "work_unit"),
    "supplier_delay": ("purchase_order_line", "purchase_order"),
    "safety_stop": ("work_unit", "work_centre", "area"),
    "customer_complaint": ("customer", "sales_order_line", "sales_order", "lot"),
    "engineering_change": ("change_no", "item"),
}
_MISSING = {
    "machine_downtime": "no machine named", "material_shortage": "no item named",
    "quality_hold": "no lot or order named",
    "order_change": "no sales order named", "labour_shortage": "no work centre named", "tooling": "no tool named",
    "supplier_delay": "no purchase order named", "safety_stop": "no place named",
    "customer_complaint": "no customer named", "engineering_change": "no change number or item named",
}  # fmt: skip
_PLURAL = {
    "work_unit": "machines", "work_centre": "work centres", "area": "areas", "item": "items", "lot": "lots",
    "work_order": "work orders", "sales_order": "sales orders", "sales_order_line": "order lines",
    "purchase_order": "purchase orders", "purchase_order_line": "purchase order lines", "customer": "customers",
}  # fmt: skip
_COUNT = {2: "two", 3: "three", 4: "four"}
#: Names forms and callers use for a link or value -> the name in a reading.
_FIELD_NAMES = {
    "so_line": "sales_order_line", "sales_line": "sales_order_line", "po_line": "purchase_order_line",
    "purchase_line": "purchase_order_line", "type_code": "type", "since": "occurred_at", "reason_code": "reason",
}  # fmt: skip
_FORM_CHANNELS = frozenset({"form", "station", "qr"})
_TOLERANCE = timedelta(minutes=5)


def interpret(
    text: str,
    *,
    master: MasterIndex,
    context: ReadingContext,
    received_at: datetime,
    fields: Mapping[str, Any] | None = None,
    packs: PackSet | None = None,
    scorer: TypeScorer = score_by_cues,
    model: Model | None = None,
) -> Reading:
    """Read one message. `received_at` is aware; `fields` are explicit answers (form, API) and win over the text.

    Offsets of every field point into `text`. Never raises on content.
    """
    packs = packs or shipped_packs()
    seen = evidence_of(
        text, master=master, packs=packs, language=context.language, site_code=context.site_code,
        received_at=received_at, tz=context.tz,
        mdy=context.date_order == "mdy", shift_start=context.shift_start,
    )  # fmt: skip
    message, cues, masked, began, due = seen.message, seen.cues, seen.masked, seen.began, seen.due
    links, reasons = read_links(settle_tails(seen.hits, None), seen.unknown, context, message.fold)
    pack = packs.packs[cues.language]
    named = {link.name for link in links}
    scores = scorer(message, cues, named)
    verdict = judge(message, cues, scores, packs, linked=named, facts=seen.facts, masked=masked)
    if message.key.strip():
        opinion = (model or shipped_model())(seen.features)
        verdict = decide(
            verdict, opinion, scores, message.original, named=bool(named),
            telling=tells(seen.features, packs) or bool(cues.types or cues.intents or cues.reasons),
            denied={cue.role.type_code for cue in cues.negated if cue.role.kind == "type"} if not cues.types else set(),
        )  # fmt: skip
    if any(hit.method == "tail" for hit in seen.hits):
        hits = settle_tails(seen.hits, verdict.type_code)
        links, reasons = read_links(hits, seen.unknown, context, message.fold)
        named = {link.name for link in links}
    changing = verdict.type_code == "order_change"
    if changing or verdict.type_code == "supplier_delay":
        due = seen.clock.wanted()
    quantities = read_quantities(masked, message.original, pack, change=True) if changing else seen.quantities
    explicit, refused = _explicit(fields or {}, master, context)
    verdict = _override(verdict, explicit, message, fields)
    found = [*details.type_field(verdict, verdict.intent, verdict.cue), *links]
    amounts, uom = details.amounts(quantities, verdict, cues, pack, masked, message)
    if verdict.intent != "chatter":
        found += [
            *amounts,
            *details.cause(cues, verdict),
            *details.references(message, masked, verdict, pack, named),
        ]
    found += _times(
        verdict, began, due, cues_future=due is not None and details.wants_due(verdict, due, cues)
    )
    found = _merged(found, explicit)
    found, doubts = complete(found, verdict.type_code, master, context)
    given = {field.name for field in explicit}
    if "type" in given and given & set(NEEDED.get(verdict.type_code or "", ())):
        reasons = []  # what is asked and answered needs nothing from the text
    reasons += [*doubts, *refused, *verdict.reasons]
    return _reading(verdict, found, reasons, message, cues.language, uom, received_at, due)


def _reading(
    verdict: Verdict, fields: Sequence[FieldReading], reasons: list[str], message: Text, language: str, uom: str,
    received_at: datetime, read_due: Moment | None,
) -> Reading:  # fmt: skip
    fields = [field for field in fields if field.name != "occurred_at" or _credible(field.value, received_at)]
    by_name = {field.name: field for field in fields}
    if not message.key.strip() and not any(field.method in ("form", "api") for field in fields):
        reasons = ["empty message"]
    link_confidence, missing = _linked(verdict, by_name)
    reasons = list(dict.fromkeys([*reasons, *missing]))
    confidence = min(verdict.confidence, link_confidence)
    triage = bool(reasons) or confidence < ACCEPT
    if verdict.intent == "chatter":
        triage, reasons, confidence = False, [], verdict.confidence
    if verdict.unconfirmed:
        triage, confidence = False, verdict.confidence
    if triage and not reasons:
        reasons = ["not sure enough"]
    occurred = by_name.get("occurred_at")
    due = next((field for field in fields if field.name in _DUE_NAMES), None)
    quantity = by_name.get("quantity")
    unit = by_name.get("uom")
    return Reading(
        type_code=verdict.type_code,
        type_confidence=verdict.confidence,
        intent=verdict.intent,
        fields=tuple(fields),
        confidence=confidence,
        needs_triage=triage,
        triage_reasons=tuple(reasons),
        language=language,
        pipeline_version=PIPELINE_VERSION,
        occurred_at=occurred.value if occurred and isinstance(occurred.value, datetime) else received_at,
        occurred_estimated=occurred is None,
        due_at=due.value
        if due and isinstance(due.value, datetime)
        else read_due.at
        if due and read_due
        else None,
        quantity=quantity.value if quantity and isinstance(quantity.value, Decimal) else None,
        uom=str(unit.value) if unit else uom,
        reason_code=str(by_name["reason"].value) if "reason" in by_name else "",
        state=str(by_name["state"].value) if "state" in by_name else "",
        still=verdict.still,
        recurrence=verdict.recurrence,
        unconfirmed=verdict.unconfirmed,
        type_candidates=verdict.candidates,
    )


_DUE_NAMES = frozenset(
    {
        "requested_date",
        "new_date",
        "expected_up_at",
        "runs_out_at",
        "until",
        "answer_by",
        "effective_at",
        "due_at",
    }
)


def _credible(occurred: Value, received_at: datetime) -> bool:
    """Nothing has happened before it is said to; a device's clock may be a little ahead."""
    return isinstance(occurred, datetime) and occurred <= received_at + _TOLERANCE


def _times(
    verdict: Verdict, began: Moment | None, due: Moment | None, *, cues_future: bool
) -> list[FieldReading]:
    fields = []
    if began:
        name = (
            "occurred_at"
            if details.dated_by_past(verdict)
            else "cleared_at"
            if verdict.intent == "recovery"
            else ""
        )
        if name:
            span = began.span
            sure = 0.75 if began.approximate else 0.9
            fields.append(FieldReading(name, began.at, span.text, span.start, span.end, "rule", sure))
    if due and cues_future and verdict.intent not in ("chatter", "recovery"):
        fields.append(details.due_field(verdict, due))
    return fields


def _linked(verdict: Verdict, fields: Mapping[str, FieldReading]) -> tuple[float, list[str]]:
    """Confidence in what the type needs linked, and what is wrong with it in words."""
    if verdict.type_code is None or verdict.intent == "chatter":
        return (1.0 if verdict.intent == "chatter" else 0.0), []
    needed = NEEDED[verdict.type_code]
    there = [fields[kind] for kind in needed if kind in fields]
    several = [
        f"{_COUNT.get(len(field.candidates) or len(field.also) + 1, 'several')} {_PLURAL[field.name]} named"
        for field in there
        if (field.candidates or field.also) and field.name in _PLURAL
    ]
    if not there:
        return 0.4, [_MISSING[verdict.type_code]]
    if several:
        return min(field.confidence for field in there), several[:1]
    best = next((field for field in there if field.method in ("form", "api")), there[0])
    if best.confidence < ACCEPT and best.method in ("code_loose", "number"):
        return best.confidence, [f"{best.words or best.value} is not certain to be {best.value}"]
    return best.confidence, []


def _override(
    verdict: Verdict, explicit: Sequence[FieldReading], text: Text, fields: Mapping[str, Any] | None
) -> Verdict:
    """An explicit type is the type. A form without text reports; it never chats or clears unless it says so."""
    given = next((field for field in explicit if field.name == "type"), None)
    intent = (fields or {}).get("intent")
    if given is None and intent is None:
        return verdict
    type_code = str(given.value) if given else verdict.type_code
    same = type_code == verdict.type_code
    wanted = intent if intent in ("report", "recovery", "future", "chatter", "planned", "again") else None
    read = verdict.intent if same or verdict.intent in ("again", "recovery", "future") else "report"
    return Verdict(
        type_code=type_code,
        confidence=1.0 if given else verdict.confidence,
        intent=wanted or (read if text.key and read != "chatter" else "report"),
        cue=verdict.cue if same else None,
        reasons=tuple(reason for reason in verdict.reasons if not given or reason.startswith("says both")),
        still=verdict.still,
        recurrence=verdict.recurrence,
        unconfirmed=verdict.unconfirmed and same and given is None,
        candidates=verdict.candidates,
    )


def _explicit(
    fields: Mapping[str, Any], master: MasterIndex, context: ReadingContext
) -> tuple[list[FieldReading], list[str]]:
    """Answers given as fields: certain, except what names no row or is no value of its kind."""
    method: Method = "form" if context.channel in _FORM_CHANNELS else "api"
    found: list[FieldReading] = []
    refused: list[str] = []
    for raw_name, raw in fields.items():
        name = _FIELD_NAMES.get(str(raw_name), str(raw_name))
        if (
            raw is None
            or isinstance(raw, (Mapping, list, tuple, set))
            or str(raw).strip() == ""
            or name == "intent"
        ):
            continue
        value, problem = _value(name, raw, master, context)
        if problem:
            refused.append(problem)
        if value is not None:
            found.append(FieldReading(name, value, "", 0, 0, method, 1.0))
    return found, refused


def _value(name: str, raw: Any, master: MasterIndex, context: ReadingContext) -> tuple[Value | None, str]:
    words = str(raw).strip()
    if name == "type":
        return (words, "") if words in TYPE_CODES else (None, f"{words} is not a known type")
    if name in LINK_KINDS and master.knows(name):
        row = master.lookup(name, words)
        return (row.code, "") if row else (None, f"{words} is not a known {WORDS[name]}")
    if name in ("quantity", "requested_quantity"):
        try:
            number = Decimal(words.replace(",", "."))
        except InvalidOperation:
            return None, f"{words} is not a quantity"
        return (number, "") if number.is_finite() else (None, f"{words} is not a quantity")
    if name in _DUE_NAMES or name in ("occurred_at", "cleared_at"):
        moment = raw if isinstance(raw, datetime) else _moment(words)
        if moment is None:
            return None, f"{words} is not a time"
        return (moment if moment.tzinfo else moment.replace(tzinfo=context.tz)).astimezone(UTC), ""
    return words, ""


def _moment(words: str) -> datetime | None:
    try:
        return datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", words))
    except ValueError:
        return None


def _merged(found: Sequence[FieldReading], explicit: Sequence[FieldReading]) -> list[FieldReading]:
    """Explicit answers in place of what was read under the same name; otherwise in order of appearance."""
    given = {field.name for field in explicit}
    kept: dict[str, FieldReading] = {}
    for field in found:
        if field.name not in given:
            kept.setdefault(field.name, field)
    return [*explicit, *kept.values()]
