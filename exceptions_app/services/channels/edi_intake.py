"""Takes an EDI interchange in: checked, each message a signal, acknowledged, all in one transaction.

A message whose envelope agrees becomes one signal of its own; one whose counts or references do not is refused with
the segment named, and its text becomes a triage item: nothing is lost. The same interchange again gets the same answer.
Must not know what an order is.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError, transaction

from exceptions_app.channels.edi.answers import (
    AcknowledgedGroup,
    AcknowledgedMessage,
    Acknowledgement,
    Addresses,
)
from exceptions_app.channels.edi.edifact_out import write_contrl
from exceptions_app.channels.edi.envelope import decode, excerpt, read_interchange
from exceptions_app.channels.edi.partners import Partner, partner_of
from exceptions_app.channels.edi.segments import (
    MOST_CHARACTERS,
    Broken,
    Fault,
    Group,
    Interchange,
    Message,
    shown,
)
from exceptions_app.channels.edi.x12_out import write_997
from exceptions_app.models import EdiDocument, EdiInterchange, Source
from exceptions_app.services.channels.edi_documents import Wanted, write_document, zone_of
from exceptions_app.services.channels.receive import LONGEST_TEXT, receive_later

#: A caller with more than this may hand over its beginning, one byte longer than allowed: it is refused.
MOST_BYTES: Final = MOST_CHARACTERS
_OURS: Final = frozenset({"997", "999", "TA1", "CONTRL"})
_ACKNOWLEDGE_GROUPS: Final = frozenset({"FA"})


@dataclass(frozen=True)
class Taken:
    """An interchange that is safely stored. `replayed`: it had come before, and this is the first answer again."""

    interchange: EdiInterchange
    acknowledgement: EdiDocument | None
    replayed: bool

    @property
    def faults(self) -> list[dict[str, Any]]:
        """Every fault found, as stored."""
        found: list[dict[str, Any]] = self.interchange.faults
        return found


def take_interchange(
    *, source: Source, body: bytes, via: str, name: str = "", verified: bool = True
) -> Taken:
    """Store what a file or request holds: one signal per message, refused ones as questions for people, and the
    acknowledgement to send. All of it or, when the machine stops, nothing.

    `via` is `file` or `http`, `name` the file's name; `verified`: the way it came proves the sender. The same text
    under the same control number is answered as before; another text under a used number is refused with
    `edi.duplicate`. Never raises on content. Locks the partner's counter.
    """
    text = decode(body).replace("\x00", "")
    digest = hashlib.sha256(text.encode()).hexdigest()
    try:
        if len(body) > MOST_BYTES:
            raise Broken(
                Fault("edi.too_large", f"At most {MOST_BYTES} bytes in one interchange.", "interchange", 1,
                      shown(text[:80]))
            )  # fmt: skip
        interchange = read_interchange(text)
    except Broken as broken:
        return _refuse(source, text, digest, via, name, verified, None, [broken.fault])
    if interchange.faults or not interchange.control or not interchange.sender:
        faults = interchange.all_faults() or [_nameless(interchange)]
        return _refuse(source, text, digest, via, name, verified, interchange, faults)
    key = f"{interchange.sender[:40]}/{interchange.control[:40]}"
    for _ in range(2):
        known = EdiInterchange.objects.filter(source=source, key=key).first()
        if known is not None:
            if known.digest == digest:
                return Taken(known, known.documents.order_by("pk").first(), replayed=True)
            return _refuse(source, text, digest, via, name, verified, interchange, [_used(interchange)])
        try:
            return _take(source, text, digest, via, name, verified, interchange, key)
        except IntegrityError as error:
            if "edi_interchange_once" not in str(error):
                raise
    raise RuntimeError(f"{key} could neither be taken nor found")


@transaction.atomic
def _take(
    source: Source, text: str, digest: str, via: str, name: str, verified: bool, interchange: Interchange, key: str
) -> Taken:  # fmt: skip
    messages = list(interchange.messages())
    refused = [message for group, message in messages if interchange.refused(group, message)]
    row = EdiInterchange.objects.create(
        source=source, key=key, syntax=interchange.syntax, partner=interchange.sender[:40],
        control=interchange.control[:40], digest=digest, via=via, name=name[:150], taken=len(messages) - len(refused),
        refused=len(refused), faults=[fault.as_json() for fault in interchange.all_faults()[:200]],
    )  # fmt: skip
    for group, message in messages:
        faults = interchange.refused(group, message)
        _signal(
            source, text, interchange, group, message, faults, name=name, verified=verified, digest=digest
        )
    return Taken(row, _acknowledge(source, row, interchange), replayed=False)


def _refuse(
    source: Source, text: str, digest: str, via: str, name: str, verified: bool, interchange: Interchange | None,
    faults: list[Fault],
) -> Taken:  # fmt: skip
    """The whole is refused: kept as one question for people, told to the sender where the envelope says who that is."""
    key = f"refused/{digest}"
    for _ in range(2):
        known = EdiInterchange.objects.filter(source=source, key=key).first()
        if known is not None:
            return Taken(known, known.documents.order_by("pk").first(), replayed=True)
        try:
            with transaction.atomic():
                row = EdiInterchange.objects.create(
                    source=source, key=key, syntax=interchange.syntax if interchange else "",
                    partner=interchange.sender[:40] if interchange else "",
                    control=interchange.control[:40] if interchange else "", digest=digest, via=via, name=name[:150],
                    refused=1, faults=[fault.as_json() for fault in faults[:200]],
                )  # fmt: skip
                partner = partner_of(source.config, sender=row.partner) if row.partner else None
                _store(
                    source, external_id=key, text=text, name=name, verified=verified, partner=partner, faults=faults,
                    about={"syntax": row.syntax, "partner": row.partner, "interchange": row.control, "refused": True},
                )  # fmt: skip
                told = None
                if interchange is not None and row.partner and row.control:
                    told = _acknowledge(source, row, interchange, whole=faults)
                return Taken(row, told, replayed=False)
        except IntegrityError as error:
            if "edi_interchange_once" not in str(error):
                raise
    raise RuntimeError(f"{key} could neither be refused nor found")


def _signal(
    source: Source, text: str, interchange: Interchange, group: Group, message: Message, faults: list[Fault], *,
    name: str, verified: bool, digest: str,
) -> None:  # fmt: skip
    parts = (
        interchange.sender,
        interchange.control,
        group.control,
        message.control,
        str(message.header.number),
    )
    about = {
        "syntax": interchange.syntax, "partner": interchange.sender, "qualifier": interchange.sender_qualifier,
        "receiver": interchange.receiver, "receiver_qualifier": interchange.receiver_qualifier,
        "group_sender": group.sender, "group_receiver": group.receiver, "interchange": interchange.control,
        "group": group.control, "message": message.control, "kind": message.kind, "version": message.version,
        "test": interchange.test, "refused": bool(faults),
    }  # fmt: skip
    _store(
        source,
        external_id=_short("/".join(parts)),
        text=excerpt(text, interchange, group, message),
        name=name,
        verified=verified,
        partner=partner_of(source.config, sender=interchange.sender, qualifier=interchange.sender_qualifier),
        faults=faults,
        about=about,
    )


def _store(
    source: Source, *, external_id: str, text: str, name: str, verified: bool, partner: Partner | None,
    faults: list[Fault], about: dict[str, Any],
) -> None:  # fmt: skip
    payload: dict[str, Any] = {
        "edi": {**about, "faults": [fault.as_json() for fault in faults[:50]], "file": name}
    }
    if len(text) > LONGEST_TEXT:
        payload["raw"] = text  # the words people see are cut, what was sent is not
    receive_later(
        source=source,
        external_id=external_id,
        text=text,
        payload=payload,
        reporter_text=f"EDI {partner.customer if partner else about['partner'] or 'unknown partner'}",
        sender=str(about["partner"]),
        sender_verified=verified,
        conversation=str(about["partner"]),
    )


def _short(key: str) -> str:
    """A signal's id within its length; a longer one keeps its beginning and the digest of all of it."""
    return key if len(key) <= 200 else f"{key[:130]}#{hashlib.sha256(key.encode()).hexdigest()}"


