"""Code mappings as CSV, to keep and to bring in: `kind,ours,theirs`, one a line. Pure.

Owns the format and what can be wrong with a file, with the line it is wrong in. Must not know: the database.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

COLUMNS = ("kind", "ours", "theirs")
_LONGEST = {"kind": 30, "ours": 60, "theirs": 120}
MOST_LINES = 20_000
#: A cell that begins like this is run as a formula by spreadsheets.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a line of the file (1 is the heading)."""

    line: int
    message: str


def written(rows: Iterable[Row]) -> str:
    """The file. A cell a spreadsheet would run is written with an apostrophe before it, which `parsed` takes off."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\n")
    sheet.writerow(COLUMNS)
    sheet.writerows([_safe(cell) for cell in row] for row in rows)
    return out.getvalue()


def parsed(text: str, kinds: Mapping[str, str]) -> tuple[list[Row], list[Fault]]:
    """(rows, faults) of a file; any fault and it should not be used. `kinds` are those the connector reads, if it says.

    Semicolons between columns, as spreadsheets of some countries write them, are understood.
    """
    lines = text.lstrip("\ufeff").splitlines()
    if not lines:
        return [], [Fault(1, "The file is empty.")]
    delimiter = ";" if lines[0].count(";") > lines[0].count(",") else ","
    sheet = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter, strict=True)
    rows: dict[tuple[str, str], Row] = {}
    faults: list[Fault] = []
    try:
        heading = [cell.strip().lower() for cell in next(sheet)]
        if not set(COLUMNS) <= set(heading):
            return [], [Fault(1, f"The first line names the columns {', '.join(COLUMNS)}.")]
        places = [heading.index(name) for name in COLUMNS]
        for cells in sheet:
            if not any(cell.strip() for cell in cells):
                continue
            if sheet.line_num > MOST_LINES:
                faults.append(Fault(sheet.line_num, f"A file has at most {MOST_LINES} lines."))
                break
            row = tuple(_cell(cells, place) for place in places)
            problem = _problem(row, kinds)
            if not problem and (row[0], row[1]) in rows:
                problem = f"{row[0]} {row[1]} stands twice in the file."
            if problem:
                faults.append(Fault(sheet.line_num, problem))
            rows[row[0], row[1]] = (row[0], row[1], row[2])
    except csv.Error as error:
        faults.append(Fault(sheet.line_num, f"This line is no CSV: {error}."))
    return list(rows.values()), faults


def _cell(cells: list[str], place: int) -> str:
    value = cells[place].strip() if place < len(cells) else ""
    return value[1:] if value[:1] == "'" and value[1:2] in _FORMULA else value


def _safe(value: str) -> str:
    return f"'{value}" if value[:1] in _FORMULA else value


def _problem(row: tuple[str, ...], kinds: Mapping[str, str]) -> str:
    for name, value in zip(COLUMNS, row, strict=True):
        if not value:
            return f"{name} is empty."
        if len(value) > _LONGEST[name]:
            return f"{name} has more than {_LONGEST[name]} characters."
    if kinds and row[0] not in kinds:
        return f"This connector reads no mapping of kind {row[0]!r}; it reads {', '.join(sorted(kinds))}."
    return ""
