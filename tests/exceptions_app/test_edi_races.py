"""One interchange many times at once, many at once from one partner: one storing, no gap in our numbers."""

from collections.abc import Iterator

import pytest

from core import clock
from exceptions_app import services
from exceptions_app.models import EdiDocument, ExceptionRecord, Signal, Source
from routing_app.services import load_default_rules
from tests.exceptions_app.conftest import MORNING
from tests.exceptions_app.edi_samples import change_860
from tests.exceptions_app.test_races import at_once
from tests.plant_fixtures import build_kolbe_mini

pytestmark = pytest.mark.django_db(transaction=True)

LINE = "POC*10*QI*180**EA*92**VN*SP-12"


@pytest.fixture
def source(transactional_db: None) -> Iterator[Source]:
    with clock.travel(MORNING):
        plant = build_kolbe_mini()
        load_default_rules()
        yield Source.objects.create(
            code="edi-rhf", name="EDI", channel="edi", adapter="edi", site=plant.rhf,
            config={"partners": [{"id": "MERINO", "customer": "MER", "our_id": "KOLBE"}]},
        )  # fmt: skip


def test_eight_deliveries_at_once_are_one_interchange_and_one_record(source: Source) -> None:
    body = change_860(LINE).encode()
    found = at_once(lambda _: services.take_interchange(source=source, body=body, via="http"))
    assert len({one.acknowledgement.pk for one in found if one.acknowledgement}) == 1
    assert sorted(one.replayed for one in found) == [False] + [True] * 7
    assert (Signal.objects.filter(source=source).count(), EdiDocument.objects.count()) == (1, 1)
    at_once(lambda _: services.read_due_signals())
    assert ExceptionRecord.objects.count() == 1


def test_numbers_have_no_gaps_when_many_write_at_once(source: Source) -> None:
    at_once(
        lambda number: services.take_interchange(
            source=source, body=change_860(LINE, control=number + 1).encode(), via="http"
        )
    )
    assert sorted(EdiDocument.objects.values_list("control", flat=True)) == list(range(1, 9))
