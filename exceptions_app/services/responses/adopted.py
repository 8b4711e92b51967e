"""How far a site has adopted response: what of a route takes effect.

Capture only keeps the record and its owner and tells nobody; routed tells the owner and climbs the owner's ladder; all
functions coordinated is the route as the rules made it. The stored case keeps the whole route, so that the backtest and
the adoption page can say what the next step would add.
"""

from collections.abc import Iterable
from dataclasses import replace

from core import clock
from exceptions_app.models import ExceptionRecord, Response, Telling
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
    for response in layout.responses:
        keep_quiet(response, [one for one in layout.tellings if one.response is response])
    exception.next_escalation_at = None


def keep_quiet(response: Response, tellings: Iterable[Telling]) -> None:
    """Nobody gets these, and nothing of the response climbs. In memory."""
    for one in tellings:
        one.taken_at, one.dropped = clock.now(), CAPTURE_ONLY
    response.next_level_at = None
    response.remind_at = None


def opened_quietly(exception: ExceptionRecord) -> bool:
    """Whether a record opened where response was capture only. It stays quiet as long as it lives, but for those whom
    somebody asks with the word that they be told. One query.
    """
    return exception.tellings.filter(dropped=CAPTURE_ONLY).exists()


def stays_quiet(response: Response) -> bool:
    """Whether nobody is told of this response: its record opened quietly and nobody has been told of it since.

    At most two queries.
    """
    if not opened_quietly(response.exception):
        return False
    return response.pk is None or not response.tellings.exclude(dropped=CAPTURE_ONLY).exists()


def awaken(exception: ExceptionRecord) -> set[str]:
    """The owner of a quiet record is told from now on, so its decision has a clock again, in memory; the fields."""
    if exception.next_escalation_at is not None or exception.decide_due_at is None:
        return set()
    exception.next_escalation_at = max(exception.decide_due_at, clock.now())
    return {"next_escalation_at"}
