"""Template filters of the rule pages: duties and functions in words, a level of a ladder. Must not decide anything."""

from collections.abc import Sequence

from django import template

from routing_app import words
from routing_app.matrix import Cell

register = template.Library()
_KNOWN = {**words.FUNCTIONS, **words.ROLES}


@register.filter
def in_words(code: str) -> str:
    """A function or duty as people say it."""
    return words.label_of(_KNOWN, code).lower()


@register.filter
def at(cells: Sequence[Cell], level: int) -> Cell | None:
    """The cell of a level, where the ladder has it."""
    return next((cell for cell in cells if cell.level == level), None)
