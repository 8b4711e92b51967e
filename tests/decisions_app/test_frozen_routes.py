"""A route in flight is frozen: what administrators edit and publish reaches only what opens later."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from exceptions_app.services.records.moves import locked
from exceptions_app.services.records.urgency import reconsider
from plant_app.models import Function
from routing_app import services as routing
from routing_app.models import (
    ClockLimit,
    LadderStep,
    OtherAcknowledgeLimit,
    RoutingCase,
    Rule,
    RuleCondition,
    RuleFunction,
)
from routing_app.selectors import draft_rules
from tests.decisions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.django_db
DOWN = "press 4 down, hydraulic leak"


def everything(exception: ExceptionRecord) -> dict[str, Any]:
    """Every stored thing a rule had a say in."""
    row = ExceptionRecord.objects.filter(pk=exception.pk).values().get()
    return {
        "record": row,
        "responses": list(exception.responses.order_by("pk").values()),
        "tellings": list(exception.tellings.order_by("pk").values()),
        "events": list(exception.events.order_by("pk").values()),
        "cases": list(RoutingCase.objects.order_by("pk").values()),
    }


def turn_everything_over() -> None:
    """Another owner, other functions, urgency, limits and ladders for every case there is."""
    Rule.objects.filter(kind="route").update(
        owner_function=Function.objects.get(code="quality"), owner_role="inspector", urgency_cap="", acknowledge=1,
        decide=2, resolve=3, playbook="",
    )  # fmt: skip
    RuleFunction.objects.all().delete()
    ClockLimit.objects.update(acknowledge=1, decide=2, resolve=3)
    OtherAcknowledgeLimit.objects.update(acknowledge=1)
    LadderStep.objects.filter(level__gt=1).update(factor="0", minutes=None, roles=["plant_manager"])
    loud = Rule.objects.create(
        code="loud", name="All is urgent", kind="add", order=1, urgency_floor="critical"
    )
    RuleCondition.objects.create(rule=loud, fact="site", operator="is", value="RHF")
    assert draft_rules()[0].code == "loud"
    routing.publish(actor=None, note="Everything otherwise")


def test_publishing_touches_nothing_that_is_open_and_reaches_what_opens_next(
    plant: KolbeMini,
    report: Report,
) -> None:
    first = report(DOWN)
    before = everything(first)

    turn_everything_over()

    assert everything(first) == before
    second = report("press 3 down, hydraulic leak")
    assert (second.owner_function.code, second.owner_role, second.urgency) == (
        "quality",
        "inspector",
        "critical",
    )
    assert second.limits["acknowledge"] == 1
    assert second.route.version.number == 2
    first.refresh_from_db()
    assert first.route.version.number == 1


def test_the_ladder_climbs_as_it_was_frozen(plant: KolbeMini, report: Report) -> None:
    first = report(DOWN)
    owner = first.responses.get(is_owner=True)
    due = [owner.due_at + timedelta(minutes=rung["after_minutes"]) for rung in owner.ladder]
    second_level = owner.ladder[1]
    assert second_level["after_minutes"] > 0

    turn_everything_over()

    with clock.travel(due[1] - timedelta(seconds=30)):
        exceptions.escalate_due()
        assert first.responses.get(is_owner=True).level == owner.level
        assert not first.tellings.filter(reason="escalation").exists()
    with clock.travel(due[1] + timedelta(seconds=30)):
        exceptions.escalate_due()
        told = first.tellings.filter(reason="escalation")
        assert {row.role for row in told} == set(second_level["roles"])
        assert "plant_manager" not in {row.role for row in told}
        assert first.responses.get(is_owner=True).ladder == owner.ladder


def test_a_re_evaluation_asks_the_version_the_record_opened_with(
    plant: KolbeMini,
    report: Report,
) -> None:
    first = report(DOWN)
    band, limits, owner = first.urgency, dict(first.limits), first.owner_id
    turn_everything_over()

    changed = reconsider(exception=locked(first.pk), facts={"weekday": "sun"})

    first.refresh_from_db()
    assert changed is False
    assert (first.urgency, first.limits, first.owner_id) == (band, limits, owner)

    raised = reconsider(exception=locked(first.pk), facts={"customer_stopped": True})
    first.refresh_from_db()
    assert raised is True
    assert first.urgency == "critical"
    latest = RoutingCase.objects.filter(opening=first.route).latest("pk")
    assert latest.version.number == 1
    assert (latest.outcome["owner_role"], first.owner_id) == ("technician", owner)
    table = first.route.version.snapshot["limits"]
    frozen = table.get(first.type.code, {}).get("critical") or table["*"]["critical"]
    assert first.limits["acknowledge"] == min(limits["acknowledge"], frozen["acknowledge"])
    assert first.limits["acknowledge"] > 1
