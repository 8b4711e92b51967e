"""Why this owner, why was I told or not: from route, trace, rosters, tellings and notices."""

from datetime import time, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from core import clock
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord, Telling
from notify_app import services as notices
from notify_app.models import Notice, Preference
from plant_app.models import Absence, DutyAssignment
from tests.boards_app.conftest import As
from tests.boards_app.pages import DOWN, htmx
from tests.decisions_app.conftest import Report, response_of
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.django_db


@pytest.fixture
def exception(report: Report) -> ExceptionRecord:
    """Press 4 is down."""
    return report(DOWN)


def ask(plant: KolbeMini, reader: str, exception: ExceptionRecord, person: str = "") -> Any:
    client = APIClient()
    client.force_authenticate(plant.people[reader])
    query = {"person": person} if person else {}
    return client.get(f"/api/v1/exceptions/{exception.ref}/why/", query)


def codes(answer: Any, part: str = "person") -> list[str]:
    assert answer.status_code == 200, answer.content
    return [reason["code"] for reason in answer.json()[part]["reasons"]]


def words(answer: Any, part: str = "person") -> str:
    return " ".join(reason["words"] for reason in answer.json()[part]["reasons"])


def test_the_owner_is_explained_by_rule_conditions_and_roster(
    plant: KolbeMini, exception: ExceptionRecord
) -> None:
    answer = ask(plant, "ingrid.vogel", exception)

    assert answer.json()["owner"]["lead"] == "Jonas Keller owns it for Maintenance as technician."
    assert codes(answer, "owner")[0] == "rule"
    said = words(answer, "owner")
    rule = exception.route.outcome
    assert f"Rule {rule['rule_number']} of version 1" in said
    assert "Jonas Keller was the only one on duty as technician" in said
    assert "condition" in codes(answer, "owner")


def test_a_passed_on_record_says_who_passed_it_on(plant: KolbeMini, exception: ExceptionRecord) -> None:
    exceptions.reroute(
        exception_id=exception.pk, function_code="quality", actor=plant.people["ingrid.vogel"], via="desk",
        reason="The seal is a bad lot",
    )  # fmt: skip

    answer = ask(plant, "ingrid.vogel", exception)

    moved = [one for one in answer.json()["owner"]["reasons"] if one["code"] == "moved"]
    assert len(moved) == 1
    assert "Ingrid Vogel" in moved[0]["words"]
    assert "The seal is a bad lot" in moved[0]["words"]
    assert answer.json()["owner"]["lead"].startswith("Priya Nair owns it for Quality")


def test_whoever_was_told_sees_why_and_by_what(plant: KolbeMini, exception: ExceptionRecord) -> None:
    answer = ask(plant, "jonas.keller", exception)

    about = answer.json()["person"]
    assert (about["username"], about["told"]) == ("jonas.keller", True)
    assert about["lead"] == f"Jonas Keller was told of {exception.ref}."
    assert codes(answer)[:2] == ["telling.first", "notice"]
    assert f"Maintenance owns it by rule {exception.route.rule_number}" in words(answer)
    assert "In the portal: delivered" in words(answer)


def test_a_telling_that_was_dropped_says_why(plant: KolbeMini, exception: ExceptionRecord) -> None:
    Telling.objects.create(
        exception=exception, person=plant.people["claire.dubois"], role="engineering_lead", reason="first",
        due_at=clock.now(), taken_at=clock.now(), dropped="already answered",
    )  # fmt: skip

    answer = ask(plant, "claire.dubois", exception)

    assert answer.json()["person"]["told"] is False
    assert answer.json()["person"]["lead"].endswith("but no notice went out.")
    assert "It was not needed any more: already answered." in words(answer)


def test_a_level_of_the_ladder_not_reached_is_named_with_its_time(
    plant: KolbeMini, exception: ExceptionRecord
) -> None:
    lead = plant.holder("maintenance_lead").username
    before = ask(plant, lead, exception)
    assert before.json()["person"]["told"] is False
    assert "level_to_come" in codes(before)
    assert "Maintenance’s ladder" in words(before)

    response = response_of(exception, "maintenance")
    exceptions.acknowledge(response_id=response.pk, actor=response.person, via="inbox")

    after = ask(plant, lead, exception)
    assert "level_not_needed" in codes(after)
    assert "Jonas Keller had acknowledged" in words(after)


