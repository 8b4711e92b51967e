"""Codes and names in text: exact, normalised, never similar."""

import pytest

from exceptions_app.reading.master import MasterCode, MasterIndex
from exceptions_app.reading.normalise import fold, normalise
from tests.exceptions_app.reading_plant import MASTER

FOUND = [
    ("PRS-04", [("PRS-04", ["PRS-04"], "code")]),
    ("prs 04", [("prs 04", ["PRS-04"], "code")]),
    ("PRS4", [("PRS4", ["PRS-04"], "code")]),
    ("prs_04", [("prs_04", ["PRS-04"], "code")]),
    ("PRS–04", [("PRS–04", ["PRS-04"], "code")]),
    ("PRS O4", [("PRS O4", ["PRS-04"], "code_loose")]),
    ("prs-o4", [("prs-o4", ["PRS-04"], "code_loose")]),
    ("(PRS-04).", [("PRS-04", ["PRS-04"], "code")]),
    ("Press 4", [("Press 4", ["PRS-04"], "name")]),
    ("press no. 4", [("press no. 4", ["PRS-04"], "name")]),
    ("PRESS #04", [("PRESS #04", ["PRS-04"], "name")]),
    ("the schuler is", [("the schuler", ["PRS-04"], "alias")]),
    ("press 4 and 5", [("press 4", ["PRS-04"], "name"), ("5", ["PRS-05"], "name")]),
    ("press 4/5", [("press 4", ["PRS-04"], "name"), ("5", ["PRS-05"], "name")]),
    ("press 4, 5 pcs scrap", [("press 4", ["PRS-04"], "name")]),
    ("press 4. 10 pcs", [("press 4", ["PRS-04"], "name")]),
    ("WO-118204", [("WO-118204", ["WO-118204"], "code")]),
    ("WO 118204-10", [("WO 118204", ["WO-118204"], "code")]),
    ("wo#118204", [("wo#118204", ["WO-118204"], "code")]),
    ("118204 is late", [("118204", ["WO-118204"], "number")]),
    ("WO-118204 and 118211", [("WO-118204", ["WO-118204"], "code"), ("118211", ["WO-118211"], "code")]),
    ("SO 55120 line 10", [("SO 55120", ["SO-55120"], "code"), ("10", ["SO-55120/10"], "code")]),
    ("SO-55120/10", [("SO-55120/10", ["SO-55120/10"], "code")]),
    ("seal kits", [("seal kits", ["SK-40"], "alias")]),
    ("Müller Hydraulik GmbH", [("Müller Hydraulik GmbH", ["CU-200"], "name")]),
    ("MUELLER HYDRAULIK GMBH", [("MUELLER HYDRAULIK GMBH", ["CU-200"], "name")]),
    ("Muller Hydraulik GmbH", [("Muller Hydraulik GmbH", ["CU-200"], "name")]),
    ("Mu\u0308ller Hydraulik GmbH", [("Mu\u0308ller Hydraulik GmbH", ["CU-200"], "name")]),
    ("old saw", [("old saw", ["SAW-1", "SAW-2"], "name")]),
]


@pytest.mark.parametrize(("text", "expected"), FOUND, ids=[row[0] for row in FOUND])
def test_finds(text: str, expected: list[tuple[str, list[str], str]]) -> None:
    hits, unknown = MASTER.find(normalise(text))
    assert [(hit.span.text, [row.code for row in hit.rows], hit.method) for hit in hits] == expected
    assert unknown == []


NOTHING = [
    "PRS-40", "PRS-044", "XPRS-04", "X-PRS-04", "HB-250-A", "HB-250.1", "alarm 118204", "phone 118204", "118204 pcs",
    "0621 118204", "118204.5", "pressed 4 times", "hanzen", "prs", "WO-11820", "WO-1182041", "press and 4", "sealkits",
]  # fmt: skip


@pytest.mark.parametrize("text", NOTHING)
def test_never_links_what_only_resembles(text: str) -> None:
    hits, _ = MASTER.find(normalise(text))
    assert [(hit.span.text, [row.code for row in hit.rows]) for hit in hits] == []


@pytest.mark.parametrize(
    ("text", "words", "kind"),
    [
        ("PRS-40 down", "PRS-40", "work_unit"),
        ("press 9 down", "press 9", "work_unit"),
        ("WO-118205", "WO-118205", "work_order"),
        ("HB-250-A", "HB-250", "item"),
    ],
)
def test_reports_what_is_shaped_like_a_code_and_is_none(text: str, words: str, kind: str) -> None:
    hits, unknown = MASTER.find(normalise(text))
    assert hits == []
    assert [(one.span.text, one.kind) for one in unknown] == [(words, kind)]


def test_number_that_counts_is_no_unknown_code() -> None:
    assert MASTER.find(normalise("press 20 pcs")) == ([], [])


def test_written_out_code_wins_where_two_differ_by_a_zero() -> None:
    index = MasterIndex([MasterCode("work_unit", "M-4"), MasterCode("work_unit", "M-04")])
    assert [row.code for row in index.find(normalise("m-04"))[0][0].rows] == ["M-04"]
    assert [row.code for row in index.find(normalise("M 4"))[0][0].rows] == ["M-4"]
    assert [row.code for row in index.find(normalise("m 004"))[0][0].rows] == ["M-4", "M-04"]


def test_code_of_letters_only_must_be_shouted() -> None:
    index = MasterIndex([MasterCode("work_centre", "SAW")])
    assert [hit.span.text for hit in index.find(normalise("the SAW is down"))[0]] == ["SAW"]
    assert index.find(normalise("I saw it"))[0] == []
    assert index.find(normalise("I SAW IT"))[0] == []


def test_lookup_ignores_spelling_but_not_kind() -> None:
    row = MASTER.lookup("work_unit", "prs04")
    assert row is not None
    assert row.code == "PRS-04"
    assert MASTER.lookup("work_order", "PRS-04") is None
    assert MASTER.lookup("work_unit", "PRS-40") is None
    assert MASTER.knows("lot") is True
    assert MASTER.knows("tool") is False


def test_thousands_of_rows_are_all_found() -> None:
    rows = [
        MasterCode("item", f"IT-{number:05d}", f"Bracket variant {number} left") for number in range(5000)
    ]
    index = MasterIndex(rows, version="v7")
    assert (len(index), index.version) == (5000, "v7")
    for number in (0, 17, 4999):
        assert [row.code for row in index.find(normalise(f"it{number}"))[0][0].rows] == [f"IT-{number:05d}"]
        named = index.find(normalise(f"bracket variant {number} left"))[0]
        assert [row.code for row in named[0].rows] == [f"IT-{number:05d}"]


def test_empty_index_finds_nothing() -> None:
    assert MasterIndex([]).find(normalise("PRS-04 down")) == ([], [])


def test_fold_keeps_every_character_in_its_place() -> None:
    text = "Zażółć gęślą jaźń – ÄÖÜ ß ﬁ ½ ² İ ł ４ 👍 ’"
    assert len(fold(text)) == len(text)
    assert fold(text) == "zazolc gesla jazn - aou ß ﬁ ½ ² i l 4 👍 '"


def test_key_drops_apostrophes_and_opens_hyphens_with_a_way_back() -> None:
    text = normalise("It  won’t-start, Maß\n")
    assert text.key == "it wont start, mass "
    start = text.key.index("wont start")
    assert text.from_key(start, start + 10).text == "won’t-start"
    start = text.key.index("mass")
    assert text.from_key(start, start + 4).text == "Maß"
