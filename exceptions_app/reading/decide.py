"""Rules and model together: the model names the type, the rules say what kind of message it is and veto what they know.

A strong safety word stands. What the model takes for no matter at all still needs the rules' silence or its own
certainty, because such a message opens nothing. Pure; sees one verdict and one opinion.
"""

import re
from collections.abc import Collection
from dataclasses import replace

from exceptions_app.reading.classify import TypeScore
from exceptions_app.reading.cues import Cue
from exceptions_app.reading.model import NONE, OTHER, Opinion
from exceptions_app.reading.types import Span
from exceptions_app.reading.verdict import Verdict, loudest

#: Below this share the model's "nothing to do" is a question for people.
QUIET = 0.5
#: What no rule calls talk is dropped only when the model is this sure of it, and knows this share of its words: nobody
#: sees what is dropped.
CERTAIN, FAMILIAR = 0.7, 0.4
#: What a specific cue of the same type takes off the model's doubt, once the model holds it likelier than not.
_AGREED, _AGREED_GENERIC, _HALF = 0.5, 0.35, 0.5
#: From this share on the model's type needs nobody's agreement.
SURE = 0.8
#: Up to so many words a plain cue says all there is to say.
_BRIEF, _BRIEFLY_SAID = 6, 0.85
_SETTLING = frozenset({"recovery", "future", "planned", "chatter"})
_WORTH_NAMING = 0.02
_DOUBTS = ("only a weak word", "reads as", "no type word")
_AWAY = re.compile(
    r"out of (?:the )?office|auto(?:matic|mated)?[- ]?(?:reply|response)|abwesenheit|automatische antwort"
    r"|nicht im (?:b[üu]ro|haus)"
    r"|fuera de (?:la )?oficina|respuesta autom|resposta autom|fora do escrit|ausente do escrit"
    r"|poza biurem|automatyczna odpowied"
    r"|jestem na urlopie do|on annual leave until",
    re.IGNORECASE,
)
_CONTRADICTIONS = frozenset({"says both running and stopped", "a planned stop and a fault in one message"})


def decide(
    rule: Verdict,
    opinion: Opinion,
    scores: tuple[TypeScore, ...],
    text: str,
    *,
    named: bool,
    telling: bool = True,
    denied: Collection[str] = (),
) -> Verdict:
    """The verdict of both. `named`: the text links to master data, so a known matter can be told from talk.

    `telling`: it has words besides names and small words. `denied`: types a negator takes back, with no other cue.
    """
    best, sure = opinion.best, opinion.sure
    candidates = _candidates(opinion)
    if rule.unconfirmed and not (best == NONE and sure >= SURE):
        return replace(rule, candidates=candidates if best == "safety_stop" else rule.candidates)
    quiet = opinion.of(NONE)
    if not any(char.isalnum() for char in text):
        return Verdict(None, SURE, "chatter", None)
    brief = len(text.split()) <= _BRIEF
    contrary = any(reason in _CONTRADICTIONS for reason in rule.reasons)
    if (
        not telling
        or best in denied
        or (denied and rule.type_code is None and (best == OTHER or sure < CERTAIN))
    ):
        return replace(rule, candidates=rule.candidates or candidates) if not rule.type_code else rule
    if _away(text):
        return Verdict(None, 0.95, "chatter", None)
    planned = rule.intent == "planned" and best in ("machine_downtime", OTHER)
    if rule.intent in _SETTLING and (
        best == NONE or quiet >= 1 - SURE or planned or (brief and rule.intent == "recovery")
    ):
        return _settled(rule, opinion, candidates)
    certain = rule.intent == "chatter" or (quiet >= CERTAIN and opinion.familiar >= FAMILIAR)
    if best == NONE and quiet >= QUIET and certain and not contrary and not _insists(rule, quiet):
        real = next((code for code, _ in candidates if code != "safety_stop"), None)
        known = real if named and rule.intent != "chatter" else None
        return Verdict(known, quiet, "repeat" if known else "chatter", None, candidates=candidates)
    return _reported(rule, opinion, scores, text, candidates)


