"""The file map of docs/architecture.md and the tree say the same."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from tests.docs.pages import DOCS, ROOT

PACKAGES = [*settings.PRODUCT_APPS, "execlayer"]
ROOMS = ("models", "services", "selectors")


def _tables() -> dict[str, list[str]]:
    """heading -> paths named in the first column of its table."""
    page = (DOCS / "architecture.md").read_text(encoding="utf-8").split("## File map", 1)[1]
    found: dict[str, list[str]] = {}
    for part in page.split("\n### ")[1:]:
        heading = part.split("\n", 1)[0].strip("`")
        rows = [line for line in part.splitlines() if line.startswith("| `")]
        found[heading] = [path for row in rows for path in re.findall(r"`([^`]+)`", row.split("|")[1])]
    return found


def _rooms_of(app: Path) -> set[str]:
    """Every module of models, services and selectors; a package's `__init__` stands under the folder's name."""
    found: set[str] = set()
    for room in ROOMS:
        if (app / f"{room}.py").exists():
            found.add(f"{room}.py")
        for path in (app / room).rglob("*.py"):
            inside = path.relative_to(app)
            found.add(f"{inside.parent}/" if path.name == "__init__.py" else str(inside))
    return found


def test_every_top_level_package_has_its_table() -> None:
    on_disk = {path.parent.name for path in ROOT.glob("*/apps.py")}
    assert on_disk == set(PACKAGES)
    assert set(_tables()) == {".", *PACKAGES}


def test_every_path_named_exists_and_is_named_once() -> None:
    for heading, paths in _tables().items():
        missing = [path for path in paths if not (ROOT / heading / path).exists()]
        assert missing == [], heading
        assert len(paths) == len(set(paths)), heading


def test_folders_are_named_with_a_slash_and_files_without() -> None:
    for heading, paths in _tables().items():
        for path in paths:
            assert (ROOT / heading / path).is_dir() == path.endswith("/"), f"{heading}/{path}"


@pytest.mark.parametrize("app", PACKAGES)
def test_every_model_service_and_selector_module_is_named(app: str) -> None:
    assert sorted(_rooms_of(ROOT / app) - set(_tables()[app])) == []


def test_every_function_of_the_way_of_the_data_exists() -> None:
    """`app.services.verb` in the table of the data's way can be imported from there."""
    import importlib

    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    table = page.split("## The way of the data", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")][1:]
    checked = 0
    for cell in rows:
        names = re.findall(r"`([\w.]+)`", cell)
        module, _, first = names[0].rpartition(".")
        for name in [first, *names[1:]]:
            assert callable(getattr(importlib.import_module(module), name)), f"{module}.{name}"
            checked += 1
    assert checked >= 13
