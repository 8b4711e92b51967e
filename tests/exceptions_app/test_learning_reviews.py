"""What a correction teaches at once: reviews, names, plant words, who looks first; and what it must never teach."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from core.errors import InvalidInput, NotAllowed, NotFound, TransitionRefused
from exceptions_app import services
from exceptions_app.models import (
    Correction,
    CueStatus,
    ExceptionRecord,
    Interpretation,
    LearnedAlias,
    PlantCue,
    Review,
    SignalReading,
    Source,
    Verdict,
)
from exceptions_app.services.learning.checking import check_corrections
from tests.exceptions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

LEAK = "the old lady is leaking oil all over again"
Sort = Callable[..., ExceptionRecord]


@pytest.fixture
def waiting(plant: KolbeMini, report: Report) -> ExceptionRecord:
    """A report that names its machine by a name only the floor knows."""
    found = report(LEAK, kind="api").exception
    assert found is not None
    assert found.status == "triage"
    return found


@pytest.fixture
def sort(plant: KolbeMini) -> Sort:
    """Sort a record as the shift supervisor."""

    def act(
        exception: ExceptionRecord, words: dict[str, str] | None = None, **fields: Any
    ) -> ExceptionRecord:
        return services.correct(
            exception_id=exception.pk, fields=fields, actor=plant.people["katrin.weber"], via="triage", words=words
        )  # fmt: skip

    return act


def interpretation(reading: SignalReading) -> Interpretation:
    return Interpretation.objects.filter(signal=reading.signal).order_by("-pk")[0]


def test_a_sorted_item_is_reviewed_field_by_field(
    plant: KolbeMini, waiting: ExceptionRecord, sort: Sort
) -> None:
    sort(waiting, type="machine_downtime", work_unit="PRS-04")

    review = Review.objects.get()
    assert (review.verdict, review.read_type, review.true_type) == (
        Verdict.CORRECTED, "machine_downtime", "machine_downtime",
    )  # fmt: skip
    assert (review.type_right, review.links_right, review.unchanged, review.asked) == (
        True,
        False,
        False,
        True,
    )
    assert (review.site, review.channel, review.language) == (plant.rhf, "api", "en")
    assert review.pipeline_version == interpretation(waiting.readings.get()).pipeline_version
    rows = {row.field: (row.before, row.after, row.right) for row in review.corrections.all()}
    assert rows["work_unit"] == ("", "PRS-04", False)
    assert rows["type"] == ("machine_downtime", "machine_downtime", True)
    assert not LearnedAlias.objects.exists()


def test_what_is_right_as_read_counts_as_accepted(plant: KolbeMini, report: Report, sort: Sort) -> None:
    untrusted = Source.objects.create(
        code="strangers", name="Strangers", channel="whatsapp", site=plant.rhf, trusted=False
    )
    got = services.receive_signal(source=untrusted, external_id="x1", text="PRS-04 stopped, hydraulic leak")
    exception = services.read_signal(signal_id=got.signal.pk).exception
    assert exception is not None
    assert exception.status == "triage"

    sort(exception, type="machine_downtime", work_unit="PRS-04")

    review = Review.objects.get()
    assert (review.verdict, review.unchanged, review.links_right) == (Verdict.ACCEPTED, True, True)


def test_reviews_and_corrections_are_for_ever(plant: KolbeMini, waiting: ExceptionRecord, sort: Sort) -> None:
    sort(waiting, type="machine_downtime", work_unit="PRS-04")

    for rows in (Review.objects.all(), Correction.objects.all()):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(via="elsewhere") if rows.model is Review else rows.update(after="x")
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.delete()


# --- names --------------------------------------------------------------------------------------------------
def test_the_very_next_message_knows_the_name(
    plant: KolbeMini, report: Report, waiting: ExceptionRecord, sort: Sort
) -> None:
    sort(waiting, {"work_unit": "old lady"}, type="machine_downtime", work_unit="PRS-04")
    alias = LearnedAlias.objects.get()
    assert (alias.site, alias.key, alias.kind, alias.code, alias.active) == (
        plant.rhf, "old lady", "work_unit", "PRS-04", True,
    )  # fmt: skip
    assert alias.origin is not None
    assert alias.origin.field == "work_unit"
    assert alias.created_by == plant.people["katrin.weber"]

    again = report("Old Lady stopped, hydraulic leak")

    assert again.exception is not None
    found = {row["name"]: row for row in interpretation(again).fields}
    assert (found["work_unit"]["value"], found["work_unit"]["method"]) == ("PRS-04", "alias")
    assert again.exception == waiting
    # another site's people say it of nothing
    elsewhere = report("Old Lady stopped, hydraulic leak", site=plant.gvl)
    assert "work_unit" not in {row["name"] for row in interpretation(elsewhere).fields}


def test_a_name_taken_back_is_forgotten_at_once(
    plant: KolbeMini, report: Report, waiting: ExceptionRecord, sort: Sort
) -> None:
    sort(waiting, {"work_unit": "old lady"}, type="machine_downtime", work_unit="PRS-04")
    review = Review.objects.get()
    with pytest.raises(NotFound):
        services.take_back(review_id=review.pk, actor=plant.people["ingrid.vogel"])

    services.take_back(review_id=review.pk, actor=plant.people["katrin.weber"])

    assert not LearnedAlias.objects.get().active
    found = {row["name"] for row in interpretation(report("old lady stopped, hydraulic leak")).fields}
    assert "work_unit" not in found
    with pytest.raises(TransitionRefused):
        services.take_back(review_id=review.pk, actor=plant.people["katrin.weber"])
    # and brought back by hand
    services.restore_name(alias_id=LearnedAlias.objects.get().pk, actor=plant.people["katrin.weber"])
    found = {row["name"] for row in interpretation(report("old lady stopped, hydraulic leak")).fields}
    assert "work_unit" in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PRS-09 is leaking oil all over", "PRS-09"),
        ("PRS 4711 is leaking oil all over", "PRS 4711"),
        ("the machine is leaking oil all over", "the machine"),
        ("grandma is leaking oil all over", "old lady"),
        (
            "leaking oil all over the floor of the great big hall by the door",
            "great big hall by the door over there",
        ),
        ("it is leaking oil", "leaking"),
        ("X is leaking oil all over", "X"),
    ],
)
def test_codes_kinds_cues_and_what_was_never_said_are_no_names(
    plant: KolbeMini, report: Report, sort: Sort, text: str, words: str
) -> None:
    exception = report(text).exception
    assert exception is not None
    assert exception.status == "triage"

    sort(exception, {"work_unit": words}, type="machine_downtime", work_unit="PRS-04")

    assert not LearnedAlias.objects.exists()


def test_a_name_the_plant_uses_itself_is_refused(plant: KolbeMini) -> None:
    taken = plant.units["CNC-05"]
    taken.aliases = ["silver bullet"]
    taken.save()

    learnt = services.learn_name(
        site=plant.rhf,
        words="Silver Bullet",
        kind="work_unit",
        code="PRS-04",
        actor=plant.people["katrin.weber"],
    )

    assert learnt is None
    assert not LearnedAlias.objects.exists()


def test_a_name_that_comes_to_mean_two_things_means_none(plant: KolbeMini) -> None:
    def learn(code: str) -> LearnedAlias | None:
        return services.learn_name(
            site=plant.rhf, words="big blue", kind="work_unit", code=code, actor=plant.people["katrin.weber"]
        )

    first, second = learn("PRS-03"), learn("PRS-04")
    assert first is not None
    assert second is not None
    first.refresh_from_db()
    assert (first.active, second.active) == (False, True)

    assert learn("PRS-03") is None
    assert not LearnedAlias.objects.filter(active=True).exists()


def test_names_are_for_those_who_sort(plant: KolbeMini) -> None:
    alias = services.learn_name(
        site=plant.rhf, words="big blue", kind="work_unit", code="PRS-03", actor=plant.people["katrin.weber"]
    )
    assert alias is not None
    with pytest.raises(NotAllowed):
        services.withdraw_name(alias_id=alias.pk, actor=plant.people["piotr.nowak"])
    alias.refresh_from_db()
    assert alias.active


# --- plant words --------------------------------------------------------------------------------------------
def test_a_phrase_that_keeps_recurring_is_proposed_and_read_by_once_confirmed(
    plant: KolbeMini, report: Report, sort: Sort
) -> None:
    texts = (
        "kranzmatik is broken, what now",
        "kranzmatik is broken, need help",
        "the kranzmatik is broken since 9",
    )
    for number, text in enumerate(texts):
        exception = report(text).exception
        assert exception is not None
        assert exception.status == "triage", text
        assert not PlantCue.objects.exists()
        sort(exception, type="tooling", tool=f"F-{number}")

    cue = PlantCue.objects.get(key="kranzmatik")
    assert (cue.status, cue.count, cue.site) == (CueStatus.PROPOSED, 3, plant.rhf)
    assert cue.type is not None
    assert cue.type.code == "tooling"
    assert len(cue.examples) == 3
    before = dict(interpretation(report("kranzmatik is broken, urgent")).type_candidates)
    with pytest.raises(NotAllowed):
        services.settle_cue(cue_id=cue.pk, use=True, actor=plant.people["piotr.nowak"])

    services.settle_cue(cue_id=cue.pk, use=True, actor=plant.people["ingrid.vogel"])

    after = interpretation(report("kranzmatik is broken, urgent"))
    assert dict(after.type_candidates)["tooling"] > before.get("tooling", 0)
    assert after.type_code == "tooling"


def test_a_plant_word_needs_a_meaning(plant: KolbeMini) -> None:
    with pytest.raises(InvalidInput):
        services.add_cue(site=plant.rhf, phrase="kranzmatik", actor=plant.people["ingrid.vogel"])
    assert not PlantCue.objects.exists()


# --- nothing to do, and who looks first ---------------------------------------------------------------------
def test_a_dismissed_message_counts_as_chatter(plant: KolbeMini, waiting: ExceptionRecord) -> None:
    lesson = services.note_dismissal(
        exception=waiting, actor=plant.people["ingrid.vogel"], reason="Chatter", via="triage"
    )
    assert lesson is not None
    review = Review.objects.get()
    assert (review.verdict, review.true_type, review.type_right) == (Verdict.DISMISSED, "chatter", False)


def test_a_site_may_look_first(plant: KolbeMini, report: Report) -> None:
    text = "PRS-03 stopped, hydraulic leak"
    services.set_acceptance(
        site=plant.rhf,
        type_code="machine_downtime",
        channel="api",
        mode="ask",
        actor=plant.people["ingrid.vogel"],
    )
    asked = report(text)
    assert asked.exception is not None
    assert asked.exception.status == "triage"
    assert "here a person looks at machine downtime by api first" in interpretation(asked).triage_reasons

    services.set_acceptance(
        site=plant.rhf, type_code="machine_downtime", channel="api", mode="shipped",
        actor=plant.people["ingrid.vogel"],
    )  # fmt: skip
    free = report("CNC-05 stopped, spindle vibration")
    assert free.exception is not None
    assert free.exception.status == "open"


def test_an_order_change_never_opens_unasked(plant: KolbeMini) -> None:
    with pytest.raises(InvalidInput) as refusal:
        services.set_acceptance(
            site=plant.rhf,
            type_code="order_change",
            channel="email",
            mode="open",
            actor=plant.people["ingrid.vogel"],
        )
    assert refusal.value.code == "learning.acceptance"
    with pytest.raises(NotAllowed):
        services.set_acceptance(
            site=plant.rhf,
            type_code="tooling",
            channel="email",
            mode="open",
            actor=plant.people["piotr.nowak"],
        )


# --- regression ---------------------------------------------------------------------------------------------
def test_corrections_are_regression_cases(
    plant: KolbeMini, report: Report, waiting: ExceptionRecord, sort: Sort, capsys: pytest.CaptureFixture[str]
) -> None:
    sort(waiting, {"work_unit": "old lady"}, type="machine_downtime", work_unit="PRS-04")

    found = check_corrections(site=plant.rhf)

    assert found.messages == 1
    # the name taught is read in the very message it was taught by
    assert found.counts["mended"] == 1
    assert not found.broke
    assert not found.still
    call_command("check_corrections", "--site", "RHF")
    assert "1 corrected messages" in capsys.readouterr().out

    services.withdraw_name(alias_id=LearnedAlias.objects.get().pk, actor=plant.people["katrin.weber"])
    assert check_corrections(site=plant.rhf).counts["mended"] == 0


def test_what_broke_fails_the_check(plant: KolbeMini, report: Report, sort: Sort) -> None:
    services.set_acceptance(
        site=plant.rhf,
        type_code="machine_downtime",
        channel="api",
        mode="ask",
        actor=plant.people["ingrid.vogel"],
    )
    exception = report("PRS-03 stopped, hydraulic leak").exception
    assert exception is not None
    sort(exception, type="machine_downtime", work_unit="PRS-03")
    assert not check_corrections().broke

    plant.units["PRS-03"].active = False
    plant.units["PRS-03"].save()

    assert [case.field for case in check_corrections().broke] == ["work_unit"]
    with pytest.raises(CommandError):
        call_command("check_corrections")
