"""What a reporter is told first: opened, known already, or that somebody is looking; in whose language.

Used by channels that answer in the same breath and by whoever sends the later answers. Sends nothing.
"""

from exceptions_app.models import ExceptionRecord, Interpretation, Signal, SignalReading
from exceptions_app.models.signals import ReadingStatus
from exceptions_app.rules.reply_words import Facts, sentence
from exceptions_app.services.channels.messaging import remember_sent


def language_of(signal: Signal) -> str:
    """The reporter's language, else the one the message was read in, else the site's. At most one query."""
    if signal.reporter is not None and signal.reporter.language:
        return signal.reporter.language
    read = (
        Interpretation.objects.filter(signal=signal)
        .exclude(language="")
        .order_by("-created_at", "-pk")
        .values_list("language", flat=True)
        .first()
    )
    site = signal.site or signal.source.site
    return read or (site.language if site is not None else "") or "en"


def facts_for(exception: ExceptionRecord) -> Facts:
    """What any sentence about a record may name."""
    owner = exception.owner_function
    return Facts(ref=exception.ref, title=exception.title, function=owner.code, function_name=owner.name)


def first_word(reading: SignalReading) -> str:
    """Which sentence answers a read message: `received`, `opened`, `known`, `noted`, or `later` while it is unread."""
    if reading.status == ReadingStatus.PENDING:
        return "later"
    if reading.exception is None:
        return "noted"
    if reading.exception.status == "triage":
        return "received"
    return "opened" if reading.opened else "known"


def answer_at_once(*, signal: Signal, reading: SignalReading) -> str:
    """The sentence to answer in the same breath; notes that it was told, so that nobody tells it again.

    For channels whose answer is part of the delivery. One short transaction when there is a record.
    """
    what = first_word(reading)
    exception = reading.exception
    if exception is None:
        return sentence(what, Facts(), language_code=language_of(signal))
    told = signal.answered_by.filter(what=what).exists()
    if not told:
        remember_sent(source=signal.source, message_id="", exception=exception, signal=signal, what=what)
    return sentence(what, facts_for(exception), language_code=language_of(signal))
