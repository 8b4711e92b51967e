"""Two people sort the same message at the same moment: real transactions, real threads."""

from collections.abc import Iterator

import pytest

from core import clock
from core.errors import DomainError
from exceptions_app import services
from exceptions_app.models import LearnedAlias, Review
from routing_app.services import load_default_rules
from tests.exceptions_app.conftest import MORNING
from tests.exceptions_app.test_races import at_once
from tests.plant_fixtures import KolbeMini, build_kolbe_mini

pytestmark = pytest.mark.django_db(transaction=True)
LEAK = "the old lady is leaking oil all over again"


@pytest.fixture
def committed(transactional_db: None) -> Iterator[KolbeMini]:
    """The small plant, committed, so that every thread sees it."""
    with clock.travel(MORNING):
        built = build_kolbe_mini()
        load_default_rules()
        services.load_default_sources()
        yield built


def test_of_two_people_who_accept_the_same_item_one_does(committed: KolbeMini) -> None:
    source = services.source_of(kind="api", site=committed.rhf)
    got = services.receive_signal(source=source, external_id="both", text=LEAK)
    exception = services.read_signal(signal_id=got.signal.pk).exception
    assert exception is not None
    people = [committed.people["katrin.weber"], committed.people["ingrid.vogel"]]
    units = ["PRS-03", "PRS-04"]

    def accept(number: int) -> str:
        try:
            services.correct(
                exception_id=exception.pk, actor=people[number], via="triage", expected_version=exception.version,
                fields={"type": "machine_downtime", "work_unit": units[number]},
                words={"work_unit": "old lady"},
            )  # fmt: skip
        except DomainError as error:
            return f"{type(error).__name__} {error.code}"
        return "done"

    outcomes = at_once(accept, threads=2)

    assert sorted(outcomes) == ["StaleVersion exceptions.stale", "done"]
    winner = outcomes.index("done")
    exception.refresh_from_db()
    assert exception.work_unit is not None
    assert exception.work_unit.code == units[winner]
    assert Review.objects.get().by == people[winner]
    assert LearnedAlias.objects.get().code == units[winner]
