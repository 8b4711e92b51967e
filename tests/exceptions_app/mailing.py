"""Mails as tests write them: bytes of one mail, built by hand so that nothing about them is polished."""

from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import format_datetime

from tests.exceptions_app.conftest import MORNING

AUTHSERV = "mx.kolbe.example"
JONAS = "Jonas Keller <jonas.keller@kolbe.example>"
PROVEN = f"{AUTHSERV}; dmarc=pass header.from=kolbe.example; spf=pass smtp.mailfrom=kolbe.example"
#: The smallest PNG headers: 600 x 400 and 80 x 30 pixels.
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (600).to_bytes(4, "big") + (400).to_bytes(4, "big")
NARROW_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (80).to_bytes(4, "big") + (30).to_bytes(4, "big")

_ids = iter(range(1, 1_000_000))


def mail(
    text: str = "press 4 down, hydraulic leak",
    *,
    subject: str = "Press 4 down",
    sender: str = JONAS,
    to: str = "floor@kolbe.example",
    results: str = PROVEN,
    message_id: str = "",
    html: str = "",
    headers: Mapping[str, str] | None = None,
    files: tuple[tuple[str, str, bytes], ...] = (),
) -> bytes:
    """A mail as a server hands it over; `results` is the Authentication-Results header, empty for none."""
    message = EmailMessage()
    if results:
        message["Authentication-Results"] = results
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Message-ID"] = f"<{message_id or f'm{next(_ids)}@mail.kolbe.example'}>"
    message["Date"] = format_datetime(MORNING)
    for name, value in (headers or {}).items():
        message[name] = value
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, kind, data in files:
        main, _, sub = kind.partition("/")
        message.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return message.as_bytes()
