"""What the files of the plain drop say: a posting as CSV or JSON, an acknowledgement read from either.

Owns the columns. A CSV has one header row and one row a posting; its columns of a kind never change with what is filled
in. Lists and objects stand as JSON in their cell. UTF-8 throughout. Must not know: folders, the outbox.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from erp_sync.adapters.filedrop.codes import OURS
from erp_sync.adapters.filedrop.inbox import Entry, Unreadable
from erp_sync.adapters.port import Acknowledgement, PostingCommand
from erp_sync.canonical import KINDS

ENVELOPE = ("key", "try", "kind", "occurred_at", "posting_date", "text")
#: What other programs call the same answers.
STATUSES: dict[str, Literal["confirmed", "rejected"]] = {
    "confirmed": "confirmed", "ok": "confirmed", "accepted": "confirmed", "posted": "confirmed",
    "rejected": "rejected", "error": "rejected", "failed": "rejected", "refused": "rejected",
}  # fmt: skip
MOST_TEXT = 2000


def envelope(command: PostingCommand, turn: int) -> dict[str, Any]:
    """What every posting carries beside its payload."""
    return {
        "key": command.business_key,
        "try": turn,
        "kind": command.kind,
        "occurred_at": command.occurred_at.isoformat(),
        "posting_date": command.posting_date.isoformat(),
        "text": command.text,
    }


def to_json(command: PostingCommand, turn: int) -> bytes:
    """One JSON object: the envelope and `payload`."""
    said = {**envelope(command, turn), "payload": command.payload}
    return (json.dumps(said, ensure_ascii=False, indent=1) + "\n").encode()


def to_csv(command: PostingCommand, turn: int, delimiter: str = ",") -> bytes:
    """A header and one row: the envelope, then every field of the kind in its fixed order."""
    fields = [spec.name for spec in dataclasses.fields(KINDS[command.kind]) if spec.name != OURS]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow([*ENVELOPE, *fields])
    cells = [_cell(command.payload.get(name)) for name in fields]
    writer.writerow([*envelope(command, turn).values(), *cells])
    return stream.getvalue().encode()


def read_acknowledgements(name: str, content: bytes, delimiter: str = ",") -> Iterator[Entry]:
    """Each row of an acknowledgement file (`.csv`, else JSON: an object or a list of them), good or not."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        yield Unreadable("erp.acknowledgement_unreadable", "is not UTF-8")
        return
    if name.lower().endswith(".csv"):
        yield from _csv_rows(text, delimiter)
        return
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        yield Unreadable("erp.acknowledgement_unreadable", "is not JSON")
        return
    for number, row in enumerate(said if isinstance(said, list) else [said], start=1):
        if isinstance(row, dict):
            yield read_row({str(key).lower(): value for key, value in row.items()}, f"entry {number}")
        else:
            yield Unreadable("erp.acknowledgement_unreadable", f"entry {number} is no object")


def read_row(row: Mapping[str, Any], where: str) -> Entry:
    """One acknowledgement: key, status, erp_number, time, and optionally code, message, try."""
    key = _text(row.get("key"))
    if not key:
        return Unreadable("erp.acknowledgement_key", f"{where} has no key")
    status = STATUSES.get(_text(row.get("status")).lower())
    if status is None:
        words = f"{where} has the status {_text(row.get('status'))[:40]!r}"
        return Unreadable("erp.acknowledgement_status", words, key)
    number = _text(row.get("erp_number"))
    if status == "confirmed" and not number:
        return Unreadable("erp.acknowledgement_number", f"{where} is confirmed without an ERP number", key)
    at: datetime | None = None
    if stamp := _text(row.get("time")):
        try:
            at = datetime.fromisoformat(stamp)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            words = f"{where} has the time {stamp[:40]!r}; it needs ISO 8601 with an offset"
            return Unreadable("erp.acknowledgement_time", words, key)
    turn = _text(row.get("try")) or "0"
    if not turn.isascii() or not turn.isdigit() or len(turn) > 4:
        return Unreadable("erp.acknowledgement_try", f"{where} has the try {turn[:40]!r}", key)
    return Acknowledgement(
        key,
        status,
        number[:80],
        at,
        _text(row.get("code"))[:60],
        _text(row.get("message"))[:MOST_TEXT],
        int(turn),
    )


def _csv_rows(text: str, delimiter: str) -> Iterator[Entry]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if not {"key", "status"} <= set(header):
            yield Unreadable("erp.acknowledgement_columns", "the header has no key and status")
            return
        for cells in reader:
            if not cells:
                continue
            where = f"line {reader.line_num}"
            row = dict(zip(header, cells, strict=False))
            if len(cells) != len(header):
                words = f"{where} has {len(cells)} cells, the header {len(header)}"
                yield Unreadable("erp.acknowledgement_columns", words, _text(row.get("key")))
            else:
                yield read_row(row, where)
    except csv.Error as error:
        yield Unreadable("erp.acknowledgement_unreadable", f"line {reader.line_num}: {error}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, list | dict) else str(value).strip()
