"""The response window: the time until the last standard option lapses, kept on the record."""

from datetime import datetime

from core import clock
from decisions_app.lapses import lapse_of
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord


def refresh(*, exception: ExceptionRecord, at: datetime | None = None) -> None:
    """Recompute the window of a locked exception and store it with its reason; urgency follows."""
    moment = at or clock.now()
    playbook = getattr(exception.type, "playbook", None)
    if playbook is None:
        return
    standard = [option for option in playbook.options.all() if option.active and not option.expedited]
    lapses = [(lapse_of(option, exception, moment), option) for option in standard]
    dated = [(lapse, option) for lapse, option in lapses if lapse.until is not None]
    if not dated:
        return
    lapse, option = max(dated, key=lambda pair: pair[0].until or moment)
    exceptions.set_window(
        exception=exception, until=lapse.until, reason=f"{option.name}: {lapse.why}"[:160], at=moment
    )
