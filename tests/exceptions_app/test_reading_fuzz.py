"""Whatever arrives: nothing raises, offsets hold, nothing hangs."""

import random
import time

import pytest

from exceptions_app.reading.normalise import MAX_CHARS
from exceptions_app.reading.packs import shipped_packs
from tests.exceptions_app.reading_plant import ROWS, read

INTENTS = {"report", "recovery", "future", "chatter", "planned", "again"}
ODD = [
    "\x00", "\ud800", "\u200b", "\u202e", "é", "e\u0301", "İ", "ß", "ﬁ", "½", "４", "👩‍🏭", "\r\n", "\t", "—",
    "’", "{n}",
    "%s", "(", ")", "[", "\\", "~", "..", "1.", ".1", "1e9", "99999999999", "0/0", "31.02.", "25:61", "-",
    "_", "#", "&",
]  # fmt: skip


def check(text: str) -> None:
    reading = read(text)  # checks every offset
    assert reading.intent in INTENTS
    assert 0.0 <= reading.confidence <= 1.0
    assert bool(reading.triage_reasons) or not reading.needs_triage
    assert reading.occurred_at is not None


@pytest.mark.parametrize("seed", range(8))
def test_random_mixes_of_words_codes_and_odd_characters(seed: int) -> None:
    rng = random.Random(seed)
    cues = [phrase for phrase, _ in shipped_packs()._phrases]
    names = [name for row in ROWS for name in (row.code, row.name, *row.aliases)]
    numbers = [
        "9",
        "09:30",
        "9.30",
        "1.200",
        "20 min",
        "40 pcs",
        "by Friday",
        "since",
        "ago",
        "4.12.",
        "KW 48",
        "of",
        "to",
    ]
    for _ in range(60):
        words = rng.choices([*rng.sample(cues, 40), *names, *numbers, *ODD], k=rng.randint(1, 25))
        check(rng.choice([" ", ", ", "", "\n"]).join(words))


@pytest.mark.parametrize("seed", range(4))
def test_random_characters(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        check(
            "".join(
                chr(rng.choice((rng.randint(0, 0x250), rng.randint(0, 0x10FFFF))))
                for _ in range(rng.randint(0, 60))
            )
        )


@pytest.mark.parametrize("cut", range(0, 71, 7))
def test_any_cut_of_a_message(cut: int) -> None:
    check("press 4 is down again since 9.30, hydraulic leak, 118204 will be late"[cut:])
    check("press 4 is down again since 9.30, hydraulic leak, 118204 will be late"[:cut])


def test_ten_thousand_characters_read_like_the_message_they_hold() -> None:
    text = "We had a long talk about the weather and the new canteen. " * 172 + "press 4 down, hydraulic leak"
    assert len(text) > 10_000
    reading = read(text)
    unit, reason = reading.field("work_unit"), reading.field("reason")
    assert unit is not None
    assert reason is not None
    assert (unit.value, unit.words, unit.start) == ("PRS-04", "press 4", len(text) - 28)
    assert (reason.value, reason.words) == ("MEC-LEAK", "hydraulic leak")


@pytest.mark.parametrize(
    "part",
    [
        "down ",
        "not down ",
        "PRS-04 ",
        "12345 ",
        "1.",
        "since about ",
        "from 1 to 2 ",
        "10 pcs ",
        "o0",
        "a",
        "🔥",
        "prs-",
    ],
)
def test_floods_end_quickly(part: str) -> None:
    text = part * (MAX_CHARS // len(part))
    began = time.process_time()
    check(text)
    assert time.process_time() - began < 3


def test_past_the_limit_nothing_is_read() -> None:
    reading = read("x " * (MAX_CHARS // 2) + "press 4 down")
    assert (reading.type_code, reading.links) == (None, {})
