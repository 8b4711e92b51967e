"""A handover sheet nobody has signed: the leads hear of it, then the next level, once each, with the true age."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail

from core import clock
from decisions_app import services as decisions
from decisions_app.models import HandoverSheet
from notify_app.models import SheetNotice
from notify_app.services import tell_late_sheets
from plant_app import models
from tests import factories as make
from tests.plant_fixtures import KolbeMini

END = datetime(2026, 11, 17, 13, 0, tzinfo=UTC)  # 14:00 in Rheinfelden: the early shift ends


@pytest.fixture
def sheet(kolbe_mini: KolbeMini, monkeypatch: pytest.MonkeyPatch) -> HandoverSheet:
    """Forming's sheet of the early shift; both leads and an area manager are there, and mail really goes out."""
    plant = kolbe_mini
    monkeypatch.setattr(clock, "moved", lambda: False)
    models.DutyAssignment.objects.filter(site=plant.rhf, duty__in=("line_lead", "area_manager")).delete()
    for name, duty, shift in (
        ("out.lead", "line_lead", "E"), ("in.lead", "line_lead", "L"), ("boss", "area_manager", "L"),
    ):  # fmt: skip
        person = make.UserFactory(
            username=name, function=plant.functions["production"], email=f"{name}@kolbe.example"
        )
        make.AccessGrantFactory(user=person, site=plant.rhf, role="responder")
        models.DutyAssignment.objects.create(
            person=person, duty=duty, function=plant.functions["production"], site=plant.rhf,
            area=plant.areas["FORM"], shift=plant.shifts[shift],
        )  # fmt: skip
    with clock.travel(END - timedelta(hours=3)):
        decisions.prepare_sheets()
        return HandoverSheet.objects.get(
            area=plant.areas["FORM"], shift=plant.shifts["E"], day=date(2026, 11, 17)
        )


def told(sheet: HandoverSheet) -> list[tuple[str, str, str]]:
    rows = SheetNotice.objects.filter(sheet=sheet, channel="in_app").select_related("person").order_by("pk")
    return [(row.step, row.person.username if row.person else "", row.body) for row in rows]


def later(minutes: float) -> int:
    with clock.travel(END + timedelta(minutes=minutes)):
        return tell_late_sheets()


def mailed(who: str) -> list[str]:
    return [one.subject for one in mail.outbox if one.to == [f"{who}@kolbe.example"]]


def test_the_leads_hear_of_it_then_the_next_level_once_each(sheet: HandoverSheet) -> None:
    later(14)
    assert told(sheet) == []
    for minutes in (15, 16, 29):
        later(minutes)
    words = "The shift ended at 14:00, 15 min ago; neither lead has signed."
    assert told(sheet) == [("leads", "out.lead", words), ("leads", "in.lead", words)]
    for minutes in (30, 31, 60, 300):
        later(minutes)
    assert told(sheet)[2:] == [
        ("next", "boss", "The shift ended at 14:00, 30 min ago; neither lead has signed.")
    ]
    assert [len(mailed(who)) for who in ("out.lead", "in.lead", "boss")] == [1, 1, 1]
    assert mailed("boss")[0] == f"Handover not signed: {sheet}"
    letter = next(one for one in mail.outbox if one.to == ["boss@kolbe.example"])
    assert f"/handover/{sheet.pk}/" in str(letter.body)


def test_after_an_outage_both_hear_of_it_once_with_the_true_age(sheet: HandoverSheet) -> None:
    later(95)
    later(96)
    assert [(step, who) for step, who, _ in told(sheet)] == [
        ("leads", "out.lead"), ("leads", "in.lead"), ("next", "boss"),
    ]  # fmt: skip
    assert {body for _, _, body in told(sheet)} == {
        "The shift ended at 14:00, 1 h 35 min ago; neither lead has signed."
    }


def test_who_has_signed_hears_nothing_and_a_signed_sheet_is_left_alone(
    kolbe_mini: KolbeMini, sheet: HandoverSheet
) -> None:
    outgoing = models.User.objects.get(username="out.lead")
    with clock.travel(END):
        decisions.sign_outgoing(sheet_id=sheet.pk, person=outgoing)
    later(20)
    assert told(sheet) == [
        ("leads", "in.lead", "The shift ended at 14:00, 20 min ago; the incoming lead has not signed.")
    ]
    with clock.travel(END + timedelta(minutes=25)):
        decisions.sign_incoming(sheet_id=sheet.pk, person=models.User.objects.get(username="in.lead"))
    later(40)
    assert [step for step, _, _ in told(sheet)] == ["leads"]


def test_with_nobody_on_duty_that_stands_there(sheet: HandoverSheet) -> None:
    models.DutyAssignment.objects.all().delete()
    later(45)
    rows = SheetNotice.objects.filter(sheet=sheet).order_by("pk")
    assert [(row.step, row.person, row.status, row.detail) for row in rows] == [
        ("leads", None, "held", "nobody on duty"), ("next", None, "held", "nobody on duty"),
    ]  # fmt: skip
    assert mail.outbox == []


def test_what_lies_a_day_back_is_no_news(sheet: HandoverSheet) -> None:
    later(24 * 60)
    assert told(sheet) == []


def test_a_refused_mail_is_tried_again(sheet: HandoverSheet, settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # type: ignore[attr-defined]
    later(15)
    row = SheetNotice.objects.get(sheet=sheet, person__username="out.lead", channel="email")
    assert (row.status, row.attempts) == ("queued", 1)
    assert row.detail.startswith("mail server away")
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"  # type: ignore[attr-defined]
    later(17)
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("sent", 2)
    assert len(mailed("out.lead")) == 1
