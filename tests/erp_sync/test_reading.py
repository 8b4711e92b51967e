"""Reading master data beyond new rows: renames, deletions, sweeps, gaps, progress, dry runs, runs asked for."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.apps import apps
from django.db import transaction

from core.doctor import examine
from core.errors import InvalidInput
from erp_sync.adapters import port
from erp_sync.adapters.port import Page, Record
from erp_sync.errors import ErpUnavailable
from erp_sync.models import ConnectionSite, ErpConnection, PullRun, Watermark
from erp_sync.services import ask_pull, pull_due, pull_master_data, send_due, sweep, work_pull_runs
from erp_sync.services import pulling as pulling_module
from erp_sync.services.knowing import unknown_codes
from erp_sync.services.pulling import PULL_AGAIN_AFTER_ERROR, PULL_EVERY, PULL_LEASE
from erp_sync.services.reader import RUN_LEASE
from erp_sync.services.sweeping import SWEEP_AGAIN, SWEEP_EVERY, sweep_state
from plant_app.mirrored import gone_since, is_gone
from plant_app.models import (
    Customer,
    Item,
    MasterChange,
    PurchaseOrderLine,
    SalesOrder,
    SalesOrderLine,
    Site,
    StockLayer,
    StockRow,
    WorkOrder,
)
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
DAY = "2026-12-01"
LISTS = "scripted_lists"
listings: dict[str, list[str] | Exception] = {}


class ListingAdapter(scripted.ScriptedAdapter):
    """The scripted ERP, which also says what it still has."""

    kind = LISTS

    def identities(self, entity: str) -> Iterator[str]:
        said = listings.get(entity, [])
        if isinstance(said, Exception):
            yield "erp-0"
            raise said
        yield from said


port.register(LISTS)(lambda settings: ListingAdapter(scripted.books_of(str(settings["code"]))))


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


@pytest.fixture
def lists(main: ErpConnection) -> Iterator[dict[str, list[str] | Exception]]:
    """`main` can list what it has; this is what it says."""
    ErpConnection.objects.filter(pk=main.pk).update(kind=LISTS)
    listings.clear()
    yield listings
    listings.clear()


def item(code: str, identity: str, **data: Any) -> Record:
    deleted = data.pop("deleted", False)
    return Record("items", code, identity, {"name": code, "uom": "pcs"} | data, deleted=deleted)


def customer(code: str, identity: str) -> Record:
    return Record("customers", code, identity, {"name": code.title()})


def sales_line(code: str, identity: str, **more: Any) -> Record:
    data = {"customer": "ALS", "item": "SP-12", "quantity": "10", "requested_date": DAY, "site": "RHF"}
    deleted = more.pop("deleted", False)
    return Record("sales_lines", code, identity, data | more, deleted=deleted)


def mark(entity: str) -> Watermark:
    return Watermark.objects.get(entity=entity)


def read(erp: Books, main: ErpConnection, entity: str, *records: Record) -> Any:
    """One more page of an entity, read now."""
    pages = erp.pages.setdefault(entity, [])
    pages.append(Page(tuple(records), f"{len(pages) + 1:03}"))
    (done,) = pull_master_data(connection=main, entities=[entity])
    assert done.error == ""
    return done


def everything() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table a read could touch."""
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for label in ("plant_app", "erp_sync")
        for model in apps.get_app_config(label).get_models()
        if model is not PullRun
    }


# --- renames -----------------------------------------------------------------------------------------------


def test_an_item_renamed_in_erp_keeps_its_row_and_history(now: Any, erp: Books, main: ErpConnection) -> None:
    read(erp, main, "items", item("SP-12", "7"))
    known = Item.objects.get(code="SP-12")
    lot = make.LotFactory(item=known)
    noted = MasterChange.objects.count()

    done = read(erp, main, "items", item("SP-12A", "7", name="Spindle"))

    assert (done.renamed, done.changed, Item.objects.count()) == (1, 1, 1)
    known.refresh_from_db()
    assert (known.code, known.name, known.erp_id) == ("SP-12A", "Spindle", "7")
    assert list(known.lots.all()) == [lot]
    assert MasterChange.objects.count() > noted


