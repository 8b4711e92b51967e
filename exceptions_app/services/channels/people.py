"""Whose message it is: from an address on a messenger to a person with a login, by what people have entered.

A phone number belongs to the login that names it, other addresses to a verified `ContactAddress`. Two people with one
number are nobody: an address never guesses.
"""

from dataclasses import replace

from django.db.models import F, Func, TextField, Value

from exceptions_app.channels import slack, teams, twilio, whatsapp
from exceptions_app.channels.messages import UNPARSABLE, digits
from exceptions_app.models import AddressKind, ContactAddress, Signal
from exceptions_app.reading.types import Reading
from plant_app.models import User

_KINDS = {
    whatsapp.ADAPTER.code: AddressKind.PHONE,
    twilio.ADAPTER.code: AddressKind.PHONE,
    slack.ADAPTER.code: AddressKind.SLACK,
    teams.ADAPTER.code: AddressKind.TEAMS,
}
MESSENGERS = frozenset(_KINDS)
#: Shorter is an extension or a short code, never a person's number with its country code.
SHORTEST_NUMBER = 7
#: Who takes a message back when nobody knows the sender: a login nobody can use.
NOBODY = "channel.sender"
STRANGER = "the sender is not known"


def person_at(*, adapter: str, address: str) -> User | None:
    """The person who answers to that address, None when nobody or more than one does. At most two queries."""
    kind = _KINDS.get(adapter)
    if kind is None or not address:
        return None
    wanted = digits(address) if kind == AddressKind.PHONE else address
    if kind == AddressKind.PHONE and len(wanted) < SHORTEST_NUMBER:
        return None
    entered = (
        ContactAddress.objects.select_related("user")
        .filter(kind=kind, address=wanted, verified_at__isnull=False, user__is_active=True)
        .first()
    )
    if entered is not None:
        return entered.user
    return _by_phone(wanted) if kind == AddressKind.PHONE else None


def _by_phone(wanted: str) -> User | None:
    bare = Func(
        F("phone"), Value(r"\D"), Value(""), Value("g"), function="regexp_replace", output_field=TextField()
    )
    holders = list(
        User.objects.filter(is_active=True)
        .exclude(phone="")
        .annotate(bare=bare)
        .filter(bare__in=[wanted, f"00{wanted}"])
        .order_by("pk")[:2]
    )
    return holders[0] if len(holders) == 1 else None


def is_stranger(signal: Signal) -> bool:
    """Whether a messenger's message comes from nobody we know for sure; such a message may only raise a question."""
    return signal.source.adapter in MESSENGERS and signal.reporter_id is None


def doubted(signal: Signal, found: Reading) -> Reading:
    """The reading as a stranger's message counts: an item for triage, never an all-clear or a new date."""
    if not is_stranger(signal):
        return found
    strange = isinstance(signal.payload, dict) and UNPARSABLE in signal.payload
    if found.intent in ("chatter", "planned") and not strange:
        return found
    return replace(
        found, needs_triage=True, triage_reasons=(*found.triage_reasons, STRANGER), intent="report"
    )  # fmt: skip


def whoever_sent(signal: Signal) -> User:
    """The login that stands for a message's sender in an audit: the reporter, else one nobody can use."""
    if signal.reporter is not None:
        return signal.reporter
    found, _ = User.objects.get_or_create(
        username=NOBODY, defaults={"display_name": "The sender", "is_active": False, "password": "!"}
    )
    return found
