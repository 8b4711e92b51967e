"""Who holds a duty: shifts, places, absences with cover, on call."""

from datetime import UTC, datetime, time, timedelta

import pytest

from plant_app import models, selectors
from plant_app.selectors import Via
from tests import factories as make
from tests.plant_fixtures import KolbeMini

EARLY = datetime(2026, 11, 17, 8, tzinfo=UTC)  # 09:00 in Rheinfelden
NIGHT = datetime(2026, 11, 18, 1, tzinfo=UTC)  # 02:00


@pytest.fixture
def plant(kolbe_mini: KolbeMini) -> KolbeMini:
    models.DutyAssignment.objects.filter(duty="technician").delete()
    return kolbe_mini


def technician(plant: KolbeMini, **kwargs: object) -> models.User:
    kwargs.setdefault("site", plant.rhf)
    return make.DutyAssignmentFactory(
        duty="technician", function=plant.functions["maintenance"], **kwargs
    ).person


def holders(plant: KolbeMini, at: datetime = EARLY, **kwargs: object) -> list[models.User]:
    return selectors.duty_holders(site=plant.rhf, duty="technician", at=at, **kwargs)  # type: ignore[arg-type]


def test_only_the_running_shift_is_on_duty(plant: KolbeMini) -> None:
    early = technician(plant, shift=plant.shifts["E"])
    night = technician(plant, shift=plant.shifts["N"])
    assert holders(plant) == [early]
    assert holders(plant, NIGHT) == [night]
    assert holders(plant, datetime(2026, 11, 17, 15, tzinfo=UTC)) == []


def test_nearest_place_first_and_other_areas_never(plant: KolbeMini) -> None:
    everywhere = technician(plant)
    area = technician(plant, area=plant.areas["MACH"])
    cell = technician(plant, area=plant.areas["MACH"], work_centre=plant.centres["MILL5"])
    technician(plant, area=plant.areas["FORM"])
    mill5, grind = plant.centres["MILL5"], plant.centres["GRIND"]
    assert holders(plant, work_centre=mill5) == [cell, area, everywhere]
    assert holders(plant, work_centre=grind) == [area, everywhere]
    assert holders(plant, area=plant.areas["MACH"]) == [area, cell, everywhere]
    assert holders(plant)[0] == everywhere


def test_position_decides_among_equals(plant: KolbeMini) -> None:
    second, first = technician(plant, position=2), technician(plant, position=1)
    assert holders(plant) == [first, second]


def test_function_narrows_and_other_sites_never_answer(plant: KolbeMini) -> None:
    here = technician(plant)
    technician(plant, site=plant.gvl)
    assert holders(plant, function="maintenance") == [here]
    assert holders(plant, function=plant.functions["quality"]) == []


def test_cover_stands_in_for_the_absent(plant: KolbeMini) -> None:
    away, cover = technician(plant), make.UserFactory()
    make.AbsenceFactory(
        person=away, cover=cover, start=EARLY - timedelta(hours=1), end=EARLY + timedelta(hours=1)
    )
    roster = selectors.duty_roster(site=plant.rhf, duty="technician", at=EARLY)
    assert [(holder.person, holder.via, holder.stands_in_for) for holder in roster] == [
        (cover, Via.COVER, away)
    ]
    assert holders(plant, EARLY + timedelta(hours=1)) == [away]


def test_absent_cover_is_no_cover(plant: KolbeMini) -> None:
    away, cover = technician(plant), make.UserFactory()
    span = {"start": EARLY - timedelta(hours=1), "end": EARLY + timedelta(hours=1)}
    make.AbsenceFactory(person=away, cover=cover, **span)
    make.AbsenceFactory(person=cover, **span)
    assert holders(plant) == []


def test_on_call_only_when_nobody_is_there(plant: KolbeMini) -> None:
    early = technician(plant, shift=plant.shifts["E"])
    called = technician(plant, on_call=True)
    assert holders(plant) == [early]
    roster = selectors.duty_roster(site=plant.rhf, duty="technician", at=NIGHT)
    assert [(holder.person, holder.via) for holder in roster] == [(called, Via.ON_CALL)]


def test_on_call_besides_the_own_shift(plant: KolbeMini) -> None:
    person = technician(plant, shift=plant.shifts["E"], on_call=True)
    assert selectors.duty_roster(site=plant.rhf, duty="technician", at=EARLY)[0].via == Via.SHIFT
    roster = selectors.duty_roster(site=plant.rhf, duty="technician", at=NIGHT)
    assert [(holder.person, holder.via) for holder in roster] == [(person, Via.ON_CALL)]


def test_office_staff_follow_their_calendar(plant: KolbeMini) -> None:
    office = make.ShiftFactory(
        site=plant.rhf, code="O", start=time(7), end=time(17), weekdays=[0, 1, 2, 3, 4], office=True
    )
    person = technician(plant, shift=office)
    assert holders(plant) == [person]
    assert holders(plant, datetime(2026, 11, 21, 8, tzinfo=UTC)) == []  # Saturday


def test_who_left_is_not_asked(plant: KolbeMini) -> None:
    person = technician(plant)
    person.is_active = False
    person.save()
    assert holders(plant) == []


def test_roster_costs_three_queries(plant: KolbeMini, django_assert_num_queries: object) -> None:
    for _person in range(4):
        technician(plant, shift=plant.shifts["E"])
    with django_assert_num_queries(3):  # type: ignore[operator]
        holders(plant, work_centre=plant.centres["MILL5"])


def test_gaps_are_found_at_shift_starts(plant: KolbeMini) -> None:
    technician(plant, shift=plant.shifts["E"])
    gaps = selectors.duties_without_holder(site=plant.rhf, start=EARLY, end=EARLY + timedelta(days=2))
    assert gaps == [("technician", datetime(2026, 11, 17, 13, tzinfo=UTC))]