def test_words_no_text_can_hold_come_in_as_far_as_they_can(now: Any, erp: Books, main: ErpConnection) -> None:
    done = read(erp, main, "items", item("SP-12", "7", name="Spin\x00dle \ud800"), item("SP-13", "8"))

    assert (done.created, done.error) == (2, "")
    assert Item.objects.get(code="SP-12").name == "Spin\N{REPLACEMENT CHARACTER}dle ?"


def test_a_rename_to_a_taken_code_is_a_gap_and_changes_nothing(
    now: Any, erp: Books, main: ErpConnection
) -> None:
    read(erp, main, "items", item("SP-12", "7"), item("SP-13", "8"))

    done = read(erp, main, "items", item("SP-13", "7"))

    assert list(Item.objects.order_by("erp_id").values_list("code", "erp_id")) == [
        ("SP-12", "7"),
        ("SP-13", "8"),
    ]
    assert done.changed == 0
    (gap,) = mark("items").missing
    assert (gap["what"], gap["field"], gap["code"], gap["rows"]) == ("item", "code", "SP-13", ["SP-13"])
    assert "SP-12" in gap["said"]


def test_renames_in_a_row_are_all_followed(now: Any, erp: Books, main: ErpConnection) -> None:
    read(erp, main, "items", item("A", "7"), item("B", "8"))
    done = read(erp, main, "items", item("B", "7"), item("C", "8"))
    assert (done.renamed, done.unknown) == (2, [])
    assert dict(Item.objects.values_list("erp_id", "code")) == {"7": "B", "8": "C"}


def test_beside_another_erp_an_identity_alone_renames_no_item(
    now: Any, erp: Books, main: ErpConnection
) -> None:
    read(erp, main, "items", item("SP-12", "7"))
    ErpConnection.objects.create(code="other", name="Other", kind=scripted.KIND)
    read(erp, main, "items", item("QQ-1", "7"))
    assert set(Item.objects.values_list("code", flat=True)) == {"SP-12", "QQ-1"}


def test_a_sales_order_renamed_keeps_its_lines_and_a_line_moved_keeps_itself(
    now: Any, erp: Books, main: ErpConnection
) -> None:
    read(erp, main, "items", item("SP-12", "7"))
    read(erp, main, "customers", customer("ALS", "1"))
    read(erp, main, "sales_lines", sales_line("4001/10", "51"), sales_line("4001/20", "52"))
    order, lines = SalesOrder.objects.get(), dict(SalesOrderLine.objects.values_list("erp_id", "pk"))

    read(erp, main, "sales_lines", sales_line("4002/10", "51"), sales_line("4002/20", "52"))
    assert SalesOrder.objects.get().pk == order.pk
    assert SalesOrder.objects.get().number == "4002"

    read(erp, main, "sales_lines", sales_line("4002/10", "51"), sales_line("4003/10", "52"))
    assert {(row.erp_id, row.pk, str(row)) for row in SalesOrderLine.objects.all()} == {
        ("51", lines["51"], "4002/10"), ("52", lines["52"], "4003/10"),
    }  # fmt: skip


# --- deletions ---------------------------------------------------------------------------------------------


