"""One mail as the rest of the product sees it, out of raw bytes or of a provider's message object.

`read_mail` and `read_message` never raise and never take long: what is hostile or broken beyond reading comes out as a
mail with `unreadable` set and its raw bytes as a file, so that a person can look at it. Knows no rows, asks no network.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime
from typing import Final

from exceptions_app.channels.mail import html, nature, phrases, replies
from exceptions_app.channels.mail.parts import File, Parts, content_type, decoration, walk
from exceptions_app.channels.mail.senders import Proof, by_results
from exceptions_app.channels.mail.text import clean, cut, header

MOST_BYTES: Final = 25_000_000
MOST_RAW: Final = 5_000_000
MOST_BODY: Final = 200_000
_IDS: Final = re.compile(r"<([^<>\s]{1,250})>")
_MOST_IDS: Final = 50
_HEADERS_SHOWN: Final = 80
NO_PROOF: Final = Proof(False)
_LONGEST_STRUCTURE: Final = 8_000
_MOST_LINES: Final = 400_000
_MOST_BOUNDARIES: Final = 5_000
#: Oddities after which the words we have may not be all there were.
_LOSSY: Final = ("broken transfer", "text longer", "an attached mail", "has more than")
#: More files than a signal keeps one by one; then the mail is kept as a whole, too.
MANY_FILES: Final = 9


@dataclass(frozen=True, slots=True)
class Address:
    """A name and an address as a header has them."""

    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """What a mailbox knows about itself: the server whose checks count, our own addresses, lists that are read."""

    authserv: str = ""
    own: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, understood as far as a mail can be. `said` is the new part of `body`.

    `automatic` says why no person wrote it. `message_id` and `references` stand without their angle brackets. `proof`
    is about `sender`. `unreadable` says in words why the bytes could not be understood; then `files` holds them.
    """

    sender: Address = Address()
    subject: str = ""
    body: str = ""
    said: str = ""
    html: str = ""
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    date: datetime | None = None
    reply_to: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    automatic: str = ""
    proof: Proof = NO_PROOF
    notes: tuple[str, ...] = ()
    unreadable: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    provider: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What is read: the subject without "Re:", then what is said; never the subject twice."""
        subject = replies.bare_subject(self.subject)
        said = self.said or ("" if self.in_reply_to else self.body)
        if not subject or said.lower().startswith(subject.lower()):
            return said or subject
        return f"{subject}\n\n{said}".strip()

    @property
    def external_id(self) -> str:
        """The sender's own id of the mail, or what its content amounts to."""
        return self.message_id if 0 < len(self.message_id) <= 180 else f"sha256:{self.digest}"

    @property
    def thread(self) -> str:
        """The first mail of its conversation: the oldest reference, else what it answers, else itself."""
        return (self.references[0] if self.references else "") or self.in_reply_to or self.message_id


def read_mail(raw: bytes, reader: Reader = Reader(), *, envelope: str | None = None) -> Mail:
    """A mail from its RFC 5322 bytes. `envelope` is the sender the server was told, where that is known."""
    digest = hashlib.sha256(raw).hexdigest()
    why = _hostile(raw)
    if why:
        return unreadable(raw, why)
    try:
        parsed = BytesParser(policy=compat32).parsebytes(raw)
        mail = _read(parsed, reader, envelope=envelope, digest=digest)
    except Exception as error:  # noqa: BLE001 - the outer edge of a parser anybody may write to: kept, never dropped
        return unreadable(raw, f"{type(error).__name__} while reading it")
    if _needs_raw(mail):
        mail = replace(mail, files=(*mail.files[:MANY_FILES], _raw_file(raw)))
    return mail


def _needs_raw(mail: Mail) -> bool:
    """Whether the bytes are kept beside what was read, because that may not be everything."""
    return bool(
        mail.unreadable
        or len(mail.files) > MANY_FILES
        or "\ufffd" in mail.body
        or any(note.startswith(_LOSSY) for note in mail.notes)
    )


