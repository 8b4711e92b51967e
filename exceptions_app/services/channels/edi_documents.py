"""EDI documents we send: numbered without gaps, written once, handed over by a worker as often as it takes.

A document's text, its control number and its row come to be in the caller's transaction; the counter's lock makes the
numbers of one partner follow each other. Sending claims in one transaction, works in none, records in a third.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
from django.db import OperationalError, transaction

from core import clock, due
from core.errors import InvalidInput, NotAllowed
from core.hints import hint
from core.transports import TransportError
from core.wake import wake
from exceptions_app.channels.edi import folders
from exceptions_app.channels.edi.answers import ENCODING
from exceptions_app.channels.edi.partners import Partner, partners_of
from exceptions_app.models import (
    EdiCounter,
    EdiDocument,
    EdiInterchange,
    EdiState,
    EventKind,
    ExceptionRecord,
    Source,
)
from exceptions_app.services.records.moves import locked
from exceptions_app.services.records.story import announce, record_event
from plant_app.models import User
from plant_app.selectors import can

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
TIMEOUT_SECONDS = 20.0
MOST_ATTEMPTS = 40
IN_THE_ANSWER = "the HTTP answer"
ACKNOWLEDGEMENTS = frozenset({"997", "TA1", "CONTRL"})

#: (control number, moment in the partner's zone) -> the interchange's text.
Writer = Callable[[int, datetime], str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document as its maker describes it; `key` makes it meant once. `in_the_answer`: it goes back in the HTTP answer
    (lost on the way, the sender asks again and gets the same), so nothing is left to send.
    """

    key: str
    kind: str
    syntax: str
    partner: str
    about: str = ""
    summary: str = ""
    interchange: EdiInterchange | None = None
    exception: ExceptionRecord | None = None
    in_the_answer: bool = False


@transaction.atomic(savepoint=False)
def write_document(*, source: Source, wanted: Wanted, zone: ZoneInfo, write: Writer) -> EdiDocument:
    """Number and store one document, to be sent by the worker; a repeat of its key returns the first one.

    Runs in the caller's transaction, so a number is used exactly when the document is. Locks the partner's counter
    (after the exception, where there is one).
    """
    counter, _ = EdiCounter.objects.get_or_create(source=source, partner=wanted.partner[:40])
    counter = EdiCounter.objects.select_for_update(no_key=True, of=("self",)).get(pk=counter.pk)
    known = EdiDocument.objects.filter(source=source, key=wanted.key).first()
    if known is not None:
        return known
    now = clock.now()
    counter.last += 1
    counter.save(update_fields=["last"])
    document = EdiDocument.objects.create(
        source=source, key=wanted.key, kind=wanted.kind, syntax=wanted.syntax, partner=wanted.partner[:40],
        control=counter.last, about=wanted.about[:60], summary=wanted.summary[:120], interchange=wanted.interchange,
        exception=wanted.exception, body=write(counter.last, now.astimezone(zone)), created_at=now, due_at=now,
        state=EdiState.SENT if wanted.in_the_answer else EdiState.QUEUED, sends=int(wanted.in_the_answer),
        sent_at=now if wanted.in_the_answer else None, sent_to=IN_THE_ANSWER if wanted.in_the_answer else "",
    )  # fmt: skip
    if not wanted.in_the_answer:
        wake("edi_out")
    return document


@transaction.atomic
def resend(*, document_id: int, actor: User) -> EdiDocument:
    """Hand a document over once more: the same text under the same control number. NotAllowed
    `edi.not_allowed` for who may not triage there, InvalidInput `edi.queued` while it waits anyway. Locks the document
    after its exception.
    """
    document = EdiDocument.objects.select_related("source__site").get(pk=document_id)
    site = document.exception.site_id if document.exception else document.source.site_id
    if not (actor.is_superuser or (site is not None and can(actor, "exception.triage", site))):
        raise NotAllowed("edi.not_allowed", "You may not send this again.", "Ask a planner.")
    exception = locked(document.exception_id) if document.exception_id else None
    row = EdiDocument.objects.select_for_update(no_key=True, of=("self",)).get(pk=document_id)
    if row.state == EdiState.QUEUED:
        raise InvalidInput("edi.queued", "It is waiting to be sent already.")
    row.state, row.due_at, row.attempts, row.error = EdiState.QUEUED, clock.now(), 0, ""
    row.resent_by = actor
    row.save(update_fields=["state", "due_at", "attempts", "error", "resent_by"])
    if exception is not None:
        record_event(
            exception=exception, kind=EventKind.TOLD, actor=actor, via="edi",
            text=f"{row.kind} {row.number} is sent to {row.partner} again", data={"edi_document": row.pk},
        )  # fmt: skip
        announce(exception, kind=EventKind.TOLD)
    wake("edi_out")
    return row


def send_due_documents(*, limit: int = 50) -> int:
    """Hand over documents that are due, oldest first; returns how many were tried. Safe to run twice at once."""
    done = 0
    for _ in range(limit):
        with transaction.atomic():
            rows = due.claim(
                EdiDocument.objects.filter(state=EdiState.QUEUED, due_at__lte=clock.now()).order_by("due_at", "pk"), 1
            )  # fmt: skip
            if not rows:
                return done
            row = rows[0]
            row.attempts += 1
            row.due_at = clock.now() + LEASE
            row.save(update_fields=["attempts", "due_at"])
        _hand_over(row.pk)
        done += 1
    wake("edi_out")
    return done


