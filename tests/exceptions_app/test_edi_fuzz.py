"""Whatever an interchange holds: no crash, no hang, no lost message, and what we write we can read."""

import importlib.util
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exceptions_app.channels.edi import edifact, envelope, x12
from exceptions_app.channels.edi.answers import Addresses, Answer, AnswerLine
from exceptions_app.channels.edi.edifact_orders import read_edifact_order
from exceptions_app.channels.edi.edifact_out import write_ordrsp
from exceptions_app.channels.edi.orders import moment, number
from exceptions_app.channels.edi.partners import mistakes, partners_of
from exceptions_app.channels.edi.segments import MOST_CHARACTERS, Broken
from exceptions_app.channels.edi.x12_orders import read_x12_order
from exceptions_app.channels.edi.x12_out import write_answer
from tests.exceptions_app.edi_samples import change_860, ordchg
from tests.exceptions_app.edi_samples import edifact as edifact_sample
from tests.exceptions_app.edi_samples import x12 as x12_sample

ROOT = Path(__file__).resolve().parents[2]
ZONE = ZoneInfo("Europe/Berlin")
calm = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SAMPLES = (
    change_860("POC*10*RQ*160*>>5*EA*92**BP*A*VN*SP-12~DTM*002*20261125*0930~SCH*4*EA***002*20261125"),
    ordchg("LIN+10+3+SP-12:SA|PIA+1+A?:B:IN|QTY+21:150,5:PCE|SCC+1|QTY+21:4|DTM+2:20261125:102"),
    edifact_sample(("ORDERS", ["BGM+220+N?'1+9", "LIN+1++A:SA", "QTY+21:1", "UNS+S"]), una=False),
)


def read(text: str) -> None:
    """Read as far as it goes; only a coded refusal may stop it."""
    try:
        found = envelope.read_interchange(text)
    except Broken as broken:
        found = None
        refusal = broken.fault.code
    if found is None:
        assert refusal.startswith("edi.")
        return
    for _, message in found.messages():
        if found.syntax == "x12":
            read_x12_order(message, ZONE)
        else:
            read_edifact_order(message, ZONE)


@calm
@given(st.binary(max_size=3000))
def test_bytes_of_any_kind_are_read_or_refused(body: bytes) -> None:
    read(envelope.decode(body))


@calm
@given(st.sampled_from(SAMPLES), st.data())
def test_a_sample_with_any_piece_changed_is_read_or_refused(sample: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(sample)))
        end = min(len(sample), start + data.draw(st.integers(0, 12)))
        sample = sample[:start] + data.draw(st.text(max_size=8)) + sample[end:]
    read(sample)


words = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)
figures = st.decimals(min_value=0, max_value=10**9, places=3)
moments = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - the zone is given beside
    datetime(2099, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)
lines = st.builds(
    AnswerLine, line=words, status=st.sampled_from(["accepted", "countered", "rejected"]), buyer_item=words,
    seller_item=words, quantity=st.none() | figures, asked_quantity=st.none() | figures, unit=words,
    date=st.none() | moments, asked_date=st.none() | moments, price=st.none() | figures, change=words,
    cancelled=st.booleans(), added=st.booleans(), note=words,
)  # fmt: skip
answers = st.builds(
    Answer, to_change=st.booleans(), status=st.sampled_from(["accepted", "countered", "rejected"]), number=words,
    lines=st.lists(lines, max_size=5).map(tuple), change_number=words, our_number=words,
    ordered_on=st.none() | moments, valid_until=st.none() | moments, note=words, reference=words,
)  # fmt: skip


@calm
@given(answers, st.sampled_from(["x12", "edifact"]), words, words, st.integers(1, 999_999_999))
def test_whatever_we_say_our_own_reader_finds_no_fault_with(
    answer: Answer, syntax: str, ours: str, theirs: str, control: int
) -> None:
    to = Addresses(syntax=syntax, sender=ours, receiver=theirs)  # type: ignore[arg-type]
    write = write_answer if syntax == "x12" else write_ordrsp
    text = write(answer, to, control=control, at=datetime(2026, 11, 17, 10, 14, tzinfo=UTC))
    found = envelope.read_interchange(text)
    assert found.all_faults() == []
    ((_, message),) = list(found.messages())
    tag = "POC" if answer.to_change else "PO1"
    wanted = tag if syntax == "x12" else "LIN"
    assert sum(1 for one in message.segments if one.tag == wanted) == len(answer.lines)


@calm
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    )
)
def test_settings_of_any_kind_name_partners_or_mistakes(value: object) -> None:
    for config in ({"partners": value}, {"partners": [value]}, {"partners": [{"id": "A", "items": value, "units": value,
                   "frozen_days": value, "special_items": value, "customer": value}]}):  # fmt: skip
        partners_of(config)
        assert all(isinstance(one, str) for one in mistakes(config))


@calm
@given(st.text(max_size=20), st.sampled_from(["101", "102", "201", "203", "204", "616", "999"]))
def test_figures_and_dates_are_found_or_not(raw: str, form: str) -> None:
    assert number(raw) is None or isinstance(number(raw), Decimal)
    found = moment(raw, form, ZONE)
    assert found is None or found[0].tzinfo is not None


@pytest.mark.parametrize(
    "text",
    [
        "UNA:+.? '" + "?" * 900_000,
        "UNB+" + "?'" * 400_000 + "'",
        "UNB" + "'UNH+1" * 200_000 + "'",
        "ISA" + "*" * 900_000,
        SAMPLES[0].replace("BCH*04", "POC*1" + "*" * 300_000),
        SAMPLES[0][: SAMPLES[0].index("GS*")] + "ST*860*1~" * 90_000,
        SAMPLES[0][: SAMPLES[0].index("GS*")] + "~" * 1_500_000,
        x12_sample(("860", ["BCH*04*SA*P**1*20261101", *["POC*1*QI*4**EA"] * 60_000])),
        " " * 1_900_000,
        "UNA:+.? '" + "\n" * 1_900_000,
    ],
    ids=[
        "releases",
        "released ends",
        "headers",
        "stars",
        "long segment",
        "sets",
        "empty",
        "lines",
        "spaces",
        "newlines",
    ],
)
def test_hostile_shapes_take_no_longer_than_a_second(text: str) -> None:
    began = time.process_time()
    read(text[:MOST_CHARACTERS])
    assert time.process_time() - began < 2.5  # a second on a machine of its own


def test_tokenisers_keep_every_character_that_is_not_between_segments() -> None:
    for sample in SAMPLES:
        segments = x12.tokenise(sample) if sample.startswith("ISA") else edifact.tokenise(sample)
        kept = "".join(one.text for one in segments)
        assert kept == sample.removeprefix("UNA:+.? '").replace("\n", "")
        assert [one.number for one in segments] == list(range(1, len(segments) + 1))
        for one in segments:
            assert sample[one.start : one.end] == one.text


def test_coverage_guided_fuzzing_finds_nothing_in_a_bounded_run(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed")
    done = subprocess.run(
        [sys.executable, "tests/fuzz/edi_fuzz.py", "-runs=8000", "-seed=860", f"-artifact_prefix={tmp_path}/"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done 8000 runs" in done.stderr
