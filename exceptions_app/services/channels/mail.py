"""A mail becomes a signal: who it is from as far as that is proven, its words, its files, what it continues.

Stores and nothing else; what the words mean is read later. Also names the mails we send, so that answers find back.
"""

import base64
import hashlib
from typing import Any

from django.conf import settings

from exceptions_app.channels.mail import threads
from exceptions_app.channels.mail.message import Mail, Reader
from exceptions_app.channels.mail.parts import File
from exceptions_app.channels.messages import UNPARSABLE
from exceptions_app.models import Channel, ExceptionRecord, Signal, Source
from exceptions_app.services.channels.attachments import Enclosure
from exceptions_app.services.channels.receive import BODY_DIFFERS, Received, receive_later
from plant_app.models import User

#: Where a mail's own account lies in a signal's payload.
MAIL = "mail"
_RAW_SHOWN = 300_000


def reader_of(source: Source) -> Reader:
    """What a source's mails are read with: the server whose checks count, our own addresses, the lists it reads."""
    own = [*lines(source.config.get("own")), address_only(settings.DEFAULT_FROM_EMAIL)]
    return Reader(
        authserv=str(source.config.get("authserv") or ""),
        own=tuple(own),
        lists=tuple(lines(source.config.get("lists"))),
    )


def lines(value: Any) -> list[str]:
    """A setting of kind `lines`: a list, or one text with a line each."""
    found = value if isinstance(value, list) else str(value or "").splitlines()
    return [str(one).strip() for one in found if str(one).strip()]


def address_only(named: str) -> str:
    """The address in "Name <address>"."""
    return named.rpartition("<")[2].strip("<> ").lower()


def receive_mail(*, source: Source, mail: Mail, beside: dict[str, Any] | None = None) -> Received:
    """Store a mail as a signal of `source`, to be read by the worker; once per Message-ID.

    A mail that comes again is the first one. Another mail under a Message-ID that was used before (a broken program, or
    somebody who knows the id) is kept under an id of its own. `beside` is what a provider says about the mail. The
    reporter is set only where the sender is proven. No lock is kept.
    """
    message = {
        "source": source,
        "text": mail.text,
        "payload": payload_of(mail, beside or {}),
        "reporter": person_of(mail.sender.address) if mail.proof.proven else None,
        "reporter_text": mail.sender.name or mail.sender.address,
        "sender": mail.sender.address,
        "sender_verified": mail.proof.proven,
        "conversation": mail.thread,
        "reply_to": mail.in_reply_to,
        "enclosures": [_enclosure(file) for file in mail.files],
    }
    received = receive_later(external_id=mail.external_id, **message)
    if received.flag == BODY_DIFFERS and _another(received.signal, mail):
        words = hashlib.sha256("\x1f".join((mail.sender.address, mail.text, mail.body)).encode()).hexdigest()[
            :12
        ]
        received = receive_later(external_id=f"{mail.external_id}#{words}", **message)
    return received


def _enclosure(file: File) -> Enclosure:
    data = None if file.ref else file.data
    return Enclosure(name=file.name, content_type=file.content_type, data=data, ref=file.ref)


def _another(known: Signal, mail: Mail) -> bool:
    """Whether a mail of a known Message-ID says something else; other routing headers do not make it another."""
    before = known.payload.get(MAIL, {}) if isinstance(known.payload, dict) else {}
    return (
        known.redacted_at is None
        and (known.sender.lower(), known.text, before.get("body"))
        != (mail.sender.address.lower()[:200], mail.text, mail.body)
    )  # fmt: skip


def payload_of(mail: Mail, beside: dict[str, Any]) -> dict[str, Any]:
    """Everything a mail said, as stored beside its words."""
    account: dict[str, Any] = {
        "from": {"name": mail.sender.name, "address": mail.sender.address},
        "subject": mail.subject,
        "said": mail.said,
        "body": mail.body,
        "message_id": mail.message_id,
        "in_reply_to": mail.in_reply_to,
        "references": list(mail.references),
        "date": mail.date,
        "to": list(mail.to),
        "cc": list(mail.cc),
        "reply_to": mail.reply_to,
        "automatic": mail.automatic,
        "proof": mail.proof.words,
        "left_out": [list(one) for one in mail.left_out],
        "notes": list(mail.notes),
        "headers": [list(one) for one in mail.headers],
    }
    if mail.html:
        account["html"] = mail.html
    if beside:
        account["provider"] = {name: value for name, value in beside.items() if value not in ("", None)}
    found: dict[str, Any] = {MAIL: account}
    if mail.unreadable:
        found[UNPARSABLE] = mail.unreadable
        raw = next((file.data for file in mail.files if file.name == "message.eml"), b"")
        if raw:
            account["raw_base64"] = base64.b64encode(raw[:_RAW_SHOWN]).decode()
    return found


def person_of(address: str) -> User | None:
    """The one active person with that address; None when there is none, or more than one."""
    if "@" not in address:
        return None
    found = list(User.objects.filter(email__iexact=address, is_active=True).order_by("pk")[:2])
    return found[0] if len(found) == 1 else None


def mail_headers(*, exception: ExceptionRecord, what: str, answers: Signal | None = None) -> dict[str, str]:
    """Headers of a mail of ours about a record, so that an answer to it joins that record. Writes nothing.

    `what` names the mail and is the same each time it is sent: `notice-5`, `answer-12` (small letters, digits, dashes).
    `answers` is the mail signal it answers: the reporter's program then shows both as one conversation.
    """
    key, host = settings.SECRET_KEY.encode(), address_only(settings.DEFAULT_FROM_EMAIL).rpartition("@")[2]

    def named(mail: str) -> str:
        return (
            f"<{threads.message_id(ref=exception.ref, what=mail, key=key, host=host or 'execution-layer')}>"
        )

    references = [named(threads.ROOT)]
    headers = {
        "Message-ID": named(what),
        "Auto-Submitted": "auto-generated",
        "X-Exception": exception.ref,
    }
    if answers is not None and answers.channel == Channel.EMAIL:
        account = answers.payload.get(MAIL, {}) if isinstance(answers.payload, dict) else {}
        before = [f"<{one}>" for one in account.get("references", [])[-10:]]
        original = account.get("message_id") or ""
        if original:
            headers["In-Reply-To"] = f"<{original}>"
            references = [*references, *before, f"<{original}>"]
        headers["Auto-Submitted"] = "auto-replied"
    headers["References"] = " ".join(dict.fromkeys(references))
    return headers
