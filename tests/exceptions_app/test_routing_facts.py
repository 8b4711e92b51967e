"""What routing may ask about: every fact of the catalogue comes from the plant, and rules that ask are met."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core import clock
from exceptions_app import services
from exceptions_app.models import ExceptionRecord
from exceptions_app.services.records.around import look_around
from exceptions_app.services.records.facts import facts_of
from plant_app.models import (
    Function,
    ItemAlternate,
    OperationStatus,
    Qualification,
    Skill,
    WorkOrder,
    WorkUnitState,
)
from routing_app.facts import CATALOGUE
from routing_app.models import Rule, RuleCondition, RuleFunction
from routing_app.services import next_order, place_rule, publish
from tests import factories as make
from tests.exceptions_app.conftest import MORNING, Report
from tests.plant_fixtures import KolbeMini

Facts = dict[str, Any]
SHORT = {"type": "material_shortage", "item": "CAST-220", "kind": "soon"}
CREW = {"type": "labour_shortage", "work_centre": "GRIND", "missing": "1", "reason": "ABS-UNPLANNED"}
SOONER = {"type": "order_change", "so_line": "40017733/10", "kind": "DATE-EARLIER",
          "new_value": "2026-11-20T12:00:00+01:00"}  # fmt: skip


@pytest.fixture
def tap(plant: KolbeMini, report: Report) -> Callable[[Facts], ExceptionRecord]:
    """Report by fields at a station and return the record it opened."""

    def send(fields: Facts) -> ExceptionRecord:
        found = report(kind="station", fields=fields, reporter=plant.people["piotr.nowak"]).exception
        assert found is not None
        return found

    return send


Tap = Callable[[Facts], ExceptionRecord]


def facts(exception: ExceptionRecord) -> Facts:
    """What its opening was routed with."""
    assert exception.route is not None
    return dict(exception.route.facts)


def informs_engineering(fact: str, operator: str, value: str = "") -> None:
    """Publish one more rule, read first: where the fact is so, engineering is informed."""
    rule = Rule.objects.create(code=f"asks-{fact}", name=f"Asks {fact}", order=next_order(), kind="add")
    RuleCondition.objects.create(rule=rule, fact=fact, operator=operator, value=value)
    engineering = Function.objects.get(code="engineering")
    RuleFunction.objects.create(rule=rule, function=engineering, role="engineer", need="informed")
    place_rule(rule=rule, before=Rule.objects.order_by("order").first())
    publish(actor=None, note="one more")


def engineering_told(exception: ExceptionRecord) -> bool:
    return exception.responses.filter(function__code="engineering").exists()


def certified(plant: KolbeMini, code: str, *names: str, until: Any = None) -> Skill:
    skill = Skill.objects.create(code=code, name=code.title())
    Qualification.objects.bulk_create(
        Qualification(person=plant.people[name], skill=skill, valid_until=until) for name in names
    )
    return skill


def bought_elsewhere(plant: KolbeMini, item: str) -> None:
    order = make.PurchaseOrderFactory(number="4500900", site=plant.rhf, supplier=plant.suppliers["DICHT"])
    make.PurchaseOrderLineFactory(order=order, line=10, item=plant.items[item], quantity=Decimal(1),
                                  promised_at=clock.now())  # fmt: skip


# --- single source ----------------------------------------------------------------------------------------------
def test_one_supplier_and_no_substitute_is_a_single_source_and_a_rule_sees_it(
    plant: KolbeMini, tap: Tap
) -> None:
    informs_engineering("single_source", "yes")

    found = tap(SHORT)

    assert facts(found)["single_source"] is True
    assert engineering_told(found)
    inputs = {one["code"]: one for one in found.route.outcome["urgency_inputs"]}
    assert inputs["constraint"]["value"] == "single source"


@pytest.mark.parametrize(
    "other", ["a second supplier", "a lot of a second supplier", "an approved substitute"]
)
def test_where_there_is_another_way_to_have_it_the_rule_is_not_met(
    plant: KolbeMini, tap: Tap, other: str
) -> None:
    informs_engineering("single_source", "yes")
    if other == "a second supplier":
        bought_elsewhere(plant, "CAST-220")
    elif other == "a lot of a second supplier":
        make.LotFactory(code="L26-9999", item=plant.items["CAST-220"], supplier_code="DICHT")
    else:
        ItemAlternate.objects.create(item=plant.items["CAST-220"], substitute=plant.items["CAST-310"])

    found = tap(SHORT)

    assert facts(found)["single_source"] is False
    assert not engineering_told(found)


def test_what_is_made_or_was_never_bought_has_no_known_source(plant: KolbeMini, tap: Tap) -> None:
    made = tap({"type": "quality_hold", "lot": "L26-4301", "reason": "DIM-SIZE", "qty_suspect": "2"})
    never = tap({**SHORT, "item": "ST-40"})

    assert "single_source" not in facts(made)
    assert "single_source" not in facts(never)


# --- certificates -----------------------------------------------------------------------------------------------
def test_the_only_holder_of_a_missing_certificate_is_a_constraint(plant: KolbeMini, tap: Tap) -> None:
    informs_engineering("sole_certificate", "yes")
    certified(plant, "GRINDING", "piotr.nowak")

    found = tap({**CREW, "skill": "GRINDING"})

    assert (facts(found)["skills"], facts(found)["sole_certificate"]) == (["GRINDING"], True)
    assert engineering_told(found)


def test_two_holders_are_enough_but_one_may_have_expired_or_work_elsewhere(
    plant: KolbeMini, tap: Tap
) -> None:
    informs_engineering("sole_certificate", "no")
    certified(plant, "GRINDING", "piotr.nowak", "tomas.ruiz")
    expired = certified(plant, "WELDING", "piotr.nowak")
    Qualification.objects.create(
        skill=expired, person=plant.people["tomas.ruiz"], valid_until=MORNING.date() - timedelta(days=1)
    )
    certified(plant, "TURNING", "piotr.nowak", "carlos.mendez")  # he is in Greenville
    Skill.objects.create(code="SEWING", name="Nobody ever kept who may")

    two, one, away, unknown = (
        tap({**CREW, "work_centre": centre, "skill": skill})
        for centre, skill in (
            ("GRIND", "GRINDING"),
            ("MILL5", "WELDING"),
            ("PRESS", "TURNING"),
            ("GRIND", "SEWING"),
        )
    )

    assert [facts(one_).get("sole_certificate") for one_ in (two, one, away, unknown)] == [
        False,
        True,
        True,
        None,
    ]
    assert engineering_told(two)
    assert not engineering_told(one)


def test_skills_are_those_of_the_stopped_work_or_of_what_the_crew_is_to_do(
    plant: KolbeMini, tap: Tap
) -> None:
    informs_engineering("skills", "includes", "grinding")
    skill = certified(plant, "GRINDING", "piotr.nowak", "tomas.ruiz")
    running = plant.operations["WO-118204/30"]
    running.skill = skill
    running.save()
    later = plant.operations["WO-118204/40"]  # begins in four hours, after the shift has gone home
    later.skill = certified(plant, "LATER", "piotr.nowak")
    later.planned_start = MORNING + timedelta(hours=9)
    later.save()
    plant.operations["WO-118190/50"].skill = certified(plant, "NOW", "piotr.nowak")
    plant.operations["WO-118190/50"].save()

    stopped = tap(
        {"type": "machine_downtime", "work_unit": "CNC-04", "state": "stopped", "reason": "MEC-BRK"}
    )
    crew = tap(CREW)

    assert facts(stopped)["skills"] == ["GRINDING"]
    assert engineering_told(stopped)
    assert facts(crew)["skills"] == ["NOW"]
    assert not engineering_told(crew)


# --- lead times, the other site ---------------------------------------------------------------------------------
def test_a_component_that_takes_longer_than_there_is_time_brings_procurement_in(
    plant: KolbeMini, tap: Tap
) -> None:
    casting = plant.items["CAST-220"]  # what a valve body is made of
    casting.lead_time_days = 15
    casting.save()

    informs_engineering("long_lead", "yes")

    found = tap(SOONER)

    assert facts(found)["long_lead"] is True
    assert engineering_told(found)
    buyers = found.responses.get(function__code="procurement")
    assert (buyers.required, buyers.role) == (True, "buyer")


def test_time_enough_or_no_lead_time_known_asks_nobody(plant: KolbeMini, tap: Tap) -> None:
    informs_engineering("long_lead", "yes")
    unknown = tap({**SOONER, "so_line": "40017810/10"})
    casting = plant.items["CAST-220"]
    casting.lead_time_days = 2
    casting.save()
    enough = tap(SOONER)
    casting.lead_time_days = 15
    casting.save()
    later = tap({**SOONER, "so_line": "40017791/10", "kind": "DATE-LATER", "new_value": "2026-12-20"})

    assert "long_lead" not in facts(unknown)
    assert facts(enough)["long_lead"] is False
    assert facts(later)["long_lead"] is False
    assert not any(engineering_told(one) for one in (enough, later))


def test_the_other_sites_next_work_with_the_item_tells_its_planner(plant: KolbeMini, tap: Tap) -> None:
    there = make.OperationFactory(
        work_order=plant.orders["WO-200001"], number=40, name="Wash", work_centre=plant.centres["GMILL"],
        status=OperationStatus.WAITING, planned_start=MORNING + timedelta(hours=6),
        planned_end=MORNING + timedelta(hours=7), run_minutes=Decimal(1),
    )  # fmt: skip
    make.MaterialNeedFactory(operation=there, item=plant.items["CAST-310"], quantity=Decimal(4))

    needed, not_needed = tap({**SHORT, "item": "CAST-310"}), tap({**SHORT, "item": "ST-40"})

    assert facts(needed)["other_site_need_h"] == 6
    planner = needed.responses.get(function__code="planning", site=plant.gvl)
    assert (planner.required, planner.person) == (True, plant.people["dana.brooks"])
    assert "other_site_need_h" not in facts(not_needed)
    assert not not_needed.responses.filter(site=plant.gvl).exists()


# --- who already has too much ------------------------------------------------------------------------------------
def test_the_eleventh_record_for_one_person_in_ten_minutes_is_marked(plant: KolbeMini, tap: Tap) -> None:
    first = tap({"type": "machine_downtime", "work_unit": "PRS-04", "state": "stopped", "reason": "MEC-BRK"})
    assert facts(first)["owner_records_10min"] == 1
    for number in range(9):
        ExceptionRecord.objects.create(**_copy(first, number, age=number))
    ExceptionRecord.objects.create(**_copy(first, 9, age=11))  # before the ten minutes

    tenth = tap({"type": "machine_downtime", "work_unit": "CNC-06", "state": "stopped", "reason": "MEC-BRK"})
    eleventh = tap(
        {"type": "machine_downtime", "work_unit": "GRD-01", "state": "stopped", "reason": "MEC-BRK"}
    )
    other = tap(CREW)  # goes to somebody else

    assert [facts(one)["owner_records_10min"] for one in (tenth, eleventh, other)] == [11, 12, 1]
    assert tenth.owner == first.owner
    assert "group_notices" in eleventh.route.outcome["marks"]
    assert "group_notices" not in first.route.outcome["marks"] + other.route.outcome["marks"]


def _copy(exception: ExceptionRecord, number: int, *, age: float) -> Facts:
    """Another record of the same person, `age` minutes old."""
    left_out = {"id", "ref", "correlation_key", "captured_at"}
    values = {
        field.attname: getattr(exception, field.attname)
        for field in exception._meta.concrete_fields
        if field.attname not in left_out
    }
    moment = MORNING - timedelta(minutes=age)
    return {**values, "ref": f"EX-2025-{number:06d}", "correlation_key": "", "captured_at": moment}


# --- slack without a promise --------------------------------------------------------------------------------------
def test_without_a_sales_line_slack_counts_to_the_work_orders_own_date(plant: KolbeMini, tap: Tap) -> None:
    informs_engineering("hours_to_due", "at_most", "2")

    found = tap({"type": "machine_downtime", "work_unit": "PRS-04", "state": "stopped", "reason": "MEC-BRK"})

    # needed in 16 h, planned to end in 14 h, which the guessed hour of a stop does not push
    order = WorkOrder.objects.get(number="WO-118300")
    assert (found.work_order, found.sales_line) == (order, None)
    assert (facts(found)["hours_to_due"], facts(found)["customer_tier"]) == (1, "stock")
    assert "commit_at_risk" not in facts(found)
    assert engineering_told(found)
    slack = next(one for one in found.route.outcome["urgency_inputs"] if one["code"] == "slack")
    assert (slack["level"], slack["value"]) == ("0", "made for stock")


def test_a_late_purchase_has_the_slack_of_the_work_that_waits_for_it(plant: KolbeMini, tap: Tap) -> None:
    waiting = plant.operations["WO-118231/20"]
    make.MaterialNeedFactory(operation=waiting, item=plant.items["CAST-220"], quantity=Decimal(4))
    late = {"type": "supplier_delay", "po_line": "4500232/10"}

    told = tap({**late, "new_date": (MORNING + timedelta(hours=49)).isoformat()})
    found = look_around(told, clock.now()).facts
    told.details = {}
    promised = look_around(told, clock.now()).facts

    begins = waiting.planned_start
    assert found["hours_to_due"] == round((begins - MORNING) / timedelta(hours=1) - 49, 2)
    assert promised["hours_to_due"] == round((begins - MORNING) / timedelta(hours=1) - 72, 2)


# --- all of them ----------------------------------------------------------------------------------------------------
def _situations(plant: KolbeMini, tap: Tap) -> Iterator[ExceptionRecord]:
    """One of each kind of trouble."""
    certified(plant, "GRINDING", "piotr.nowak")
    plant.items["CAST-220"].lead_time_days = 15
    plant.items["CAST-220"].save()
    make.MaterialNeedFactory(
        operation=make.OperationFactory(
            work_order=plant.orders["WO-200001"], number=40, name="Wash", work_centre=plant.centres["GMILL"],
            status=OperationStatus.WAITING, planned_start=MORNING + timedelta(hours=6),
            planned_end=MORNING + timedelta(hours=7), run_minutes=Decimal(1),
        ),
        item=plant.items["CAST-220"], quantity=Decimal(4),
    )  # fmt: skip
    yield tap({"type": "machine_downtime", "work_unit": "GRD-02", "state": "stopped", "reason": "MEC-BRK"})
    WorkUnitState.objects.filter(work_unit=plant.units["CNC-04"], until=None).update(state="planned_stop")
    yield tap({"type": "machine_downtime", "work_unit": "CNC-04", "state": "stopped", "reason": "MEC-BRK"})
    yield tap({**SHORT, "runs_out_at": (MORNING + timedelta(hours=2)).isoformat()})
    yield tap({"type": "quality_hold", "lot": "L26-4388", "reason": "DIM-SIZE", "qty_suspect": "20"})
    yield tap({**SOONER, "answer_by": (MORNING + timedelta(hours=3)).isoformat()})
    yield tap({**CREW, "skill": "GRINDING"})
    yield tap({"type": "supplier_delay", "po_line": "4500232/10",
               "new_date": (MORNING + timedelta(hours=90)).isoformat()})  # fmt: skip
    yield tap({"type": "customer_complaint", "customer": "ALS", "item": "VB-220", "customer_stopped": "yes",
               "reason": "DIM-SIZE"})  # fmt: skip


def test_every_fact_of_the_catalogue_is_filled_by_some_situation(plant: KolbeMini, tap: Tap) -> None:
    seen: Facts = {}
    for exception in _situations(plant, tap):
        seen |= facts(exception)

    assert set(CATALOGUE) - set(seen) == set()
    assert set(seen) <= set(CATALOGUE) | {"suspected_type"}


def test_what_an_opening_is_routed_with_costs_a_bounded_number_of_reads(
    plant: KolbeMini, tap: Tap, django_assert_max_num_queries: Any
) -> None:
    for exception in list(_situations(plant, tap)):
        fresh = services.locked(exception.pk)
        with django_assert_max_num_queries(24):
            facts_of(fresh, around=look_around(fresh, clock.now()))
