"""Stock ERP names no longer: emptied here, at once where ERP says all of an item, daily by a whole stocktaking."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from core.doctor import examine
from erp_sync.adapters import port
from erp_sync.adapters.filedrop import FileDropAdapter
from erp_sync.adapters.port import Page, Record
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.models import ErpConnection, Watermark
from erp_sync.services import ask_pull, pull_due, sweep, work_pull_runs
from erp_sync.services.sweeping import SLACK, SWEEP_EVERY
from plant_app.models import Item, Site, StockLocation, StockRow, User
from plant_app.services import apply_pull
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
TAKES = "scripted_takes_stock"
taken: list[Record | Exception] = []


class StocktakingAdapter(scripted.ScriptedAdapter):
    """The scripted ERP, which also says all the stock it holds."""

    kind = TAKES

    def all_stock(self) -> Iterator[Record]:
        for one in taken:
            if isinstance(one, Exception):
                raise one
            yield one


port.register(TAKES)(lambda settings: StocktakingAdapter(scripted.books_of(str(settings["code"]))))


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


@pytest.fixture
def takes(main: ErpConnection, site: Site) -> Iterator[list[Record | Exception]]:
    """`main` can say all its stock; this is what it says."""
    ErpConnection.objects.filter(pk=main.pk).update(kind=TAKES)
    make.ItemFactory(code="SP-12")
    for place, kind in (("A", "storage"), ("B", "storage"), ("Q", "blocked")):
        make.StockLocationFactory(code=place, site=site, kind=kind)
    taken.clear()
    yield taken
    taken.clear()


def held(place: str, quantity: object = 5, **more: Any) -> Record:
    lot = str(more.get("lot", ""))
    data = {"item": "SP-12", "location": place, "lot": lot, "quantity": str(quantity)} | more
    return Record("stock", f"SP-12|{place}|{lot}", f"1|{place}|{lot}", data)


def stock(**narrowed: Any) -> dict[str, Decimal]:
    """Quantity by place, lot and status."""
    rows = StockRow.objects.filter(layer="erp", **narrowed).select_related("location", "lot")
    return {
        f"{row.location.code} {row.lot.code if row.lot else '-'} {row.status}": row.quantity for row in rows
    }


def read(erp: Books, *records: Record) -> None:
    pages = erp.pages.setdefault("stock", [])
    pages.append(Page(records, f"{len(pages) + 1:03}"))
    pull_due()
    assert Watermark.objects.get(entity="stock").error == ""


def test_stock_erp_holds_no_more_becomes_zero_once_a_day(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, takes: list[Any]
) -> None:
    everything = [held("A"), held("A", lot="L1"), held("B", status="quality"), held("Q", 2)]
    takes += everything
    read(erp, *everything)
    before = {"A - free": 5, "A L1 free": 5, "B - quality": 5, "Q - blocked": 2}
    assert stock() == before
    assert Watermark.objects.get(entity="stock").swept_at == NOON
    takes[:] = [held("A"), held("Q", 2)]
    now.shift(SWEEP_EVERY - timedelta(seconds=1))
    pull_due()
    assert stock() == before

    now.shift(timedelta(minutes=2))
    pull_due()

    assert stock() == {"A - free": 5, "A L1 free": 0, "B - quality": 0, "Q - blocked": 2}
    assert Watermark.objects.get(entity="stock").gone == ["SP-12 L1 at A, free", "SP-12 at B, quality"]
    # it comes back as any row does
    now.shift(timedelta(minutes=2))
    takes.append(held("A", lot="L1"))
    read(erp, held("A", 4, lot="L1"))
    assert stock()["A L1 free"] == 4


def test_a_row_read_while_the_stock_was_listed_is_left_alone(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, takes: list[Any]
) -> None:
    takes.append(held("A"))
    read(erp, held("A"), held("B"))
    assert stock()["B - free"] == 5
    now.shift(SLACK + timedelta(seconds=1))
    found = sweep(connection=ErpConnection.objects.get(), entity="stock")
    assert found is not None
    assert (found.codes, found.of) == (("SP-12 at B, free",), 2)


@pytest.mark.parametrize("listed", [0, 2])
def test_a_stocktaking_that_lost_too_much_is_not_believed_until_somebody_looked(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, takes: list[Any], listed: int
) -> None:
    everything = [held("A", lot=f"L{n}") for n in range(10)]
    takes += everything
    read(erp, *everything)
    del takes[listed:]
    now.shift(SWEEP_EVERY)
    pull_due()
    assert set(stock().values()) == {Decimal(5)}
    (told,) = [found for found in examine() if found.code == "XL-W024"]
    assert f"{10 - listed} of 10 stock are missing" in told.summary
    boss = Client()
    boss.force_login(User.objects.create_superuser("root", password="secret-root"))
    page = reverse("admin:erp_sync_erpconnection_change", args=[main.pk])
    assert "they are gone" in boss.get(page).content.decode()
    sweep(connection=ErpConnection.objects.get(), entity="stock", believe=True)
    assert sorted(stock().values()) == [0] * (10 - listed) + [5] * listed
    assert [found for found in examine() if found.code == "XL-W024"] == []


def test_a_stocktaking_that_breaks_off_empties_nothing(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, takes: list[Any]
) -> None:
    takes.append(held("A"))
    read(erp, held("A"), held("B"))
    takes.append(ErpUnavailable("connection reset"))
    now.shift(SWEEP_EVERY)
    pull_due()
    assert stock() == {"A - free": 5, "B - free": 5}
    assert Watermark.objects.get(entity="stock").swept_at == NOON


def test_beside_another_erp_only_stock_of_its_own_sites_is_emptied(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, takes: list[Any], site: Site
) -> None:
    ErpConnection.objects.create(code="other", name="Other", kind=scripted.KIND)
    elsewhere = make.StockLocationFactory(code="Z", site=make.SiteFactory(code="LEI"))
    item, old = Item.objects.get(), NOON - timedelta(days=1)
    for place in (StockLocation.objects.get(code="B"), elsewhere):
        StockRow.objects.create(item=item, location=place, quantity=7, updated_at=old)
    takes.append(held("A"))
    found = sweep(connection=ErpConnection.objects.get(code="main"), entity="stock")
    assert found is not None
    assert (found.codes, found.of) == (("SP-12 at B, free",), 1)
    assert stock() == {"B - free": 0, "Z - free": 7}


def test_a_dry_run_shows_what_would_be_emptied(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, takes: list[Any]
) -> None:
    takes.append(held("A"))
    read(erp, held("A"), held("B"))
    now.shift(timedelta(hours=1))
    run = ask_pull(connection=main, actor=None, entities=["stock"], dry=True)
    work_pull_runs()
    run.refresh_from_db()
    assert run.result["stock"]["deleted"] == 1
    assert stock() == {"A - free": 5, "B - free": 5}


def test_a_record_that_names_all_of_an_item_empties_its_other_rows_only(
    now: time_machine.Traveller, takes: list[Any]
) -> None:
    make.ItemFactory(code="SP-13")
    other = held("A", item="SP-13")
    apply_pull(entity="stock", records=[held("A"), held("B"), held("Q"), other])
    only = {"item": "SP-12", "only": [["A", "", "free"], ["Q", "", ""]]}
    done = apply_pull(entity="stock", records=[Record("stock", "SP-12|*", "1|*", only)])
    assert (done.updated, done.gaps) == (1, [])
    assert done.rows[0].fields == {"SP-12 at B, free": ("5.000", "0")}
    assert stock(item__code="SP-12") == {"A - free": 5, "B - free": 0, "Q - blocked": 5}
    assert stock(item__code="SP-13") == {"A - free": 5}
    again = apply_pull(entity="stock", records=[Record("stock", "SP-12|*", "1|*", only)])
    assert (again.updated, again.unchanged) == (0, 1)
    unknown = Record("stock", "SP-99|*", "9|*", {"item": "SP-99", "only": []})
    assert [gap.code for gap in apply_pull(entity="stock", records=[unknown]).gaps] == ["SP-99"]


# --- file drop -----------------------------------------------------------------------------------------------
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("out", "in", "pull"):
        (tmp_path / name).mkdir()
    return tmp_path


def drop(folder: Path, **more: Any) -> FileDropAdapter:
    named = {name: str(folder / name) for name in ("out", "in", "pull")}
    return FileDropAdapter({**named, "quiet_seconds": 0, **more})


def put(folder: Path, name: str, *rows: str) -> None:
    """One more file of stock, later than those before."""
    path = folder / "pull" / name
    path.write_text("\n".join(("item,location,lot,quantity", *rows)) + "\n")
    os.utime(path)


def test_a_file_that_names_all_the_stock_says_what_is_gone(folder: Path) -> None:
    put(folder, "stock-1.csv", "FG-1,A-01,L7,12", "FG-1,A-02,,3", "FG-2,A-01,,1")
    whole, parts = drop(folder, whole_stock=True), drop(folder)
    (first,) = whole.pull("stock")
    assert [(one.code, one.data.get("only")) for one in first.records] == [
        ("FG-1|A-01|L7", None),
        ("FG-1|A-02|", None),
        ("FG-2|A-01|", None),
        ("FG-1|*", [["A-01", "L7", ""], ["A-02", "", ""]]),
        ("FG-2|*", [["A-01", "", ""]]),
    ]
    (changes,) = parts.pull("stock")
    assert [one.code for one in changes.records] == ["FG-1|A-01|L7", "FG-1|A-02|", "FG-2|A-01|"]
    put(folder, "stock-2.csv", "FG-1,A-02,,4")
    assert [one.data["quantity"] for one in whole.all_stock()] == ["4"]
    with pytest.raises(ErpRejected) as refused:
        list(parts.all_stock())
    assert refused.value.code == "erp.not_offered"


def test_a_file_with_a_bad_line_proves_nothing(folder: Path) -> None:
    put(folder, "stock-1.csv", "FG-1,A-01,L7,12", "FG-1,A-02")
    whole = drop(folder, whole_stock=True)
    with pytest.raises(ErpUnavailable, match="line 3 has 2 cells"):
        list(whole.all_stock())
    pages = whole.pull("stock")
    assert [one.code for one in next(pages).records] == ["FG-1|A-01|L7"]
    with pytest.raises(ErpRejected):
        next(pages)


def test_without_a_file_there_is_no_stocktaking(folder: Path) -> None:
    with pytest.raises(ErpRejected) as refused:
        list(drop(folder, whole_stock=True).all_stock())
    assert refused.value.code == "erp.not_offered"