def test_what_erp_deleted_ends_or_is_marked_but_no_row_goes(
    now: Any, erp: Books, main: ErpConnection, site: Site
) -> None:
    make.StockLocationFactory(site=site, code="A")
    read(erp, main, "items", item("SP-12", "7"))
    read(erp, main, "customers", customer("ALS", "1"))
    read(erp, main, "suppliers", Record("suppliers", "STAHL", "2", {"name": "Stahl"}))
    read(erp, main, "sales_lines", sales_line("4001/10", "51"))
    purchase = {
        "supplier": "STAHL",
        "item": "SP-12",
        "quantity": "50",
        "received": "20",
        "promised_date": DAY,
        "site": "RHF",
    }
    read(erp, main, "purchase_lines", Record("purchase_lines", "45/1", "61", purchase))
    order = {"item": "SP-12", "quantity": "5", "planned_date": DAY, "site": "RHF"}
    read(erp, main, "work_orders", Record("work_orders", "WO-1", "71", order))
    held = Record("stock", "SP-12|A|", "7|1|", {"item": "SP-12", "location": "A", "quantity": "4"})
    read(erp, main, "stock", held)

    done = [
        read(erp, main, "items", item("SP-12", "7", deleted=True)),
        read(erp, main, "sales_lines", sales_line("4001/10", "51", deleted=True)),
        read(erp, main, "purchase_lines", Record("purchase_lines", "45/1", "61", {}, deleted=True)),
        read(erp, main, "work_orders", Record("work_orders", "WO-1", "71", {}, deleted=True)),
    ]
    read(erp, main, "stock", Record("stock", held.code, held.external_id, held.data, deleted=True))

    assert [one.deleted for one in done] == [1, 1, 1, 1]
    known = Item.objects.get(code="SP-12")
    assert is_gone(known.erp_version)
    assert gone_since(known.erp_version) == NOON
    assert SalesOrderLine.objects.get().cancelled is True
    assert PurchaseOrderLine.objects.get().quantity == 20
    assert WorkOrder.objects.get().status == "cancelled"
    assert StockRow.objects.get(layer=StockLayer.ERP).quantity == 0
    (doubt,) = [
        one
        for one in unknown_codes("movement.transfer", {"item": "SP-12"}, site=site, connection=main)
        if one.code == "gone"
    ]
    assert (doubt.field, doubt.warn) == ("item", True)
    assert "no SP-12 since 2026-11-03" in doubt.message
    again = read(erp, main, "items", item("SP-12", "7", deleted=True), item("never", "99", deleted=True))
    assert (again.deleted, again.unknown, Item.objects.count()) == (0, [], 1)
    back = read(erp, main, "items", item("SP-12", "7"))
    known.refresh_from_db()
    assert (back.error, is_gone(known.erp_version)) == ("", False)


def test_a_sweep_marks_what_the_listing_no_longer_has_once_a_day(
    now: Any, erp: Books, main: ErpConnection, lists: dict[str, Any]
) -> None:
    lists["customers"] = ["erp-A", "erp-B", "erp-C"]
    erp.pages["customers"] = [Page(tuple(customer(code, f"erp-{code}") for code in "ABC"), "1")]
    pull_due()
    assert (mark("customers").swept_at, mark("customers").gone) == (NOON, [])
    lists["customers"] = ["erp-A", "erp-C"]
    now.shift(SWEEP_EVERY - timedelta(seconds=1))
    pull_due()
    assert mark("customers").gone == []

    now.shift(PULL_EVERY)
    pull_due()

    assert mark("customers").gone == ["B"]
    assert {row.code: is_gone(row.erp_version) for row in Customer.objects.all()} == {
        "A": False,
        "B": True,
        "C": False,
    }
    now.shift(SWEEP_EVERY)
    pull_due()
    assert mark("customers").gone == []  # marked before, so not found again


@pytest.mark.parametrize("listed", [[], ["erp-0", "erp-1", "erp-2"]])
def test_a_listing_that_lost_too_much_is_not_believed_until_somebody_looked(
    now: Any, erp: Books, main: ErpConnection, lists: dict[str, Any], listed: list[str]
) -> None:
    lists["customers"] = [f"erp-{number}" for number in range(10)]
    erp.pages["customers"] = [
        Page(tuple(customer(f"C{number}", f"erp-{number}") for number in range(10)), "1")
    ]
    pull_due()
    lists["customers"] = listed
    now.shift(SWEEP_EVERY)
    pull_due()

    assert not Customer.objects.filter(erp_version__startswith="gone").exists()
    assert (sweep_state(mark("customers")).refused, sweep_state(mark("customers")).of) == (
        10 - len(listed),
        10,
    )
    assert [found.code for found in examine() if found.code == "XL-W024"] == ["XL-W024"]
    lists["customers"] = [f"erp-{number}" for number in range(9)]
    now.shift(SWEEP_AGAIN)
    pull_due()
    assert mark("customers").gone == ["C9"]

    lists["customers"] = listed
    now.shift(SWEEP_EVERY)
    pull_due()
    done = sweep(connection=ErpConnection.objects.get(), entity="customers", believe=True)
    assert done is not None
    assert len(done.codes) == 9 - len(listed)
    assert Customer.objects.count() == 10


