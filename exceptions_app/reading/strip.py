"""What of a message is not said in it: quoted replies, headers of forwarded mail, signatures and disclaimers.

Gives places in the text, nothing is cut: names in a signature still tell who writes. A forwarded message is the matter
itself and stays, only its header goes. Pure; works on the text as it came, in the languages of the floor.
"""

import re
from dataclasses import dataclass

Range = tuple[int, int]

_QUOTE_LINE = re.compile(r"^[ \t]*(?:>|\|)[^\n]*(?:\n|$)", re.MULTILINE)
_WROTE = re.compile(
    r"^[^\n]{0,160}\b(?:wrote|writes|schrieb|escribi[óo]|escreveu|napisa[łl]\(?a?\)?|a écrit)\b[^\n]{0,60}:[ \t]*$"
    r"|^[ \t]*(?:Am|On|El|Em|W dniu|Dnia) [^\n]{6,140}:[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_DIVIDER = re.compile(
    r"^[ \t]*[-_]{2,}[ \t]*(?:Original Message|Original-?nachricht|Urspr(?:ü|ue)ngliche Nachricht|Mensaje original"
    r"|Mensagem original|Wiadomo(?:ść|sc) oryginalna|Oryginalna wiadomo(?:ść"
    r"|sc)|Forwarded message|Weitergeleitete Nachricht"
    r"|Mensaje reenviado|Mensagem encaminhada|Przekazana wiadomo(?:ść|sc))[^\n]*$",
    re.MULTILINE | re.IGNORECASE,
)
_HEADER = re.compile(
    r"^[ \t]*\*?(?:From|Sent|To|Cc|Date|Von|Gesendet|An|Datum|De|Enviado(?: el)?"
    r"|Para|Fecha|Enviada em|Data|Od|Wys(?:ł|l)ano|Do|DW)"
    r"\*?:[ \t][^\n]*(?:\n|$)",
    re.MULTILINE,
)
_SUBJECT = re.compile(
    r"^[ \t]*(?:Subject|Betreff|Asunto|Assunto|Temat)[ \t]*:[ \t]*", re.MULTILINE | re.IGNORECASE
)
_REPLY = re.compile(r"^(?:(?:re|aw|odp|sv|res|rif)[ \t]*:[ \t]*)+", re.IGNORECASE)
_FORWARD = re.compile(r"\b(?:fw|fwd|wg|rv|enc|pd|tr)[ \t]*:", re.IGNORECASE)
_CLOSING = re.compile(
    r"^[ \t]*(?:--[ \t]*$|(?:(?:kind|best|warm|many)? ?regards|best wishes"
    r"|cheers|sincerely|yours (?:sincerely|faithfully)|brgds|rgds|br"
    r"|mit freundlichen gr(?:ü|ue)(?:ß|ss)en|(?:viele|freundliche|beste|sch(?:ö|oe)ne)? ?gr(?:ü|ue)(?:ß|ss)e?|mfg|vg|lg"
    r"|(?:un )?saludos?(?: cordiales)?|atentamente|(?:un )?cordial saludo|atte"
    r"|(?:com os )?(?:melhores )?cumprimentos|atenciosamente|abra(?:ç|c)os?|att"
    r"|(?:z )?pozdrawiam(?:y)?|pozdrowienia|z powa(?:ż|z)aniem)\b[^\n]{0,40}$)",
    re.MULTILINE | re.IGNORECASE,
)
_SENT_FROM = re.compile(
    r"^[ \t]*(?:sent from my|von meinem|gesendet von|enviado desde|enviado do meu|wys(?:ł|l)ano z)[^\n]*$",
    re.MULTILINE | re.IGNORECASE,
)
_LONGEST_SIGNATURE = 600
_LEAST = 3


@dataclass(frozen=True, slots=True)
class Stripped:
    """Places of what is quoted (said by others before), of small print, and of the subject line."""

    quoted: tuple[Range, ...]
    small: tuple[Range, ...]
    reply: bool

    @property
    def all(self) -> tuple[Range, ...]:
        """Everything that is not said here and now."""
        return (*self.quoted, *self.small)


def strip(text: str) -> Stripped:
    """Find what is not said in this message. When nothing would be left, nothing is stripped."""
    if "\n" not in text:
        return Stripped((), _subjects(text), bool(_reply_of(text)))
    reply = bool(_reply_of(text))
    forwarded = bool(_FORWARD.search(text[:200]))
    small = [*_subjects(text), *(found.span() for found in _HEADER.finditer(text))]
    small += [found.span() for pattern in (_SENT_FROM, _DIVIDER) for found in pattern.finditer(text)]
    quoted: list[Range] = []
    end = len(text)
    wrote = _WROTE.search(text)
    if wrote and not forwarded:
        end = wrote.start()
    divider = _DIVIDER.search(text)
    if divider and not forwarded:
        end = min(end, divider.start())
    if end < len(text):
        quoted.append((end, len(text)))
    quoted += [found.span() for found in _QUOTE_LINE.finditer(text, 0, end)]
    closing = next(
        (found for found in _CLOSING.finditer(text, 0, end) if end - found.start() <= _LONGEST_SIGNATURE),
        None,
    )
    if closing is not None and _words(text[: closing.start()]) >= _LEAST:
        small.append((closing.start(), end))
    if _words(without(text, (*quoted, *small))) < _LEAST:
        return Stripped((), tuple(_subjects(text)), reply)
    return Stripped(tuple(quoted), tuple(small), reply)


def without(text: str, ranges: tuple[Range, ...]) -> str:
    """The text with these places blank, every other character where it was; lines stay lines."""
    if not ranges:
        return text
    chars = list(text)
    for start, end in ranges:
        chars[start:end] = [char if char == "\n" else " " for char in chars[start:end]]
    return "".join(chars)


def _subjects(text: str) -> tuple[Range, ...]:
    """The word "Subject:" and its Re: Fwd:, not what the subject says."""
    found = []
    for match in _SUBJECT.finditer(text):
        rest = re.match(
            r"(?:(?:re|aw|odp|sv|res|rif|fw|fwd|wg|rv|enc|pd|tr)[ \t]*:[ \t]*)*",
            text[match.end() :],
            re.IGNORECASE,
        )
        found.append((match.start(), match.end() + (rest.end() if rest else 0)))
    return tuple(found)


def _reply_of(text: str) -> re.Match[str] | None:
    subject = _SUBJECT.search(text[:300])
    return _REPLY.match(text[subject.end() :]) if subject else None


def _words(text: str) -> int:
    return len(re.findall(r"[^\W\d_]{2,}", text))
