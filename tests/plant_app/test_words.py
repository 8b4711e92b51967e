"""The words people use for things on the plant, and the version that says they changed."""

import pytest

from plant_app import models, selectors
from plant_app.defaults.catalogue import CATALOGUE
from plant_app.forms_schema import problems
from plant_app.services import load_catalogue
from tests import factories as make
from tests.plant_fixtures import KolbeMini


def test_rows_name_what_can_be_linked(kolbe_mini: KolbeMini) -> None:
    rows = {(row.kind, row.code): row for row in selectors.master_rows()}
    press = rows["work_unit", "PRS-04"]
    assert (press.site_code, press.aliases, press.pk) == (
        "RHF", ("press 4", "Presse 4"), kolbe_mini.units["PRS-04"].pk,
    )  # fmt: skip
    assert rows["lot", "L26-4471"].name == "Spool housing SH-77"
    assert rows["sales_order", "40017733"].aliases == (kolbe_mini.sales_lines["40017733"].order.po_number,)
    assert rows["person", "tomas.ruiz"].name == "Tomás Ruiz"
    assert {kind for kind, _code in rows} == {
        "work_unit", "work_centre", "area", "item", "lot", "work_order", "sales_order", "purchase_order", "delivery",
        "customer", "supplier", "person",
    }  # fmt: skip


def test_finished_orders_are_no_longer_spoken_of(kolbe_mini: KolbeMini) -> None:
    models.WorkOrder.objects.filter(number="WO-118219").update(status="finished")
    assert ("work_order", "WO-118219") not in {(row.kind, row.code) for row in selectors.master_rows()}


def test_version_changes_with_words_and_only_with_words(kolbe_mini: KolbeMini) -> None:
    unit = kolbe_mini.units["PRS-04"]
    seen = {selectors.master_version()}
    unit.aliases = [*unit.aliases, "the old Schuler"]
    unit.save(update_fields=["aliases"])
    seen.add(selectors.master_version())
    make.LotFactory(item=kolbe_mini.items["VB-220"])
    seen.add(selectors.master_version())
    models.Customer.objects.filter(code="MER").update(name="Merino Agricola")
    seen.add(selectors.master_version())
    kolbe_mini.lots["L26-4301"].delivery_lines.all().delete()
    kolbe_mini.lots["L26-4301"].delete()
    seen.add(selectors.master_version())
    assert len(seen) == 5

    before = selectors.master_version()
    unit.is_bottleneck = True
    unit.save(update_fields=["is_bottleneck"])
    models.WorkOrder.objects.filter(number="WO-118219").update(priority=1)
    assert selectors.master_version() == before


def test_reading_all_words_takes_one_query_a_kind(
    kolbe_mini: KolbeMini, django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(12):  # type: ignore[operator]
        selectors.master_rows()
    with django_assert_num_queries(1):  # type: ignore[operator]
        selectors.master_version()


def test_form_schema_finds_what_does_not_fit() -> None:
    assert [problems(pack.form) for pack in CATALOGUE] == [[]] * 10
    field = {"name": "a", "label": "A", "kind": "text"}
    assert problems([field, field]) == ["a is there twice."]
    assert problems([field | {"kind": "magic"}]) == ["a: unknown kind 'magic'."]
    assert problems([field | {"kind": "ref"}]) == ["a: unknown target None."]
    assert problems([field | {"kind": "choice"}]) == ["a: needs choices, each with a value and a label."]
    assert problems("text") == ["A form is a list of fields."]
    quick = [field | {"name": f"a{number}", "quick": True} for number in range(4)]
    assert problems(quick) == ["4 fields are asked before sending; 3 is the most."]


@pytest.mark.parametrize("code", ["machine_downtime", "quality_hold"])
def test_loading_the_catalogue_keeps_what_a_site_edited(kolbe_mini: KolbeMini, code: str) -> None:
    row = kolbe_mini.types[code]
    row.name = "Ours"
    row.save()
    row.reasons.all().delete()
    kolbe_mini.types["tooling"].delete()
    assert load_catalogue() == 1
    row.refresh_from_db()
    assert row.name == "Ours"
    assert not row.reasons.exists()
    assert models.ExceptionType.objects.get(code="tooling").reasons.count() == 5


def test_catalogue_edits_leave_history(kolbe_mini: KolbeMini) -> None:
    row = kolbe_mini.types["tooling"]
    row.default_severity = "high"
    row.save()
    history = models.ExceptionType.pgh_event_model.objects.filter(pgh_obj=row).order_by("pk")  # type: ignore[attr-defined]
    assert [event.default_severity for event in history][-1] == "high"