def test_a_listing_that_breaks_off_marks_nothing(
    now: Any, erp: Books, main: ErpConnection, lists: dict[str, Any]
) -> None:
    erp.pages["customers"] = [Page((customer("A", "erp-A"), customer("B", "erp-0")), "1")]
    lists["customers"] = ErpUnavailable("reset by peer")
    pull_due()
    assert (mark("customers").error, mark("customers").swept_at) == ("reset by peer", None)
    assert not Customer.objects.filter(erp_version__startswith="gone").exists()
    lists["customers"] = ["erp-A"]
    now.shift(PULL_AGAIN_AFTER_ERROR)
    pull_due()
    assert (mark("customers").error, mark("customers").gone) == ("", ["B"])


def test_rows_ended_or_read_meanwhile_are_not_missed(
    now: Any, erp: Books, main: ErpConnection, lists: dict[str, Any], site: Site
) -> None:
    done = make.WorkOrderFactory(site=site, status="finished", erp_id="71")
    WorkOrder.objects.update(erp_synced_at=NOON - timedelta(days=3))
    lists["work_orders"] = []
    swept = sweep(connection=ErpConnection.objects.get(), entity="work_orders")
    assert swept is not None
    assert (swept.codes, swept.refused) == ((), 0)
    done.refresh_from_db()
    assert (done.status, is_gone(done.erp_version)) == ("finished", False)
    assert sweep(connection=ErpConnection.objects.get(), entity="stock") is None


# --- gaps, progress, one reader ----------------------------------------------------------------------------


def test_gaps_say_what_is_missing_where_and_how_often(now: Any, erp: Books, main: ErpConnection) -> None:
    read(erp, main, "customers", customer("ALS", "1"))
    rows = [sales_line(f"4001/{number}", str(number), item="NO-1") for number in range(30)]
    done = read(erp, main, "sales_lines", *rows, sales_line("4001/99", "99", customer="ZZ", item="NO-1"))

    assert len(done.unknown) == 31
    (gap,) = mark("sales_lines").missing[:1]
    assert (gap["what"], gap["code"], gap["field"], gap["times"]) == ("item", "NO-1", "item", 30)
    assert gap["rows"] == [f"4001/{number}" for number in range(20)]
    assert [(one["what"], one["code"], one["times"]) for one in mark("sales_lines").missing[1:]] == [
        ("customer", "ZZ", 1)
    ]
    (said,) = [found.summary for found in examine() if found.code == "XL-W022"]
    assert "31 rows of sales_lines" in said
    assert "no item 'NO-1' (item of 30 rows)" in said


