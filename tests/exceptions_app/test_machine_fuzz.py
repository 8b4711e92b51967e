"""A bounded run of the coverage-guided fuzzer, and hypothesis on plain JSON: no crash, no hang, nothing unnamed."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exceptions_app.machine.topics import BadPayload, BadTemplate, Paths, Template, read_json, to_ms

ROOT = Path(__file__).parents[2]
NOW = 1_790_000_000_000


def test_coverage_guided_fuzzing_finds_nothing_in_a_bounded_run(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed")
    done = subprocess.run(
        [sys.executable, "tests/fuzz/sparkplug_fuzz.py", "-runs=8000", "-seed=31", f"-artifact_prefix={tmp_path}/"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done 8000 runs" in done.stderr


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "at", "q", "0"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=1000)
@given(body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_message_gives_samples_or_a_refusal_in_words(body: bytes) -> None:
    try:
        samples = read_json("a/b", body, [Paths("a.b", "at", "q"), Paths("a.0", "", "")], NOW)
    except BadPayload as refused:
        words = str(refused)
        assert words
        return
    for sample in samples:
        assert isinstance(sample.at, int)
        assert not isinstance(sample.value, (dict, list))


def test_paths_times_and_qualities_are_found_where_they_lie() -> None:
    body = json.dumps(
        {
            "d": [
                {"v": 5, "t": "2026-11-17T10:14:00+01:00", "q": 192},
                {"v": None, "t": 1790000000.5, "q": "Bad"},
            ]
        }
    ).encode()
    samples = read_json("t", body, [Paths("d.0.v", "d.0.t", "d.0.q"), Paths("d.1.v", "d.1.t", "d.1.q")], NOW)
    assert [(one.value, one.at, one.good) for one in samples] == [
        (5, 1794906840000, True), (None, 1790000000500, False),
    ]  # fmt: skip
    assert read_json("t", b"{}", [Paths("d.0.v")], NOW) == []
    assert [one.value for one in read_json("t", b"STOPPED", [Paths()], NOW)] == ["STOPPED"]
    assert [one.value for one in read_json("t", b"1", [Paths()], NOW)] == [1]
    assert to_ms("2026-11-17T10:14:00") is None  # no offset, no moment
    with pytest.raises(BadPayload, match="not JSON"):
        read_json("t", b"[" * 100_000, [Paths("a")], NOW)


def test_a_template_names_levels_and_refuses_what_is_no_topic() -> None:
    template = Template.of("plant/{area}/{unit}/+/status")
    assert template.match(["plant", "MACH", "CNC-04", "x", "status"]) == {
        "area": "MACH",
        "unit": "CNC-04",
        "": "x",
    }
    assert template.match(["plant", "MACH", "CNC-04", "status"]) is None
    assert template.subscription == "plant/+/+/+/status"
    for bad in ("", "a//b", "a/#", "a/x{unit}", "a/{Unit}", "a/b+"):
        with pytest.raises(BadTemplate):
            Template.of(bad)
