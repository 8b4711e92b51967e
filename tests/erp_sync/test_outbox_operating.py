"""What people may do to a posting, what is refused, what is kept of it; withdrawal in every state; settled postings."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from core.errors import InvalidInput, NotFound, StaleVersion, TransitionRefused
from erp_sync.kinds import _handlers, register_settled_handler
from erp_sync.models import Posting, PostingEdit
from erp_sync.services import (
    approve,
    cancel,
    edit_and_retry,
    handle_settled,
    mark_handled,
    mark_local,
    note_number,
    retry,
    send_due,
    settled_unhandled,
    withdraw,
)
from plant_app.models import AccessRole, Site, User
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


@pytest.fixture
def person(site: Site) -> User:
    user = make.UserFactory(username="ingrid.vogel")
    make.AccessGrantFactory(user=user, site=site, role=AccessRole.PLANNER)
    return user


@pytest.fixture
def in_status(erp: Books, queue: Queue) -> Callable[[str], Posting]:
    """A posting brought to a status the way it gets there in life."""

    def bring(status: str) -> Posting:
        acts = {
            "rejected": scripted.refuse(),
            "held": scripted.refuse("erp.drifted"),
            "unknown": scripted.cut_before,
        }
        posting = queue(needs_approval=status == "approval")
        if status == "cancelled":
            cancel(posting_id=posting.pk, reason="not needed")
        elif status == "local":
            mark_local(posting_id=posting.pk, reason="keyed by hand")
        elif status == "sending":
            erp.then(scripted.die_before)
            with pytest.raises(scripted.WorkerKilled):
                send_due()
        elif status not in ("approval", "queued"):
            if status in acts:
                erp.then(acts[status])
            send_due()
        posting.refresh_from_db()
        assert posting.status == status
        return posting

    return bring


ALL = ["approval", "queued", "sending", "unknown", "confirmed", "rejected", "held", "local", "cancelled"]
VERBS = {
    "approve": (approve, {"approval"}, {}),
    "retry": (retry, {"queued", "unknown", "rejected", "held"}, {}),
    "cancel": (cancel, {"approval", "queued", "rejected", "held"}, {"reason": "why not"}),
    "mark_local": (
        mark_local,
        {"approval", "queued", "unknown", "rejected", "held"},
        {"reason": "keyed by hand"},
    ),
    "edit": (edit_and_retry, {"approval", "queued", "rejected", "held"}, {"reason": "miscounted"}),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", ALL)
def test_each_verb_is_taken_or_refused_by_status(now, person, in_status, status: str, verb: str) -> None:
    act, taken, extra = VERBS[verb]
    posting = in_status(status)
    edits = posting.edits.count()
    given = {"posting_id": posting.pk, "actor": person, **extra}
    if verb == "edit":
        given["payload"] = {**posting.payload, "quantity": "4"}

    if status in taken:
        act(**given)
        assert posting.edits.count() == edits + 1
        assert posting.edits.last().actor == person
        assert posting.edits.last().status_before == status
        assert Posting.objects.get(pk=posting.pk).version > posting.version
    else:
        with pytest.raises(TransitionRefused) as caught:
            act(**given)
        assert caught.value.code == "erp.transition_refused"
        after = Posting.objects.get(pk=posting.pk)
        assert (after.status, after.version, after.payload) == (status, posting.version, posting.payload)
        assert posting.edits.count() == edits


def test_approved_posting_is_sent_and_not_before(now, erp: Books, queue: Queue, person: User) -> None:
    posting = queue(needs_approval=True)
    assert send_due() == 0

    approve(posting_id=posting.pk, actor=person)
    assert send_due() == 1
    posting.refresh_from_db()
    assert posting.status == "confirmed"


def test_edited_dead_letter_goes_under_the_same_key_and_keeps_what_was_changed(
    now, erp: Books, queue: Queue, person: User
) -> None:
    erp.then(scripted.refuse("scripted.short_stock", "only 4 there"))
    posting = queue()
    send_due()

    edit_and_retry(
        posting_id=posting.pk,
        payload={**posting.payload, "quantity": "4"},
        actor=person,
        reason="counted: 4 there",
    )
    send_due()

    posting.refresh_from_db()
    assert posting.status == "confirmed"
    assert erp.documents == [(posting.business_key, {**posting.payload, "quantity": "4"})]
    edit = PostingEdit.objects.get()
    assert (edit.before, edit.after) == ({"quantity": "5"}, {"quantity": "4"})
    assert (edit.reason, edit.status_before, edit.actor) == ("counted: 4 there", "rejected", person)
    assert [attempt.request["payload"]["quantity"] for attempt in posting.tries.order_by("number")] == [
        "5",
        "4",
    ]


def test_edit_that_could_not_be_posted_or_makes_it_another_posting_is_refused(
    now, erp: Books, queue: Queue, person: User
) -> None:
    posting = queue(chain="WO-1")
    given = {"posting_id": posting.pk, "actor": person, "reason": "why"}
    with pytest.raises(InvalidInput, match="must be above zero"):
        edit_and_retry(payload={**posting.payload, "quantity": "0"}, **given)
    with pytest.raises(InvalidInput) as caught:
        edit_and_retry(payload={**posting.payload, "work_order": "WO-2"}, **given)
    assert caught.value.code == "erp.identity_fixed"
    with pytest.raises(InvalidInput) as caught:
        edit_and_retry(payload=posting.payload, posting_id=posting.pk, actor=person, reason="  ")
    assert caught.value.code == "erp.reason_missing"
    assert PostingEdit.objects.count() == 0


def test_retry_of_an_unclear_posting_looks_it_up_now_and_never_sends_blindly(
    now, person, erp, in_status
) -> None:
    posting = in_status("unknown")
    retry(posting_id=posting.pk, actor=person)
    send_due()
    assert erp.look_ups == [posting.business_key]
    assert erp.sends == [posting.business_key]


def test_stale_version_is_refused_and_names_who_changed_it(now, person, in_status) -> None:
    posting = in_status("rejected")
    retry(posting_id=posting.pk, actor=person)
    with pytest.raises(StaleVersion) as caught:
        cancel(posting_id=posting.pk, reason="why", actor=person, version=posting.version)
    assert caught.value.extra == {"status_now": "queued", "changed_by": "Ingrid Vogel"}
    with pytest.raises(NotFound):
        cancel(posting_id=posting.pk + 1000, reason="why")


def test_number_found_later_is_noted_once_on_a_local_posting(now, person, in_status) -> None:
    posting = in_status("local")
    note_number(posting_id=posting.pk, erp_number="4711", actor=person)
    posting.refresh_from_db()
    assert (posting.status, posting.erp_number, posting.settled_at) == ("local", "4711", NOON)
    with pytest.raises(TransitionRefused):
        note_number(posting_id=posting.pk, erp_number="4712", actor=person)


# --- withdrawal --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["approval", "queued", "rejected", "held"])
def test_withdrawn_before_it_took_effect_is_cancelled(now, person, in_status, status: str) -> None:
    posting = in_status(status)
    assert withdraw(posting_id=posting.pk, reason="decision reversed", actor=person).pk == posting.pk
    posting.refresh_from_db()
    assert posting.status == "cancelled"
    assert posting.edits.get().verb == "withdraw"
    assert Posting.objects.count() == 1


def test_withdrawn_after_it_took_effect_is_reversed_once(now, person, erp: Books, in_status) -> None:
    posting = in_status("confirmed")
    reversal = withdraw(posting_id=posting.pk, reason="decision reversed", actor=person)
    again = withdraw(posting_id=posting.pk, reason="decision reversed", actor=person)

    assert again.pk == reversal.pk
    assert Posting.objects.count() == 2
    assert (reversal.kind, reversal.reversal_of, reversal.chain) == ("reversal", posting, posting.chain)
    assert reversal.payload["reverses"] == posting.business_key
    assert reversal.payload["reverses_number"] == "DOC-1"
    assert reversal.payload["original"] == posting.payload
    assert reversal.actor == person
    send_due()
    reversal.refresh_from_db()
    assert reversal.status == "confirmed"
    assert erp.keys() == [posting.business_key, reversal.business_key]
    assert withdraw(posting_id=reversal.pk, reason="again").pk == reversal.pk
    assert Posting.objects.count() == 2


def test_withdrawn_while_local_reminds_a_person_to_reverse_by_hand(now, person, in_status) -> None:
    posting = in_status("local")
    reversal = withdraw(posting_id=posting.pk, reason="decision reversed", actor=person)
    assert (reversal.status, reversal.local_reason) == ("local", "as what it reverses: keyed by hand")


def test_withdrawn_while_unclear_and_absent_in_erp_is_cancelled_and_never_sent_again(
    now, person, erp: Books, in_status
) -> None:
    posting = in_status("unknown")
    withdraw(posting_id=posting.pk, reason="decision reversed", actor=person)
    posting.refresh_from_db()
    assert posting.status == "unknown"

    now.shift(timedelta(seconds=3))
    send_due()
    now.shift(timedelta(seconds=62))
    send_due()

    posting.refresh_from_db()
    assert posting.status == "cancelled"
    assert erp.documents == []
    assert Posting.objects.count() == 1


def test_withdrawn_while_erp_has_begun_it_waits_for_a_person(
    now, person, erp: Books, in_status, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a document has begun there is not undone by forgetting it here."""
    posting = in_status("unknown")
    withdraw(posting_id=posting.pk, reason="decision reversed", actor=person)
    begun = scripted.port.Outcome(
        "unknown",
        erp_number="DOC-7",
        error_code="scripted.half_done",
        message="running",
        raw={"half_done": True},
    )
    monkeypatch.setattr(scripted.ScriptedAdapter, "_found", lambda adapter, command: begun)

    now.shift(timedelta(seconds=3))
    send_due()
    now.shift(timedelta(seconds=62))
    sends = len(erp.sends)
    send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.error_code) == ("rejected", "erp.withdrawn_half_done")
    assert posting.erp_number == "DOC-7"
    assert len(erp.sends) == sends
    assert Posting.objects.count() == 1


