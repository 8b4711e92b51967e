"""What a question adds where response is capture only: nobody is told, unless whoever asks says so.

Knows no verb; what the answer does lies in the services.
"""

from dataclasses import replace
from typing import Final

from django.utils.translation import gettext

from boards_app.selectors.asking import Dialog
from boards_app.selectors.controls import Control
from core.languages import label
from exceptions_app.models import ExceptionRecord
from exceptions_app.services import opened_quietly, response_level
from plant_app.models import Level

#: Questions whose answer would tell somebody.
TELLING: Final = frozenset({"reroute", "add", "change"})


def with_warning(name: str, dialog: Dialog, exception: ExceptionRecord) -> Dialog:
    """The question as it is, or, of a record that opened as capture only, with that said and a switch. Two queries."""
    if name not in TELLING or not opened_quietly(exception):
        return dialog
    now = response_level(exception) == Level.CAPTURE
    here = gettext("{what} is capture only here: nobody is told unless you switch it on.")
    then = gettext("{what} opened as capture only: nobody is told unless you switch it on.")
    lead = here.format(what=label(exception.type.name)) if now else then.format(what=exception.ref)
    switch = Control("tell", gettext("Tell them all the same"), "checkbox", "", required=False)
    return replace(
        dialog,
        lead=lead,
        controls=[*dialog.controls, switch],
    )