def _hand_over(document_id: int) -> None:
    document = EdiDocument.objects.select_related("source").get(pk=document_id)
    try:
        where = _deliver(document)
    except TransportError as problem:
        _record_failure(document, str(problem), final=problem.permanent)
        return
    except OSError as problem:
        _record_failure(document, f"{type(problem).__name__}: {problem}", final=False)
        return
    try:
        _record_sent(document, where)
    except OperationalError:
        logger.exception("EDI document %s was handed over, which could not be written down yet", document.pk)
        return
    folder = out_folder(document.source)
    if folder is not None:
        folders.forget(folder, delivery=_delivery(document))


def _deliver(document: EdiDocument) -> str:
    """Give the text to the partner's address, else put it into the folder; where it went. Outside transactions."""
    partner = partner_by_id(document.source, document.partner)
    if partner is not None and partner.url and document.kind not in ACKNOWLEDGEMENTS | {""}:
        return _post(document, partner)
    folder = out_folder(document.source)
    if folder is None:
        if partner is not None and partner.url:
            return _post(document, partner)
        raise TransportError(
            "There is neither a folder for answers nor an address of the partner.", permanent=True
        )
    path = folders.place(folder, file_name(document), document.body, delivery=_delivery(document))
    return str(path)


def _post(document: EdiDocument, partner: Partner) -> str:
    headers = {
        "Content-Type": "application/edi-x12" if document.syntax == "x12" else "application/edifact",
        "Idempotency-Key": f"{document.source.code}-{document.partner}-{document.control}",
    }
    token = str(document.source.secrets.get("out_token") or "")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        answer = httpx.post(
            partner.url,
            content=document.body.encode(ENCODING, "replace"),
            headers=headers,
            timeout=TIMEOUT_SECONDS,
        )
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
        raise TransportError(f"{type(problem).__name__}: {problem}") from problem
    if answer.status_code >= 300:
        hopeless = 400 <= answer.status_code < 500 and answer.status_code not in (
            401,
            403,
            404,
            408,
            425,
            429,
        )
        raise TransportError(f"{partner.url} answered {answer.status_code}", permanent=hopeless)
    return partner.url


@transaction.atomic
def _record_sent(document: EdiDocument, where: str) -> None:
    exception = locked(document.exception_id) if document.exception_id else None
    row = EdiDocument.objects.select_for_update(no_key=True, of=("self",)).get(pk=document.pk)
    if row.state == EdiState.SENT:
        return
    row.state, row.sent_at, row.sent_to, row.error = EdiState.SENT, clock.now(), where[:300], ""
    row.sends += 1
    row.save(update_fields=["state", "sent_at", "sent_to", "error", "sends"])
    if exception is not None:
        record_event(
            exception=exception, kind=EventKind.TOLD, actor_text="EDI", via="edi",
            text=f"{row.kind} sent to {row.partner}, control {row.number}", data={"edi_document": row.pk},
        )  # fmt: skip
        announce(exception, kind=EventKind.TOLD)


@transaction.atomic
def _record_failure(document: EdiDocument, why: str, *, final: bool) -> None:
    """Write a failed try down; it is tried again with growing pauses until it is hopeless, then people see it."""
    exception = locked(document.exception_id) if document.exception_id else None
    row = EdiDocument.objects.select_for_update(no_key=True, of=("self",)).get(pk=document.pk)
    if row.state != EdiState.QUEUED:
        return
    row.error = why[:300]
    row.due_at = clock.now() + timedelta(seconds=due.backoff_seconds(row.attempts, first=5.0))
    ended = final or row.attempts >= MOST_ATTEMPTS
    if ended:
        row.state = EdiState.FAILED
    row.save(update_fields=["error", "due_at", "state"])
    logger.warning("EDI document %s to %s not sent: %s", row.number, row.partner, why)
    if ended and exception is not None:
        record_event(
            exception=exception, kind=EventKind.TOLD, actor_text="EDI", via="edi",
            text=f"{row.kind} {row.number} could not be sent to {row.partner}: {why}", data={"edi_document": row.pk},
        )  # fmt: skip
        hint(f"exception.{exception.pk}", kind="exception", ref=exception.ref, id=exception.pk)


def out_folder(source: Source) -> Path | None:
    """Where answers of a source are put: its own setting, else `out/` below the folder files come from."""
    own, base = str(source.config.get("out_folder") or ""), str(source.config.get("folder") or "")
    if own:
        return Path(own)
    return Path(base) / folders.OUT if base else None


def file_name(document: EdiDocument) -> str:
    """Name of a document's file: kind, partner, control number."""
    return f"{document.kind}-{folders.safe(document.partner)}-{document.control:09d}.edi"


def _delivery(document: EdiDocument) -> str:
    return f"{document.source_id}-{document.pk}-{document.sends + 1}"


def partner_by_id(source: Source, partner_id: str) -> Partner | None:
    """The partner of that id in the source's settings."""
    return next((one for one in partners_of(source.config) if one.id == partner_id), None)


def zone_of(partner: Partner | None, source: Source) -> ZoneInfo:
    """Whose dates: the partner's zone, else the site's, else UTC; a zone nobody knows counts as none."""
    for name in (partner.zone if partner else "", source.site.timezone if source.site else "", "UTC"):
        if not name:
            continue
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            continue
    return ZoneInfo("UTC")
