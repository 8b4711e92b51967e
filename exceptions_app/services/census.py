"""A census from its files to its figures: read by a worker in small steps, so that a restart goes on where it was.

Uses the reader, the plant's names and what it has been taught; writes none of the live tables: no signal, no record, no
notice, no teaching. Whoever asks decides what to do with the figures.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Count

from core import clock, due
from core.errors import InvalidInput, NotFound, TransitionRefused
from core.hints import hint
from core.wake import wake
from exceptions_app.census.counting import TYPICAL, Told, count
from exceptions_app.census.files import kind_of, parse
from exceptions_app.models import Census, CensusEntry, CensusFile, CensusStatus
from exceptions_app.reading.correlation import correlation_key
from exceptions_app.reading.pipeline import interpret
from exceptions_app.reading.types import TYPE_CODES, Reading, ReadingContext
from exceptions_app.services.channels.index import current_index
from exceptions_app.services.learning.knowledge import knowledge_of
from plant_app.models import Site, User

LARGEST_FILE = 50_000_000
STEP = 200
LEASE = timedelta(minutes=2)
MOST_ATTEMPTS = 5
MOST_PROBLEMS = 200


@transaction.atomic
def begin_census(*, site: Site, name: str, actor: User) -> Census:
    """A new, empty census. InvalidInput `census.name` without a name. No lock."""
    if not name.strip():
        raise InvalidInput("census.name", "Give the census a name.", field="name")
    return Census.objects.create(site=site, name=name.strip()[:80], created_by=actor, typical=dict(TYPICAL))


@transaction.atomic
def add_census_file(*, census_id: int, name: str, data: bytes) -> CensusFile:
    """Add one file to a draft. InvalidInput `census.file` for what is too large, twice there, or nothing we can import.
    Locks the census.
    """
    census = _locked(census_id)
    if census.status != CensusStatus.DRAFT:
        raise TransitionRefused("census.started", "Files are added before the census is read.")
    if len(data) > LARGEST_FILE:
        raise InvalidInput("census.file", f"A file has at most {LARGEST_FILE // 1_000_000} MB.", status=413)
    kind = kind_of(name, data)
    if kind is None:
        raise InvalidInput(
            "census.file", f"{name} is neither a chat, nor a mailbox, nor a list.",
            "Use a WhatsApp export (.txt, .zip), an mbox or .eml, a CSV or an XLSX file.",
        )  # fmt: skip
    try:
        with transaction.atomic():
            file = CensusFile(
                census=census,
                name=name[:150],
                kind=kind,
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
            )
            file.file.save("raw", ContentFile(data), save=False)
            file.save()
    except IntegrityError:
        raise InvalidInput("census.file", f"{name} is there already.") from None
    return file


@transaction.atomic
def set_census_columns(*, file_id: int, columns: Mapping[str, int]) -> CensusFile:
    """Say which column of a list is what (role -> column from 0), in place of what its headings suggest."""
    file = (
        CensusFile.objects.select_for_update(no_key=True, of=("self",))
        .select_related("census")
        .get(pk=file_id)
    )
    if file.census.status != CensusStatus.DRAFT:
        raise TransitionRefused("census.started", "Columns are set before the census is read.")
    file.columns = dict(columns)
    file.save(update_fields=["columns"])
    return file


@transaction.atomic
def start_census(*, census_id: int) -> Census:
    """Have it read by the worker. InvalidInput `census.empty` without a file. Locks the census."""
    census = _locked(census_id)
    if census.status not in (CensusStatus.DRAFT, CensusStatus.FAILED):
        raise TransitionRefused("census.started", "It is being read already.")
    if not census.files.exists():
        raise InvalidInput("census.empty", "Add a file first.")
    census.status, census.due_at, census.error, census.attempts = CensusStatus.WAITING, clock.now(), "", 0
    census.save(update_fields=["status", "due_at", "error", "attempts"])
    wake("census")
    return census


def read_due_censuses() -> int:
    """Go on with every census that is due, one step after the other, until all are counted; returns the steps done.

    A step is one file parsed, or STEP entries read, in a transaction of its own. A worker that dies loses one step.
    """
    steps = 0
    while True:
        with transaction.atomic():
            found = due.claim(
                Census.objects.filter(
                    status__in=(CensusStatus.WAITING, CensusStatus.READING), due_at__lte=clock.now()
                ).order_by("due_at"),
                1,
            )
            if not found:
                return steps
            census = found[0]
            census.status, census.due_at = CensusStatus.READING, clock.now() + LEASE
            census.save(update_fields=["status", "due_at"])
        try:
            _go_on(census.pk)
        except Exception as error:  # noqa: BLE001 - the outer edge: whatever a file holds, the census says so
            _failed(census.pk, error)
        steps += 1


@transaction.atomic
def _go_on(census_id: int) -> None:
    census = _locked(census_id)
    file = census.files.filter(parsed=False).first()
    if file is not None:
        _parse(census, file)
    elif rows := list(census.entries.filter(done=False).order_by("pk")[:STEP]):
        _read(census, rows)
    else:
        _finish(census)
    if census.status == CensusStatus.READING:
        census.due_at = clock.now()
    census.attempts = 0
    census.save()
    hint(f"site.{census.site_id}", kind="census", read=census.read, total=census.total)


def _parse(census: Census, file: CensusFile) -> None:
    with file.file.open("rb") as stored:
        data = stored.read()
    zone = ZoneInfo(census.site.timezone)
    order: Any = "mdy" if census.site.timezone.startswith("America/") else "dmy"
    parsed = parse(file.kind, data, zone=zone, default=order, columns=file.columns or None)  # type: ignore[arg-type]
    CensusEntry.objects.bulk_create(
        (
            CensusEntry(
                census=census, file=file, line=one.line, at=one.at, ended_at=one.ended_at, minutes=one.minutes,
                sender=one.sender[:120], thread=one.thread[:200], text=one.text.replace("\x00", ""), given=one.fields,
            )
            for one in parsed.entries
        ),
        batch_size=1000,
    )  # fmt: skip
    file.parsed, file.entries, file.skipped = True, len(parsed.entries), parsed.skipped
    file.problems = [[line, words[:200]] for line, words in parsed.problems[:MOST_PROBLEMS]]
    file.save(update_fields=["parsed", "entries", "skipped", "problems"])
    census.total += len(parsed.entries)


def _read(census: Census, rows: list[CensusEntry]) -> None:
    index = current_index()
    known = knowledge_of(index.version)
    site = census.site
    context = ReadingContext(
        site_code=site.code, language=site.language, timezone=site.timezone, channel="api",
        date_order="mdy" if site.timezone.startswith("America/") else "dmy",
    )  # fmt: skip
    for row in rows:
        at = row.at or census.created_at
        found = interpret(
            row.text, master=index, context=context, received_at=at.astimezone(UTC), fields=row.given,
            packs=known.packs_of(site.code),
        )  # fmt: skip
        _note(row, found, site, at)
    CensusEntry.objects.bulk_update(
        rows,
        ["done", "type_code", "intent", "confidence", "unsure", "key", "unit", "words", "fields"],
        batch_size=STEP,
    )
    census.read += len(rows)


def _note(row: CensusEntry, found: Reading, site: Site, at: datetime) -> None:
    kind = found.field("type")
    row.done = True
    row.type_code = found.type_code or ""
    # What it is counts here, not whether everything it names is known.
    row.intent, row.confidence, row.unsure = found.intent, found.type_confidence, found.type_code is None
    if found.intent == "chatter" and not row.type_code and (row.minutes or row.ended_at):
        row.intent = "report"  # somebody measured it, so something happened; nobody could tell what
    row.key = correlation_key(
        found.type_code,
        _keyed(found),
        site.code,
        at.astimezone(ZoneInfo(site.timezone)),
        reason=found.reason_code,
    )
    row.unit = found.links.get("work_unit", "") or found.links.get("work_centre", "")
    row.words = " ".join(kind.words.split())[:120] if kind is not None else ""
    row.fields = [field.as_json() for field in found.fields]


def _keyed(found: Reading) -> dict[str, str]:
    """What a key may be made of: links, and the references a customer or an engineer gives."""
    said = {
        name: str(found.value(name)) for name in ("tool", "change_no", "customer_po") if found.value(name)
    }
    return {**found.links, **said}


def _finish(census: Census) -> None:
    told = [
        Told(
            number=row.pk, at=row.at, sender=row.sender, type_code=row.type_code, confidence=row.confidence,
            intent=row.intent, key=row.key, unit=row.unit, thread=row.thread if row.file.kind != "table" else "",
            words=row.words, unsure=row.unsure, minutes=row.minutes, ended_at=row.ended_at,
        )
        for row in census.entries.select_related("file").defer("text", "fields").order_by("pk")
    ]  # fmt: skip
    census.figures = count(told, typical={**TYPICAL, **census.typical}).as_json()
    census.status, census.finished_at = CensusStatus.DONE, clock.now()


@transaction.atomic
def set_typical_minutes(*, census_id: int, typical: Mapping[str, float]) -> Census:
    """Change what an event takes where nothing was measured, and count anew. InvalidInput for no number of minutes.
    Locks the census.
    """
    census = _locked(census_id)
    if census.status != CensusStatus.DONE:
        raise TransitionRefused("census.not_done", "It is not counted yet.")
    if census.words_deleted_at is not None:
        raise TransitionRefused(
            "census.words_deleted", "Its entries are deleted; the figures stay as they are."
        )
    for code, minutes in typical.items():
        if code not in TYPE_CODES or not 0 < minutes <= 60 * 24 * 7:
            raise InvalidInput(
                "census.typical", "Minutes per event are a number between 1 and one week.", field=code
            )
    census.typical = {**census.typical, **typical}
    _finish(census)
    census.save(update_fields=["typical", "figures", "status", "finished_at"])
    return census


@transaction.atomic
def delete_census_words(*, census_id: int) -> Census:
    """Delete what people wrote: entries and files go, the figures stay. Locks the census."""
    census = _locked(census_id)
    if census.status in (CensusStatus.WAITING, CensusStatus.READING):
        raise TransitionRefused("census.started", "It is being read; wait until it is counted.")
    names = list(census.files.values_list("file", flat=True))
    census.entries.all().delete()
    census.files.update(problems=[])
    census.words_deleted_at = clock.now()
    census.save(update_fields=["words_deleted_at"])
    for name in names:
        transaction.on_commit(partial(default_storage.delete, name))
    return census


def _failed(census_id: int, error: Exception) -> None:
    with transaction.atomic():
        census = _locked(census_id)
        census.attempts += 1
        census.error = f"{type(error).__name__}: {error}"[:300]
        census.due_at = clock.now() + timedelta(seconds=due.backoff_seconds(census.attempts))
        if census.attempts >= MOST_ATTEMPTS:
            census.status = CensusStatus.FAILED
        census.save(update_fields=["attempts", "error", "due_at", "status"])


def _locked(census_id: int) -> Census:
    census = (
        Census.objects.select_for_update(no_key=True, of=("self",))
        .select_related("site")
        .filter(pk=census_id)
        .first()
    )
    if census is None:
        raise NotFound("census.not_found", "There is no such census.")
    return census


def census_progress(census: Census) -> dict[str, int]:
    """How many entries are read, by whether they were anything. One query."""
    rows = census.entries.filter(done=True).values_list("type_code").annotate(found=Count("pk"))
    return {code or "nothing": found for code, found in rows}
