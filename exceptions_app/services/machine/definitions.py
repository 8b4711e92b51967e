"""Definitions as people wrote them, made into rules; and their import from a table.

What a row may say is checked by the pure modules, in words that fit beside a form field. Knows no nodes.
"""

import csv
import io
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from core import clock
from exceptions_app.channels.mqtt import SPARKPLUG
from exceptions_app.channels.mtconnect import ADAPTER as MTCONNECT_ADAPTER
from exceptions_app.channels.opcua import ADAPTER as OPCUA_ADAPTER
from exceptions_app.channels.opcua import node_id_problem
from exceptions_app.machine.book import Book, Definition
from exceptions_app.machine.conditions import BadCondition, Condition
from exceptions_app.machine.debounce import Rule
from exceptions_app.machine.topics import BadTemplate, Paths, Template
from exceptions_app.models import MachineSignal, Source
from plant_app.models import ExceptionType, ReasonCode, UnitState, WorkUnit, WorkUnitState

OPCUA, MTCONNECT = OPCUA_ADAPTER.code, MTCONNECT_ADAPTER.code
#: States in which a stop is expected.
PLANNED = (UnitState.PLANNED_STOP, UnitState.SETUP)
MOST_ROWS = 20_000
#: Columns of an import; only `code`, `topic` and `operand` must be there.
COLUMNS = (
    "code", "topic", "metric", "time_path", "quality_path", "work_unit", "kind", "operator", "operand", "deadband",
    "on_delay", "off_delay", "reopen_within", "silence_after", "reorder_within", "chatter_count", "chatter_minutes",
    "shelve_minutes", "exception_type", "reason", "text", "active",
)  # fmt: skip
_NUMBERS = frozenset(
    {
        "deadband", "on_delay", "off_delay", "reopen_within", "silence_after", "reorder_within", "chatter_minutes",
        "shelve_minutes",
    }
)  # fmt: skip


def rule_of(row: MachineSignal) -> Rule:
    """The rule of a definition; BadCondition when it compares what cannot be compared."""
    return Rule(
        condition=Condition.of(
            kind=row.kind, operator=row.operator, operand=row.operand, deadband=row.deadband
        ),
        on_delay=_ms(row.on_delay),
        off_delay=_ms(row.off_delay),
        reopen=_ms(row.reopen_within),
        silence=_ms(row.silence_after),
        chatter_count=row.chatter_count,
        chatter_window=_ms(row.chatter_minutes * 60),
        shelve=_ms(row.shelve_minutes * 60),
        reorder=_ms(row.reorder_within),
    )


def definition_of(row: MachineSignal) -> Definition:
    """A row as the pure core has it; BadCondition or BadTemplate with what is wrong."""
    template = Template.of(row.topic)
    if row.work_unit is None and "unit" not in template.names:
        raise BadTemplate("Name a work unit, or let a level of the topic be {unit}.")
    return Definition(
        pk=row.pk or 0,
        code=row.code,
        template=template,
        rule=rule_of(row),
        unit=row.work_unit.code if row.work_unit else "",
        metric=row.metric,
        paths=Paths(row.metric, row.time_path, row.quality_path),
        type_code=row.exception_type.code,
        reason=row.reason.code if row.reason else "",
        text=row.text,
    )


def check_definition(row: MachineSignal) -> None:
    """Raise ValidationError by field for what would never work; called by the admin and the import."""
    try:
        template = Template.of(row.topic)
    except BadTemplate as error:
        raise ValidationError({"topic": str(error)}) from None
    sparkplug = row.source.config.get("kind") == SPARKPLUG
    if sparkplug and len(template.levels) not in (2, 3):
        raise ValidationError({"topic": "A Sparkplug address is group/node or group/node/device."})
    if row.source.adapter in (OPCUA, MTCONNECT):
        _check_address(row, template)
    if sparkplug and not row.metric:
        raise ValidationError({"metric": "A Sparkplug signal needs its metric's name."})
    if row.work_unit is None and "unit" not in template.names:
        raise ValidationError({"work_unit": "Name a work unit, or let a level of the topic be {unit}."})
    if row.reason is not None and row.reason.type_id != row.exception_type_id:
        raise ValidationError({"reason": "This reason belongs to another type."})
    try:
        rule_of(row)
    except BadCondition as error:
        raise ValidationError({"operand": str(error)}) from None
    try:
        row.text.format(unit="", value="", signal="")
    except (KeyError, IndexError, ValueError):
        raise ValidationError({"text": "Only {unit}, {value} and {signal} can be filled in."}) from None


def _check_address(row: MachineSignal, template: Template) -> None:
    """A server's or agent's signal: the topic names the machine, the metric its value there."""
    opcua = row.source.adapter == OPCUA
    if opcua and any(placeholder and name != "unit" for name, placeholder in template.levels):
        raise ValidationError({"topic": "A machine's name; only {unit} can be filled in."})
    if not opcua and len(template.levels) != 1:
        raise ValidationError({"topic": "The device's name or uuid, {unit} or +."})
    if not row.metric:
        what = "the node id of its value" if opcua else "the name or id of its data item"
        raise ValidationError({"metric": f"This signal needs {what}."})
    if opcua and (problem := node_id_problem(row.metric.replace("{unit}", "UNIT"))):
        raise ValidationError({"metric": problem})
    for name in ("time_path", "quality_path"):
        if getattr(row, name):
            raise ValidationError({name: "Time and quality come with every value here; leave it empty."})


