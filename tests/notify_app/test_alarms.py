"""Alarms of the outbox: raised once by count, age and silence, told once to whoever answers for it, then cleared."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connections, transaction

from core import clock
from core.doctor import Level
from erp_sync.alarm_doctor import alarms
from erp_sync.models import ConnectionSite, ErpConnection, OutboxAlarm, Posting
from erp_sync.services import sweep_alarms
from execlayer.health import metrics
from notify_app.models import AlarmNotice
from notify_app.services import alarm_notices, tell_alarms
from plant_app import models
from tests import factories as make
from tests.plant_fixtures import KolbeMini

NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)  # 10:00 in Rheinfelden, early shift


@pytest.fixture
def erp(kolbe_mini: KolbeMini, monkeypatch: pytest.MonkeyPatch) -> ErpConnection:
    """An ERP of Rheinfelden with somebody who integrates it and a planner on the early shift; mail really goes out."""
    plant = kolbe_mini
    monkeypatch.setattr(clock, "moved", lambda: False)
    models.DutyAssignment.objects.filter(site=plant.rhf, duty__in=("planner", "planning_lead")).delete()
    models.AccessGrant.objects.filter(role="integrator").delete()
    for name, role in (
        ("erp.keeper", "integrator"),
        ("early.planner", "planner"),
        ("late.planner", "planner"),
    ):
        person = make.UserFactory(
            username=name, function=plant.functions["planning"], email=f"{name}@kolbe.example"
        )
        make.AccessGrantFactory(user=person, site=plant.rhf, role=role)
        if role == "planner":
            models.DutyAssignment.objects.create(
                person=person, duty="planner", function=plant.functions["planning"], site=plant.rhf,
                shift=plant.shifts["E" if name.startswith("early") else "L"],
            )  # fmt: skip
    connection = ErpConnection.objects.create(
        code="main", name="Main ERP", kind="scripted", alarm_count=3, alarm_after=timedelta(hours=4)
    )
    ConnectionSite.objects.create(connection=connection, site=plant.rhf)
    return connection


def refused(erp: ErpConnection, number: int, since: datetime) -> Posting:
    return Posting.objects.create(
        connection=erp, site=erp.sites.get(), business_key=f"KEY{number:013d}", kind="cost", status="rejected",
        status_at=since, payload={}, occurred_at=since, posting_date=since.date(), created_at=since, due_at=since,
        error_code="erp.refused",
    )  # fmt: skip


def at(minutes: float) -> tuple[int, int]:
    """Sweep and tell so many minutes on; alarms raised, notices written or tried."""
    with clock.travel(NOW + timedelta(minutes=minutes)):
        return sweep_alarms(), tell_alarms()


def open_kinds() -> list[str]:
    return sorted(OutboxAlarm.objects.filter(cleared_at=None).values_list("kind", flat=True))


def test_many_refused_raise_one_alarm_that_is_told_once(erp: ErpConnection) -> None:
    for number in range(2):
        refused(erp, number, NOW - timedelta(minutes=10))
    assert at(0) == (0, 0)
    refused(erp, 2, NOW)
    raised, _ = at(1)
    assert (raised, open_kinds()) == (1, ["count"])
    refused(erp, 3, NOW)
    for minutes in (2, 3, 60):
        assert at(minutes)[0] == 0
    alarm = OutboxAlarm.objects.get()
    assert (alarm.count, alarm.site, alarm.told_at) == (4, erp.sites.get(), NOW + timedelta(minutes=1))
    told = AlarmNotice.objects.filter(channel="in_app").order_by("pk")
    assert [(row.role, row.person.username) for row in told if row.person] == [
        ("integrator", "erp.keeper"), ("planner", "early.planner"),
    ]  # fmt: skip
    assert sorted(one.to[0] for one in mail.outbox) == [
        "early.planner@kolbe.example",
        "erp.keeper@kolbe.example",
    ]
    assert {one.subject for one in mail.outbox} == {"3 postings refused or held: Main ERP at Rheinfelden"}
    assert "/postings/errors/" in str(mail.outbox[0].body)


def test_an_old_one_raises_an_alarm_and_its_end_clears_it(erp: ErpConnection) -> None:
    posting = refused(erp, 1, NOW)
    assert at(239)[0] == 0
    assert at(240)[0] == 1
    assert open_kinds() == ["age"]
    told = AlarmNotice.objects.count()
    Posting.objects.filter(pk=posting.pk).update(status="cancelled", settled_at=NOW + timedelta(hours=5))
    assert at(300)[0] == 0
    assert open_kinds() == []
    assert OutboxAlarm.objects.get().cleared_at == NOW + timedelta(minutes=300)
    assert AlarmNotice.objects.count() == told


def test_a_silent_erp_is_told_after_five_minutes_and_coming_back_for_a_moment_is_no_new_alarm(
    erp: ErpConnection,
) -> None:
    rows = ErpConnection.objects.filter(pk=erp.pk)
    rows.update(silent_since=NOW, open_until=NOW + timedelta(hours=9))
    assert at(4.9)[0] == 0
    assert at(5)[0] == 1
    alarm = OutboxAlarm.objects.get()
    assert (alarm.kind, alarm.site, alarm.oldest_at) == ("silent", None, NOW)
    first = AlarmNotice.objects.filter(channel="in_app").count()
    assert first == 2
    assert mail.outbox[0].subject == "Main ERP does not answer"
    assert "silent for 5 min" in str(mail.outbox[0].body)
    sent = len(mail.outbox)
    rows.update(silent_since=None, open_until=None)
    at(20)
    assert open_kinds() == []
    rows.update(silent_since=NOW + timedelta(minutes=21), open_until=NOW + timedelta(hours=9))
    at(27)
    assert open_kinds() == ["silent"]
    assert (OutboxAlarm.objects.count(), len(mail.outbox)) == (1, sent)
    # an hour later it is news
    rows.update(silent_since=None, open_until=None)
    at(30)
    rows.update(silent_since=NOW + timedelta(minutes=80), open_until=NOW + timedelta(hours=9))
    at(90)
    assert (OutboxAlarm.objects.count(), len(mail.outbox)) == (2, 2 * sent)


def test_switched_off_connections_and_history_raise_nothing(erp: ErpConnection) -> None:
    for number in range(5):
        refused(erp, number, NOW - timedelta(hours=9))
    ErpConnection.objects.filter(pk=erp.pk).update(is_ledger=True)
    assert at(0)[0] == 0
    ErpConnection.objects.filter(pk=erp.pk).update(is_ledger=False)
    assert at(1)[0] == 2
    ErpConnection.objects.filter(pk=erp.pk).update(enabled=False)
    at(2)
    assert open_kinds() == []


def test_with_nobody_to_tell_that_stands_there_and_is_said_once(erp: ErpConnection) -> None:
    models.AccessGrant.objects.filter(role__in=("integrator", "administrator")).delete()
    models.DutyAssignment.objects.all().delete()
    refused(erp, 1, NOW - timedelta(hours=9))
    at(0)
    at(1)
    row = AlarmNotice.objects.get()
    assert (row.person, row.status, row.detail) == (None, "held", "nobody on duty")
    assert mail.outbox == []


def test_a_telling_that_dies_before_its_commit_is_told_by_the_next(
    erp: ErpConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(erp, 1, NOW - timedelta(hours=9))

    def dies(alarm: OutboxAlarm) -> None:
        raise KeyboardInterrupt

    with clock.travel(NOW):
        sweep_alarms()
        with monkeypatch.context() as broken:
            broken.setattr(alarm_notices, "mark_told", dies)
            with pytest.raises(KeyboardInterrupt), transaction.atomic():
                tell_alarms()
        assert AlarmNotice.objects.count() == 0
        assert OutboxAlarm.objects.get().told_at is None
        tell_alarms()
        tell_alarms()
    assert AlarmNotice.objects.filter(channel="in_app").count() == 2
    assert len(mail.outbox) == 2


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_and_two_tellers_at_once_tell_once(erp: ErpConnection) -> None:
    refused(erp, 1, clock.now() - timedelta(hours=9))
    barrier = threading.Barrier(4)

    def work(step: int) -> None:
        try:
            barrier.wait(timeout=30)
            sweep_alarms()
            tell_alarms()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(step,)) for step in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    tell_alarms()
    assert OutboxAlarm.objects.count() == 1
    people = list(AlarmNotice.objects.filter(channel="in_app").values_list("person__username", flat=True))
    assert len(people) == len(set(people)) >= 1


def test_doctor_and_metrics_see_what_is_open(erp: ErpConnection) -> None:
    refused(erp, 1, NOW - timedelta(hours=9))
    at(0)
    with clock.travel(NOW + timedelta(minutes=1)):
        found = list(alarms())
        assert [(one.code, one.level) for one in found] == [("XL-W013", Level.ERROR)]
        assert "Main ERP" in found[0].summary
        said = metrics(None).content.decode()  # type: ignore[arg-type]
    assert 'execlayer_outbox_alarms{kind="age"} 1' in said
    assert 'execlayer_outbox_alarms{kind="silent"} 0' in said
    OutboxAlarm.objects.update(told_at=None)
    with clock.travel(NOW + timedelta(minutes=30)):
        assert [one.code for one in alarms()] == ["XL-W013", "XL-W014"]
