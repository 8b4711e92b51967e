"""`manage.py rules load|export|import|test`: rules as a file under version control.

`load` publishes the shipped rules where none are; `export` writes the draft (or a version); `import` makes the draft
equal to a file; `test` runs facts from a file and compares with the expected route, for a pipeline: it prints each
difference and exits with 1. With `--rules FILE` it needs no database.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from routing_app import diff, engine, services
from routing_app.facts import CATALOGUE, canonical
from routing_app.models import ImportMode, RuleVersion
from routing_app.outcome import Outcome
from routing_app.ruleset import RulesetSpec
from routing_app.selectors import draft_spec, spec_of

#: What a case may expect, and how it is read off an outcome.
_EXPECTED: Final[Mapping[str, Any]] = {
    "rule": lambda outcome: outcome.rule_code,
    "rule_code": lambda outcome: outcome.rule_code,
    "owner_function": lambda outcome: outcome.owner_function,
    "owner_role": lambda outcome: outcome.owner_role,
    "urgency": lambda outcome: outcome.urgency,
    "triage": lambda outcome: outcome.triage,
    "playbook": lambda outcome: outcome.playbook,
    "proposes_type": lambda outcome: outcome.proposes_type,
    "functions": lambda outcome: sorted(one.function for one in outcome.functions if one.required),
    "informed": lambda outcome: sorted(one.function for one in outcome.functions if not one.required),
    "marks": lambda outcome: sorted(outcome.marks),
    "ladder": lambda outcome: outcome.ladder_code,
    "ladder_code": lambda outcome: outcome.ladder_code,
    "levels": lambda outcome: [[one.level, list(one.roles), one.after_minutes] for one in outcome.ladder],
    "limits": lambda outcome: outcome.limits.as_dict(),
    "acknowledge": lambda outcome: outcome.limits.acknowledge,
    "decide": lambda outcome: outcome.limits.decide,
    "resolve": lambda outcome: outcome.limits.resolve,
}
_UNORDERED: Final = frozenset({"functions", "informed", "marks"})


def _read(path: str) -> Any:
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        return json.loads(text)
    except (OSError, ValueError) as problem:
        raise CommandError(f"{path}: {problem}") from None


def _rules_of(path: str) -> RulesetSpec:
    try:
        return RulesetSpec.from_dict(_read(path))
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise CommandError(f"{path} is not a rule set: {problem!r}") from None


def _lines(change: diff.Change) -> str:
    return "".join(
        [
            change.text,
            f"\n    - {change.before}" if change.before else "",
            f"\n    + {change.after}" if change.after else "",
        ]
    )


class Command(BaseCommand):
    help = "Load, export, import or test routing rules."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("load", help="publish the shipped rules where none are published")
        export = verbs.add_parser("export", help="write the draft, or a version; JSON without a file")
        export.add_argument("file", nargs="?", help="its ending tells the format: .json, .csv, .xlsx")
        export.add_argument("--version-number", type=int)
        take = verbs.add_parser("import", help="make the draft equal to a file (.json, .csv, .xlsx)")
        take.add_argument("file")
        take.add_argument("--publish", metavar="NOTE", help="publish it at once with this note")
        take.add_argument("--merge", action="store_true", help="leave rules the file does not name")
        take.add_argument("--dry-run", action="store_true", help="only say what would change")
        test = verbs.add_parser("test", help='compare routes with a file of {"facts": ..., "expect": ...}')
        test.add_argument("file", help="- reads standard input")
        test.add_argument("--rules", metavar="FILE", help="a rule file (JSON) instead of the draft")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except services.FileFaults as refusal:
            raise CommandError("\n".join([refusal.message, *map(str, refusal.faults)])) from None
        except DomainError as refusal:
            raise CommandError(f"[{refusal.code}] {refusal.message} {refusal.hint}".strip()) from None

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
        if options["file"] is None:
            self.stdout.write(services.export_file(spec=spec, kind="json").decode(), ending="")
            return
        path = Path(options["file"])
        data = services.export_file(spec=spec, kind=path.suffix.lstrip(".").lower())
        try:
            path.write_bytes(data)
        except OSError as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(f"{len(spec.rules)} rules written to {path}.")

    def _import(self, options: dict[str, Any]) -> None:
        path = Path(options["file"])
        try:
            data = path.read_bytes()
        except OSError as problem:
            raise CommandError(str(problem)) from None
        mode = ImportMode.MERGE if options["merge"] else ImportMode.REPLACE
        changes = diff.changes(draft_spec(), services.read_file(name=path.name, data=data, mode=mode))
        for change in changes:
            self.stdout.write(_lines(change))
        if options["dry_run"]:
            self.stdout.write("Nothing was changed.")
            return
        kept = services.prepare_import(name=path.name, data=data, actor=None, mode=mode)
        services.apply_import(pk=kept.pk, actor=None)
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
        if not isinstance(cases, list) or not cases:
            raise CommandError(f"{options['file']}: a list of cases is expected, and none is there.")
        failed = 0
        for number, case in enumerate(cases, start=1):
            said = _differences(case, ready)
            failed += len(said)
            label = f"case {number}"
            if isinstance(case, dict) and case.get("name"):
                label += f" “{case['name']}”"
            for line in said:
                self.stderr.write(f"{label}: {line}")
        if failed:
            raise CommandError(f"{failed} expectation{'' if failed == 1 else 's'} not met.")
        self.stdout.write(f"{len(cases)} case{'' if len(cases) == 1 else 's'} routed as expected.")


def _differences(case: Any, ready: engine.CompiledRules) -> list[str]:
    """Every way in which one case is not routed as it says, or says nothing that can be tested."""
    facts = case.get("facts") if isinstance(case, dict) else None
    expect = case.get("expect") if isinstance(case, dict) else None
    if not isinstance(facts, dict) or not isinstance(expect, dict) or not expect:
        return ['a case is {"facts": {...}, "expect": {...}} and expects something']
    said = [f"there is no fact “{code}”" for code in facts if canonical(code) not in CATALOGUE]
    outcome: Outcome = engine.evaluate(facts, ready)
    said += [f"can't be evaluated: {error}" for error in outcome.errors]
    for name, wanted in expect.items():
        read = _EXPECTED.get(name)
        if read is None:
            said.append(f"“{name}” can't be expected; known are {', '.join(_EXPECTED)}")
            continue
        found = read(outcome)
        if found != (sorted(wanted) if name in _UNORDERED and isinstance(wanted, list) else wanted):
            said.append(
                f"{name} is {json.dumps(found, ensure_ascii=False)}, not {json.dumps(wanted, ensure_ascii=False)} "
                f"(rule {outcome.rule_number} “{outcome.rule_name}” decides)"
            )
    return said
