"""Lists: downtime logs, notification lists of an ERP, anybody's spreadsheet. Rows become entries by named columns.

Which column is what is guessed from its heading (five languages, and the headings of SAP's notification lists) and can
be said otherwise. CSV in the usual delimiters and encodings, and XLSX. Never raises on content.
"""

import csv
import io
import re
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from exceptions_app.census.entries import DateOrder, Entry, Parsed, minutes_of, moment_of, order_of

MOST_ROWS: Final = 200_000
LONGEST_CELL: Final = 5_000

#: What a column can be -> headings it goes by, lower case, in the order they are tried.
ROLES: Final[Mapping[str, Sequence[str]]] = tomllib.loads(
    (Path(__file__).parent / "headings.toml").read_text(encoding="utf-8")
)
_FIELDS: Final = ("work_unit", "work_centre", "work_order", "item")


@dataclass(frozen=True, slots=True)
class Table:
    """A list as read: its headings and its rows, every cell a text."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    first_line: int = 2
    problem: str = ""


def read_csv(data: bytes) -> Table:
    """A table of delimited text; the delimiter is the one that gives the most columns throughout."""
    text = _decoded(data)
    sample = [line for line in text.splitlines() if line.strip()][:50]
    if not sample:
        return Table([], [], problem="the file is empty")
    delimiter = max(";,\t|", key=lambda mark: min(line.count(mark) for line in sample[:10]) or 0)
    if not any(delimiter in line for line in sample):
        delimiter = ","
    try:
        rows = [
            [cell.strip()[:LONGEST_CELL] for cell in row]
            for row, _ in zip(
                csv.reader(io.StringIO(text), delimiter=delimiter), range(MOST_ROWS), strict=False
            )
        ]
    except csv.Error as error:
        return Table([], [], problem=f"no delimited text: {error}")
    return _headed([row for row in rows if any(row)])


def read_xlsx(data: bytes) -> Table:
    """The first sheet of a workbook; values as they were when it was saved."""
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        rows = [
            [_cell(value) for value in row]
            for row, _ in zip(sheet.iter_rows(values_only=True), range(MOST_ROWS), strict=False)
        ]
    except (
        InvalidFileException,
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        IndexError,
        OSError,
        EOFError,
    ) as error:
        return Table([], [], problem=f"no workbook: {error}"[:200])
    return _headed([row for row in rows if any(row)])


def _headed(rows: list[list[str]]) -> Table:
    """The heading is the row, among the first ten, in which most cells are words we know; else the first."""
    if not rows:
        return Table([], [], problem="the file is empty")
    best = max(range(min(10, len(rows))), key=lambda number: (len(guess(rows[number])), -number))
    return Table(rows[best], rows[best + 1 :], first_line=best + 2)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{int(value.total_seconds()) // 3600}:{int(value.total_seconds()) // 60 % 60:02d}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()[:LONGEST_CELL]


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8-sig", "utf-16") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("cp1252", errors="replace")


def guess(headings: Sequence[str]) -> dict[str, int]:
    """Role -> column. An exact heading before one that contains it; a column has one role."""
    plain = [re.sub(r"\s+", " ", heading.strip().lower()) for heading in headings]
    found: dict[str, int] = {}
    for exact in (True, False):
        for role, names in ROLES.items():
            if role in found:
                continue
            for name in names:
                column = next(
                    (
                        number
                        for number, heading in enumerate(plain)
                        if number not in found.values()
                        and (heading == name if exact else _contains(heading, name))
                    ),
                    None,
                )
                if column is not None:
                    found[role] = column
                    break
    return found


def _contains(heading: str, name: str) -> bool:
    return len(name) > 3 and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", heading) is not None


def entries_of(
    table: Table, columns: Mapping[str, int], *, zone: tzinfo, default: DateOrder = "dmy"
) -> Parsed:
    """The rows as entries, by role -> column. A row without any words and place is skipped, one without a date told."""

    def cell(row: Sequence[str], role: str) -> str:
        column = columns.get(role, -1)
        return row[column].strip() if 0 <= column < len(row) else ""

    dated = "start" if "start" in columns else "date"
    order = order_of((cell(row, dated) for row in table.rows[:2000]), default=default)
    entries, problems, skipped = [], [], 0
    for line, row in enumerate(table.rows, start=table.first_line):
        fields = {role: cell(row, role) for role in _FIELDS if cell(row, role)}
        words = [cell(row, "text"), cell(row, "reason")]
        text = ", ".join(dict.fromkeys(word for word in words if word))
        if not text and not fields:
            skipped += 1
            continue
        clock = cell(row, "start_time") if dated == "start" else cell(row, "time")
        at = moment_of(cell(row, dated), order=order, zone=zone, clock=clock)
        if at is None and dated == "start" and "date" in columns:
            at = moment_of(
                cell(row, "date"), order=order, zone=zone, clock=cell(row, "start") or cell(row, "time")
            )
        if at is None:
            problems.append((line, f"{cell(row, dated) or 'nothing'} is no date"))
        ended = _end(cell(row, "end"), cell(row, "end_time"), at, order, zone)
        minutes = minutes_of(cell(row, "minutes"))
        if minutes is None and cell(row, "hours"):
            minutes = minutes_of(cell(row, "hours"), unit="h")
        entries.append(
            Entry(
                at=at, text=text, sender=cell(row, "sender"), minutes=minutes, ended_at=ended, fields=fields, line=line,
                thread=cell(row, "id"),
            )
        )  # fmt: skip
    return Parsed(entries, problems, skipped)


def _end(words: str, clock: str, began: datetime | None, order: DateOrder, zone: tzinfo) -> datetime | None:
    """When it ended: a date with time, or a bare clock on the day it began (or the next, past midnight)."""
    found = moment_of(words, order=order, zone=zone, clock=clock)
    if found is None and began is not None and re.match(r"^\d{1,2}[:.]\d{2}", words):
        found = moment_of(f"{began:%Y-%m-%d}", order="ymd", zone=zone, clock=words)
        if found is not None and found < began:
            found += timedelta(days=1)
    return found if found is not None and (began is None or found >= began) else None
