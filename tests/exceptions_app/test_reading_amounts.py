"""What is missing against what is left, new totals, people who are not there; quotes, signatures, spoken times."""

from datetime import date
from decimal import Decimal

import pytest

from exceptions_app.reading.spoken import in_figures
from exceptions_app.reading.strip import strip, without
from tests.exceptions_app.reading_plant import local, read


@pytest.mark.parametrize(
    ("text", "quantity", "uom"),
    [
        ("no SK-40 at press 4: need 500 for WO-118204, only 90 on the shelf, so 410 missing", 410, ""),
        ("SK-40: Bedarf 120 kg, Bestand 30 kg, es fehlen 90 kg", 90, "kg"),
        ("faltan 4.000 SK-40 para WO-118204, en almacén hay 900", 4000, ""),
        ("faltam 2.500 SK-40 para WO-118204, temos 400", 2500, ""),
        ("brakuje 90 kg SK-40 na WO-118204", 90, "kg"),
        ("SK-40 short by 1800 for WO-118204", 1800, ""),
        ("stock of SK-40 is 120, WO-118204 needs 260, out of parts soon", 140, ""),
    ],
)
def test_missing_is_not_what_is_left(text: str, quantity: int, uom: str) -> None:
    reading = read(text)
    assert (reading.type_code, reading.quantity, reading.uom) == ("material_shortage", Decimal(quantity), uom)


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("Hansen: SO-55120 only 50 instead of 100 please", 50),
        ("bitte SO-55120 ändern: statt 400 neu 550 Stück", 550),
        ("SO-55120: change qty 120 -> 90", 90),
        ("Hansen pide SO-55120 de 80 a 110 piezas", 110),
        ("zmiana ilości w zamówieniu SO-55120 ze 150 na 190 szt", 190),
        ("pedido SO-55120 passa de 80 para 110 unidades", 110),
    ],
)
def test_the_new_total_is_what_is_asked(text: str, total: int) -> None:
    reading = read(text)
    assert (reading.type_code, reading.value("requested_quantity")) == ("order_change", Decimal(total))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Hansen asks to move SO-55120 from 1 December to 27 November", date(2026, 11, 27)),
        ("SO-55120 bitte statt 15.12. am 22.12.2026 liefern", date(2026, 12, 22)),
        ("mover SO-55120 del 9 de diciembre al 4 de diciembre", date(2026, 12, 4)),
    ],
)
def test_the_day_asked_for_is_not_the_old_one(text: str, day: date) -> None:
    assert read(text).value("requested_date") == day


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("two guys called in sick on line A, can't run with one man", 2),
        ("faltan dos operarios en la línea A", 2),
        ("na linii A brakuje jednej osoby do pakowania", 1),
        ("3 temps didn't show up on line A", 3),
    ],
)
def test_people_who_are_not_there(text: str, missing: int) -> None:
    reading = read(text)
    assert (reading.type_code, reading.quantity, reading.uom) == ("labour_shortage", missing, "person")


@pytest.mark.parametrize(
    ("text", "began"),
    [
        ("press 4 down since twenty past seven", "11-23 07:20"),
        ("Presse 4 steht seit 6 Uhr 40, Ölverlust", "11-23 06:40"),
        ("Presse 4 steht seit zehn vor acht", "11-23 07:50"),
        ("prensa 4 parada desde las siete y media", "11-23 07:30"),
        ("Presse 4 Störung seit ner halben Stunde", "11-23 09:12"),
        ("PRS-04 stopped by itself 8:25", "11-23 08:25"),
    ],
)
def test_when_it_began_in_spoken_words(text: str, began: str) -> None:
    assert local(read(text).occurred_at) == began


def test_spoken_times_keep_every_place() -> None:
    text = "stoi od za dziesiec osma, cos sie dzieje"
    assert len(in_figures(text, "pl")) == len(text)


MAIL = """Subject: Re: press 4

Press 4 is down again, hydraulic leak.

Best regards
Ana Ruiz
Tel. 118 204

On Tue, 24 Nov 2026 at 09:40, Jan <jan@example.com> wrote:
> Is WO-118211 done? We need 300 pcs.
"""


def test_a_mail_says_what_stands_above_the_goodbye() -> None:
    reading = read(MAIL)
    assert (reading.type_code, reading.links["work_unit"]) == ("machine_downtime", "PRS-04")
    assert reading.quantity is None
    left = without(MAIL, strip(MAIL).all)
    assert len(left) == len(MAIL)
    assert left.split() == ["press", "4", "Press", "4", "is", "down", "again,", "hydraulic", "leak."]


def test_a_message_that_is_all_quote_is_read_as_it_is() -> None:
    text = "> press 4 down\n> hydraulic leak"
    assert strip(text).all == ()
    assert read(text).type_code == "machine_downtime"


def test_a_forwarded_message_is_the_matter() -> None:
    text = (
        "Subject: FW: help\n\nplease look\n\n-----Original Message-----\nFrom: Jan\nSent: Monday\n\n"
        "press 4 down, hydraulic leak"
    )
    reading = read(text)
    assert (reading.type_code, reading.links["work_unit"]) == ("machine_downtime", "PRS-04")
