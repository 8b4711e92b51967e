"""The plant's doctor finds what it should and is quiet about what is well."""

from datetime import timedelta

from core import clock
from core.doctor import Finding, Level
from plant_app import doctor, models
from tests.plant_fixtures import KolbeMini


def found() -> dict[str, Finding]:
    checks = (doctor.plant_basics, doctor.shifts, doctor.duties, doctor.mirror)
    return {finding.code: finding for check in checks for finding in check()}


def test_a_well_plant_is_well(kolbe_mini: KolbeMini) -> None:
    findings = found()
    assert set(findings) == {"XL-P000"}
    assert findings["XL-P000"].level == Level.OK


def test_empty_installation_says_how_to_begin(db: None) -> None:
    assert set(found()) == {"XL-P001"}


def test_site_without_shifts(kolbe_mini: KolbeMini) -> None:
    models.Shift.objects.filter(site=kolbe_mini.gvl).update(office=True)
    assert "Greenville" in found()["XL-P010"].summary


def test_duties_nobody_holds(kolbe_mini: KolbeMini) -> None:
    models.DutyAssignment.objects.filter(duty="planner", site=kolbe_mini.gvl).delete()
    models.DutyAssignment.objects.filter(duty="technician", site=kolbe_mini.rhf).update(
        shift=kolbe_mini.shifts["E"]
    )
    findings = found()
    assert "planner at Greenville" in findings["XL-P020"].summary
    assert findings["XL-P021"].count == 1
    assert "technician from" in findings["XL-P021"].summary


def test_stale_mirror(kolbe_mini: KolbeMini) -> None:
    models.WorkOrder.objects.update(erp_synced_at=clock.now() - timedelta(hours=5))
    assert "5 h ago" in found()["XL-P030"].summary
    models.WorkOrder.objects.update(erp_synced_at=clock.now())
    assert "XL-P030" not in found()


def test_empty_catalogue(kolbe_mini: KolbeMini) -> None:
    models.ExceptionType.objects.update(active=False)
    assert found()["XL-P002"].level == Level.ERROR
