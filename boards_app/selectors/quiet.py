"""What a question adds where response is capture only: nobody is told, unless whoever asks says so.

Knows no verb; what the answer does lies in the services.
"""

from dataclasses import replace
from typing import Final

from boards_app.selectors.asking import Dialog
from boards_app.selectors.controls import Control
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
    where = (
        f"{exception.type.name} is capture only here" if now else f"{exception.ref} opened as capture only"
    )
    switch = Control("tell", "Tell them all the same", "checkbox", "", required=False)
    return replace(
        dialog,
        lead=f"{where}: nobody is told unless you switch it on.",
        controls=[*dialog.controls, switch],
    )
