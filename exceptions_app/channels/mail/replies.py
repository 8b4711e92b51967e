"""What the sender of a mail says now: quotes of earlier mails, their headers, signatures and legal text taken off.

Works line by line on plain text and is linear in it, since anybody may write to a mailbox. Inline answers between
quoted lines are kept, bulleted reports are no signatures, and a mail passed on keeps what it passes on. When nothing
would be left, everything stays: a person can judge a long text, but not an empty one.
"""

from dataclasses import dataclass
from typing import Final

from exceptions_app.channels.mail import phrases

MOST_LINES: Final = 4000
LONGEST_LINE: Final = 2000
_WRAPPED: Final = 4  # lines an attribution may be broken into
_LOOK: Final = 400  # characters of a line that a pattern sees
_SIGNED_LINES: Final = 14


@dataclass(frozen=True, slots=True)
class Said:
    """`text` is what is new; `rest` what was taken off, in order, for whoever wants to see it."""

    text: str
    rest: str = ""


def strip(body: str, *, subject: str = "") -> Said:
    """The new words of a mail body. `subject` tells a mail passed on from an answer."""
    lines = [line.rstrip()[:LONGEST_LINE] for line in body.split("\n", MOST_LINES)[:MOST_LINES]]
    passed_on = bool(phrases.PASSED_ON.match(subject))
    kept, rest = _without_quotes(lines, passed_on=passed_on)
    kept, signed = _without_signature(kept)
    text = _tidy(kept)
    if not text:
        said = _tidy(_without_marks(rest))
        return Said(text=said if passed_on else "", rest="" if passed_on else _tidy(rest))
    return Said(text=text, rest=_tidy([*signed, *rest]))


def bare_subject(subject: str) -> str:
    """A subject without "Re:", "AW:", "Fwd:" and "[EXTERN]", however many."""
    for _ in range(12):
        shorter = subject
        for pattern in (phrases.ANSWERED, phrases.PASSED_ON, phrases.TAGGED):
            shorter = pattern.sub("", shorter, count=1)
        if shorter == subject:
            break
        subject = shorter
    return subject.strip()


def answers(subject: str) -> bool:
    """Whether the subject says that this is an answer."""
    return bool(phrases.ANSWERED.match(phrases.TAGGED.sub("", subject)))


def _without_quotes(lines: list[str], *, passed_on: bool) -> tuple[list[str], list[str]]:
    kept: list[str] = []
    rest: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.lstrip().startswith((">", "|>")) and not passed_on:
            rest.append(line)
            at += 1
            continue
        length = _attribution(lines, at)
        if length:
            after = _next_filled(lines, at + length)
            if after < len(lines) and lines[after].lstrip().startswith(">"):
                rest += lines[at : at + length]
                at += length
                continue
            if passed_on:
                at += length
                continue
            return kept, rest + lines[at:]
        if _header_block(lines, at) or _separator(line):
            if passed_on or phrases.FORWARDED.search(line[:_LOOK]):
                said = _tidy(kept)
                block = _without_marks(lines[at:])
                return ([*kept, "", *block], rest) if passed_on or not said else (kept, rest + lines[at:])
            return kept, rest + lines[at:]
        kept.append(line)
        at += 1
    return kept, rest


def _attribution(lines: list[str], at: int) -> int:
    """How many lines "On …, somebody wrote:" takes from here; 0 where there is none."""
    first = lines[at].strip()[:_LOOK]
    if not first or not phrases.BEGUN.match(first):
        return 0
    joined = ""
    for count in range(1, _WRAPPED + 1):
        if at + count > len(lines):
            break
        part = lines[at + count - 1].strip()[:_LOOK]
        if not part:
            break
        joined = f"{joined} {part}".strip()
        if not joined.endswith(":"):
            continue
        tail = joined[-240:]
        if phrases.DIGIT.search(joined) and (phrases.WROTE.search(tail) or phrases.ADDRESS.search(tail)):
            return count
        after = _next_filled(lines, at + count)
        if phrases.WROTE.search(tail) and after < len(lines) and lines[after].lstrip().startswith(">"):
            return count
        return 0
    return 0


def _header_block(lines: list[str], at: int) -> bool:
    """Whether "From: … Sent: … To: … Subject: …" begins here: at least three such lines among the next eight."""
    if not phrases.HEAD_FROM.match(lines[at][:_LOOK]):
        return False
    names = set()
    for line in lines[at : at + 10]:
        found = phrases.HEAD_ANY.match(line[:_LOOK])
        if found:
            names.add(found.group(1).lower())
    return len(names) >= 3


def _separator(line: str) -> bool:
    found = phrases.RULED.match(line[:_LOOK])
    if found is None:
        return False
    words = found.group(1)
    return bool(phrases.ORIGINAL.search(words) or phrases.FORWARDED.search(words))


def _next_filled(lines: list[str], at: int) -> int:
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at


def _without_signature(lines: list[str]) -> tuple[list[str], list[str]]:
    """Cut at "-- ", a closing, a device line or legal text, whichever comes first and is really the end."""
    end = len(lines)
    filled = [number for number, line in enumerate(lines) if line.strip()]
    left = {number: len(filled) - place for place, number in enumerate(filled)}
    for place, number in enumerate(filled):
        line = lines[number].strip()[:_LOOK]
        after = [lines[later].strip() for later in filled[place + 1 : place + 2 + _SIGNED_LINES]]
        if _ends_here(line, after, first=not place, left=left[number]):
            end = number
            break
    return lines[:end], lines[end:]


def _ends_here(line: str, after: list[str], *, first: bool, left: int) -> bool:
    if line in ("--", "—", "__"):
        return True
    if phrases.DEVICE.match(line):
        return left <= 4
    if first:
        return False
    if phrases.CLOSING.match(line):
        return _is_signature(after)
    if phrases.RULE.match(line):
        return any(phrases.LIST_FOOT.search(one[:_LOOK]) for one in after[:3])
    return bool(phrases.LEGAL.match(line))


def _is_signature(after: list[str]) -> bool:
    """Whether what follows a closing is a name and an address rather than more of the story."""
    if len(after) > _SIGNED_LINES:
        return any(phrases.LEGAL.match(line[:_LOOK]) or line in ("--", "—") for line in after[:_SIGNED_LINES])
    for line in after:
        if phrases.LEGAL.match(line[:_LOOK]):
            return True
        words = line.split()
        if line.lower().startswith(("ps", "p.s", "nb:")) or (
            len(words) > 9 and line.endswith((".", "!", "?"))
        ):
            return False
    return True


def _without_marks(lines: list[str]) -> list[str]:
    """A quoted or passed-on mail without its header lines, rules and quote marks."""
    shown = []
    for line in lines:
        plain = line.lstrip("> ").rstrip()
        if phrases.RULE.match(plain) or _separator(plain) or phrases.HEAD_ANY.match(plain[:_LOOK]):
            continue
        shown.append(plain)
    return shown


def _tidy(lines: list[str]) -> str:
    """Lines as text: no rule or blank line at either end, never two blank lines together."""
    shown: list[str] = []
    for line in lines:
        if line.strip() or (shown and shown[-1]):
            shown.append(line if line.strip() else "")
    while shown and (not shown[-1] or phrases.RULE.match(shown[-1])):
        shown.pop()
    while shown and (not shown[0] or phrases.RULE.match(shown[0])):
        shown.pop(0)
    return "\n".join(shown)