def test_a_read_under_way_shows_how_far_it_is(now: Any, erp: Books, main: ErpConnection) -> None:
    seen: list[tuple[Any, ...]] = []

    class Watched(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            for number in range(2):
                yield Page((customer(f"C{number}", f"erp-{number}"),), str(number + 1), total=2)
                row = mark("customers")
                seen.append((row.began_at, row.rows_now, row.total_now))

    erp.pages["customers"] = Watched()
    pull_master_data(connection=main, entities=["customers"])
    assert seen == [(NOON, 1, 2), (NOON, 2, 2)]
    assert (mark("customers").began_at, mark("customers").rows) == (None, 2)


def test_while_one_reader_is_at_work_no_other_begins_but_a_dead_one_is_given_up(
    now: Any, erp: Books, main: ErpConnection
) -> None:
    pull_due()
    erp.pull_calls.clear()
    Watermark.objects.filter(entity="stock").update(began_at=NOON, next_at=NOON + PULL_LEASE)
    now.shift(PULL_EVERY)
    assert (pull_due(), erp.pull_calls) == (0, [])
    now.shift(PULL_LEASE - PULL_EVERY)
    assert pull_due() == 8


def test_a_long_read_makes_way_and_goes_on_in_its_next_turn(
    now: Any, erp: Books, main: ErpConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling_module, "TURN", -1.0)
    erp.pages["customers"] = [Page((customer(f"C{n}", f"erp-{n}"),), str(n)) for n in range(1, 4)]
    assert pull_due() == 7
    assert (mark("customers").value, mark("customers").at, mark("customers").next_at) == ("1", None, NOON)
    pull_due()
    pull_due()
    pull_due()
    assert (mark("customers").value, mark("customers").at, Customer.objects.count()) == ("3", NOON, 3)
    (whole,) = pull_master_data(connection=main, entities=["customers"], from_start=True)
    assert (whole.rows, whole.unfinished) == (3, False)


def test_when_the_workers_time_is_up_the_read_ends_where_it_stands_and_goes_on_there(
    now: Any, erp: Books, main: ErpConnection
) -> None:
    first = Page((customer("C1", "erp-1"),), "1")
    erp.pages["customers"] = [first, SoftTimeLimitExceeded()]
    erp.pages["suppliers"] = [SoftTimeLimitExceeded()]
    with pytest.raises(SoftTimeLimitExceeded):
        pull_due()
    # nothing else was begun, and what came is kept
    assert erp.pull_calls[-1] == ("customers", "")
    seen = mark("customers")
    assert (seen.value, seen.error, seen.at, seen.next_at, seen.began_at) == ("1", "", None, NOON, None)
    erp.pages["customers"] = [first, Page((customer("C2", "erp-2"),), "2")]
    # where nothing came, it is no endless loop: the next turn comes after a pause
    with pytest.raises(SoftTimeLimitExceeded):
        pull_due()
    assert (mark("customers").value, mark("customers").at, Customer.objects.count()) == ("2", NOON, 2)
    stuck = mark("suppliers")
    assert (stuck.error, stuck.next_at) == (
        "the time for one read was over before its first page",
        NOON + PULL_AGAIN_AFTER_ERROR,
    )


@pytest.mark.parametrize("dry", [True, False])
def test_a_read_asked_for_that_outlasts_its_worker_says_so_and_is_not_begun_again(
    now: Any, erp: Books, main: ErpConnection, dry: bool
) -> None:
    erp.pages["customers"] = [Page((customer("C1", "erp-1"),), "1"), SoftTimeLimitExceeded()]
    run = ask_pull(connection=main, actor=None, entities=["customers"], dry=dry)
    with pytest.raises(SoftTimeLimitExceeded):
        work_pull_runs()
    run.refresh_from_db()
    assert run.finished_at == NOON
    assert run.error.startswith("the time for one read was over before its end")
    assert Customer.objects.count() == (0 if dry else 1)
    assert work_pull_runs() == 0


def test_posting_goes_on_while_a_reader_is_in_the_middle_of_a_page(
    now: Any, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    posting = queue()

    class Slow(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            yield Page((customer("ALS", "1"),), "1")
            send_due()
            posting.refresh_from_db()
            assert posting.status == "confirmed"
            yield Page((customer("NOR", "2"),), "2")

    erp.pages["customers"] = Slow()
    (done,) = pull_master_data(connection=main, entities=["customers"])
    assert (done.rows, done.error) == (2, "")


# --- runs asked for, dry runs ------------------------------------------------------------------------------


def test_a_dry_run_shows_every_change_and_writes_nothing(now: Any, erp: Books, main: ErpConnection) -> None:
    read(erp, main, "items", item("SP-12", "7"), item("SP-13", "8"), item("SP-14", "9"))
    read(erp, main, "customers", customer("ALS", "1"))
    erp.pages["items"] = [
        Page((item("SP-12", "7", name="Spindle"), item("NEW-1", "20")), "101"),
        Page((item("SP-13B", "8"), item("SP-14", "9", deleted=True), item("NEW-1", "20")), "102"),
    ]
    erp.pages["sales_lines"] = [
        Page((sales_line("4001/10", "51", item="NEW-1"), sales_line("4001/20", "52", item="SP-13B")), "101"),
        Page((sales_line("4001/30", "53", item="NOWHERE"),), "102"),
    ]
    before = everything()

    run = ask_pull(connection=main, actor=None, entities=["items", "sales_lines"], dry=True, from_start=True)
    assert work_pull_runs() == 1

    run.refresh_from_db()
    assert everything() == before
    items, lines = run.result["items"], run.result["sales_lines"]
    assert {name: items[name] for name in ("rows", "created", "updated", "renamed", "deleted", "unchanged")} == {
        "rows": 5, "created": 1, "updated": 1, "renamed": 1, "deleted": 1, "unchanged": 1,
    }  # fmt: skip
    shown = {row["code"]: row for row in items["changes"]}
    assert shown["SP-12"]["fields"] == {"name": ["SP-12", "Spindle"]}
    assert shown["SP-13B"]["fields"]["code"] == ["SP-13", "SP-13B"]
    assert shown["NEW-1"]["fields"]["code"] == ["", "NEW-1"]
    assert shown["SP-14"]["change"] == "deleted"
    assert (lines["created"], [gap["code"] for gap in lines["gaps"]]) == (2, ["NOWHERE"])
    assert (run.error, run.started_at, run.finished_at) == ("", NOON, NOON)
    json.dumps(run.result)


def test_a_read_asked_for_is_done_by_a_worker_once(now: Any, erp: Books, main: ErpConnection) -> None:
    erp.pages["customers"] = [Page((customer("ALS", "1"),), "1")]
    run = ask_pull(connection=main, actor=None, entities=["customers"])
    assert ask_pull(connection=main, actor=None, entities=["customers"]).pk == run.pk
    assert (work_pull_runs(), work_pull_runs()) == (1, 0)
    run.refresh_from_db()
    assert (run.result["customers"]["created"], Customer.objects.count(), run.error) == (1, 1, "")
    assert [entity for entity, _since in erp.pull_calls] == ["customers"]


def test_trouble_of_the_erp_is_the_runs_result_and_a_dead_workers_run_is_done_again(
    now: Any, erp: Books, main: ErpConnection
) -> None:
    erp.pages["items"] = [Page((item("SP-12", "7"),), "1"), ErpUnavailable("reset by peer")]
    for dry in (True, False):
        run = ask_pull(connection=main, actor=None, entities=["items", "customers"], dry=dry)
        work_pull_runs()
        run.refresh_from_db()
        assert run.error == "items: reset by peer"
        assert run.result["customers"]["error"] == ""
    run = ask_pull(connection=main, actor=None, entities=["customers"])
    PullRun.objects.filter(pk=run.pk).update(started_at=NOON)
    assert work_pull_runs() == 0
    now.shift(RUN_LEASE)
    assert work_pull_runs() == 1


def test_only_a_connection_in_use_and_entities_that_exist_can_be_asked_for(main: ErpConnection) -> None:
    with pytest.raises(InvalidInput) as caught:
        ask_pull(connection=main, actor=None, entities=["invoices"])
    assert caught.value.code == "erp.unknown_entity"
    main.enabled = False
    with pytest.raises(InvalidInput) as caught:
        ask_pull(connection=main, actor=None)
    assert caught.value.code == "erp.not_read"


def test_a_connection_beside_another_sweeps_only_orders_of_its_own_sites(
    now: Any, erp: Books, main: ErpConnection, lists: dict[str, Any], site: Site
) -> None:
    elsewhere = make.SiteFactory(code="LEI")
    ErpConnection.objects.create(code="other", name="Other", kind=scripted.KIND)
    assert ConnectionSite.objects.filter(connection=main, site=site).exists()
    with transaction.atomic():
        mine = make.WorkOrderFactory(site=site, status="released", erp_id="71")
        theirs = make.WorkOrderFactory(site=elsewhere, status="released", erp_id="71")
        Customer.objects.create(code="ALS", name="Als", erp_id="1", erp_synced_at=NOON - timedelta(days=1))
        WorkOrder.objects.update(erp_synced_at=NOON - timedelta(days=1))
    lists["work_orders"], lists["customers"] = ["99"], ["99"]
    chosen = ErpConnection.objects.get(code="main")
    assert sweep(connection=chosen, entity="work_orders").codes == (mine.number,)  # type: ignore[union-attr]
    assert sweep(connection=chosen, entity="customers").codes == ()  # type: ignore[union-attr]
    theirs.refresh_from_db()
    assert theirs.status == "released"


def test_a_dry_run_shows_what_a_sweep_would_mark_and_marks_nothing(
    now: Any, erp: Books, main: ErpConnection, lists: dict[str, Any]
) -> None:
    lists["customers"] = ["erp-A", "erp-B"]
    erp.pages["customers"] = [Page((customer("A", "erp-A"), customer("B", "erp-B")), "1")]
    pull_due()
    lists["customers"] = ["erp-A"]
    now.shift(timedelta(hours=1))
    before = everything()

    run = ask_pull(connection=main, actor=None, entities=["customers"], dry=True)
    work_pull_runs()

    run.refresh_from_db()
    assert everything() == before
    found = run.result["customers"]
    assert (found["deleted"], found["disbelieved"]) == (1, 0)
    assert found["changes"] == [{"code": "B", "change": "deleted", "fields": {"in ERP": ["yes", "no"]}}]
