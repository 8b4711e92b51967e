"""The whole reading: provenance, context, cross-checks, explicit fields."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from exceptions_app.reading.features import Features
from exceptions_app.reading.model import Opinion
from exceptions_app.reading.pipeline import PIPELINE_VERSION, interpret
from exceptions_app.reading.types import FieldReading, ReadingContext, Span
from tests.exceptions_app.reading_plant import MASTER, RECEIVED, local, read


def station(**more: object) -> ReadingContext:
    return ReadingContext(
        site_code="RHF",
        work_unit="PRS-04",
        work_centre="PRS-A",
        timezone="Europe/Berlin",
        channel="station",
        **more,
    )  # type: ignore[arg-type]


def test_press_4_down_hydraulic_leak() -> None:
    reading = read("press 4 down, hydraulic leak")
    assert {
        field.name: (field.value, field.words, field.start, field.end, field.method)
        for field in reading.fields
    } == {
        "type": ("machine_downtime", "leak", 24, 28, "cue"),
        "work_unit": ("PRS-04", "press 4", 0, 7, "name"),
        "reason": ("MEC-LEAK", "hydraulic leak", 14, 28, "cue"),
        "state": ("stopped", "down", 8, 12, "cue"),
        "work_centre": ("PRS-A", "", 0, 0, "context"),
    }
    assert (reading.type_code, reading.intent, reading.needs_triage) == ("machine_downtime", "report", False)
    assert (reading.occurred_at, reading.occurred_estimated) == (RECEIVED, True)
    assert (reading.language, reading.pipeline_version) == ("en", PIPELINE_VERSION)
    assert reading.links == {"work_unit": "PRS-04", "work_centre": "PRS-A"}


def test_offsets_point_into_the_text_as_it_came() -> None:
    text = "  ⚠️ Presse\u00a04 STEHT seit 9 Uhr – Ölverlust!!"
    reading = read(text)
    assert {field.name: field.words for field in reading.fields if field.words} == {
        "type": "Ölverlust",
        "work_unit": "Presse\u00a04",
        "reason": "Ölverlust",
        "state": "STEHT seit",
        "occurred_at": "seit 9 Uhr",
    }
    assert local(reading.occurred_at) == "11-23 09:00"


def test_reading_is_the_same_every_time() -> None:
    text = "press 4 is down again since 9.30, hydraulic leak, 118204 will be late"
    assert read(text) == read(text)


def test_fields_can_be_stored_as_json() -> None:
    reading = read("press 4 down since 9.30, 40 pcs scrap")
    stored = json.loads(json.dumps([field.as_json() for field in reading.fields]))
    assert {row["name"]: row["value"] for row in stored}["occurred_at"] == "2026-11-23T08:30:00+00:00"
    assert {row["name"]: row["value"] for row in stored}["quantity_scrap"] == "40"
    assert FieldReading("item", "X", "ab", 3, 5, "code", 0.9).span == Span(3, 5, "ab")


def test_station_fills_in_what_nobody_types() -> None:
    context = station(running_orders={"PRS-04": "WO-118204"}, item_of_order={"WO-118204": "HB-250"})
    reading = read("down, no air", context)
    assert reading.links == {
        "work_unit": "PRS-04", "work_centre": "PRS-A", "work_order": "WO-118204", "item": "HB-250",
    }  # fmt: skip
    assert {field.method for field in reading.fields if field.name in reading.links} == {"context"}
    assert (reading.needs_triage, reading.confidence) == (False, 0.9)


def test_named_machine_beats_the_station() -> None:
    reading = read("press 5 down, no air", station(running_orders={"PRS-04": "WO-118204"}))
    assert reading.links["work_unit"] == "PRS-05"
    assert "work_order" not in reading.links


def test_shortage_never_takes_the_product_for_the_missing_item() -> None:
    context = station(running_orders={"PRS-04": "WO-118204"}, item_of_order={"WO-118204": "HB-250"})
    reading = read("no parts", context)
    assert "item" not in reading.links
    assert reading.triage_reasons == ("no item named",)


def test_order_names_the_machine_it_runs_on() -> None:
    context = ReadingContext(site_code="RHF", running_orders={"CNC-04": "WO-118211", "PRS-04": "WO-118204"})
    reading = read("WO-118211 stopped, no air", context)
    assert (reading.links["work_unit"], reading.needs_triage) == ("CNC-04", False)


def test_order_that_is_not_at_that_machine_is_doubted() -> None:
    context = ReadingContext(site_code="RHF", open_orders={"PRS-04": frozenset({"WO-118204"})})
    reading = read("PRS-04 down, WO-118211", context)
    assert reading.triage_reasons[0] == "WO-118211 is not at PRS-04"
    assert (reading.needs_triage, reading.confidence) == (True, 0.5)


def test_second_fact_makes_a_loosely_read_code_certain() -> None:
    context = ReadingContext(site_code="RHF", open_orders={"PRS-04": frozenset({"WO-118204"})})
    reading = read("PRS-O4 down, WO-118204", context)
    unit = reading.field("work_unit")
    assert unit is not None
    assert (unit.value, unit.method, unit.confidence) == ("PRS-04", "code_loose", 0.93)
    assert reading.needs_triage is False


def test_lot_of_another_item_is_doubted_and_its_own_item_added() -> None:
    assert read("L-77120 on hold, burrs").links == {"lot": "L-77120", "item": "HB-250"}
    doubted = read("L-77120 on hold, SK-40 burrs")
    assert doubted.triage_reasons == ("L-77120 is a lot of HB-250, not of SK-40",)
    assert (doubted.needs_triage, doubted.confidence) == (True, 0.5)


def test_machine_outside_the_named_line_is_doubted() -> None:
    reading = read("CNC-04 on line A down")
    assert reading.triage_reasons == ("CNC-04 is not in PRS-A",)


def test_shared_name_is_settled_by_the_station() -> None:
    context = ReadingContext(site_code="RHF", work_unit="SAW-2")
    assert read("old saw down", context).links["work_unit"] == "SAW-2"


def test_form_answers_win_over_the_text() -> None:
    reading = read(
        "press 5 down, 40 pcs",
        station(),
        fields={
            "type": "quality_hold", "lot": "l 77120", "reason": "SUR-BURR", "quantity": "1,5", "photo": None,
            "since": "2026-11-23T08:10:00+01:00", "note": "left rack",
        },
    )  # fmt: skip
    explicit = {field.name: field.value for field in reading.fields if field.method == "form"}
    assert explicit == {
        "type": "quality_hold", "lot": "L-77120", "reason": "SUR-BURR", "quantity": Decimal("1.5"),
        "occurred_at": datetime(2026, 11, 23, 7, 10, tzinfo=UTC), "note": "left rack",
    }  # fmt: skip
    assert all(field.confidence == 1.0 for field in reading.fields if field.method == "form")
    assert (reading.type_code, reading.type_confidence, reading.confidence) == ("quality_hold", 1.0, 1.0)
    assert (reading.needs_triage, reading.intent) == (False, "report")
    assert (reading.quantity, reading.reason_code) == (Decimal("1.5"), "SUR-BURR")


def test_machine_signal_without_text_opens() -> None:
    context = ReadingContext(site_code="RHF", channel="machine")
    reading = read("", context, fields={"type": "machine_downtime", "work_unit": "CNC-04"})
    assert (reading.type_code, reading.links["work_unit"]) == ("machine_downtime", "CNC-04")
    assert (reading.needs_triage, reading.confidence) == (False, 1.0)
    assert {field.method for field in reading.fields} == {"api", "context"}


def test_form_may_clear() -> None:
    reading = read(
        "", station(), fields={"type": "machine_downtime", "work_unit": "PRS-04", "intent": "recovery"}
    )
    assert (reading.intent, reading.needs_triage) == ("recovery", False)


def test_thanks_in_the_text_of_a_form_does_not_make_it_chatter() -> None:
    reading = read("thanks", station(), fields={"type": "machine_downtime", "work_unit": "PRS-04"})
    assert (reading.intent, reading.type_code) == ("report", "machine_downtime")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": "machine_downtime", "work_unit": "PRS-99"}, "PRS-99 is not a known machine"),
        ({"type": "coffee", "work_unit": "PRS-04"}, "coffee is not a known type"),
        ({"type": "machine_downtime", "work_unit": "PRS-04", "quantity": "many"}, "many is not a quantity"),
        ({"type": "machine_downtime", "work_unit": "PRS-04", "quantity": "NaN"}, "NaN is not a quantity"),
        ({"type": "machine_downtime", "work_unit": "PRS-04", "since": "then"}, "then is not a time"),
    ],
)
def test_wrong_answers_go_to_triage(fields: dict[str, str], reason: str) -> None:
    reading = read("", fields=fields)
    assert reading.needs_triage is True
    assert reason in reading.triage_reasons


def test_time_ahead_of_receipt_is_not_believed() -> None:
    ahead = (RECEIVED + timedelta(hours=2)).isoformat()
    reading = read("", station(), fields={"type": "machine_downtime", "work_unit": "PRS-04", "since": ahead})
    assert (reading.occurred_at, reading.occurred_estimated) == (RECEIVED, True)
    assert reading.field("occurred_at") is None


def test_another_model_may_stand_in() -> None:
    class AlwaysTooling:
        def __call__(self, features: Features) -> Opinion:
            return Opinion((("tooling", 0.99), ("none", 0.01)), ())

    reading = interpret(
        "press 4 broken", master=MASTER, context=ReadingContext(), received_at=RECEIVED, model=AlwaysTooling()
    )
    assert (reading.type_code, reading.links["work_unit"]) == ("tooling", "PRS-04")
