"""What a comparison found has somebody who looks after it, since when, and an end, through all later comparisons."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.urls import reverse

from core.doctor import examine
from core.errors import DomainError, InvalidInput, NotAllowed, NotFound, StaleVersion, TransitionRefused
from erp_sync import services
from erp_sync.adapters.port import ErpDocument, Outcome, PostingCommand
from erp_sync.findings import standing_findings, unsettled_findings
from erp_sync.models import ErpConnection, FindingCare, FindingStep, Posting, ReconciliationFinding
from erp_sync.services import (
    ask_reconciliation,
    assign_finding,
    cancel,
    reconcile_due,
    reopen_finding,
    send_anew,
    send_due,
    settle_finding,
    why_not_anew,
    withdraw,
)
from plant_app.models import AccessRole, Site, User
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books
from tests.erp_sync.test_outbox_api import login, post

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
LIST = "/api/v1/erp/findings/"


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


@pytest.fixture
def planner(site: Site) -> User:
    return login(site, AccessRole.PLANNER, username="ingrid.vogel")[1]


@pytest.fixture
def lost(now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue) -> FindingCare:
    """A confirmed posting whose document ERP lost."""
    queue()
    send_due()
    erp.documents.clear()
    return found_now(now, main)


def found_now(now: time_machine.Traveller, main: ErpConnection) -> FindingCare:
    """The only finding, after another comparison an hour later."""
    now.shift(timedelta(hours=1))
    ask_reconciliation(connection=main, since=NOON - timedelta(days=1))
    (run,) = reconcile_due()
    assert run.error == ""
    return FindingCare.objects.get()


def foreign(quantity: str, key: str = "AAAAAAAAAAAAAAAA", **given: Any) -> ErpDocument:
    return ErpDocument(key, "D-6", "scripted.document", "done", True, quantity=Decimal(quantity), **given)


def refused(error: type[DomainError], act: Any, **given: Any) -> str:
    before = list(FindingCare.objects.values()), FindingStep.objects.count(), Posting.objects.count()
    with pytest.raises(error) as caught:
        act(**given)
    assert (
        list(FindingCare.objects.values()),
        FindingStep.objects.count(),
        Posting.objects.count(),
    ) == before
    return caught.value.code


def test_a_finding_keeps_its_owner_and_its_age_through_the_runs_that_find_it_again(
    now: time_machine.Traveller, main: ErpConnection, lost: FindingCare, planner: User
) -> None:
    assert (lost.kind, lost.first_found_at) == ("missing_there", NOON + timedelta(hours=1))
    assign_finding(care_id=lost.pk, owner=planner, actor=planner, remark="mine")
    again = found_now(now, main)
    assert (again.pk, again.owner, again.first_found_at) == (lost.pk, planner, lost.first_found_at)
    assert again.last_run != lost.last_run
    assert ReconciliationFinding.objects.filter(care=lost).count() == 2
    assert [care.owner for care in standing_findings(main).open] == [planner]
    assert [(step.verb, step.actor, step.remark) for step in lost.steps.all()] == [
        ("assign", planner, "mine")
    ]
    # once more to the same: nothing is written
    assert assign_finding(care_id=lost.pk, owner=planner, actor=planner).version == again.version
    assert lost.steps.count() == 1
    laid_down = assign_finding(care_id=lost.pk, owner=None, actor=planner)
    assert laid_down.owner is None


def test_settled_with_a_remark_it_counts_no_longer_until_it_is_opened_again(
    now: time_machine.Traveller, main: ErpConnection, site: Site, lost: FindingCare, planner: User
) -> None:
    assert [found.count for found in examine() if found.code == "XL-W021"] == [1]
    assert unsettled_findings([site]) == 1
    code = refused(InvalidInput, settle_finding, care_id=lost.pk, remark="  ", actor=planner)
    assert code == "erp.reason_missing"
    settled = settle_finding(care_id=lost.pk, remark="cancelled there on purpose", actor=planner)
    assert (settled.owner, settled.settled_by, settled.remark) == (
        planner,
        planner,
        "cancelled there on purpose",
    )
    again = found_now(now, main)
    assert (again.settled_at, again.remark) == (settled.settled_at, settled.remark)
    standing = standing_findings(main)
    assert (standing.count, standing.open) == (1, [])
    assert unsettled_findings([site]) == 0
    assert [found for found in examine() if found.code == "XL-W021"] == []
    assert refused(TransitionRefused, settle_finding, care_id=lost.pk, remark="x", actor=planner) == (
        "erp.finding_settled"
    )
    assert refused(TransitionRefused, assign_finding, care_id=lost.pk, owner=None, actor=planner) == (
        "erp.finding_settled"
    )
    opened = reopen_finding(care_id=lost.pk, actor=planner, remark="not so sure")
    assert (opened.settled_at, opened.settled_by, opened.remark, opened.owner) == (None, None, "", planner)
    assert unsettled_findings([site]) == 1
    assert refused(TransitionRefused, reopen_finding, care_id=lost.pk, actor=planner) == "erp.finding_open"
    assert [step.verb for step in lost.steps.all()] == ["settle", "reopen"]
    last = lost.steps.last()
    assert last is not None
    assert last.before["remark"] == "cancelled there on purpose"


def test_found_with_other_values_than_were_settled_it_is_open_again(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue, planner: User
) -> None:
    posting = queue()
    send_due()
    erp.documents.clear()
    erp.foreign = [foreign("4", posting.business_key)]
    care = found_now(now, main)
    assert (care.kind, care.ours, care.theirs) == ("differing", "5", "4")
    settle_finding(care_id=care.pk, remark="one was broken there", actor=planner)
    same = found_now(now, main)
    assert same.settled
    erp.foreign = [foreign("3", posting.business_key)]
    other = found_now(now, main)
    assert (other.settled, other.theirs, other.owner) == (False, "3", planner)
    step = other.steps.last()
    assert step is not None
    assert (step.verb, step.actor, step.before["remark"]) == ("changed", None, "one was broken there")
    assert (step.before["theirs"], step.after["theirs"]) == ("4", "3")


def test_an_open_finding_stands_however_old_a_settled_one_is_carried_for_some_days(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, site: Site, planner: User
) -> None:
    erp.foreign = [foreign("1", written_at=NOON - timedelta(hours=2))]
    care = found_now(now, main)
    assert care.kind == "unknown_here"
    erp.foreign = []
    now.shift(timedelta(days=20))
    (run,) = reconcile_due()
    assert run.since > NOON - timedelta(hours=2)
    assert [one.pk for one in standing_findings(main).open] == [care.pk]
    settle_finding(care_id=care.pk, remark="a test of theirs", actor=planner)
    assert standing_findings(main).count == 0
    reopen_finding(care_id=care.pk, actor=planner)
    # looked at again as far back as the document was written, and not found: it is gone
    ask_reconciliation(connection=main, since=NOON - timedelta(hours=2))
    reconcile_due()
    assert standing_findings(main).count == 0
    assert unsettled_findings([site]) == 0


def test_who_may_do_something_about_a_finding(
    now: time_machine.Traveller, main: ErpConnection, lost: FindingCare, site: Site, planner: User
) -> None:
    _client, reader = login(site, AccessRole.LEADER, username="jonas.keller")
    _client, stranger = login(make.SiteFactory(code="GVL"), AccessRole.PLANNER, username="dana.brooks")
    for act, given in (
        (assign_finding, {"owner": planner}),
        (settle_finding, {"remark": "x"}),
        (reopen_finding, {}),
        (send_anew, {"remark": "x"}),
    ):
        assert refused(NotAllowed, act, care_id=lost.pk, actor=reader, **given) == "access.not_allowed"
        assert refused(NotFound, act, care_id=lost.pk, actor=stranger, **given) == "erp.no_finding"
        assert refused(NotFound, act, care_id=lost.pk + 1, actor=planner, **given) == "erp.no_finding"
        assert refused(StaleVersion, act, care_id=lost.pk, actor=planner, version=7, **given) == "erp.stale"
    assert refused(InvalidInput, assign_finding, care_id=lost.pk, owner=reader, actor=planner) == (
        "erp.assignee"
    )


def test_what_erp_lost_is_sent_anew_once_and_settles_the_finding(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, lost: FindingCare, planner: User
) -> None:
    old = lost.posting
    assert old is not None
    care, new = send_anew(care_id=lost.pk, remark="deleted by mistake", actor=planner, version=lost.version)
    assert (new.kind, new.payload, new.occurred_at, new.actor) == (
        old.kind,
        old.payload,
        old.occurred_at,
        planner,
    )
    assert new.business_key != old.business_key
    assert new.justification == f"anew for {old.business_key}: deleted by mistake"
    assert care.remark == f"Sent anew as {new.business_key}. deleted by mistake"
    assert refused(TransitionRefused, send_anew, care_id=lost.pk, remark="again", actor=planner) == (
        "erp.finding_settled"
    )
    send_due()
    assert erp.keys() == [new.business_key]
    # the comparison still misses the old one, which is explained, and finds the new one
    assert found_now(now, main).settled


def test_while_one_sent_anew_stands_no_other_is_and_one_called_off_makes_room(
    now: time_machine.Traveller, erp: Books, lost: FindingCare, planner: User
) -> None:
    old = lost.posting
    assert old is not None
    _care, new = send_anew(care_id=lost.pk, remark="deleted by mistake", actor=planner)
    reopened = reopen_finding(care_id=lost.pk, actor=planner)
    assert why_not_anew(reopened) == f"it was sent anew as {new.business_key}, which has not been called off"
    assert refused(TransitionRefused, send_anew, care_id=lost.pk, remark="y", actor=planner) == "erp.not_anew"
    cancel(posting_id=new.pk, reason="not so", actor=planner)
    _care, third = send_anew(care_id=lost.pk, remark="after all", actor=planner)
    assert len({old.business_key, new.business_key, third.business_key}) == 3
    send_due()
    assert erp.keys() == [third.business_key]
    reopen_finding(care_id=lost.pk, actor=planner)
    assert refused(TransitionRefused, send_anew, care_id=lost.pk, remark="y", actor=planner) == "erp.not_anew"


def test_a_document_that_is_there_by_now_is_not_sent_anew_nor_one_nobody_can_ask_for(
    now: time_machine.Traveller,
    erp: Books,
    lost: FindingCare,
    planner: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = lost.posting
    assert old is not None
    erp.up = False
    anew = {"act": send_anew, "care_id": lost.pk, "remark": "x", "actor": planner}
    assert refused(TransitionRefused, **anew) == "erp.not_asked"
    erp.up = True
    erp.documents.append((old.business_key, old.payload))
    assert refused(TransitionRefused, **anew) == "erp.not_anew"
    half = Outcome("unknown", raw={"half_done": True})
    monkeypatch.setattr(scripted.ScriptedAdapter, "look_up", lambda self, command: half)
    assert refused(TransitionRefused, **anew) == "erp.not_anew"
    assert erp.sends == [old.business_key]
    # one cancelled there is as good as none
    cancelled = Outcome("rejected", error_code="erp.cancelled_there")
    monkeypatch.setattr(scripted.ScriptedAdapter, "look_up", lambda self, command: cancelled)
    send_anew(care_id=lost.pk, remark="x", actor=planner)


@pytest.mark.django_db(transaction=True)
def test_erp_is_asked_outside_any_transaction_before_it_is_sent_anew(
    erp: Books, main: ErpConnection, queue: Queue, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    planner = login(site, AccessRole.PLANNER, username="ingrid.vogel")[1]
    with time_machine.travel(NOON, tick=False) as moved:
        queue()
        send_due()
        erp.documents.clear()
        care = found_now(moved, main)
        inside: list[bool] = []

        def look_up(self: scripted.ScriptedAdapter, command: PostingCommand) -> None:
            inside.append(connection.in_atomic_block)

        monkeypatch.setattr(scripted.ScriptedAdapter, "look_up", look_up)
        send_anew(care_id=care.pk, remark="gone", actor=planner)
    assert inside == [False]


def test_what_stands_for_a_lost_one_is_taken_back_in_its_place(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, lost: FindingCare, planner: User
) -> None:
    old = lost.posting
    assert old is not None
    _care, new = send_anew(care_id=lost.pk, remark="deleted by mistake", actor=planner)
    send_due()
    with pytest.raises(TransitionRefused) as caught:
        services.reverse(posting_id=old.pk, reason="wrong lot", actor=planner)
    assert caught.value.code == "erp.sent_anew"
    assert new.business_key in caught.value.message
    # a decision that is taken back takes back what has its effect
    back = withdraw(posting_id=old.pk, reason="decided otherwise", actor=planner)
    assert (back.kind, back.reversal_of) == ("reversal", new)
    assert withdraw(posting_id=old.pk, reason="decided otherwise", actor=planner) == back
    assert not old.reversals.exists()


def test_a_final_confirmation_erp_lost_can_be_sent_anew(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue, planner: User
) -> None:
    queue(
        kind="confirmation", chain="WO-9",
        payload={"work_order": "WO-9", "operation": "10", "yield_qty": "5", "uom": "pcs", "final": True},
    )  # fmt: skip
    send_due()
    erp.documents.clear()
    care = found_now(now, main)
    _care, new = send_anew(care_id=care.pk, remark="gone there", actor=planner)
    assert (new.status, new.chain) == ("queued", "WO-9")


def test_what_erp_does_not_miss_is_not_sent_anew(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, planner: User
) -> None:
    erp.foreign = [foreign("1")]
    care = found_now(now, main)
    assert refused(TransitionRefused, send_anew, care_id=care.pk, remark="x", actor=planner) == "erp.not_anew"


def test_two_runs_of_one_finding_and_a_list_in_another_order_open_nothing_again(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue, planner: User
) -> None:
    posting = queue()
    send_due()
    erp.documents.clear()
    pair = [foreign("4", posting.business_key), foreign("3", posting.business_key)]
    erp.foreign = pair
    now.shift(timedelta(hours=1))
    ask_reconciliation(connection=main, since=NOON - timedelta(days=1))
    (run,) = reconcile_due()
    assert sorted(run.findings.values_list("kind", "theirs")) == [
        ("differing", "3"),
        ("differing", "4"),
        ("doubled", "2 x scripted.document"),
    ]
    for care in FindingCare.objects.all():
        settle_finding(care_id=care.pk, remark="known", actor=planner)
    assert FindingCare.objects.count() == 2
    erp.foreign = pair[::-1]
    now.shift(timedelta(hours=1))
    ask_reconciliation(connection=main, since=NOON - timedelta(days=1))
    reconcile_due()
    assert standing_findings(main).open == []


def test_the_story_of_a_finding_is_not_rewritten(lost: FindingCare, planner: User) -> None:
    settle_finding(care_id=lost.pk, remark="so it was", actor=planner)
    with pytest.raises(ProgrammingError), transaction.atomic():
        FindingStep.objects.update(remark="it was otherwise")
    step = FindingStep.objects.get()
    assert (step.remark, step.after["ours"]) == ("so it was", lost.ours)


@pytest.mark.django_db(transaction=True)
def test_two_people_settle_one_finding_and_the_first_remark_stands(
    erp: Books, main: ErpConnection, queue: Queue, site: Site
) -> None:
    people = [login(site, AccessRole.PLANNER, username=name)[1] for name in ("ingrid.vogel", "tom.berg")]
    erp.foreign = [foreign("1")]
    ask_reconciliation(connection=main)
    reconcile_due()
    care = FindingCare.objects.get()
    ready = threading.Barrier(2)
    done: list[str] = []

    def settle(person: User) -> None:
        try:
            ready.wait(30)
            settle_finding(care_id=care.pk, remark=person.username, actor=person, version=care.version)
            done.append(person.username)
        except DomainError as error:
            done.append(error.code)
        finally:
            connection.close()

    workers = [threading.Thread(target=settle, args=(person,)) for person in people]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    care.refresh_from_db()
    assert sorted(done) == sorted(["erp.stale", care.remark])
    assert care.steps.count() == 1


def test_the_api_lists_by_owner_and_settling_and_takes_the_verbs(
    now: time_machine.Traveller, main: ErpConnection, erp: Books, lost: FindingCare, site: Site, planner: User
) -> None:
    client = Client()
    client.force_login(planner)

    def ids(query: str) -> list[int]:
        return [row["id"] for row in client.get(LIST + query).json()["results"]]

    (row,) = client.get(LIST).json()["results"]
    assert (row["kind"], row["owner"], row["connection"], row["posting"]) == (
        "missing_there",
        "",
        "main",
        lost.posting_id,
    )
    assert "send it anew" in row["next_step"]
    assert (ids("?owner=none"), ids("?owner=ingrid.vogel"), ids("?settled=true")) == ([lost.pk], [], [])
    answer = post(
        client, f"{LIST}{lost.pk}/assign/", {"owner": "ingrid.vogel", "version": row["version"]}
    ).json()
    assert (answer["owner"], [step["verb"] for step in answer["steps"]]) == ("ingrid.vogel", ["assign"])
    assert ids("?owner=ingrid.vogel&settled=false&kind=missing_there&connection=main") == [lost.pk]
    stale = post(client, f"{LIST}{lost.pk}/settle/", {"remark": "x", "version": row["version"]})
    assert (stale.status_code, stale.json()["code"]) == (409, "erp.stale")
    assert post(client, f"{LIST}{lost.pk}/settle/", {}).status_code == 400
    settled = post(client, f"{LIST}{lost.pk}/settle/", {"remark": "looked at"}).json()
    assert (settled["settled_by"], settled["remark"], settled["next_step"]) == (
        "ingrid.vogel",
        "looked at",
        "",
    )
    assert (ids("?settled=true"), ids("?settled=false")) == ([lost.pk], [])
    assert post(client, f"{LIST}{lost.pk}/reopen/", {}).json()["settled_at"] is None
    key = {"Idempotency-Key": "anew-1"}
    first = post(client, f"{LIST}{lost.pk}/send-anew/", {"remark": "gone"}, **key).json()
    again = post(client, f"{LIST}{lost.pk}/send-anew/", {"remark": "gone"}, **key).json()
    assert first == again
    assert Posting.objects.count() == 2
    reader, _user = login(site, AccessRole.LEADER, username="jonas.keller")
    assert reader.get(f"{LIST}{lost.pk}/").status_code == 200
    assert post(reader, f"{LIST}{lost.pk}/reopen/", {}).status_code == 403
    stranger, _user = login(make.SiteFactory(code="GVL"), AccessRole.PLANNER, username="dana.brooks")
    assert stranger.get(LIST).json()["results"] == []
    assert stranger.get(f"{LIST}{lost.pk}/").status_code == 404
    assert post(stranger, f"{LIST}{lost.pk}/reopen/", {}).status_code == 404


def test_the_list_takes_a_bounded_number_of_queries(
    now: time_machine.Traveller,
    erp: Books,
    main: ErpConnection,
    planner: User,
    django_assert_max_num_queries: Any,
) -> None:
    erp.foreign = [foreign("1", f"{n:016}") for n in range(30)]
    now.shift(timedelta(hours=1))
    ask_reconciliation(connection=main)
    reconcile_due()
    client = Client()
    client.force_login(planner)
    client.get(LIST)
    with django_assert_max_num_queries(10):
        assert len(client.get(LIST).json()["results"]) == 30


def test_the_admin_shows_whose_a_finding_is_and_operates_it(
    now: time_machine.Traveller, main: ErpConnection, lost: FindingCare, planner: User
) -> None:
    boss = Client()
    root = User.objects.create_superuser("root", password="secret-root")
    boss.force_login(root)
    make.AccessGrantFactory(user=root, site=Site.objects.get(), role=AccessRole.ADMINISTRATOR)
    listed = reverse("admin:erp_sync_findingcare_changelist")
    page = reverse("admin:erp_sync_findingcare_operate", args=[lost.pk])
    boss.post(listed, {"action": "take_on", "_selected_action": [lost.pk]})
    lost.refresh_from_db()
    assert lost.owner == root
    html = boss.get(page).content.decode()
    assert "send it anew" in html
    assert 'value="settle"' in html
    given = {"verb": "settle", "reason": "", "assignee": "", "version": lost.version}
    assert "Say why" in boss.post(page, given).content.decode()
    old = boss.post(page, given | {"reason": "known", "version": 0}).content.decode()
    assert "has changed since you read it" in old
    assert boss.post(page, given | {"reason": "known"}).status_code == 302
    lost.refresh_from_db()
    assert (lost.settled_by, lost.remark) == (root, "known")
    assert lost.business_key in boss.get(f"{listed}?settled=yes").content.decode()
    assert lost.business_key not in boss.get(f"{listed}?settled=no").content.decode()
    run = reverse("admin:erp_sync_reconciliationrun_change", args=[lost.last_run_id])
    assert "known" in boss.get(run).content.decode()
    assert boss.post(page, {"verb": "reopen", "reason": "", "version": lost.version}).status_code == 302
    stranger = Client()
    stranger.force_login(planner)
    assert stranger.get(page).status_code in (302, 403)
    lost.refresh_from_db()
    assert not lost.settled
