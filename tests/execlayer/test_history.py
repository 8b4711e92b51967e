"""A rehearsed past: real records with every fact in place, and a present that has not noticed."""

from datetime import timedelta

import pytest

from core import clock
from core.models import Heartbeat
from decisions_app import services as decisions
from decisions_app.models import Task
from erp_sync import services as erp
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord, Response, Telling
from execlayer.simulation.history import fill
from metrics_app.selectors import figures_between
from notify_app.models import Notice
from plant_app.models import Constraint, Operation, ResequenceRequest, StockRow, WorkUnitState
from routing_app.services import load_default_rules
from tests.plant_fixtures import KolbeMini, build_kolbe_mini

pytestmark = pytest.mark.django_db(transaction=True)
DAYS = 3


@pytest.fixture
def plant(transactional_db: None) -> KolbeMini:
    """Committed, since the sender of postings works between transactions."""
    plant = build_kolbe_mini()
    load_default_rules()
    decisions.load_default_playbooks()
    exceptions.load_default_sources()
    erp.ensure_demo_connections(tryton=None)
    return plant


def present() -> list[object]:
    """The plant's live state, as it must stay."""
    return [
        list(WorkUnitState.objects.order_by("pk").values()),
        list(Operation.objects.order_by("pk").values()),
        list(StockRow.objects.order_by("pk").values()),
        Constraint.objects.count(),
        ResequenceRequest.objects.count(),
    ]


def test_past_days_are_lived_through_and_leave_the_present_alone(plant: KolbeMini) -> None:
    before = present()
    told = fill(seed=7, days_back=DAYS)
    assert told.days == DAYS
    assert told.records >= 3
    records = ExceptionRecord.objects.all()
    # every record ran its whole life in the past
    assert set(records.values_list("status", flat=True)) == {"closed"}
    for record in records:
        assert record.captured_at <= record.closed_at < clock.now()
        assert record.first_aligned_at is not None
        assert record.decisions.count() >= 1
        kinds = list(record.events.values_list("kind", flat=True))
        assert kinds[0] == "opened"
        assert kinds.count("closed") == 1
    # its postings went to the ledger (or stayed here), each once, none to anything alive
    assert not Posting.objects.filter(settled_at=None).exists()
    assert set(Posting.objects.exclude(connection=None).values_list("connection__is_ledger", flat=True)) <= {
        True
    }
    # nothing is due to anybody now, and nobody was mailed
    assert not Telling.objects.filter(taken_at=None).exists()
    assert not Response.objects.filter(next_level_at__isnull=False).exists()
    assert not Task.objects.filter(status="open").exists()
    assert set(Notice.objects.values_list("channel", flat=True)) == {"in_app"}
    assert present() == before
    # the metrics have something to say
    start = clock.now() - timedelta(days=DAYS + 2)
    figures = figures_between(start, clock.now(), [plant.rhf, plant.gvl])
    assert figures.resolution.count == told.records
    assert figures.unaligned == []
    assert Heartbeat.objects.get(name="history").detail["done"] is True


def test_a_second_run_adds_nothing(plant: KolbeMini) -> None:
    first = fill(seed=7, days_back=1)
    count = ExceptionRecord.objects.count()
    again = fill(seed=7, days_back=1)
    assert again.records == 0
    assert ExceptionRecord.objects.count() == count == first.records
