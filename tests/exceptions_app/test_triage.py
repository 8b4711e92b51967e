"""A person says what it is: type and links set, routed anew, opened; and the primitives others build on."""

import pytest
from django.db import transaction

from core.errors import InvalidInput, NotAllowed, TransitionRefused
from exceptions_app import services
from exceptions_app.models import ExceptionRecord, Telling
from tests.exceptions_app.conftest import MORNING, Report, owner_response, response_of
from tests.plant_fixtures import KolbeMini


@pytest.fixture
def unsorted(plant: KolbeMini, report: Report) -> ExceptionRecord:
    """A report nobody understood."""
    exception = report("please look at the thing near the door, it is odd").exception
    assert exception is not None
    return exception


def test_a_type_and_a_machine_make_it_open_and_routed(plant: KolbeMini, unsorted: ExceptionRecord) -> None:
    services.correct(
        exception_id=unsorted.pk, actor=plant.people["katrin.weber"],
        fields={"type": "machine_downtime", "work_unit": "PRS-04", "reason": "MEC-LEAK", "state": "stopped"},
    )  # fmt: skip

    unsorted.refresh_from_db()
    assert (unsorted.status, unsorted.type.code) == ("open", "machine_downtime")
    assert unsorted.owner == plant.people["jonas.keller"]
    assert unsorted.work_order == plant.orders["WO-118300"]
    assert unsorted.title.startswith("PRS-04 down")
    assert unsorted.correlation_key == "down:RHF:work_unit=PRS-04"
    assert unsorted.contain_due_at == MORNING
    assert (unsorted.reroute_count, unsorted.lapsed_levels) == (0, 0)
    assert {row.function.code for row in unsorted.responses.filter(required=True)} >= {
        "maintenance",
        "planning",
    }
    assert Telling.objects.filter(exception=unsorted, person=plant.people["jonas.keller"]).count() == 1
    kinds = list(unsorted.events.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["opened", "routed", "triaged", "routed"]


def test_a_triage_item_without_a_type_stays_one(plant: KolbeMini, unsorted: ExceptionRecord) -> None:
    with pytest.raises(InvalidInput) as refusal:
        services.correct(
            exception_id=unsorted.pk, actor=plant.people["katrin.weber"], fields={"work_unit": "PRS-04"}
        )

    assert refusal.value.code == "exceptions.correction"
    unsorted.refresh_from_db()
    assert (unsorted.status, unsorted.work_unit) == ("triage", None)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "weather"},
        {"type": "machine_downtime", "work_unit": "PRS-99"},
        {"type": "machine_downtime", "work_unit": "G-CNC-01"},
        {"type": "machine_downtime", "reason": "NOPE"},
        {"type": "quality_hold", "quantity": "many"},
        {"type": "machine_downtime", "occurred_at": "2030-01-01T00:00:00Z"},
    ],
)
def test_what_names_nothing_is_refused(
    plant: KolbeMini, unsorted: ExceptionRecord, fields: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        services.correct(exception_id=unsorted.pk, actor=plant.people["katrin.weber"], fields=fields)

    assert refusal.value.code == "exceptions.correction"
    unsorted.refresh_from_db()
    assert unsorted.status == "triage"


def test_operators_do_not_sort(plant: KolbeMini, unsorted: ExceptionRecord) -> None:
    with pytest.raises(NotAllowed):
        services.correct(
            exception_id=unsorted.pk, actor=plant.people["piotr.nowak"], fields={"type": "machine_downtime"}
        )


def test_sorting_into_something_open_names_it(
    plant: KolbeMini, report: Report, unsorted: ExceptionRecord
) -> None:
    standing = report("press 4 down, hydraulic leak").exception

    with pytest.raises(TransitionRefused) as refusal:
        services.correct(
            exception_id=unsorted.pk, actor=plant.people["katrin.weber"],
            fields={"type": "machine_downtime", "work_unit": "PRS-04"},
        )  # fmt: skip

    assert refusal.value.code == "exceptions.key_taken"
    assert refusal.value.extra["ref"] == standing.ref
    unsorted.refresh_from_db()
    assert unsorted.status == "triage"


def test_correcting_an_acknowledged_type_asks_the_new_owner(plant: KolbeMini, report: Report) -> None:
    exception = report("press 4 down, hydraulic leak").exception
    services.acknowledge(
        response_id=owner_response(exception).pk, actor=plant.people["jonas.keller"], via="inbox"
    )
    decide_before = ExceptionRecord.objects.get(pk=exception.pk).decide_due_at

    services.correct(
        exception_id=exception.pk, actor=plant.people["ingrid.vogel"],
        fields={"type": "quality_hold", "reason": "DIM-SIZE", "quantity": "36", "lot": "L26-4471"},
    )  # fmt: skip

    exception.refresh_from_db()
    assert (exception.status, exception.type.code) == ("open", "quality_hold")
    assert exception.owner_function.code == "quality"
    assert exception.lot == plant.lots["L26-4471"]
    assert exception.decide_due_at <= decide_before
    assert exception.reroute_count == 0
    assert response_of(exception, "maintenance").required is True
    assert response_of(exception, "quality").is_owner is True


def test_a_move_the_lifecycle_does_not_know_is_refused(plant: KolbeMini, report: Report) -> None:
    exception = report("press 4 down, hydraulic leak").exception

    with transaction.atomic(), pytest.raises(TransitionRefused) as refusal:
        services.move(exception=services.locked(exception.pk), to="closed")

    assert refusal.value.code == "exceptions.transition_refused"


def test_a_split_opens_a_record_of_its_own(plant: KolbeMini, report: Report) -> None:
    exception = report("press 4 down, hydraulic leak").exception
    second = report("press 4 is down, makes another noise")

    with transaction.atomic():
        fresh = services.open_from_signals(
            signal_ids=[second.signal_id], actor=plant.people["ingrid.vogel"],
            split_from=services.locked(exception.pk),
        )  # fmt: skip

    second.refresh_from_db()
    assert fresh != exception
    assert (fresh.work_unit, fresh.correlation_key, fresh.status) == (plant.units["PRS-04"], "", "open")
    assert second.exception == fresh
    assert fresh.responses.filter(is_owner=True).count() == 1


def test_a_window_that_closes_raises_urgency_and_shortens_limits(plant: KolbeMini, report: Report) -> None:
    exception = report("press 4 down, hydraulic leak").exception
    before = (exception.urgency, exception.acknowledge_due_at)

    with transaction.atomic():
        record = services.locked(exception.pk)
        assert services.set_window(exception=record, until=MORNING, reason="the truck leaves") is True
        assert services.set_window(exception=record, until=MORNING, reason="the truck leaves") is False

    exception.refresh_from_db()
    assert (exception.window_until, exception.window_reason) == (MORNING, "the truck leaves")
    assert before[0] == "low"
    assert exception.urgency in ("normal", "high")
    assert exception.acknowledge_due_at < before[1]
    assert owner_response(exception).acknowledge_due_at == exception.acknowledge_due_at
    assert exception.events.filter(kind="window_changed").count() == 1
