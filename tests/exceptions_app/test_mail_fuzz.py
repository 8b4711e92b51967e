"""Any bytes at all: the mail reader never fails, never hangs, and never loses a mail."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exceptions_app.channels.mail import html, replies
from exceptions_app.channels.mail.message import Reader, read_mail
from tests.fuzz.mail_seeds import SEEDS, TOKENS

ROOT = Path(__file__).resolve().parents[2]
READER = Reader(authserv="mx.example", own=("us@kolbe.example",))
# Far above what any input takes; quadratic or endless work takes far longer.
TOO_LONG = 3.0


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A seed with pieces cut out, repeated, swapped and put in, as a broken or a hostile program would."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 12))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        end = min(len(data), at + draw(st.integers(0, 60)))
        kind = draw(st.sampled_from(("cut", "repeat", "token", "bytes", "splice")))
        if kind == "cut":
            del data[at:end]
        elif kind == "repeat":
            data[at:at] = data[at:end] * draw(st.integers(1, 40))
        elif kind == "token":
            data[at:end] = draw(st.sampled_from(TOKENS)) * draw(st.integers(1, 20))
        elif kind == "bytes":
            data[at:end] = draw(st.binary(max_size=40))
        else:
            other = draw(st.sampled_from(SEEDS))
            data[at:end] = other[draw(st.integers(0, len(other))) :]
    return bytes(data[:40_000])


def check(raw: bytes) -> None:
    began = time.process_time()
    found = read_mail(raw, READER)
    assert time.process_time() - began < TOO_LONG
    assert 0 < len(found.external_id) <= 200
    found.text.encode()
    assert "\x00" not in found.text + found.body + found.subject + found.html
    assert not raw.strip() or found.body or found.files or found.left_out or found.subject or found.headers


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_mutated_mails(raw: bytes) -> None:
    check(raw)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=2000))
def test_random_bytes(raw: bytes) -> None:
    check(raw)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=1500), st.text(max_size=60))
def test_random_bodies(body: str, subject: str) -> None:
    said = replies.strip(body, subject=subject)

    assert set(said.text.split()) <= set(body.split()) | {""} or replies.phrases.PASSED_ON.match(subject)


TAGS = [
    "<p>", "</p>", "<br", ">", "<blockquote>", "</blockquote>", "<pre>", "<!--", "-->", "<script>", "</script>", "&",
    "&#65;", "&lt", "x", "\n", '<img src="cid:a">', "<td>", "'", '"', "<",
]  # fmt: skip


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(TAGS), max_size=80))
def test_random_html(pieces: list[str]) -> None:
    text = html.to_text("".join(pieces))

    assert "<script" not in text.lower()


def test_coverage_guided_fuzzing_finds_nothing_in_a_few_thousand_inputs(tmp_path: Path) -> None:
    """The harness itself runs for a while; by hand it runs for hours."""
    pytest.importorskip("atheris")

    done = subprocess.run(
        [sys.executable, "tests/fuzz/mail_atheris.py", "-runs=4000", "-seed=4217", f"-artifact_prefix={tmp_path}/"],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done 4000 runs" in done.stderr
