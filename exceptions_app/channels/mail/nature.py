"""Whether a person wrote a mail or a machine did: out-of-office notes, bounces, lists, our own notices coming back.

What a machine sent is kept like everything else, but opens nothing and is never answered, or two machines would write
to each other for ever. RFC 3834 says how such mail marks itself; the rest is what servers and programs really send.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

_ABSENT: Final = re.compile(
    r"^\s*(?:auto(?:matic|mated)?[ -]?repl(?:y|ies)|autoreply|out of (?:the )?office|automatische antwort|abwesenheits"
    r"|abwesend|respuesta automática|fuera de (?:la )?oficina|resposta automática|ausência temporária"
    r"|fora do escritório"
    r"|automatyczna odpowiedź|odpowiedź automatyczna|autoodpowiedź|nieobecność|réponse automatique|absence du bureau"
    r"|risposta automatica|automatisch antwoord|automatisk svar|autosvar)",
    re.IGNORECASE,
)
_BOUNCE_SUBJECT: Final = re.compile(
    r"^\s*(?:undeliver(?:able|ed)|delivery (?:status notification|failure|has failed)"
    r"|mail delivery (?:failed|subsystem)"
    r"|returned mail|failure notice|unzustellbar|no se puede entregar|não é possível entregar|niedostarczalne)",
    re.IGNORECASE,
)
_DAEMON: Final = re.compile(
    r"^(?:mailer-daemon|postmaster|mail-daemon|bounces?(?:[+\-=].*)?)@?", re.IGNORECASE
)
_AUTO_HEADERS: Final = ("x-autoreply", "x-autorespond", "x-auto-reply-from", "x-mail-autoreply")


def automatic(
    headers: Mapping[str, str], *, sender: str, subject: str, content_type: str, report_type: str,
    envelope: str | None = None, own: Iterable[str] = (), lists: Iterable[str] = (),
) -> str:  # fmt: skip
    """Why this mail counts as a machine's, in words; empty for a person's.

    `headers` by lower-case name; `envelope` the sender the server was told ("" is the null sender, None unknown);
    `own` addresses we send from; `lists` the List-Ids whose mails are to be read like any other.
    """
    own_addresses = {address.lower() for address in own if address}
    auto = headers.get("auto-submitted", "").lower()
    path = envelope if envelope is not None else headers.get("return-path")
    if sender and sender.lower() in own_addresses:
        return "sent by ourselves"
    if content_type == "multipart/report" and report_type in ("delivery-status", ""):
        return "a bounce"
    if content_type == "multipart/report":
        return "a receipt" if report_type == "disposition-notification" else "a server's report"
    if path is not None and path.strip() in ("", "<>"):
        return "a bounce (sent from no address)"
    if _DAEMON.match(sender) or _BOUNCE_SUBJECT.match(subject):
        return "a bounce"
    if auto and not auto.startswith("no"):
        return "an automatic answer" if auto.startswith("auto-repl") else "sent by a program"
    if any(headers.get(name, "").lower() not in ("", "no", "false") for name in _AUTO_HEADERS):
        return "an automatic answer"
    if _ABSENT.match(subject):
        return "an automatic answer"
    return _by_list(headers, [name.lower() for name in lists if name.strip()])


def _by_list(headers: Mapping[str, str], lists: list[str]) -> str:
    precedence = headers.get("precedence", "").strip().lower()
    named = headers.get("list-id", "").lower()
    if named and any(name in named for name in lists):
        return ""
    if precedence == "auto_reply":
        return "an automatic answer"
    if named or precedence in ("bulk", "list", "junk"):
        return "from a mailing list"
    if headers.get("list-unsubscribe") and not headers.get("in-reply-to"):
        return "from a mailing list"
    return ""