def read_message(
    message: Message, reader: Reader = Reader(), *, envelope: str | None = None, proof: Proof | None = None
) -> Mail:
    """A mail from a message a provider's webhook was turned into; `proof` is what the provider says of the sender."""
    try:
        raw = "\n".join(f"{name}:{value}" for name, value in message.raw_items()).encode(
            "utf-8", errors="replace"
        )
        mail = _read(message, reader, envelope=envelope, digest="")
        content = "\x1f".join((mail.sender.address, str(mail.date), mail.subject, mail.body))
        mail = replace(
            mail, digest=hashlib.sha256(raw[:50_000] + content.encode(errors="replace")).hexdigest()
        )
    except Exception as error:  # noqa: BLE001 - as above
        return unreadable(b"", f"{type(error).__name__} while reading it")
    if proof is not None and proof.proven and mail.sender.address:
        mail = replace(mail, proof=proof)
    return mail


def unreadable(raw: bytes, why: str) -> Mail:
    """A mail nobody could parse: its first words as they came, and the bytes as a file (at most MOST_RAW of them)."""
    shown = clean(raw[:20_000].decode("utf-8", errors="replace"))
    head, _, body = shown.partition("\n\n")
    pairs = (line.partition(":") for line in head.split("\n")[:200])
    found = {name.strip().lower(): header(value) for name, _, value in pairs}
    ids = _IDS.findall(found.get("message-id", ""))
    return Mail(
        subject=found.get("subject", "")[:300], sender=_one(_addresses([found.get("from", "")])), body=cut(body, 4000),
        said=cut(body, 4000), message_id=ids[0] if ids else "", unreadable=why, notes=(why,),
        files=(_raw_file(raw),) if raw else (), digest=hashlib.sha256(raw).hexdigest(),
    )  # fmt: skip


def _raw_file(raw: bytes) -> File:
    return File(name="message.eml", content_type="message/rfc822", data=raw[:MOST_RAW])


def _hostile(raw: bytes) -> str:
    """Why these bytes are not given to the parser: shapes on which it would take quadratic time. One linear pass."""
    if len(raw) > MOST_BYTES:
        return f"larger than {MOST_BYTES // 1_000_000} MB"
    if raw.lower().count(b"boundary") > 400 or raw.count(b"\n--") > _MOST_BOUNDARIES:
        return "has more parts within parts than any mail"
    if raw.count(b"\n") > _MOST_LINES:
        return f"has more than {_MOST_LINES} lines"
    length, inside = 0, False
    for line in raw.split(b"\n"):
        if inside and line[:1] in (b" ", b"\t"):
            length += len(line)
        else:
            inside = line[:8].lower() == b"content-"
            length = len(line)
        if inside and length > _LONGEST_STRUCTURE:
            return "has a header no program writes"
    return ""


def _read(message: Message, reader: Reader, *, envelope: str | None, digest: str) -> Mail:
    headers = [(str(name)[:100], header(value)) for name, value in list(message.raw_items())[:400]]
    first: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name.lower(), value)
    senders = _addresses([value for name, value in headers if name.lower() == "from"])
    sender = _one(senders)
    found = walk(message)
    subject = first.get("subject", "")[:500]
    plain, shown = _body(found)
    if not (plain.strip() or shown.strip()) and found.inner and not found.sealed:
        plain, shown, subject = _inner_body(found, subject)
    source = shown if not plain.strip() or _is_stub(plain, shown) else ""
    body = html.to_text(source) if source else clean(plain)
    said = replies.strip(body, subject=subject)
    cids_said = set(html.PICTURE.findall(said.text))
    cids_shown = cids_said | set(html.PICTURE.findall(body)) | _referred(shown)
    if not source and shown:
        # The plain text was read; where its pictures stand is known from the HTML beside it.
        cids_said = set(html.PICTURE.findall(replies.strip(html.to_text(shown), subject=subject).text))
    kept, left_out = _sorted_files(found.files, said=cids_said, shown=cids_shown)
    kind = content_type(message)
    why = _why_unreadable(found, body, kept)
    if not any(first.get(name) for name in ("from", "subject", "message-id", "date", "to")):
        why = why or "has none of a mail's headers"
    ids = _IDS.findall(first.get("message-id", "")) or first.get("message-id", "").split()[:1]
    answered = _IDS.findall(first.get("in-reply-to", ""))
    proof = by_results(
        [value for name, value in headers if name.lower() == "authentication-results"],
        authserv=reader.authserv, sender=sender.address,
    )  # fmt: skip
    if len(senders) != 1 or sum(name.lower() == "from" for name, _ in headers) != 1:
        proof = Proof(False, "the From line does not name one sender")
    return Mail(
        sender=sender,
        subject=subject,
        body=cut(_without_pictures(body), MOST_BODY),
        said=_without_pictures(said.text),
        html=cut(shown, MOST_BODY),
        message_id=clean(ids[0]).strip("<> ") if ids else "",
        in_reply_to=answered[0] if answered else "",
        references=tuple(dict.fromkeys(_IDS.findall(first.get("references", ""))))[:_MOST_IDS],
        date=_date(first.get("date", "")),
        reply_to=_one(_addresses([first.get("reply-to", "")])).address,
        to=tuple(one.address for one in _addresses([first.get("to", "")]))[:50],
        cc=tuple(one.address for one in _addresses([first.get("cc", "")]))[:50],
        files=tuple(kept),
        left_out=tuple(left_out),
        automatic=nature.automatic(
            first, sender=sender.address, subject=subject, content_type=kind,
            report_type=_parameter(first.get("content-type", ""), "report-type"), envelope=envelope, own=reader.own,
            lists=reader.lists,
        ),
        proof=proof,
        notes=tuple(found.odd),
        unreadable=why,
        headers=tuple((name, value[:500]) for name, value in headers[:_HEADERS_SHOWN]),
        digest=digest,
    )  # fmt: skip


