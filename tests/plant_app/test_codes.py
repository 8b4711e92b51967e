"""Printed codes: signed, revocable, one live per machine; and the sheet they are printed on."""

import re
import zlib

import pytest
import segno
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.test import Client

from core.errors import NotFound
from plant_app.labels import COLUMNS, ROWS, Label, sheet
from plant_app.models import UnitCode, User
from plant_app.services import address_of, code_of_token, code_sheet, codes_for, revoke_codes, token_of
from plant_app.services.access import check_badge, issue_badge
from tests.plant_fixtures import KolbeMini

FONTS = django_settings.BASE_DIR / "static" / "fonts"
pytestmark = pytest.mark.django_db


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))


def test_a_machine_has_one_live_code_and_a_reprint_opens_the_same_page(kolbe_mini: KolbeMini) -> None:
    press, mill = kolbe_mini.units["PRS-04"], kolbe_mini.units["CNC-04"]
    first = codes_for(work_units=[press, mill])
    again = codes_for(work_units=[mill, press])
    assert [code.pk for code in again] == [first[1].pk, first[0].pk]
    assert first[0].key != first[1].key
    assert code_of_token(token_of(first[0])).work_unit == press


def test_the_address_is_signed_and_forgiving_to_read(kolbe_mini: KolbeMini) -> None:
    (code,) = codes_for(work_units=[kolbe_mini.units["PRS-04"]])
    token = token_of(code)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{8}-[0-9A-HJKMNP-TV-Z]{10}", token)
    assert address_of(code) == f"{django_settings.PUBLIC_URL}/r/{token}/"
    # typed by hand: small letters, O for 0, I for 1
    assert code_of_token(f" {token.lower().replace('0', 'o').replace('1', 'i')} ") == code
    key, _dash, signature = token.partition("-")
    wrong = "A" if signature[0] != "A" else "B"
    for forged in (
        key,
        f"{key}-",
        f"{key}-{wrong}{signature[1:]}",
        f"{key[::-1]}-{signature}",
        "",
        "é-ü",
        "-" * 500,
    ):
        with pytest.raises(NotFound) as refused:
            code_of_token(forged)
        assert refused.value.code == "codes.unknown"


def test_a_code_outlives_a_changed_secret_key_while_the_old_one_is_listed(
    kolbe_mini: KolbeMini, settings
) -> None:  # type: ignore[no-untyped-def]
    (code,) = codes_for(work_units=[kolbe_mini.units["PRS-04"]])
    token, old = token_of(code), settings.SECRET_KEY
    settings.SECRET_KEY = "another one entirely"
    with pytest.raises(NotFound):
        code_of_token(token)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert code_of_token(token) == code


def test_a_revoked_code_opens_nothing_and_the_next_print_is_a_new_one(kolbe_mini: KolbeMini) -> None:
    press, actor = kolbe_mini.units["PRS-04"], kolbe_mini.people["sofia.brandt"]
    (old,) = codes_for(work_units=[press])
    assert revoke_codes(work_units=[press], actor=actor) == 1
    assert revoke_codes(work_units=[press], actor=actor) == 0
    with pytest.raises(NotFound):
        code_of_token(token_of(old))
    (new,) = codes_for(work_units=[press], actor=actor)
    assert (new.pk != old.pk, new.key != old.key, new.created_by) == (True, True, actor)
    old.refresh_from_db()
    assert old.revoked_by == actor
    assert code_of_token(token_of(new)) == new


def test_a_machine_out_of_use_takes_no_reports(kolbe_mini: KolbeMini) -> None:
    press = kolbe_mini.units["PRS-04"]
    (code,) = codes_for(work_units=[press])
    press.active = False
    press.save(update_fields=["active"])
    with pytest.raises(NotFound):
        code_of_token(token_of(code))


# --- the sheet ------------------------------------------------------------------------------------------------
def test_a_sheet_has_as_many_pages_as_it_needs() -> None:
    one = Label("PRS-04", "Press 4", "Rheinfelden, Presses", "https://x.example/r/A-B/")
    assert pages_of(sheet([one] * (COLUMNS * ROWS), fonts=FONTS)) == 1
    assert pages_of(sheet([one] * (COLUMNS * ROWS + 1), fonts=FONTS)) == 2


def test_names_of_any_length_and_of_every_language_here_are_printed() -> None:
    labels = [
        Label(
            "PRASA-ŁÓDŹ-0000000000000000000001",
            "Prasa hydrauliczna " * 20,
            "Łódź, Tłocznia",
            "https://x/r/A-B/",
            "pl",
        ),
        Label("Ü", "", "", "https://" + "sehr-langer-name." * 12 + "example/r/A-B/", "xx"),
    ]
    assert pages_of(sheet(labels, fonts=FONTS)) == 1


