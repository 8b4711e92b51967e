"""Which cues count in one message: its language, the longest match, what a negator cancels, what a name covers.

Section rules of the cue packs live here; what the remaining cues add up to is `classify` and `pipeline`.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from exceptions_app.reading.normalise import Text
from exceptions_app.reading.packs import Hit, PackSet, Role
from exceptions_app.reading.types import Span

_WORD = re.compile(r"[^\W\d_]+")
_BREAK = re.compile(r"[.,;:!?()](?=\s|$)|\n|\s[-–—]\s")
_AFTER_TIME = re.compile(r"[0-9][0-9:.]* ?$")
_MARKS = {"de": "äöüß", "es": "ñ¿¡", "pt": "ãõç", "pl": "ąćęłńśźż"}
#: Words a negator may reach over; a safety word is only cancelled by a negator right beside it.
_REACH = 2
_SAFETY_REACH = 1
_CLEAR_SENTENCE = 3.0
#: More cues than any message has; a flood of words is read up to here.
MAX_HITS = 600


@dataclass(frozen=True, slots=True)
class Cue:
    """One cue that counts, with its words in the original text."""

    span: Span
    role: Role
    phrase: str
    key_start: int
    key_end: int


@dataclass(frozen=True, slots=True)
class Cues:
    """The cues of one message after all rules; `negated` are those a negator cancelled."""

    language: str
    types: tuple[Cue, ...]
    intents: dict[str, tuple[Cue, ...]]
    reasons: tuple[Cue, ...]
    states: tuple[Cue, ...]
    negated: tuple[Cue, ...]

    def intent(self, name: str) -> Cue | None:
        """The first cue of that intent, or None."""
        return next(iter(self.intents.get(name, ())), None)


def read_cues(text: Text, packs: PackSet, *, masked: str = "", prior: str = "en") -> Cues:
    """Find the cues of a message. In `masked`, words linked to master data are blanked: a cue in them is a name."""
    hits = [hit for hit in packs.find(text) if not _is_name(text.from_key(hit.start, hit.end), masked)][
        :MAX_HITS
    ]
    language, evidence = detect_language(text, hits, packs, prior)
    spoken = _speaking(hits, language, prior, evidence)
    main, negators, cancelled = _resolve(text, spoken, packs, language)
    denied = [hit for hit in cancelled if _has(hit, "recovery")]
    if denied:
        main, negators, cancelled = _resolve(
            text, [hit for hit in spoken if hit not in denied], packs, language
        )
    cancelled |= {hit for hit in main if _has(hit, "planned") and _not_planned(text, hit, packs, language)}
    kept = [hit for hit in main if hit not in cancelled]
    intents: dict[str, list[Cue]] = defaultdict(list)
    types = []
    for hit in kept:
        for role in hit.roles:
            if role.kind == "intent":
                intents[role.value].append(_cue(text, hit, role))
            elif role.kind == "type":
                types.append(_cue(text, hit, role))
    for hit in denied:
        intents["still"] += [_cue(text, hit, role) for role in hit.roles if role.value == "recovery"]
    deniers = sorted(negators + [hit for hit in main if _has(hit, "denial")], key=lambda hit: hit.end)
    return Cues(
        language=language,
        types=tuple(_once(types)),
        intents={name: tuple(_once(found)) for name, found in intents.items()},
        reasons=_side(text, spoken, "reason", deniers, packs, language),
        states=_side(text, spoken, "state", deniers, packs, language),
        negated=tuple(_cue(text, hit, role) for hit in cancelled for role in hit.roles),
    )


def _resolve(
    text: Text, hits: Sequence[Hit], packs: PackSet, language: str
) -> tuple[list[Hit], list[Hit], set[Hit]]:
    """The hits that stand, the negators among them, and those a negator cancels.

    A *still* cue stands beside the fault it keeps alive ("ainda não liga"), in place of a negator or all-clear in it.
    """
    said = [hit for hit in hits if any(role.kind in ("type", "intent") for role in hit.roles)]
    stills = _longest([_only(hit, still=True) for hit in said if _has(hit, "still")])
    main = _longest(
        [_only(hit, still=False) for hit in said if any(role.value != "still" for role in hit.roles)]
    )
    main = [
        hit
        for hit in main
        if any(role.kind == "type" for role in hit.roles)
        or not any(hit.start < still.end and still.start < hit.end for still in stills)
    ]
    negators = [hit for hit in main if _has(hit, "negator")]
    cancelled = {hit for hit in main if _negated(text, hit, negators, packs, language)}
    return sorted(main + stills, key=lambda hit: hit.start), negators, cancelled


def _only(hit: Hit, *, still: bool) -> Hit:
    roles = tuple(role for role in hit.roles if (role.value == "still") is still)
    return Hit(hit.start, hit.end, hit.phrase, roles, hit.is_prefix)


def detect_language(text: Text, hits: Sequence[Hit], packs: PackSet, prior: str) -> tuple[str, float]:
    """The language most of the small words and cues belong to, and how many small words say so."""
    scores: dict[str, float] = dict.fromkeys(packs.packs, 0.0)
    small: dict[str, float] = dict.fromkeys(packs.packs, 0.0)
    for word in _WORD.findall(text.key[:2000]):
        spoken = packs.languages_of(word)
        for language in spoken:
            small[language] += 1 / len(spoken)
    for hit in hits[:200]:
        telling = {role.language for role in hit.roles if role.kind == "type" or role.value == "recovery"}
        telling = telling or {
            role.language for role in hit.roles if role.kind == "intent" and role.value != "negator"
        }
        for language in sorted(telling):
            scores[language] += (0.8 + 0.4 * hit.phrase.count(" ")) / len(telling)
    lowered = text.original[:2000].lower()
    for language, marks in _MARKS.items():
        if language in scores and any(mark in lowered for mark in marks):
            scores[language] += 0.9
    if prior in scores:
        scores[prior] += 0.35
    order = list(packs.packs)
    best = max(order, key=lambda language: (scores[language] + small[language], -order.index(language)))
    return best, small[best]


def _speaking(hits: Sequence[Hit], language: str, prior: str, evidence: float) -> list[Hit]:
    """Hits in the message's own language; loan words of another only where its own says nothing of the matter."""
    own = _in_language(hits, {language})
    if any(role.kind == "type" and role.strong for hit in own for role in hit.roles):
        return own
    others = (
        {"en", prior}
        if evidence >= _CLEAR_SENTENCE
        else {role.language for hit in hits for role in hit.roles}
    )
    loans = []
    for hit in _in_language(hits, others - {language}):
        several = " " in hit.phrase
        roles = tuple(
            role
            for role in hit.roles
            if (
                role.kind in ("type", "reason")
                and role.strong
                and (several or role.type_code != "safety_stop")
            )
            or (role.kind == "intent" and role.value == "recovery" and several)
            or role.kind == "state"
        )
        if roles and not hit.is_prefix and (several or len(hit.phrase) >= 4):
            loans.append(Hit(hit.start, hit.end, hit.phrase, roles))
    return own + loans


