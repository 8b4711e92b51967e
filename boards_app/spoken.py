"""The product's own words in the reader's language: labels, durations, states.

Owns the step from `boards_app.wording` (English, pure) to what a page shows: constants are marked with `gettext_noop`
where they stand and translated here, at the place of display. Must not know requests or HTML. What people wrote, names
and figures never pass through here.
"""

import re
from typing import Final

from django.utils.translation import gettext, gettext_noop

from boards_app import wording
from core.languages import label, small

_DAYS: Final = gettext_noop("days")
_NOW: Final = gettext_noop("now")
#: What plants commonly call their shifts; any other name is shown as the site has it.
SHIFTS: Final = (gettext_noop("Early"), gettext_noop("Late"), gettext_noop("Night"), gettext_noop("Day"))


def inside(words: object) -> str:
    """A label inside a sentence, in small letters where the language writes it so."""
    return small(label(words))


def state(family: str, code: str) -> str:
    """The words of a stored state, see `wording.look`."""
    return label(wording.look(family, code).words)


#: How a function stands that is asked for an acknowledgement, by the state of its chip.
_ANSWERS: Final = {
    "": gettext_noop("acknowledged"),
    "wait": gettext_noop("waiting"),
    "soon": gettext_noop("limit soon"),
    "over": gettext_noop("over its limit"),
}


def answer(state: str) -> str:
    """How a function stands: `state` "" (acknowledged), wait, soon or over."""
    return gettext(_ANSWERS[state])


# --- durations ----------------------------------------------------------------------------------------------
def _units(said: str) -> str:
    """A spelt duration with its only word translated; "min" and "h" are the same in every language there is."""
    if said == _NOW:
        return gettext(_NOW)
    return re.sub(rf"\b{_DAYS}\b", lambda _found: gettext(_DAYS), said)


def span(minutes: float) -> str:
    """As `wording.span`."""
    return _units(wording.span(minutes))


def coarse(minutes: float) -> str:
    """As `wording.coarse`."""
    return _units(wording.coarse(minutes))


def left(minutes: float) -> str:
    """As `wording.left`."""
    return _units(wording.left(minutes))


def gone(minutes: float) -> str:
    """As `wording.gone`."""
    return _units(wording.gone(minutes))


def left_words(minutes: float) -> str:
    """As `wording.left_words`."""
    if minutes > 0:
        return gettext("{time} left").format(time=left(minutes))
    return gettext("now due") if minutes > -1 else gettext("{time} over").format(time=left(minutes))
