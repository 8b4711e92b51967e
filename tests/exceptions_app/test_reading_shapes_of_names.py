"""Names in other shapes and languages, order tails, several rows of a kind, and what is named only to be spared."""

from datetime import UTC, datetime
from typing import Any

import pytest

from exceptions_app.reading.master import MasterCode, MasterIndex
from exceptions_app.reading.pipeline import interpret
from exceptions_app.reading.types import Reading, ReadingContext

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PLANT = MasterIndex(
    [
        MasterCode("work_centre", "L1", "Line 1"),
        MasterCode("work_centre", "L2", "Line 2"),
        MasterCode("work_unit", "L1.10", "Etiquetadora 130", aliases=("labeller",), parent="L1"),
        MasterCode("work_unit", "L2.10", "Etiquetadora 230", aliases=("labeller",), parent="L2"),
        MasterCode("work_unit", "P-05", "press 5", parent="L1"),
        MasterCode("work_unit", "P-06", "press 6", parent="L1"),
        MasterCode("work_unit", "AUT-A", "Autoclave north", parent="L2"),
        MasterCode("work_unit", "KB-1", "krawędziarka", parent="L2"),
        MasterCode("work_unit", "KR-1", "Hall equipment", aliases=("crane",), parent="L2"),
        MasterCode("item", "74.6000", "Carton blank 600"),
        MasterCode("item", "71.0302", "Lid twist-off gold lacquered", aliases=()),
        MasterCode("item", "71.0303", "Lid twist-off white lacquered", aliases=()),
        MasterCode("work_order", "OF26/00873"),
        MasterCode("work_order", "OF26/00874"),
        MasterCode("purchase_order", "C26-1215"),
        MasterCode("supplier", "SU-1", "Cierzo Print"),
        MasterCode("lot", "CH-881"),
        MasterCode("lot", "CH-882"),
    ]
)


def read(text: str, **more: Any) -> Reading:
    reading = interpret(text, master=PLANT, context=ReadingContext(), received_at=NOON, **more)
    for field in reading.fields:
        assert text[field.start : field.end] == field.words, field
    return reading


@pytest.mark.parametrize(
    ("text", "kind", "codes"),
    [
        ("pękł wąż na prasie 5", "work_unit", ("P-05",)),
        ("avería en la prensa 6", "work_unit", ("P-06",)),
        ("brakuje operatora na linii 2", "work_centre", ("L2",)),
        ("no operator on línea 1", "work_centre", ("L1",)),
        ("awaria krawędziarki, stoi", "work_unit", ("KB-1",)),
        ("la grúa no funciona", "work_unit", ("KR-1",)),
        ("press 5 and 6 down", "work_unit", ("P-05", "P-06")),
        ("AUT-A stopped, probe broken", "work_unit", ("AUT-A",)),
        ("labeller L2.10 down", "work_unit", ("L2.10",)),
        ("machine stopped, 00873 at risk", "work_order", ("OF26/00873",)),
        ("short of lids for OF 00874", "work_order", ("OF26/00874",)),
        ("Cierzo Print late, PO 1215 comes on Friday", "purchase_order", ("C26-1215",)),
        ("we ran out of gold lids twist-off", "item", ("71.0302",)),
        ("block CH-881, hardness too low. CH-882 is ok", "lot", ("CH-881",)),
    ],
)
def test_names_and_numbers_people_use(text: str, kind: str, codes: tuple[str, ...]) -> None:
    assert read(text).all_links.get(kind) == codes


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("press 5 down, error 74.6000", "item"),  # an alarm number that is spelt like an item
        ("labeller down", "work_unit"),  # two are called so
        ("call me on tel 00873, press down", "work_order"),
        ("press 5 stopped after 1215 pcs", "purchase_order"),
        ("twist-off lids missing", "item"),  # two items have both words
        ("in 1215 it was different", "purchase_order"),
    ],
)
def test_what_only_resembles_is_no_link(text: str, kind: str) -> None:
    assert kind not in read(text).all_links


def test_a_name_of_two_is_settled_by_the_place_named_beside_it() -> None:
    assert read("labeller on line 2 is down").all_links["work_unit"] == ("L2.10",)
    unit = read("labeller is down").field("work_unit")
    assert unit is not None
    assert unit.candidates == ("L1.10", "L2.10")
