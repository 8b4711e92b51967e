"""What published corpora and the gold set say of the reader: figures that must hold. None may be tuned on held-out."""

import json
from functools import cache
from pathlib import Path

import pytest

from core import clock
from evaluation import proxies
from exceptions_app.services.evaluation import Answer, Report, evaluate, read_gold, read_master, score
from exceptions_app.services.evaluation.gold import LINKS, NONE
from exceptions_app.services.evaluation.master import Master
from exceptions_app.services.evaluation.scoring import read_type

FOLDER = Path(__file__).resolve().parents[2] / "evaluation" / "capture"
PLANTS = ("brandt", "ebro")
#: How a link is read as an identifier rather than as a name.
_AS_CODE = frozenset({"code", "code_loose", "number"})


def needs(path: Path) -> pytest.MarkDecorator:
    """Skip, by name, where a corpus does not lie beside the checkout."""
    return pytest.mark.skipif(not path.exists(), reason=f"{path.parent.name}/{path.name} is not here")


@needs(proxies.MAINTIE)
def test_the_features_tell_failures_from_wear_and_from_work_in_notes_nobody_here_wrote() -> None:
    rows = proxies.maintie()

    assert [sum(label == one for _, label in rows) for one in ("failed", "degraded", "activity")] == [
        211,
        347,
        507,
    ]
    assert proxies.maintie_macro_f1() >= 0.90


@needs(proxies.MAINTNORM / "combined.test.norm")
def test_identifiers_of_a_known_plant_are_found_and_hardly_anything_else_is_taken_for_one() -> None:
    found = proxies.maintnorm_identifiers()

    assert found.marked == 909
    assert found.precision >= 0.99
    assert found.recall >= 0.90


@cache
def _run(plant: str) -> tuple[tuple[Answer, ...], Master]:
    master = read_master(json.loads((FOLDER / f"{plant}.master.json").read_text(encoding="utf-8")))
    lines = (FOLDER / f"{plant}.dev.jsonl").read_text(encoding="utf-8").split("\n")
    messages, _ = read_gold(lines, zone=master.zone, now=clock.now())
    return evaluate(messages=messages, master=master).answers, master


def _report(plant: str) -> Report:
    answers, master = _run(plant)
    return score(answers, codes={kind: master.codes(kind) for kind in LINKS}, zone=master.zone)


@pytest.mark.django_db
def test_identifiers_read_in_the_gold_set_are_the_ones_meant() -> None:
    read = right = 0
    for plant in PLANTS:
        for answer in _run(plant)[0]:
            assert answer.reading is not None, answer.error
            for kind, expected in answer.message.links.items():
                found = answer.reading.field(kind)
                if found is None or found.candidates or found.method not in _AS_CODE:
                    continue
                read += 1
                right += str(found.value) in expected

    assert read > 100
    assert right / read >= 0.99


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("plant", "macro_f1", "precision", "recall"), [("brandt", 0.93, 0.98, 0.97), ("ebro", 0.94, 0.97, 0.92)]
)
def test_the_reader_is_no_worse_than_it_was(
    plant: str, macro_f1: float, precision: float, recall: float
) -> None:
    report = _report(plant)

    assert report.unread == 0
    assert report.macro_f1 >= macro_f1
    assert report.all_links.precision >= precision
    assert report.all_links.recall >= recall
    assert report.as_json()["cpu_ms"]["p95"] < 15


@pytest.mark.django_db
def test_hardly_a_real_report_is_taken_for_nothing() -> None:
    """What is ignored is seen by nobody; a question too many costs a look, a report too few costs the stop."""
    real = [
        answer
        for plant in PLANTS
        for answer in _run(plant)[0]
        if answer.message.type is not None and answer.message.type != NONE
    ]
    lost = [answer.message.id for answer in real if read_type(answer) == NONE]

    assert len(real) > 200
    assert len(lost) / len(real) <= 0.015, lost
