"""What reporters are told, and when: opened, coming, decided, resolved, on the channel they used, in their language.

Derived from the records themselves: a thread remembers the version it has spoken about, so nothing that was committed
late is missed and nothing is said twice. Writes due rows; `reply_sending` hands them over.
"""

from dataclasses import replace
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F, Q

from core import clock, due
from exceptions_app import services as exceptions
from exceptions_app.channels import teams
from exceptions_app.channels.adapters import ADAPTERS
from exceptions_app.lifecycle import ENDED, Status
from exceptions_app.models import ExceptionRecord, Response, ResponseStatus, Signal, SignalReading
from exceptions_app.models.signals import ReadingStatus
from exceptions_app.rules.reply_words import Facts, sentence
from exceptions_app.services.channels.continuing import automatic
from notify_app.messengers import SENDERS
from notify_app.models import ReplyStatus, ReplyThread, ReplyWhat, ReporterReply

BATCH = 100
#: Older reports are nobody's news any more (an installation that was away).
NEWS = timedelta(days=2)
#: A reporter is told a few things, not the whole story.
MOST_REPLIES = 8
ANSWERING = sorted(code for code, adapter in ADAPTERS.items() if adapter.answers)
#: What a later word makes needless while it still waits to be sent.
_OVERTAKEN = (ReplyWhat.RECEIVED, ReplyWhat.ACKNOWLEDGED, ReplyWhat.COMING, ReplyWhat.DECIDED)
_FIRST = (ReplyWhat.RECEIVED, ReplyWhat.OPENED, ReplyWhat.KNOWN)


def plan_replies(*, limit: int = 500) -> int:
    """Write the replies that have become due; returns how many threads were looked at. Safe to run many at once."""
    while _begin_threads() == BATCH:
        pass
    done = 0
    while done < limit:
        count = _speak(min(BATCH, limit - done))
        done += count
        if count < BATCH:
            break
    return done


@transaction.atomic
def _begin_threads() -> int:
    """A thread for every read report that has a record and a way back; one that stays silent says why."""
    with connection.cursor() as cursor:  # two at once would both find a reporter new
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('reporter-replies', 0))")
    readings = list(
        SignalReading.objects.filter(
            status__in=(ReadingStatus.READ, ReadingStatus.FAILED),
            exception__isnull=False,
            signal__source__adapter__in=ANSWERING,
            signal__reply_thread__isnull=True,
            signal__received_at__gt=clock.now() - NEWS,
        )
        .select_related("signal__source__site", "signal__site", "signal__reporter", "exception")
        .order_by("pk")[:BATCH]
    )
    for reading in readings:
        signal, exception = reading.signal, reading.exception
        if exception is None:
            continue
        place = place_of(signal)
        ReplyThread.objects.create(
            signal=signal,
            exception=exception,
            place=place,
            language=exceptions.language_of(signal)[:5],
            silent=_silent(signal, exception, place),
            created_at=clock.now(),
        )
    return len(readings)


def place_of(signal: Signal) -> str:
    """Where an answer shows: the thread under the message in a channel, else the sender."""
    if signal.source.adapter == "slack":
        return signal.conversation if "/" in signal.conversation else signal.external_id
    if signal.source.adapter == teams.ADAPTER.code:
        return signal.conversation
    return signal.sender


def _silent(signal: Signal, exception: ExceptionRecord, place: str) -> str:
    """Why this reporter is told nothing; empty where they are."""
    if not signal.sender or not place:
        return "the report names no address to answer to"
    if automatic(signal):
        return "no person wrote it"
    if signal.redacted_at is not None:
        return "the sender took the message back"
    if signal.channel == "email" and not signal.sender_verified:
        return "the mail's sender is not proven"
    told = ReplyThread.objects.filter(
        exception=exception, place=place, signal__source=signal.source, silent=""
    )
    return "an earlier message of theirs is answered" if told.exists() else ""


@transaction.atomic
def _speak(limit: int) -> int:
    threads = due.claim(
        ReplyThread.objects.filter(silent="")
        .exclude(exception__version=F("spoken_version"))
        .select_related(
            "signal__source", "exception__type", "exception__owner_function", "exception__merged_into"
        )
        .order_by("created_at", "pk"),
        limit,
    )
    for thread in threads:
        _say(thread)
    ReplyThread.objects.bulk_update(threads, ["spoken_version", "silent", "exception"])
    return len(threads)


def _say(thread: ReplyThread) -> None:
    """Queue what this thread's record has to say now; in memory it then has spoken about this version."""
    exception = thread.exception
    thread.spoken_version = exception.version
    for what, facts, response in _news(thread, exception):
        _queue(thread, exception, what, facts, response)
    if exception.status == Status.CANCELLED and exception.merged_into is not None:
        thread.exception = exception.merged_into
        thread.spoken_version = -1
        other = ReplyThread.objects.filter(
            exception=exception.merged_into, place=thread.place, signal__source=thread.signal.source, silent=""
        )  # fmt: skip
        if other.exclude(pk=thread.pk).exists():
            thread.silent = "an earlier message of theirs is answered"
    elif exception.status in ENDED:
        thread.silent = "the record is over"
    elif thread.replies.count() >= MOST_REPLIES:
        thread.silent = "told often enough"


