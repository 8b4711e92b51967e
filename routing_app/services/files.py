"""Rules in files: the draft as JSON, CSV or XLSX, and back with a preview of what would change.

An import is read and kept first, and changes nothing; applied, it changes the draft as a whole or not at all, and only
if nobody edited the draft since the preview. Bad rows are coded faults; a file with one is never kept.
"""

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotFound, StaleVersion
from plant_app.models import Function, User
from routing_app.models import ImportMode, RuleImport
from routing_app.ruleset import RulesetSpec, RuleSpec
from routing_app.selectors import draft_spec, spec_digest
from routing_app.services.drafting import apply_ruleset
from routing_app.services.locking import lock_draft
from routing_app.sheets import MOST_BYTES, read_csv, read_xlsx, write_csv, write_xlsx
from routing_app.soundness import Fault, faults_of_ladder, faults_of_rule, faults_of_set
from routing_app.tables import COLUMNS, RULES, Reading, read_tables, tables_of

FORMATS: Final = ("json", "csv", "xlsx")
CONTENT_TYPES: Final = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class FileFaults(InvalidInput):
    """A file of rules with faults; `faults` has each with its row, column and code. Nothing was changed."""

    def __init__(self, faults: list[Fault]) -> None:
        count = len(faults)
        super().__init__(
            "import.faults",
            f"The file has {count} fault{'' if count == 1 else 's'}; nothing was changed.",
            "Mend the rows named, then import the file again.",
            faults=[fault.as_dict() for fault in faults],
        )
        self.faults = faults


def export_file(*, spec: RulesetSpec, kind: str) -> bytes:
    """A rule set as a file. `kind` is json or xlsx (everything), or csv (the rules alone).

    InvalidInput `import.format` for another kind.
    """
    if kind == "json":
        return (json.dumps(spec.as_dict(), indent=1, ensure_ascii=False) + "\n").encode()
    if kind == "csv":
        return write_csv(tables_of(spec)[RULES])
    if kind == "xlsx":
        return write_xlsx(tables_of(spec))
    raise InvalidInput("import.format", f"Rules are kept as {', '.join(FORMATS)}, not as {kind}.")


def read_file(*, name: str, data: bytes, mode: str = ImportMode.REPLACE) -> RulesetSpec:
    """The draft as it would be after importing a file; changes nothing.

    `name` tells the format by its ending. `mode` replace makes the rules those of the file, merge changes and adds only
    rules the file names. What the file has no table for (ladders and limits in a CSV) stays as the draft has it.
    FileFaults with every fault of every row; InvalidInput `import.format`, `import.unreadable`, `import.too_large`,
    `import.empty`.
    """
    draft = draft_spec()
    functions = set(Function.objects.values_list("code", flat=True))
    ladders = {ladder.code for ladder in draft.ladders}
    kind = PurePath(name).suffix.lstrip(".").lower()
    if kind == "json":
        spec, faults = _read_json(data, functions)
        reading = Reading(spec.rules, spec.ladders, dict(spec.limits), dict(spec.other_acknowledge), faults)
    elif kind == "csv":
        reading = read_tables({RULES: read_csv(data)}, functions=functions, ladders=ladders)
    elif kind == "xlsx":
        tables, faults = read_xlsx(data, tuple(COLUMNS))
        if not tables:
            raise InvalidInput(
                "import.unreadable", f"The workbook has none of the sheets {', '.join(COLUMNS)}."
            )
        reading = read_tables(tables, functions=functions, ladders=ladders)
        reading.faults[:0] = faults
    else:
        raise InvalidInput("import.format", f"Rules are kept as {', '.join(FORMATS)}; “{name}” is neither.")
    return _joined(draft, reading, mode)


