"""Generated pages say what the code says."""

import re

from decisions_app.catalogue import TEMPLATES
from erp_sync.kinds import KIND_NAMES
from tests.docs import pages


def test_the_lifecycle_page_is_the_code_s() -> None:
    assert (pages.DOCS / "lifecycle.md").read_text(encoding="utf-8") == pages.lifecycle_page()


def test_the_playbooks_in_the_decisions_page_are_the_shipped_ones() -> None:
    page = (pages.DOCS / "decisions.md").read_text(encoding="utf-8")
    assert page == pages.with_block(page, "playbooks", pages.playbook_tables())


def test_every_posting_template_stands_once_in_the_table_with_a_known_kind() -> None:
    """The table of templates in decisions.md: | `template` | `kind` | occurred at | when nothing is posted |."""
    page = (pages.DOCS / "decisions.md").read_text(encoding="utf-8")
    table = page.split("## Posting templates", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(template.strip(" `") for template, _ in rows) == sorted(TEMPLATES)
    assert {kind for _, kinds in rows for kind in re.findall(r"`([^`]+)`", kinds)} <= set(KIND_NAMES)
    assert all("`" in kinds for _, kinds in rows)


def test_a_page_without_markers_is_refused_instead_of_being_lost() -> None:
    for broken in ("no markers at all", pages.BEGIN.format("playbooks") + " never ended"):
        try:
            pages.with_block(broken, "playbooks", "x")
        except ValueError:
            continue
        raise AssertionError("markers were not missed")
