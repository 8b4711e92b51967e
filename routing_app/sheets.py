"""Tables as files: CSV and XLSX, written and read. Pure but for openpyxl.

A cell that a spreadsheet would take for a formula is written with an apostrophe before it, and one apostrophe is taken
off on the way in, so that text survives and nothing is ever calculated; a formula in an uploaded workbook is a fault.
Sizes are bounded before anything is unpacked. Must not know rules.
"""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from core.errors import InvalidInput
from routing_app.soundness import Fault

MOST_BYTES: Final = 5_000_000
MOST_UNPACKED: Final = 60_000_000
MOST_ROWS: Final = 20_000
#: What Excel, LibreOffice or Sheets read as the beginning of a formula (OWASP, CSV injection), and the guard itself.
_RISKY: Final = frozenset("=+-@\t\r\n＝＋－＠'")
_WIDTHS: Final = {"says": 90, "conditions": 44, "functions": 44, "name": 34, "note": 40, "roles": 44}


def guarded(text: str) -> str:
    """The text as a cell that is never calculated; `unguarded` gives it back."""
    return f"'{text}" if text.lstrip(" ")[:1] in _RISKY and text.strip(" ") else text


def unguarded(cell: str) -> str:
    rest = cell[1:].lstrip(" ")
    return cell[1:] if cell.startswith("'") and rest and rest[0] in _RISKY else cell


def write_csv(table: Sequence[Sequence[str]]) -> bytes:
    """UTF-8 with a byte order mark, as spreadsheets expect it."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([guarded(cell) for cell in row] for row in table)
    return out.getvalue().encode("utf-8-sig")


def write_xlsx(tables: Mapping[str, Sequence[Sequence[str]]]) -> bytes:
    """One sheet per table; every cell is text, the head stays in sight."""
    book = Workbook()
    book.remove(book.active)
    for name, table in tables.items():
        sheet = book.create_sheet(name)
        for number, row in enumerate(table, start=1):
            for column, text in enumerate(row, start=1):
                cell = sheet.cell(number, column)
                cell.value = ILLEGAL_CHARACTERS_RE.sub("", guarded(text)) or None  # what no workbook can hold
                cell.data_type = "s" if text else "n"
                cell.number_format = "@"
                cell.alignment = Alignment(vertical="top", wrap_text="\n" in text or len(text) > 60)
                if number == 1:
                    cell.font = Font(bold=True)
        for column, title in enumerate(table[0], start=1):
            sheet.column_dimensions[get_column_letter(column)].width = _WIDTHS.get(title, 18)
        sheet.freeze_panes = "C2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:  # what a spreadsheet on an older Windows saves
        return data.decode("cp1252", errors="replace")


def read_csv(data: bytes) -> list[list[str]]:
    """Rows of a CSV file; commas, semicolons or tabs between cells.

    InvalidInput `import.too_large`, `import.unreadable`.
    """
    _bounded(data)
    text = _decoded(data)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as problem:
        raise InvalidInput("import.unreadable", f"This is not a CSV file: {problem}.") from None
    return [[unguarded(cell).replace("\r\n", "\n") for cell in row] for row in _few(rows)]


def read_xlsx(data: bytes, names: Sequence[str]) -> tuple[dict[str, list[list[str]]], list[Fault]]:
    """The sheets called `names` (in any case), and a fault for each formula and each error in them.

    InvalidInput `import.too_large`, `import.unreadable`.
    """
    _bounded(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(one.file_size for one in packed.infolist()) > MOST_UNPACKED:
                raise InvalidInput("import.too_large", "The workbook is too large.")
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        return _read_book(book, names)
    except (
        zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, TypeError, OSError, EOFError,
    ) as problem:  # fmt: skip
        raise InvalidInput("import.unreadable", f"This is not an XLSX workbook: {problem}.") from None


def _read_book(book: Any, names: Sequence[str]) -> tuple[dict[str, list[list[str]]], list[Fault]]:
    tables: dict[str, list[list[str]]] = {}
    faults: list[Fault] = []
    for sheet in book.worksheets:
        name = sheet.title.strip().casefold()
        if name not in names:
            continue
        rows: list[list[str]] = []
        for number, row in enumerate(sheet.iter_rows(), start=1):
            if number > MOST_ROWS:
                raise InvalidInput("import.too_large", f"More than {MOST_ROWS} rows.")
            line = []
            for cell in row:
                if cell.data_type in ("f", "e"):
                    text = "A formula or an error stands here; write the value itself."
                    faults.append(Fault("import.formula", text, "", number, name))
                line.append(_cell_text(cell.value))
            rows.append(line)
        tables[name] = rows
    return tables, faults


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return unguarded(str(value)).replace("\r\n", "\n")


def _bounded(data: bytes) -> None:
    if len(data) > MOST_BYTES:
        raise InvalidInput("import.too_large", f"The file has over {MOST_BYTES // 1_000_000} MB.")
    if not data.strip():
        raise InvalidInput("import.empty", "The file is empty.")


def _few(rows: list[list[str]]) -> list[list[str]]:
    if len(rows) > MOST_ROWS:
        raise InvalidInput("import.too_large", f"More than {MOST_ROWS} rows.")
    return rows
