"""What the page shows on which a person says how they want to be told."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop

from notify_app.forms import WORDS, AddressForm, WishesForm, initial_of
from notify_app.manners import OUTWARD, URGENCIES
from notify_app.models import Preference
from notify_app.selectors import addresses_of, told_lately
from notify_app.services import push_key, ways_of
from plant_app.models import User

_GLYPHS = {"push": "tablet-smartphone", "phone": "phone", "chat": "message-square", "email": "mail"}
_NONE = {
    "push": gettext_noop("no device yet"),
    "phone": gettext_noop("no number yet"),
    "chat": gettext_noop("no address yet"),
    "email": gettext_noop("no address yet"),
}


@dataclass(frozen=True)
class Column:
    """One channel of the table: whether it leads to the person, and what it is called."""

    code: str
    words: str
    glyph: str
    there: bool
    note: str


def notifications_page(
    user: User, form: WishesForm | None = None, address_form: AddressForm | None = None
) -> dict[str, Any]:
    """Wishes, addresses and what went out lately. Nine queries."""
    ways = ways_of(user)
    form = form or WishesForm(initial=initial_of(ways.manner(user)))
    available = ways.available(user)
    columns = [
        Column(
            code, str(WORDS[code]), _GLYPHS[code], code in available, "" if code in available else _NONE[code]
        )
        for code in OUTWARD
    ]
    chosen = {urgency: form[urgency].value() or [] for urgency in URGENCIES}
    return {
        "form": form,
        "address_form": address_form or AddressForm(),
        "columns": columns,
        "rows": [
            {
                "urgency": urgency,
                "words": urgency.capitalize(),
                "cells": [(column, column.code in chosen[urgency]) for column in columns],
                "errors": form[urgency].errors,
            }
            for urgency in URGENCIES
        ],
        "order": [form[f"order_{place}"] for place in range(len(OUTWARD))],
        "addresses": addresses_of(user),
        "glyphs": _GLYPHS,
        "log": told_lately(user),
        "own": Preference.objects.filter(user=user).exists(),
        "push_public": push_key().public,
    }
