"""Master data out of CSV files: `items-2026-11-23.csv` and the like, each read once, in the order they arrived.

Owns the watermark, which is the last file read to its end, and the rows of one file as records. The arrival is the file
system's change time, which copying with old time stamps does not set back. A row that can't be read stops the reading
after its file with the line named: the good rows of it are applied, and later files wait until it is mended or taken
away; a file still being written holds back those that arrived after it. Must not know: the mirror's tables.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from erp_sync.adapters.filedrop import disk
from erp_sync.adapters.filedrop.rules import numeric
from erp_sync.adapters.port import PULL_ENTITIES, Page, Record
from erp_sync.errors import ErpRejected, ErpUnavailable

SIZE = 200
#: A watermark has a limited length.
MOST_NAME = 150
#: Columns a record's code is made of, where there is no column `code`.
CODES: dict[str, tuple[str, ...]] = {
    "sales_lines": ("order", "line"),
    "purchase_lines": ("order", "line"),
    "stock": ("item", "location", "lot"),
}
JOINED = {"sales_lines": "/", "purchase_lines": "/", "stock": "|"}
OPTIONAL = frozenset({"lot"})
#: Columns that speak of the row itself: the ERP's own id, which survives a rename, and whether it is gone.
OWN = frozenset({"code", "external_id", "deleted"})
FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
Parse = Callable[[str, str, bytes, datetime], Iterator[Record | str]]


@dataclass(frozen=True, slots=True)
class Folder:
    """Where files to read lie, and how they are written; `path` None reads nothing.

    `whole_stock`: a file of stock names all there is, so what it does not name is empty.
    """

    path: Path | None
    parse: Parse
    suffix: str
    quiet_seconds: float
    most_bytes: int
    whole_stock: bool = False

    @staticmethod
    def of(settings: Mapping[str, Any], delimiter: str) -> Folder:
        named = str(settings.get("pull") or "")
        return Folder(
            Path(named) if named else None,
            lambda entity, name, content, at: csv_records(entity, content, at, delimiter),
            ".csv",
            numeric(settings, "quiet_seconds", 2),
            int(numeric(settings, "most_pull_bytes", 100_000_000)),
            bool(settings.get("whole_stock")),
        )


def pages(folder: Folder, entity: str, watermark: str) -> Iterator[Page]:
    """Pages of what arrived after `watermark`; within a file the old watermark is repeated.

    Raises KeyError for an unknown entity, ErpUnavailable without the folder, ErpRejected `filedrop.row` or
    `filedrop.columns` for what can't be read.
    """
    if entity not in PULL_ENTITIES:
        raise KeyError(entity)
    if folder.path is None:
        return
    reached = _mark(watermark)
    for arrived, path in _files(folder, entity, reached):
        name = path.name[:MOST_NAME]
        with disk.trouble("filedrop.folder", sent=False):
            content = disk.read_limited(path, folder.most_bytes)
        records: list[Record] = []
        wrong: list[str] = []
        before = f"{reached[0]}:{reached[1]}" if reached[0] else ""
        only: dict[str, list[list[str]]] = {}
        for found in folder.parse(entity, path.name, content, _moment(arrived)):
            if isinstance(found, str):
                wrong.append(found)
                continue
            records.append(found)
            if folder.whole_stock and entity == "stock":
                data = found.data
                row = [str(data.get(name) or "") for name in ("location", "lot", "status")]
                only.setdefault(str(data.get("item") or ""), []).append(row)
            if len(records) == SIZE:
                yield Page(tuple(records), before)
                records = []
        if wrong:
            yield Page(tuple(records), before)
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            raise ErpRejected("filedrop.row", f"{path.name}: {wrong[0]}{more}")
        records += [
            Record("stock", f"{item}|*", f"{item}|*", {"item": item, "only": named})
            for item, named in only.items()
        ]
        reached = (arrived, name)
        yield Page(tuple(records), f"{arrived}:{name}")


def all_stock(folder: Folder) -> Iterator[Record]:
    """The rows of the newest file of stock. Raises ErpRejected `erp.not_offered` where files name changes only, or
    where none lies there; ErpUnavailable for one that can't be read whole, since it then proves nothing."""
    files = _files(folder, "stock") if folder.whole_stock and folder.path is not None else []
    if not files:
        raise ErpRejected("erp.not_offered", "no file here names all the stock")
    arrived, path = files[-1]
    with disk.trouble("filedrop.folder", sent=False):
        content = disk.read_limited(path, folder.most_bytes)
    for found in folder.parse("stock", path.name, content, _moment(arrived)):
        if isinstance(found, str):
            raise ErpUnavailable(f"{path.name}: {found}", code="filedrop.row", sent=False)
        yield found


