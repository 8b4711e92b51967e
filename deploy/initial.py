"""Writes each app's `0001_initial` anew from the models, folded so that an empty database is ready in seconds.

For the time before the first release, when there is nothing to upgrade. Django writes constraints, indexes and triggers
as steps of their own, and each step renders the models around it again; folded into the table's own step they cost
nothing. Leaves later migrations with names of their own alone. Run it, then `make check`.
"""

import os
import sys
from pathlib import Path

import django
from django.core.management import call_command
from django.db.migrations import AddConstraint, AddField, AddIndex, CreateModel
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.optimizer import MigrationOptimizer
from django.db.migrations.writer import MigrationWriter
from pgtrigger.migrations import AddTrigger

ROOT = Path(__file__).resolve().parent.parent
#: From below: each is written when those it refers to are there, so none is split in two.
APPS = (
    "core", "plant_app", "routing_app", "erp_sync", "exceptions_app", "decisions_app", "notify_app", "sequence_app",
    "metrics_app",
)  # fmt: skip


def main() -> None:
    """Delete, write and fold them all."""
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "execlayer.settings")
    django.setup()
    aside = {
        path: path.read_bytes() for path in ROOT.glob("*_app/migrations/0*.py") if "initial" not in path.name
    }
    for path in [*aside, *(ROOT / app / "migrations" / "0001_initial.py" for app in APPS)]:
        path.unlink(missing_ok=True)
    for app in APPS:
        call_command("makemigrations", app, name="initial", verbosity=0)
    for app in APPS:
        fold(app)
    for path, text in aside.items():
        path.write_bytes(text)


def fold(app: str) -> None:
    """Put what belongs to a table into the step that makes it, wherever no column comes later; triggers go last."""
    migration = MigrationLoader(None).disk_migrations[app, "0001_initial"]
    triggers = [step for step in migration.operations if isinstance(step, AddTrigger)]
    steps = MigrationOptimizer().optimize(
        [step for step in migration.operations if not isinstance(step, AddTrigger)], app
    )
    grown = {step.model_name_lower for step in steps if isinstance(step, AddField)}
    tables = {step.name_lower: step for step in steps if isinstance(step, CreateModel)}
    kept = []
    for step in steps:
        if isinstance(step, AddConstraint) and step.model_name_lower not in grown:
            tables[step.model_name_lower].options.setdefault("constraints", []).append(step.constraint)
        elif isinstance(step, AddIndex) and step.model_name_lower not in grown:
            tables[step.model_name_lower].options.setdefault("indexes", []).append(step.index)
        else:
            kept.append(step)
    migration.operations = kept + triggers
    path = ROOT / app / "migrations" / "0001_initial.py"
    path.write_text(MigrationWriter(migration).as_string(), encoding="utf-8")


if __name__ == "__main__":
    main()
