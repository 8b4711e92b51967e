"""What every page must keep to: links lead somewhere, decisions are short, the project speaks of itself alone."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import Resolver404, resolve

from execlayer.management.commands import fill_history, seed_demo, simulate
from tests.docs.pages import DOCS, ROOT

PAGES = sorted(
    [*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))]
)
_LINK = re.compile(r"\]\(([^)#\s]+)?(?:#([^)\s]+))?\)")
# Folders of somebody's machine, and hosts nobody but us would reach.
_FOREIGN = (
    re.compile(r"(?<![\w.$/])/(?:tmp|root|home|opt|mnt|srv|Users)/"),
    re.compile(r"https?://(?!127\.0\.0\.1|localhost|plant\.example|www\.apache\.org|www\.gnu\.org)[\w.-]+"),
    re.compile(r"(?:^|\s)#\d+\b"),
    re.compile(r"whsec_[A-Za-z0-9+/]{20,}"),
)


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        other = (page.parent / target).resolve() if target else page
        assert other.exists(), target
        if anchor:
            assert anchor in _anchors(other), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_project_speaks_of_itself_alone(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [found.group() for pattern in _FOREIGN for found in pattern.finditer(text)] == []


def test_decision_records_are_short_numbered_and_complete() -> None:
    records = sorted((DOCS / "adr").glob("*.md"))
    assert [path.name[:4] for path in records] == [f"{number:04d}" for number in range(1, len(records) + 1)]
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 20, path.name
        assert text.startswith(f"# {int(path.name[:4])}. "), path.name
        for part in ("Status: ", "## Context", "## Decision", "## Consequences"):
            assert part in text, f"{path.name}: {part}"


def test_every_page_of_docs_is_in_the_readme_s_map() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in DOCS.glob("*.*"):
        assert f"docs/{path.name}" in readme, path.name


def test_addresses_the_readme_names_are_answered() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`(/[a-z0-9/_-]*)`", readme)) - {"/ws/live/"}
    assert {"/", "/inbox/", "/admin/"} <= paths
    for path in paths:
        try:
            resolve(path)
        except Resolver404:
            raise AssertionError(f"{path} is answered by nobody") from None


def test_screenshots_are_small_and_all_shown() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"docs/screens/([\w-]+\.png)", readme))
    there = {path.name: path.stat().st_size for path in (DOCS / "screens").glob("*.png")}
    assert shown == set(there)
    assert {name: size for name, size in there.items() if size > 250_000} == {}


def test_the_version_of_the_changelog_is_the_project_s() -> None:
    version = re.search(
        r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert version is not None
    assert f"## {version.group(1)}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_demo_commands_have_the_switches_named() -> None:
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    assert "`manage.py simulate --pause`, `--resume`" in page
    parser = simulate.Command().create_parser("manage.py", "simulate")
    assert parser.parse_args(["--pause"]).pause
    assert parser.parse_args(["--resume"]).resume
    assert all(command.Command.help for command in (fill_history, seed_demo))


def test_the_licences_are_named() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache-2.0" in readme
    assert "GPL-3.0-or-later" in readme
    assert "GPL-3.0-or-later" in (ROOT / "deploy/tryton/LICENSE").read_text(encoding="utf-8")
    assert "tryton" not in " ".join(settings.INSTALLED_APPS).lower()