def csv_records(entity: str, content: bytes, at: datetime, delimiter: str) -> Iterator[Record | str]:
    """Records of one CSV file; a text instead says what is wrong with a line.

    Neighbouring rows of one code with `op_` columns are one record with several operations.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        yield "is not UTF-8"
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        wanted = set(CODES.get(entity, ())) - OPTIONAL
        if "code" not in header and not (wanted and wanted <= set(header)):
            yield f"the header needs {' and '.join(sorted(wanted)) or 'code'}"
            return
        last: Record | None = None
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                yield f"line {reader.line_num} has {len(cells)} cells, the header {len(header)}"
                continue
            row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
            code = _code(entity, row)
            if not code:
                yield f"line {reader.line_num} has no code"
                continue
            operation = _operation(row)
            if operation and last is not None and last.code == code:
                last.data["operations"].append(operation)
                continue
            if last is not None:
                yield last
            data: dict[str, Any] = {
                n: _value(n, c) for n, c in row.items() if n not in OWN and not n.startswith("op_")
            }
            if operation:
                data["operations"] = [operation]
            ident = row.get("external_id") or code
            deleted = FLAGS.get(row.get("deleted", "").lower(), False)
            last = Record(entity, code, ident, {n: v for n, v in data.items() if v != ""}, at, deleted)
        if last is not None:
            yield last
    except csv.Error as error:
        yield f"line {reader.line_num}: {error}"


def _code(entity: str, row: Mapping[str, str]) -> str:
    if row.get("code"):
        return row["code"]
    parts = CODES.get(entity, ())
    if not parts or any(not row.get(name) for name in parts if name not in OPTIONAL):
        return ""
    return JOINED[entity].join(row.get(name, "") for name in parts)


def _operation(row: Mapping[str, str]) -> dict[str, str]:
    return {name[3:]: cell for name, cell in row.items() if name.startswith("op_") and cell}


def _value(name: str, cell: str) -> Any:
    if name in ("active", "cancelled"):
        return FLAGS.get(cell.lower(), "")
    if cell.startswith(("[", "{")):
        try:
            return json.loads(cell)
        except ValueError:
            return cell
    return cell


def _files(folder: Folder, entity: str, reached: tuple[int, str] = (0, "")) -> list[tuple[int, Path]]:
    """Files that arrived after `reached`, in that order, up to the first one that is still being written.

    A watermark beyond that one would leave it unread for good.
    """
    assert folder.path is not None  # noqa: S101 - the caller reads nothing then
    with disk.trouble("filedrop.folder", sent=False):
        found = disk.visible_files(folder.path, (folder.suffix,), folder.quiet_seconds)
        arrived = sorted(
            (path.stat().st_ctime_ns, path, quiet)
            for path, quiet in found
            if path.stem == entity or path.stem.startswith(f"{entity}-")
        )
    new = [one for one in arrived if (one[0], one[1].name[:MOST_NAME]) > reached]
    return [(at, path) for at, path, _ in takewhile(lambda one: one[2], new)]


def _mark(watermark: str) -> tuple[int, str]:
    stamp, _, name = watermark.partition(":")
    return (int(stamp), name) if stamp.isdigit() else (0, "")


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
