"""Postings operated in the admin: one with its fields, many with an answer for each, whatever the permission allows."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core import clock
from erp_sync.adapters import port
from erp_sync.admin import postings as pages
from erp_sync.models import Posting
from erp_sync.services import cancel, send_due
from plant_app.models import AccessGrant, Site, User
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

DRIFT = {"drift": [{"field": "quantity", "ours": "5", "theirs": "9"}]}


def drifted(erp: Books, command: Any) -> port.Outcome:
    return port.Outcome("rejected", error_code="erp.drifted", message="9 lie there", raw=DRIFT)


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", password="secret-root")


@pytest.fixture
def boss(client: Client, root: User) -> Client:
    client.force_login(root)
    return client


def person(name: str, site: Site, role: str) -> User:
    made = User.objects.create_user(name, password=f"secret-{name}", is_staff=True)
    AccessGrant.objects.create(user=made, site=site, role=role)
    return made


def signed_in(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def operate(browser: Client, posting: Posting, verb: str, **given: Any) -> Any:
    address = reverse("admin:erp_sync_posting_operate", args=[posting.pk])
    posting.refresh_from_db()
    return browser.post(address, {"verb": verb, "version": posting.version, "payload": "{}", **given})


def many(browser: Client, verb: str, *postings: Posting, **given: Any) -> Any:
    chosen = [one.pk for one in postings]
    given = {"action": "operate_chosen", "_selected_action": chosen, "verb": verb, **given}
    return browser.post(reverse("admin:erp_sync_posting_changelist"), given | ({"go": "1"} if verb else {}))


def statuses(*postings: Posting) -> list[str]:
    for one in postings:
        one.refresh_from_db()
    return [one.status for one in postings]


def test_one_is_let_go_assigned_changed_accepted_and_reversed(
    boss: Client, root: User, main: Any, erp: Books, queue: Queue, site: Site
) -> None:
    carer = person("carer", site, "planner")
    collected, moved = queue(), queue()
    Posting.objects.filter(pk=collected.pk).update(buffered_until=clock.now() + timedelta(hours=2))
    Posting.objects.filter(pk=collected.pk).update(due_at=clock.now() + timedelta(hours=2))
    erp.then(drifted)
    send_due()
    assert statuses(collected, moved) == ["queued", "held"]
    page = boss.get(reverse("admin:erp_sync_posting_operate", args=[moved.pk])).content.decode()
    assert "<del>5</del>" in page
    assert "<ins>9</ins>" in page
    assert "&quot;quantity&quot;: &quot;5&quot;" in page
    assert 'value="release"' not in page
    assert operate(boss, moved, "assign", assignee=carer.pk).status_code == 302
    assert operate(boss, moved, "accept_drift").context["form"].errors["reason"]
    assert statuses(moved) == ["held"]
    assert operate(boss, moved, "accept_drift", reason="counted again").status_code == 302
    assert operate(boss, collected, "release").status_code == 302
    send_due()
    send_due()
    assert statuses(collected, moved) == ["confirmed", "confirmed"]
    assert (moved.assignee, moved.payload["seen"]) == (carer, {"quantity": "9"})
    again = operate(boss, moved, "cancel", reason="too late")
    assert "can&#x27;t be cancelled" in again.content.decode()
    answer = operate(boss, moved, "reverse", reason="wrong pallet")
    made = moved.reversals.get()
    assert answer["Location"] == reverse("admin:erp_sync_posting_change", args=[made.pk])
    assert (made.actor, moved.edits.filter(verb="withdraw").get().reason) == (root, "wrong pallet")


def test_what_a_form_shows_as_payload_is_what_it_takes(
    boss: Client, main: Any, erp: Books, queue: Queue
) -> None:
    posting = queue()
    erp.then(scripted.refuse("erp.payload", "no"))
    send_due()
    page = boss.get(reverse("admin:erp_sync_posting_operate", args=[posting.pk]))
    shown = page.context["form"]["payload"].value()
    assert operate(boss, posting, "edit", payload=shown, reason="as it was").status_code == 302
    assert statuses(posting) == ["queued"]
    assert posting.payload["quantity"] == "5"


def test_many_answer_each_for_itself(boss: Client, main: Any, erp: Books, queue: Queue, site: Site) -> None:
    held, done, off = queue(), queue(), queue()
    cancel(posting_id=off.pk, reason="no longer")
    erp.then(drifted)
    send_due()
    send_due()
    assert statuses(held, done, off) == ["held", "confirmed", "cancelled"]
    asked = many(boss, "", held, done, off).content.decode()
    assert "3 chosen" in asked
    assert "Accept drift (1 of 3)" in asked
    assert "Reverse (1 of 3)" in asked
    refused = many(boss, "accept_drift", held, done)
    assert refused.context["form"].errors["reason"]
    assert statuses(held) == ["held"]
    page = many(boss, "accept_drift", held, done, off, reason="counted").content.decode()
    assert "Accept drift: 1 done, 2 refused" in page
    assert page.count("erp.not_drifted") == 2
    page = many(boss, "reverse", done, off, reason="wrong pallet").content.decode()
    assert "Reverse: 1 done, 1 refused" in page
    assert f"taken back by {done.reversals.get().business_key}" in page
    assert "erp.not_posted" in page
    page = many(boss, "reverse", done, off, reason="wrong pallet")
    assert "go" not in page.context or page.context["done"] == 0
    assert done.reversals.count() == 1


def test_more_than_go_at_once_are_refused_whole(
    boss: Client, main: Any, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST", 1)
    rows = [queue(), queue()]
    assert many(boss, "cancel", *rows, reason="no longer").status_code == 302
    assert statuses(*rows) == ["queued", "queued"]


def test_each_step_asks_for_its_permission(
    main: Any, erp: Books, queue: Queue, site: Site, root: User
) -> None:
    leader, reader = person("lena", site, "leader"), person("rita", site, "responder")
    waits, posting = queue(needs_approval=True), queue()
    assert 'value="approve"' in many(signed_in(leader), "", waits, posting).content.decode()
    assert 'value="cancel"' not in many(signed_in(leader), "", waits, posting).content.decode()
    assert operate(signed_in(leader), posting, "cancel", reason="me").status_code == 403
    assert operate(signed_in(reader), posting, "retry").status_code == 403
    many(signed_in(reader), "cancel", waits, posting, reason="me")
    many(signed_in(leader), "cancel", waits, posting, reason="me")
    assert statuses(waits, posting) == ["approval", "queued"]
    assert operate(signed_in(leader), waits, "approve").status_code == 302
    assert statuses(waits) == ["queued"]