def _in_language(hits: Sequence[Hit], languages: set[str]) -> list[Hit]:
    spoken = []
    for hit in hits:
        roles = tuple(role for role in hit.roles if role.language in languages)
        if roles:
            spoken.append(Hit(hit.start, hit.end, hit.phrase, roles, hit.is_prefix))
    return spoken


def _longest(hits: Sequence[Hit]) -> list[Hit]:
    """The longest match wins; hits on the very same words speak together."""
    same: dict[tuple[int, int], Hit] = {}
    for hit in hits:
        other = same.get((hit.start, hit.end))
        roles = tuple(dict.fromkeys(other.roles + hit.roles)) if other else hit.roles
        same[hit.start, hit.end] = Hit(hit.start, hit.end, hit.phrase, roles, hit.is_prefix)
    kept: list[Hit] = []
    taken: set[int] = set()
    for hit in sorted(same.values(), key=lambda one: (one.start - one.end, one.start)):
        if hit.start not in taken and hit.end - 1 not in taken:
            kept.append(hit)
            taken.update(range(hit.start, hit.end))
    return sorted(kept, key=lambda hit: hit.start)


def _has(hit: Hit, intent: str) -> bool:
    return any(role.kind == "intent" and role.value == intent for role in hit.roles)


def _negated(text: Text, hit: Hit, negators: Sequence[Hit], packs: PackSet, language: str) -> bool:
    """Whether a negator stands up to three words before, in the same clause."""
    if _has(hit, "negator") or _has(hit, "chatter"):
        return False
    reach = _SAFETY_REACH if any(role.type_code == "safety_stop" for role in hit.roles) else _REACH
    clause = packs.packs[language].clause
    last = bisect_right(negators, hit.start, key=lambda negator: negator.end)
    for negator in negators[max(0, last - 3) : last]:
        words = text.key[negator.end : hit.start].split()
        if len(words) > reach or any(word in clause for word in words):
            continue
        between = text.original[text.places[negator.end - 1] + 1 : text.places[hit.start]]
        if not _BREAK.search(between):
            return True
    return False


def _not_planned(text: Text, hit: Hit, packs: PackSet, language: str) -> bool:
    """ "Since lunch" and "4 pm" are times, not plans."""
    before = text.key[max(0, hit.start - 24) : hit.start].rstrip()
    if hit.phrase == "pm" and _AFTER_TIME.search(before + " "):
        return True
    return any(
        re.search(rf"(?:^|\W){re.escape(word)}(?: the| der| la| el| o| a)?$", before)
        for word in packs.packs[language].reference
    )


def _side(
    text: Text, hits: Sequence[Hit], kind: str, negators: Sequence[Hit], packs: PackSet, language: str
) -> tuple[Cue, ...]:
    """Reasons and states: found on their own, as the same words often are a type cue too."""
    mine = [
        Hit(hit.start, hit.end, hit.phrase, tuple(role for role in hit.roles if role.kind == kind))
        for hit in hits
        if any(role.kind == kind for role in hit.roles)
    ]
    outside = [hit for hit in _longest(mine) if not _negated(text, hit, negators, packs, language)]
    return tuple(_once([_cue(text, hit, role) for hit in outside for role in hit.roles]))


def _cue(text: Text, hit: Hit, role: Role) -> Cue:
    return Cue(text.from_key(hit.start, hit.end), role, hit.phrase, hit.start, hit.end)


def _once(cues: Sequence[Cue]) -> list[Cue]:
    """One cue per words and meaning, whichever languages share it."""
    seen: dict[tuple[int, int, str, str], Cue] = {}
    for cue in cues:
        seen.setdefault((cue.key_start, cue.key_end, cue.role.value, cue.role.type_code), cue)
    return list(seen.values())


def _is_name(span: Span, masked: str) -> bool:
    return bool(masked) and not masked[span.start : span.end].strip("\x01")
