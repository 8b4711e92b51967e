"""Queueing: checked first, idempotent by intent, local where no ERP takes it; the database guards what was written."""

import itertools
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction

from core import clock
from core.errors import InvalidInput
from erp_sync import lifecycle
from erp_sync.models import ErpConnection, Posting, PostingAttempt, PostingEdit
from erp_sync.services import ensure_demo_connections, send_due
from plant_app.models import Site
from tests import factories as make
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books


def test_same_key_parts_give_the_posting_already_there_untouched(erp: Books, queue: Queue) -> None:
    first = queue("EX-1/block")
    again = queue(
        "EX-1/block", payload={"item": "SP-12", "quantity": "9", "from_location": "A", "to_location": "B"}
    )

    assert again.pk == first.pk
    assert Posting.objects.count() == 1
    assert Posting.objects.get().payload["quantity"] == "5"


def test_key_fits_the_shortest_erp_reference_and_depends_on_the_kind(erp: Books, queue: Queue) -> None:
    transfer = queue("EX-1/a")
    cost = queue(
        "EX-1/a",
        kind="cost",
        payload={"amount": "10", "currency": "EUR", "cost_class": "scrap", "basis": "real"},
    )

    assert len(transfer.business_key) == 16
    assert set(transfer.business_key) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert transfer.business_key != cost.business_key