def _away(text: str) -> bool:
    """An answer by machine from somebody who is not there."""
    return bool(_AWAY.search(text[:600]))


def _insists(rule: Verdict, quiet: float) -> bool:
    """A strong word of a type, unrivalled, against a model that is not certain."""
    return rule.type_code is not None and rule.confidence >= SURE and rule.intent == "report" and quiet < SURE


def _settled(rule: Verdict, opinion: Opinion, candidates: tuple[tuple[str, float], ...]) -> Verdict:
    """An all-clear, a plan, a promise or talk: as the rules say, of the type the rules or the model see."""
    if rule.intent == "chatter":
        return rule
    type_code = rule.type_code or (candidates[0][0] if candidates else None)
    reasons = tuple(reason for reason in rule.reasons if not reason.startswith(_DOUBTS))
    return replace(
        rule, type_code=type_code, confidence=max(rule.confidence, opinion.of(NONE)), reasons=reasons,
        candidates=candidates,
    )  # fmt: skip


def _reported(
    rule: Verdict,
    opinion: Opinion,
    scores: tuple[TypeScore, ...],
    text: str,
    candidates: tuple[tuple[str, float], ...],
) -> Verdict:
    label = next((name for name, _ in opinion.ranked if name != NONE))
    share = opinion.of(label)
    type_code = None if label == OTHER else label
    intent = "report" if rule.intent in _SETTLING else rule.intent
    agreed = rule.type_code == type_code and type_code is not None
    told = agreed and rule.cue is not None and rule.cue.role.strong and share >= _HALF
    lift = _AGREED_GENERIC if rule.cue is not None and rule.cue.role.generic else _AGREED
    confidence = share + lift * (1 - share) if told else share
    if agreed and rule.confidence > SURE and opinion.best in (label, NONE) and len(text.split()) <= _BRIEF:
        confidence = max(confidence, _BRIEFLY_SAID)
    reasons = [reason for reason in rule.reasons if reason in _CONTRADICTIONS]
    if rule.intent in _SETTLING and rule.intent != "chatter":
        reasons.append("sounds settled and open at once")
        confidence = min(confidence, 1 - opinion.of(NONE))
    if type_code is None:
        reasons.append("none of the known types")
    elif confidence < SURE:
        names = [name.replace("_", " ") for name, _ in candidates[:2]]
        reasons.append(f"reads as {' or '.join(names)}" if len(names) > 1 else f"unsure of {names[0]}")
    if rule.unconfirmed:
        reasons.append("has a word of safety")
    cue, span = _shown(rule, type_code, scores, opinion, text)
    return Verdict(
        type_code, confidence, intent, cue, tuple(reasons), still=rule.still, recurrence=rule.recurrence,
        candidates=candidates, span=span,
    )  # fmt: skip


def _candidates(opinion: Opinion) -> tuple[tuple[str, float], ...]:
    """The types worth naming, most likely first."""
    return (
        tuple(
            (name, round(share, 3))
            for name, share in opinion.ranked
            if name not in (NONE, OTHER) and share >= _WORTH_NAMING
        )[:5]
        or tuple((name, round(share, 3)) for name, share in opinion.ranked if name not in (NONE, OTHER))[:1]
    )


def _shown(
    rule: Verdict, type_code: str | None, scores: tuple[TypeScore, ...], opinion: Opinion, text: str
) -> tuple[Cue | None, Span | None]:
    """The words shown for the type: its own strong cue, else the model's weightiest word."""
    if rule.cue is not None and rule.type_code == type_code:
        return rule.cue, None
    mine = next((score for score in scores if score.type_code == type_code), None)
    if mine is not None and mine.strong:
        return loudest(mine), None
    if opinion.because and opinion.ranked[0][0] == type_code:
        start, end, _ = opinion.because[0]
        return None, Span(start, end, text[start:end])
    return (loudest(mine), None) if mine is not None else (None, None)
