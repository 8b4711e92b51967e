"""Write-back adopted by steps: off, keyed by hand from a list, after approval, live; the lag is known at each."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded

from core import clock
from core.errors import InvalidInput, TransitionRefused
from erp_sync import services
from erp_sync.adapters.port import Outcome, PostingCommand
from erp_sync.models import ErpConnection, Posting, PostingEdit
from erp_sync.services.by_hand import _found
from erp_sync.services.commands import command_of
from plant_app.models import AccessRole, Capability, ExceptionType, Level, Site, User
from plant_app.services import set_level
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books, take


@pytest.fixture
def clerk(site: Site) -> User:
    user = make.UserFactory(username="clerk")
    make.AccessGrantFactory(user=user, site=site, role=AccessRole.PLANNER)
    return user


def switch(site: Site, level: str, type_: ExceptionType | None = None) -> None:
    set_level(site=site, capability=Capability.WRITE_BACK, level=level, type_=type_, actor=None)


def test_where_nobody_switched_anything_postings_are_sent(erp: Books, queue: Queue) -> None:
    posting = queue()
    assert posting.status == "queued"
    services.send_due()
    assert erp.keys() == [posting.business_key]


def test_switched_off_it_stays_here_and_says_so(erp: Books, queue: Queue, site: Site) -> None:
    switch(site, Level.OFF)
    posting = queue()
    assert (posting.status, posting.local_reason) == ("local", "write-back is switched off here")
    services.send_due()
    assert erp.sends == []


def test_after_approval_it_waits_for_a_person(erp: Books, queue: Queue, site: Site, clerk: User) -> None:
    switch(site, Level.APPROVAL)
    posting = queue()
    assert posting.status == "approval"
    services.send_due()
    assert erp.sends == []
    services.approve(posting_id=posting.pk, actor=clerk)
    services.send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.erp_number) == ("confirmed", "DOC-1")


def test_a_type_may_be_further_than_its_site(erp: Books, queue: Queue, site: Site) -> None:
    stop, hold = make.ExceptionTypeFactory(code="stop"), make.ExceptionTypeFactory(code="hold")
    switch(site, Level.MANUAL)
    switch(site, Level.LIVE, stop)
    assert queue(exception_type=stop.pk).status == "queued"
    assert queue(exception_type=hold.pk).status == "held"
    assert queue().status == "held"
    # and given back to its site it is as its site again
    switch(site, "", stop)
    assert queue(exception_type=stop.pk).status == "held"


def test_what_is_keyed_by_hand_is_noted_with_number_and_moment(
    erp: Books, queue: Queue, site: Site, clerk: User
) -> None:
    switch(site, Level.MANUAL)
    happened = clock.now() - timedelta(hours=4)
    posting = queue(occurred_at=happened)
    assert (posting.status, posting.held_reason) == ("held", "manual")
    # it is no fault, and nothing sends it
    assert list(Posting.objects.dead()) == []
    assert list(Posting.objects.by_hand()) == [posting]
    services.send_due()
    assert erp.sends == []
    # when a clerk says when and under which number it was keyed
    keyed = happened + timedelta(hours=3)
    services.note_keyed(posting_id=posting.pk, erp_number=" 4711 ", keyed_at=keyed, actor=clerk)
    # then it has settled here, with its lag, by whom, and was never sent
    posting.refresh_from_db()
    assert (posting.status, posting.erp_number, posting.erp_confirmed_at) == ("local", "4711", keyed)
    assert posting.local_reason == "keyed by hand by Clerk"
    assert (posting.settled, posting.in_erp) == (True, True)
    assert PostingEdit.objects.get(posting=posting).verb == "keyed"
    assert erp.sends == []


@pytest.mark.parametrize("keyed", [timedelta(hours=-1), timedelta(hours=5)])
def test_nobody_keys_before_it_happened_nor_tomorrow(
    erp: Books, queue: Queue, site: Site, clerk: User, keyed: timedelta
) -> None:
    switch(site, Level.MANUAL)
    happened = clock.now() - timedelta(hours=4)
    posting = queue(occurred_at=happened)
    with pytest.raises(InvalidInput) as refused:
        services.note_keyed(posting_id=posting.pk, erp_number="4711", keyed_at=happened + keyed, actor=clerk)
    assert refused.value.code == "erp.keyed_at"
    posting.refresh_from_db()
    assert posting.status == "held"


def test_without_a_number_it_is_not_keyed(erp: Books, queue: Queue, site: Site, clerk: User) -> None:
    switch(site, Level.MANUAL)
    posting = queue()
    with pytest.raises(InvalidInput):
        services.note_keyed(posting_id=posting.pk, erp_number=" ", actor=clerk)
    # and one that is not on the list is not keyed either
    switch(site, Level.LIVE)
    other = queue()
    with pytest.raises(TransitionRefused):
        services.note_keyed(posting_id=other.pk, erp_number="1", actor=clerk)


@pytest.mark.django_db(transaction=True)
def test_a_document_with_its_reference_is_found_in_the_erp(
    erp: Books, main: ErpConnection, queue: Queue, site: Site
) -> None:
    switch(site, Level.MANUAL)
    posting, other = queue(), queue()
    # given somebody keyed one of them and wrote the reference into it
    take(erp, command_of(posting))
    # when the list is held against ERP before it is due, and after
    assert services.find_keyed() == 0
    Posting.objects.by_hand().update(due_at=clock.now())
    assert services.find_keyed() == 1
    # then that one has settled with ERP's number and moment
    posting.refresh_from_db()
    other.refresh_from_db()
    assert (posting.status, posting.erp_number) == ("local", "DOC-1")
    assert posting.local_reason == "keyed by hand, found in ERP by its reference"
    assert posting.erp_confirmed_at is not None
    assert [(one.action, one.outcome) for one in posting.tries.all()] == [("look_up", "confirmed")]
    # and the other waits on, nothing was sent
    assert other.status == "held"
    assert other.due_at > clock.now()
    assert erp.sends == []
    # nothing is found twice
    Posting.objects.by_hand().update(due_at=clock.now())
    assert services.find_keyed() == 0


@pytest.mark.django_db(transaction=True)
def test_an_erp_that_is_away_loses_nothing(erp: Books, queue: Queue, site: Site) -> None:
    switch(site, Level.MANUAL)
    posting = queue()
    Posting.objects.by_hand().update(due_at=clock.now())
    erp.up = False
    assert services.find_keyed() == 0
    posting.refresh_from_db()
    assert posting.status == "held"


def broken_on(monkeypatch: pytest.MonkeyPatch, key: str, error: Exception) -> None:
    real = scripted.ScriptedAdapter.look_up

    def look_up(self: scripted.ScriptedAdapter, command: PostingCommand) -> Outcome | None:
        if command.business_key == key:
            raise error
        return real(self, command)

    monkeypatch.setattr(scripted.ScriptedAdapter, "look_up", look_up)


def test_a_connector_that_breaks_on_one_finds_the_others(
    erp: Books, queue: Queue, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(site, Level.MANUAL)
    broken, found = queue(), queue()
    take(erp, command_of(found))
    Posting.objects.by_hand().update(due_at=clock.now())
    broken_on(monkeypatch, broken.business_key, KeyError("state"))
    assert services.find_keyed() == 1
    found.refresh_from_db()
    broken.refresh_from_db()
    assert (found.status, found.erp_number, broken.status) == ("local", "DOC-1", "held")


def test_what_a_turn_had_no_time_for_is_asked_for_first_in_the_next(
    erp: Books, queue: Queue, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(site, Level.MANUAL)
    slow, left = queue(), queue()
    take(erp, command_of(left))
    Posting.objects.by_hand().update(due_at=clock.now())
    broken_on(monkeypatch, slow.business_key, SoftTimeLimitExceeded())
    with pytest.raises(SoftTimeLimitExceeded):
        services.find_keyed()
    assert erp.look_ups == []
    assert services.find_keyed() == 1
    assert erp.look_ups == [left.business_key]


def test_the_moment_erp_says_is_on_our_clock_and_never_in_the_future(
    erp: Books, main: ErpConnection, queue: Queue, site: Site
) -> None:
    noon = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
    with time_machine.travel(noon - timedelta(minutes=30), tick=False):
        switch(site, Level.MANUAL)
        measured, unmeasured = queue(), queue()
    # given an ERP an hour ahead
    said = noon + timedelta(minutes=50)
    with time_machine.travel(noon, tick=False):
        for posting, skew in ((measured, 3_600_000), (unmeasured, 0)):
            ErpConnection.objects.update(skew_ms=skew)
            assert _found(posting, Outcome("confirmed", erp_number="DOC-1", confirmed_at=said))
    measured.refresh_from_db()
    unmeasured.refresh_from_db()
    assert (measured.erp_confirmed_at, unmeasured.erp_confirmed_at) == (noon - timedelta(minutes=10), noon)


def test_what_was_keyed_is_taken_back_by_hand(erp: Books, queue: Queue, site: Site, clerk: User) -> None:
    switch(site, Level.MANUAL)
    posting = queue(occurred_at=clock.now() - timedelta(hours=1))
    services.note_keyed(posting_id=posting.pk, erp_number="4711", actor=clerk)
    # given write-back has gone live meanwhile
    switch(site, Level.LIVE)
    reversal = services.withdraw(posting_id=posting.pk, reason="wrong lot", actor=clerk)
    # then the connector is not sent after a document it never wrote
    assert (reversal.kind, reversal.status, reversal.held_reason) == ("reversal", "held", "manual")
    assert reversal.payload["reverses_number"] == "4711"


def test_one_to_key_is_edited_in_place_and_may_be_sent_instead(
    erp: Books, queue: Queue, site: Site, clerk: User
) -> None:
    switch(site, Level.MANUAL)
    posting = queue()
    services.edit_and_retry(
        posting_id=posting.pk, payload={**posting.payload, "quantity": "7"}, actor=clerk, reason="recount"
    )
    posting.refresh_from_db()
    assert (posting.status, posting.held_reason, posting.payload["quantity"]) == ("held", "manual", "7")
    services.retry(posting_id=posting.pk, actor=clerk)
    services.send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.erp_number) == ("confirmed", "DOC-1")


def test_without_an_erp_the_list_is_kept_all_the_same(queue: Queue, site: Site, clerk: User) -> None:
    switch(site, Level.MANUAL)
    posting = queue(occurred_at=clock.now() - timedelta(hours=1))
    assert (posting.status, posting.connection) == ("held", None)
    with pytest.raises(TransitionRefused) as refused:
        services.retry(posting_id=posting.pk, actor=clerk)
    assert refused.value.code == "erp.no_connection"
    services.note_keyed(posting_id=posting.pk, erp_number="PB-1", actor=clerk)
    posting.refresh_from_db()
    assert posting.in_erp