def _nameless(interchange: Interchange) -> Fault:
    header = interchange.header
    return Fault(
        "edi.nameless", "The envelope names no sender or no control number.", "interchange", 1,
        shown(header.text) if header else "", "sender and control number", "",
    )  # fmt: skip


def _used(interchange: Interchange) -> Fault:
    header = interchange.header
    return Fault(
        "edi.duplicate", f"Control number {interchange.control} came before, with another text.", "interchange", 1,
        shown(header.text) if header else "", "a new control number", interchange.control,
    )  # fmt: skip


def _acknowledge(
    source: Source, row: EdiInterchange, interchange: Interchange, *, whole: list[Fault] | None = None
) -> EdiDocument | None:
    """The 997 or CONTRL about an interchange; none about acknowledgements themselves, or where nobody wants one."""
    partner = partner_of(source.config, sender=interchange.sender, qualifier=interchange.sender_qualifier)
    wanted = source.config.get("acknowledge") is not False and (partner is None or partner.acknowledge)
    groups = [
        group
        for group in interchange.groups
        if group.code not in _ACKNOWLEDGE_GROUPS
        and not (group.messages and all(one.kind in _OURS for one in group.messages))
    ]
    if not wanted or (interchange.groups and not groups):
        return None
    told = Acknowledgement(
        control=interchange.control, sender=interchange.sender, sender_qualifier=interchange.sender_qualifier,
        receiver=interchange.receiver, receiver_qualifier=interchange.receiver_qualifier,
        groups=() if whole else tuple(_told(interchange, group) for group in groups),
        date=interchange.date, time=interchange.time, faults=tuple(fault.code for fault in whole or ()),
    )  # fmt: skip
    x12 = interchange.syntax == "x12"
    to = addresses(interchange, partner)
    kind = ("TA1" if whole else "997") if x12 else "CONTRL"
    verdict = "refused" if row.taken == 0 else "taken in part" if row.refused else "taken"
    return write_document(
        source=source,
        wanted=Wanted(
            key=f"ack/{row.key}", kind=kind, syntax=interchange.syntax, partner=interchange.sender,
            about=f"interchange {interchange.control}", summary=verdict, interchange=row,
            in_the_answer=row.via == "http",
        ),
        zone=zone_of(partner, source),
        write=lambda control, at: (write_997 if x12 else write_contrl)(told, to, control=control, at=at),
    )  # fmt: skip