@pytest.mark.django_db(transaction=True)
def test_one_intent_queued_by_four_threads_at_once_is_one_posting(erp: Books, queue: Queue) -> None:
    barrier = threading.Barrier(4)
    found: list[int] = []

    def work() -> None:
        try:
            barrier.wait(20)
            found.append(queue("one intent").pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(found) == 4
    assert len(set(found)) == 1
    assert Posting.objects.count() == 1


def test_payload_is_stored_canonical_with_its_site_and_reason(erp: Books, queue: Queue, site: Site) -> None:
    posting = queue(
        kind="movement.scrap",
        payload={"item": "SP-12", "quantity": Decimal("3.50"), "from_status": "blocked"},
        reason_code="scratched",
        text="x" * 60,
    )

    assert posting.payload == {
        "site": "RHF", "reason_code": "scratched", "item": "SP-12", "quantity": "3.50", "from_status": "blocked",
    }  # fmt: skip
    assert posting.reason_code == "scratched"
    assert len(posting.text) == 40


def test_all_problems_are_named_at_once_and_nothing_is_queued(erp: Books, queue: Queue) -> None:
    with pytest.raises(InvalidInput) as caught:
        queue(kind="movement.scrap", payload={"item": "SP-12", "quantity": "many", "colour": "red"})

    assert caught.value.code == "erp.payload_invalid"
    assert {problem["field"] for problem in caught.value.extra["problems"]} == {
        "quantity",
        "colour",
        "reason_code",
    }
    assert Posting.objects.count() == 0


def test_posting_date_is_the_plant_local_day_of_the_event(erp: Books, queue: Queue) -> None:
    late = queue(occurred_at=datetime(2026, 11, 3, 23, 30, tzinfo=UTC))
    assert late.posting_date == date(2026, 11, 4)


def test_without_an_erp_the_posting_is_local_at_once_and_says_so(site: Site, queue: Queue) -> None:
    posting = queue()
    assert (posting.status, posting.local_reason, posting.connection) == ("local", "no ERP connected", None)
    assert posting.settled_at is not None
    assert send_due() == 0


def test_kind_the_erp_has_no_place_for_is_local_with_the_connectors_reason(erp: Books, queue: Queue) -> None:
    erp.unsupported["maintenance_notification"] = "this ERP has no maintenance module"
    posting = queue(
        kind="maintenance_notification",
        payload={"action": "open", "work_unit": "CNC-04", "breakdown": True, "start": clock.now()},
    )
    assert (posting.status, posting.local_reason) == ("local", "this ERP has no maintenance module")
    assert send_due() == 0
    assert erp.sends == []


def test_disabled_connection_gets_nothing_and_site_stays_local(
    erp: Books, main: ErpConnection, queue: Queue
) -> None:
    main.enabled = False
    main.save()
    assert queue().status == "local"


def test_rolled_back_decision_leaves_no_posting(erp: Books, queue: Queue) -> None:
    with transaction.atomic():
        queue()
        transaction.set_rollback(True)
    assert Posting.objects.count() == 0
    assert send_due() == 0


def test_database_refuses_every_move_the_lifecycle_does_not_know(erp: Books, queue: Queue) -> None:
    template = queue()
    now = clock.now()
    statuses = [status.value for status in lifecycle.Status]

    def shape(status: str) -> dict[str, object]:
        settled = status in ("confirmed", "local", "cancelled")
        return {
            "status": status,
            "held_reason": "drifted" if status == "held" else "",
            "settled_at": now if settled else None,
            "erp_confirmed_at": now if status == "confirmed" else None,
            "local_reason": "by hand" if status == "local" else "",
        }

    outcomes: dict[tuple[str, str], bool] = {}
    for number, (start, target) in enumerate(itertools.product(statuses, statuses)):
        row = Posting.objects.get(pk=template.pk)
        row.pk, row.business_key = None, f"KEY{number:013d}"
        for name, value in shape(start).items():
            setattr(row, name, value)
        row.save(force_insert=True)
        try:
            with transaction.atomic():
                Posting.objects.filter(pk=row.pk).update(**shape(target))
        except DatabaseError as error:
            outcomes[start, target] = "Invalid transition" not in str(error)
        else:
            outcomes[start, target] = True

    allowed = {move for move, passed in outcomes.items() if passed and move[0] != move[1]}
    assert allowed == set(lifecycle.edges())
    assert ("unknown", "cancelled") not in allowed
    assert ("unknown", "queued") not in allowed


def test_database_guards_identity_payload_attempts_and_edits(erp: Books, queue: Queue, site: Site) -> None:
    posting = queue()
    send_due()
    attempt = PostingAttempt.objects.get()
    edit = PostingEdit.objects.create(posting=posting, verb="retry", status_before="rejected")
    posting_rows, attempts = (
        Posting.objects.filter(pk=posting.pk),
        PostingAttempt.objects.filter(pk=attempt.pk),
    )
    forbidden = [
        lambda: posting_rows.update(business_key="A" * 16),
        lambda: posting_rows.update(occurred_at=clock.now() + timedelta(days=1)),
        lambda: posting_rows.update(payload={"quantity": "500"}),
        lambda: posting_rows._raw_delete("default"),
        lambda: attempts.update(outcome="rejected"),
        lambda: attempts.update(request={}),
        lambda: attempts.delete(),
        lambda: PostingEdit.objects.filter(pk=edit.pk).update(reason="another"),
        lambda: PostingEdit.objects.filter(pk=edit.pk).delete(),
    ]
    for act in forbidden:
        with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
            act()
    posting.refresh_from_db()
    assert posting.payload["quantity"] == "5"
    assert PostingAttempt.objects.get().outcome == "confirmed"


def test_second_row_of_one_key_on_one_connection_is_refused_also_without_a_connection(queue: Queue) -> None:
    posting = queue()
    assert posting.connection is None
    twin = Posting.objects.get(pk=posting.pk)
    twin.pk = None
    twin._state.adding = True
    with pytest.raises(IntegrityError, match="posting_key_once"), transaction.atomic():
        twin.save()


def test_demo_connections_are_made_once_and_follow_the_settings(site: Site) -> None:
    second = make.SiteFactory(code="GVL")
    ensure_demo_connections(tryton={})
    made = ensure_demo_connections(tryton={})

    assert set(made) == {"ledger", "tryton"}
    assert ErpConnection.objects.count() == 2
    assert made["ledger"].is_ledger
    assert made["tryton"].password_source == "installation"
    assert set(made["tryton"].sites.all()) == {site, second}

    ensure_demo_connections(tryton=None)
    assert not ErpConnection.objects.get(code="tryton").enabled
    assert ErpConnection.objects.get(code="ledger").enabled


def test_rehearsed_postings_go_to_the_ledger_and_confirm_after_a_believable_lag(
    erp: Books, queue: Queue
) -> None:
    ensure_demo_connections(tryton=None)
    erp.unsupported["maintenance_notification"] = "no maintenance module"
    start = datetime(2026, 8, 3, 9, 0, tzinfo=UTC)
    with clock.travel(start):
        posting = queue("past", occurred_at=start - timedelta(minutes=2))
        local = queue(
            "past-2",
            kind="maintenance_notification",
            payload={"action": "open", "work_unit": "CNC-04", "breakdown": True, "start": start},
        )
    assert posting.connection is not None
    assert posting.connection.is_ledger
    assert (local.status, local.local_reason) == ("local", "no maintenance module")

    assert send_due() == 0  # the present leaves a rehearsed past alone
    with clock.travel(start + timedelta(hours=1)):
        assert send_due() == 1

    posting.refresh_from_db()
    lag = posting.erp_confirmed_at - start
    assert posting.status == "confirmed"
    assert timedelta(seconds=12) <= lag <= timedelta(minutes=9)
    assert posting.settled_at == posting.erp_confirmed_at
    assert erp.sends == []


def test_rehearsed_chain_confirms_in_order_whatever_lags_were_drawn(erp: Books, queue: Queue) -> None:
    ensure_demo_connections(tryton=None)
    start = datetime(2026, 8, 3, 9, 0, tzinfo=UTC)
    with clock.travel(start):
        postings = [queue(f"past-{n}", chain="WO-1", occurred_at=start) for n in range(6)]
    with clock.travel(start + timedelta(hours=1)):
        assert send_due() == 6
    confirmed = [Posting.objects.get(pk=posting.pk).erp_confirmed_at for posting in postings]
    assert confirmed == sorted(confirmed)
    assert len(set(confirmed)) == 6
