"""The page on languages says what the product does: which languages there are, and that no label is left in English."""

import subprocess
import sys
from pathlib import Path

from core.languages import LANGUAGES, SOURCE

ROOT = Path(__file__).parents[2]


def test_every_label_is_translated_and_compiled() -> None:
    told = subprocess.run(
        [sys.executable, "deploy/labels.py", "check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_the_page_names_every_language() -> None:
    names = {"en": "English", "de": "German", "es": "Spanish", "pl": "Polish", "pt": "Portuguese"}
    page = (ROOT / "docs" / "languages.md").read_text()
    assert {code for code, _name in LANGUAGES} == set(names)
    assert all(name in page for name in names.values())
    there = {path.name for path in (ROOT / "locale").iterdir()}
    assert there == set(names) - {SOURCE}
