"""How far comparisons reach back: no stretch of time is left out, and none is looked at for ever."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from erp_sync.adapters.port import ErpDocument, Outcome, PostingCommand
from erp_sync.errors import ErpRejected
from erp_sync.findings import standing_findings
from erp_sync.models import ErpConnection, Posting, ReconciliationRun
from erp_sync.services import ask_reconciliation, reconcile_due, reverse, send_due
from erp_sync.services.reconciling_due import EVERY, MARGIN, NIGHT_WINDOW
from plant_app.models import User
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
AWAY = timedelta(days=12)


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


def refuse_to_look_up(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    real = scripted.ScriptedAdapter.look_up

    def look_up(self: scripted.ScriptedAdapter, command: PostingCommand) -> Outcome | None:
        if command.business_key == key:
            raise ErpRejected("scripted.mapping_missing", "no location 'A'")
        return real(self, command)

    monkeypatch.setattr(scripted.ScriptedAdapter, "look_up", look_up)


def test_one_asked_for_after_an_outage_reaches_back_to_the_last_that_went_through(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    (good,) = reconcile_due()
    now.shift(timedelta(hours=1))
    lost = queue()
    send_due()
    erp.documents.clear()
    ErpConnection.objects.update(enabled=False)
    now.shift(AWAY)
    ErpConnection.objects.update(enabled=True)
    main.refresh_from_db()

    # somebody asks before the worker's own comparison comes; what follows trusts that this one has left nothing out
    ask_reconciliation(connection=main)
    (asked,) = reconcile_due()

    assert (asked.error, asked.since) == ("", good.started_at - MARGIN)
    assert [finding.posting for finding in asked.findings.all()] == [lost]


def test_a_posting_that_can_never_be_looked_up_makes_no_comparison_longer_and_longer(
    now: time_machine.Traveller,
    erp: Books,
    main: ErpConnection,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (good,) = reconcile_due()
    posting = queue()
    send_due()
    erp.documents.clear()
    refuse_to_look_up(monkeypatch, posting.business_key)

    now.shift(EVERY)
    (partly,) = reconcile_due()
    assert partly.error.startswith("not to be looked up: 1 of 1 postings")
    # it is no outage: the next one comes in its turn, not every half hour
    now.shift(timedelta(hours=1))
    assert reconcile_due() == []

    now.shift(timedelta(days=9))
    (later,) = reconcile_due()
    assert later.since == partly.started_at - MARGIN
    now.shift(timedelta(days=1))
    (last,) = reconcile_due()
    assert (last.error, last.since) == ("", last.started_at - NIGHT_WINDOW)
    assert ReconciliationRun.objects.count() == 4
    assert good.error == ""


def test_what_was_mended_in_erp_is_gone_though_one_posting_can_not_be_looked_up(
    now: time_machine.Traveller,
    erp: Books,
    main: ErpConnection,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd, lost, twice = queue(), queue(), queue()
    send_due()
    erp.documents = [row for row in erp.documents if row[0] == twice.business_key]
    erp.foreign = [ErpDocument(twice.business_key, "D-9", "scripted.document", "done", True)]
    refuse_to_look_up(monkeypatch, odd.business_key)
    now.shift(timedelta(hours=1))
    reconcile_due()
    assert [care.kind for care in standing_findings(main).all] == ["missing_there", "doubled"]

    erp.foreign = []
    now.shift(EVERY)
    (again,) = reconcile_due()

    assert again.error.startswith("not to be looked up: 1 of 3")
    assert [(care.kind, care.posting) for care in standing_findings(main).all] == [("missing_there", lost)]
    # ... of those missing there any may be the one nobody could look up
    refuse_to_look_up(monkeypatch, lost.business_key)
    now.shift(EVERY)
    reconcile_due()
    assert [care.posting for care in standing_findings(main).all] == [lost]


# --- values that were changed again ------------------------------------------------------------------------


def change(queue: Queue, day: str, *, number: str = "WO-1", which: str = "planned_end") -> Posting:
    payload = {"target": "work_order", "number": number, "which": which, "new": day, "old": "2026-11-19"}
    return queue(kind="change.date", payload=payload, chain=f"work_order:{number}", keep_invalid=True)


def test_a_date_changed_again_by_us_is_not_missed(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    """Given ERPs that keep no document of a changed value: it is found by what it says, the last one only."""
    replaced, other = change(queue, "2026-11-20"), change(queue, "2026-11-20", which="need_by")
    elsewhere, last = change(queue, "2026-11-20", number="WO-2"), change(queue, "2026-11-24")
    send_due(limit=50)
    erp.documents = [row for row in erp.documents if row[0] == last.business_key]
    now.shift(timedelta(hours=1))

    (run,) = reconcile_due()

    assert [finding.posting for finding in run.findings.order_by("pk")] == [other, elsewhere]
    assert replaced.business_key not in erp.look_ups
    assert (run.postings, run.error) == (4, "")


def test_a_date_put_back_or_being_changed_again_is_not_missed(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    first, taken_back = change(queue, "2026-11-20"), change(queue, "2026-11-24")
    send_due(limit=50)
    root = User.objects.create_superuser("root", password="secret-root")
    back = reverse(posting_id=taken_back.pk, reason="wrong day", actor=root)
    send_due(limit=50)
    back.refresh_from_db()
    assert back.status == "confirmed"
    now.shift(timedelta(hours=1))
    again = change(queue, "2026-11-28")
    erp.then(scripted.cut_after)
    send_due(limit=50)
    again.refresh_from_db()
    assert again.status == "unknown"
    erp.documents.clear()
    erp.look_ups.clear()

    (run,) = reconcile_due()

    assert (list(run.findings.all()), run.postings) == ([], 2)
    assert not {first.business_key, back.business_key} & set(erp.look_ups)


# --- more than can be looked up in one go ------------------------------------------------------------------


def test_what_there_was_no_time_to_look_up_is_counted_and_another_run_begins_elsewhere(
    now: time_machine.Traveller,
    erp: Books,
    main: ErpConnection,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("erp_sync.services.reconciling.MANY", 4)
    clocks = iter(range(0, 100_000, 100))
    monkeypatch.setattr("erp_sync.services.reconciling.monotonic", lambda: float(next(clocks)))
    for _ in range(12):
        queue()
    send_due(limit=50)
    erp.documents.clear()
    asked: list[set[str]] = []
    for _ in range(6):
        now.shift(EVERY)
        erp.look_ups.clear()
        (run,) = reconcile_due()
        asked.append(set(erp.look_ups))
        assert run.error.startswith("not to be looked up: 9 of 12 postings, the first ")
        assert run.error.endswith(": the time for looking up was over")
        assert run.findings.count() == 3

    assert len(set().union(*asked)) > 3
    assert [len(keys) for keys in asked] == [3] * 6
