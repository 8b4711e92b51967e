"""The nightly reader: trained by a real process on corrections, promoted only where better, taken back."""

from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from core import clock
from core.errors import InvalidInput, NotAllowed
from exceptions_app import services
from exceptions_app.models import Interpretation, ModelStatus, ReaderModel, Review
from exceptions_app.services.learning import training
from exceptions_app.services.learning.examples import examples_of, shipped_check
from tests.exceptions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

# A thing this plant's people name daily; the shipped reader takes it for a machine that is down.
SLANG = "the {} kranzmatik is broken, {}"
PLACES = ("left", "right", "upper", "lower", "second", "third", "fourth", "front", "rear", "inner")
ENDS = ("since 9", "need help", "urgent", "please come", "no idea why", "what now")


@pytest.fixture
def corrected(plant: KolbeMini, report: Report) -> list[Review]:
    """Sixty messages in the plant's own slang, each put right by a person."""
    for number, (place, end) in enumerate(product(PLACES, ENDS)):
        exception = report(SLANG.format(place, end)).exception
        assert exception is not None
        services.correct(
            exception_id=exception.pk, actor=plant.people["katrin.weber"], via="triage",
            fields={"type": "tooling", "tool": f"F-{number}"},
        )  # fmt: skip
    return list(Review.objects.all())


def test_too_few_corrections_train_nothing_and_say_so(
    plant: KolbeMini, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a training process was started")

    monkeypatch.setattr(training.subprocess, "run", never)

    row = training.retrain(site=plant.rhf)
    again = training.retrain(site=plant.rhf)

    assert (row.status, row.rows, row.held_out) == (ModelStatus.TOO_FEW, 0, 0)
    assert "about 40 more are needed" in row.note
    assert again.pk == row.pk
    assert ReaderModel.objects.count() == 1


def test_what_is_held_out_is_never_learnt_from(plant: KolbeMini, corrected: list[Review]) -> None:
    examples = examples_of(plant.rhf)
    assert len(examples) == len(corrected) == 60
    held = {one.key for one in examples if one.held_out}
    assert {one.key for one in examples_of(plant.rhf) if one.held_out} == held
    assert 5 <= len(held) <= 20
    assert shipped_check(), "the labelled messages that come with the product"


def test_a_better_reader_is_put_into_use_and_taken_back(
    plant: KolbeMini, report: Report, corrected: list[Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LEAST_HELD_OUT", 5)
    monkeypatch.setattr(training, "shipped_check", list)
    before = Interpretation.objects.order_by("-pk")[0]
    assert (before.reader_model, before.type_code) != ("", "tooling")

    row = training.retrain(site=plant.rhf, most_authored=2500)

    assert row.status == ModelStatus.PROMOTED, row.note
    assert row.figures["after"]["held_out"] > row.figures["before"]["held_out"]
    assert row.figures["against"] == "shipped"
    assert (row.rows + row.held_out, row.promoted_by) == (60, None)
    assert row.promoted_at is not None
    # the next message is read by it, in this very process, and says so
    fresh = report("the middle kranzmatik is broken, need help")
    read = Interpretation.objects.get(signal=fresh.signal)
    assert (read.type_code, read.reader_model) == ("tooling", row.version)
    assert read.pipeline_version.endswith(f"+{row.version}")

    # a night later there is nothing better to be had
    same = training.retrain(site=plant.rhf, most_authored=2500)
    assert same.status == ModelStatus.NOT_BETTER
    assert ReaderModel.objects.get(status=ModelStatus.PROMOTED) == row
    assert same.figures["against"] == row.version

    with pytest.raises(NotAllowed):
        training.use_shipped(site=plant.rhf, actor=plant.people["piotr.nowak"])
    training.use_shipped(site=plant.rhf, actor=plant.people["ingrid.vogel"])
    back = report("the outer kranzmatik is broken, need help")
    assert Interpretation.objects.get(signal=back.signal).reader_model == ""

    training.promote(model_id=row.pk, actor=plant.people["ingrid.vogel"])
    again = report("the other kranzmatik is broken, need help")
    assert Interpretation.objects.get(signal=again.signal).reader_model == row.version


def test_one_that_forgets_what_was_shipped_is_not_put_into_use(
    plant: KolbeMini, corrected: list[Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LEAST_HELD_OUT", 5)
    data = None

    def narrow(learn: Any, most: Any) -> Any:
        nonlocal data
        # learnt from hardly anything but the slang
        data = _train(learn, 120)
        return data

    _train = training._train
    monkeypatch.setattr(training, "_train", narrow)

    row = training.retrain(site=plant.rhf)

    assert row.status in (ModelStatus.NOT_BETTER, ModelStatus.FAILED), row.note
    if row.figures:
        assert row.figures["after"]["shipped"] < row.figures["before"]["shipped"]
    assert not ReaderModel.objects.filter(status=ModelStatus.PROMOTED).exists()


def test_a_training_that_fails_says_why(
    plant: KolbeMini, corrected: list[Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LEAST_HELD_OUT", 5)
    monkeypatch.setattr(training.sys, "executable", "/bin/false")

    row = training.retrain(site=plant.rhf)

    assert row.status == ModelStatus.FAILED
    assert "CalledProcessError" in row.note
    assert not ReaderModel.objects.filter(status=ModelStatus.PROMOTED).exists()


def test_nothing_can_be_read_with_a_row_that_was_never_trained(plant: KolbeMini) -> None:
    row = training.retrain(site=plant.rhf)
    with pytest.raises(InvalidInput):
        training.promote(model_id=row.pk, actor=plant.people["ingrid.vogel"])


def test_sites_train_in_their_own_night_and_once(plant: KolbeMini) -> None:
    with clock.travel(datetime(2026, 11, 17, 1, 30, tzinfo=UTC)):  # 02:30 in Rheinfelden
        assert plant.rhf in training.sites_due()
        training.retrain(site=plant.rhf)
        assert plant.rhf not in training.sites_due()
    with clock.travel(datetime(2026, 11, 18, 11, 30, tzinfo=UTC)):
        assert plant.rhf not in training.sites_due()
