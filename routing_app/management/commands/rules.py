"""`manage.py rules load|export|import|test`: rules as a file under version control.

`load` publishes the shipped rules where none are; `export` prints the draft (or a version) as JSON; `import` makes
the draft equal to a file; `test` runs facts from a file and compares with the expected route, for a pipeline.
"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from routing_app import engine, services
from routing_app.models import RuleVersion
from routing_app.ruleset import RulesetSpec
from routing_app.selectors import draft_spec, spec_of


def _read(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise CommandError(f"{path}: {problem}") from None


def _rules_of(path: str) -> RulesetSpec:
    try:
        return RulesetSpec.from_dict(_read(path))
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise CommandError(f"{path} is not a rule set: {problem!r}") from None


class Command(BaseCommand):
    help = "Load, export, import or test routing rules."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("load", help="publish the shipped rules where none are published")
        export = verbs.add_parser("export", help="print the draft, or a version, as JSON")
        export.add_argument("--version-number", type=int)
        take = verbs.add_parser("import", help="make the draft equal to a file")
        take.add_argument("file")
        take.add_argument("--publish", metavar="NOTE", help="publish it at once with this note")
        test = verbs.add_parser("test", help='compare routes with a file of {"facts": ..., "expect": ...}')
        test.add_argument("file")
        test.add_argument("--rules", metavar="FILE", help="a rule file instead of the draft")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except DomainError as refusal:
            raise CommandError(f"{refusal.message} {refusal.hint}".strip()) from None

    def _load(self, options: dict[str, Any]) -> None:
        version = services.load_default_rules()
        self.stdout.write(f"Version {version.number} is published.")

    def _export(self, options: dict[str, Any]) -> None:
        number = options["version_number"]
        if number is None:
            spec = draft_spec()
        else:
            version = RuleVersion.objects.filter(number=number).first()
            if version is None:
                raise CommandError(f"There is no version {number}.")
            spec = spec_of(version)
        self.stdout.write(json.dumps(spec.as_dict(), indent=1, ensure_ascii=False))

    def _import(self, options: dict[str, Any]) -> None:
        services.apply_ruleset(
            spec=_rules_of(options["file"]), source=f"imported {Path(options['file']).name}"
        )
        if options["publish"] is None:
            self.stdout.write("The draft equals the file; nothing is published.")
            return
        version = services.publish(actor=None, note=options["publish"])
        self.stdout.write(f"Version {version.number} is published.")

    def _test(self, options: dict[str, Any]) -> None:
        spec = _rules_of(options["rules"]) if options["rules"] else draft_spec()
        try:
            ready = engine.compile_rules(spec)
        except engine.RulesetInvalid as problem:
            raise CommandError(str(problem)) from None
        cases = _read(options["file"])
        failed = 0
        for number, case in enumerate(cases, start=1):
            found = engine.evaluate(case["facts"], ready).as_dict()
            found["functions"] = sorted(one["function"] for one in found["functions"] if one["required"])
            for name, wanted in case["expect"].items():
                given = found.get(name)
                if given != (sorted(wanted) if name == "functions" else wanted):
                    failed += 1
                    self.stderr.write(
                        f"case {number} {case.get('name', '')}: {name} is {given}, not {wanted}"
                    )
        if failed:
            raise CommandError(f"{failed} expectation{'' if failed == 1 else 's'} not met.")
        self.stdout.write(f"{len(cases)} case{'' if len(cases) == 1 else 's'} routed as expected.")
