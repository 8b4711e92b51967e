"""Whether a signal's sender may open records, or only raise a question.

Anybody can write any From line, so a mail's sender counts when the receiving server proved it and we know them. A
source that is not trusted as a whole trusts none of its senders. Changes nothing.
"""

from dataclasses import replace

from django.db.models import Q

from exceptions_app.channels.mail.senders import domain_of
from exceptions_app.channels.messages import UNPARSABLE
from exceptions_app.lifecycle import CORRELATES, Status
from exceptions_app.models import Channel, ExceptionRecord, Signal
from exceptions_app.reading.types import Reading
from exceptions_app.services.channels.people import STRANGER, is_stranger
from plant_app.models import Customer, Supplier

UNTRUSTED_SOURCE = "the sender is not trusted to open records"
UNPROVEN = "the sender could not be verified"
UNKNOWN = "the sender is not known here"


def distrust(signal: Signal) -> str:
    """Why this signal only raises a question, in words; empty when it may open a record. At most two queries."""
    if not signal.source.trusted:
        return UNTRUSTED_SOURCE
    if is_stranger(signal):
        return STRANGER
    if signal.channel != Channel.EMAIL:
        return ""
    if not signal.sender_verified:
        return UNPROVEN
    return "" if signal.reporter_id is not None or _known(signal) else UNKNOWN


def questioned(signal: Signal, found: Reading) -> Reading:
    """The reading as a message counts whose sender is not trusted: a question for people, never an all-clear.

    What could not be taken apart is a question, too: nobody can say that it was only chatter.
    """
    if isinstance(signal.payload, dict) and UNPARSABLE in signal.payload:
        found = replace(found, needs_triage=True, intent="report")
    why = distrust(signal)
    if not why or found.intent in ("chatter", "planned"):
        return found
    reasons = found.triage_reasons if why in found.triage_reasons else (*found.triage_reasons, why)
    return replace(found, needs_triage=True, triage_reasons=reasons, intent="report")


def question_key(key: str) -> str:
    """The key under which an untrusted report may meet others: none where people already work on the matter."""
    held = (*CORRELATES - {Status.TRIAGE}, Status.RESOLVED)
    return "" if ExceptionRecord.objects.filter(correlation_key=key, status__in=held).exists() else key


def _known(signal: Signal) -> bool:
    """A customer's or supplier's address, or one of the source's known addresses and domains."""
    address, domain = signal.sender.lower(), domain_of(signal.sender)
    raw = signal.source.config.get("known") or ""
    named = raw if isinstance(raw, list) else str(raw).splitlines()
    for one in (str(line).strip().lower().lstrip("@") for line in named):
        if one and (one == address or ("@" not in one and (domain == one or domain.endswith(f".{one}")))):
            return True
    by_address = Q(email__iexact=signal.sender)
    return Customer.objects.filter(by_address).exists() or Supplier.objects.filter(by_address).exists()
