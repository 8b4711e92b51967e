"""Every doctor code is documented, with the level it has, and no other is."""

import re

from tests.docs.pages import DOCS, ROOT

CODE = re.compile(r"XL-[A-Z]\d{3}")
_ROW = re.compile(r"^\| (XL-[A-Z]\d{3}) \| (\w+) \|(.*)\|$", re.MULTILINE)
# A call's code and its level stand next to each other: Finding("XL-E001", Level.ERROR, ...
_CALL = re.compile(r'"(XL-[A-Z]\d{3})",\s*Level\.(\w+)')


def _in_code() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in ROOT.glob("*/*doctor.py"):
        for code, level in _CALL.findall(path.read_text(encoding="utf-8")):
            found.setdefault(code, set()).add(level.lower())
    return found


def _documented() -> dict[str, tuple[str, str]]:
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    return {code: (level, rest) for code, level, rest in _ROW.findall(page)}


def test_every_code_is_read_together_with_its_level() -> None:
    said = {
        code for path in ROOT.glob("*/*doctor.py") for code in CODE.findall(path.read_text(encoding="utf-8"))
    }
    assert said == set(_in_code())


def test_the_operations_page_has_exactly_the_codes_there_are() -> None:
    assert sorted(_documented()) == sorted(_in_code())


def test_each_code_is_documented_with_its_worst_level_and_a_cure() -> None:
    rank = ["ok", "info", "warning", "error"]
    worst = {code: max(levels, key=rank.index) for code, levels in _in_code().items()}
    assert {code: level for code, (level, _) in _documented().items()} == worst
    for code, (level, rest) in _documented().items():
        means, cure = (cell.strip() for cell in rest.split("|"))
        assert means, code
        assert cure or level in ("ok",), code


def test_no_other_page_names_a_code_that_is_not_there() -> None:
    known = set(_in_code())
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]:
        assert set(CODE.findall(page.read_text(encoding="utf-8"))) <= known, page.name
