"""When outbox and ERP are compared: each night at the site, by day, again after trouble, and when somebody asks."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection as database

from core import clock
from core.doctor import examine
from core.errors import InvalidInput
from erp_sync.adapters.port import ErpDocument, Outcome, PostingCommand
from erp_sync.findings import standing_findings
from erp_sync.models import ErpConnection, Posting, ReconciliationRun
from erp_sync.services import ask_reconciliation, mark_local, reconcile_due, send_due, store_secret
from erp_sync.services.commands import command_of
from erp_sync.services.reconciling_due import AGAIN, EVERY, MARGIN, NIGHT_WINDOW, last_night
from execlayer.launcher.store import sealing_key
from plant_app.models import AccessRole, Site
from tests import factories as make
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


def break_on(monkeypatch: pytest.MonkeyPatch, key: str, error: Exception) -> None:
    """The connector stumbles over one posting."""
    real = scripted.ScriptedAdapter.look_up

    def look_up(self: scripted.ScriptedAdapter, command: PostingCommand) -> Outcome | None:
        if command.business_key == key:
            raise error
        return real(self, command)

    monkeypatch.setattr(scripted.ScriptedAdapter, "look_up", look_up)


def test_a_connector_that_breaks_on_one_posting_keeps_no_other_posting_and_no_other_erp(
    now: time_machine.Traveller,
    erp: Books,
    main: ErpConnection,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zeta = ErpConnection.objects.create(code="zeta", name="Zeta", kind=scripted.KIND)
    broken, gone = queue(), queue()
    send_due()
    erp.documents.clear()
    now.shift(timedelta(hours=1))
    break_on(monkeypatch, broken.business_key, KeyError("state"))

    first, second = reconcile_due()

    assert (first.connection, second.connection) == (main, zeta)
    assert first.finished_at == NOON + timedelta(hours=1)
    assert first.error == (
        f"not to be looked up: 1 of 2 postings, the first {broken.business_key}: KeyError: 'state'"
    )
    assert [finding.posting for finding in first.findings.all()] == [gone]
    assert (second.error, second.findings.count()) == ("", 0)
    # it is not taken up again before its time
    assert reconcile_due() == []


def test_a_list_that_breaks_off_ends_its_run_with_the_reason_and_accuses_nobody(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    queue()
    send_due()
    erp.documents.clear()
    now.shift(timedelta(hours=1))

    class Broken(list[ErpDocument]):
        def __iter__(self) -> Iterator[ErpDocument]:
            raise KeyError("number")

    erp.foreign = Broken()
    (run,) = reconcile_due()
    assert (run.error, run.finished_at, run.findings.count()) == ("KeyError: 'number'", clock.now(), 0)
    assert erp.look_ups == []


def test_a_connection_whose_connector_is_gone_keeps_no_other(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    ErpConnection.objects.create(code="alpha", name="Alpha", kind="of_another_release", pk=main.pk - 1)
    (run,) = reconcile_due()
    assert (run.connection, run.error) == (main, "")


def test_a_comparison_its_time_ends_says_so_keeps_what_it_found_and_ends_the_turn(
    now: time_machine.Traveller,
    erp: Books,
    main: ErpConnection,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zeta = ErpConnection.objects.create(code="zeta", name="Zeta", kind=scripted.KIND)
    gone, slow = queue(), queue()
    send_due()
    erp.documents.clear()
    now.shift(timedelta(hours=1))
    break_on(monkeypatch, slow.business_key, SoftTimeLimitExceeded())
    with pytest.raises(SoftTimeLimitExceeded):
        reconcile_due()
    run = ReconciliationRun.objects.get(connection=main)
    assert (run.error, run.finished_at) == (
        "the time for one comparison was over before its end",
        clock.now(),
    )
    assert [finding.posting for finding in run.findings.all()] == [gone]
    assert not ReconciliationRun.objects.filter(connection=zeta).exists()


def test_a_document_settled_here_with_its_number_is_known_and_one_of_a_refused_posting_is_not(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue, site: Site
) -> None:
    planner = make.UserFactory(username="planner")
    make.AccessGrantFactory(user=planner, site=site, role=AccessRole.PLANNER)
    noted, other, refused, waiting = (queue() for _ in range(4))
    Posting.objects.filter(pk=waiting.pk).update(due_at=NOON + timedelta(days=9))
    erp.then(scripted.cut_after, scripted.cut_after, scripted.refuse())
    send_due()
    mark_local(posting_id=noted.pk, reason="found there", actor=planner, erp_number="DOC-1")
    mark_local(posting_id=other.pk, reason="found there", actor=planner, erp_number="4711")
    for posting in (refused, waiting):
        scripted.take(erp, command_of(posting))
    now.shift(timedelta(hours=1))

    (run,) = reconcile_due()

    assert [(one.kind, one.posting, one.ours, one.erp_number) for one in run.findings.order_by("pk")] == [
        ("unknown_here", other, "local", "DOC-2"),
        ("unknown_here", refused, "rejected", "DOC-3"),
    ]


def test_words_our_database_can_not_store_and_the_login_are_in_no_finding_and_no_error(
    now: time_machine.Traveller,
    erp: Books,
    main: ErpConnection,
    queue: Queue,
    settings: Any,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.ERP_KEY_FILE = tmp_path / "secret.keys"
    sealing_key(settings.ERP_KEY_FILE)
    store_secret(connection=main, secret="S3cret-pw-991", actor=None)
    posting = queue()
    send_due()
    erp.documents.clear()
    erp.foreign = [ErpDocument("AAAAAAAAAAAAAAAA", "D\x006", "scripted.document", "do\x00ne", True)]
    now.shift(timedelta(hours=1))
    break_on(monkeypatch, posting.business_key, RuntimeError("Basic S3cret-pw-991\x00"))
    (run,) = reconcile_due()
    (finding,) = run.findings.all()
    assert (finding.erp_number, finding.theirs) == ("D\ufffd6", "do\ufffdne")
    assert run.error.endswith("RuntimeError: Basic (hidden)\ufffd")
    assert "S3cret" not in caplog.text
