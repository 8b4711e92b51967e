"""Reading master data that is odd: rows that do not fit, words nobody can store, reads that end at the wrong moment."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction

from erp_sync.adapters.port import Page, Record
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.gaps import gaps_of
from erp_sync.models import ErpConnection, PullRun, Watermark
from erp_sync.services import ask_pull, pull_due, pull_master_data, store_secret, work_pull_runs
from erp_sync.services.pulling import PULL_AGAIN_AFTER_ERROR, PULL_EVERY
from execlayer.launcher.store import sealing_key
from plant_app.models import Customer, Item, SalesOrderLine, StockRow, WorkOrder, WorkOrderStatus
from tests import factories as make
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
DAY = "2026-12-01"


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


def item(code: str, identity: str, **data: Any) -> Record:
    return Record("items", code, identity, {"name": code, "uom": "pcs"} | data)


def customer(code: str, **data: Any) -> Record:
    return Record("customers", code, f"erp-{code}", {"name": code.title()} | data)


def order(number: str, code: str, **data: Any) -> Record:
    given = {"item": code, "quantity": "10", "planned_end": DAY, "site": "RHF", "status": "released"}
    return Record("work_orders", number, f"erp-{number}", given | data)


def held(code: str, quantity: str = "4", **data: Any) -> Record:
    given = {"item": code, "location": "A", "lot": "", "quantity": quantity}
    return Record("stock", f"{code}|A|", f"erp-{code}", given | data)


def mark(entity: str) -> Watermark:
    return Watermark.objects.get(entity=entity)


# --- words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [ErpUnavailable, lambda words: ErpRejected("scripted.no", words)])
def test_trouble_in_words_nobody_can_store_is_kept_and_the_rest_is_read(
    now: Any, erp: Books, main: ErpConnection, trouble: Any
) -> None:
    erp.pages["items"] = [trouble("half\x00way \ud800")]
    erp.pages["customers"] = [Page((customer("ALS"),), "1")]

    assert pull_due() == 7

    assert mark("items").error == "half\N{REPLACEMENT CHARACTER}way ?"
    assert (mark("items").began_at, mark("items").next_at) == (None, NOON + PULL_AGAIN_AFTER_ERROR)
    assert Customer.objects.count() == 1


def test_trouble_that_quotes_the_login_is_kept_without_it(
    now: Any, erp: Books, main: ErpConnection, settings: Any, tmp_path: Any
) -> None:
    settings.ERP_KEY_FILE = tmp_path / "secret.keys"
    sealing_key(settings.ERP_KEY_FILE)
    store_secret(connection=main, secret="first-Horse-7", actor=None)
    erp.pages["items"] = [ErpUnavailable("GET /items?key=first-Horse-7 timed out")]
    erp.up = False

    pull_due()
    main.refresh_from_db()
    ask_pull(connection=main, actor=None, entities=["items"], dry=True)
    work_pull_runs()

    run = PullRun.objects.get()
    assert mark("items").error == main.last_error == "GET /items?key=(hidden) timed out"
    assert "first-Horse-7" not in f"{run.error} {run.result}"


# --- gaps --------------------------------------------------------------------------------------------------


def test_a_read_that_breaks_keeps_the_gaps_of_the_pages_that_came(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    make.StockLocationFactory(code="A")
    erp.pages["stock"] = [Page((held("IT-9"),), "1"), ErpUnavailable("reset by peer")]
    pull_due()
    assert [str(gap) for gap in gaps_of(mark("stock").missing).values()] == [
        "no item 'IT-9' (item of IT-9|A|)"
    ]

    # ... so that the row is read again once what it speaks of has come
    erp.pages["stock"].pop()
    erp.pages["items"] = [Page((item("IT-9", "9"),), "1")]
    now.shift(PULL_AGAIN_AFTER_ERROR)
    pull_due()
    now.shift(PULL_EVERY)
    pull_due()
    assert StockRow.objects.get().item.code == "IT-9"
    assert mark("stock").missing == []


def test_a_read_the_workers_time_ends_still_has_read_again_what_spoke_of_its_rows(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    make.StockLocationFactory(code="A")
    erp.pages["stock"] = [Page((held("IT-9"),), "1")]
    pull_due()
    assert len(mark("stock").missing) == 1

    erp.pages["items"] = [Page((item("IT-9", "9"),), "1")]
    erp.pages["customers"] = [SoftTimeLimitExceeded()]
    now.shift(PULL_EVERY)
    with pytest.raises(SoftTimeLimitExceeded):
        pull_due()
    erp.pages["customers"] = []
    now.shift(PULL_EVERY)
    pull_due()

    assert StockRow.objects.get().item.code == "IT-9"


def test_what_somebody_adds_because_a_gap_names_it_has_its_rows_read_again(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    make.ItemFactory(code="SP-12")
    make.ItemFactory(code="SP-13", erp_id="erp-SP-12")
    taken = item("SP-12", "erp-SP-12")  # a code that is taken comes never
    Item.objects.filter(code="SP-12").update(erp_id="other")
    erp.pages["items"] = [Page((taken,), "1")]
    erp.pages["stock"] = [Page((held("SP-12"),), "1")]
    pull_due()
    assert [gap["said"] for gap in mark("stock").missing] == ["no stock location 'A'"]

    make.StockLocationFactory(code="A")
    erp.pull_calls.clear()
    now.shift(PULL_EVERY)
    pull_due()

    assert [call for call in erp.pull_calls if call[0] in ("items", "stock")] == [
        ("items", "1"),
        ("stock", ""),
    ]
    assert (StockRow.objects.get().quantity, mark("stock").missing) == (Decimal(4), [])


def test_the_same_gap_read_again_is_not_counted_again(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    make.ItemFactory(code="SP-12")
    rows = tuple(
        Record("stock", f"SP-12|B-9|{number}", f"erp-{number}", held("SP-12", location="B-9").data)
        for number in range(30)
    )
    for turn in range(3):
        erp.pages["stock"] = [Page(rows, f"{turn + 1}")]
        pull_master_data(connection=main, entities=["stock"])
        assert [gap["times"] for gap in mark("stock").missing] == [30]


# --- rows that do not fit ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "field", "said"),
    [
        (item("X" * 41, "1"), "code", "code is longer than 40 characters"),
        (item("SP-12", "1", uom="a dozen pieces"), "uom", "uom is longer than 10 characters"),
        (item("SP-12", "i" * 61), "external_id", "external_id is longer than 60 characters"),
        (item("SP-12", "1", standard_cost="12,50"), "standard_cost", "standard_cost '12,50' is no number"),
        (item("SP-12", "1", standard_cost="NaN"), "standard_cost", "standard_cost 'NaN' is no number"),
        (
            item("SP-12", "1", standard_cost="1" * 12),
            "standard_cost",
            "standard_cost 111111111111 is too large",
        ),
        (order("WO-1", "SP-12", planned_end="soon"), "planned_end", "planned_end 'soon' is no date"),
        (
            order("WO-1", "SP-12", operations=[{"number": "ten", "work_centre": "SAW"}]),
            "operations.number",
            "operations.number 'ten' is no number",
        ),
        (
            order("WO-1", "SP-12", operations=[{"number": 10}]),
            "operations.work_centre",
            "no work centre ''",
        ),
        (
            order(
                "WO-1",
                "SP-12",
                operations=[
                    {"number": 10, "work_centre": "SAW", "name": "n" * 99},
                    {"number": 70_000, "work_centre": "SAW"},
                ],
            ),
            "number",
            "number 70000 is not between 0 and 32767",
        ),
        (
            order("WO-1", "SP-12", quantity="0.0001"),
            "",
            "it breaks a rule of the plant: work_order_quantity_positive",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_named_and_keeps_no_other(
    now: Any, erp: Books, main: ErpConnection, bad: Record, field: str, said: str
) -> None:
    make.ItemFactory(code="SP-12", erp_id="1")
    make.WorkCentreFactory(code="SAW")
    good = order("WO-2", "SP-12") if bad.entity == "work_orders" else item("SP-13", "13")
    erp.pages[bad.entity] = [Page((bad, good), "1")]

    pull_due()

    assert (mark(bad.entity).error, mark(bad.entity).value) == ("", "1")
    (gap,) = mark(bad.entity).missing
    assert (gap["field"], gap["said"], gap["rows"]) == (field, said, [bad.code])
    model = WorkOrder if bad.entity == "work_orders" else Item
    assert [str(row.erp_id) for row in model.objects.exclude(erp_id="1")] == [good.external_id]


def test_a_name_too_long_is_cut(now: Any, erp: Books, main: ErpConnection) -> None:
    erp.pages["customers"] = [Page((customer("ALS", name="n" * 500),), "1")]
    pull_due()
    assert Customer.objects.get().name == "n" * 120
    assert mark("customers").error == ""


def test_a_value_finer_than_its_column_is_no_change_each_time(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    make.StockLocationFactory(code="A")
    fine = item("SP-12", "1", standard_cost="1.23456")
    erp.pages["items"] = [Page((fine,), "1")]
    erp.pages["stock"] = [Page((held("SP-12", "0.33333333"),), "1")]
    pull_master_data(connection=main, entities=["items", "stock"])
    assert Item.objects.get().standard_cost == Decimal("1.2346")
    assert StockRow.objects.get().quantity == Decimal("0.333")

    again = pull_master_data(connection=main, entities=["items", "stock"], from_start=True)

    assert [(one.rows, one.changed) for one in again] == [(1, 0), (1, 0)]


# --- gone and back -----------------------------------------------------------------------------------------


def test_an_order_that_was_gone_and_is_there_again_goes_on(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    make.ItemFactory(code="SP-12")
    there = order("WO-1", "SP-12")
    gone = Record("work_orders", "WO-1", "erp-WO-1", {}, deleted=True)
    erp.pages["work_orders"] = [Page((there,), "1")]
    pull_master_data(connection=main, entities=["work_orders"])
    erp.pages["work_orders"].append(Page((gone,), "2"))
    pull_master_data(connection=main, entities=["work_orders"])
    assert WorkOrder.objects.get().status == WorkOrderStatus.CANCELLED

    erp.pages["work_orders"].append(Page((there,), "3"))
    pull_master_data(connection=main, entities=["work_orders"])

    assert WorkOrder.objects.get().status == WorkOrderStatus.RELEASED


def test_a_sales_line_that_was_gone_and_is_there_again_is_to_be_delivered(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    make.ItemFactory(code="SP-12")
    make.CustomerFactory(code="ALS")
    data = {"customer": "ALS", "item": "SP-12", "quantity": "10", "requested_date": DAY, "site": "RHF"}
    there = Record("sales_lines", "4001/1", "7", data)
    for watermark, record in (("1", there), ("2", replace(there, deleted=True))):
        erp.pages.setdefault("sales_lines", []).append(Page((record,), watermark))
        pull_master_data(connection=main, entities=["sales_lines"])
    assert SalesOrderLine.objects.get().cancelled

    erp.pages["sales_lines"].append(Page((there,), "3"))
    pull_master_data(connection=main, entities=["sales_lines"])

    assert not SalesOrderLine.objects.get().cancelled


# --- dry runs ----------------------------------------------------------------------------------------------


def test_a_dry_run_keeps_what_it_had_seen_when_its_time_is_up(
    now: Any, erp: Books, main: ErpConnection
) -> None:
    erp.pages["items"] = [Page((item("SP-12", "1"),), "1")]
    erp.pages["customers"] = [SoftTimeLimitExceeded()]
    run = ask_pull(connection=main, actor=None, entities=["items", "customers"], dry=True)
    with pytest.raises(SoftTimeLimitExceeded):
        work_pull_runs()
    run.refresh_from_db()
    assert run.error == "the time for one read was over before its end"
    assert {entity: row["created"] for entity, row in run.result.items()} == {"items": 1}


def test_a_connector_that_breaks_on_one_kind_of_row_still_shows_the_others(
    now: Any, erp: Books, main: ErpConnection
) -> None:
    erp.pages["items"] = [KeyError("name")]
    erp.pages["customers"] = [Page((customer("ALS"),), "1")]
    run = ask_pull(connection=main, actor=None, entities=["items", "customers"], dry=True)
    work_pull_runs()
    run.refresh_from_db()
    assert run.error == "items: KeyError: 'name'"
    assert [(row["created"], row["error"]) for row in run.result.values()] == [
        (0, "KeyError: 'name'"),
        (1, ""),
    ]


# --- renames -----------------------------------------------------------------------------------------------


def test_a_code_given_to_a_new_item_leaves_its_history_with_the_old_one(
    now: Any, erp: Books, main: ErpConnection
) -> None:
    """Given an item renamed to make room for its successor, and read after that since it was written once more."""
    erp.pages["items"] = [Page((item("SP-12", "5"),), "1")]
    pull_master_data(connection=main, entities=["items"])
    old = Item.objects.get()
    lot = make.LotFactory(item=old)

    erp.pages["items"].append(Page((item("SP-12", "9"), item("SP-12-OLD", "5", name="Old")), "2"))
    (done,) = pull_master_data(connection=main, entities=["items"])

    assert (done.renamed, done.created, done.error, done.gaps) == (1, 2, "", {})
    lot.refresh_from_db()
    assert (lot.item.code, lot.item.erp_id) == ("SP-12-OLD", "5")
    assert Item.objects.get(code="SP-12").erp_id == "9"


# --- others at the same rows -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_page_that_gave_way_in_a_deadlock_is_written_at_once(erp: Books, main: ErpConnection) -> None:
    """Given somebody who holds the second row of a page and waits for the first, which the reader holds."""
    first, second = make.CustomerFactory(code="C1", name="Old"), make.CustomerFactory(code="C2", name="Old")
    erp.pages["customers"] = [Page((customer("C1", name="New"), customer("C2", name="New")), "1")]
    holds, tried = threading.Event(), threading.Event()

    def decide() -> None:
        with transaction.atomic():
            Customer.objects.select_for_update().get(pk=second.pk)
            holds.set()
            wait_until_somebody_waits()
            tried.set()
            Customer.objects.select_for_update().get(pk=first.pk)
        connection.close()

    other = threading.Thread(target=decide)
    other.start()
    assert holds.wait(30)
    (done,) = pull_master_data(connection=main, entities=["customers"])
    other.join(30)

    assert tried.is_set()
    assert (done.error, done.rows, mark("customers").value) == ("", 2, "1")
    assert set(Customer.objects.values_list("name", flat=True)) == {"New"}


def wait_until_somebody_waits() -> None:
    """Until a session of this database waits for a lock, and half a second more, so that its patience ends first."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with connection.cursor() as cursor:
        for _ in range(300):
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(asked)
            if cursor.fetchone()[0]:
                time.sleep(0.5)
                return
            time.sleep(0.05)