def test_after_an_escalation_the_next_level_was_told_and_says_so(
    plant: KolbeMini, exception: ExceptionRecord
) -> None:
    lead = plant.holder("maintenance_lead").username
    with clock.travel(clock.now() + timedelta(minutes=int(exception.limits["acknowledge"]) + 2)):
        exceptions.escalate_due()
        notices.take_tellings()
        answer = ask(plant, lead, exception)

    assert answer.json()["person"]["told"] is True
    assert "telling.escalation" in codes(answer)
    assert "nobody had acknowledged by the limit" in words(answer)


def test_who_was_away_is_said_to_have_been_away(plant: KolbeMini, report: Report) -> None:
    second = plant.people["nils.ahrens"]
    DutyAssignment.objects.create(
        person=second, duty="technician", function=plant.functions["maintenance"], site=plant.rhf, position=5
    )
    now = clock.now()
    Absence.objects.create(
        person=plant.people["jonas.keller"], start=now - timedelta(hours=1), end=now + timedelta(hours=8),
        cover=plant.people["bernd.hauser"],
    )  # fmt: skip
    exception = report(DOWN)

    answer = ask(plant, "ingrid.vogel", exception, "jonas.keller")

    assert answer.json()["person"]["told"] is False
    assert {"asked_other", "not_on_duty", "absent"} <= set(codes(answer))
    assert "Bernd Hauser stood in" in words(answer)


def test_a_duty_the_route_does_not_name_gets_the_rules_that_would(
    plant: KolbeMini, exception: ExceptionRecord
) -> None:
    answer = ask(plant, "ingrid.vogel", exception, "lena.fischer")

    assert codes(answer)[0] == "duty_not_named"
    assert "The route asks for no buyer." in words(answer)
    assert "rule_silent" in codes(answer)
    assert "but did not hold: type is" in words(answer)


def test_somebody_without_duty_or_access_is_told_that(plant: KolbeMini, exception: ExceptionRecord) -> None:
    assert codes(ask(plant, "ingrid.vogel", exception, "sofia.brandt")) == ["no_duty"]


def test_who_may_ask_about_whom(plant: KolbeMini, exception: ExceptionRecord) -> None:
    assert ask(plant, "dana.brooks", exception).status_code == 404
    assert APIClient().get(f"/api/v1/exceptions/{exception.ref}/why/").status_code in {401, 403}
    hidden = ask(plant, "erp.integration", exception, "jonas.keller")
    assert (hidden.status_code, hidden.json()["code"]) == (403, "people.not_allowed")
    assert ask(plant, "erp.integration", exception).status_code == 200
    stranger = ask(plant, "ingrid.vogel", exception, "dana.brooks")
    assert (stranger.status_code, stranger.json()["code"]) == (404, "people.not_found")
    before = Notice.objects.filter(seen_at__isnull=False).count()
    assert ask(plant, "piotr.nowak", exception, "jonas.keller").status_code == 200
    assert Notice.objects.filter(seen_at__isnull=False).count() == before


def test_wishes_are_shown_to_their_owner_and_to_administrators_only(
    plant: KolbeMini, exception: ExceptionRecord
) -> None:
    Preference.objects.create(
        user=plant.people["jonas.keller"], quiet_from=time(22), quiet_until=time(6), override="critical"
    )
    theirs = set(codes(ask(plant, "jonas.keller", exception)))
    administrators = set(codes(ask(plant, "sofia.brandt", exception, "jonas.keller")))
    others = set(codes(ask(plant, "piotr.nowak", exception, "jonas.keller")))

    assert "quiet" in theirs
    assert theirs == administrators
    assert not others & {"no_address", "preference", "quiet"}


def test_the_page_asks_in_its_dialog(plant: KolbeMini, exception: ExceptionRecord, as_: As) -> None:
    reader = as_("jonas.keller")
    page = reader.get(f"/exceptions/{exception.ref}/").content.decode()
    assert f'hx-get="/exceptions/{exception.ref}/why/"' in page

    dialog = reader.get(f"/exceptions/{exception.ref}/why/", headers=htmx()).content.decode()
    assert "hx-swap-oob" in dialog
    assert f"Jonas Keller was told of {exception.ref}." in dialog
    assert '<option value="ingrid.vogel">' in dialog
    whole = reader.get(f"/exceptions/{exception.ref}/why/?person=lena.fischer").content.decode()
    assert f"Lena Fischer was not told of {exception.ref}." in whole
    assert '<option value="lena.fischer" selected>' in whole
    assert as_("dana.brooks").get(f"/exceptions/{exception.ref}/why/").status_code == 404
