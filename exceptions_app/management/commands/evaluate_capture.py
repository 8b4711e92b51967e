"""`manage.py evaluate_capture GOLD.jsonl --master MASTER.json`: how well labelled messages are read.

Reads the files, prints the figures. Nothing it does stays in the database.
"""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core import clock
from exceptions_app.services.evaluation import (
    BadGold,
    Problem,
    Report,
    evaluate,
    read_gold,
    read_master,
    score,
)
from exceptions_app.services.evaluation.scoring import percentile

UNUSABLE = 2


class Command(BaseCommand):
    """Read labelled messages in a scratch site and compare."""

    help = "Measure how well labelled messages are read. Leaves nothing in the database. Exit code 2: a file is bad."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("gold", type=Path, metavar="GOLD.jsonl", help="one labelled message a line")
        parser.add_argument(
            "--master", type=Path, required=True, metavar="MASTER.json", help="what the plant has"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument(
            "--misses", action="store_true", help="list everything read otherwise than labelled"
        )
        parser.add_argument(
            "--final", action="store_true", help="allow --misses on a held-out file; do not tune afterwards"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        gold = Path(options["gold"])
        if options["misses"] and "held_out" in gold.name.replace("-", "_") and not options["final"]:
            raise CommandError(
                f"{gold.name} is held out: looking at its misses would spoil it. --final if you mean it.",
                returncode=UNUSABLE,
            )
        try:
            master = read_master(self._document(Path(options["master"])))
            lines = self._text(gold).split("\n")
            messages, warnings = read_gold(lines, zone=master.zone, now=clock.now())
        except BadGold as bad:
            raise CommandError("\n".join(map(str, bad.problems)), returncode=UNUSABLE) from None
        done = evaluate(messages=messages, master=master)
        self._warn([*warnings, *done.warnings])
        codes = {kind: master.codes(kind) for kind in _KINDS}
        report = score(done.answers, codes=codes, zone=master.zone)
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), ensure_ascii=False))
        else:
            self.stdout.write(as_text(report))
        if options["misses"]:
            out = self.stderr if options["json"] else self.stdout
            for miss in report.misses:
                out.write(f"{miss.id} {miss.what}: expected {miss.expected}, read {miss.got} | {miss.text}")

    def _text(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadGold([Problem(0, "file.unreadable", f"{path}: {error}")]) from None

    def _document(self, path: Path) -> Any:
        try:
            return json.loads(self._text(path))
        except ValueError as error:
            raise BadGold([Problem(0, "master.json", f"{path.name} is no JSON ({error})")]) from None

    def _warn(self, warnings: list[Problem]) -> None:
        for warning in warnings[:_MOST_WARNINGS]:
            self.stderr.write(f"warning: {warning}")
        if len(warnings) > _MOST_WARNINGS:
            self.stderr.write(f"warning: and {len(warnings) - _MOST_WARNINGS} more")


_MOST_WARNINGS = 50
_KINDS = (
    "work_unit", "work_centre", "item", "work_order", "sales_order", "purchase_order", "customer", "supplier", "lot",
)  # fmt: skip


def as_text(report: Report) -> str:
    """The figures as a page of text."""
    lines = [
        f"{report.messages} messages",
        "",
        f"{'type':<20}{'precision':>10}{'recall':>10}{'F1':>8}{'labelled':>10}",
    ]
    lines += [
        f"{code:<20}{tally.precision:>10.3f}{tally.recall:>10.3f}{tally.f1:>8.3f}{tally.right + tally.missing:>10}"
        for code, tally in report.types.items()
    ]
    lines += [f"{'macro-F1':<20}{report.macro_f1:>28.3f}", f"{'accuracy':<20}{report.accuracy:>28.3f}", ""]
    lines += [f"{'link':<20}{'precision':>10}{'recall':>10}{'right':>8}{'extra':>10}{'missing':>10}"]
    lines += [
        f"{kind:<20}{tally.precision:>10.3f}{tally.recall:>10.3f}{tally.right:>8}{tally.extra:>10}{tally.missing:>10}"
        for kind, tally in [*report.links.items(), ("all", report.all_links)]
    ]
    lines += ["", f"{'value':<20}{'exact':>10}{'labelled':>10}"]
    lines += [
        f"{name:<20}{right / scored:>10.3f}{scored:>10}" for name, (right, scored) in report.values.items()
    ]
    lines += [
        "",
        f"none, but a record was opened: {report.nones_opened} of {report.nones}"
        f" ({report.nones_asked} of them only as a question in triage)",
        f"accepted without a person: {report.auto} of {report.messages},"
        f" {report.auto_wrong} of them with a wrong type or link",
        f"CPU per message: p50 {percentile(report.cpu_ms, 50):.1f} ms, p95 {percentile(report.cpu_ms, 95):.1f} ms",
    ]
    if report.unread:
        lines.append(f"could not be read: {report.unread}")
    return "\n".join(lines)
