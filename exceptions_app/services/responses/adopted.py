"""How far a site has adopted response: what of a route takes effect.

Capture only keeps the record and its owner and tells nobody; routed tells the owner and climbs the owner's ladder; all
functions coordinated is the route as the rules made it. The stored case keeps the whole route, so that the backtest and
the adoption page can say what the next step would add.
"""

from dataclasses import replace

from core import clock
from exceptions_app.models import ExceptionRecord
from exceptions_app.services.responses.layout import Layout
from plant_app.models import Capability, Level
from plant_app.selectors import level_of
from routing_app.outcome import Outcome

#: Why nobody was told, as the telling log says it.
CAPTURE_ONLY = "capture only here"


def response_level(exception: ExceptionRecord) -> Level:
    """The level that counts for an exception's site and type now. One query."""
    return level_of(exception.site_id, Capability.RESPONSE, exception.type_id)


def as_adopted(outcome: Outcome, level: Level) -> Outcome:
    """The part of a route that takes effect at `level`: the owner alone, below all functions coordinated."""
    if level == Level.COORDINATED:
        return outcome
    return replace(outcome, functions=(), elsewhere=(), informed_roles=())


def hush(exception: ExceptionRecord, layout: Layout) -> None:
    """Capture only: the tellings are kept with the reason why nobody got them, and nothing climbs. In memory."""
    now = clock.now()
    for one in layout.tellings:
        one.taken_at, one.dropped = now, CAPTURE_ONLY
    for response in layout.responses:
        response.next_level_at = None
        response.remind_at = None
    exception.next_escalation_at = None
