"""The plant dictionary: phrases that keep standing in corrected messages are proposed, a person puts them into use.

Counts are taken over the site's own reviews, so a phrase is proposed only where it speaks for one type and hardly for
another. Nothing proposed is ever read by before somebody confirms it.
"""

from collections import Counter
from datetime import timedelta

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotAllowed, NotFound
from exceptions_app.models import CueStatus, PlantCue, Review, Verdict
from exceptions_app.reading.normalise import key_of, normalise
from exceptions_app.reading.packs import shipped_packs
from exceptions_app.reading.phrases import LONGEST, grams, unread, why_no_name
from exceptions_app.reading.types import TYPE_CODES
from plant_app.models import ExceptionType, Site, User
from plant_app.selectors import can

#: A phrase is proposed once it stands in so many corrected messages of one type ...
TIMES = 3
#: ... and that is at least this share of all reviewed messages it stands in.
SHARE = 0.8
LOOK_BACK = timedelta(days=180)
MOST_REVIEWS = 500
_EXAMPLES = 5


def notice_phrases(*, review: Review, spans: list[tuple[int, int]]) -> list[PlantCue]:
    """Propose what keeps recurring in messages whose type was read wrongly, this one among them. Two or three queries.

    `spans` are the parts of the message something was read out of. Called when the review is written.
    """
    if review.true_type not in TYPE_CODES:
        return []
    packs = shipped_packs()
    phrases = [span.text for span in unread(review.signal.text, spans, packs, most=12)]
    mine = {gram for gram in grams(phrases) if not why_no_name(gram, packs)}
    if not mine:
        return []
    here, other, examples = Counter[str](), Counter[str](), dict[str, list[str]]()
    rows = (
        Review.objects.filter(site=review.site_id, at__gte=clock.now() - LOOK_BACK, undone_by=None)
        .exclude(verdict=Verdict.UNDONE)
        .exclude(signal__text="")
        .order_by("-at", "-pk")
        .values_list("signal_id", "signal__text", "true_type", "type_right")[:MOST_REVIEWS]
    )
    seen: set[int] = set()
    for signal_id, text, true_type, right in rows:
        if signal_id in seen:
            continue
        seen.add(signal_id)
        key = f" {key_of(text)} "
        for gram in mine:
            if f" {gram} " not in _spaced(key):
                continue
            if true_type != review.true_type:
                other[gram] += 1
            elif not right:
                here[gram] += 1
                examples.setdefault(gram, []).append(text[:120])
    telling = [
        gram for gram, count in here.items() if count >= TIMES and count >= SHARE * (count + other[gram])
    ]
    # "guard interlock" says it; its parts would only say it again
    best = [
        gram for gram in telling if not any(gram != more and f" {gram} " in f" {more} " for more in telling)
    ]
    type_ = ExceptionType.objects.filter(code=review.true_type).first()
    proposed = []
    for gram in sorted(best, key=lambda one: (-here[one], one))[:3]:
        cue, made = PlantCue.objects.get_or_create(
            site_id=review.site_id, key=gram,
            defaults={"phrase": gram, "type": type_, "count": here[gram], "examples": examples[gram][:_EXAMPLES],
                      "strong": not other[gram], "created_at": clock.now()},
        )  # fmt: skip
        if not made and cue.status == CueStatus.PROPOSED:
            PlantCue.objects.filter(pk=cue.pk).update(count=here[gram], examples=examples[gram][:_EXAMPLES])
        proposed.append(cue)
    return proposed


def _spaced(key: str) -> str:
    """The words of a folded text, one blank between them."""
    return " " + " ".join("".join(char if char.isalnum() else " " for char in key).split()) + " "


@transaction.atomic
def add_cue(
    *, site: Site, phrase: str, actor: User, type_code: str = "", stands_for: str = "", strong: bool = False
) -> PlantCue:
    """Put a word of the plant into use: a cue of a type, or an abbreviation of another phrase.

    InvalidInput `learning.cue` for words that can't be one or name no type; NotAllowed. Read by from the next message.
    """
    _allowed(actor, site.pk)
    phrase = " ".join(phrase.split())[:LONGEST]
    key = key_of(phrase)
    if sum(char.isalnum() for char in key) < 2 or "{" in phrase:
        raise InvalidInput("learning.cue", "That is no word to read by.", field="phrase")
    type_ = ExceptionType.objects.filter(code=type_code).first() if type_code in TYPE_CODES else None
    if type_ is None and not (stands_for and _means(stands_for)):
        raise InvalidInput("learning.cue", "Say which type it speaks for, or which cue word it abbreviates.")
    cue, _ = PlantCue.objects.update_or_create(
        site=site, key=key,
        defaults={"phrase": phrase, "type": type_, "stands_for": stands_for, "strong": strong,
                  "status": CueStatus.CONFIRMED, "settled_at": clock.now(), "settled_by": actor},
    )  # fmt: skip
    return cue


@transaction.atomic
def settle_cue(*, cue_id: int, use: bool, actor: User) -> PlantCue:
    """Put a proposed word into use, or refuse it (also one in use). Read by from the next message. Locks it."""
    cue = PlantCue.objects.select_for_update(no_key=True, of=("self",)).filter(pk=cue_id).first()
    if cue is None:
        raise NotFound("learning.cue", "There is no such word.")
    _allowed(actor, cue.site_id)
    cue.status = CueStatus.CONFIRMED if use else CueStatus.REJECTED
    cue.settled_at, cue.settled_by = clock.now(), actor
    cue.save(update_fields=["status", "settled_at", "settled_by"])
    return cue


def _means(phrase: str) -> bool:
    """Whether the shipped packs know the phrase."""
    text = normalise(phrase)
    return any(hit.start == 0 and hit.end >= len(text.key.rstrip()) for hit in shipped_packs().find(text))


def _allowed(actor: User, site_id: int) -> None:
    if not (can(actor, "exception.triage", site_id) or can(actor, "plant.edit", site_id)):
        raise NotAllowed("learning.not_allowed", "You may not change the plant's words.", "Ask a planner.")
