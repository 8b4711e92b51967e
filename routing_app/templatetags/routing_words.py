"""Template filter for codes shown to people: duties and functions in words. Must not know more than the words."""

from django import template

from routing_app import words

register = template.Library()
_KNOWN = {**words.FUNCTIONS, **words.ROLES}


@register.filter
def in_words(code: str) -> str:
    """A function or duty as people say it."""
    return words.label_of(_KNOWN, code).lower()
