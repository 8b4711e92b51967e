"""The calendar people change: away and back, cover, swaps, taken shifts, rotations, holidays; who may, and races."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from threading import Barrier

import pytest
from django.db import ProgrammingError, connections, transaction

from core import clock
from core.errors import DomainError
from plant_app import models, selectors, services
from plant_app.selectors import ShiftBook
from plant_app.shift_times import Calendar, Pattern
from tests import factories as make
from tests.plant_fixtures import KolbeMini, build_kolbe_mini

MORNING = datetime(2026, 11, 17, 8, tzinfo=UTC)  # Tuesday, 09:00 in Rheinfelden
TODAY = date(2026, 11, 17)


@pytest.fixture
def plant(kolbe_mini: KolbeMini) -> Iterator[KolbeMini]:
    models.DutyAssignment.objects.filter(duty="technician").delete()
    with clock.travel(MORNING):
        yield kolbe_mini


def technician(plant: KolbeMini, name: str, shift: str | None = None, **more: object) -> models.User:
    person = make.UserFactory(username=name, display_name=name, function=plant.functions["maintenance"])
    models.DutyAssignment.objects.create(
        person=person, duty="technician", function=plant.functions["maintenance"], site=plant.rhf,
        shift=plant.shifts[shift] if shift else None, **more,
    )  # fmt: skip
    return person


def holders(plant: KolbeMini, at: datetime = MORNING) -> list[models.User]:
    return selectors.duty_holders(site=plant.rhf, duty="technician", at=at)


def refused(code: str, work: object, **kwargs: object) -> None:
    with pytest.raises(DomainError) as refusal:
        work(**kwargs)  # type: ignore[operator]
    assert refusal.value.code == code


def test_away_today_lasts_to_the_end_of_the_persons_day_and_back_ends_it(plant: KolbeMini) -> None:
    early, night = technician(plant, "early", "E"), technician(plant, "night", "N")
    gone = services.say_away(person=early, site=plant.rhf, actor=early)
    assert (gone.start, gone.end) == (MORNING, datetime(2026, 11, 17, 13, tzinfo=UTC))
    asleep = services.say_away(person=night, site=plant.rhf, actor=night)
    assert asleep.end == datetime(2026, 11, 18, 5, tzinfo=UTC)  # the night that begins today, to 06:00
    assert holders(plant) == []

    with clock.travel(MORNING + timedelta(minutes=5)):
        services.say_back(absence_id=gone.pk, site=plant.rhf, actor=early)
        services.say_back(absence_id=gone.pk, site=plant.rhf, actor=early)
    assert holders(plant, MORNING + timedelta(minutes=4)) == []
    assert holders(plant, MORNING + timedelta(minutes=5)) == [early]
    kinds = list(models.PresenceChange.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["away", "away", "back"]


def test_leads_change_the_calendar_of_their_people_and_nobody_elses(plant: KolbeMini) -> None:
    first, second = technician(plant, "first", "E"), technician(plant, "second", "L")
    lead, other = plant.people["bernd.hauser"], plant.people["tomas.ruiz"]
    say = {"person": first, "site": plant.rhf, "cover": second}
    refused("roster.not_allowed", services.say_away, actor=first, **say)
    refused("roster.not_allowed", services.say_away, actor=other, **say)
    absence = services.say_away(actor=lead, **say)  # type: ignore[arg-type]
    assert holders(plant) == [second]
    services.set_cover(absence_id=absence.pk, site=plant.rhf, cover=None, actor=plant.people["katrin.weber"])
    assert holders(plant) == []
    refused("roster.overlaps", services.say_away, person=first, site=plant.rhf, actor=first)
    refused(
        "roster.not_qualified", services.set_cover, absence_id=absence.pk, site=plant.rhf,
        cover=plant.people["lena.fischer"], actor=lead,
    )  # fmt: skip
    refused(
        "roster.ends_before_start", services.say_away, person=second, site=plant.rhf, actor=second,
        start=MORNING, end=MORNING,
    )  # fmt: skip


def test_a_swap_changes_hands_only_when_accepted_and_both_ways(plant: KolbeMini) -> None:
    early, late = technician(plant, "early", "E"), technician(plant, "late", "L")
    swap = services.ask_swap(
        asker=early, partner=late, site=plant.rhf, shift=plant.shifts["E"], day=date(2026, 11, 18),
        return_shift=plant.shifts["L"], return_day=date(2026, 11, 19), actor=early,
    )  # fmt: skip
    wednesday, thursday = MORNING + timedelta(days=1), MORNING + timedelta(days=2, hours=8)
    assert (holders(plant, wednesday), holders(plant, thursday)) == ([early], [late])
    refused("roster.not_allowed", services.answer_swap, swap_id=swap.pk, actor=early, accept=True)

    services.answer_swap(swap_id=swap.pk, actor=late, accept=True)
    services.answer_swap(swap_id=swap.pk, actor=late, accept=True)
    assert (holders(plant, wednesday), holders(plant, thursday)) == ([late], [early])
    assert models.Absence.objects.count() == 2
    refused("roster.swap_settled", services.answer_swap, swap_id=swap.pk, actor=late, accept=False)
    refused("roster.not_allowed", services.withdraw_swap, swap_id=swap.pk, actor=early)
    services.withdraw_swap(swap_id=swap.pk, actor=plant.people["katrin.weber"])
    assert (holders(plant, wednesday), models.Absence.objects.count()) == ([early], 0)


def test_a_swapped_night_over_a_clock_change_is_the_whole_night(plant: KolbeMini) -> None:
    night, early = technician(plant, "night", "N"), technician(plant, "early", "E")
    with clock.travel(datetime(2026, 10, 20, 8, tzinfo=UTC)):
        swap = services.ask_swap(
            asker=night, partner=early, site=plant.rhf, shift=plant.shifts["N"], day=date(2026, 10, 24),
            actor=night,
        )  # fmt: skip
        services.answer_swap(swap_id=swap.pk, actor=early, accept=True)
    absence = models.Absence.objects.get()
    assert (absence.end - absence.start, absence.kind) == (timedelta(hours=9), "swapped")
    assert holders(plant, datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == [early]


def test_taking_a_shift_over_takes_what_is_left_of_it(plant: KolbeMini) -> None:
    early, late = technician(plant, "early", "E"), technician(plant, "late", "L")
    take = {"person": early, "site": plant.rhf, "shift": plant.shifts["E"], "day": TODAY}
    absence = services.take_shift(taker=late, actor=late, **take)  # type: ignore[arg-type]
    assert (absence.start, absence.end) == (MORNING, datetime(2026, 11, 17, 13, tzinfo=UTC))
    assert holders(plant) == [late]
    refused("roster.overlaps", services.take_shift, taker=late, actor=late, **take)
    mate = technician(plant, "mate", "E")
    refused("roster.works_already", services.take_shift, taker=mate, actor=mate, **take)
    stranger = plant.people["lena.fischer"]
    refused("roster.not_qualified", services.take_shift, taker=stranger, actor=stranger, **take)


def test_a_rotation_says_who_is_on_and_holidays_who_is_not(plant: KolbeMini) -> None:
    team = models.Team.objects.create(
        site=plant.rhf, function=plant.functions["maintenance"], name="Blue crew"
    )
    models.TeamRotation.objects.create(team=team, starts_on=date(2026, 11, 16), cycle=["N", "N", "", "E"])
    person = technician(plant, "blue", team=team)
    at = datetime(2026, 11, 17, 1, tzinfo=UTC)  # Tuesday 02:00, the night that began on Monday
    assert holders(plant, at) == [person]
    assert holders(plant, MORNING) == []
    assert holders(plant, at + timedelta(days=1)) == [person]
    assert holders(plant, at + timedelta(days=2)) == []
    assert holders(plant, MORNING + timedelta(days=2)) == [person]  # Thursday, early
    assert [
        (one.shift.code, one.day) for one in selectors.stints(person=person, site=plant.rhf, start=MORNING)
    ][:2] == [("N", TODAY), ("E", date(2026, 11, 19))]

    models.Holiday.objects.create(site=plant.rhf, day=date(2026, 11, 19), name="Feast", closes="all")
    assert holders(plant, MORNING + timedelta(days=2)) == []
    assert ShiftBook.of(plant.rhf).at(MORNING + timedelta(days=2)) is None


def test_an_office_holiday_closes_offices_and_leaves_shifts(plant: KolbeMini) -> None:
    office = make.ShiftFactory(
        site=plant.rhf, code="O", start=time(7), end=time(17), office=True, weekdays=[0, 1, 2, 3, 4]
    )
    models.Holiday.objects.create(site=plant.rhf, day=TODAY, name="Town holiday")
    book = ShiftBook.of(plant.rhf)
    assert book.on(next(one for one in book.shifts if one.pk == office.pk), TODAY) is None
    running = book.at(MORNING)
    assert running is not None
    assert running.shift.code == "E"
    assert book.office().opens(MORNING) == datetime(2026, 11, 18, 6, tzinfo=UTC)


def test_open_minutes_are_counted_over_nights_weekends_and_clock_changes() -> None:
    zone = ShiftBook(models.Site(timezone="Europe/Berlin"), []).zone
    office = Calendar(zone, (Pattern(time(7), time(17), frozenset(range(5))),))
    friday = datetime(2026, 10, 23, 14, 30, tzinfo=UTC)  # 16:30, and the clocks go back on Sunday
    assert office.add(friday, 60) == datetime(2026, 10, 26, 6, 30, tzinfo=UTC)
    assert office.add(friday, 30) == datetime(2026, 10, 23, 15, 0, tzinfo=UTC)
    assert office.opens(friday + timedelta(hours=3)) == datetime(2026, 10, 26, 6, 0, tzinfo=UTC)
    assert Calendar(zone).add(friday, 60) == friday + timedelta(hours=1)


def test_the_log_of_presence_can_not_be_changed(plant: KolbeMini) -> None:
    early = technician(plant, "early", "E")
    services.say_away(person=early, site=plant.rhf, actor=early)
    line = models.PresenceChange.objects.get()
    with pytest.raises(ProgrammingError), transaction.atomic():
        models.PresenceChange.objects.filter(pk=line.pk).update(kind="back")
    with pytest.raises(ProgrammingError), transaction.atomic():
        line.delete()


def test_who_is_on_says_who_stands_in_and_which_posts_are_empty(plant: KolbeMini) -> None:
    early, cover = technician(plant, "early", "E"), technician(plant, "cover", "L")
    technician(plant, "night", "N")
    services.say_away(person=early, site=plant.rhf, actor=plant.people["bernd.hauser"], cover=cover)
    posts = {one.duty: one for one in selectors.who_is_on(site=plant.rhf, at=MORNING)}
    post = posts["technician"]
    assert [(one.person, one.stands_in_for) for one in post.people] == [(cover, early)]
    assert [(one.person, one.cover) for one in post.away] == [(early, cover)]
    models.DutyAssignment.objects.filter(person=cover).delete()
    assert posts["buyer"].people[0].person == plant.people["lena.fischer"]
    free = datetime(2026, 11, 17, 14, tzinfo=UTC)  # nobody of the late shift any more
    assert (
        next(o for o in selectors.who_is_on(site=plant.rhf, at=free) if o.duty == "technician").people == []
    )


@pytest.mark.django_db(transaction=True)
def test_two_take_the_same_shift_at_once_and_one_gets_it(transactional_db: None) -> None:
    with clock.travel(MORNING):
        plant = build_kolbe_mini()
    models.DutyAssignment.objects.filter(duty="technician").delete()
    early = technician(plant, "early", "E")
    takers = [technician(plant, f"late{number}", "L") for number in range(4)]
    barrier = Barrier(4)

    def take(number: int) -> str:
        try:
            barrier.wait(timeout=20)
            with clock.travel(MORNING):
                services.take_shift(
                    taker=takers[number], person=early, site=plant.rhf, shift=plant.shifts["E"], day=TODAY,
                    actor=takers[number],
                )  # fmt: skip
            return "taken"
        except DomainError as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(take, range(4)))
    assert answers == ["roster.overlaps"] * 3 + ["taken"]
    assert models.Absence.objects.filter(person=early).count() == 1
