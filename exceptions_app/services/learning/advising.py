"""Asks a language model about messages the reader is not sure of, when an administrator has set one up.

The item waits in triage for a person from the start; advice that comes in time is one more suggestion there. Whatever
the server does (nothing, nonsense, too late), the item stays as it is. The network is called between two transactions.
"""

import logging
import secrets
from dataclasses import dataclass
from datetime import timedelta

import httpx
from django.db import transaction
from django.db.models import QuerySet

from core import clock, due
from core.hints import hint
from core.wake import wake
from exceptions_app.advice.asking import (
    LONGEST_ANSWER,
    Advice,
    Question,
    Refused,
    body_of,
    candidates_of,
    check,
)
from exceptions_app.models import (
    AdviceStatus,
    Interpretation,
    LanguageModel,
    ReadingAdvice,
    Signal,
    SignalReading,
)
from exceptions_app.reading.types import LINK_KINDS
from exceptions_app.services.channels.index import current_index
from plant_app.models import ExceptionType, Site

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 2
MOST_PER_RUN = 3
MOST_CANDIDATES = 10
SLACK = timedelta(seconds=30)
#: After this an item has long been looked at; advice would only confuse.
STALE = timedelta(hours=1)


def language_model_of(site: Site) -> LanguageModel | None:
    """The site's own model, else the one for all sites, if it is switched on. One query."""
    rows = {one.site_id: one for one in LanguageModel.objects.filter(site__in=[site]) | _for_all()}
    found = rows.get(site.pk) or rows.get(None)
    return found if found is not None and found.active else None


def _for_all() -> QuerySet[LanguageModel]:
    return LanguageModel.objects.filter(site=None)


def want_advice(*, signal: Signal, site: Site, confidence: float) -> ReadingAdvice | None:
    """Queue a question about a signal that has just gone to triage, inside its reading's transaction.

    None where no model is switched on, the reading is sure enough, there is no text, it was asked before, or the day's
    questions are used up.
    """
    if not signal.text.strip():
        return None
    backend = language_model_of(site)
    if backend is None or confidence >= backend.below:
        return None
    today = ReadingAdvice.objects.filter(
        language_model=backend, created_at__gte=clock.now() - timedelta(days=1)
    ).count()
    if today >= backend.most_a_day:
        return None
    row, new = ReadingAdvice.objects.get_or_create(
        signal=signal, defaults={"language_model": backend, "due_at": clock.now(), "created_at": clock.now()}
    )
    if new:
        wake("advice")
    return row if new else None


@dataclass(frozen=True)
class _Asked:
    row: ReadingAdvice
    backend: LanguageModel
    question: Question


def give_due_advice(*, limit: int = MOST_PER_RUN) -> int:
    """Ask what is due, one question after the other; returns how many got advice that counts."""
    given = 0
    for _ in range(limit):
        asked = _claim()
        if asked is None:
            break
        try:
            advice = check(_call(asked), asked.question)
        except Refused as refusal:
            _record(asked, error=str(refusal), status=AdviceStatus.REFUSED)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            again = asked.row.attempts < MOST_ATTEMPTS
            _record(asked, error=_words(error), status=AdviceStatus.WAITING if again else AdviceStatus.FAILED)
        else:
            _record(asked, advice=advice, status=AdviceStatus.GIVEN)
            given += 1
    return given


@transaction.atomic
def _claim() -> _Asked | None:
    now = clock.now()
    rows = due.claim(
        ReadingAdvice.objects.filter(status=AdviceStatus.WAITING, due_at__lte=now)
        .select_related("signal", "language_model")
        .order_by("due_at", "pk"),
        1,
    )
    if not rows:
        return None
    row = rows[0]
    backend = row.language_model
    read = Interpretation.objects.filter(signal=row.signal).order_by("-pk").first()
    reading = SignalReading.objects.select_related("exception").filter(signal=row.signal).first()
    waits = reading is not None and reading.exception is not None and reading.exception.status == "triage"
    if backend is None or not backend.active or read is None or not waits or now - row.created_at > STALE:
        row.status, row.error = AdviceStatus.FAILED, "no longer needed"
        row.save(update_fields=["status", "error"])
        return None
    row.attempts += 1
    row.due_at = now + timedelta(seconds=backend.timeout_seconds) + SLACK
    row.save(update_fields=["attempts", "due_at"])
    return _Asked(row, backend, _question(row.signal, read))


def _question(signal: Signal, read: Interpretation) -> Question:
    """Types of the catalogue, and the candidates the reading itself holds; never a list of the whole plant."""
    index = current_index()
    types = dict(
        ExceptionType.objects.filter(active=True).exclude(code="unsorted").values_list("code", "name")
    )
    links: dict[str, dict[str, str]] = {}
    for kind, codes in candidates_of(read.fields, LINK_KINDS).items():
        if kind == "person" or len(codes) < 2:
            continue
        rows = {code: index.lookup(kind, code) for code in codes[:MOST_CANDIDATES]}
        links[kind] = {code: row.name or code for code, row in rows.items() if row is not None}
    return Question(signal.text, types, links, read.language)


def _call(asked: _Asked) -> bytes:
    """One POST, never redirected, never read past what an answer may hold."""
    backend = asked.backend
    body = body_of(
        asked.question, model=backend.model, mark=f"----- {secrets.token_hex(12)} -----",
        format_=backend.answer_format,  # type: ignore[arg-type]
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {backend.key}"} if backend.key else {}
    address = f"{backend.url.rstrip('/')}/chat/completions"
    with (
        httpx.Client(timeout=backend.timeout_seconds, follow_redirects=False, trust_env=False) as client,
        client.stream("POST", address, json=body, headers=headers) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise httpx.HTTPStatusError(
                f"the server answered {answer.status_code}", request=answer.request, response=answer
            )
        began, raw = clock.now(), b""
        for part in answer.iter_bytes():
            raw += part
            if len(raw) > LONGEST_ANSWER * 4:
                raise Refused("the answer is too long")
            if (clock.now() - began).total_seconds() > backend.timeout_seconds:
                raise httpx.ReadTimeout("the answer came too slowly", request=answer.request)
        return raw


def _words(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.HTTPStatusError):
        return str(error)[:200]
    return f"not reached: {type(error).__name__}"


@transaction.atomic
def _record(asked: _Asked, *, status: AdviceStatus, advice: Advice | None = None, error: str = "") -> None:
    row = (
        ReadingAdvice.objects.select_for_update(no_key=True, of=("self",))
        .select_related("signal__reading__exception")
        .get(pk=asked.row.pk)
    )
    if row.status != AdviceStatus.WAITING:
        return
    row.status, row.error, row.asked_of = status, error[:200], asked.backend.model
    if advice is not None:
        row.verdict, row.type_code, row.words = advice.verdict, advice.type_code, advice.words
        row.links = dict(advice.links)
    if status == AdviceStatus.WAITING:
        row.due_at = clock.now() + timedelta(seconds=due.backoff_seconds(row.attempts, first=15))
    else:
        row.answered_at = clock.now()
    row.save()
    exception = row.signal.reading.exception
    if advice is not None and exception is not None:
        hint(f"exception.{exception.pk}", f"site.{exception.site_id}", kind="advice", ref=exception.ref)
    if error:
        logger.info("advice on signal %s: %s", row.signal_id, error)


def advice_on(signal: Signal) -> ReadingAdvice | None:
    """The advice that counts on a signal; None where there is none. One query."""
    return ReadingAdvice.objects.filter(signal=signal, status=AdviceStatus.GIVEN).first()
