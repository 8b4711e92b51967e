"""The small plant others test on is what it says."""

from plant_app import models
from tests.plant_fixtures import KolbeMini


def test_small_plant_is_whole(kolbe_mini: KolbeMini) -> None:
    assert (models.Site.objects.count(), models.WorkCentre.objects.count()) == (2, 4)
    assert models.WorkUnit.objects.count() == models.WorkUnitState.objects.filter(until=None).count() == 8
    assert models.WorkOrder.objects.count() == 8
    held = set(models.DutyAssignment.objects.filter(site=kolbe_mini.rhf).values_list("duty", flat=True))
    assert held == set(models.Duty.values)
    functions = models.DutyAssignment.objects.filter(site=kolbe_mini.rhf).values_list(
        "function__code", flat=True
    )
    assert set(functions) == set(kolbe_mini.functions)
    assert set(kolbe_mini.types) == set(models.ExceptionType.objects.values_list("code", flat=True))
    assert len(kolbe_mini.types) == 10
    assert kolbe_mini.holder("technician").username == "jonas.keller"
    assert kolbe_mini.operations["WO-118204/30"].alternates.get().work_unit == kolbe_mini.units["CNC-06"]
