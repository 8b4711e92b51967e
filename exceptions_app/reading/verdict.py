"""What the message is: its type, how sure, and whether it reports, clears, plans, repeats or only chats.

The rules of recovery, still, future, again, planned and chatter cues live here. Pure; sees cues and scores, no storage.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from exceptions_app.reading.classify import AFFINITY, TypeScore, rivals
from exceptions_app.reading.cues import Cue, Cues
from exceptions_app.reading.normalise import Text
from exceptions_app.reading.packs import PackSet
from exceptions_app.reading.types import Intent, Span

STRONG, SEVERAL, SAFETY, IMPLIED, SECOND_FACT, WEAK, RIVALS = 0.92, 0.95, 0.95, 0.85, 0.82, 0.5, 0.6
_CHATTER_WORDS = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """Type and intent of one message, with the cue that says so and what speaks against it."""

    type_code: str | None
    confidence: float
    intent: Intent
    cue: Cue | None
    reasons: tuple[str, ...] = ()
    still: bool = False
    recurrence: bool = False
    unconfirmed: bool = False
    candidates: tuple[tuple[str, float], ...] = ()
    #: The words that spoke for the type where no cue did.
    span: Span | None = None


def judge(
    text: Text,
    cues: Cues,
    scores: tuple[TypeScore, ...],
    packs: PackSet,
    *,
    linked: Collection[str],
    facts: Collection[str],
    masked: str,
) -> Verdict:
    """Weigh the cues. `linked`: kinds named in the text; `facts`: roles of the amounts read, and "due"
    when a moment still to come is named; in `masked`, words linked to master data are blanked."""
    best = scores[0] if scores else None
    candidates = tuple((score.type_code, score.score) for score in scores)
    if best and best.type_code == "safety_stop" and best.strong:
        said = ("an all-clear on a safety stop needs a person",) if cues.intent("recovery") else ()
        again = cues.intent("again") is not None
        return Verdict(
            "safety_stop", SAFETY, "again" if again else "report", loudest(best), said,
            still=bool(cues.intent("still")), recurrence=again, unconfirmed=True, candidates=candidates,
        )  # fmt: skip
    type_code, confidence, cue, reasons = _type(cues, best, scores, packs, linked, facts)
    intent, against = _intent(text, cues, best, linked=linked, due_said="due" in facts)
    if intent == "report" and not scores and not cues.reasons and _only_chat(masked, cues, packs):
        return Verdict(None, 0.9, "chatter", cues.intent("chatter"))
    if intent == "planned":
        return Verdict("machine_downtime", STRONG, "planned", cues.intent("planned"), candidates=candidates)
    if (
        intent in ("recovery", "future")
        and type_code is None
        and "work_unit" in linked
        and intent == "future"
    ):
        type_code, confidence, reasons = "machine_downtime", IMPLIED, []
    return Verdict(
        type_code, confidence, intent, cue, (*reasons, *against), still=bool(cues.intent("still")),
        recurrence=intent == "again", candidates=candidates,
    )  # fmt: skip


def loudest(score: TypeScore) -> Cue:
    """The cue to show: strong, specific, long."""
    return max(
        score.cues, key=lambda cue: (cue.role.strong, not cue.role.generic, len(cue.phrase), -cue.key_start)
    )


def _type(
    cues: Cues,
    best: TypeScore | None,
    scores: tuple[TypeScore, ...],
    packs: PackSet,
    linked: Collection[str],
    facts: Collection[str],
) -> tuple[str | None, float, Cue | None, list[str]]:
    if best and best.strong:
        others = rivals(scores)
        if others:
            named = " or ".join(_words(code) for code in (best.type_code, *others))
            return best.type_code, RIVALS, loudest(best), [f"reads as {named}"]
        several = sum(cue.role.strong for cue in best.cues) > 1
        return best.type_code, SEVERAL if several else STRONG, loudest(best), []
    recovery = cues.intent("recovery") or next(
        (cue for cue in cues.intents.get("still", ()) if cue.role.value == "recovery"), None
    )
    if recovery:
        pack = packs.packs[recovery.role.language]
        implied = pack.recovery_types.get(recovery.phrase)
        if implied and (best is None or best.type_code == implied):
            return implied, IMPLIED, recovery, []
    if best:
        cue = loudest(best)
        if _second_fact(best, cues) or _asks_change(best.type_code, linked, facts):
            return best.type_code, SECOND_FACT, cue, []
        return best.type_code, WEAK, cue, [f"only a weak word for {_words(best.type_code)}"]
    if cues.reasons:
        likely = max(
            cues.reasons,
            key=lambda one: (
                bool(AFFINITY.get(one.role.type_code, set()) & set(linked)),
                len(one.phrase),
                -one.key_start,
            ),
        )
        if _asks_change(likely.role.type_code, linked, facts):
            return "order_change", SECOND_FACT, likely, []
        return likely.role.type_code, WEAK, likely, [f"only a weak word for {_words(likely.role.type_code)}"]
    denied = next((cue for cue in cues.negated if cue.role.kind == "type"), None)
    if recovery:
        return None, 0.0, recovery, ["an all-clear that does not say of what"]
    return None, 0.0, None, [f"says it is no {_words(denied.role.value)}" if denied else "no type word"]


def _asks_change(type_code: str, linked: Collection[str], facts: Collection[str]) -> bool:
    """A sales order with a new amount or date beside a word for it."""
    ordered = {"sales_order", "sales_order_line", "customer"} & set(linked)
    return type_code == "order_change" and bool(ordered) and bool({"to", "due"} & set(facts))


def _second_fact(best: TypeScore, cues: Cues) -> bool:
    """Two weak words, or a reason in other words, of the same type."""
    if len({(cue.key_start, cue.key_end) for cue in best.cues}) > 1:
        return True
    word = best.cues[0]
    return any(
        reason.role.type_code == best.type_code
        and (reason.key_end <= word.key_start or word.key_end <= reason.key_start)
        for reason in cues.reasons
    )


def _intent(
    text: Text, cues: Cues, best: TypeScore | None, *, linked: Collection[str], due_said: bool
) -> tuple[Intent, list[str]]:
    strong = best is not None and best.strong
    recovery, again = cues.intent("recovery"), cues.intent("again")
    future = cues.intent("future") is not None
    if recovery and not cues.intent("still"):
        if strong and again:
            return "again", ["says both running and stopped"]
        if strong and best and _comes_after(text, best, recovery):
            return "report", ["says both running and stopped"]
        if future or due_said:
            return ("report" if strong else "future"), []
        return "recovery", []
    if cues.intent("planned") and (best is None or best.type_code == "machine_downtime"):
        if strong and best and not best.generic:
            return "report", ["a planned stop and a fault in one message"]
        if best or "work_unit" in linked or "work_centre" in linked:
            return "planned", []
    if strong:
        return ("again" if again else "report"), []
    if best is None and future and due_said and linked:
        return "future", []
    return "report", []


def _only_chat(masked: str, cues: Cues, packs: PackSet) -> bool:
    """Thanks and the like, with hardly a word besides small ones and names; a question is never only chat."""
    chatter = cues.intents.get("chatter", ())
    if not chatter or "?" in masked:
        return False
    chars = list(masked)
    for cue in chatter:
        chars[cue.span.start : cue.span.end] = " " * (cue.span.end - cue.span.start)
    words = re.findall(r"[^\W\d_]{2,}", "".join(chars))
    return sum(not packs.languages_of(word) for word in words) <= _CHATTER_WORDS


def _comes_after(text: Text, best: TypeScore, recovery: Cue) -> bool:
    """A stop told in a later clause than the all-clear: "press 3 fixed, press 4 down"."""
    last = max(cue.span.start for cue in best.cues if cue.role.strong)
    return last > recovery.span.end and any(
        char in ",.;:!?\n" for char in text.original[recovery.span.end : last]
    )


def _words(type_code: str) -> str:
    return type_code.replace("_", " ")
