"""Static files keep their promises: vendored bytes are the recorded ones, colours live in tokens only, icons exist."""

import base64
import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from boards_app import wording
from boards_app.places import PLACES
from boards_app.templatetags.ui import ICON_ALIASES
from plant_app.defaults.catalogue import CATALOGUE

ROOT = Path(__file__).parent.parent.parent
STATIC = ROOT / "static"
VENDORED = json.loads((STATIC / "vendor" / "vendor.json").read_text())
SYMBOLS = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))
STYLES = sorted((STATIC / "css").glob("*.css"))
SCRIPTS = sorted((STATIC / "js").glob("*.js"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize("row", VENDORED, ids=lambda row: row["file"])
def test_a_vendored_file_is_byte_for_byte_the_recorded_one(row):
    digest = hashlib.sha384((STATIC / row["file"]).read_bytes()).digest()
    assert f"sha384-{base64.b64encode(digest).decode()}" == row["sha384"]
    assert (STATIC / row["licence_file"]).is_file()
    assert row["version"] in row["file"] or row["file"].startswith(("fonts/", "icons"))


def test_nothing_is_vendored_without_a_record():
    recorded = {row["file"] for row in VENDORED}
    there = {str(path.relative_to(STATIC)) for folder in ("vendor", "fonts") for path in (STATIC / folder).iterdir()
             if path.suffix in {".js", ".woff2", ".wasm", ".ttf"}}  # fmt: skip
    assert there == {name for name in recorded if name != "icons.svg"}


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_only_the_tokens_name_a_colour(path):
    if path.name == "tokens.css":
        return
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?|oklch)\(", text) == []


@pytest.mark.parametrize("path", [*STYLES, *SCRIPTS], ids=lambda path: path.name)
def test_a_file_stays_readable(path):
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_every_variable_used_is_defined(path):
    everything = "".join(one.read_text() for one in [*STYLES, *TEMPLATES, *SCRIPTS])
    defined = set(re.findall(r"(--[\w-]+)\s*:", everything)) | set(
        re.findall(r'setProperty\("(--[\w-]+)"', everything)
    )
    defined |= {"--cols", "--scale"}  # written by {% wall_style %}
    with_default = set(re.findall(r"var\((--[\w-]+),", path.read_text()))
    assert set(re.findall(r"var\((--[\w-]+)", path.read_text())) - defined - with_default == set()


def test_both_dark_themes_are_the_same():
    text = (STATIC / "css" / "tokens.css").read_text()
    by_system = re.search(r':root:not\(\[data-theme="light"\]\) \{(.*?)\}', text, re.S)
    by_choice = re.search(r':root\[data-theme="dark"\] \{(.*?)\}', text, re.S)
    assert by_system
    assert by_choice
    assert by_system.group(1).split() == by_choice.group(1).split()


def _tokens(theme: str) -> dict[str, str]:
    text = (STATIC / "css" / "tokens.css").read_text()
    light = dict(
        re.findall(r"(--[\w-]+):\s*(#[0-9A-Fa-f]{6})\s*;", text.split("@media (prefers-color-scheme")[0])
    )
    if theme == "light":
        return light
    dark = re.search(r':root\[data-theme="dark"\] \{(.*?)\}', text, re.S)
    assert dark
    return light | dict(re.findall(r"(--[\w-]+):\s*(#[0-9A-Fa-f]{6})\s*;", dark.group(1)))


def _luminance(colour: str) -> float:
    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


GREYS = ("--bg", "--surface", "--raised", "--sunken", "--hover", "--select")
TONES = ("crit", "warn", "ok", "info")
PAIRS = [
    *((ink, grey) for ink in ("--ink", "--ink-2") for grey in (*GREYS, "--segment")),
    *(("--ink-3", grey) for grey in GREYS),
    *((f"--{tone}", ground) for tone in TONES for ground in ("--surface", "--bg", f"--{tone}-bg")),
    *((ink, f"--{tone}-bg") for ink in ("--ink", "--ink-2") for tone in TONES),
    *((f"--on-{tone}", f"--{tone}-solid") for tone in TONES),
    *((f"--on-andon-{state}", f"--andon-{state}") for state in ("down", "hold", "material", "run", "setup")),
    ("--on-primary", "--primary"), ("--link", "--surface"), ("--late-ink", "--paper"),
]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_can_be_read(theme, ink, ground):
    tokens = _tokens(theme)
    assert contrast(tokens[ink], tokens[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("line", ["--line-3", "--focus"])
def test_a_shape_that_carries_meaning_stands_out(theme, line):
    tokens = _tokens(theme)
    assert min(contrast(tokens[line], tokens[grey]) for grey in ("--bg", "--surface", "--raised")) >= 3.0


def _icons_named() -> set[str]:
    names: set[str] = set()
    for path in TEMPLATES:
        text = path.read_text()
        names |= set(re.findall(r'{%\s*icon "([^"]+)"', text)) | set(
            re.findall(r'icon\w*\|default:"([^"]+)"', text)
        )
    for path in SCRIPTS:
        names |= set(re.findall(r'glyph\("([a-z0-9-]+)"\)', path.read_text()))
        for table in re.findall(r"const ICONS = \{(.*?)\}", path.read_text()):
            names |= set(re.findall(r'"([a-z0-9-]+)"', table))
    names |= {look.icon for family in wording.LOOKS.values() for look in family.values() if look.icon}
    names |= {place.icon for place in PLACES} | {pack.icon for pack in CATALOGUE}
    return names


def test_every_icon_named_is_in_the_sprite():
    named = _icons_named()
    assert len(named) > 30
    assert {ICON_ALIASES.get(name, name) for name in named} - SYMBOLS == set()


def test_the_sprite_is_sorted_and_has_no_colour_of_its_own():
    text = (STATIC / "icons.svg").read_text()
    order = re.findall(r'<symbol id="([^"]+)"', text)
    assert all(one < two for one, two in pairwise(order))
    assert set(re.findall(r'(?:stroke|fill)="([^"]+)"', text)) == {"none", "currentColor"}


def test_pages_carry_no_inline_script():
    for path in TEMPLATES:
        text = path.read_text()
        assert re.findall(r"<script(?![^>]*\bsrc=)", text) == [], path.name
        assert re.findall(r"\son[a-z]+=\"|javascript:|hx-on", text) == [], path.name
