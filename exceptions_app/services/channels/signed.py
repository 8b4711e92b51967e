"""Who an outside mail is from: the customer or supplier its signature names, else the one whose address it came from.

A signature is taken off before a mail is read, because nothing in it is the matter; but who signs is who writes. Adds
that one link where the words themselves name no partner, and nothing else. Colleagues sign with names of their own.
"""

from dataclasses import replace

from exceptions_app.models import Channel, Signal
from exceptions_app.reading.links import CONFIDENCE
from exceptions_app.reading.master import MasterIndex
from exceptions_app.reading.normalise import MAX_CHARS, normalise
from exceptions_app.reading.strip import strip
from exceptions_app.reading.types import FieldReading, Method, Reading
from exceptions_app.services.channels.mail import MAIL
from plant_app.models import Customer, Supplier

_PARTNERS = ("customer", "supplier")


def signed(signal: Signal, found: Reading, index: MasterIndex, *, site_code: str) -> Reading:
    """The reading with its sender's company linked. At most two queries, none for other channels and colleagues.

    The link has no words in the text that is shown. Two companies in one signature are none.
    """
    if signal.channel != Channel.EMAIL or signal.reporter_id is not None or found.intent == "chatter":
        return found
    if any(found.field(kind) is not None for kind in _PARTNERS):
        return found
    named = _in_signature(signal, index, site_code)
    method: Method = "name"
    if not named and signal.sender_verified:
        named, method = _by_address(signal.sender), "context"
    if len(named) != 1:
        return found
    ((kind, code),) = named
    link = FieldReading(kind, code, "", 0, 0, method, CONFIDENCE[method])
    return replace(found, fields=(*found.fields, link))


def _in_signature(signal: Signal, index: MasterIndex, site_code: str) -> set[tuple[str, str]]:
    account = signal.payload.get(MAIL) if isinstance(signal.payload, dict) else None
    body = str(account.get("body") or "")[:MAX_CHARS] if isinstance(account, dict) else ""
    places = strip(body).small if body else ()
    if not places:
        return set()
    return {
        (row.kind, row.code)
        for hit in index.find(normalise(body), site_code)[0]
        if any(begin <= hit.span.start < end for begin, end in places)
        for row in hit.rows
        if row.kind in _PARTNERS
    }


def _by_address(address: str) -> set[tuple[str, str]]:
    if "@" not in address:
        return set()
    customers = Customer.objects.filter(email__iexact=address).values_list("code", flat=True)[:2]
    suppliers = Supplier.objects.filter(email__iexact=address).values_list("code", flat=True)[:2]
    return {("customer", code) for code in customers} | {("supplier", code) for code in suppliers}
