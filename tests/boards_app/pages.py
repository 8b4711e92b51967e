"""Short ways to drive the pages of people: frames, requests of a page's script, cases brought along."""

from datetime import timedelta
from typing import Any

from boards_app.selectors.frame import Frame, frame_for
from core import clock
from decisions_app import services as decisions
from decisions_app.models import Decision
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from plant_app.models import User
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"


def frame(user: User, wanted: str = "") -> Frame:
    """The frame `user` looks from, read afresh."""
    return frame_for(User.objects.get(pk=user.pk), wanted)


def htmx(target: str = "") -> dict[str, str]:
    """Headers of a request a page's script makes."""
    return {"HX-Request": "true", **({"HX-Target": target} if target else {})}


def acknowledge_all(exception: ExceptionRecord) -> None:
    """Every required function says yes."""
    for response in exception.responses.filter(required=True):
        if not response.answered and response.person is not None:
            exceptions.acknowledge(response_id=response.pk, actor=response.person, via="inbox")


def alternate_inputs() -> dict[str, str]:
    """What "run on alternate work unit" asks."""
    start = clock.now() + timedelta(days=2)
    return {"to_unit": "PRS-03", "quantity": "380", "setup": "30", "start": start.isoformat()}


def decide(exception: ExceptionRecord, plant: KolbeMini) -> Decision:
    """Decided by the planner: the rest runs on the other press."""
    acknowledge_all(exception)
    return decisions.decide(
        exception_id=exception.pk, option_code="run_on_alternate", inputs=alternate_inputs(),
        actor=plant.people["ingrid.vogel"],
    )  # fmt: skip


def form(values: dict[str, Any]) -> dict[str, Any]:
    """An option's or task's inputs as the page's form names them."""
    return {f"in-{name}": value for name, value in values.items()}
