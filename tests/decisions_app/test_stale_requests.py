"""Requests for a yes that go out of date: found by the sweep, ended with a code, told, with a next step."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client

from core import clock
from decisions_app import services as decisions
from decisions_app.models import Approval, Option
from decisions_app.services.stale import LOOK_EVERY
from exceptions_app.models import ExceptionRecord
from exceptions_app.models.records import EventKind
from plant_app.models import Delivery, DeliveryLine, DutyAssignment, SalesOrderLine, User
from tests.plant_fixtures import KolbeMini

SCRAP = {"quantity": "36", "reason": "DIM-SIZE"}  # 36 x 142 = 5,112: over an area manager's 5,000


@pytest.fixture
def asked(plant: KolbeMini, held: ExceptionRecord) -> Approval:
    (row,) = decisions.ask_approval(
        exception_id=held.pk, option_code="scrap", inputs=SCRAP, actor=plant.people["stefan.roth"],
        reason="not restorable",
    )  # fmt: skip
    assert decisions.remind_due() == 0
    return row


def sweep(after: timedelta = LOOK_EVERY) -> int:
    """The sweep, when it is next due to look."""
    with clock.travel(clock.now() + after + timedelta(seconds=1)):
        return decisions.remind_due()


def less(row: Approval) -> None:
    ExceptionRecord.objects.filter(pk=row.exception_id).update(quantity=30)


def not_offered(row: Approval) -> None:
    Option.objects.filter(pk=row.option_id).update(active=False)


def moved_away(row: Approval) -> None:
    DutyAssignment.objects.filter(person=row.asked_by_id).delete()


def nobody_left(row: Approval) -> None:
    roles = ["plant_manager", "operations_director"]
    DutyAssignment.objects.filter(site=row.exception.site_id, duty__in=roles).delete()


CHANGES: tuple[tuple[Callable[[Approval], None], str, str], ...] = (
    (less, "approvals.record_changed", "changed since: quantity"),
    (not_offered, "approvals.option_gone", "Scrap is no longer offered"),
    (moved_away, "approvals.no_longer_permitted", "Scrap is decided by"),
    (nobody_left, "approvals.approver_left", "nobody is left who could answer as plant manager"),
)


def test_what_no_longer_stands_is_ended_by_the_sweep(
    plant: KolbeMini, asked: Approval, held: ExceptionRecord
) -> None:
    for change, code, words in CHANGES:
        with transaction.atomic():
            change(asked)
            assert sweep() == 1, code
            asked.refresh_from_db()
            assert (asked.status, asked.end_code, asked.remind_at) == ("stale", code, None)
            assert asked.answer.startswith(words)
            told = held.tellings.get(person=plant.people["stefan.roth"], text__startswith="Ask again")
            assert words in told.text
            ended = held.events.filter(kind=EventKind.APPROVAL, data__step="stale").get()
            assert ended.data["code"] == code
            held.refresh_from_db()
            step = "ask again or decide otherwise, the request for Scrap is out of date"
            assert held.next_step == f"{plant.people['stefan.roth']}: {step}"
            assert (held.status, held.decisions.count()) == ("acknowledged", 0)
            # it is looked at once
            assert sweep() == 0
            transaction.set_rollback(True)
        asked.refresh_from_db()
    # a record that is over keeps its own step
    ExceptionRecord.objects.filter(pk=held.pk).update(
        status="cancelled", previous_status="acknowledged", next_step=""
    )
    assert sweep() == 1
    asked.refresh_from_db()
    assert (asked.end_code, asked.answer) == ("approvals.record_moved_on", f"{held.ref} is cancelled")
    held.refresh_from_db()
    assert held.next_step == ""
    assert held.tellings.filter(
        person=plant.people["stefan.roth"], text__startswith="Your request is over"
    ).exists()


def test_who_asked_and_left_is_not_told_but_whoever_owns_it_is(
    plant: KolbeMini, asked: Approval, held: ExceptionRecord
) -> None:
    User.objects.filter(pk=plant.people["stefan.roth"].pk).update(is_active=False)
    assert sweep() == 1
    asked.refresh_from_db()
    assert asked.end_code == "approvals.asker_left"
    told = held.tellings.get(text__startswith="Ask again or decide otherwise")
    assert told.person != plant.people["stefan.roth"]
    held.refresh_from_db()
    assert "stefan" not in held.next_step.lower()


def test_a_lapsed_option_ends_the_request_unless_it_was_asked_for_late(
    plant: KolbeMini, held: ExceptionRecord
) -> None:
    # a truck leaves with the lot in an hour; looking at it again takes half of that
    line = SalesOrderLine.objects.get(order__number="40017810", line=10)
    leaves = clock.now() + timedelta(minutes=60)
    truck = Delivery.objects.create(
        number="80000999", site=plant.rhf, customer=line.order.customer, planned_at=leaves
    )
    DeliveryLine.objects.create(delivery=truck, sales_line=line, lot=held.lot, quantity=36)

    def ask() -> Approval:
        (row,) = decisions.ask_approval(
            exception_id=held.pk, option_code="scrap", inputs=SCRAP, actor=plant.people["stefan.roth"]
        )
        return row

    first = ask()
    assert sweep() == 0
    assert sweep(timedelta(minutes=31)) == 1
    first.refresh_from_db()
    assert (first.status, first.end_code) == ("stale", "approvals.option_lapsed")
    assert first.answer == "Scrap is no longer possible: then delivery 80000999 leaves with it"
    # whoever knows that it is late and asks all the same gets an answer
    with clock.travel(leaves - timedelta(minutes=20)):
        late = ask()
        assert late.basis["late"] is True
        given = decisions.approve(approval_id=late.pk, actor=plant.people["robert.kolbe"])
    assert given.status == "given"
    assert held.decisions.count() == 1


def test_whose_person_left_is_passed_on_to_who_holds_the_role_or_one_above(
    plant: KolbeMini, asked: Approval, held: ExceptionRecord
) -> None:
    director = plant.people["susanne.adler"]
    assert asked.person == plant.people["robert.kolbe"]
    User.objects.filter(pk=plant.people["robert.kolbe"].pk).update(is_active=False)
    assert sweep() == 1
    asked.refresh_from_db()
    assert (asked.status, asked.person) == ("waiting", director)
    assert held.tellings.filter(person=director, text__startswith="Approve: Scrap").count() == 1
    held.refresh_from_db()
    assert held.next_step == f"{director}: approve Scrap"
    assert sweep() == 0
    assert decisions.approve(approval_id=asked.pk, actor=director).status == "given"


def test_a_stale_answer_over_http_says_so_and_the_page_offers_to_ask_again(
    plant: KolbeMini, asked: Approval, held: ExceptionRecord
) -> None:
    less(asked)
    client = Client()
    client.force_login(plant.people["robert.kolbe"])
    answer = client.post(f"/api/v1/approvals/{asked.pk}/approve/", {}, content_type="application/json")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["end_code"]) == ("stale", "approvals.record_changed")
    client.force_login(plant.people["stefan.roth"])
    page = client.get(f"/exceptions/{held.ref}/").content.decode()
    assert "Out of date" in page
    assert f"/exceptions/{held.ref}/?option=scrap#decide" in page
