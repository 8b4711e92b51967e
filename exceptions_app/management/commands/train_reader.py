"""`manage.py train_reader`: trains the shipped type model from the sentences and cue packs in this repository.

Needs no database. The same sentences, packs and code give the same model; `--check` says whether the shipped one is
that model. Loads scikit-learn, so it is a command of its own and nothing a server process calls.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exceptions_app.learning.sentences import authored, from_packs
from exceptions_app.learning.train import read_features, train
from exceptions_app.reading.model import ARTIFACT, load


class Command(BaseCommand):
    """Writes the model's file and prints how it did on every fifth template, which the trial had not seen."""

    help = "Train the shipped type model of the reader from the sentences in the repository."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--check` compares instead of writing; `--out` writes elsewhere."""
        parser.add_argument(
            "--check", action="store_true", help="say whether the shipped model is up to date"
        )
        parser.add_argument("--out", type=Path, default=ARTIFACT, help="where to write the model")

    def handle(self, *args: Any, **options: Any) -> None:
        """CommandError when `--check` finds the shipped model older than its sentences."""
        sentences = [*authored(), *from_packs()]
        done = train(sentences, read_features(sentences))
        self.stdout.write(
            f"{done.version}: {done.sentences} sentences; on {done.held_out} of unseen templates accuracy "
            f"{done.accuracy:.3f}, macro-F1 {done.macro_f1:.3f}, log loss {done.log_loss:.3f}; {len(done.data)} bytes"
        )
        if options["check"]:
            shipped = load(ARTIFACT.read_bytes()).version
            if shipped != done.version:
                raise CommandError(f"the shipped model is {shipped}: run manage.py train_reader")
            return
        options["out"].write_bytes(done.data)