def _told(interchange: Interchange, group: Group) -> AcknowledgedGroup:
    messages = []
    for message in group.messages:
        faults = interchange.refused(group, message)
        errors = []
        for fault in message.faults:
            segment = next((one for one in message.segments if one.number == fault.segment), None)
            position = message.position(segment) if segment is not None else 0
            errors.append((position, segment.tag if segment is not None else "", fault.code))
        messages.append(
            AcknowledgedMessage(message.kind, message.control, not faults, message.version or group.version,
                                tuple(errors))
        )  # fmt: skip
    return AcknowledgedGroup(
        group.code, group.control, tuple(messages), tuple(fault.code for fault in group.faults)
    )


def addresses(interchange: Interchange, partner: Partner | None) -> Addresses:
    """From us back to whoever sent it, by the partner's settings and else by its own envelope."""
    first = interchange.groups[0] if interchange.groups else Group()
    return Addresses(
        syntax=interchange.syntax,
        sender=(partner.our_id if partner else "") or interchange.receiver,
        receiver=interchange.sender,
        sender_qualifier=(partner.our_qualifier if partner else "") or interchange.receiver_qualifier,
        receiver_qualifier=interchange.sender_qualifier,
        group_sender=(partner.our_group_id if partner else "") or first.receiver,
        group_receiver=(partner.group_id if partner else "") or first.sender,
        version=(partner.release if partner else "")
        or (first.version if interchange.syntax == "x12" else ""),
        test=interchange.test,
    )