def _news(thread: ReplyThread, exception: ExceptionRecord) -> list[tuple[ReplyWhat, Facts, Response | None]]:
    """What can be said of the record as it stands, in order; what was said before is left out when it is queued."""
    facts = exceptions.facts_for(exception)
    status = exception.status
    if status == Status.CANCELLED:
        if exception.merged_into is not None:
            return [(ReplyWhat.MERGED, replace(facts, other=exception.merged_into.ref), None)]
        return [(ReplyWhat.CANCELLED, facts, None)]
    if status == Status.TRIAGE:
        return [(ReplyWhat.RECEIVED, facts, None)]
    words = customer_words(thread, exception)
    if status in (Status.RESOLVED, Status.CLOSED):
        resolved: list[tuple[ReplyWhat, Facts, Response | None]] = [(ReplyWhat.RESOLVED, facts, None)]
        return [(ReplyWhat.DECIDED, facts, None), *resolved] if words else resolved
    found: list[tuple[ReplyWhat, Facts, Response | None]] = [(_first(thread), facts, None)]
    response = exception.responses.select_related("function").filter(is_owner=True).first()
    if response is not None and response.answered and status != Status.DECIDED:
        name = replace(facts, function=response.function.code, function_name=response.function.name)
        coming = response.status == ResponseStatus.ON_THE_WAY or (
            response.status == ResponseStatus.ACKNOWLEDGED and response.eta_at is not None
        )
        found.append((ReplyWhat.COMING if coming else ReplyWhat.ACKNOWLEDGED, name, response))
    if status == Status.DECIDED and words is not None:
        line = exception.events.filter(kind="decided").order_by("-at", "-pk").first()
        option = (line.text if line is not None else "").partition(": ")[0]
        found.append((ReplyWhat.DECIDED, replace(facts, option=option), None))
    return found


def customer_words(thread: ReplyThread, exception: ExceptionRecord) -> str | None:
    """What a customer who wrote a mail is told of the decision: its message, once customer service has done its task
    of answering; None before. Empty where no customer wrote, or the decision has nothing for them.
    """
    if thread.signal.reporter_id is not None or thread.signal.channel != "email":
        return ""
    decision = exception.decisions.filter(reversed_at=None).exclude(message="").order_by("-number").first()
    if decision is None:
        return ""
    return None if decision.tasks.filter(code="answer", status="open").exists() else decision.message


def _first(thread: ReplyThread) -> ReplyWhat:
    opened = SignalReading.objects.filter(
        signal=thread.signal, opened=True, exception=thread.exception
    ).exists()  # fmt: skip
    return ReplyWhat.OPENED if opened else ReplyWhat.KNOWN


def _queue(
    thread: ReplyThread, exception: ExceptionRecord, what: ReplyWhat, facts: Facts, response: Response | None
) -> None:
    now = clock.now()
    if _told_before(thread, exception, what):
        return
    told = customer_words(thread, exception) if what == ReplyWhat.DECIDED else ""
    body = told or sentence(what.value, replace(facts, minutes=None), language_code=thread.language)
    reply = ReporterReply(
        thread=thread,
        exception=exception,
        what=what,
        round=exception.reopen_count,
        body=body,
        eta_at=response.eta_at if response is not None and what == ReplyWhat.COMING else None,
        created_at=now,
        due_at=now,
    )
    why = _unwanted(thread, what)
    if why:
        reply.status, reply.why = ReplyStatus.SKIPPED, why
    reply.save()
    if what not in _FIRST:
        overtaken = set(_OVERTAKEN) - ({ReplyWhat.DECIDED} if customer_words(thread, exception) else set())
        thread.replies.filter(status=ReplyStatus.QUEUED, what__in=overtaken, created_at__lt=now).exclude(
            pk=reply.pk
        ).update(status=ReplyStatus.SKIPPED, why="overtaken by a later word")


def _told_before(thread: ReplyThread, exception: ExceptionRecord, what: ReplyWhat) -> bool:
    said = thread.replies.filter(exception=exception)
    if what in (ReplyWhat.OPENED, ReplyWhat.KNOWN):
        # said once for good: a record that is reopened, or that the reporter's was merged into, is no news of that kind
        return thread.replies.filter(
            Q(what__in=(ReplyWhat.OPENED, ReplyWhat.KNOWN)) | Q(what=ReplyWhat.MERGED)
        ).exists()  # fmt: skip
    if what == ReplyWhat.ACKNOWLEDGED:
        return said.filter(
            round=exception.reopen_count, what__in=(ReplyWhat.ACKNOWLEDGED, ReplyWhat.COMING)
        ).exists()  # fmt: skip
    return said.filter(what=what, round=exception.reopen_count).exists()


def _unwanted(thread: ReplyThread, what: ReplyWhat) -> str:
    """Why this one is not sent: it was told in the same breath, or the channel has no later word."""
    signal = thread.signal
    at_once = signal.answered_by.filter(message_id="").values_list("what", flat=True)
    if what.value in set(at_once):
        return "told at once, in answer to the message"
    if signal.source.adapter == teams.ADAPTER.code and not signal.source.config.get("answer_url"):
        return "this source has no address for later answers"
    if signal.source.adapter not in SENDERS and signal.channel != "email":
        return "nothing here can answer on this channel"
    return ""