def _joined(draft: RulesetSpec, reading: Reading, mode: str) -> RulesetSpec:
    if reading.faults:
        raise FileFaults(reading.faults)
    rules = draft.rules if reading.rules is None else reading.rules
    if mode == ImportMode.MERGE:
        rules = _merged(draft.rules, rules)
    spec = RulesetSpec(
        rules=tuple(_numbered(rules)),
        ladders=draft.ladders if reading.ladders is None else reading.ladders,
        limits=draft.limits if reading.limits is None else reading.limits,
        other_acknowledge=draft.other_acknowledge if reading.others is None else reading.others,
    )
    known = {ladder.code for ladder in spec.ladders}
    faults = faults_of_set(spec)
    faults += [
        Fault(
            "import.ladder_used",
            f"Rule “{rule.name}” uses the ladder {rule.ladder}, which is not in the file.",
        )
        for rule in spec.rules
        if rule.ladder and rule.ladder not in known
    ]
    if faults:
        raise FileFaults(faults)
    return spec


def _numbered(rules: tuple[RuleSpec, ...]) -> list[RuleSpec]:
    return [RuleSpec.from_dict(rule.as_dict(), number) for number, rule in enumerate(rules, start=1)]


def _merged(kept: tuple[RuleSpec, ...], given: tuple[RuleSpec, ...]) -> tuple[RuleSpec, ...]:
    """Rules of the file laid over the draft's by code; new ones come last, before the catch-all."""
    by_code = {rule.code: rule for rule in given}
    known = {rule.code for rule in kept}
    new = [rule for rule in given if rule.code not in known]
    laid = [by_code.get(rule.code, rule) for rule in kept]
    return (*laid[:-1], *new, *laid[-1:])


def _read_json(data: bytes, functions: set[str]) -> tuple[RulesetSpec, list[Fault]]:
    if len(data) > MOST_BYTES:
        raise InvalidInput("import.too_large", f"The file has over {MOST_BYTES // 1_000_000} MB.")
    try:
        read: Any = json.loads(data.decode("utf-8-sig"))
        if not isinstance(read, Mapping):
            raise ValueError("it holds no object")
        spec = RulesetSpec.from_dict(read)
        ladders = {ladder.code for ladder in spec.ladders}
        faults = [
            fault
            for rule in spec.rules
            for fault in faults_of_rule(rule, row=rule.number, functions=functions, ladders=ladders)
        ]
        for number, ladder in enumerate(spec.ladders, start=1):
            faults += faults_of_ladder(ladder, row=number)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as problem:
        raise InvalidInput("import.unreadable", f"This is not a rule set: {problem!r}.") from None
    return spec, faults


@transaction.atomic
def prepare_import(
    *, name: str, data: bytes, actor: User | None, mode: str = ImportMode.REPLACE
) -> RuleImport:
    """Read a file and keep what it would make of the draft, for `apply_import`; the draft stays as it is.

    Refusals as `read_file`. Takes the draft lock.
    """
    lock_draft()
    spec = read_file(name=name, data=data, mode=mode)
    return RuleImport.objects.create(
        name=PurePath(name).name[:120],
        mode=mode,
        uploaded_by=actor,
        uploaded_at=clock.now(),
        spec=spec.as_dict(),
        draft_digest=spec_digest(draft_spec()),
    )


@transaction.atomic
def apply_import(*, pk: int, actor: User | None) -> RuleImport:
    """Make the draft what the preview showed, whole or not at all; publishes nothing.

    NotFound `import.missing`; StaleVersion `import.draft_moved` when the draft was edited since the preview. Applied
    twice, the second time changes nothing. Takes the draft lock.
    """
    lock_draft()
    found = RuleImport.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound("import.missing", "There is no such import.")
    if found.applied_at is not None:
        return found
    if spec_digest(draft_spec()) != found.draft_digest:
        raise StaleVersion(
            "import.draft_moved",
            "Somebody changed the draft since this preview; nothing was changed.",
            "Import the file again to see what it would change now.",
        )
    apply_ruleset(spec=RulesetSpec.from_dict(found.spec), actor=actor, source=f"imported {found.name}")
    found.applied_at, found.applied_by = clock.now(), actor
    found.save(update_fields=["applied_at", "applied_by"])
    return found
