"""Corrections as examples: what people said messages are, once per message, some kept aside and never learnt from.

Which are kept aside is told by a hash of the signal alone, so a message never changes sides. Reads only.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from core import clock
from exceptions_app.models import Review, Verdict
from exceptions_app.reading.master import MasterIndex
from exceptions_app.reading.model import NONE, OTHER, TypeModel
from exceptions_app.reading.packs import PackSet
from exceptions_app.reading.pipeline import interpret
from exceptions_app.reading.types import TYPE_CODES, ReadingContext
from plant_app.models import Site

HELD_OUT_SHARE = 5  # one in so many
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Example:
    """One message and what it is: a type, "other" or "none"."""

    key: str
    text: str
    label: str
    language: str
    channel: str = ""

    @property
    def held_out(self) -> bool:
        """Kept aside to judge by."""
        return int(hashlib.sha256(self.key.encode()).hexdigest()[:8], 16) % HELD_OUT_SHARE == 0


def examples_of(site: Site) -> list[Example]:
    """Every reviewed message of the site whose words are still there, by its newest review. One query."""
    rows = (
        Review.objects.filter(site=site, undone_by=None)
        .exclude(verdict=Verdict.UNDONE)
        .exclude(signal__text="")
        .order_by("signal_id", "-pk")
        .distinct("signal_id")
        .values_list("signal_id", "signal__text", "true_type", "language", "channel")[:MOST]
    )
    return [
        Example(str(pk), text, label_of(true_type), language, channel)
        for pk, text, true_type, language, channel in rows
    ]


def shipped_check() -> list[Example]:
    """Labelled messages that came with the product, to see that nothing general is forgotten."""
    found = []
    for path in sorted(Path(settings.BASE_DIR, "evaluation", "capture").glob("*.dev.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            label = label_of(str(row["expect"].get("type") or ""))
            found.append(Example(str(row["id"]), str(row["text"]), label, str(row.get("lang", "en"))))
    return found


def right(
    examples: list[Example], model: TypeModel | None, *, master: MasterIndex, packs: PackSet, site_code: str
) -> int:
    """How many of them the reader gets right with that model (None: as shipped)."""
    return sum(
        alike(read_label(one, model, master=master, packs=packs, site_code=site_code), one.label)
        for one in examples
    )


def label_of(type_code: str) -> str:
    """A type as the model names it."""
    if type_code in TYPE_CODES:
        return type_code
    return NONE if type_code in ("chatter", NONE) else OTHER


def alike(read: str, label: str) -> bool:
    """Whether what was read is what it is; labelled files call every type outside their seven "other"."""
    return read == label or (label == OTHER and read in ("customer_complaint", "engineering_change"))


def read_label(
    one: Example, model: TypeModel | None, *, master: MasterIndex, packs: PackSet, site_code: str
) -> str:
    """What the reader makes of one example: a type, "other", or "none" where it would open nothing."""
    found = interpret(
        one.text, master=master, context=ReadingContext(site_code=site_code, language=one.language or "en"),
        received_at=clock.now(), packs=packs, model=model,
    )  # fmt: skip
    if found.intent in ("chatter", "repeat"):
        return NONE
    return found.type_code or OTHER