def test_withdrawn_while_unclear_and_found_in_erp_is_reversed(now, person, erp: Books, queue: Queue) -> None:
    erp.then(scripted.cut_after)
    posting = queue()
    send_due()
    withdraw(posting_id=posting.pk, reason="decision reversed", actor=person, reason_code="wrong_lot")

    now.shift(timedelta(seconds=3))
    send_due()

    posting.refresh_from_db()
    reversal = Posting.objects.get(reversal_of=posting)
    assert posting.status == "confirmed"
    assert reversal.reason_code == "wrong_lot"
    assert reversal.status == "confirmed"  # found and reversed in the same run
    assert erp.keys() == [posting.business_key, reversal.business_key]


# --- settled -----------------------------------------------------------------------------------------------


def test_settled_postings_are_handed_over_once_and_again_only_if_a_handler_failed(
    now, erp: Books, queue: Queue
) -> None:
    seen: list[int] = []
    fail = [True]

    def handler(posting_id: int) -> None:
        if fail:
            fail.clear()
            raise ValueError("not now")
        seen.append(posting_id)

    register_settled_handler(handler)
    try:
        posting, waiting = queue(), queue(needs_approval=True)
        send_due()
        assert settled_unhandled(limit=10) == [posting.pk]
        with pytest.raises(ValueError, match="not now"):
            handle_settled()
        assert settled_unhandled() == [posting.pk]
        assert handle_settled() == 1
        assert handle_settled() == 0
        assert seen == [posting.pk]
    finally:
        _handlers.remove(handler)
    waiting.refresh_from_db()
    assert waiting.handled_at is None


def test_mark_handled_is_for_settled_postings_and_counts_once(now, erp: Books, queue: Queue) -> None:
    posting = queue()
    assert not mark_handled(posting=posting)
    send_due()
    assert mark_handled(posting=posting)
    assert not mark_handled(posting=posting)
