"""The languages labels are shown in, how a stranger's wish becomes one of them, and shipped words in the reader's.

Owns the list and the matching of tags ("de-CH" is de). Must not know people, screens or requests' sessions; who speaks
what lies in `plant_app.languages`. What people wrote is never translated, only the product's own labels are.
"""

from typing import Final

from django.utils.translation import get_language, gettext
from django.utils.translation.trans_real import parse_accept_lang_header

#: Code and the language's own name for itself, as the switch shows them. English is what the source is written in.
LANGUAGES: Final = (
    ("en", "English"),
    ("de", "Deutsch"),
    ("es", "Español"),
    ("pl", "Polski"),
    ("pt", "Português"),
)
SOURCE: Final = "en"
_CODES: Final = frozenset(code for code, _name in LANGUAGES)


def known(tag: str) -> str:
    """The code behind a tag like "de", "de-CH" or "pt_BR"; "" for a language there are no labels in."""
    code = tag.replace("_", "-").split("-", 1)[0].lower()
    return code if code in _CODES else ""


def wished(accept_language: str) -> str:
    """The first language of an Accept-Language header (RFC 9110 section 12.5.4) there are labels in, else ""."""
    wishes = (known(tag) for tag, _weight in parse_accept_lang_header(accept_language))
    return next((code for code in wishes if code), "")


def label(words: object) -> str:
    """Stored words in the reader's language while they are still the shipped ones; reworded ones as the site has them.

    For names of types, reasons, functions, options and states: data a site may change. Never for what people wrote.
    """
    said = str(words) if words else ""
    return gettext(said) if said else ""


def small(words: str) -> str:
    """A label inside a sentence: in small letters, but for German, whose nouns keep their capitals."""
    return words if get_language() == "de" else words.lower()
