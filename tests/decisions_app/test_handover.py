"""The handover sheet: begun once a shift, drawn from records, frozen by the first signature, closed by the second."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import ProgrammingError, transaction

from core import clock
from core.errors import DomainError
from decisions_app import services
from decisions_app.models import HandoverSheet
from exceptions_app import services as exceptions
from plant_app import models
from plant_app.services.plan import note_override
from tests import factories as make
from tests.decisions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

END = datetime(2026, 11, 17, 13, 0, tzinfo=UTC)  # 14:00 in Rheinfelden: the early shift ends
SOON = END - timedelta(minutes=10)
MORNING = datetime(2026, 11, 17, 9, 14, tzinfo=UTC)  # 10:14 there
pytestmark = pytest.mark.built_at(MORNING)


@pytest.fixture(autouse=True)
def at_morning() -> Iterator[None]:
    """10:14 in Rheinfelden, before the plant is built."""
    with clock.travel(MORNING):
        yield


@pytest.fixture
def leads(plant: KolbeMini) -> tuple[models.User, models.User]:
    """Outgoing and incoming line lead of forming."""
    late = make.UserFactory(username="late.lead", function=plant.functions["production"])
    make.AccessGrantFactory(user=late, site=plant.rhf, role="responder")
    models.DutyAssignment.objects.create(
        person=late, duty="line_lead", function=plant.functions["production"], site=plant.rhf,
        area=plant.areas["FORM"], shift=plant.shifts["L"],
    )  # fmt: skip
    return plant.people["nils.ahrens"], late


def sheet_of(plant: KolbeMini, area: str = "FORM", day: date = date(2026, 11, 17)) -> HandoverSheet:
    return HandoverSheet.objects.get(area=plant.areas[area], shift=plant.shifts["E"], day=day)


def refused(code: str, work: object, **kwargs: object) -> None:
    with pytest.raises(DomainError) as refusal:
        work(**kwargs)  # type: ignore[operator]
    assert refusal.value.code == code


def test_each_area_has_one_sheet_a_shift_and_a_night_belongs_to_the_day_it_began(plant: KolbeMini) -> None:
    with clock.travel(datetime(2026, 11, 18, 1, 0, tzinfo=UTC)):  # 02:00
        assert services.prepare_sheets() > 0
        assert services.prepare_sheets() == 0
    night = HandoverSheet.objects.get(area=plant.areas["FORM"], shift=plant.shifts["N"])
    assert night.day == date(2026, 11, 17)
    assert (night.starts_at, night.ends_at) == (
        datetime(2026, 11, 17, 21, tzinfo=UTC), datetime(2026, 11, 18, 5, tzinfo=UTC),
    )  # fmt: skip
    assert night.due_at == night.ends_at + timedelta(minutes=30)


def test_both_sign_and_nothing_of_it_changes_any_more(
    plant: KolbeMini, report: Report, leads: tuple[models.User, models.User]
) -> None:
    outgoing, incoming = leads
    with clock.travel(SOON - timedelta(hours=1)):
        exception = report("press 4 down, hydraulic leak")
        services.prepare_sheets()
        sheet = sheet_of(plant)
        services.write_notes(
            sheet_id=sheet.pk, actor=outgoing, notes="Oil on the floor", look_first=["PRS-04", " ", "Die 12"],
            expected_version=0,
        )  # fmt: skip
        refused(
            "handover.stale", services.write_notes, sheet_id=sheet.pk, actor=outgoing, notes="x", look_first=[],
            expected_version=0,
        )  # fmt: skip
    with clock.travel(SOON):
        refused("handover.outgoing_first", services.sign_incoming, sheet_id=sheet.pk, person=incoming)
        signed = services.sign_outgoing(sheet_id=sheet.pk, person=outgoing)
        assert services.sign_outgoing(sheet_id=sheet.pk, person=outgoing).outgoing_at == SOON
        refused("handover.signed", services.sign_outgoing, sheet_id=sheet.pk, person=incoming)
        refused("handover.same_person", services.sign_incoming, sheet_id=sheet.pk, person=outgoing)
        refused(
            "handover.frozen",
            services.write_notes,
            sheet_id=sheet.pk,
            actor=outgoing,
            notes="y",
            look_first=[],
        )
    sections = {one["key"]: one["rows"] for one in signed.content["sections"]}
    assert [row["ref"] for row in sections["open"]] == [exception.ref]
    assert "Not acknowledged" in sections["open"][0]["detail"]
    assert (signed.figures["opened"], signed.figures["open"], signed.figures["unacknowledged"]) == (1, 1, 1)
    assert signed.look_first == ["PRS-04", "Die 12"]

    # What happens afterwards is the next shift's: the signed sheet keeps what it said.
    with clock.travel(SOON + timedelta(minutes=1)):
        report("press 3 down, no pressure")
    with pytest.raises(ProgrammingError), transaction.atomic():
        HandoverSheet.objects.filter(pk=sheet.pk).update(figures={"opened": 0})
    with clock.travel(END + timedelta(minutes=5)):
        done = services.sign_incoming(sheet_id=sheet.pk, person=incoming, remarks="Seen", by="badge")
    assert (done.incoming, done.remarks, done.figures["opened"]) == (incoming, "Seen", 1)
    for change in ({"remarks": "other"}, {"notes": "other"}, {"incoming_at": END}):
        with pytest.raises(ProgrammingError), transaction.atomic():
            HandoverSheet.objects.filter(pk=sheet.pk).update(**change)
    with pytest.raises(ProgrammingError), transaction.atomic():
        HandoverSheet.objects.filter(pk=sheet.pk).delete()


def test_only_leads_of_the_place_sign_and_not_hours_before(
    plant: KolbeMini, leads: tuple[models.User, models.User]
) -> None:
    with clock.travel(END - timedelta(hours=3)):
        services.prepare_sheets()
        sheet = sheet_of(plant)
        refused("handover.too_early", services.sign_outgoing, sheet_id=sheet.pk, person=leads[0])
        refused("handover.not_found", services.sign_outgoing, sheet_id=0, person=leads[0])
    with clock.travel(SOON):
        for name in ("tomas.ruiz", "lena.fischer", "maya.johnson"):
            refused(
                "handover.not_a_lead", services.sign_outgoing, sheet_id=sheet.pk, person=plant.people[name]
            )
        services.sign_outgoing(sheet_id=sheet.pk, person=plant.people["katrin.weber"])


def test_the_sheet_names_the_acknowledgements_of_those_who_leave(
    plant: KolbeMini, report: Report, leads: tuple[models.User, models.User]
) -> None:
    models.DutyAssignment.objects.filter(person=plant.people["jonas.keller"]).update(shift=plant.shifts["E"])
    exception = report("press 4 down, hydraulic leak")
    response = exception.responses.get(is_owner=True)
    exceptions.act(response_id=response.pk, actor=plant.people["jonas.keller"], via="station")
    services.prepare_sheets()
    with clock.travel(SOON):
        sheet = services.sign_outgoing(sheet_id=sheet_of(plant).pk, person=leads[0])
    take = next(one for one in sheet.content["sections"] if one["key"] == "take")["rows"]
    assert [(row["ref"], row["who"], row["detail"]) for row in take] == [
        (exception.ref, "Jonas Keller", "Acting")
    ]


def test_a_sites_first_sheets_are_of_a_shift_somebody_can_still_hand_over(plant: KolbeMini) -> None:
    early = HandoverSheet.objects.filter(shift=plant.shifts["E"])
    # the night before and a shift that is nearly over are nobody's to sign
    with clock.travel(SOON):
        services.prepare_sheets()
        assert not HandoverSheet.objects.filter(site=plant.rhf, ends_at__lte=END).exists()
    with clock.travel(END + timedelta(minutes=1)):
        services.prepare_sheets()
        assert not early.exists()
        late = HandoverSheet.objects.filter(shift=plant.shifts["L"])
        assert late.count() == len([one for one in plant.areas.values() if one.site_id == plant.rhf.pk])
        assert all(one.due_at > clock.now() for one in HandoverSheet.objects.all())
    # from then on an outage makes up for the shifts of the last twelve hours
    with clock.travel(END + timedelta(hours=17)):
        services.prepare_sheets()
        assert HandoverSheet.objects.filter(shift=plant.shifts["N"], day=date(2026, 11, 17)).exists()


def test_orders_of_work_the_floor_kept_stand_on_the_sheet(
    plant: KolbeMini, leads: tuple[models.User, models.User]
) -> None:
    centre = models.WorkCentre.objects.filter(area=plant.areas["FORM"])[0]
    elsewhere = models.WorkCentre.objects.exclude(area=plant.areas["FORM"])[0]
    lead = leads[0]
    for ref, where, at in (
        ("a", centre, SOON), ("b", centre, END - timedelta(hours=9)), ("c", elsewhere, SOON), ("a", centre, SOON),
    ):  # fmt: skip
        with clock.travel(at - timedelta(minutes=1)):
            note_override(
                work_centre=where, title="Order 4711 first", reason="Finish the running lot", note="40 left", by=lead,
                origin_ref=ref,
            )  # fmt: skip
    services.prepare_sheets()
    with clock.travel(SOON):
        sheet = services.sign_outgoing(sheet_id=sheet_of(plant).pk, person=lead)
    rows = next(one for one in sheet.content["sections"] if one["key"] == "overrides")["rows"]
    assert [(row["what"], row["detail"], row["who"]) for row in rows] == [
        (f"{centre.code}: Order 4711 first", "Finish the running lot: 40 left", str(lead))
    ]
    assert sheet.figures["overrides"] == 1
