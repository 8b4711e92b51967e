"""HTML mail to plain text, safely: one pass over the source, nothing fetched, nothing run.

Quoted blocks come out with `> ` before each line and signature blocks after `-- `, so that the reader of replies sees
the same in both kinds of mail. A picture's place is marked by its Content-ID. Every step is linear in the input.
"""

import re
from html import unescape
from typing import Final

from exceptions_app.channels.mail.text import clean

MOST: Final = 300_000
#: Where an inline picture stands; taken out of the text once it is known which part of the mail it is in.
PICTURE: Final = re.compile("\ufdd0([^\ufdd0\ufdd1]{0,300})\ufdd1")
_DROPPED: Final = frozenset(
    {"script", "style", "head", "title", "noscript", "template", "object", "svg", "textarea"}
)
_LINES: Final = frozenset({
    "address", "article", "aside", "dd", "div", "dl", "dt", "fieldset", "footer", "form", "h1", "h2", "h3", "h4", "h5",
    "h6", "header", "hr", "li", "main", "nav", "ol", "pre", "section", "table", "tr", "ul", "body",
})  # fmt: skip
_TAG: Final = re.compile(r"\s*(/?)\s*([a-zA-Z][a-zA-Z0-9:]{0,30})")
_MARKS: Final = re.compile(
    r"(?i)\b(class|id|data-smartmail|data-signatureblock|src)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+)"
)
_SIGNATURE: Final = re.compile(
    r"(?i)gmail_signature|moz-signature|ms-outlook-mobile-signature|applemailsignature|^signature$|^true$"
)
_LONG_NUMBER: Final = re.compile(r"&#[xX]?[0-9a-fA-F]{8,};?")
_SPACES: Final = re.compile(r"[ \t\r\n\f]+")


def to_text(source: str) -> str:
    """The words of an HTML mail in reading order; at most MOST characters of source are looked at."""
    return _Writer(_LONG_NUMBER.sub("", source[:MOST])).text()


class _Writer:
    """One pass over the tags. `quote` counts the open blockquotes."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lower = source.lower()
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quote = 0
        self.pre = 0
        self.gone: set[str] = set()  # endings that do not come any more

    def text(self) -> str:
        at, end = 0, len(self.source)
        while at < end:
            start = self.source.find("<", at)
            if start < 0:
                self._words(self.source[at:])
                break
            self._words(self.source[at:start])
            at = self._tag(start)
        self._break()
        text = clean("\n".join(self.lines))
        return re.sub(r"\n{3,}", "\n\n", text).strip("\n")

    def _after(self, ending: str, start: int) -> int:
        """Position after the next `ending`, or the end of the source. A missing one is looked for once."""
        if ending in self.gone:
            return len(self.source)
        found = self.lower.find(ending, start)
        if found < 0:
            self.gone.add(ending)
            return len(self.source)
        return found + len(ending)

    def _tag(self, start: int) -> int:
        if self.source.startswith("<!--", start):
            return self._after("-->", start)
        match = _TAG.match(self.source, start + 1)
        if match is None:
            if self.source[start + 1 : start + 2] in ("!", "?"):
                return self._after(">", start)
            self._words("<")
            return start + 1
        end = self._after(">", match.end())
        closing, name = bool(match.group(1)), match.group(2).lower()
        if name in _DROPPED:
            return end if closing else self._after(">", self._after(f"</{name}", end) - 1)
        self._element(name, closing, self.source[match.end() : min(end, match.end() + 2000)])
        return end

    def _element(self, name: str, closing: bool, attributes: str) -> None:
        if name == "br":
            self._break(always=True)
        elif name == "blockquote":
            self._break()
            self.quote = max(0, self.quote - 1) if closing else min(self.quote + 1, 8)
        elif name == "p":
            self._break()
            self._blank()
        elif name in ("td", "th") and closing:
            self.line.append(" ")
        elif name in _LINES:
            self._break()
        if name == "pre":
            self.pre = max(0, self.pre - 1) if closing else self.pre + 1
        elif name == "li" and not closing:
            self.line.append("- ")
        elif name == "hr":
            self.lines.append(self._quoted("-" * 30))
        if not closing and "=" in attributes:
            self._marked(name, attributes)

    def _marked(self, name: str, attributes: str) -> None:
        for attribute, value in _MARKS.findall(attributes):
            value = value.strip("\"'")
            if attribute.lower() == "src":
                if name == "img" and value.lower().startswith("cid:"):
                    self.line.append(f"\ufdd0{unescape(value[4:])[:300]}\ufdd1")
            elif any(_SIGNATURE.search(word) for word in value.split()[:8]) and name in (
                "div",
                "span",
                "table",
                "td",
            ):
                self._break()
                self.lines.append(self._quoted("-- "))

    def _words(self, raw: str) -> None:
        if not raw:
            return
        text = unescape(raw).replace("\ufdd0", "").replace("\ufdd1", "")
        if self.pre:
            first, *others = text.split("\n")
            self.line.append(first)
            for other in others:
                self._break(always=True)
                self.line.append(other)
            return
        self.line.append(_SPACES.sub(" ", text))

    def _break(self, *, always: bool = False) -> None:
        text = "".join(self.line)
        self.line = []
        if not self.pre:
            text = re.sub(r" {2,}", " ", text).strip()
        if text or always:
            self.lines.append(self._quoted(text))

    def _blank(self) -> None:
        if self.lines and self.lines[-1].strip("> "):
            self.lines.append(self._quoted(""))

    def _quoted(self, text: str) -> str:
        return f"{'> ' * self.quote}{text}" if self.quote else text
