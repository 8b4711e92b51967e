"""Which type of exception the cues add up to.

`TypeScorer` is the seam: anything that ranks types for a message can stand in for, or beside, the scoring by cues.
Scores are comparable within one message only; knows nothing of confidence limits or triage.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from exceptions_app.reading.cues import Cue, Cues
from exceptions_app.reading.normalise import Text

#: Ties go to what someone must act on first.
PRECEDENCE = (
    "safety_stop", "customer_complaint", "engineering_change", "tooling", "machine_downtime", "quality_hold",
    "material_shortage", "supplier_delay", "order_change", "labour_shortage",
)  # fmt: skip
#: A strong cue of the first makes the second its description, not a rival.
DESCRIBES = {
    "customer_complaint": {"quality_hold", "order_change", "supplier_delay", "material_shortage"},
    "engineering_change": {"quality_hold", "order_change"},
    "tooling": {"machine_downtime"},
    "supplier_delay": {"material_shortage"},
}
#: What a named thing makes a little more likely.
AFFINITY = {
    "machine_downtime": {"work_unit", "work_centre"},
    "tooling": {"tool"},
    "material_shortage": {"item"},
    "quality_hold": {"lot"},
    "order_change": {"sales_order", "sales_order_line", "customer"},
    "customer_complaint": {"customer"},
    "supplier_delay": {"purchase_order", "purchase_order_line", "supplier"},
}
_SPECIFIC, _GENERIC, _WEAK, _SAFETY = 2.0, 1.0, 0.5, 10.0


@dataclass(frozen=True, slots=True)
class TypeScore:
    """One type's standing in one message, with the cues that speak for it."""

    type_code: str
    score: float
    strong: bool
    generic: bool
    cues: tuple[Cue, ...]


class TypeScorer(Protocol):
    """Ranks types for a message, best first; an empty tuple when nothing speaks for any."""

    def __call__(self, text: Text, cues: Cues, linked: Collection[str]) -> tuple[TypeScore, ...]: ...


def score_by_cues(text: Text, cues: Cues, linked: Collection[str]) -> tuple[TypeScore, ...]:
    """Strong before weak, specific before "it stands", longer before shorter; links tip the balance."""
    by_type: dict[str, list[Cue]] = {}
    for cue in cues.types:
        by_type.setdefault(cue.role.type_code, []).append(cue)
    scores = []
    for type_code, found in by_type.items():
        values = sorted((_worth(cue) for cue in found), reverse=True)
        score = values[0] + 0.25 * min(len(values) - 1, 3)
        score += 0.3 if AFFINITY.get(type_code, set()) & set(linked) else 0.0
        strong = [cue for cue in found if cue.role.strong]
        score += _SAFETY if type_code == "safety_stop" and strong else 0.0
        generic = all(cue.role.generic for cue in found)
        scores.append(TypeScore(type_code, round(score, 3), bool(strong), generic, tuple(found)))
    strong_types = {score.type_code for score in scores if score.strong}
    described = {loser for winner in strong_types for loser in DESCRIBES.get(winner, ())}
    return tuple(
        sorted(
            scores, key=lambda one: (one.type_code in described, -one.score, PRECEDENCE.index(one.type_code))
        )
    )


def rivals(scores: tuple[TypeScore, ...]) -> tuple[str, ...]:
    """Types that speak almost as loudly as the first, and are not what it describes or is caused by."""
    if len(scores) < 2 or not scores[0].strong or scores[0].type_code == "safety_stop":
        return ()
    best = scores[0]
    described = DESCRIBES.get(best.type_code, set())
    return tuple(
        other.type_code
        for other in scores[1:]
        if other.strong and other.type_code not in described and other.score >= 0.7 * best.score
    )


def _worth(cue: Cue) -> float:
    if not cue.role.strong:
        return _WEAK
    if cue.role.generic:
        return _GENERIC
    return _SPECIFIC + 0.25 * min(cue.phrase.count(" "), 2)
