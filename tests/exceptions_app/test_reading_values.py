"""Times, amounts, reasons and other values read from text."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from exceptions_app.reading.normalise import normalise
from exceptions_app.reading.packs import LANGUAGES, shipped_packs
from exceptions_app.reading.pipeline import interpret
from exceptions_app.reading.quantities import parse_number
from exceptions_app.reading.times import Moment, TimeReader
from exceptions_app.reading.types import TYPE_CODES, ReadingContext
from plant_app.defaults.reasons import REASONS
from tests.exceptions_app.reading_plant import BERLIN, MASTER, RECEIVED, local, read


def times(language: str, text: str, at: datetime = RECEIVED) -> TimeReader:
    return TimeReader(
        masked=normalise(text).fold,
        original=text,
        pack=shipped_packs().packs[language],
        received_at=at,
        tz=BERLIN,
    )


PAST = [
    ("en", "since about 10", "11-22 22:00"), ("en", "since 09:30", "11-23 09:30"),
    ("en", "since 9.30, leak", "11-23 09:30"),
    ("en", "since nine", "11-23 09:00"), ("en", "since quarter past 8", "11-23 08:15"),
    ("en", "since 7 am", "11-23 07:00"),
    ("en", "since 3 pm", "11-22 15:00"), ("en", "half an hour ago", "11-23 09:12"),
    ("en", "an hour ago", "11-23 08:42"),
    ("en", "2 hrs ago", "11-23 07:42"), ("en", "for 20 min", "11-23 09:22"), ("en", "yesterday 22:00", "11-22 22:00"),
    ("en", "at 9:15", "11-23 09:15"), ("en", "2026-11-23 09:10", "11-23 09:10"), ("en", "for 4 days", "11-19 09:42"),
    ("de", "seit 9 Uhr", "11-23 09:00"), ("de", "seit halb neun", "11-23 08:30"), ("de", "vor 20 min", "11-23 09:22"),
    ("de", "vor einer halben Stunde", "11-23 09:12"), ("de", "seit viertel nach acht", "11-23 08:15"),
    ("de", "seit gestern 22:00", "11-22 22:00"), ("de", "seit 20 Minuten", "11-23 09:22"),
    ("es", "desde las 9:10", "11-23 09:10"), ("es", "hace media hora", "11-23 09:12"),
    ("es", "desde hace 20 min", "11-23 09:22"),
    ("pt", "desde as 8h30", "11-23 08:30"), ("pt", "há 20 min", "11-23 09:22"), ("pt", "há meia hora", "11-23 09:12"),
    ("pl", "od 9:15", "11-23 09:15"), ("pl", "20 min temu", "11-23 09:22"), ("pl", "pół godziny temu", "11-23 09:12"),
    ("pl", "godzinę temu", "11-23 08:42"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "expected"), PAST, ids=[row[1] for row in PAST])
def test_when_it_began(language: str, text: str, expected: str) -> None:
    moment = times(language, text).occurred()
    assert moment is not None
    assert local(moment.at) == expected
    assert moment.at.tzinfo is UTC
    assert text[moment.span.start : moment.span.end] == moment.span.text


FUTURE = [
    ("en", "until 14:00", "11-23 14:00", None), ("en", "by Friday", "11-28 00:00", date(2026, 11, 27)),
    ("en", "by noon", "11-23 12:00", None), ("en", "in 20 min", "11-23 10:02", None),
    ("en", "in 3 weeks", "12-14 09:42", None),
    ("en", "wk 50", "12-12 00:00", date(2026, 12, 11)), ("en", "to Dec 4", "12-05 00:00", date(2026, 12, 4)),
    ("en", "4 December", "12-05 00:00", date(2026, 12, 4)), ("en", "tomorrow 8:00", "11-24 08:00", None),
    ("en", "2026-11-30", "12-01 00:00", date(2026, 11, 30)), ("en", "24/11", "11-25 00:00", date(2026, 11, 24)),
    ("en", "end of week", "11-28 00:00", date(2026, 11, 27)), ("en", "by 3 pm", "11-23 15:00", None),
    ("de", "KW 48", "11-28 00:00", date(2026, 11, 27)), ("de", "bis Freitag 12 Uhr", "11-27 12:00", None),
    ("de", "auf den 4.12.", "12-05 00:00", date(2026, 12, 4)), ("de", "bis 14 Uhr", "11-23 14:00", None),
    ("de", "auf 4.12", "12-05 00:00", date(2026, 12, 4)), ("de", "übermorgen", "11-26 00:00", date(2026, 11, 25)),
    ("es", "para el viernes", "11-28 00:00", date(2026, 11, 27)),
    ("es", "4 de diciembre", "12-05 00:00", date(2026, 12, 4)),
    ("es", "para las 14:00", "11-23 14:00", None), ("pt", "até sexta", "11-28 00:00", date(2026, 11, 27)),
    ("pt", "até as 14h", "11-23 14:00", None), ("pl", "do piątku", "11-28 00:00", date(2026, 11, 27)),
    ("pl", "za 20 min", "11-23 10:02", None), ("pl", "na 4.12.", "12-05 00:00", date(2026, 12, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "expected", "day"), FUTURE, ids=[row[1] for row in FUTURE])
def test_when_it_is_due(language: str, text: str, expected: str, day: date | None) -> None:
    moment = times(language, text).due()
    assert moment is not None
    assert (local(moment.at), moment.day) == (expected, day)
    assert text[moment.span.start : moment.span.end] == moment.span.text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "at press 4"), ("en", "to 800"), ("en", "3.5 bar"), ("en", "lot 2231"), ("en", "PO slips 3 times"),
        ("en", "200 pcs"), ("en", "31/31"), ("en", "since 2026-10-01 10:00"), ("en", "wk 77"), ("en", "30 February"),
        ("de", "seit langem"), ("es", "desde siempre"), ("en", "at 25:00"), ("en", "since 99 days"),
        ("en", "version 1.2.3"),
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(language: str, text: str) -> None:
    reader = times(language, text)
    assert (reader.occurred(), reader.due()) == (None, None)


def test_night_shift_reads_the_evening_before() -> None:
    night = datetime(2026, 11, 24, 2, 10, tzinfo=BERLIN)
    moment = times("en", "since 23:30", night).occurred()
    assert isinstance(moment, Moment)
    assert local(moment.at) == "11-23 23:30"


def test_clock_change_keeps_local_hours() -> None:
    after = datetime(2026, 10, 25, 9, 0, tzinfo=BERLIN)
    moment = times("en", "since 01:30", after).occurred()
    assert moment is not None
    assert moment.at == datetime(2026, 10, 24, 23, 30, tzinfo=UTC)


def test_month_first_sites_read_slashes_their_way() -> None:
    context = ReadingContext(timezone=ZoneInfo("America/New_York"), date_order="mdy")
    text = "pull in SO-55120 to 12/4"
    reading = interpret(text, master=MASTER, context=context, received_at=RECEIVED)
    assert reading.value("requested_date") == date(2026, 12, 4)


def test_start_of_shift_is_known_from_context() -> None:
    began = datetime(2026, 11, 23, 6, 0, tzinfo=BERLIN)
    reading = read(
        "press 4 down since start of shift", ReadingContext(timezone="Europe/Berlin", shift_start=began)
    )
    assert (reading.occurred_at, reading.occurred_estimated) == (began.astimezone(UTC), False)


NUMBERS = [
    ("1.200", ",", True, "1200"), ("1,200", ".", False, "1200"), ("1.200", ".", True, "1200"),
    ("1.200", ".", False, "1.200"),
    ("1,200", ",", False, "1.200"), ("1.234,5", ",", False, "1234.5"), ("1,234.5", ".", False, "1234.5"),
    ("12,5", ",", False, "12.5"), ("1'200", ".", False, "1200"), ("1.234.567", ",", True, "1234567"),
    ("7", ".", True, "7"),
    ("0.125", ".", True, "0.125"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "decimal", "counted", "expected"), NUMBERS, ids=[f"{r[0]}{r[1]}{r[2]}" for r in NUMBERS]
)
def test_numbers_as_written_in_a_language(words: str, decimal: str, counted: bool, expected: str) -> None:
    assert parse_number(words, decimal=decimal, counted=counted) == Decimal(expected)


AMOUNTS = [
    ("lot L-77120 on hold, burrs on 40 pcs", {"quantity": "40"}, "pcs"),
    ("lote L-77120 retenido, rebaba en 1.200 piezas", {"quantity": "1200"}, "pcs"),
    ("out of SK-40, only 20 left", {"quantity_left": "20"}, ""),
    ("22 done, 1 scrap on WO-118204, out of tolerance",
     {"quantity_good": "22", "quantity_scrap": "1", "quantity": "1"}, ""),
    ("increase SO-55120 from 600 to 800 pcs", {"quantity_from": "600", "requested_quantity": "800"}, "pcs"),
    ("SO-55120 Menge erhöhen von 600 auf 800", {"quantity_from": "600", "requested_quantity": "800"}, ""),
    ("aumentar a 1.500 piezas SO-55120", {"requested_quantity": "1500"}, "pcs"),
    ("shortage SK-40: 48 of 50 arrived", {"quantity_received": "48", "quantity_total": "50", "quantity": "2"}, ""),
    ("5 of 50 pcs out of tolerance on L-77120", {"quantity": "5", "quantity_total": "50"}, "pcs"),
    ("running 3 of 4 on line A", {"quantity_total": "4", "quantity": "1"}, "person"),
    ("faltan 2 en línea A", {"quantity": "2"}, "person"),
    ("two short on line A", {"quantity": "2"}, "person"),
    ("kein Material SK-40, 12,5 kg fehlen", {"quantity": "12.5"}, "kg"),
    ("press 4 down, 2 mm out, alarm 118204", {}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected", "uom"), AMOUNTS, ids=[row[0][:40] for row in AMOUNTS])
def test_amounts(text: str, expected: dict[str, str], uom: str) -> None:
    reading = read(text)
    found = {field.name: field.value for field in reading.fields if "quantity" in field.name}
    assert found == {name: Decimal(value) for name, value in expected.items()}
    assert reading.uom == uom
    assert reading.quantity == (Decimal(expected["quantity"]) if "quantity" in expected else None)


REASON = [
    ("press 4 down, hydraulic leak", "MEC-LEAK", "hydraulic leak"),
    ("PRS-04 won't start, no air", "UTL-AIR", "no air"),
    ("CNC-04 down, spindle vibration", "MEC-DRV", "spindle vibration"), ("press 4 jammed", "MEC-JAM", "jammed"),
    ("press 4 down, blown fuse", "ELE-PWR", "fuse"), ("Presse 4 steht seit 9 Uhr, undicht", "MEC-LEAK", "undicht"),
    ("prensa 4 parada, sin aire", "UTL-AIR", "sin aire"), ("CNC-04 awaria, brak prądu", "ELE-PWR", "brak prądu"),
    ("CNC-04 parou, vazamento", "MEC-LEAK", "vazamento"), ("L-77120 on hold, undersize", "DIM-SIZE", "undersize"),
    ("L-77120 gesperrt, Kratzer", "SUR-SCRATCH", "Kratzer"), ("tool broke press 4", "BRK", "tool broke"),
    ("one short on line A, no show", "NOSHOW", "no show"),
    ("PO-88031 stuck in customs", "SUP-TRANSIT", "stuck in customs"),
    ("short of SK-40, count is off", "INV-COUNT", "count is off"), ("fire at press 4", "FIRE", "fire"),
    ("complaint Hansen, wrong part", "ASM-WRONG", "wrong part"), ("press 4 stopped, pm", "PLN-PM", "pm"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "words"), REASON, ids=[row[0] for row in REASON])
def test_reason_with_its_words(text: str, code: str, words: str) -> None:
    field = read(text).field("reason")
    assert field is not None
    assert (field.value, field.words, field.method) == (code, words, "cue")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("pull in SO-55120 to 4 December", "DATE-EARLIER"), ("push out SO-55120", "DATE-LATER"),
        ("SO-55120 stornieren", "CANCEL"), ("increase SO-55120 from 600 to 800", "QTY-UP"),
        ("reducir a 300 SO-55120", "QTY-DOWN"), ("SO-55120 change address", "SHIP-TO/MODE"),
    ],
)  # fmt: skip
def test_kind_of_order_change(text: str, kind: str) -> None:
    reading = read(text)
    assert (reading.value("kind"), reading.reason_code) == (kind, "")


def test_references_that_are_no_master_data() -> None:
    assert read("ECN 2231 new rev for HB-250").value("change_no") == "ECN-2231"
    assert read("tool broke on press 4, die D-214").value("tool") == "D-214"
    assert read("Hansen: pull in PO 4500012345 to Friday").value("customer_po") == "4500012345"
    assert read("pull in SO-55120, PO 4500012345").value("customer_po") is None


def test_every_reason_a_pack_can_give_is_shipped() -> None:
    known = {type_code: {code for code, _, _ in reasons} for type_code, reasons in REASONS.items()}
    known["order_change"] |= {
        "DATE-EARLIER",
        "DATE-LATER",
        "QTY-UP",
        "QTY-DOWN",
        "CANCEL",
        "ADD",
        "SHIP-TO/MODE",
        "PRICE",
    }
    given = {
        (role.type_code, role.value)
        for roles in shipped_packs()._roles.values()
        for role in roles
        if role.kind == "reason"
    }
    assert given
    assert sorted((type_code, code) for type_code, code in given if code not in known[type_code]) == []


def test_every_language_speaks_of_every_type_and_intent() -> None:
    roles = [role for found in shipped_packs()._roles.values() for role in found]
    intents = {"recovery", "still", "future", "again", "planned", "negator", "chatter"}
    for language in LANGUAGES:
        mine = [role for role in roles if role.language == language]
        assert {role.value for role in mine if role.kind == "type"} == set(TYPE_CODES)
        assert {role.value for role in mine if role.kind == "intent"} >= intents
