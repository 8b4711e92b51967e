"""What ERP believes against what is known here: each difference with the postings that explain it, bounded queries."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from core import clock
from erp_sync.drift import DriftKind, DriftRow, drift
from erp_sync.models import ConnectionSite, ErpConnection, Posting, Watermark
from erp_sync.services import cancel, queue_posting, send_due
from plant_app import services as plant_services
from plant_app.models import Operation, User
from tests import factories as make
from tests.erp_sync import scripted
from tests.plant_fixtures import KolbeMini

Put = Callable[..., Posting]


@pytest.fixture
def reader(db: None) -> User:
    return User.objects.create_superuser("root", password="secret-root")


@pytest.fixture
def connection(kolbe_mini: KolbeMini) -> ErpConnection:
    """An ERP for Rheinfelden, read a minute ago; only what is told below differs."""
    scripted.forget()
    row = ErpConnection.objects.create(code="main", name="Main ERP", kind=scripted.KIND)
    ConnectionSite.objects.create(connection=row, site=kolbe_mini.rhf)
    Watermark.objects.create(connection=row, entity="stock", at=kolbe_mini.now - timedelta(minutes=1))
    for operation in Operation.objects.all():
        operation.confirmed_good, operation.confirmed_scrap = operation.good, operation.scrap
        operation.save()
    return row


@pytest.fixture
def put(kolbe_mini: KolbeMini, connection: ErpConnection) -> Put:
    count = iter(range(1000))

    def post(kind: str, **payload: Any) -> Posting:
        return queue_posting(
            kind=kind, site=kolbe_mini.rhf, payload=payload, occurred_at=clock.now(), origin_ref="exception:1",
            key_parts=(next(count),), chain=str(payload.get("work_order", "")), keep_invalid=True,
        )  # fmt: skip

    return post


def rows(plant: KolbeMini, reader: User, kind: DriftKind) -> list[DriftRow]:
    return [row for row in drift(plant.rhf, reader).rows if row.kind == kind]


def test_nothing_differs_where_nothing_was_decided(
    kolbe_mini: KolbeMini, connection: ErpConnection, reader: User
) -> None:
    found = drift(kolbe_mini.rhf, reader)
    assert (found.rows, found.unexplained, found.more) == ((), 0, False)
    assert found.read == {"stock": kolbe_mini.now - timedelta(minutes=1)}


def blocked_here(plant: KolbeMini, put: Put) -> Posting:
    """The posting that blocks 36 of 40 pieces, which is in force here and not in ERP."""
    lot = next(iter(plant.lots.values()))
    place = make.StockRowFactory(
        item=lot.item, lot=lot, location=plant.locations["RHF-STO"], quantity=Decimal(40)
    ).location
    posting = put("movement.block", item=lot.item.code, lot=lot.code, quantity="36", from_location=place.code)
    plant_services.overlay_stock(
        item=lot.item, lot=lot, quantity=Decimal(36), location=place, origin_ref=f"posting:{posting.pk}"
    )
    return posting


def test_stock_moved_here_is_explained_by_its_posting_until_that_is_called_off(
    kolbe_mini: KolbeMini, put: Put, reader: User
) -> None:
    posting = blocked_here(kolbe_mini, put)

    blocked, free = rows(kolbe_mini, reader, DriftKind.STOCK)
    assert (free.erp, free.ours, free.postings, free.explained) == ("40", "4", (posting,), True)
    assert (blocked.erp, blocked.ours, blocked.uom) == ("0", "36", "pcs")
    assert free.read_at is not None

    cancel(posting_id=posting.pk, reason="counted wrong")
    blocked, free = rows(kolbe_mini, reader, DriftKind.STOCK)
    assert (free.explained, free.unsent, free.postings) == (False, "-36", ())
    assert drift(kolbe_mini.rhf, reader).unexplained == 2


def test_a_lot_on_hold_that_erp_has_free_is_told(kolbe_mini: KolbeMini, put: Put, reader: User) -> None:
    lot = next(iter(kolbe_mini.lots.values()))
    make.StockRowFactory(
        item=lot.item, lot=lot, location=kolbe_mini.locations["RHF-STO"], quantity=Decimal(40)
    )
    plant_services.impose_constraint(kind="hold", site=kolbe_mini.rhf, lot=lot, origin_ref="exception:1")
    (row,) = rows(kolbe_mini, reader, DriftKind.HOLD)
    assert (row.erp, row.ours, row.explained, row.target_id) == ("free", "hold", False, lot.pk)
    posting = put("movement.block", item=lot.item.code, lot=lot.code, quantity="40", from_location="RHF-STO")
    (row,) = rows(kolbe_mini, reader, DriftKind.HOLD)
    assert (row.postings, row.explained) == ((posting,), True)


def test_pieces_made_and_not_in_erp_are_counted_against_the_postings_that_carry_them(
    kolbe_mini: KolbeMini, connection: ErpConnection, put: Put, reader: User
) -> None:
    operation = next(row for row in kolbe_mini.operations.values() if row.work_order.site == kolbe_mini.rhf)
    order = operation.work_order
    Operation.objects.filter(pk=operation.pk).update(good=60, confirmed_good=60)

    def confirm(quantity: str) -> Posting:
        return put(
            "confirmation", work_order=order.number, operation=str(operation.number), yield_qty=quantity
        )

    taken, refused, waiting = confirm("10"), confirm("20"), confirm("30")
    Posting.objects.filter(pk__in=[refused.pk, waiting.pk]).update(due_at=clock.now() + timedelta(days=1))
    send_due()
    taken.refresh_from_db()
    assert taken.status == "confirmed"
    Posting.objects.filter(pk=refused.pk).update(status="sending")
    Posting.objects.filter(pk=refused.pk).update(status="rejected")

    (row,) = rows(kolbe_mini, reader, DriftKind.PROGRESS)
    assert (row.erp, row.ours, row.field, row.target_id) == ("10", "60", "good", order.pk)
    assert (row.postings, row.explained, row.stuck) == ((refused, waiting), True, True)

    cancel(posting_id=refused.pk, reason="keyed twice")
    (row,) = rows(kolbe_mini, reader, DriftKind.PROGRESS)
    assert (row.erp, row.postings, row.explained, row.unsent) == ("10", (waiting,), False, "20")
    Operation.objects.filter(pk=operation.pk).update(good=65)
    (row,) = rows(kolbe_mini, reader, DriftKind.PROGRESS)
    assert (row.ours, row.unsent) == ("65", "25")


@pytest.mark.parametrize(
    ("status", "explained"), [("running", True), ("stopped", True), ("finished", False), ("ready", False)]
)
def test_what_is_counted_on_running_work_goes_with_its_next_report(
    kolbe_mini: KolbeMini, connection: ErpConnection, reader: User, status: str, explained: bool
) -> None:
    operation = next(row for row in kolbe_mini.operations.values() if row.work_order.site == kolbe_mini.rhf)
    Operation.objects.filter(pk=operation.pk).update(good=65, confirmed_good=60, status=status)

    found = drift(kolbe_mini.rhf, reader)

    (row,) = (row for row in found.rows if row.kind == DriftKind.PROGRESS)
    assert (row.erp, row.ours, row.unsent, row.postings) == ("60", "65", "5", ())
    assert (row.explained, row.next_report) == (explained, explained)
    assert found.unexplained == (0 if explained else 1)


def test_orders_finished_here_and_open_there_or_the_other_way_round(
    kolbe_mini: KolbeMini, connection: ErpConnection, put: Put, reader: User
) -> None:
    first, second = [row for row in kolbe_mini.operations.values() if row.work_order.site == kolbe_mini.rhf][
        :2
    ]
    posting = put("confirmation", work_order=first.work_order.number, operation=str(first.number), final=True)
    type(first.work_order).objects.filter(pk=first.work_order_id).update(status="finished")
    Operation.objects.filter(work_order=first.work_order_id).update(status="finished")
    (row,) = rows(kolbe_mini, reader, DriftKind.STATUS)
    assert (row.subject, row.erp, row.ours, row.postings) == (
        first.work_order.number, "not finished", "finished", (posting,),
    )  # fmt: skip
    if second.work_order_id == first.work_order_id:
        second = next(
            row for row in kolbe_mini.operations.values() if row.work_order_id != first.work_order_id
        )
    type(second.work_order).objects.filter(pk=second.work_order_id).update(
        status="cancelled", site=kolbe_mini.rhf
    )
    Operation.objects.filter(pk=second.pk).update(status="running")
    ended = [row for row in rows(kolbe_mini, reader, DriftKind.STATUS) if row.erp == "cancelled"]
    assert [(row.subject, row.ours, row.explained) for row in ended] == [(str(second), "running", False)]


def test_dates_and_quantities_decided_here_name_the_change_on_its_way(
    kolbe_mini: KolbeMini, put: Put, reader: User
) -> None:
    line = kolbe_mini.sales_lines["40017733"]
    when = kolbe_mini.now + timedelta(days=9)
    plant_services.overlay_value(target=line, field="commit_at", value=when, origin_ref="exception:1")
    plant_services.overlay_value(target=line, field="quantity", value=Decimal(7), origin_ref="exception:1")
    posting = put(
        "change.date", target="so_line", number="40017733", line=str(line.line), which="commit",
        new=when.date().isoformat(),
    )  # fmt: skip
    (date,) = rows(kolbe_mini, reader, DriftKind.DATE)
    (quantity,) = rows(kolbe_mini, reader, DriftKind.QUANTITY)
    assert (date.field, date.postings, date.explained, date.subject) == (
        "commit_at",
        (posting,),
        True,
        str(line),
    )
    assert date.erp != date.ours
    assert (quantity.ours, quantity.postings, quantity.explained, quantity.unsent) == ("7", (), False, "all")
    assert drift(kolbe_mini.rhf, reader).rows[0].kind == DriftKind.QUANTITY  # unexplained first
    assert drift(kolbe_mini.gvl, reader).rows == ()


def test_readers_see_their_sites_only_and_the_api_says_the_same(
    kolbe_mini: KolbeMini, put: Put, reader: User, client: Any
) -> None:
    line = kolbe_mini.sales_lines["40017733"]
    plant_services.overlay_value(target=line, field="quantity", value=Decimal(7), origin_ref="exception:1")
    stranger = kolbe_mini.people["maya.johnson"]
    assert drift(kolbe_mini.rhf, stranger).rows == ()
    client.force_login(stranger)
    assert client.get("/api/v1/erp/drift/", {"site": "RHF"}).status_code == 400
    client.force_login(reader)
    answer = client.get("/api/v1/erp/drift/", {"site": "RHF"}).json()
    assert (answer["unexplained"], answer["more"]) == (1, False)
    assert answer["rows"][0]["subject"] == str(line)
    assert answer["rows"][0]["ours"] == "7"
    assert client.get("/api/v1/erp/drift/").status_code == 400


def test_queries_do_not_grow_with_rows(kolbe_mini: KolbeMini, put: Put, reader: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            drift(kolbe_mini.rhf, reader)
        return len(captured)

    def more(count: int) -> None:
        for _ in range(count):
            item = make.ItemFactory()
            row = make.StockRowFactory(
                item=item, location=kolbe_mini.locations["RHF-STO"], quantity=Decimal(9)
            )
            posting = put("movement.block", item=item.code, quantity="3", from_location="RHF-STO")
            plant_services.overlay_stock(
                item=item,
                lot=row.lot,
                quantity=Decimal(3),
                location=row.location,
                origin_ref=f"posting:{posting.pk}",
            )

    for line in list(kolbe_mini.sales_lines.values())[:1]:
        plant_services.overlay_value(
            target=line, field="quantity", value=Decimal(7), origin_ref="exception:1"
        )
    more(1)
    first = queries()
    more(8)
    assert len(rows(kolbe_mini, reader, DriftKind.STOCK)) == 18
    assert queries() == first
    assert first <= 16


def test_what_is_decided_at_another_site_hides_nothing_of_this_one(
    kolbe_mini: KolbeMini, put: Put, reader: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("erp_sync.drift.MOST", 1)
    here = make.WorkOrderFactory(site=kolbe_mini.rhf, quantity=Decimal(9))
    plant_services.overlay_value(target=here, field="quantity", value=Decimal(7), origin_ref="exception:1")
    for number in range(5):
        there = make.WorkOrderFactory(site=make.SiteFactory(code=f"X{number}"), quantity=Decimal(9))
        plant_services.overlay_value(
            target=there, field="quantity", value=Decimal(7), origin_ref="exception:2"
        )

    assert [row.target_id for row in rows(kolbe_mini, reader, DriftKind.QUANTITY)] == [here.pk]


def test_what_erp_has_confirmed_explains_its_difference_until_that_is_drawn_here(
    kolbe_mini: KolbeMini, put: Put, reader: User
) -> None:
    posting = blocked_here(kolbe_mini, put)
    send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.handled_at) == ("confirmed", None)

    assert [row.postings for row in rows(kolbe_mini, reader, DriftKind.STOCK)] == [(posting,), (posting,)]
    assert drift(kolbe_mini.rhf, reader).unexplained == 0


def test_a_backlog_hides_no_posting_that_an_overlay_names(
    kolbe_mini: KolbeMini, put: Put, reader: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("erp_sync.drift.MOST_POSTINGS", 2)
    lot = next(iter(kolbe_mini.lots.values()))
    place = make.StockRowFactory(
        item=lot.item, lot=lot, location=kolbe_mini.locations["RHF-STO"], quantity=Decimal(40)
    ).location
    given = {"item": lot.item.code, "lot": lot.code, "quantity": "1", "from_location": place.code}
    posting = put("movement.block", **given | {"quantity": "36"})
    plant_services.overlay_stock(
        item=lot.item, lot=lot, quantity=Decimal(36), location=place, origin_ref=f"posting:{posting.pk}"
    )
    for _ in range(3):
        put("movement.block", **given)

    assert [row.postings for row in rows(kolbe_mini, reader, DriftKind.STOCK)] == [(posting,), (posting,)]
