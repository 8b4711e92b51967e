"""Overlays of stock and values, and pulls that never wipe them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.errors import InvalidInput
from plant_app import models, selectors, services
from tests.plant_fixtures import KolbeMini


@dataclass
class Pulled:
    code: str
    data: dict[str, Any]
    external_id: str = "7"
    written_at: datetime | None = field(default_factory=lambda: datetime(2026, 11, 17, tzinfo=UTC))


def block(plant: KolbeMini, quantity: int, **kwargs: Any) -> None:
    services.overlay_stock(
        item=plant.items["SH-77"], lot=plant.lots["L26-4471"], quantity=Decimal(quantity),
        location=plant.locations["RHF-PU"], to_location=plant.locations["RHF-BLK"], origin_ref="x:1", **kwargs,
    )  # fmt: skip


def stock_record(quantity: int, location: str = "RHF-PU") -> Pulled:
    return Pulled(
        f"SH-77/{location}", {"item": "SH-77", "lot": "L26-4471", "location": location, "quantity": quantity}
    )


def stock(plant: KolbeMini) -> tuple[Decimal, Decimal]:
    found = selectors.effective_stock(plant.items["SH-77"])
    return found.free, found.blocked


def test_blocking_moves_and_clearing_brings_back(kolbe_mini: KolbeMini) -> None:
    block(kolbe_mini, 30)
    assert stock(kolbe_mini) == (6, 30)
    block(kolbe_mini, 6)
    assert stock(kolbe_mini) == (0, 36)
    places = {
        (row.location_id, row.status): row.quantity
        for row in selectors.effective_stock_by_place([kolbe_mini.items["SH-77"]])
    }
    assert places == {(kolbe_mini.locations["RHF-BLK"].pk, "blocked"): 36}
    assert services.clear_stock_overlay(origin_ref="x:1") == 2
    assert stock(kolbe_mini) == (36, 0)


def test_more_than_there_is_can_only_be_held_on_purpose(kolbe_mini: KolbeMini) -> None:
    with pytest.raises(InvalidInput) as refusal:
        block(kolbe_mini, 40)
    assert refusal.value.code == "stock.not_enough"
    assert stock(kolbe_mini) == (36, 0)
    assert not models.ResequenceRequest.objects.exists()
    block(kolbe_mini, 40, allow_short=True)
    assert stock(kolbe_mini) == (-4, 40)


def test_pull_never_wipes_a_hold(kolbe_mini: KolbeMini) -> None:
    block(kolbe_mini, 36)
    result = services.apply_pull(entity="stock", records=[stock_record(40)])
    assert result.updated == 1
    assert stock(kolbe_mini) == (4, 36)
    assert models.StockRow.objects.filter(layer="overlay", origin_ref="x:1").count() == 2


@pytest.mark.parametrize("pull_first", [True, False])
def test_settling_counts_the_quantity_once_whichever_comes_first(
    kolbe_mini: KolbeMini, pull_first: bool
) -> None:
    block(kolbe_mini, 36)
    confirmed = kolbe_mini.now + timedelta(minutes=1)
    pulled = [stock_record(0), stock_record(36, "RHF-BLK")]
    after = kolbe_mini.now + timedelta(minutes=2)
    if pull_first:
        services.apply_pull(entity="stock", records=pulled, read_at=after)
    services.settle_stock_overlay(origin_ref="x:1", confirmed_at=confirmed)
    assert stock(kolbe_mini) == (0, 36)
    if not pull_first:
        services.apply_pull(entity="stock", records=pulled, read_at=after)
    assert stock(kolbe_mini) == (0, 36)
    assert not models.StockRow.objects.filter(layer="overlay").exists()


def test_complete_pull_empties_what_erp_no_longer_names(kolbe_mini: KolbeMini) -> None:
    services.apply_pull(
        entity="stock",
        records=[Pulled("SB", {"item": "SB-12", "location": "RHF-STO", "quantity": "10"})],
        complete=True,
    )
    assert selectors.effective_stock(kolbe_mini.items["SB-12"]).free == 10
    assert selectors.effective_stock(kolbe_mini.items["ST-40"]).free == 0
    assert stock(kolbe_mini) == (36, 0)  # at another location, not part of this answer


def commit_to(plant: KolbeMini, hours: int, origin: str = "x:1") -> datetime:
    line = plant.sales_lines["40017733"]
    value = plant.now + timedelta(hours=hours)
    services.overlay_value(target=line, field="commit_at", value=value, origin_ref=origin)
    return value.replace(microsecond=0)


def test_overlay_counts_until_taken_back(kolbe_mini: KolbeMini) -> None:
    line = kolbe_mini.sales_lines["40017733"]
    moved = commit_to(kolbe_mini, 72)
    assert selectors.effective_commit(line) == moved
    newer = commit_to(kolbe_mini, 96, "x:2")
    assert selectors.effective_commit(line) == newer
    assert services.clear_overlay(origin_ref="x:1") == 0
    assert services.clear_overlay(origin_ref="x:2") == 1
    assert selectors.effective_commit(line) == line.commit_at


def test_settled_overlay_becomes_the_mirrored_value(kolbe_mini: KolbeMini) -> None:
    line = kolbe_mini.sales_lines["40017733"]
    moved = commit_to(kolbe_mini, 72)
    assert services.settle_overlay(origin_ref="x:1") == 1
    line.refresh_from_db()
    assert line.commit_at == moved
    assert not models.Overlay.objects.filter(cleared_at=None).exists()


def sales_record(commit: str) -> Pulled:
    return Pulled("40017733/10", {"order": "40017733", "line": 10, "quantity": "48", "commit_date": commit})


def test_pull_keeps_the_overlay_and_says_when_erp_drifts(kolbe_mini: KolbeMini) -> None:
    line = kolbe_mini.sales_lines["40017733"]
    moved = commit_to(kolbe_mini, 72)
    local = line.commit_at.astimezone(ZoneInfo("Europe/Berlin")).date()
    same = services.apply_pull(entity="sales_lines", records=[sales_record(local.isoformat())])
    assert (same.unchanged, same.drift) == (1, [])

    result = services.apply_pull(
        entity="sales_line", records=[sales_record((local + timedelta(days=9)).isoformat())]
    )
    assert result.updated == 1
    assert [(drift.field, drift.origin_ref, drift.name) for drift in result.drift] == [
        ("commit_at", "x:1", "40017733/10")
    ]
    line.refresh_from_db()
    assert selectors.effective_commit(line) == moved
    assert line.commit_at != moved


def test_overlay_ends_once_erp_says_the_same(kolbe_mini: KolbeMini) -> None:
    moved = commit_to(kolbe_mini, 72)
    result = services.apply_pull(entity="sales_line", records=[sales_record(moved.isoformat())])
    assert (result.settled, result.drift) == (1, [])
    assert not models.Overlay.objects.filter(cleared_at=None).exists()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("item", 3, "overlay.unknown_field"),
        ("quantity", "many", "overlay.value_does_not_fit"),
        ("commit_at", datetime(2026, 11, 17), "overlay.value_does_not_fit"),  # noqa: DTZ001 (that is the point)
    ],
)
def test_what_can_not_be_overlaid(kolbe_mini: KolbeMini, name: str, value: Any, code: str) -> None:
    line = kolbe_mini.sales_lines["40017733"]
    with pytest.raises(InvalidInput) as refusal:
        services.overlay_value(target=line, field=name, value=value, origin_ref="x:1")
    assert refusal.value.code == code
    assert not models.Overlay.objects.exists()


def test_pull_creates_updates_and_leaves_alone(kolbe_mini: KolbeMini) -> None:
    records = [
        Pulled("VB-220", {"name": "Valve body VB-220", "standard_cost": "184"}),
        Pulled("VB-310", {"standard_cost": "240.5"}),
        Pulled("NEW-1", {"name": "Brand new", "group": "castings", "source": "bought"}),
    ]
    version = selectors.master_version()
    result = services.apply_pull(entity="item", records=records)
    assert (result.created, result.updated, result.unchanged) == (1, 1, 1)
    kolbe_mini.items["VB-310"].refresh_from_db()
    assert kolbe_mini.items["VB-310"].standard_cost == Decimal("240.5")
    assert kolbe_mini.items["VB-310"].erp_id == "7"
    assert selectors.master_version() != version


def test_pull_of_a_work_order_respects_the_floor(kolbe_mini: KolbeMini) -> None:
    order = kolbe_mini.orders["WO-118204"]
    result = services.apply_pull(
        entity="work_order",
        records=[
            Pulled("WO-118204", {"quantity": "60", "status": "released", "site": "RHF"}),
            Pulled(
                "WO-900001",
                {
                    "item": "VB-220", "quantity": "5", "site": "RHF", "planned_date": "2026-12-01",
                    "operations": [{"number": 10, "work_centre": "MILL5", "run_minutes": "4"}],
                },
            ),
            Pulled("WO-900002", {"item": "nothing", "quantity": "5", "site": "RHF", "planned_date": "2026-12-01"}),
        ],
    )  # fmt: skip
    assert (result.created, result.updated, len(result.unknown)) == (1, 1, 1)
    order.refresh_from_db()
    assert (order.quantity, order.status) == (60, "running")
    assert kolbe_mini.operations["WO-118204/30"].status == "running"
    new = models.WorkOrder.objects.get(number="WO-900001")
    assert new.planned_end == datetime(2026, 12, 1, 15, tzinfo=UTC)  # 16:00 in Rheinfelden
    assert new.operations.get().work_centre.code == "MILL5"
    assert not models.WorkOrder.objects.filter(number="WO-900002").exists()


def test_half_known_record_leaves_nothing_behind(kolbe_mini: KolbeMini) -> None:
    record = Pulled("40099999/10", {"customer": "ALS", "site": "RHF", "item": "none", "quantity": 1,
                                    "commit_date": "2026-12-01"})  # fmt: skip
    result = services.apply_pull(entity="sales_line", records=[record])
    assert result.unknown == ["40099999/10: no item 'none'"]
    assert not models.SalesOrder.objects.filter(number="40099999").exists()


def test_purchase_line_and_partners(kolbe_mini: KolbeMini) -> None:
    assert (
        services.apply_pull(entity="suppliers", records=[Pulled("NEUE", {"name": "Neue GmbH"})]).created == 1
    )
    result = services.apply_pull(
        entity="purchase_lines",
        records=[
            Pulled("4500231/10", {"promised_date": "2027-01-04", "received": "100"}),
            Pulled("4500777/10", {"supplier": "NEUE", "site": "RHF", "item": "SK-118", "quantity": 50,
                                  "promised_date": "2027-01-05"}),
        ],
    )  # fmt: skip
    assert (result.created, result.updated) == (1, 1)
    line = kolbe_mini.purchase_lines["4500231"]
    line.refresh_from_db()
    assert line.received == 100
    # the date is the site's own
    assert line.promised_at.astimezone(ZoneInfo("Europe/Berlin")).date().isoformat() == "2027-01-04"


def test_unknown_entity_is_refused(kolbe_mini: KolbeMini) -> None:
    with pytest.raises(InvalidInput) as refusal:
        services.apply_pull(entity="weather", records=[])
    assert refusal.value.code == "mirror.unknown_entity"
