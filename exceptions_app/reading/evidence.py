"""Everything seen in one message before anything is decided: names, cues, amounts, moments, and the model's features.

The first half of a reading, shared by the pipeline and by training, so that both see the same. Decides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from exceptions_app.reading.cues import Cues, read_cues
from exceptions_app.reading.features import Features, features_of, flags_of, tokens_of
from exceptions_app.reading.master import MasterHit, MasterIndex, UnknownCode
from exceptions_app.reading.normalise import MAX_CHARS, Text, normalise
from exceptions_app.reading.packs import PackSet
from exceptions_app.reading.quantities import Quantity, read_quantities
from exceptions_app.reading.strip import Stripped, strip, without
from exceptions_app.reading.times import Moment, TimeReader
from exceptions_app.reading.types import Span

_SENDERS = frozenset({"customer", "supplier"})
_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Evidence:
    """What stands in a message; nothing of it weighed yet."""

    message: Text
    masked: str
    hits: tuple[MasterHit, ...]
    unknown: tuple[UnknownCode, ...]
    cues: Cues
    quantities: tuple[Quantity, ...]
    began: Moment | None
    due: Moment | None
    clock: TimeReader = field(repr=False)
    facts: frozenset[str]
    features: Features = field(repr=False)


def evidence_of(
    text: str,
    *,
    master: MasterIndex,
    packs: PackSet,
    language: str = "en",
    site_code: str = "",
    received_at: datetime = _NOON,
    tz: tzinfo = UTC,
    mdy: bool = False,
    shift_start: datetime | None = None,
) -> Evidence:
    """Look through one message. Never raises on content; every offset points into `text`."""
    stripped = strip(text[:MAX_CHARS])
    message = normalise(without(text[:MAX_CHARS], stripped.all), text)
    hits, unknown = master.find(message, site_code)
    if stripped.all:
        hits = _with_senders(hits, master.find(normalise(text), site_code)[0], stripped)
    masked = mask(message.fold, [hit.span for hit in hits])
    cues = read_cues(message, packs, masked=masked, prior=language)
    pack = packs.packs[cues.language]
    asked_change = any(cue.role.type_code == "order_change" for cue in (*cues.types, *cues.reasons))
    quantities = read_quantities(masked, message.original, pack, change=asked_change)
    clock = TimeReader(
        masked=mask(masked, [one.span for one in quantities]), original=message.original, pack=pack,
        received_at=received_at, tz=tz, mdy=mdy, shift_start=shift_start,
    )  # fmt: skip
    began, due = clock.occurred(), clock.due()
    if began and due and due.span.start < began.span.end and began.span.start < due.span.end:
        due = None if began.span.end - began.span.start >= due.span.end - due.span.start else due
    facts = {one.role for one in quantities} | ({"due"} if due is not None and began is None else set())
    tokens = tokens_of(message, hits)
    seen = facts | ({"due"} if due else set()) | ({"began"} if began else set())
    return Evidence(
        message=message,
        masked=masked,
        hits=tuple(hits),
        unknown=tuple(unknown),
        cues=cues,
        quantities=tuple(quantities),
        began=began,
        due=due,
        clock=clock,
        facts=frozenset(facts),
        features=features_of(tokens, flags_of(cues, hits, seen, tokens)),
    )


def _with_senders(hits: list[MasterHit], every: list[MasterHit], stripped: Stripped) -> list[MasterHit]:
    """Who signs is who writes; what is quoted counts where this message names nothing of that kind itself."""
    named = {hit.rows[0].kind for hit in hits}
    more = []
    for hit in every:
        kind = hit.rows[0].kind
        if kind in named:
            continue
        signed = kind in _SENDERS and any(a <= hit.span.start < b for a, b in stripped.small)
        if signed or any(a <= hit.span.start < b for a, b in stripped.quoted):
            more.append(hit)
    return sorted(hits + more, key=lambda hit: hit.span.start)


def tells(features: Features, packs: PackSet) -> bool:
    """Whether there is a word besides names, numbers and the small words of a sentence."""
    return any(
        token.word[0].isalpha() and len(token.word) > 1 and not packs.languages_of(token.word)
        for token in features.tokens
    )


def mask(folded: str, spans: Sequence[Span]) -> str:
    """The text with these words blanked out, every other character in its place."""
    chars = list(folded)
    for span in spans:
        chars[span.start : span.end] = "\x01" * (span.end - span.start)
    return "".join(chars)
