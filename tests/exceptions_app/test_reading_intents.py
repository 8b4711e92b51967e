"""Recovery, still, future, again, planned, chatter and negation."""

import pytest

from exceptions_app.reading.types import ReadingContext
from tests.exceptions_app.reading_plant import local, read

INTENTS = [
    ("PRS-04 running again", "recovery", "machine_downtime", False),
    ("press 4 leak fixed", "recovery", "machine_downtime", False),
    ("PRS-04 no longer down", "recovery", "machine_downtime", False),
    ("PRS-04 läuft wieder", "recovery", "machine_downtime", False),
    ("Prensa 4 ya funciona", "recovery", "machine_downtime", False),
    ("Prensa 4 voltou a rodar", "recovery", "machine_downtime", False),
    ("CNC-04 już działa", "recovery", "machine_downtime", False),
    ("parts arrived SK-40", "recovery", "material_shortage", False),
    ("L-77120 hold lifted", "recovery", "quality_hold", False),
    ("Linie A wieder besetzt", "recovery", "labour_shortage", False),
    ("PRS-04 running again by 14:00", "future", "machine_downtime", False),
    ("PRS-04 will be fixed in 20 min", "future", "machine_downtime", False),
    ("Presse 4 wird bis 14 Uhr repariert", "future", "machine_downtime", False),
    ("press 4 down, should be back up by 14:00", "report", "machine_downtime", False),
    ("PRS-04 still not fixed", "report", "machine_downtime", True),
    ("PRS-04 still down", "report", "machine_downtime", True),
    ("PRS-04 läuft wieder nicht", "report", "machine_downtime", True),
    ("Presse 4 immer noch nicht repariert", "report", "machine_downtime", True),
    ("prensa 4 sigue parada", "report", "machine_downtime", True),
    ("CNC-04 ainda não liga", "report", "machine_downtime", True),
    ("CNC-04 jeszcze nie działa", "report", "machine_downtime", True),
    ("PRS-04 down again", "again", "machine_downtime", False),
    ("CNC-04 schon wieder Störung", "again", "machine_downtime", False),
    ("PRS-04 not running again", "again", "machine_downtime", True),
    ("press 4 stopped for planned maintenance", "planned", "machine_downtime", False),
    ("press 4 down, lunch", "planned", "machine_downtime", False),
    ("pm on press 4", "planned", "machine_downtime", False),
    ("Presse 4 Wartung geplant", "planned", "machine_downtime", False),
    ("CNC-04 przegląd planowany", "planned", "machine_downtime", False),
    ("press 4 leak since lunch", "report", "machine_downtime", False),
    ("press 4 down since 3 pm", "report", "machine_downtime", False),
    ("press 4 down after break", "report", "machine_downtime", False),
    ("thanks, on it", "chatter", None, False),
    ("on my way to press 4", "chatter", None, False),
    ("danke, komme", "chatter", None, False),
    ("gracias, enterado", "chatter", None, False),
    ("obrigado, ciente", "chatter", None, False),
    ("dzięki, idę", "chatter", None, False),
    ("ok 👍", "chatter", None, False),
]


@pytest.mark.parametrize(("text", "intent", "type_code", "still"), INTENTS, ids=[row[0] for row in INTENTS])
def test_intent(text: str, intent: str, type_code: str | None, still: bool) -> None:
    reading = read(text)
    assert (reading.intent, reading.type_code, reading.still) == (intent, type_code, still)
    assert (reading.needs_triage, reading.triage_reasons) == (False, ())
    assert reading.recurrence is (intent == "again")


def test_future_only_sets_when_it_is_up_again() -> None:
    reading = read("PRS-04 running again by 14:00")
    assert local(reading.due_at) == "11-23 14:00"
    assert reading.field("expected_up_at") is not None
    assert reading.field("occurred_at") is None
    assert reading.occurred_estimated is True


def test_recovery_time_is_when_it_cleared_not_when_it_began() -> None:
    reading = read("PRS-04 running again since 9:15")
    assert local(reading.value("cleared_at")) == "11-23 09:15"  # type: ignore[arg-type]
    assert reading.field("occurred_at") is None


def test_planned_stop_beside_a_fault_is_a_fault_to_look_at() -> None:
    reading = read("press 4 oil leak during planned maintenance")
    assert (reading.intent, reading.needs_triage) == ("report", True)
    assert reading.triage_reasons == ("a planned stop and a fault in one message",)


def test_all_clear_that_names_nothing_is_never_sure() -> None:
    reading = read("false alarm, ignore")
    assert (reading.intent, reading.needs_triage) == ("recovery", True)
    assert "an all-clear that does not say of what" in reading.triage_reasons


def test_all_clear_at_a_station_takes_its_machine() -> None:
    station = ReadingContext(
        site_code="RHF", work_unit="PRS-04", work_centre="PRS-A", timezone="Europe/Berlin"
    )
    reading = read("running again", station)
    assert (reading.intent, reading.links["work_unit"], reading.needs_triage) == ("recovery", "PRS-04", False)


@pytest.mark.parametrize(
    "text",
    [
        "press 4 down, fire at press 4",
        "fire at press 4, out of SK-40, Hansen complaint",
        "planned stop press 4, operator injured",
        "danke, Feuer an Presse 4",
        "not sure what happened but someone is hurt at press 4",
        "never seen before: smoke from press 4",
    ],
)
def test_safety_word_wins_over_everything(text: str) -> None:
    reading = read(text)
    assert (reading.type_code, reading.intent, reading.unconfirmed) == ("safety_stop", "report", True)
    assert reading.needs_triage is False


def test_safety_stop_opens_without_a_place() -> None:
    reading = read("ambulance needed")
    assert (reading.type_code, reading.needs_triage, reading.unconfirmed) == ("safety_stop", False, True)
    assert reading.triage_reasons == ("no place named",)


def test_safety_stop_is_never_cleared_by_words() -> None:
    reading = read("fire at press 4 is out, all good, resolved and fixed")
    assert (reading.type_code, reading.intent) == ("safety_stop", "report")
    assert reading.triage_reasons == ("an all-clear on a safety stop needs a person",)


def test_negator_cancels_only_nearby_and_within_its_clause() -> None:
    assert read("no fire at press 4").type_code is None
    assert read("press 4 is not really badly down").type_code is None
    assert read("no, press 4 down").type_code == "machine_downtime"
    assert read("operator is not here and press 4 down").type_code == "machine_downtime"
    assert read("no hydraulic leak, but press 4 down").reason_code == ""
    assert read("no air at press 4").type_code == "machine_downtime"


def test_weak_word_with_a_reason_in_other_words_is_enough() -> None:
    reading = read("PRS-04 slow, spindle vibration")
    assert (reading.type_code, reading.state, reading.reason_code) == ("machine_downtime", "slow", "MEC-DRV")
    assert reading.needs_triage is False
