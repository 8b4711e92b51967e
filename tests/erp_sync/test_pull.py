"""Reading master data: as far as the watermark, page by page, resumable; then holding documents against the outbox."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from core.errors import InvalidInput
from erp_sync.adapters.port import ErpDocument, Page, Record
from erp_sync.errors import ErpUnavailable
from erp_sync.models import ErpConnection, Watermark
from erp_sync.services import cancel, mark_local, pull_due, pull_master_data, reconcile, send_due
from erp_sync.services.pulling import PULL_AGAIN_AFTER_ERROR, PULL_EVERY
from plant_app.models import Customer
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


def customer(code: str, name: str) -> Record:
    return Record("customers", code, f"erp-{code}", {"name": name, "tier": "A"})


def mark(entity: str = "customers") -> Watermark:
    return Watermark.objects.get(entity=entity)


def test_rows_and_watermark_move_together_and_the_next_read_goes_on_there(now, erp: Books, main) -> None:
    erp.pages["customers"] = [
        Page((customer("ALS", "Alstrand"),), "1"),
        Page((customer("NOR", "Norrland"),), "2"),
    ]

    assert pull_due() == 8
    assert list(Customer.objects.order_by("code").values_list("code", "name")) == [
        ("ALS", "Alstrand"), ("NOR", "Norrland"),
    ]  # fmt: skip
    assert (mark().value, mark().rows, mark().at, mark().error) == ("2", 2, NOON, "")

    assert pull_due() == 0  # not due again yet
    erp.pages["customers"].append(Page((customer("ALS", "Alstrand Rail"),), "3"))
    now.shift(PULL_EVERY)
    assert pull_due() == 8
    assert erp.pull_calls[-1 * 8 + 2] == ("customers", "2")
    assert Customer.objects.get(code="ALS").name == "Alstrand Rail"
    assert mark().value == "3"


def test_broken_read_keeps_what_came_and_resumes_after_it(now, erp: Books, main: ErpConnection) -> None:
    erp.pages["customers"] = [Page((customer("ALS", "Alstrand"),), "1"), ErpUnavailable("reset by peer")]

    assert pull_due() == 7
    assert Customer.objects.count() == 1
    assert (mark().value, mark().error, mark().at) == ("1", "reset by peer", None)
    assert mark().next_at == NOON + PULL_AGAIN_AFTER_ERROR

    erp.pages["customers"][1] = Page((customer("NOR", "Norrland"),), "2")
    now.shift(PULL_AGAIN_AFTER_ERROR)
    pull_due()
    assert Customer.objects.count() == 2
    assert ("customers", "1") in erp.pull_calls
    assert (mark().value, mark().error) == ("2", "")


def test_page_that_can_not_be_written_leaves_rows_and_watermark_alone(now, erp: Books, main) -> None:
    erp.pages["customers"] = [Page((customer("ALS", "Alstrand"),), "1" * 201)]

    pull_due()

    assert Customer.objects.count() == 0
    assert mark().value == ""
    assert mark().error != ""
    assert mark("items").error == ""


def test_rows_that_speak_of_something_missing_are_named_and_read_again_once_it_came(
    now, erp: Books, main
) -> None:
    line = Record("stock", "IT-9|A|", "1", {"item": "IT-9", "location": "A", "lot": "", "quantity": "4"})
    erp.pages["stock"] = [Page((line,), "1")]
    pull_due()
    assert len(mark("stock").missing) == 1
    assert mark("stock").missing == [
        {
            "what": "item",
            "code": "IT-9",
            "field": "item",
            "said": "no item 'IT-9'",
            "times": 1,
            "rows": ["IT-9|A|"],
        }
    ]

    erp.pages["items"] = [Page((Record("items", "IT-9", "9", {"name": "Nine", "uom": "pcs"}),), "1")]
    now.shift(PULL_EVERY)
    pull_due()
    assert len(mark("stock").missing) == 1
    now.shift(timedelta(seconds=1))
    pull_due()
    assert erp.pull_calls[-1] == ("stock", "")


def test_silent_ledger_and_disabled_connections_are_not_read(now, erp: Books, main: ErpConnection) -> None:
    ErpConnection.objects.create(code="books", name="Books", kind=scripted.KIND, is_ledger=True)
    main.open_until = NOON + timedelta(minutes=1)
    main.save()
    assert pull_due() == 0
    main.open_until, main.enabled = None, False
    main.save()
    assert pull_due() == 0
    assert erp.pull_calls == []


def test_entities_on_demand_in_an_order_references_need(now, erp: Books, main: ErpConnection) -> None:
    done = pull_master_data(connection=main, entities=["stock", "items"])
    assert [one.entity for one in done] == ["items", "stock"]
    assert [entity for entity, _mark in erp.pull_calls] == ["items", "stock"]
    with pytest.raises(InvalidInput) as caught:
        pull_master_data(connection=main, entities=["invoices"])
    assert caught.value.code == "erp.unknown_entity"


def test_reconciliation_finds_what_is_missing_unknown_differing_and_doubled(
    now, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    good, missing, differs, doubled, dropped = (queue() for _ in range(5))
    cancel(posting_id=dropped.pk, reason="keyed twice")
    by_hand = queue()
    mark_local(posting_id=by_hand.pk, reason="keyed by the clerk")
    send_due()
    del erp.documents[erp.keys().index(missing.business_key)]
    erp.documents = [row for row in erp.documents if row[0] != differs.business_key]

    def document(key: str, number: str, **more: object) -> ErpDocument:
        return ErpDocument(key, number, "scripted.document", "done", True, **more)  # type: ignore[arg-type]

    erp.foreign = [
        document(differs.business_key, "D-3", quantity=Decimal("50")),
        document(doubled.business_key, "D-4b"),
        document(dropped.business_key, "D-5"),
        document("AAAAAAAAAAAAAAAA", "D-6"),
        document("BBBBBBBBBBBBBBBB", "D-7", written_at=NOON + timedelta(minutes=29)),
    ]
    now.shift(timedelta(minutes=30))

    run = reconcile(connection=main)

    assert (run.postings, run.error) == (4, "")
    assert run.finished_at == NOON + timedelta(minutes=30)
    found = {(finding.kind, finding.business_key) for finding in run.findings.all()}
    assert found == {
        ("missing_there", missing.business_key),
        ("differing", differs.business_key),
        ("doubled", doubled.business_key),
        ("unknown_here", dropped.business_key),
        ("unknown_here", "AAAAAAAAAAAAAAAA"),
    }
    differing = run.findings.get(kind="differing")
    assert (differing.ours, differing.theirs) == ("5", "50")
    assert good.business_key not in {key for _kind, key in found}


def test_reconciliation_compares_the_amount_of_a_cost_as_far_as_erp_says_it(
    now, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    payload = {"amount": "12.345", "currency": "EUR", "cost_class": "scrap", "basis": "real"}
    rounded, differs, unsaid = (queue(kind="cost", payload=payload) for _ in range(3))
    send_due()
    erp.documents.clear()
    amounts = {rounded: Decimal("12.35"), differs: Decimal("123.45"), unsaid: None}
    erp.foreign = [
        ErpDocument(posting.business_key, f"E-{posting.pk}", "entry", "posted", True, amount=amount)
        for posting, amount in amounts.items()
    ]
    now.shift(timedelta(minutes=30))
    run = reconcile(connection=main)
    assert (run.postings, run.error) == (3, "")
    (found,) = run.findings.all()
    assert (found.kind, found.posting, found.ours, found.theirs) == ("differing", differs, "12.345", "123.45")


def test_reconciliation_of_a_silent_erp_says_so_and_accuses_nobody(
    now, erp: Books, main, queue: Queue
) -> None:
    queue()
    send_due()
    erp.documents.clear()
    erp.up = False
    now.shift(timedelta(minutes=30))
    run = reconcile(connection=main)
    assert run.error == "connection refused"
    assert not run.findings.exists()


def test_a_quantity_erp_keeps_in_another_unit_is_no_difference(
    now, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    make.ItemFactory(code="SP-12", uom="pcs")
    make.ItemFactory(uom="dz")
    move = {"item": "SP-12", "from_location": "A", "to_location": "B"}
    dozens = queue(payload=move | {"quantity": "2", "uom": "dz"})
    pieces = queue(payload=move | {"quantity": "2", "uom": "pcs"})
    send_due()
    erp.documents.clear()
    erp.foreign = [
        ErpDocument(one.business_key, f"D-{one.pk}", "scripted.document", "done", True, quantity=Decimal(24))
        for one in (dozens, pieces)
    ]
    now.shift(timedelta(minutes=30))
    run = reconcile(connection=main)
    assert [(one.kind, one.posting) for one in run.findings.all()] == [("differing", pieces)]
