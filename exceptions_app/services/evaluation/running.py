"""Reads labelled messages the way the product would, each on its channel, and notes what came of it.

In order of receipt, in one site, so that a repeat may join what is open. Every message goes the whole way: stored,
read, routed, opened or not. Knows nothing of labels but which message a note belongs to.
"""

import json
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage

from core import clock, keys
from exceptions_app.channels.adapters import ADAPTERS
from exceptions_app.channels.mail.message import Mail, read_mail
from exceptions_app.lifecycle import Status
from exceptions_app.models import Channel, ReadingStatus, SignalReading, Source
from exceptions_app.reading.types import Reading
from exceptions_app.services.channels.mail import payload_of
from exceptions_app.services.channels.read import read_signal, understood
from exceptions_app.services.channels.receive import receive_signal
from exceptions_app.services.channels.report import context_of
from exceptions_app.services.evaluation.gold import GoldMessage, Problem
from exceptions_app.services.evaluation.master import Master, load_master
from exceptions_app.services.evaluation.scratch import scratch_tables
from plant_app.models import Site, User
from plant_app.services.catalogue import load_catalogue
from routing_app.models import RuleVersion
from routing_app.services.publishing import default_ruleset

#: Channel of the format -> channel of the product, and the adapter that speaks it.
_WAYS: dict[str, tuple[str, str]] = {
    "form": (Channel.FORM, ""), "api": (Channel.API, ""), "email": (Channel.EMAIL, ""),
    "whatsapp": (Channel.WHATSAPP, "whatsapp"), "sms": (Channel.SMS, "twilio"), "slack": (Channel.CHAT, "slack"),
    "teams": (Channel.CHAT, "teams"), "edi": (Channel.EDI, ""), "machine": (Channel.MACHINE, ""),
}  # fmt: skip
_MESSENGERS = frozenset({"whatsapp", "sms", "slack", "teams"})
#: Where a mail comes from whose sender is no colleague: an address the mailbox knows.
_OUTSIDE = "sender@example.com"
#: A first line that is a subject: named as one, or beginning as answers do.
_SUBJECT = re.compile(
    r"\s*(?:(subject|betreff|asunto|assunto|temat)\s*:|(?=(?:re|aw|fwd?|wg|rv|odp)\s*:))\s*(.*)",
    re.IGNORECASE,
)
#: Who sends what names no reporter.
SOMEONE = "evaluation-sender"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one message. `accepted`: without asking a person. `opened`: a record was opened for it.

    `reading` is None when the message could not be read; `severity` is that of its record.
    """

    message: GoldMessage
    reading: Reading | None
    outcome: str
    opened: bool
    accepted: bool
    severity: str
    cpu_ms: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The answers, in the order of the file."""

    answers: tuple[Answer, ...]
    warnings: tuple[Problem, ...]


def evaluate(*, messages: Sequence[GoldMessage], master: Master) -> Evaluation:
    """Read every message with this master data in tables of their own; nothing of it is left behind.

    As the product is shipped: its rules and its reader, without what this installation has been taught. One
    transaction, rolled back. Takes no lock on any row of the plant.
    """
    warnings: list[Problem] = []
    answers: list[Answer] = []
    with _quiet(), scratch_tables():
        load_catalogue()
        _shipped_rules()
        site, people = load_master(master)
        someone = User.objects.create(username=SOMEONE, home_site=site, language=site.language, password="!")  # noqa: S106
        sources = {name: _source(name, site) for name in {message.channel for message in messages}}
        for number, message in enumerate(sorted(messages, key=lambda one: (one.received_at, one.line))):
            reporter = people.get(message.reporter)
            if message.reporter and reporter is None:
                warnings.append(
                    Problem(message.line, "gold.reporter", f"{message.reporter[:40]} is nobody listed")
                )
            if reporter is None and message.channel in _MESSENGERS:
                reporter = someone  # nobody says that the sender is a stranger
            answer = _answer(message, number, sources[message.channel], reporter)
            if answer.error:
                warnings.append(
                    Problem(message.line, "gold.unread", f"could not be read: {answer.error[:200]}")
                )
            answers.append(answer)
    answers.sort(key=lambda answer: answer.message.line)
    return Evaluation(tuple(answers), (*master.warnings, *warnings))


def _shipped_rules() -> None:
    """The shipped rules as the published version; nobody who edits the draft has to wait for a lock."""
    snapshot = default_ruleset().as_dict()
    digest = keys.digest(json.dumps(snapshot, sort_keys=True))
    RuleVersion.objects.create(number=1, snapshot=snapshot, digest=digest, note="Shipped rules")


@contextmanager
def _quiet() -> Iterator[None]:
    """No lines about single messages on the way; a message that could not be read is told in the report."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _source(name: str, site: Site) -> Source:
    channel, code = _WAYS[name]
    adapter = ADAPTERS.get(code)
    return Source.objects.create(
        code=f"evaluation-{name}", name=name, channel=channel, site=site, adapter=code,
        trusted=adapter.trusted if adapter else True, config={"known": [_OUTSIDE]} if name == "email" else {},
    )  # fmt: skip


def _answer(message: GoldMessage, number: int, source: Source, reporter: User | None) -> Answer:
    mail = _mail(message, reporter) if message.channel == "email" else None
    with clock.travel(message.received_at):
        received = receive_signal(
            source=source,
            external_id=f"evaluation-{number}",
            text=mail.text or message.text if mail else message.text,
            payload=payload_of(mail, {}) if mail else None,
            reporter=reporter,
            sender=reporter.email if reporter else _OUTSIDE if mail else "",
            sender_verified=True,
        )
        done = read_signal(signal_id=received.signal.pk)
        if done.status != ReadingStatus.READ:
            return Answer(message, None, "", False, False, "", 0.0, done.error)
        return _noted(message, done)


def _noted(message: GoldMessage, done: SignalReading) -> Answer:
    """What happened, with the reading itself: made once more, alone, because that is what is timed."""
    signal = done.signal
    context = context_of(signal)
    began = time.process_time()
    found = understood(signal, signal.text, context, {})
    spent = (time.process_time() - began) * 1000
    record = done.exception
    if record is not None:
        record.refresh_from_db(fields=["severity", "status"])
    asked = record.status == Status.TRIAGE if record and done.opened else found.needs_triage
    return Answer(
        message=message, reading=found, outcome=done.outcome, opened=done.opened, accepted=not asked,
        severity=record.severity if record else "", cpu_ms=spent,
    )  # fmt: skip


def _mail(message: GoldMessage, reporter: User | None) -> Mail:
    """The message sent as a mail and read as one, so that quotes and signatures come off as they would."""
    first, _, rest = message.text.partition("\n")
    told = _SUBJECT.match(first)
    mail = EmailMessage()
    if told:
        mail["Subject"] = " ".join((told[2] if told[1] else first).split())
    mail["From"] = reporter.email if reporter and reporter.email else _OUTSIDE
    mail.set_content(rest.lstrip("\n") if told else message.text)
    return read_mail(mail.as_bytes())
