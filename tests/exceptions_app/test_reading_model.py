"""The shipped type model: what it is made from, what it loads, and that it shows the words it rests on."""

import subprocess
import sys

import pytest

from exceptions_app.learning.sentences import LABELS, authored, from_packs
from exceptions_app.learning.train import version_of
from exceptions_app.reading.model import ARTIFACT, load, shipped_model
from tests.exceptions_app.reading_plant import read


def test_the_shipped_model_is_trained_from_the_sentences_in_the_repository() -> None:
    assert shipped_model().version == version_of([*authored(), *from_packs()])


def test_it_is_small_and_knows_every_label() -> None:
    assert ARTIFACT.stat().st_size < 2_000_000
    assert shipped_model().labels == LABELS


def test_reading_loads_no_learning_library() -> None:
    code = (
        "import sys; from exceptions_app.reading.pipeline import interpret; "
        "from exceptions_app.reading.model import shipped_model; shipped_model(); "
        "sys.exit('sklearn' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("data", [b"", b"not a model", ARTIFACT.read_bytes()[:1000]])
def test_what_is_no_model_is_refused_as_such(data: bytes) -> None:
    with pytest.raises(ValueError, match="no type model"):
        load(data)


def test_a_type_without_a_cue_shows_the_word_it_rests_on() -> None:
    field = read("Werkzeug muss geschliffen werden, PRS-04").field("type")
    assert field is not None
    assert (field.value, field.method, field.words) == ("tooling", "model", "Werkzeug")


def test_authored_sentences_are_the_same_every_time() -> None:
    assert [one.text for one in authored()][:400] == [one.text for one in authored()][:400]