def _body(found: Parts) -> tuple[str, str]:
    return "\n".join(found.plain), "\n".join(found.html)


def _inner_body(found: Parts, subject: str) -> tuple[str, str, str]:
    """The words of the first attached mail, for one passed on without a word."""
    inner = found.inner[0]
    plain, shown = _body(walk(inner))
    return plain, shown, replies.bare_subject(subject) or header(inner.get("Subject"))[:500]


def _is_stub(plain: str, shown: str) -> bool:
    return bool(shown.strip()) and len(plain) < 400 and bool(phrases.STUB.search(plain))


def _referred(source: str) -> set[str]:
    return set(re.findall(r"(?i)src\s*=\s*[\"']?cid:([^\"'\s>]{1,300})", source[: html.MOST]))


def _without_pictures(text: str) -> str:
    """The text without the marks of its pictures, and without the gaps they leave."""
    if "\ufdd0" not in text and "\ufdd1" not in text:
        return text.strip("\n")
    bare = html.PICTURE.sub("\ufdd1", text).replace("\ufdd0", "\ufdd1")
    bare = re.sub(r" ?\ufdd1[ \ufdd1]*", " ", bare)
    return "\n".join(line.rstrip() for line in bare.split("\n")).strip("\n")


def _sorted_files(
    files: Iterable[File], *, said: set[str], shown: set[str]
) -> tuple[list[File], list[tuple[str, str]]]:
    kept, left_out = [], []
    for file in files:
        why = decoration(file, said=said, shown=shown)
        if why:
            left_out.append((file.name, f"{why} ({len(file.data)} bytes)"))
        else:
            kept.append(file)
    return kept, left_out


def _why_unreadable(found: Parts, body: str, kept: Sequence[File]) -> str:
    """What keeps a person's words from us; empty where there are some, or where only files were sent."""
    if found.sealed:
        return "it is encrypted"
    if any(words.startswith("has more than") for words in found.odd):
        return found.odd[-1]
    if body.strip():
        return ""
    if any("winmail.dat" in words for words in found.odd):
        return "its words are in a winmail.dat that only Outlook can open"
    return "" if kept or not found.odd else found.odd[0]


def _addresses(values: Sequence[str]) -> list[Address]:
    """The addresses of some headers. `getaddresses` recurses into comments, so few parentheses are let through."""
    cuts = [
        value[:2000] if value.count("(") < 20 else value[:2000].replace("(", " ") for value in values if value
    ]
    try:
        pairs = getaddresses(cuts)
    except (ValueError, IndexError, RecursionError):
        return []
    return [
        Address(name=clean(name)[:120], address=address.strip()[:200])
        for name, address in pairs
        if "@" in address and " " not in address.strip()
    ]


def _one(found: Sequence[Address]) -> Address:
    return found[0] if found else Address()


def _date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value[:100])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _parameter(value: str, name: str) -> str:
    found = re.search(rf"(?i);\s*{re.escape(name)}\s*=\s*\"?([\w.\-]+)", value)
    return found.group(1).lower() if found else ""
