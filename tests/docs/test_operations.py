"""The operations page names every variable the code reads, and every task there is, and nothing else."""

import re
from pathlib import Path

from execlayer.celery import JOBS
from tests.docs.pages import DOCS, ROOT

_READ = (
    re.compile(r'env\.(?:text|flag|number|words)\("([A-Z_]+)"'),
    re.compile(r'environ(?:\.get\(|\[)"([A-Z_]+)"'),
    re.compile(r"\$\{PYTHON:-\}"),
)
# Between our own processes, not for people.
_INTERNAL = {"SERVER_URL", "TRYTON_DATABASE_URL", "EXECLAYER_TEST_TEMPLATE", "CI"}


def _page() -> str:
    return (DOCS / "operations.md").read_text(encoding="utf-8")


def _environment_section() -> str:
    return _page().split("## Environment", 1)[1].split("\n## ", 1)[0]


def _read_by_code() -> set[str]:
    sources: list[Path] = [
        ROOT / "execlayer/settings.py", ROOT / "execlayer/environment.py", ROOT / "erp_sync/access.py",
        ROOT / "erp_sync/secrets.py",
        *(ROOT / "execlayer/launcher").glob("*.py"), *(ROOT / "deploy").glob("*.sh"),
        *(ROOT / "deploy/tryton").glob("*.py"), ROOT / "bench/__main__.py", ROOT / "tests/services_plugin.py",
    ]  # fmt: skip
    found: set[str] = set()
    for path in sources:
        text = path.read_text(encoding="utf-8")
        for pattern in _READ[:2]:
            found.update(pattern.findall(text))
        if _READ[2].search(text):
            found.add("PYTHON")
    return found - _INTERNAL


def test_every_variable_read_is_documented_and_no_other() -> None:
    tables = set(re.findall(r"^\| `([A-Z_]+)` \|", _environment_section(), re.MULTILINE))
    mentioned = set(re.findall(r"`([A-Z_]{4,})(?:=\w+)?`", _environment_section()))
    assert _read_by_code() - tables - mentioned == set()
    assert tables - _read_by_code() == set()


def test_the_sweeps_are_those_of_the_worker() -> None:
    rows = re.findall(r"^\| (\w+) \| `([\w.]+)` \| (urgent|work|erp) \| (\d+) \|$", _page(), re.MULTILINE)
    assert rows == [(name, job.task, job.queue, str(int(job.every))) for name, job in JOBS.items()]


def test_every_command_named_exists() -> None:
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    )
    own = {path.stem for path in ROOT.glob("*/management/commands/*.py")}
    django = {"migrate", "makemigrations", "shell", "dbshell", "spectacular", "check", "createsuperuser"}
    named = set(re.findall(r"manage\.py (\w+)", text))
    assert "doctor" in named
    assert named <= own | django