def sentence_of(row: MachineSignal) -> str:
    """The whole definition in one sentence, as the admin shows it."""
    try:
        rule = rule_of(row)
    except BadCondition as error:
        return f"Cannot work: {error}"
    unit = row.work_unit.code if row.work_unit else "the machine its topic names"
    what = row.metric or "the message"
    words = (
        f"When {what} of {row.topic} {rule.condition.sentence()} for {row.on_delay:g} s, {unit} has a "
        f"{row.exception_type.name.lower()}; it is over when that has gone for {row.off_delay:g} s"
    )
    if row.reopen_within:
        words += f", and back within {row.reopen_within:g} s is the same one"
    words += "."
    if row.chatter_count:
        words += (
            f" {row.chatter_count} stops in {row.chatter_minutes:g} min mean a bad sensor: not listened to for "
            f"{row.shelve_minutes:g} min."
        )
    return words + (
        f" No value for {row.silence_after:g} s is told as “no data”." if row.silence_after else ""
    )


def book_of(source: Source) -> Book:
    """Every active definition of the source that can work, the site's units, and which of them stand as planned. Four
    queries. A row that cannot work is left out; the doctor names it.
    """
    rows = MachineSignal.objects.filter(source=source, active=True).select_related(
        "work_unit", "exception_type", "reason"
    )
    units = WorkUnit.objects.all()
    if source.site_id is not None:
        units = units.filter(work_centre__area__site=source.site_id)
    codes = dict(units.values_list("pk", "code"))
    planned = WorkUnitState.objects.filter(until=None, state__in=PLANNED, work_unit__in=codes)
    definitions = []
    for row in rows.order_by("pk"):
        try:
            definitions.append(definition_of(row))
        except (BadCondition, BadTemplate):
            continue
    return Book(
        definitions=tuple(definitions),
        units={code.casefold(): code for code in codes.values()},
        planned=frozenset(codes[pk] for pk in planned.values_list("work_unit_id", flat=True)),
    )


@dataclass(slots=True)
class Imported:
    """What an import did; `problems` are (line, words). Nothing was written when there are any."""

    added: int = 0
    changed: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


@transaction.atomic
def import_definitions(*, source: Source, text: str) -> Imported:
    """Add or change the definitions of a CSV table (comma or semicolon, first line names COLUMNS), by their code.

    All or nothing: with any problem nothing is written and every problem is named with its line. Columns that are
    missing keep their value or default. No lock beyond the rows'.
    """
    done = Imported()
    table = _table(text, done)
    if done.problems:
        return done
    known = {row.code: row for row in MachineSignal.objects.filter(source=source)}
    types = {row.code: row for row in ExceptionType.objects.all()}
    reasons = {(row.type_id, row.code): row for row in ReasonCode.objects.all()}
    units = {row.code.casefold(): row for row in WorkUnit.objects.all()}
    ready: list[MachineSignal] = []
    for line, cells in table:
        row = known.get(cells.get("code", "")) or MachineSignal(
            source=source, exception_type=types.get("machine_downtime")
        )
        try:
            _fill(row, cells, types, reasons, units)
            row.full_clean(validate_unique=False, validate_constraints=False)
            check_definition(row)
        except ValidationError as error:
            done.problems += [
                (line, f"{name}: {' '.join(said)}") for name, said in error.message_dict.items()
            ]
            continue
        if row.code not in known and any(other.code == row.code for other in ready):
            done.problems.append((line, f"code: {row.code} is there twice"))
        ready.append(row)
    if done.problems:
        return done
    for row in ready:
        done.added += row.pk is None
        done.changed += row.pk is not None
        row.changed_at = clock.now()
        row.save()
    return done


def _table(text: str, done: Imported) -> list[tuple[int, dict[str, str]]]:
    lines = text.lstrip("\ufeff").replace("\x00", "")
    first = lines.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(lines), delimiter=";" if first.count(";") > first.count(",") else ",")
    names = [name.strip() for name in reader.fieldnames or ()]
    unknown = [name for name in names if name not in COLUMNS]
    missing = [name for name in ("code", "topic", "operand") if name not in names]
    if unknown or missing:
        words = (
            f"unknown columns: {', '.join(unknown)}" if unknown else f"missing columns: {', '.join(missing)}"
        )
        done.problems.append((1, words[:300]))
        return []
    rows = []
    try:
        for raw in reader:
            cells = {
                str(name).strip(): value.strip()
                for name, value in raw.items()
                if isinstance(value, str) and name
            }
            if any(cells.values()):
                rows.append((reader.line_num, cells))
            if len(rows) > MOST_ROWS:
                done.problems.append((reader.line_num, f"at most {MOST_ROWS} rows"))
                return []
    except csv.Error as error:
        done.problems.append((reader.line_num, str(error)))
    return rows


def _fill(
    row: MachineSignal, cells: dict[str, str], types: dict[str, Any], reasons: dict[Any, Any], units: dict[str, Any]
) -> None:  # fmt: skip
    for name, value in cells.items():
        if name in _NUMBERS or name == "chatter_count":
            if not value:
                continue
            try:
                number = float(value.replace(",", "."))
                setattr(row, name, int(number) if name == "chatter_count" else number)
            except (ValueError, OverflowError):
                raise ValidationError({name: f"{value} is not a number"}) from None
        elif name == "work_unit":
            row.work_unit = _one(units, value.casefold(), "work_unit", value)
        elif name == "exception_type":
            row.exception_type = _one(types, value or "machine_downtime", "exception_type", value)
        elif name == "active":
            row.active = value.casefold() not in ("false", "0", "no", "off")
        elif name != "reason" and (value or name in ("metric", "time_path", "quality_path", "text")):
            setattr(row, name, value)
    if "reason" in cells:
        row.reason = _one(reasons, (row.exception_type_id, cells["reason"]), "reason", cells["reason"])


def _one(found: dict[Any, Any], key: Any, name: str, said: str) -> Any:
    if not said and name != "exception_type":
        return None
    if key not in found:
        raise ValidationError({name: f"{said} is not known"})
    return found[key]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
