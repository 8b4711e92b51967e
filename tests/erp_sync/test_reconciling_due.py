"""When outbox and ERP are compared: each night at the site, by day, again after trouble, and when somebody asks."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection as database

from core.doctor import examine
from core.errors import InvalidInput
from erp_sync.adapters.port import ErpDocument
from erp_sync.findings import standing_findings
from erp_sync.models import ErpConnection, Posting, ReconciliationRun
from erp_sync.services import ask_reconciliation, reconcile_due, send_due
from erp_sync.services.reconciling_due import AGAIN, EVERY, MARGIN, NIGHT_WINDOW, last_night
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 4, 1, 0, tzinfo=UTC)  # 02:00 in Berlin


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


def test_each_night_of_the_site_a_week_by_day_two_days(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    (first,) = reconcile_due()
    assert first.since == NOON - NIGHT_WINDOW
    assert reconcile_due() == []
    now.shift(EVERY)
    (second,) = reconcile_due()
    assert second.since == NOON + EVERY - timedelta(days=2)

    now.move_to(NIGHT - timedelta(minutes=1))
    (third,) = reconcile_due()
    assert third.since == NIGHT - timedelta(minutes=1) - timedelta(days=2)
    now.move_to(NIGHT)
    (night,) = reconcile_due()
    assert night.since == NIGHT - NIGHT_WINDOW
    assert last_night(main, NIGHT) == NIGHT


def test_after_trouble_it_is_tried_again_and_reaches_back_to_the_last_that_went_through(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    queue()
    send_due()
    (good,) = reconcile_due()
    assert good.error == ""
    now.shift(timedelta(days=9))
    erp.documents.clear()
    erp.up = False
    (broken,) = reconcile_due()
    assert broken.error == "connection refused"
    assert reconcile_due() == []
    now.shift(AGAIN)
    erp.up = True
    (again,) = reconcile_due()
    assert (again.error, again.since) == ("", NOON - MARGIN)
    assert [finding.kind for finding in again.findings.all()] == ["missing_there"]
    # The last comparison that went through counts, whatever trouble came after it.
    now.shift(EVERY)
    erp.up = False
    reconcile_due()
    assert [found.code for found in examine() if found.code == "XL-W021"] == ["XL-W021"]


def test_a_comparison_asked_for_is_done_once_and_one_its_worker_died_over_again(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    reconcile_due()
    since = NOON - timedelta(days=30)
    run = ask_reconciliation(connection=main, since=since)
    assert ask_reconciliation(connection=main).pk == run.pk
    erp.foreign = [ErpDocument("AAAAAAAAAAAAAAAA", "D-6", "scripted.document", "done", True)]
    (done,) = reconcile_due()
    assert (done.pk, done.since, done.documents, done.findings.count()) == (run.pk, since, 1, 1)
    assert reconcile_due() == []
    main.enabled = False
    with pytest.raises(InvalidInput) as caught:
        ask_reconciliation(connection=main)
    assert caught.value.code == "erp.not_read"


def test_silent_unready_and_unlisting_connections_are_left_alone(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ErpConnection.objects.update(open_until=NOON)
    assert reconcile_due() == []
    ErpConnection.objects.update(open_until=None, password_source="env:NOT_SET_ANYWHERE")
    assert reconcile_due() == []
    ErpConnection.objects.update(password_source="")
    monkeypatch.setattr(scripted.ScriptedAdapter, "reconciles", False)
    assert reconcile_due() == []
    assert not ReconciliationRun.objects.exists()


def test_overdue_comparison_is_a_finding(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    reconcile_due()
    assert not [found for found in examine() if found.code == "XL-W025"]
    now.shift(timedelta(hours=31))
    assert [found.level for found in examine() if found.code == "XL-W025"] == ["warning"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_do_the_same_comparison(erp: Books, main: ErpConnection) -> None:
    ask_reconciliation(connection=main)
    inside, leave = threading.Event(), threading.Event()

    class Slow(list[ErpDocument]):
        def __iter__(self) -> Iterator[ErpDocument]:
            inside.set()
            leave.wait(20)
            return iter(())

    erp.foreign = Slow()
    done: list[int] = []

    def work() -> None:
        try:
            done.append(len(reconcile_due()))
        finally:
            database.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert inside.wait(20)
    assert reconcile_due() == []
    leave.set()
    worker.join(20)
    assert done == [1]
    assert ReconciliationRun.objects.filter(finished_at__isnull=False).count() == 1


def test_a_finding_stands_until_a_later_comparison_of_the_same_stretch_does_not_make_it(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    posting = queue()
    send_due()
    kept = list(erp.documents)
    now.shift(timedelta(days=3))
    erp.documents.clear()
    reconcile_due()
    now.shift(EVERY)
    (day,) = reconcile_due()
    assert day.since > NOON
    standing = standing_findings(main)
    assert [finding.posting for finding in standing.missing_there] == [posting]
    assert (standing.unknown_here, standing.different, standing.count) == ([], [], 1)

    erp.documents.extend(kept)
    ask_reconciliation(connection=main, since=NOON)
    reconcile_due()
    assert standing_findings(main).count == 0


def test_a_posting_taken_back_is_not_missed_in_erp(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    posting = queue()
    send_due()
    back = queue()
    send_due()
    Posting.objects.filter(pk=back.pk).update(reversal_of=posting)
    erp.documents = [row for row in erp.documents if row[0] != posting.business_key]
    now.shift(timedelta(hours=1))
    (run,) = reconcile_due()
    assert (run.postings, run.findings.count()) == (1, 0)
