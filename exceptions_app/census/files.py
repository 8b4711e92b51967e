"""One imported file of whatever kind: what it is, and its entries. Never raises on content."""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Final, Literal

from exceptions_app.census.chats import is_chat, read_chat
from exceptions_app.census.entries import DateOrder, Entry, Parsed
from exceptions_app.census.tables import Table, entries_of, guess, read_csv, read_xlsx
from exceptions_app.channels.mail.message import read_mail

Kind = Literal["chat", "mail", "table"]
MOST_MAILS: Final = 100_000
LARGEST_UNPACKED: Final = 100_000_000


def kind_of(name: str, data: bytes) -> Kind | None:
    """What a file is, by what it holds; None for what cannot be imported."""
    if data[:2] == b"PK":
        return "chat" if _chat_in_zip(data) is not None else ("table" if _is_workbook(data) else None)
    head = data[:4000]
    if head.startswith(b"From ") or (name.lower().endswith((".mbox", ".eml")) and b":" in head):
        return "mail"
    if b"\x00" in head and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return None
    text = head.decode("utf-8", errors="replace")
    if is_chat(text):
        return "chat"
    return "table" if any(mark in text for mark in ",;\t|") else None


def table_of(data: bytes) -> Table:
    """A list as read, to choose its columns."""
    return read_xlsx(data) if data[:2] == b"PK" else read_csv(data)


def parse(
    kind: Kind, data: bytes, *, zone: tzinfo, default: DateOrder = "dmy", columns: Mapping[str, int] | None = None
) -> Parsed:  # fmt: skip
    """The entries of a file. `columns` (role -> column) are a list's, guessed where none are given."""
    if kind == "chat":
        text = _chat_in_zip(data) if data[:2] == b"PK" else data.decode("utf-8", errors="replace")
        return read_chat(text or "", zone=zone, default=default)
    if kind == "mail":
        return _mails(data)
    table = table_of(data)
    if table.problem:
        return Parsed([], [(0, table.problem)])
    return entries_of(table, columns or guess(table.headings), zone=zone, default=default)


def _chat_in_zip(data: bytes) -> str | None:
    """The chat of an exported archive ("_chat.txt", or the only text file); None when there is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [one for one in archive.infolist() if one.filename.lower().endswith(".txt")]
            if not names or names[0].file_size > LARGEST_UNPACKED:
                return None
            text = archive.read(names[0]).decode("utf-8", errors="replace")
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError):
        return None
    return text if is_chat(text) else None


def _is_workbook(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
    return any(one.filename == "xl/workbook.xml" for one in files) and (
        sum(one.file_size for one in files) <= LARGEST_UNPACKED
    )


def _mails(data: bytes) -> Parsed:
    """Every mail of an mbox (or the one of an .eml file), without what machines answered and without quotes."""
    entries: list[Entry] = []
    problems: list[tuple[int, str]] = []
    skipped = 0
    for line, raw in _cut(data):
        mail = read_mail(raw)
        if mail.unreadable:
            problems.append((line, mail.unreadable[:200]))
            continue
        text = "\n".join(part for part in (mail.subject, mail.said or mail.body) if part.strip())
        if mail.automatic or not text:
            skipped += 1
            continue
        thread = (mail.references[0] if mail.references else mail.in_reply_to) or mail.message_id
        entries.append(
            Entry(
                at=mail.date, text=text, sender=mail.sender.name or mail.sender.address, line=line, thread=thread[:200]
            )
        )  # fmt: skip
        if mail.date is None:
            problems.append((line, "has no date"))
    return Parsed(entries, problems, skipped)


def _cut(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(line, bytes) of each mail; a line that begins with "From " after an empty one begins the next."""
    lines: Sequence[bytes] = data.splitlines(keepends=True)
    began, blank, count = 0, True, 0
    for number, line in enumerate(lines):
        if line.startswith(b"From ") and blank:
            if number > began and (body := b"".join(lines[began:number]).strip()):
                count += 1
                yield began + 1, body
            began = number + 1
            if count >= MOST_MAILS:
                return
        blank = not line.strip()
    if rest := b"".join(lines[began:]).strip():
        yield began + 1, rest
