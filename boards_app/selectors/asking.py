"""A question a page asks before it does something, and what many questions share.

Knows no verb; `dialogs` and `dialogs_after` build the questions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext

from boards_app.selectors.controls import Control
from core import languages
from exceptions_app.models import ExceptionRecord
from plant_app.models import Function, User


@dataclass(frozen=True)
class Dialog:
    """One question. `hidden` are fields sent along, `note` what else the answer brings about."""

    title: str
    url: str
    submit: str
    lead: str = ""
    controls: list[Control] = field(default_factory=list)
    hidden: dict[str, Any] = field(default_factory=dict)
    note: str = ""


Builder = Callable[[ExceptionRecord, User, dict[str, str]], Dialog]


def reason(label: str = "", *, value: str = "", placeholder: str = "") -> Control:
    return Control(
        "reason", label or gettext("Why"), "textarea", value, required=True, placeholder=placeholder
    )


def versioned(exception: ExceptionRecord) -> dict[str, Any]:
    return {"version": exception.version}


def functions() -> tuple[tuple[str, str], ...]:
    return tuple((code, languages.label(name)) for code, name in Function.objects.values_list("code", "name"))