def test_the_command_says_addresses_and_writes_the_sheet(kolbe_mini: KolbeMini, tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    call_command("qr_codes", "PRS-04", "MILL5", "--pdf", str(tmp_path / "codes.pdf"))
    lines = capsys.readouterr().out.splitlines()
    mills = sorted(kolbe_mini.centres["MILL5"].work_units.values_list("code", flat=True))
    assert [line.split()[0] for line in lines[:-1]] == ["PRS-04", *mills]
    assert (tmp_path / "codes.pdf").read_bytes().startswith(b"%PDF-")
    with pytest.raises(CommandError, match="NOPE"):
        call_command("qr_codes", "NOPE")


# --- in the admin ---------------------------------------------------------------------------------------------
@pytest.fixture
def admin(kolbe_mini: KolbeMini) -> Client:
    root = User.objects.create_superuser(username="root", password="none-at-all-1")
    browser = Client()
    browser.force_login(root)
    return browser


@pytest.mark.parametrize(
    ("model", "pick", "codes"),
    [("workunit", lambda p: p.units["PRS-04"], 1), ("workcentre", lambda p: p.centres["MILL5"], 3),
     ("area", lambda p: p.centres["MILL5"].area, None)],
)  # fmt: skip
def test_a_sheet_comes_out_of_the_admin(
    kolbe_mini: KolbeMini, admin: Client, model: str, pick, codes
) -> None:  # type: ignore[no-untyped-def]
    row = pick(kolbe_mini)
    answer = admin.post(f"/admin/plant_app/{model}/", {"action": "print_codes", "_selected_action": [row.pk]})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF-")
    if codes is not None:
        assert UnitCode.objects.count() == codes
    else:
        assert UnitCode.objects.count() > 3


def test_codes_are_revoked_in_the_admin(kolbe_mini: KolbeMini, admin: Client) -> None:
    press = kolbe_mini.units["PRS-04"]
    (code,) = codes_for(work_units=[press])
    page = admin.get(f"/admin/plant_app/workunit/{press.pk}/change/").content.decode()
    assert address_of(code) in page
    admin.post(
        "/admin/plant_app/workunit/", {"action": "revoke_printed_codes", "_selected_action": [press.pk]}
    )
    code.refresh_from_db()
    assert code.revoked_by is not None
    assert address_of(code) not in admin.get(f"/admin/plant_app/workunit/{press.pk}/change/").content.decode()


# --- badges on phones nobody paired -----------------------------------------------------------------------------
def test_a_badge_without_a_pin_proves_nothing_on_a_strange_phone(kolbe_mini: KolbeMini) -> None:
    person = kolbe_mini.people["piotr.nowak"]
    issue_badge(person=person, code="B-1")
    issue_badge(person=person, code="B-2", pin="4711")
    assert check_badge(code="B-1") == person
    for code, pin in (("B-1", ""), ("B-1", "1234"), ("B-2", "")):
        with pytest.raises(Exception, match=r"badge\.refused"):
            check_badge(code=code, pin=pin, pin_required=True)
    assert check_badge(code="B-2", pin="4711", pin_required=True) == person


def drawn_rectangles(pdf: bytes) -> list[tuple[float, ...]]:
    """Every filled rectangle of the PDF's pages, as its content streams say it: x, y, width, height in points."""
    found = []
    for raw in re.findall(rb"stream\n(.*?)\nendstream", pdf, re.S):
        try:
            text = zlib.decompress(raw)
        except zlib.error:
            continue
        found += [
            tuple(float(number) for number in match)
            for match in re.findall(rb"(-?[\d.]+) (-?[\d.]+) (-?[\d.]+) (-?[\d.]+) re f", text)
        ]
    return found


def test_what_is_drawn_is_what_scanners_read(kolbe_mini: KolbeMini) -> None:
    """The modules as drawn are the code's own matrix: laid back on a grid, cell by cell."""
    press = kolbe_mini.units["PRS-04"]
    rectangles = drawn_rectangles(code_sheet(work_units=[press]))
    matrix = [
        list(row) for row in segno.make_qr(address_of(codes_for(work_units=[press])[0]), error="m").matrix
    ]
    left = min(box[0] for box in rectangles)
    top = max(box[1] for box in rectangles)
    side = min(box[2] for box in rectangles)
    laid = [[0] * len(matrix) for _ in matrix]
    for x, y, width, _height in rectangles:
        row, column = round((top - y) / side), round((x - left) / side)
        for at in range(round(width / side)):
            laid[row][column + at] = 1
    assert laid == matrix
